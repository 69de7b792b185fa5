"""Calibration for scans: evidence as a rising function of the logit, and probabilities at a prior.

Among balanced windows, a logit is converted to a score by a line (:mod:`vqrna.stats.calibration`).
A scan compares every site with the other positions of its own surroundings, where the regional
evidence is the same, and with much unrelated sequence. Here the log-odds of a site in such a
mixture are a piecewise linear function of the logit. The log-odds minus those of the prior are
called evidence (the weight of evidence, a log likelihood ratio), so another prior shifts them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vqrna.stats.calibration import Calibration, log_odds, sigmoid
from vqrna.stats.tiers import EDGE, PROBABILITIES

WINDOW_KINDS = ("whole", "cut", "edge")
"""Kinds of windows: inside the sequence, beyond an end of it, and beyond an end fewer than
:data:`vqrna.stats.tiers.EDGE` nt from the site. Each kind has curves of its own."""

FEWEST_SITES = 20
"""Fewest sites for a curve."""

_SITE_QUANTILES = (0.02, 0.1, 0.25, 0.4, 0.55, 0.7, 0.82, 0.92)
"""Quantiles of the logits of sites at which a curve may change its slope; above the last it is
constant, so that no probability is stated that few sites support."""

_LOW_QUANTILE = 0.5
"""Quantile of the other positions for one more knot, if it is below those of the sites."""

_APART = 0.3
"""Smallest distance of that knot from the next."""

_SMOOTH = 1.0
"""Penalty of the squared changes of slope, in units of the log-loss of one site."""

_GUARD = 3.0
"""Fewest unmodified positions added at the last knot, against certainty from few positions. The
number is the largest weight of an unmodified position if that is higher."""

_GRID = (300, 1000)
"""Number of bins of the logits over their quantiles, and over the highest twentieth."""


@dataclass(frozen=True, eq=False)
class Curve:
    """A piecewise linear, rising function of the logit: constant above, linear below its knots."""

    knots: np.ndarray  # (K,), float64: Logits, rising; at least two
    values: np.ndarray  # (K,), float64: Evidence at the knots, never falling

    @classmethod
    def line(cls, slope: float, intercept: float) -> Curve:
        """Return a line, which ends at a value of 40."""
        knots = np.array([-1.0, (40 - intercept) / slope])
        knots[0] = min(knots[0], knots[1] - 1)
        return cls(knots, slope * knots + intercept)

    def __call__(self, logits: np.ndarray) -> np.ndarray:
        """Return the evidence (...) at logits (...)."""
        x = np.asarray(logits, dtype=np.float64)
        slope = (self.values[1] - self.values[0]) / (self.knots[1] - self.knots[0])
        below = np.minimum(x - self.knots[0], 0) * slope
        return np.interp(x, self.knots, self.values) + below

    def logit_at(self, evidence: float) -> float:
        """Return the lowest logit with at least this evidence; infinity if it is never reached."""
        if evidence > self.values[-1]:
            return float("inf")
        first = int(np.searchsorted(self.values, evidence))
        if first:
            share = (evidence - self.values[first - 1]) / np.diff(self.values)[first - 1]
            return float(self.knots[first - 1] + share * np.diff(self.knots)[first - 1])
        rise = self.values[1] - self.values[0]
        if rise <= 0:
            return float("-inf") if evidence < self.values[0] else float(self.knots[0])
        run = self.knots[1] - self.knots[0]
        return float(self.knots[0] + (evidence - self.values[0]) * run / rise)


@dataclass(frozen=True, eq=False)
class ScanCalibration:
    """Curves of all types, for each kind of window."""

    # One entry per type with a curve for each of `WINDOW_KINDS`, or None if it was not measured
    curves: tuple[tuple[Curve, ...] | None, ...]
    fitted_on: str = ""  # Description of the data; empty if nothing was measured

    @classmethod
    def none(cls, modifications: int) -> ScanCalibration:
        """Return a calibration without curves, for a model that was not calibrated."""
        return cls((None,) * modifications)

    @property
    def measured(self) -> np.ndarray:
        """Which types have curves, shape (M,), bool."""
        return np.array([curves is not None for curves in self.curves], dtype=bool)

    def completed(self, lines: Calibration) -> tuple[tuple[Curve, ...], ...]:
        """Return curves of all types; those of the balanced calibration where none was measured."""
        return tuple(
            curves or (Curve.line(float(slope), float(intercept)),) * len(WINDOW_KINDS)
            for curves, slope, intercept in zip(
                self.curves, lines.slope, lines.intercept, strict=True
            )
        )

    def highest(self, columns: np.ndarray, priors: np.ndarray) -> np.ndarray:
        """Return the highest probability of some types (K,) at priors (K,); nan if not measured."""
        highest = np.full(len(columns), np.nan)
        for k, column in enumerate(columns):
            curves = self.curves[column]
            if curves is not None:
                top = max(float(curve.values[-1]) for curve in curves)
                highest[k] = probabilities(np.array(top), priors[k])
        return highest

    def thresholds(self, priors: np.ndarray, kind: str = "whole") -> np.ndarray:
        """Return the lowest logit of each tier at priors (M,): shape (M, 3).

        Infinite where no logit reaches a tier, or nothing was measured.
        """
        thresholds = np.full((len(self.curves), len(PROBABILITIES)), np.inf)
        for row, curves, prior in zip(thresholds, self.curves, priors, strict=True):
            if curves is not None:
                curve = curves[WINDOW_KINDS.index(kind)]
                row[:] = [
                    curve.logit_at(float(log_odds(p) - log_odds(prior))) for p in PROBABILITIES
                ]
        return thresholds


def window_kinds(to_end: np.ndarray, half: int) -> np.ndarray:
    """Return the kind of window of each site, as indices of `WINDOW_KINDS`.

    Parameters
    ----------
    to_end : np.ndarray, shape (...), int
        Distance of the site to the nearer end of its sequence, in nt.
    half : int
        Nt of a whole window on either side of the site.
    """
    return (to_end < half).astype(np.uint8) + (to_end < min(EDGE, half))


def probabilities(evidence: np.ndarray, prior: np.ndarray | float) -> np.ndarray:
    """Convert evidence to the probability at a prior."""
    return sigmoid(np.asarray(evidence) + log_odds(prior))


def fit_curve(
    logits: np.ndarray, is_site: np.ndarray, weights: Sequence[np.ndarray], prior: float
) -> Curve | None:
    """Fit a curve by weighted logistic regression, once for each weighting, and average them.

    Parameters
    ----------
    logits : np.ndarray, shape (N,)
    is_site : np.ndarray, shape (N,), bool
    weights : sequence of np.ndarray, shape (N,)
        Weights with which the positions are a scan at the prior: sites weigh 1. Several
        weightings bound what is not known; the mean of their log-odds is returned.
    prior : float
        Share of sites in each weighting.

    Returns
    -------
    Curve or None
        None with fewer than `FEWEST_SITES` sites, or too few different logits.
    """
    sites = logits[is_site]
    if len(sites) < FEWEST_SITES or is_site.all():
        return None
    knots = np.quantile(sites, _SITE_QUANTILES)
    low = np.quantile(logits[~is_site], _LOW_QUANTILE)
    if low < knots[0] - _APART:
        knots = np.append(low, knots)
    knots = np.unique(knots)
    if len(knots) < 2:
        return None
    fits = [_fit(*_binned(logits, is_site, each, knots[-1]), knots, prior) for each in weights]
    return Curve(knots, np.mean(fits, axis=0))


def _binned(
    logits: np.ndarray, is_site: np.ndarray, weights: np.ndarray, top: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reduce positions to weighted mean logits of fine bins, and add the guard."""
    used = weights > 0
    x, y, w = logits[used].astype(np.float64), is_site[used], weights[used]
    coarse, fine = _GRID
    high = np.linspace(np.quantile(x, 0.95), x.max(), fine)
    edges = np.unique(np.concatenate([np.quantile(x, np.linspace(0, 1, coarse)), high]))
    part = (np.searchsorted(edges, x, side="right") - 1).clip(0)
    guard = max(_GUARD, float(w[~y].max(initial=0)))
    columns = [(np.array([top]), np.zeros(1), np.array([guard]))]
    for label in (False, True):
        own = y == label
        total = np.bincount(part[own], w[own], len(edges))
        filled = total > 0
        mean = np.bincount(part[own], w[own] * x[own], len(edges))[filled] / total[filled]
        columns.append((mean, np.full(len(mean), float(label)), total[filled]))
    x, y, w = (np.concatenate(each) for each in zip(*columns, strict=True))
    return x, y, w


