"""From log-odds to probabilities: at the benchmark's even ratio, and at a realistic prior."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Turn log-odds into probabilities without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(x, dtype=np.float64)))


def log_odds(p: np.ndarray | float) -> np.ndarray:
    """Turn probabilities into log-odds; 0 and 1 become finite (about 1e-15 away)."""
    p = np.clip(np.asarray(p, dtype=np.float64), 1e-15, 1 - 1e-15)
    return np.log(p) - np.log1p(-p)


@dataclass(frozen=True, eq=False)
class Calibration:
    """A line in log-odds for each type (Platt, Advances in Large Margin Classifiers, 1999).

    Parameters
    ----------
    slope, intercept : np.ndarray, shape (M,), float64
        ``score = sigmoid(slope * logit + intercept)``; slopes are positive, so that ranks stay.
    fitted_on : str
        What it was fitted on, for the model card; empty if it was not fitted.
    """

    slope: np.ndarray
    intercept: np.ndarray
    fitted_on: str = ""

    @classmethod
    def identity(cls, modifications: int) -> Calibration:
        """Give the calibration that changes nothing, for M modifications."""
        return cls(np.ones(modifications), np.zeros(modifications))

    def log_odds(self, logits: np.ndarray) -> np.ndarray:
        """Calibrate logits (..., M) to log-odds at the even class ratio (..., M)."""
        return self.slope * np.asarray(logits, dtype=np.float64) + self.intercept

    def score(self, logits: np.ndarray) -> np.ndarray:
        """Calibrate logits (..., M) to probabilities at the even class ratio (..., M)."""
        return sigmoid(self.log_odds(logits))

    def logit_of(self, score: float) -> np.ndarray:
        """Give, for each type, the logit (M,) that has a given score."""
        return (log_odds(score) - self.intercept) / self.slope


def at_prior(score: np.ndarray, prior: np.ndarray | float) -> np.ndarray:
    """Move a probability from the even class ratio to a prior.

    By Bayes' rule the log-odds shift by those of the prior (Elkan, The foundations of
    cost-sensitive learning, 2001, theorem 2, from a base rate of one half).

    Parameters
    ----------
    score : np.ndarray, shape (...)
        Probability where half of all candidates are modified.
    prior : np.ndarray or float
        Share of candidates that is modified.
    """
    return sigmoid(log_odds(score) + log_odds(prior))


def fit_line(logits: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Fit slope and intercept by logistic regression in which both classes weigh the same.

    Targets are drawn in a little from 0 and 1, as Platt does, so that few or separable windows
    give no infinite slope.

    Parameters
    ----------
    logits : np.ndarray, shape (N,)
    labels : np.ndarray, shape (N,), 0 or 1

    Returns
    -------
    slope, intercept : float
        (1, 0) if only one class is there or the logits do not rise with the label.
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

    found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="BFGS").x
    return (float(found[0]), float(found[1])) if found[0] > 0 else (1.0, 0.0)
