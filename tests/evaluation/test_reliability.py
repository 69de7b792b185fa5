"""Calibration of made-up scores: right ones, shifted ones, too sure ones; and few of them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from vqrna.evaluation.reliability import balanced, perfect_error, reliability, wilson
from vqrna.stats.bootstrap import draw
from vqrna.stats.calibration import cross_fitted, log_odds, recalibrate, sigmoid
from vqrna.stats.metrics import ece


def made_up(n=200, *, slope=1.0, shift=0.0, seed=0, kind="Am"):
    """Windows whose log-odds are `slope` times as far from 0 as they should be, and `shift` off."""
    rng = np.random.default_rng(seed)
    right = rng.normal(0, 2, n)
    label = (rng.random(n) < sigmoid(right)).astype(int)
    logit = slope * right + shift
    return pd.DataFrame(
        {
            "modification": kind,
            "label": label,
            "negatives": np.where(label == 1, "", "random"),
            "flanks": "none",
            "non_overlapping": pd.array([pd.NA] * n, dtype="boolean"),
            "cluster": np.arange(n),
            "logit": logit,
            "score": sigmoid(logit),
        }
    )


def test_slope_and_intercept_are_recovered():
    scores = made_up(20_000, slope=2.0, shift=0.5)
    x, y = scores["logit"].to_numpy(), scores["label"].to_numpy()
    slope, _ = recalibrate(x, y, np.ones((1, len(x))))
    assert slope[0] == pytest.approx(0.5, abs=0.02)
    shifted = made_up(20_000, shift=0.7)
    slope, intercept = recalibrate(
        shifted["logit"].to_numpy(), shifted["label"].to_numpy(), np.ones((1, 20_000))
    )
    assert slope[0] == pytest.approx(1, abs=0.03)
    assert intercept[0] == pytest.approx(-0.7, abs=0.05)


def test_slopes_are_those_of_scikit_learn_under_every_weighting():
    scores = made_up(150, slope=1.5, shift=-0.3, seed=3)
    x, y = scores["logit"].to_numpy(), scores["label"].to_numpy()
    weights = np.random.default_rng(0).integers(0, 4, (6, len(x)))
    slope, intercept = recalibrate(x, y, weights)
    for row, found in zip(weights, slope, strict=True):
        fit = LogisticRegression(C=np.inf, tol=1e-8).fit(x[:, None], y, sample_weight=row)
        assert found == pytest.approx(fit.coef_[0, 0], rel=1e-3)
    # At slope 1 the mean probability is the share of modified windows
    for row, shift in zip(weights, intercept, strict=True):
        assert (row * (sigmoid(x + shift) - y)).sum() == pytest.approx(0, abs=1e-5)


def test_no_line_fits_best_where_classes_are_apart_or_missing():
    x, weights = np.array([-2.0, -1.0, 1.0, 2.0]), np.ones((1, 4))
    assert np.isnan(recalibrate(x, np.array([0, 0, 1, 1]), weights).slope[0])
    found = recalibrate(x, np.ones(4), weights)
    assert np.isnan(found.slope[0])
    assert np.isnan(found.intercept[0])


def test_a_window_is_calibrated_without_its_cluster():
    scores = made_up(60, seed=1)
    x, y = scores["logit"].to_numpy(), scores["label"].to_numpy()
    groups = np.arange(60) // 2
    before = cross_fitted(x, y, groups, seed=5)
    changed = y.copy()
    changed[:2] = 1 - changed[:2]
    after = cross_fitted(x, changed, groups, seed=5)
    assert (after[:2] == before[:2]).all()
    assert (after != before).sum() >= 40
    assert (cross_fitted(x, y, groups, seed=6) != before).any()


def test_cross_fitting_mends_a_bad_line():
    scores = made_up(2000, slope=3.0, shift=2.0)
    found = reliability(scores, draw(2000, 100))
    bad, good = (
        {m: found.value("Am", m, calibration=c) for m in ("slope", "intercept", "ece", "brier")}
        for c in ("model", "cross-fitted")
    )
    assert bad["ece"].low > 0.1
    assert bad["slope"].high < 0.5
    assert good["ece"].value < 0.02
    assert good["slope"].low < 1 < good["slope"].high
    assert good["intercept"].low < 0 < good["intercept"].high
    assert good["brier"].value < bad["brier"].value


def test_the_error_of_right_scores_is_small_and_what_is_told_of_it():
    """The plain error of so few windows is some .1; about half of what chance adds is taken off."""
    values, plain = [], []
    for seed in range(60):
        scores = made_up(100, seed=seed)
        p, y = scores["score"].to_numpy(), scores["label"].to_numpy()
        values.append(ece(y, p, np.ones((1, 100)))[0])
        tenths = np.array_split(np.argsort(p), 10)
        plain.append(np.mean([abs((p[t] - y[t]).mean()) for t in tenths]))
    assert np.mean(plain) > 0.07
    assert np.mean(values) < 0.65 * np.mean(plain)
    assert np.mean(values) == pytest.approx(perfect_error(p).value, abs=0.015)
    many = perfect_error(sigmoid(np.random.default_rng(0).normal(0, 2, 20_000)), draws=20)
    assert many.value < 0.005


def test_classes_weigh_the_same_in_every_resample():
    strata = np.array([0, 0, 0, 1, 2, 3, 3])
    weights = np.array([[1, 1, 1, 1, 1, 1, 1], [2, 0, 0, 3, 0, 1, 4]])
    even = balanced(weights, strata)
    np.testing.assert_allclose(even[0], [2 / 3, 2 / 3, 2 / 3, 2, 1.5, 0.75, 0.75])
    np.testing.assert_allclose(even[1], [2, 0, 0, 2, 0, 0.3, 1.2])


def test_more_unmodified_windows_are_no_fault_of_the_scores():
    scores = made_up(4000)
    drop = (scores["label"] == 1) & (np.arange(4000) % 2 == 0)
    fewer = scores[~drop]
    found = reliability(fewer, draw(4000, 50))
    intercept = found.value("Am", "intercept", calibration="model")
    assert intercept.low < 0 < intercept.high
    assert found.value("Am", "ece", calibration="model").value < 0.02


def test_pooled_are_all_windows_of_all_types():
    both = pd.concat([made_up(100), made_up(140, seed=1, kind="Psi")], ignore_index=True)
    hard = made_up(50, seed=2).assign(label=0, negatives="hard")
    masked = made_up(50, seed=3).assign(flanks="both")
    found = reliability(pd.concat([both, hard, masked]), draw(140, 20))
    pooled = found.table[found.table["modification"] == "pooled"]
    assert (pooled["n_pos"] + pooled["n_neg"] == 240).all()
    assert set(found.table["windows"]) == {"all"}
    x, y = log_odds(both["score"].to_numpy()), both["label"].to_numpy()
    strata = 2 * (both["modification"] == "Psi").to_numpy() + y
    even = balanced(np.ones((1, 240)), strata)
    expected = recalibrate(x, y, even).slope[0]
    assert found.value(metric="slope", calibration="model").value == pytest.approx(expected)


def test_windows_that_overlap_no_training_window_are_calibrated_by_themselves():
    scores = made_up(400)
    apart = np.arange(400) % 2 == 0
    scores["non_overlapping"] = pd.array(apart, dtype="boolean")
    found = reliability(scores, draw(400, 0))
    alone = reliability(scores[apart].assign(non_overlapping=pd.NA), draw(400, 0))
    for calibration in ("model", "cross-fitted"):
        one = found.value("Am", "brier", windows="non_overlapping", calibration=calibration)
        assert one.value == alone.value("Am", "brier", calibration=calibration).value
    assert found.value("Am", "brier").value != one.value


def test_wilson_by_hand():
    assert wilson(0.0, 10) == pytest.approx((0, 0.2775), abs=1e-3)
    assert wilson(0.5, 100) == pytest.approx((0.4038, 0.5962), abs=1e-3)
    assert wilson(0.0, 0) == (0, 1)
