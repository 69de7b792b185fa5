"""Paired differences of two models, with intervals over windows and seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.quality.kept import KeptCells
from benchmarks.quality.statistics import Measured, Value
from scipy.stats import t as student

LENDER = "ours"
"""A network of one seed is taken to spread over seeds as this one does."""


PAIRS = (
    ("ensemble", "ours"),
    ("ours", "trees"),
    ("ours", "trees+"),
    ("ours", "paper"),
    ("ours", "paper-joint"),
    ("ours", "ours-no-teacher"),
    ("ours", "ours-no-codes"),
    ("ours", "ours"),
    ("trees+", "trees"),
)
"""Compared models: the first minus the second."""

SHOWN = (("ours", "trees+"), ("ours", "paper"))
"""Those whose differences by modification are on the page; the others are in the CSV file."""

PLACES = (("public", "all"), ("public", "non_overlapping"), ("folds", "all"))
"""Places and windows of the tables of differences."""


@dataclass(frozen=True)
class Difference:
    """The difference of two models.

    Attributes
    ----------
    value : float
    windows : (float, float)
        95 % interval of the resampled clusters: other windows, the same trainings.
    bounds : (float, float)
        Of other trainings, too.
    """

    value: float
    windows: tuple[float, float]
    bounds: tuple[float, float]

    @property
    def verdict(self) -> str:
        """``better`` or ``worse`` if `bounds` exclude 0."""
        return verdict(*self.bounds)


def verdict(low: float, high: float) -> str:
    """Return ``better`` or ``worse`` if an interval excludes 0, else an empty string."""
    return "better" if low > 0 else "worse" if high < 0 else ""


def difference(mine: Value, theirs: Value, lenders: Sequence[Value] = ()) -> Difference:
    """Subtract, resample by resample, since all models share the draws.

    The error of the means over seeds is taken times Student's t at the fewest degrees of freedom
    of the spreads that are used, and joined in squares with the halves of the windows' interval.

    Parameters
    ----------
    mine, theirs : Value
    lenders : sequence of Value
        Give their pooled spread to a model of one seed; without any, its seed counts as certain.
    """
    result = mine - theirs
    low, high = result.bounds
    variance, freedom = 0.0, math.inf
    for value in (mine, theirs):
        spread, certain = pooled([value])
        if not certain:
            spread, certain = pooled(lenders)
        if not value.fixed and certain:
            variance += spread / max(1, len(value.by_seed))
            freedom = min(freedom, certain)
    seeds = float(student.ppf(0.975, freedom)) * math.sqrt(variance) if variance else 0.0
    at = result.value
    wide = at - math.hypot(at - low, seeds), at + math.hypot(high - at, seeds)
    return Difference(at, (low, high), wide)


def pooled(values: Sequence[Value]) -> tuple[float, int]:
    """Variance over seeds and its degrees of freedom, 0 where no value has two seeds."""
    freedom = sum(max(len(v.by_seed) - 1, 0) for v in values)
    squares = sum((len(v.by_seed) - 1) * v.spread**2 for v in values if len(v.by_seed) > 1)
    return (squares / freedom if freedom else 0.0), freedom


def between(
    measured: Measured, one: str, other: str, key: tuple[str, str, str, str]
) -> Difference | None:
    """Subtract two models of the benchmark at a place, windows, type and measure."""
    mine, theirs = (measured.values.get((model, *key)) for model in (one, other))
    if mine is None or theirs is None:
        return None
    lender = measured.values.get((LENDER, *key))
    return difference(mine, theirs, [] if lender is None else [lender])


def pairs(gathered: KeptCells) -> list[tuple[str, str]]:
    """Labels of the models to compare, of those that are there, with other epochs too.

    The first of a pair is the one with the epochs of the benchmark, if that is there.
    """
    labels: dict[str, list[str]] = {}
    for model in gathered.models:
        labels.setdefault(model.spec.name, []).append(model.label)
    return [
        (a, b)
        for one, other in PAIRS
        for a in labels.get(one, [])
        for b in labels.get(other, [])
        if a != b and (a == one or one not in labels[one])
    ]
