"""An evaluation compares the right windows, and its JSON is what the README promises."""

import dataclasses
import json
import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from vqrna.data.windows import Windows
from vqrna.errors import DataError, UsageError
from vqrna.evaluation import FLANKS, NINE, evaluate, mask_flanks
from vqrna.evaluation.report import write_report
from vqrna.model.protocol import Scorer
from vqrna.modifications import MODIFICATIONS, modifications
from vqrna.sequence import AMBIGUOUS
from vqrna.stats.metrics import METRICS

LENGTH = 201


class CountingModel:
    """Its logit is how often C follows the site within some nt, and noise of its own per type."""

    length = LENGTH
    hash = "c0ffee"

    def __init__(self, symbols=("Am", "m6A"), reach=100):
        self.modifications = modifications(list(symbols))
        self.reach = reach

    def logits(self, tokens):
        site = tokens.shape[1] // 2
        count = (tokens[:, site + 1 : site + 1 + self.reach] == 1).sum(axis=1)
        return np.repeat(count[:, None] - self.reach / 4, len(self.modifications), 1).astype(float)

    def score(self, logits):
        return 1 / (1 + np.exp(-logits / 5))


def windows_of(tokens, labels, symbols=("Am", "m6A"), negative_set=None):
    labels = np.asarray(labels, dtype=np.int8)
    if negative_set is None:
        negative_set = np.where(labels == 0, 0, -1)
    return Windows(
        tokens=tokens,
        labels=labels,
        negative_set=np.asarray(negative_set, dtype=np.int8),
        negative_sets=("random", "hard"),
        names=tuple(f"w{i}" for i in range(len(tokens))),
        modifications=modifications(list(symbols)),
    )


def random_windows(n=120, seed=0):
    """Half of the windows are positive for both types; of m6A, a third is hard negatives."""
    rng = np.random.default_rng(seed)
    tokens = rng.integers(0, 4, (n, LENGTH)).astype(np.uint8)
    labels = np.repeat((np.arange(n) % 2)[:, None], 2, axis=1)
    labels[::7, 0] = -1
    negative_set = np.where(labels == 0, 0, -1)
    negative_set[::6, 1] = 1
    for row in np.flatnonzero(labels[:, 1] == 1):  # positives have more C
        tokens[row, rng.integers(101, LENGTH, 15)] = 1
    return windows_of(tokens, labels, negative_set=negative_set)


class FlaggingModel(CountingModel):
    """Finds every third window unlike its training, and has no sketch of it."""

    def flags(self, tokens):
        return {"ood": np.arange(len(tokens)) % 3 == 0}


def test_what_a_model_knows_of_windows_stands_beside_their_scores():
    found = evaluate(FlaggingModel(), random_windows(), masks=("none", "both"), resamples=0)
    assert found.to_json()["flags"] == {"windows": 120, "ood": 40, "in_training": None}
    number = found.scores["window"].str.removeprefix("w").astype(int)
    assert found.scores["ood"].tolist() == (number % 3 == 0).tolist()


def test_windows_of_one_name_are_counted_each():
    """Files of several types may each begin their names anew."""
    windows = dataclasses.replace(random_windows(), names=("the same",) * 120)
    found = evaluate(FlaggingModel(), windows, resamples=0)
    assert found.to_json()["flags"] == {"windows": 120, "ood": 40, "in_training": None}
    assert sorted(set(found.scores["number"])) == list(range(1, 121))
    assert found.scores["in_training"].isna().all()


def test_the_fake_is_a_scorer():
    assert isinstance(CountingModel(), Scorer)


def test_values_are_those_of_the_known_labels_of_each_type():
    windows, model = random_windows(), CountingModel()
    found = evaluate(model, windows, resamples=50)
    score = model.score(model.logits(windows.tokens))
    known = windows.labels[:, 0] != -1
    assert found.value("Am").value == pytest.approx(
        roc_auc_score(windows.labels[known, 0], score[known, 0])
    )
    for i, name in enumerate(windows.negative_sets):
        used = (windows.labels[:, 1] == 1) | (windows.negative_set[:, 1] == i)
        assert found.value("m6A", negatives=name).value == pytest.approx(
            roc_auc_score(windows.labels[used, 1], score[used, 1])
        )


