"""Calls that should not be, counted by hand."""

import numpy as np
import pandas as pd
import pytest

from vqrna.evaluation.calls import cross_types, false_calls, same_base
from vqrna.modifications import modification, modifications

KINDS = modifications(["Am", "Cm", "m1A", "m6Am"])
CUTS = np.array([[1.0, 2.0, 3.0]] * 4)


def test_types_of_one_base():
    assert same_base(modification("Am"), modification("m6Am"))
    assert not same_base(modification("Cm"), modification("Um"))


def test_false_calls_by_hand():
    logits = np.zeros((3, 4, 2))
    logits[0, :, 0] = [1, 2, 3, 9]  # the last is no candidate
    logits[1, :, 0] = [1, 9, 0, 0]  # the second does not count
    candidates = np.ones((3, 4, 2), dtype=bool)
    candidates[0, 3, 0] = False
    counted = np.ones((3, 4), dtype=bool)
    counted[1, 1] = counted[2, 0] = False
    table = false_calls(
        "shuffled", logits, candidates, counted, CUTS[:2], KINDS[:2], np.array([4, 4, 7]),
        resamples=500,
    )  # fmt: skip
    assert (table["nt"] == 10).all()
    am = table[table["modification"] == "Am"].set_index("tier")
    assert am["calls"].to_dict() == {"low": 4, "medium": 2, "high": 1}
    assert am["value"].to_dict() == {"low": 400, "medium": 200, "high": 100}
    # Two clusters: 4 calls in 7 nt, none in 3
    assert am.loc["low", "low"] == 0
    assert am.loc["low", "high"] == pytest.approx(4000 / 7)
    cm = table[table["modification"] == "Cm"].set_index("tier")
    assert (cm["value"] == 0).all()
    assert cm.loc["low", "high"] == pytest.approx(368.9, abs=0.1)  # 3.689 in 10 nt


def test_a_model_without_tiers_calls_nothing_and_says_nothing():
    logits = np.zeros((1, 3, 1))
    there = np.ones((1, 3, 1), dtype=bool)
    cuts = np.full((1, 3), np.inf)
    found = false_calls(
        "shuffled", logits, there, there[..., 0], cuts, KINDS[:1], np.zeros(1, int), resamples=9
    )
    assert found.empty
    assert "value" in found


def test_mixed_up_types_by_hand():
    labels = np.array(
        [[1, -1, -1, -1], [1, -1, 1, -1], [1, 0, -1, 0], [-1, -1, 1, -1], [-1, 1, -1, -1]]
    )
    candidates = np.array([[1, 0, 1, 0]] * 2 + [[1, 0, 1, 1]] + [[1, 0, 1, 0]] + [[0, 1, 0, 0]])
    logits = np.array(
        [
            [2.5, 9, 1.5, 9],  # Am; called m1A (low)
            [0.0, 9, 3.5, 9],  # Am and m1A: no mix-up
            [1.0, 9, 0.0, 2.0],  # Am in BCA; called m6Am (medium)
            [2.0, 9, 1.0, 9],  # m1A; called Am (medium)
            [9.0, 3.0, 9, 9],  # Cm
        ]
    )
    apart = np.array([1, 1, 0, 1, 1], dtype=bool)
    table = cross_types(
        logits, candidates.astype(bool), labels, CUTS, KINDS, np.arange(5), apart, resamples=50
    )

    def calls(site, called, windows="all"):
        rows = table[
            (table["site"] == site) & (table["called"] == called) & (table["windows"] == windows)
        ]
        return set(rows["sites"]), rows["calls"].tolist()

    assert calls("Am", "Am") == ({3}, [2, 1, 0])
    assert calls("Am", "m1A") == ({2}, [1, 0, 0])
    assert calls("Am", "m6Am") == ({1}, [1, 1, 0])
    assert calls("m1A", "Am") == ({1}, [1, 1, 0])
    assert calls("m1A", "m1A") == ({2}, [2, 1, 1])
    assert calls("Cm", "Cm") == ({1}, [1, 1, 1])
    assert calls("Am", "m6Am", "non_overlapping") == ({0}, [0, 0, 0])
    assert calls("Am", "Cm") == (set(), [])
    rows = table.set_index(["site", "called", "windows", "tier"])
    value = rows.loc[("Am", "m1A", "all", "low")]
    assert value["value"] == 0.5
    assert (value["low"], value["high"]) == (0, 1)
    assert pd.isna(rows.loc[("Am", "m6Am", "non_overlapping", "low"), "value"])
    none = rows.loc[("m1A", "Am", "all", "high")]
    assert none["value"] == none["low"] == 0 < none["high"]
