"""What prevalence does to precision: by hand, and as scikit-learn tells it."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from vqrna.evaluation.positions import Neighbours
from vqrna.evaluation.prevalence import prevalence
from vqrna.modifications import modification

AM = modification("Am")


def near(n=30, width=21, seed=0, decimals=1):
    """Sites that score a little higher than what is beside them, with ties."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 1, (n, width)).round(decimals)
    scores[:, width // 2] += 1
    is_decoy = rng.random((n, width)) < 0.4
    is_decoy[:, width // 2] = False
    scores[~is_decoy & (np.arange(width) != width // 2)] = np.nan
    return Neighbours(AM, np.arange(n), scores, is_decoy)


def values(table, metric, **which):
    rows = table[table["metric"] == metric]
    for column, wanted in which.items():
        rows = rows[rows[column] == wanted]
    return rows


@pytest.mark.parametrize("decimals", [1, 6])
def test_average_precision_is_that_of_scikit_learn_with_weights(decimals):
    sites = near(decimals=decimals)
    table = prevalence([sites], np.full((1, 3), np.inf), np.arange(30), resamples=0)
    scores = np.concatenate([sites.site, sites.scores[sites.is_decoy]])
    labels = np.repeat([1, 0], [30, sites.is_decoy.sum()])
    ratios = {"1:10": 10, "1:100": 100, "1:1000": 1000, "prior": (1 - AM.prior) / AM.prior}
    for name, ratio in ratios.items():
        weight = np.where(labels == 1, 1.0, ratio * 30 / sites.is_decoy.sum())
        row = values(table, "auprc", at=name).iloc[0]
        expected = average_precision_score(labels, scores, sample_weight=weight)
        assert row["value"] == pytest.approx(expected)
        assert row["chance"] == pytest.approx(1 / (1 + ratio))
    assert set(table["metric"]) == {"auprc", "auprc_guarded"}  # no tiers, nothing called


def test_a_site_above_all_that_was_looked_at_is_not_certain():
    """Two sites and eight others: the first site above all of these, the second below one."""
    scores = np.array([[0.0, 0, 9, 0, 0], [0.0, 8, 3, 0, 0]])
    is_decoy = np.array([[1, 1, 0, 1, 1]] * 2, dtype=bool)
    sites = Neighbours(AM, np.arange(2), scores, is_decoy)
    table = prevalence([sites], np.full((1, 3), np.inf), np.arange(2), resamples=0)
    plain, guarded = (
        values(table, metric, at="1:100").iloc[0]["value"] for metric in ("auprc", "auprc_guarded")
    )
    assert plain == pytest.approx((1 + 1 / (1 + 100 / 8)) / 2)
    assert guarded == pytest.approx((0.5 / (0.5 + 100 / 9) + 1 / (1 + 100 * 2 / 9)) / 2)


def test_every_resample_is_that_of_scikit_learn():
    """The interval of two clusters is made of three kinds of resample, which are worked here."""
    sites = near(4)
    cluster = np.array([0, 0, 1, 1])
    table = prevalence([sites], np.full((1, 3), np.inf), cluster, resamples=400)
    found = []
    for count in ([2, 0], [1, 1], [0, 2]):
        times = np.array(count)[cluster]
        positives = np.repeat(sites.site, times)
        decoys = [
            np.repeat(s[r], t) for s, r, t in zip(sites.scores, sites.is_decoy, times, strict=True)
        ]
        negatives = np.concatenate(decoys)
        weight = np.r_[np.ones(len(positives)), np.full(len(negatives), 40 / len(negatives))]
        labels = np.repeat([1, 0], [len(positives), len(negatives)])
        scores = np.concatenate([positives, negatives])
        found.append(average_precision_score(labels, scores, sample_weight=weight))
    row = values(table, "auprc", at="1:10").iloc[0]
    assert row["low"] == pytest.approx(min(found))
    assert row["high"] == pytest.approx(max(found))


def test_chance_is_what_a_scorer_without_knowledge_gets():
    rng = np.random.default_rng(0)
    is_decoy = np.ones((400, 21), dtype=bool)
    is_decoy[:, 10] = False
    blind = Neighbours(AM, np.arange(400), rng.random((400, 21)), is_decoy)
    table = prevalence([blind], np.full((1, 3), np.inf), np.arange(400), resamples=0)
    row = values(table, "auprc", at="1:10").iloc[0]
    assert row["value"] == pytest.approx(row["chance"], rel=0.15)


def test_precision_at_the_prior_by_hand():
    scores = np.array([[0.0, 9, 5, 0, 0], [0.0, 0, 1, 0, 0], [7.0, 0, 8, 0, 0], [0.0, 0, 2, 0, 0]])
    is_decoy = np.array([[1, 1, 0, 1, 1]] * 4, dtype=bool)
    is_decoy[3, 3:] = False  # 14 positions in all
    sites = Neighbours(AM, np.arange(4), scores, is_decoy)
    table = prevalence([sites], np.array([[2.0, 6.0, np.inf]]), np.arange(4), resamples=200)
    recall, false = (values(table, m).set_index("at")["value"] for m in ("recall", "false_rate"))
    assert recall.to_dict() == {"low": 3 / 4, "medium": 1 / 4}
    assert false.to_dict() == {"low": 3 / 15, "medium": 3 / 15}  # two called, and one more
    precision = values(table, "precision").set_index("at")
    p = AM.prior
    expected = p * 0.75 / (p * 0.75 + (1 - p) * 0.2)
    assert precision.loc["low", "value"] == pytest.approx(expected)
    assert precision.loc["low", "chance"] == p
    assert (table["positions"] == 14).all()
    assert (precision["low"] <= precision["value"]).all()
    assert (precision["value"] <= precision["high"]).all()


def test_nothing_found_is_not_certainly_nothing():
    sites = near(20)
    table = prevalence([sites], np.array([[50.0, 60.0, 70.0]]), np.arange(20), resamples=50)
    recall = values(table, "recall", at="low").iloc[0]
    assert (recall["value"], recall["low"]) == (0, 0)
    assert recall["high"] == pytest.approx(0.161, abs=0.002)  # Wilson's bound for 0 of 20
    assert values(table, "precision", at="low").iloc[0]["high"] > 0


def test_windows_apart_are_measured_by_themselves():
    sites = near(30)
    apart = np.arange(30) < 12
    table = prevalence([sites], np.array([[0.5, 1.0, 2.0]]), np.arange(30), apart, resamples=0)
    alone = Neighbours(AM, np.arange(12), sites.scores[:12], sites.is_decoy[:12])
    expected = prevalence([alone], np.array([[0.5, 1.0, 2.0]]), np.arange(12), resamples=0)
    found = table[table["windows"] == "non_overlapping"]
    np.testing.assert_allclose(found["value"], expected["value"])
    assert set(found["sites"]) == {12}