def test_counts_are_told_for_each_set_of_negatives():
    windows = random_windows()
    table = evaluate(CountingModel(), windows, resamples=0).table
    counts = table.groupby(["modification", "negatives"])[["n_pos", "n_neg"]].first()
    hard = int((windows.negative_set[:, 1] == 1).sum())
    assert tuple(counts.loc[("m6A", "hard")]) == (60, hard)
    assert tuple(counts.loc[("m6A", "random")]) == (60, 60 - hard)
    assert ("Am", "hard") not in counts.index


def test_intervals_hold_the_values_and_follow_the_seed():
    windows, model = random_windows(), CountingModel()
    one, again = (evaluate(model, windows, resamples=100, seed=1).table for _ in range(2))
    other = evaluate(model, windows, resamples=100, seed=2).table
    pd.testing.assert_frame_equal(one, again)
    assert not one["low"].equals(other["low"])
    assert (one["low"] <= one["value"]).all()
    assert (one["value"] <= one["high"]).all()


def test_copied_windows_widen_nothing_but_fill_their_cluster():
    windows = random_windows(60)
    shifted = windows.tokens.copy()
    shifted[:, 0] = (shifted[:, 0] + 1) % 4  # not identical, but overlapping
    twice = windows_of(
        np.concatenate([windows.tokens, shifted]), np.concatenate([windows.labels] * 2)
    )
    found = evaluate(CountingModel(), twice, resamples=100)
    assert found.scores["cluster"].nunique() == 60
    once = evaluate(CountingModel(), windows_of(windows.tokens, windows.labels), resamples=100)
    wide = [e.value("Am").high - e.value("Am").low for e in (once, found)]
    assert wide[1] == pytest.approx(wide[0], rel=0.05)


def test_windows_that_share_sequence_with_training_are_told_apart():
    windows = random_windows()
    reference = windows.take(slice(0, 30))
    found = evaluate(CountingModel(), windows, reference=reference, resamples=0)
    assert found.scores.groupby("window")["non_overlapping"].first().sum() == 90
    table = found.table[found.table["modification"] == "m6A"]
    apart = table[(table["windows"] == "non_overlapping") & (table["negatives"] == "random")]
    assert apart["n_pos"].iloc[0] == 45
    none = evaluate(CountingModel(), windows, resamples=0)
    assert set(none.table["windows"]) == {"all"}
    assert none.scores["non_overlapping"].isna().all()


def test_no_window_apart_gives_nan_and_null():
    windows = random_windows(20)
    found = evaluate(CountingModel(), windows, reference=windows, resamples=20)
    assert math.isnan(found.value("m6A", windows="non_overlapping").value)
    result = found.to_json()["results"][1]
    assert result["windows"] == "non_overlapping"
    assert result["auroc"] == {"value": None, "low": None, "high": None}


def test_the_mean_is_over_types_inside_every_resample():
    windows = random_windows()
    found = evaluate(CountingModel(), windows, resamples=200)
    mean = found.value("mean")
    assert mean.value == pytest.approx(
        np.mean([found.value(symbol).value for symbol in ("Am", "m6A")])
    )
    # The types share their windows: taken as independent, the mean would look surer than it is.
    widths = [found.value(s).high - found.value(s).low for s in ("Am", "m6A")]
    assert mean.high - mean.low > 0.9 * np.mean(widths)
    with pytest.raises(KeyError):
        found.value("mean", negatives="hard")  # one type only
    with pytest.raises(KeyError):
        found.value("mean9")


def test_mean9_needs_all_nine():
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 4, (40, LENGTH)).astype(np.uint8)
    symbols = [m.symbol for m in MODIFICATIONS]
    labels = np.repeat((np.arange(40) % 2)[:, None], 11, axis=1)
    found = evaluate(CountingModel(symbols), windows_of(tokens, labels, symbols), resamples=10)
    assert found.value("mean9").value == pytest.approx(
        np.mean([found.value(symbol).value for symbol in NINE])
    )
    labels[labels[:, 0] == 0, 0] = -1  # no negatives of Am
    found = evaluate(CountingModel(symbols), windows_of(tokens, labels, symbols), resamples=10)
    assert not math.isnan(found.value("mean").value)
    assert math.isnan(found.value("Am").value)
    with pytest.raises(KeyError):
        found.value("mean9")


