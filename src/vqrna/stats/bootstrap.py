"""How sure is a measure: intervals from resampling clusters of overlapping windows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from vqrna.stats.metrics import METRICS, measure_weighted

RESAMPLES = 1000
LEVEL = 0.95

_BLOCK = 500_000
"""Weights held in memory at once; small enough to stay in the processor's cache."""


class Estimate(NamedTuple):
    """A value and the bounds of its interval; nan where there is none."""

    value: float
    low: float
    high: float


def draw(n_clusters: int, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """Draw clusters with replacement.

    Windows that overlap are not independent, so whole clusters are drawn. One set of draws serves
    all types and models: then means over types, and differences between models, can be taken
    resample by resample.

    Parameters
    ----------
    n_clusters : int
    resamples : int
    seed : int

    Returns
    -------
    np.ndarray, shape (resamples, n_clusters), int16
        How often each cluster was drawn; a row sums to `n_clusters`.
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
    """All measures of each resample.

    Parameters
    ----------
    labels, probabilities : np.ndarray, shape (N,)
        As in :func:`vqrna.stats.metrics.measure`.
    clusters : np.ndarray, shape (N,), int
        Column of `draws` that each window belongs to.
    draws : np.ndarray, shape (R, C)
        From :func:`draw`.
    threshold : float

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
    """Give each measure its interval.

    Percentiles of the resamples. Only the calibration error needs more care: a resample holds the
    chance differences of the sample and its own on top, of which the correction takes off one, so
    its resamples lie too high. They are moved so that their median is the value, and end at 0.

    Parameters
    ----------
    values : mapping of str to float
        Measures of the windows as they are.
    samples : mapping of str to np.ndarray, shape (R,)
        The same of each resample.
    level : float

    Returns
    -------
    dict of str to Estimate
    """
    found = {}
    for name, value in values.items():
        resampled = samples[name]
        if name == "ece" and not np.isnan(resampled).all():
            resampled = np.maximum(resampled - np.nanmedian(resampled) + value, 0.0)
        found[name] = Estimate(value, *interval(resampled, level=level))
    return found


def interval(samples: np.ndarray, *, level: float = LEVEL) -> tuple[float, float]:
    """Percentile interval of resampled values.

    Resamples in which the measure has no meaning (nan) are left out.

    Parameters
    ----------
    samples : np.ndarray, shape (R,)
    level : float

    Returns
    -------
    low, high : float
        nan if no resample has a value.
    """
    defined = samples[~np.isnan(samples)]
    if not defined.size:
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
