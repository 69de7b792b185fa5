"""Calibration of log-odds, and probabilities at a prior.

`sigmoid` and `log_odds` are not those of scipy.special, which differ in the last bits and take long
to import.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Convert log-odds to probabilities without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(x, dtype=np.float64)))


def log_odds(p: np.ndarray | float) -> np.ndarray:
    """Convert probabilities to log-odds, finite for 0 and 1 (clipped at a distance of 1e-15)."""
    p = np.clip(np.asarray(p, dtype=np.float64), 1e-15, 1 - 1e-15)
    return np.log(p) - np.log1p(-p)


@dataclass(frozen=True, eq=False)
class Calibration:
    """A line in log-odds for each type (Platt, Advances in Large Margin Classifiers, 1999)."""

    # slope, intercept: (M,), float64: ``score = sigmoid(slope * logit + intercept)``; slopes are
    # positive, so that the order of scores does not change
    slope: np.ndarray
    intercept: np.ndarray
    fitted_on: str = ""  # Description of the data, for the model card; empty if not fitted

    @classmethod
    def identity(cls, modifications: int) -> Calibration:
        """Return the calibration that changes nothing, for M modifications."""
        return cls(np.ones(modifications), np.zeros(modifications))

    def log_odds(self, logits: np.ndarray) -> np.ndarray:
        """Calibrate logits (..., M) to log-odds at the even class ratio (..., M)."""
        return self.slope * np.asarray(logits, dtype=np.float64) + self.intercept

    def score(self, logits: np.ndarray) -> np.ndarray:
        """Calibrate logits (..., M) to probabilities at the even class ratio (..., M)."""
        return sigmoid(self.log_odds(logits))

    def logit_at(self, score: float) -> np.ndarray:
        """Return the logit (M,) of each type that has a given score."""
        return (log_odds(score) - self.intercept) / self.slope


def at_prior(score: np.ndarray, prior: np.ndarray | float) -> np.ndarray:
    """Convert a probability at the even class ratio to one at a prior.

    By Bayes' rule the log-odds shift by those of the prior (Elkan, The foundations of
    cost-sensitive learning, 2001, theorem 2, from a base rate of one half).

    Parameters
    ----------
    score : np.ndarray, shape (...)
        Probability if half of all candidates were modified.
    prior : np.ndarray or float
        Share of candidates that are modified.
    """
    return sigmoid(log_odds(score) + log_odds(prior))


def fit_line(logits: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Fit slope and intercept by logistic regression with equal weight for both classes.

    Targets are moved slightly away from 0 and 1, as Platt does, so that the slope is finite for
    few or separable windows.

    Parameters
    ----------
    logits : np.ndarray, shape (N,)
    labels : np.ndarray, shape (N,), 0 or 1

    Returns
    -------
    slope, intercept : float
        (1, 0) with a single class, or if the logits do not rise with the label.
    """
    from scipy.optimize import minimize

    positive = np.asarray(labels) == 1
    n_pos, n_neg = int(positive.sum()), int((~positive).sum())
    if n_pos == 0 or n_neg == 0:
        return 1.0, 0.0
    target = np.where(positive, (n_pos + 1) / (n_pos + 2), 1 / (n_neg + 2))
    weight = np.where(positive, 0.5 / n_pos, 0.5 / n_neg)
    x = np.asarray(logits, dtype=np.float64)

    def loss(line: np.ndarray) -> tuple[float, np.ndarray]:
        z = line[0] * x + line[1]
        error = weight * (sigmoid(z) - target)
        value = weight * (np.logaddexp(0, z) - target * z)
        return float(value.sum()), np.array([error @ x, error.sum()])

    line = minimize(loss, np.array([1.0, 0.0]), jac=True, method="BFGS").x
    return (float(line[0]), float(line[1])) if line[0] > 0 else (1.0, 0.0)


