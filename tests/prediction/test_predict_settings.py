"""What the settings mean: tiers, thresholds, priors, types; and what the numbers of a site say."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from seeded import letters
from tiny import fresh
from vqrna.errors import UsageError
from vqrna.prediction import predict
from vqrna.sequence import centre, encode
from vqrna.stats.calibration import at_prior
from vqrna.stats.scan_calibration import WINDOW_KINDS, ScanCalibration
from vqrna.stats.tiers import EDGE


def table(sequences, model, **settings) -> pd.DataFrame:
    return predict(sequences, model=model, **settings).sites


def test_probability_by_hand(model):
    assert at_prior(np.array(0.9), 0.1) == pytest.approx(0.5)  # odds 9 : 1 times 1 : 9
    unmeasured = dataclasses.replace(model, scan_calibration=ScanCalibration.none(4))
    found = table({"a": letters(300)}, unmeasured, all_sites=True, prior={"m6A": 0.01})
    for symbol, prior in (("m6A", 0.01), ("Psi", 0.002), ("Am", 3e-4)):
        rows = found[found["modification"] == symbol]
        odds = rows["score"] / (1 - rows["score"]) * prior / (1 - prior)
        np.testing.assert_allclose(rows["probability"], odds / (1 + odds), rtol=1e-3)
    assert (found["call"] == "").all()  # nothing is known of these probabilities in a scan


def test_probabilities_follow_the_curve_of_the_kind_of_window(model):
    text = letters(300)
    found = table({"a": text}, model, all_sites=True, prior={"Psi": 0.02})
    logits, seen = model.scan(encode(text)), set()
    for row in found.itertuples():
        k = [m.symbol for m in model.modifications].index(row.modification)
        to_end = min(row.position - 1, 300 - row.position)
        kind = "edge" if to_end < EDGE else "cut" if to_end < centre(model.length) else "whole"
        seen.add(kind)
        curve = model.scan_calibration.curves[k][WINDOW_KINDS.index(kind)]
        prior = 0.02 if row.modification == "Psi" else model.modifications[k].prior
        odds = np.exp(curve(logits[row.position - 1, k])) * prior / (1 - prior)
        assert row.probability == pytest.approx(odds / (1 + odds), rel=1e-3)
    assert seen == set(WINDOW_KINDS)


def test_p_values_are_ranks_in_the_null_of_the_type(model):
    text = letters(300)
    found = table({"a": text}, model, all_sites=True)
    for k, m in enumerate(model.modifications):
        rows = found[found["modification"] == m.symbol]
        logits = model.scan(encode(text))[rows["position"] - 1, k]
        expected = np.where(
            rows["warnings"].str.contains("end"),
            model.off_site_cut[k].p_value(logits),
            model.off_site[k].p_value(logits),
        )
        np.testing.assert_allclose(rows["p_value"], expected, rtol=5e-4)
    assert found["p_value"].between(1e-4, 1).all()
    assert found["p_value"].nunique() > 50


def test_without_a_null_there_is_no_p_value_and_no_call():
    found = predict({"a": letters(100)}, model=fresh(), all_sites=True)
    assert found.sites["p_value"].isna().all()
    assert (found.sites["call"] == "").all()
    assert found.summary["chance_per_kb"].isna().all()


def test_a_call_is_the_highest_tier_that_is_reached(model):
    text = letters(3000)
    found = table({"a": text}, model, all_sites=True, confidence="low")
    for row in found.itertuples():
        reached = sum(row.probability >= p for p in (0.02, 0.1, 0.3333))
        assert row.call == ["", "low", "medium", "high"][reached]
    assert set(found["call"]) == {"", "low", "medium", "high"}
    for confidence in ("low", "medium", "high"):
        called = table({"a": text}, model, confidence=confidence)
        lowest = {"low": 0.02, "medium": 0.1, "high": 0.3333}[confidence]
        assert (called["probability"] >= lowest).all()
        assert len(called) == (found["probability"] >= lowest).sum()


def test_a_prior_moves_the_tiers(model):
    sequences = {"a": letters(2000)}
    counts = [len(table(sequences, model, prior=prior)) for prior in (1e-5, 1e-3, 0.1)]
    assert counts[0] < counts[1] < counts[2]


def test_a_lowest_probability(model):
    sequences = {"a": letters(2000)}
    everything = table(sequences, model, all_sites=True, confidence="low")
    called = table(sequences, model, min_probability=0.005)
    expected = everything[everything["probability"] >= 0.005].reset_index(drop=True)
    pd.testing.assert_frame_equal(called.drop(columns="call"), expected.drop(columns="call"))
    assert called["call"].tolist() == [call or "threshold" for call in expected["call"]]
    both = table(sequences, model, min_probability=0.005, confidence="high", threshold=0.99)
    wanted = (everything["call"] == "high") & (everything["score"] >= 0.99)
    assert len(both) == wanted.sum()


@pytest.mark.parametrize(
    ("confidence", "tiers"),
    [("low", {"low", "medium", "high"}), ("medium", {"medium", "high"}), ("high", {"high"})],
)
def test_confidence_is_the_lowest_tier_that_is_called(model, confidence, tiers):
    sequences = {"a": letters(3000)}
    everything = table(sequences, model, all_sites=True, confidence="low")
    called = table(sequences, model, confidence=confidence)
    assert set(called["call"]) == tiers
    expected = everything[everything["call"].isin(tiers)].reset_index(drop=True)
    pd.testing.assert_frame_equal(called, expected)
    marked = table(sequences, model, all_sites=True, confidence=confidence)
    assert len(marked) == len(everything)
    assert set(marked["call"]) == tiers | {""}


def test_medium_is_the_default(model):
    sequences = {"a": letters(2000)}
    expected = table(sequences, model, confidence="medium")
    pd.testing.assert_frame_equal(table(sequences, model), expected)


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.8, 1.0])
def test_a_threshold_is_a_score(model, threshold):
    sequences = {"a": letters(2000)}
    everything = table(sequences, model, all_sites=True, confidence="low")
    called = table(sequences, model, threshold=threshold)
    expected = everything[everything["score"] >= threshold].reset_index(drop=True)
    pd.testing.assert_frame_equal(called.drop(columns="call"), expected.drop(columns="call"))
    assert called["call"].tolist() == [call or "threshold" for call in expected["call"]]


@pytest.mark.parametrize(
    "names",
    [("Psi", "8"), ("Ψ", "m6A"), "pseudouridine,m6a", ["m6A,Y"], ["N6-methyladenosine", "psi"]],
)
def test_types_have_many_names(model, names):
    found = predict({"a": letters(300)}, model=model, modifications=names, all_sites=True)
    assert found.summary["modification"].tolist() == ["m6A", "Psi"]
    everything = table({"a": letters(300)}, model, all_sites=True)
    chosen = everything[everything["modification"].isin(["m6A", "Psi"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(found.sites, chosen)


def test_the_summary_counts_the_rows(model):
    sequences = {"a": letters(2500), "b": letters(500, seed=3)}
    everything = table(sequences, model, all_sites=True)
    found = predict(sequences, model=model, confidence="low")
    for row in found.summary.itertuples():
        of_type = found.sites[found.sites["modification"] == row.modification]
        assert row.candidates == (everything["modification"] == row.modification).sum()
        counts = of_type["call"].value_counts()
        told = (row.low, row.medium, row.high)
        assert told == tuple(counts.get(tier, 0) for tier in ("low", "medium", "high"))
        assert row.called == len(of_type) == sum(told)
        assert row.calls_per_kb == pytest.approx(len(of_type) / 3)
    assert (found.summary["low"] > 0).all()


def test_chance_is_what_shuffled_sequence_gives_at_the_same_threshold(model):
    for confidence, tier in (("low", 0), ("high", 2)):
        summary = predict({"a": "A"}, model=model, confidence=confidence).summary
        expected = [
            sketch.calls_per_kb(model.thresholds()[k, tier])
            for k, sketch in enumerate(model.shuffled)
        ]
        assert summary["chance_per_kb"].tolist() == expected
    half = model.calibration.logit_at(0.5)
    chosen = predict({"a": "A"}, model=model, threshold=0.5, modifications="Psi").summary
    assert chosen["chance_per_kb"].tolist() == [model.shuffled[3].calls_per_kb(half[3])]
    chosen = predict({"a": "A"}, model=model, min_probability=0.1, modifications="Psi").summary
    assert chosen["chance_per_kb"].tolist() == [
        model.shuffled[3].calls_per_kb(model.thresholds()[3, 1])
    ]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"modifications": ["m9Z"]}, "unknown modification 'm9Z' (known: Am, m6A, m6Am, Psi)"),
        ({"modifications": "m7G"}, "unknown modification 'm7G'"),
        ({"modifications": ""}, "no modification in"),
        ({"modifications": [","]}, "no modification in"),
        ({"confidence": "sure"}, "unknown confidence 'sure'"),
        ({"threshold": 1.5}, "invalid threshold 1.5 (expected a score from 0 to 1)"),
        ({"threshold": float("nan")}, "invalid threshold nan"),
        ({"min_probability": -1}, "invalid probability -1 (expected from 0 to 1)"),
        ({"prior": 0}, "invalid prior 0 (expected between 0 and 1)"),
        ({"prior": 1.0}, "invalid prior 1"),
        ({"prior": {"m9Z": 0.1}}, "unknown modification 'm9Z'"),
        ({"prior": {"m6A": float("nan")}}, "invalid prior nan"),
    ],
)
def test_impossible_settings_are_told(model, settings, words):
    with pytest.raises(UsageError) as error:
        predict({"a": "ACGU"}, model=model, **settings)
    assert words in str(error.value)