def _fit(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray, knots: np.ndarray, prior: float
) -> np.ndarray:
    """Return the values of the curve at the knots, from labels `y` of weighted logits."""
    from scipy.optimize import minimize

    segments = np.stack([np.clip(x, a, b) - a for a, b in itertools.pairwise(knots)], axis=1)
    segments[:, 0] = np.minimum(x, knots[1]) - knots[0]  # linear below the first knot
    n_sites = weights[y == 1].sum()

    def loss(line: np.ndarray) -> tuple[float, np.ndarray]:
        z = log_odds(prior) + line[0] + segments @ line[1:]
        error = weights * (sigmoid(z) - y)
        bend = np.diff(line[1:])
        value = float((weights * (np.logaddexp(0, z) - y * z)).sum() + _SMOOTH * (bend**2).sum())
        slope = np.concatenate([[error.sum()], segments.T @ error])
        slope[2:] += 2 * _SMOOTH * bend
        slope[1:-1] -= 2 * _SMOOTH * bend
        return value / n_sites, slope / n_sites

    start = np.concatenate([[0.0], np.full(len(knots) - 1, 0.5)])
    bounds = [(None, None)] + [(0, None)] * (len(knots) - 1)
    options = {"maxiter": 2000, "ftol": 1e-12, "gtol": 1e-8}
    line = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
    return line[0] + np.concatenate([[0.0], np.cumsum(line[1:] * np.diff(knots))])
