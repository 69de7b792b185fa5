"""Nine measures of scores, each for many weightings of the same windows at once.

Every function takes weights of shape (R, N): one row is one weighting of the same N windows, such
as the counts of a bootstrap resample; a row of ones yields the plain value. The results equal
scikit-learn's with ``sample_weight``, which would be called once per resample.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

METRICS = ("acc", "bacc", "se", "sp", "mcc", "auroc", "auprc", "brier", "ece")
"""The measures, in the order of every table."""

TITLES = {
    "acc": "ACC", "bacc": "BACC", "se": "SE", "sp": "SP", "mcc": "MCC",
    "auroc": "AUROC", "auprc": "AUPRC", "brier": "Brier", "ece": "ECE",
}  # fmt: skip
"""Names in tables and figures."""

CALIBRATION_BINS = 10

_normal_tail: Callable[[np.ndarray], np.ndarray] = np.vectorize(math.erfc, otypes=[float])


class Confusion(NamedTuple):
    """Weighted counts of right and wrong decisions, each of shape (R,)."""

    true_positive: np.ndarray
    false_negative: np.ndarray
    true_negative: np.ndarray
    false_positive: np.ndarray


def measure(
    labels: np.ndarray, probabilities: np.ndarray, *, threshold: float = 0.5
) -> dict[str, float]:
    """Compute all measures for one set of windows.

    Parameters
    ----------
    labels : np.ndarray, shape (N,)
        1 for modified, 0 for unmodified.
    probabilities : np.ndarray, shape (N,)
        Between 0 and 1.
    threshold : float
        Lowest probability that is called modified.

    Returns
    -------
    dict of str to float
        By name, in the order of `METRICS`; nan where a measure is undefined (a single class, no
        windows).
    """
    ones = np.ones((1, len(labels)))
    measures = measure_weighted(labels, probabilities, ones, threshold=threshold)
    return {name: float(values[0]) for name, values in measures.items()}


def measure_weighted(
    labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray, *, threshold: float = 0.5
) -> dict[str, np.ndarray]:
    """Compute all measures under many weightings (R, N); returns arrays of shape (R,) by name."""
    weights = np.asarray(weights, dtype=np.float64)
    measures = decisions(confusion(labels, probabilities, weights, threshold=threshold))
    measures["auroc"], measures["auprc"] = ranking(labels, probabilities, weights)
    measures["brier"] = brier(labels, probabilities, weights)
    measures["ece"] = ece(labels, probabilities, weights)
    return {name: measures[name] for name in METRICS}


def confusion(
    labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray, *, threshold: float = 0.5
) -> Confusion:
    """Count decisions by weight (shapes as in `measure_weighted`)."""
    called = np.asarray(probabilities) >= threshold
    positive = np.asarray(labels) == 1
    cases = (called & positive, ~called & positive, ~called & ~positive, called & ~positive)
    counts = weights @ np.stack(cases, axis=1).astype(np.float64)  # (R, 4)
    return Confusion(*counts.T)


def decisions(counts: Confusion) -> dict[str, np.ndarray]:
    """Compute accuracy, balanced accuracy, sensitivity, specificity and Matthews correlation.

    The correlation is 0 if everything or nothing is called. With a single class, the balanced
    accuracy and the correlation are nan.
    """
    tp, fn, tn, fp = counts
    se, sp = _ratio(tp, tp + fn), _ratio(tn, tn + fp)
    both = ~np.isnan(se) & ~np.isnan(sp)
    spread = np.sqrt((tp + fn) * (tn + fp) * (tp + fp) * (tn + fn))
    mcc = np.where(both & (spread == 0), 0.0, _ratio(tp * tn - fp * fn, spread))
    return {
        "acc": _ratio(tp + tn, tp + fn + tn + fp),
        "bacc": (se + sp) / 2,
        "se": se,
        "sp": sp,
        "mcc": mcc,
    }


def ranking(
    labels: np.ndarray, scores: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the area under the ROC curve and the average precision (AUPRC).

    Ties count half in the first and are one step of the second, as in scikit-learn.

    Parameters
    ----------
    labels, scores : np.ndarray, shape (N,)
    weights : np.ndarray, shape (R, N)

    Returns
    -------
    auroc, auprc : np.ndarray, shape (R,)
        nan where a class carries no weight.
    """
    if len(labels) == 0:
        return np.full(len(weights), np.nan), np.full(len(weights), np.nan)
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    ranked = np.asarray(scores)[order]
    steps = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    positive = np.asarray(labels)[order] == 1
    heavy = weights[:, order]
    positives = np.add.reduceat(heavy * positive, steps, axis=1)  # (R, steps), best score first
    negatives = np.add.reduceat(heavy * ~positive, steps, axis=1)
    above_positive = np.cumsum(positives, axis=1)
    above_negative = np.cumsum(negatives, axis=1)
    n_pos, n_neg = above_positive[:, -1], above_negative[:, -1]
    beaten = n_neg[:, None] - above_negative + negatives / 2
    auroc = _ratio((positives * beaten).sum(axis=1), n_pos * n_neg)
    called = above_positive + above_negative
    precision = np.divide(above_positive, called, out=np.zeros_like(called), where=called > 0)
    auprc = _ratio((positives * precision).sum(axis=1), n_pos)
    return auroc, np.where(n_neg > 0, auprc, np.nan)


