"""Calibration of scores: slope, intercept, Brier score and calibration error of each type.

Both the calibration of the model and one fitted on other windows of the same split (cross-fitted)
are measured, because the model's may have been fitted on these very windows. A score assumes an
even class ratio, so both classes of a type have the same weight in every resample (among windows
that overlap no training window, more are unmodified).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vqrna.data.windows import RANDOM
from vqrna.evaluation.cells import look_up
from vqrna.stats.bootstrap import Estimate, estimates, interval
from vqrna.stats.calibration import cross_fitted, log_odds, recalibrate, sigmoid
from vqrna.stats.metrics import CALIBRATION_BINS, brier, ece

METRICS = ("slope", "intercept", "brier", "ece")
"""Measures in the order of the table; `ece` is bias-corrected (`vqrna.stats.metrics.ece`)."""

BROUGHT, CROSS_FITTED = "model", "cross-fitted"
"""Calibrations: that of the model, and one fitted on other windows."""

PERFECT = "ece_perfect"
"""Mean and range of `ece` for labels drawn by the scores, as if these were right."""

_PERFECT_DRAWS = 100

POOLED = "pooled"
"""Modification of the rows for all types together."""

FOLDS = 5

_BLOCK = 1_000_000
"""Weights held in memory at once."""

_KEYS = ["modification", "windows", "calibration", "n_pos", "n_neg"]


@dataclass(frozen=True, eq=False)
class Reliability:
    """Calibration of scores where half of the windows are modified."""

    # One row for each value: ``modification`` (or ``pooled``: all windows of all types),
    # ``windows``, ``calibration`` (``model`` or ``cross-fitted``), ``n_pos``, ``n_neg``, ``metric``
    # (one of `METRICS`, or `PERFECT`), ``value``, ``low``, ``high``
    table: pd.DataFrame
    # Reliability diagrams, one row for each tenth of the windows by score: ``modification``,
    # ``windows``, ``calibration``, ``n``, mean ``score``, ``share`` of modified windows, and its 95
    # % interval (Wilson) ``low``, ``high``
    groups: pd.DataFrame

    def value(
        self,
        modification: str = POOLED,
        metric: str = "ece",
        *,
        windows: str = "all",
        calibration: str = CROSS_FITTED,
    ) -> Estimate:
        """Return one value with its interval; KeyError if it was not measured."""
        return look_up(
            self.table,
            modification=modification,
            windows=windows,
            calibration=calibration,
            metric=metric,
        )


def reliability(
    scores: pd.DataFrame, draws: np.ndarray, *, folds: int = FOLDS, seed: int = 0
) -> Reliability:
    """Measure calibration on modified windows and random negatives, with nothing masked.

    Parameters
    ----------
    scores : pandas.DataFrame
        As in :class:`vqrna.evaluation.Evaluation`.
    draws : np.ndarray, shape (R, clusters)
        From :func:`vqrna.stats.bootstrap.draw`.
    folds : int
        Number of folds of clusters for the cross-fitting, within each set of windows:
        non-overlapping windows are calibrated on other non-overlapping windows.
    seed : int
        Seed of the folds.
    """
    used = scores[(scores["flanks"] == "none") & scores["negatives"].isin(["", RANDOM])]
    lines, groups = [], []
    for windows, symbol, calibration, cell in _cells(used, folds, seed):
        x, y = cell["x"].to_numpy(), cell["label"].to_numpy()
        n_pos = int((y == 1).sum())
        strata = 2 * pd.factorize(cell["modification"])[0] + (y == 1)
        values, samples = _measure(x, y, strata, cell["cluster"].to_numpy(), draws)
        key = (symbol, windows, calibration, n_pos, len(y) - n_pos)
        for metric, estimate in estimates(values, samples).items():
            lines.append((*key, metric, *estimate))
        lines.append((*key, PERFECT, *perfect_error(sigmoid(x), seed)))
        even = balanced(np.ones((1, len(x))), strata)[0]
        for group in _groups(sigmoid(x), y, even):
            groups.append((*key[:3], *group))
    return Reliability(
        pd.DataFrame(lines, columns=[*_KEYS, "metric", *Estimate._fields]),
        pd.DataFrame(groups, columns=[*_KEYS[:3], "n", "score", "share", "low", "high"]),
    )


def _cells(
    scores: pd.DataFrame, folds: int, seed: int
) -> Iterator[tuple[str, str, str, pd.DataFrame]]:
    """Yield windows, type, calibration, and calibrated log-odds ``x`` with label and cluster."""
    known = not scores["non_overlapping"].isna().any()
    for windows in ("all", "non_overlapping") if known else ("all",):
        part = scores if windows == "all" else scores[scores["non_overlapping"].astype(bool)]
        for calibration in (BROUGHT, CROSS_FITTED):
            pool = []
            for symbol, of_type in part.groupby("modification", sort=False):
                y = of_type["label"].to_numpy()
                if calibration == BROUGHT:
                    x = log_odds(of_type["score"].to_numpy())
                else:
                    cluster = of_type["cluster"].to_numpy()
                    x = cross_fitted(
                        of_type["logit"].to_numpy(), y, cluster, folds=folds, seed=seed
                    )
                pool.append(of_type[["modification", "label", "cluster"]].assign(x=x))
                yield windows, str(symbol), calibration, pool[-1]
            if len(pool) > 1:
                yield windows, POOLED, calibration, pd.concat(pool)


def perfect_error(p: np.ndarray, seed: int = 0, draws: int = _PERFECT_DRAWS) -> Estimate:
    """Estimate the calibration error of scores that are right.

    With few windows the estimated error is above 0 even then: the bias correction removes about
    half of what chance adds. Labels are drawn by the scores (consistency resampling: Broecker and
    Smith, Weather and Forecasting 22:651, 2007).

    Parameters
    ----------
    p : np.ndarray, shape (N,)
        Scores.
    draws : int
        Number of draws of labels.

    Returns
    -------
    Estimate
        Mean, and bounds that hold 95 % of the draws.
    """
    generator = np.random.default_rng(seed)
    labels = generator.random((draws, len(p))) < p
    # Each window occurs once modified and once unmodified; a draw has weight on one of the two
    both = np.concatenate([labels, ~labels], axis=1).astype(np.float64)
    errors = ece(np.repeat([1, 0], len(p)), np.tile(p, 2), both)
    return Estimate(float(errors.mean()), *interval(errors))


def balanced(weights: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """Return weights with equal totals of both classes of each type, which sum to the windows.

    Parameters
    ----------
    weights : np.ndarray, shape (R, N)
        Counts of each resample.
    strata : np.ndarray, shape (N,), int
        Class of each window, ``2 * type + label``; types weigh by their number of windows.

    Returns
    -------
    np.ndarray, shape (R, N), float64
        0 for a class that is missing from a resample.
    """
    even = weights.astype(np.float64)
    for modification_index in np.unique(strata // 2):
        n = int((strata // 2 == modification_index).sum())
        for stratum in (2 * modification_index, 2 * modification_index + 1):
            member = strata == stratum
            total = even[:, member].sum(axis=1, keepdims=True)
            even[:, member] *= np.divide(n / 2, total, out=np.zeros_like(total), where=total > 0)
    return even


def _measure(
    x: np.ndarray, y: np.ndarray, strata: np.ndarray, cluster: np.ndarray, draws: np.ndarray
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Measure all windows, and each resample."""
    block = max(1, _BLOCK // max(1, len(x)))
    plain = _measures(x, y, balanced(np.ones((1, len(x))), strata))
    parts = [
        _measures(x, y, balanced(draws[start : start + block][:, cluster], strata))
        for start in range(0, max(1, len(draws)), block)
    ]
    values = {name: float(measured[0]) for name, measured in plain.items()}
    return values, {name: np.concatenate([part[name] for part in parts]) for name in METRICS}


def _measures(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    slope, intercept = recalibrate(x, y, weights)
    p = sigmoid(x)
    return {
        "slope": slope,
        "intercept": intercept,
        "brier": brier(y, p, weights),
        "ece": ece(y, p, weights),
    }


def _groups(
    p: np.ndarray, y: np.ndarray, even: np.ndarray
) -> Iterator[tuple[int, float, float, float, float]]:
    """Yield n, mean score, share and interval of each tenth by score, as in the `ece`."""
    if not len(p):
        return
    edges = np.quantile(p, np.arange(1, CALIBRATION_BINS) / CALIBRATION_BINS)
    group = np.searchsorted(edges, p, side="right")
    for g in np.unique(group):
        member = group == g
        n, weight = int(member.sum()), even[member]
        if weight.sum() > 0:
            share = float(weight @ (y[member] == 1) / weight.sum())
            yield n, float(weight @ p[member] / weight.sum()), share, *wilson(share, n)


def wilson(share: float, n: float, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % interval of a share of n (Wilson, J Am Stat Assoc 22:209, 1927)."""
    if not n:
        return 0.0, 1.0
    middle = (n * share + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * np.sqrt(n * share * (1 - share) + z * z / 4)
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Divide; nan where the whole is 0."""
    part, whole = np.broadcast_arrays(part, whole)
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
