import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from vqrna.stats.calibration import Calibration, at_prior, fit_line, log_odds, sigmoid


@pytest.mark.parametrize(
    ("score", "prior", "expected"),
    [
        (0.5, 0.001, 0.001),  # no evidence either way: the prior
        (0.5, 0.3, 0.3),
        (0.9, 0.5, 0.9),  # the even ratio itself
        (0.9, 0.1, 0.5),  # odds 9 to 1 times 1 to 9
        (0.99, 0.01, 0.5),
        (0.75, 0.25, 0.5),
        (0.8, 0.2, 0.5),
    ],
)
def test_a_prior_by_hand(score, prior, expected):
    assert at_prior(np.array(score), prior) == pytest.approx(expected)


def test_a_prior_for_each_type():
    scores = np.full((2, 3), 0.5)
    found = at_prior(scores, np.array([0.1, 0.2, 0.3]))
    np.testing.assert_allclose(found, [[0.1, 0.2, 0.3]] * 2)


@given(st.floats(0, 1), st.floats(1e-6, 1 - 1e-6))
def test_a_prior_keeps_ranks_and_bounds(score, prior):
    shifted = at_prior(np.array([score, min(1.0, score + 0.01)]), prior)
    assert 0 <= shifted[0] <= shifted[1] <= 1


@given(st.floats(-30, 30))
def test_log_odds_and_back(x):
    assert log_odds(sigmoid(x)) == pytest.approx(x, abs=1e-2, rel=1e-3)


def test_extremes_neither_overflow_nor_become_infinite():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sigmoid(np.array([-1e9, 0, 1e9])).tolist() == [0, 0.5, 1]
        assert np.isfinite(log_odds(np.array([0.0, 1.0]))).all()
        assert at_prior(np.array([0.0, 1.0]), 0.001).round(9).tolist() == [0, 1]


def test_a_calibration_is_a_line_for_each_type():
    calibration = Calibration(np.array([2.0, 1.0]), np.array([1.0, -1.0]))
    logits = np.array([[0.0, 1.0], [-0.5, 0.0]])
    np.testing.assert_allclose(calibration.log_odds(logits), [[1, 0], [0, -1]])
    np.testing.assert_allclose(calibration.score(logits)[0, 1], 0.5)
    identity = Calibration.identity(2)
    np.testing.assert_array_equal(identity.log_odds(logits), logits)
    assert identity.fitted_on == ""


@pytest.mark.parametrize(("slope", "intercept"), [(0.4, 1.0), (1.0, 0.0), (2.5, -1.0)])
def test_a_known_line_is_recovered(slope, intercept):
    rng = np.random.default_rng(0)
    n = 20_000
    true = rng.normal(0, 2, n)  # log-odds of the label
    labels = (rng.random(n) < sigmoid(true)).astype(int)
    found = fit_line((true - intercept) / slope, labels)
    assert found == pytest.approx((slope, intercept), abs=0.08)


def test_the_fit_is_that_of_balanced_logistic_regression():
    rng = np.random.default_rng(1)
    labels = (rng.random(5000) < 0.2).astype(int)
    logits = rng.normal(labels * 1.5, 1.3)
    balanced = LogisticRegression(C=1e8, class_weight="balanced").fit(logits[:, None], labels)
    expected = (balanced.coef_[0, 0], balanced.intercept_[0])
    assert fit_line(logits, labels) == pytest.approx(expected, abs=0.01)


def test_the_class_ratio_does_not_move_the_fit():
    rng = np.random.default_rng(2)
    labels = np.repeat([0, 1], 4000)
    logits = rng.normal(labels * 2.0 - 1, 1)
    rare = np.r_[np.arange(4000), np.arange(4000, 4400)]
    assert fit_line(logits[rare], labels[rare]) == pytest.approx(fit_line(logits, labels), abs=0.25)


def test_separable_windows_give_no_infinite_slope():
    slope, intercept = fit_line(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0, 0, 1, 1]))
    assert 0 < slope < 10
    assert intercept == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize(
    ("logits", "labels"),
    [
        ([0.3, 0.4], [1, 1]),
        ([0.3, 0.4], [0, 0]),
        ([], []),
        ([2.0, 1.0, -1.0, -2.0], [0, 0, 1, 1]),  # upside down: ranks must stay
    ],
)
def test_where_no_line_can_be_fitted_nothing_changes(logits, labels):
    assert fit_line(np.array(logits), np.array(labels)) == (1.0, 0.0)
