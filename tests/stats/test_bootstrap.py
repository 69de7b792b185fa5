"""Intervals know clusters, cover the truth, and resamples are what they say."""

import math

import numpy as np
import pytest
from sklearn import metrics as sk

from vqrna.stats.bootstrap import draw, estimates, interval, resample
from vqrna.stats.metrics import METRICS, measure


def noisy(n, seed=0):
    """Labels and probabilities that know something of them."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    probabilities = 0.3 * labels + 0.7 * rng.random(n)
    return labels, probabilities


def test_draws_are_counts_of_clusters_and_follow_the_seed():
    draws = draw(30, 50, seed=4)
    assert draws.shape == (50, 30)
    assert (draws.sum(axis=1) == 30).all()
    assert (draws == draw(30, 50, seed=4)).all()
    assert (draws != draw(30, 50, seed=5)).any()
    assert draw(0, 5).shape == (5, 0)


def test_a_resample_is_the_measure_of_the_drawn_windows():
    labels, p = noisy(60)
    clusters = np.repeat(np.arange(20), 3)
    draws = draw(20, 4, seed=0)
    found = resample(labels, p, clusters, draws)
    for i, counts in enumerate(draws):
        rows = np.repeat(np.arange(60), counts[clusters])
        assert found["auroc"][i] == pytest.approx(sk.roc_auc_score(labels[rows], p[rows]))


def test_blocks_do_not_change_the_numbers(monkeypatch):
    labels, p = noisy(50)
    whole = resample(labels, p, np.arange(50), draw(50, 40))
    monkeypatch.setattr("vqrna.stats.bootstrap._BLOCK", 7 * 50)
    parts = resample(labels, p, np.arange(50), draw(50, 40))
    for name in METRICS:
        np.testing.assert_allclose(whole[name], parts[name], rtol=1e-12)


def width(labels, p, clusters):
    samples = resample(labels, p, clusters, draw(clusters.max() + 1, 400))
    found = estimates(measure(labels, p), samples)["auroc"]
    assert found.low < found.value < found.high
    return found.high - found.low


def test_copies_of_windows_make_no_interval_narrower():
    labels, p = noisy(200)
    once = width(labels, p, np.arange(200))
    four_times = (np.tile(labels, 4), np.tile(p, 4))
    as_clusters = width(*four_times, np.tile(np.arange(200), 4))
    as_if_independent = width(*four_times, np.arange(800))
    assert as_clusters == pytest.approx(once, rel=0.02)
    assert as_if_independent == pytest.approx(once / 2, rel=0.15)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    def covers(seed):
        rng = np.random.default_rng(seed)
        labels = np.repeat([0, 1], 100)
        p = rng.normal(labels, 1)  # the true AUROC is Phi(1 / sqrt 2)
        found = estimates(
            measure(labels, p), resample(labels, p, np.arange(200), draw(200, 300, seed))
        )["auroc"]
        return found.low < 0.7602 < found.high

    assert sum(covers(seed) for seed in range(100)) >= 88


def test_a_calibration_error_lies_in_its_interval():
    rng = np.random.default_rng(0)
    p = rng.random(300)
    labels = (rng.random(300) < p).astype(int)
    samples = resample(labels, p, np.arange(300), draw(300, 300))
    found = estimates(measure(labels, p), samples)["ece"]
    assert 0 <= found.low <= found.value <= found.high


def test_resamples_without_a_value_are_left_out():
    assert interval(np.array([np.nan, 1.0, 1.0])) == (1.0, 1.0)
    assert all(math.isnan(bound) for bound in interval(np.array([np.nan])))
    none = resample(np.array([0, 1]), np.array([0.1, 0.9]), np.arange(2), draw(2, 0))
    assert all(math.isnan(bound) for bound in interval(none["auroc"]))