@pytest.mark.parametrize(
    ("flanks", "hidden"), [("none", []), ("upstream", [0]), ("downstream", [1]), ("both", [0, 1])]
)
def test_a_mask_hides_all_but_25_nt_of_a_flank(flanks, hidden):
    tokens = np.zeros((2, 201), dtype=np.uint8)
    masked = mask_flanks(tokens, flanks) == AMBIGUOUS
    sides = [slice(0, 75), slice(126, 201)]
    for i, side in enumerate(sides):
        assert masked[:, side].all() == (i in hidden)
    assert not masked[:, 75:126].any()
    assert (tokens == 0).all()


def test_a_mask_leaves_short_windows_alone():
    tokens = np.zeros((1, 51), dtype=np.uint8)
    assert (mask_flanks(tokens, "both") == 0).all()


def test_masked_flanks_are_scored_as_such():
    windows = random_windows()
    found = evaluate(CountingModel(reach=100), windows, masks=FLANKS, resamples=0)
    near = evaluate(CountingModel(reach=25), windows, resamples=0)
    assert found.value("m6A", flanks="upstream") == pytest.approx(
        found.value("m6A"), nan_ok=True
    )  # it reads downstream only
    assert found.value("m6A", flanks="downstream").value == near.value("m6A").value
    assert found.value("m6A", flanks="both").value == near.value("m6A").value


def test_types_that_the_model_does_not_tell_are_left_out_and_told():
    found = evaluate(CountingModel(("m6A",)), random_windows(), resamples=0)
    assert found.unknown == ("Am",)
    assert set(found.table["modification"]) == {"m6A"}
    with pytest.raises(
        UsageError, match=r"none of these modifications: Am, m6A \(it predicts Psi\)"
    ):
        evaluate(CountingModel(("Psi",)), random_windows())


def test_nothing_known_is_an_error():
    windows = windows_of(np.zeros((3, LENGTH), np.uint8), np.full((3, 2), -1))
    with pytest.raises(DataError, match="no window has a known label"):
        evaluate(CountingModel(), windows)


def test_unknown_flanks_are_an_error():
    with pytest.raises(UsageError, match="unknown flanks 'left'"):
        evaluate(CountingModel(), random_windows(), masks=("none", "left"))


def test_json_has_the_promised_form():
    windows = random_windows()
    found = evaluate(
        CountingModel(), windows, split="valid", reference=windows.take([0]), resamples=20
    )
    told = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert told.keys() == {"schema_version", "model", "split", "results", "flags"}
    assert told["flags"] == {"windows": 120, "ood": None, "in_training": None}
    assert (told["schema_version"], told["model"], told["split"]) == (1, "c0ffee", "valid")
    for result in told["results"]:
        assert list(result) == [
            "modification", "windows", "negatives", "flanks", "n_pos", "n_neg", *METRICS,
        ]  # fmt: skip
        assert result["windows"] in {"all", "non_overlapping"}
        assert isinstance(result["n_pos"], int)
        for metric in METRICS:
            assert list(result[metric]) == ["value", "low", "high"]
    kinds = [(r["modification"], r["windows"], r["negatives"]) for r in told["results"]]
    assert len(set(kinds)) == len(kinds) == 8
    auroc = told["results"][0]["auroc"]
    assert auroc["value"] == found.value("Am").value


def test_a_report_reads_back(tmp_path):
    found = evaluate(CountingModel(), random_windows(), split="valid", resamples=20)
    paths = write_report(found, CountingModel().modifications, tmp_path / "report")
    assert [path.name for path in paths] == [
        "evaluation.csv", "scores.tsv", "roc_pr.png", "roc_pr.svg", "run.json",
    ]  # fmt: skip
    table = pd.read_csv(paths[0])
    assert set(table["model"]) == {"c0ffee"}
    np.testing.assert_allclose(table["value"], found.table["value"])
    scores = pd.read_csv(paths[1], sep="\t", keep_default_na=False)
    assert len(scores) == len(found.scores)
    np.testing.assert_allclose(scores["score"], found.scores["score"], rtol=1e-5)
    assert sorted(p.name for p in (tmp_path / "report").iterdir()) == sorted(p.name for p in paths)
