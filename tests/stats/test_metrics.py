"""Measures agree with scikit-learn and with hand-worked cases."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from vqrna.stats.metrics import METRICS, TITLES, ece, measure, measure_weighted, ranking


def noisy(n, seed=0, decimals=None):
    """Labels and probabilities that know something of them."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    probabilities = 0.3 * labels + 0.7 * rng.random(n)
    return labels, probabilities if decimals is None else probabilities.round(decimals)


@pytest.mark.parametrize("decimals", [None, 1])  # with one decimal, most windows are tied
def test_every_measure_is_that_of_scikit_learn(decimals):
    labels, p = noisy(301, decimals=decimals)
    called = p >= 0.5
    assert measure(labels, p) == pytest.approx(
        {
            "acc": sk.accuracy_score(labels, called),
            "bacc": sk.balanced_accuracy_score(labels, called),
            "se": sk.recall_score(labels, called),
            "sp": sk.recall_score(1 - labels, ~called),
            "mcc": sk.matthews_corrcoef(labels, called),
            "auroc": sk.roc_auc_score(labels, p),
            "auprc": sk.average_precision_score(labels, p),
            "brier": sk.brier_score_loss(labels, p),
            "ece": measure(labels, p)["ece"],
        }
    )


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 8), st.integers(0, 3)), min_size=1, max_size=30
    )
)
def test_a_weight_is_the_same_as_repeating_the_window(windows):
    labels, eighths, counts = (np.array(column) for column in zip(*windows, strict=True))
    labels, p = labels.astype(int), eighths / 8
    weighted = measure_weighted(labels, p, counts[None, :])
    repeated = measure(np.repeat(labels, counts), np.repeat(p, counts))
    for name in METRICS:
        if name != "ece":  # the weights leave its groups as they are; repeating moves them
            assert weighted[name][0] == pytest.approx(repeated[name], nan_ok=True)


def test_many_weightings_at_once_equal_scikit_learn_one_by_one():
    labels, p = noisy(200, decimals=2)
    weights = np.random.default_rng(1).integers(0, 4, (7, 200))
    found = measure_weighted(labels, p, weights)
    for i, w in enumerate(weights):
        assert found["auroc"][i] == pytest.approx(sk.roc_auc_score(labels, p, sample_weight=w))
        assert found["auprc"][i] == pytest.approx(
            sk.average_precision_score(labels, p, sample_weight=w)
        )
        assert found["mcc"][i] == pytest.approx(
            sk.matthews_corrcoef(labels, p >= 0.5, sample_weight=w)
        )


def test_a_case_worked_by_hand():
    labels = np.array([1, 1, 0, 0, 0])
    p = np.array([0.9, 0.4, 0.6, 0.2, 0.4])
    found = measure(labels, p)
    assert found["acc"] == pytest.approx(3 / 5)
    assert found["se"] == pytest.approx(1 / 2)
    assert found["sp"] == pytest.approx(2 / 3)
    assert found["bacc"] == pytest.approx(7 / 12)
    assert found["mcc"] == pytest.approx((1 * 2 - 1 * 1) / math.sqrt(2 * 3 * 2 * 3))
    assert found["auroc"] == pytest.approx((3 + 1.5) / 6)  # .9 beats three; .4 beats one, ties one
    assert found["auprc"] == pytest.approx((1 + 2 / 4) / 2)
    assert found["brier"] == pytest.approx((0.01 + 0.36 + 0.36 + 0.04 + 0.16) / 5)


def test_the_threshold_itself_is_a_call():
    assert measure(np.array([1, 0]), np.array([0.5, 0.4]))["se"] == 1
    assert measure(np.array([1, 0]), np.array([0.5, 0.4]), threshold=0.4)["sp"] == 0


@pytest.mark.parametrize(
    ("labels", "undefined"),
    [
        ([1, 1, 1], {"sp", "bacc", "mcc", "auroc", "auprc"}),
        ([0, 0, 0], {"se", "bacc", "mcc", "auroc", "auprc"}),
        ([], set(METRICS)),
    ],
)
def test_what_a_single_class_cannot_tell_is_nan_without_a_warning(labels, undefined):
    found = measure(np.array(labels, dtype=int), np.array([0.2, 0.5, 0.7])[: len(labels)])
    assert {name for name, value in found.items() if math.isnan(value)} == undefined


def test_calling_everything_has_no_correlation():
    assert measure(np.array([1, 0]), np.array([0.9, 0.8]))["mcc"] == 0


def test_a_reversed_score_mirrors_the_auroc():
    labels, p = noisy(100)
    ones = np.ones((1, 100))
    assert ranking(labels, p, ones)[0] + ranking(labels, -p, ones)[0] == pytest.approx(1)


def test_calibration_error_worked_by_hand():
    # Ten windows say 0.2 and are never positive, ten say 0.8 and always are: no chance in either
    # group, so nothing is taken off, and both are 0.2 away.
    labels, p = np.repeat([0, 1], 10), np.repeat([0.2, 0.8], 10)
    assert ece(labels, p, np.ones((1, 20)))[0] == pytest.approx(0.2)


def test_calibration_error_takes_off_what_chance_adds():
    rng = np.random.default_rng(3)
    p = rng.random((40, 400))
    labels = rng.random(p.shape) < p  # a perfect model
    ones = np.ones((1, 400))
    corrected = np.mean([ece(y, q, ones)[0] for y, q in zip(labels, p, strict=True)])
    assert corrected < 0.035  # the plain error is 0.05 here
    wrong = np.mean([ece(y, 0.7 * q, ones)[0] for y, q in zip(labels, p, strict=True)])
    assert wrong == pytest.approx(0.15, abs=0.02)  # mean of 0.3 q


def test_every_measure_has_a_title():
    assert set(TITLES) == set(METRICS)
