"""Curves of evidence: shape, inverse, fit and conversion to probabilities."""

import numpy as np
import pytest

from vqrna.stats.calibration import Calibration, sigmoid
from vqrna.stats.scan_calibration import (
    FEWEST_SITES,
    WINDOW_KINDS,
    Curve,
    ScanCalibration,
    fit_curve,
    probabilities,
    window_kinds,
)
from vqrna.stats.tiers import EDGE, PROBABILITIES

CURVE = Curve(np.array([-1.0, 1.0, 2.0]), np.array([-4.0, 2.0, 5.0]))


def test_a_curve_is_linear_between_and_below_its_knots_and_constant_above():
    logits = np.array([-2.0, -1.0, 0.0, 1.5, 2.0, 9.0])
    assert CURVE(logits).tolist() == [-7.0, -4.0, -1.0, 3.5, 5.0, 5.0]


@pytest.mark.parametrize("evidence", [-9.0, -4.0, 0.3, 2.0, 5.0])
def test_the_logit_of_an_evidence(evidence):
    logit = CURVE.logit_at(evidence)
    assert CURVE(np.array(logit)) == pytest.approx(evidence)
    assert CURVE(np.array(logit - 1e-6)) < evidence


def test_an_evidence_above_the_curve_is_never_reached():
    assert CURVE.logit_at(5.1) == np.inf
    flat = Curve(np.array([0.0, 1.0]), np.array([2.0, 2.0]))
    assert flat.logit_at(1.0) == -np.inf
    assert flat.logit_at(2.1) == np.inf


def test_a_line_is_that_of_the_balanced_calibration():
    line = Calibration(np.array([1.5]), np.array([-0.5]))
    curve = Curve.line(1.5, -0.5)
    logits = np.linspace(-9, 9, 40)
    np.testing.assert_allclose(curve(logits), line.log_odds(logits[:, None])[:, 0], atol=1e-12)


def test_without_curves_the_balanced_calibration_is_used_and_no_tier_reached():
    scans = ScanCalibration.none(2)
    lines = Calibration(np.array([1.0, 2.0]), np.array([0.0, 1.0]))
    completed = scans.completed(lines)
    assert [len(curves) for curves in completed] == [len(WINDOW_KINDS)] * 2
    assert completed[1][0](np.array(0.5)) == pytest.approx(2.0)
    assert not scans.measured.any()
    assert np.isposinf(scans.thresholds(np.array([0.1, 0.1]))).all()
    assert np.isnan(scans.highest(np.array([0, 1]), np.array([0.1, 0.1]))).all()


def test_thresholds_are_where_the_probability_reaches_a_tier():
    scans = ScanCalibration(((CURVE, CURVE, CURVE), None))
    for prior in (0.001, 0.01, 0.1):
        thresholds = scans.thresholds(np.array([prior, prior]), "cut")
        assert (np.diff(thresholds[0]) >= 0).all()
        for logit, p in zip(thresholds[0], PROBABILITIES, strict=True):
            if np.isfinite(logit):
                assert probabilities(CURVE(np.array(logit)), prior) == pytest.approx(p)
        highest = scans.highest(np.array([0]), np.array([prior]))[0]
        assert np.isfinite(thresholds[0]).sum() == sum(highest >= p for p in PROBABILITIES)
        assert np.isposinf(thresholds[1]).all()


def test_kinds_of_windows():
    to_end = np.array([0, EDGE - 1, EDGE, 49, 50, 900])
    names = [WINDOW_KINDS[kind] for kind in window_kinds(to_end, 50)]
    assert names == ["edge", "edge", "cut", "cut", "whole", "whole"]
    assert window_kinds(np.array([9, 10]), 10).tolist() == [2, 0]  # a window shorter than the edge


def drawn(n: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits of sites about 2 and of others about 0: the evidence is 2 x - 2."""
    rng = np.random.default_rng(seed)
    is_site = np.arange(n) < n // 10
    return rng.normal(np.where(is_site, 2.0, 0.0)), is_site


def test_a_fit_gives_the_evidence_of_known_distributions():
    logits, is_site = drawn()
    prior = 0.01
    weights = np.where(is_site, 1.0, (1 / prior - 1) * is_site.sum() / (~is_site).sum())
    curve = fit_curve(logits, is_site, [weights], prior)
    at = np.array([0.5, 1.0, 1.5, 2.0, 2.5])
    np.testing.assert_allclose(curve(at), 2 * at - 2, atol=0.35)
    assert (np.diff(curve.values) >= 0).all()
    stated = weights @ probabilities(curve(logits), prior)
    assert stated == pytest.approx(is_site.sum(), rel=0.05)


def test_the_mean_of_two_weightings_is_between_them():
    logits, is_site = drawn()
    low, high = (np.where(is_site, 1.0, factor) for factor in (20.0, 5.0))
    curves = [fit_curve(logits, is_site, each, 0.01) for each in ([low], [high], [low, high])]
    np.testing.assert_allclose(curves[2].values, (curves[0].values + curves[1].values) / 2)
    assert (curves[1].values > curves[0].values).all()


def test_few_sites_are_never_certain():
    """Sites above all others: the highest probability depends on the number of positions."""
    is_site = np.arange(2000) < 30
    logits = np.where(is_site, 5.0, 0.0) + np.linspace(0, 1, 2000)
    for weight in (1.0, 50.0):
        curve = fit_curve(logits, is_site, [np.where(is_site, 1.0, weight)], 0.01)
        assert sigmoid(curve.values[-1] + np.log(0.01 / 0.99)) < 30 / (30 + max(3, weight)) + 0.3


def test_logits_that_fall_for_sites_give_a_flat_curve():
    logits, is_site = drawn()
    curve = fit_curve(-logits, is_site, [np.ones(len(logits))], 0.1)
    assert np.ptp(curve.values) == pytest.approx(0, abs=0.1)


def test_too_few_sites_give_no_curve():
    logits, is_site = drawn()
    is_site[FEWEST_SITES - 1 :] = False
    assert fit_curve(logits, is_site, [np.ones(len(logits))], 0.1) is None
    assert fit_curve(np.zeros(4000), np.arange(4000) < 50, [np.ones(4000)], 0.1) is None
