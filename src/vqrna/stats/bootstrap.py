"""Bootstrap intervals from resampled clusters of overlapping windows.

Own code in place of :func:`scipy.stats.bootstrap`, which cannot reuse one set of resampled clusters
for several types and models.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from vqrna.stats.metrics import METRICS, measure_weighted

RESAMPLES = 1000
LEVEL = 0.95

_BLOCK = 500_000
"""Weights in memory at once; few enough for the processor's cache."""


class Estimate(NamedTuple):
    """A value and the bounds of its interval; nan if undefined."""

    value: float
    low: float
    high: float


def draw(n_clusters: int, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """Draw clusters with replacement.

    Overlapping windows are not independent, so whole clusters are drawn. All types and models use
    the same draws, so that means over types and differences between models can be computed
    resample by resample.

    Returns
    -------
    np.ndarray, shape (resamples, n_clusters), int16
        Number of draws of each cluster; a row sums to `n_clusters`.
    """
    if n_clusters == 0:
        return np.zeros((resamples, 0), dtype=np.int16)
    rng = np.random.default_rng(seed)
    counts = np.empty((resamples, n_clusters), dtype=np.int16)
    for row in counts:
        row[:] = np.bincount(rng.integers(0, n_clusters, n_clusters), minlength=n_clusters)
    return counts


def resample(
    labels: np.ndarray,
    probabilities: np.ndarray,
    clusters: np.ndarray,
    draws: np.ndarray,
    *,
    threshold: float = 0.5,
) -> dict[str, np.ndarray]:
    """Compute all measures for each resample.

    Parameters
    ----------
    labels, probabilities : np.ndarray, shape (N,)
        As in :func:`vqrna.stats.metrics.measure`.
    clusters : np.ndarray, shape (N,), int
        Column of `draws` for each window.
    draws : np.ndarray, shape (R, C)
        From :func:`draw`.

    Returns
    -------
    dict of str to np.ndarray, shape (R,)
        nan for a resample without one of the classes.
    """
    block = max(1, _BLOCK // max(1, len(labels)))
    parts = [
        measure_weighted(
            labels, probabilities, draws[start : start + block][:, clusters], threshold=threshold
        )
        for start in range(0, max(1, len(draws)), block)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in METRICS}


def estimates(
    values: Mapping[str, float], samples: Mapping[str, np.ndarray], *, level: float = LEVEL
) -> dict[str, Estimate]:
    """Return each measure with its percentile interval.

    Resamples of the calibration error are too high: a resample adds its own chance differences to
    those of the sample, and the bias correction removes only one of the two. They are shifted so
    that their median is the value, and cut off at 0.

    Parameters
    ----------
    values : mapping of str to float
        Measures of the windows.
    samples : mapping of str to np.ndarray, shape (R,)
        Measures of each resample.

    Returns
    -------
    dict of str to Estimate
    """
    intervals = {}
    for name, value in values.items():
        resampled = samples[name]
        if name == "ece" and not np.isnan(resampled).all():
            resampled = np.maximum(resampled - np.nanmedian(resampled) + value, 0.0)
        intervals[name] = Estimate(value, *interval(resampled, level=level))
    return intervals


def interval(samples: np.ndarray, *, level: float = LEVEL) -> tuple[float, float]:
    """Return the percentile interval of resampled values (R,), nan left out; nan without values."""
    defined = samples[~np.isnan(samples)]
    if not defined.size:
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
