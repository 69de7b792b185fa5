"""Sentences about the tables, generated from the kept results."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.quality.differences import PLACES, Difference, between, verdict
from benchmarks.quality.statistics import MEAN, Measured

_TREES = (("trees", "the trees"), ("trees+", "the trees with more counts"))


def less_the_trees(measured: Measured) -> str:
    """Compare ours with the trees in leak-free folds; empty if either is missing."""
    means, worse = [], []
    for other, title in _TREES:
        result = between(measured, "ours", other, ("folds", "all", MEAN, "auroc"))
        if result is not None:
            means.append(f"by {_signed(result)} than that of {title}")
            worse.append(f"{'; '.join(_worse(measured, other)) or 'none'} against {title}")
    if not means:
        return ""
    return (
        f"In leak-free cross-validation, the mean AUROC of vqrna is higher {' and '.join(means)}. "
        "Modifications for which vqrna is significantly worse, by the resampled windows alone: "
        f"{', '.join(worse)}."
    )


def costs_of_codes(measured: Measured) -> str:
    """Compare ours with the network without a quantiser; empty if either is missing."""
    parts, trainings = [], ""
    for title, windows, measure in (
        ("the AUROC changes", "all", "auroc"),
        ("the AUROC of the site in its window", "non_overlapping", "within"),
    ):
        key = ("public", windows, MEAN, measure)
        result = between(measured, "ours", "ours-no-codes", key)
        if result is None:
            return ""
        mine, theirs = (measured.values[model, *key] for model in ("ours", "ours-no-codes"))
        parts.append(f"{title} by {_signed(result)}, from {theirs.value:.3f} to {mine.value:.3f}")
        trainings = f"{len(mine.by_seed)} and {len(theirs.by_seed)} trainings"
    return (
        f"What the codes cost: with the quantiser, {' and '.join(parts)} (validation windows, mean "
        f"of nine; {trainings})."
    )


def verdicts(measured: Measured, compared: Sequence[tuple[str, str]], names: Sequence[str]) -> str:
    """Return the number of differences of all pairs, and of intervals that exclude 0."""
    results = [
        between(measured, one, other, (where, windows, name, "auroc"))
        for one, other in compared
        for where, windows in PLACES
        for name in names
    ]
    there = [x for x in results if x is not None]
    bold = sum(bool(x.verdict) for x in there)
    return (
        f"Of {len(there)} differences (the pairs of models below, for each modification and "
        f"place), {bold} have a 95 % interval that excludes 0 (bold). If no two models differed, "
        f"about {len(there) / 20:.0f} would have one by chance."
    )


def _worse(measured: Measured, other: str) -> list[str]:
    """Return the types for which ours is significantly worse in the folds, and by how much."""
    parts = []
    for model, where, windows, name, measure in measured.values:
        if (model, where, windows, measure) == ("ours", "folds", "all", "auroc") and name != MEAN:
            result = between(measured, "ours", other, (where, windows, name, measure))
            if result is not None and verdict(*result.windows) == "worse":
                title = name.replace("m6A-hard", "m6A among sites of its own motif")
                parts.append(f"{title} by {-result.value:.3f}")
    return parts


def _signed(result: Difference) -> str:
    low, high = result.bounds
    return f"{result.value:.3f} ({low:.3f} to {high:.3f})"