def cross_fitted(
    logits: np.ndarray, labels: np.ndarray, groups: np.ndarray, *, folds: int = 5, seed: int = 0
) -> np.ndarray:
    """Calibrate each window by a line fitted without the window and its group.

    Parameters
    ----------
    logits : np.ndarray, shape (N,)
    labels : np.ndarray, shape (N,), 0 or 1
    groups : np.ndarray, shape (N,), int
        Windows of one group, for example a cluster of overlapping ones, are left out together.
    folds : int
        Number of folds, to which groups are assigned at random.

    Returns
    -------
    np.ndarray, shape (N,), float64
        Log-odds at the even class ratio.
    """
    _, group = np.unique(groups, return_inverse=True)
    order = np.random.default_rng(seed).permutation(int(group.max(initial=-1)) + 1)
    fold = order[group] % folds
    calibrated = np.empty(len(logits))
    for k in range(folds):
        left_out = fold == k
        slope, intercept = fit_line(logits[~left_out], labels[~left_out])
        calibrated[left_out] = slope * logits[left_out] + intercept
    return calibrated


class Recalibration(NamedTuple):
    """Calibration slope and intercept, 1 and 0 for a calibrated model."""

    # (R,): Slope of the labels regressed on the log-odds (Cox, Biometrika 45:562, 1958); below 1
    # for an overconfident model
    slope: np.ndarray
    # (R,): Intercept at a slope of 1 (calibration in the large); above 0 if scores are too low
    intercept: np.ndarray


_STEPS, _FAR, _CLOSE = 60, 50.0, 1e-7


def recalibrate(log_odds: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> Recalibration:
    """Measure calibration slope and intercept under many weightings at once.

    Plain logistic regression without class weights, as in Van Calster et al. (A calibration
    hierarchy for risk models, J Clin Epidemiol 74:167, 2016). scikit-learn would fit the
    weightings one by one.

    Parameters
    ----------
    log_odds : np.ndarray, shape (N,)
    labels : np.ndarray, shape (N,), 0 or 1
    weights : np.ndarray, shape (R, N)
        At least 0.

    Returns
    -------
    Recalibration
        nan where a class has no weight, or windows are separable.
    """
    x = np.asarray(log_odds, dtype=np.float64)
    y = (np.asarray(labels) == 1).astype(np.float64)
    weights = np.asarray(weights, dtype=np.float64)
    start = np.array([[1.0, 0.0]])
    both = ((weights @ y) > 0) & ((weights @ (1 - y)) > 0)
    line = np.repeat(_logistic(x, y, np.ones((1, len(x))), start), len(weights), axis=0)
    line = np.where(np.isfinite(line), line, start)
    line[both] = _logistic(x, y, weights[both], line[both])
    shift = np.tile(start, (len(weights), 1))
    shift[both] = _logistic(x, y, weights[both], shift[both], sloped=False)
    line[~both] = shift[~both] = np.nan
    return Recalibration(line[:, 0], shift[:, 1])


def _logistic(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray, start: np.ndarray, *, sloped: bool = True
) -> np.ndarray:
    """Fit slope and intercept, (R, 2), by Newton's method; nan where it diverges."""
    line = start.copy()
    scale = max(float(np.abs(x).max(initial=0.0)), 1.0)
    going = np.arange(len(line))
    for _ in range(_STEPS):
        p = sigmoid(line[going, :1] * x + line[going, 1:])
        w = weights[going]
        error, spread = w * (y - p), w * p * (1 - p)
        g = np.stack([error @ x, error.sum(axis=1)], axis=1)
        a, b, c = spread @ (x * x), spread @ x, spread.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            if sloped:
                det = a * c - b * b
                step = np.stack(
                    [(c * g[:, 0] - b * g[:, 1]) / det, (a * g[:, 1] - b * g[:, 0]) / det], axis=1
                )
            else:
                step = np.stack([np.zeros(len(going)), g[:, 1] / c], axis=1)
            # Limit the change of any log-odds to two, against overshooting
            longest = np.abs(step[:, 0]) * scale + np.abs(step[:, 1])
            step *= np.minimum(1, 2 / longest)[:, None]
        line[going] += np.nan_to_num(step, nan=np.inf)
        far = ~(np.abs(line[going]) < _FAR).all(axis=1)
        line[going[far]] = np.nan
        going = going[~far & (longest > _CLOSE)]
        if not len(going):
            return line
    line[going] = np.nan
    return line