def brier(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Compute the mean squared distance of probabilities from labels, shape (R,)."""
    squared = (np.asarray(probabilities) - (np.asarray(labels) == 1)) ** 2
    return _ratio(weights @ squared, weights.sum(axis=1))


def ece(
    labels: np.ndarray,
    probabilities: np.ndarray,
    weights: np.ndarray,
    *,
    bins: int = CALIBRATION_BINS,
) -> np.ndarray:
    """Estimate the expected calibration error, corrected for the bias of small groups.

    Windows are divided into `bins` groups of equal size by probability; in each group the mean
    probability is compared with the share of positives. In small groups the two differ by chance,
    so that the plain error of a perfect model is far from 0. As in Kumar, Liang and Ma (2019,
    "Verified Uncertainty Calibration", NeurIPS 32), the expected contribution of chance is
    subtracted, here by the closed form (the mean of a folded normal) in place of a simulation.

    Parameters
    ----------
    labels, probabilities : np.ndarray, shape (N,)
    weights : np.ndarray, shape (R, N)
        Counts; their total determines the bias of a group.

    Returns
    -------
    np.ndarray, shape (R,)
        At least 0; nan where all weights are 0.
    """
    if len(labels) == 0:
        return np.full(len(weights), np.nan)
    probabilities = np.asarray(probabilities, dtype=np.float64)
    edges = np.quantile(probabilities, np.arange(1, bins) / bins)
    group = np.searchsorted(edges, probabilities, side="right")
    member = (group[:, None] == np.arange(bins)).astype(np.float64)  # (N, bins)
    size = weights @ member  # (R, bins)
    share = _ratio(weights @ (member * (np.asarray(labels) == 1)[:, None]), size)
    mean = _ratio(weights @ (member * probabilities[:, None]), size)
    distance = np.abs(mean - share)
    noise = np.sqrt(share * (1 - share) / np.maximum(size - 1, 1))
    corrected = 2 * distance - _folded_normal_mean(distance, noise)
    total = np.nansum(size * corrected, axis=1)
    return np.maximum(_ratio(total, size.sum(axis=1)), 0.0)


def _folded_normal_mean(distance: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return the mean of the absolute value of a normal variable."""
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(noise > 0, distance / noise, np.inf)
    beyond = _normal_tail(z / math.sqrt(2)) / 2  # P(Z > z)
    return noise * math.sqrt(2 / math.pi) * np.exp(-(z**2) / 2) + distance * (1 - 2 * beyond)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Divide; nan where the whole is 0."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)
