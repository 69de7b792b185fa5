"""The table of ideas: each less the network as it is, on the same windows."""

from __future__ import annotations

import math
from pathlib import Path

from benchmarks.ideas.catalogue import IDEAS, OURS, SPECS, TREES, Idea
from benchmarks.quality.kept import gather
from benchmarks.quality.models import spec
from benchmarks.quality.report import mark
from benchmarks.quality.statistics import MEAN, Measured, Value, measure_all

from vqrna.errors import DataError

_MEASURES = (
    ("AUROC", "auroc", "all"),
    ("apart from training", "auroc", "non_overlapping"),
    ("site in window", "within", "non_overlapping"),
)
_NAMES = [name for name, _, _ in _MEASURES]
_HEAD = ["idea", "expected", *_NAMES, *(f"less: {n}" for n in _NAMES), "seeds", "verdict"]


def write_table(results: Path, quality: Path, page: Path) -> None:
    """Measure what is kept and put the table between the markers of a page.

    Parameters
    ----------
    results : pathlib.Path
        The cells.
    quality : pathlib.Path
        The cells and the keys of the benchmark of quality.
    page : pathlib.Path

    Raises
    ------
    DataError
        If nothing is kept.
    """
    measured = measure_all(gather(results, SPECS, quality / "keys"))
    if not measured.values:
        raise DataError("no finished idea is kept", file=results)
    held_to = {idea.control for idea in IDEAS} - {spec.name for spec in SPECS}
    others = measure_all(gather(quality, [spec(n) for n in sorted({*held_to, OURS, TREES})]))
    measured.values.update(others.values)
    tried = {model for model, *_ in measured.values}
    rows = [_row(idea, measured) for idea in IDEAS if idea.spec.name in tried]
    rows += [_row(Idea(spec(name), "", name), measured) for name in sorted(held_to & tried)]
    lines = [f"| {' | '.join(row)} |" for row in (_HEAD, *rows)]
    lines.insert(1, "|" + "---|" * len(_HEAD))
    mark(page, "ideas", "\n".join(lines))


def _row(idea: Idea, measured: Measured) -> list[str]:
    """Write the row of an idea, or of what ideas are measured against."""
    name, control = idea.spec.name, idea.control
    trained = OURS if idea.spec.config is not None else TREES
    own, less, verdicts, seeds = [], [], [], ""
    for title, measure, windows in _MEASURES:
        mine, theirs, spread = (
            measured.get(model, "public", MEAN, measure, windows)
            for model in (name, control, trained)
        )
        own.append("" if mine is None else f"{mine.value:.4f}")
        if mine is None:
            less.append("")
            continue
        seeds = seeds or f"{len(mine.by_seed)}"
        if theirs is None or name == control:
            less.append("")
            continue
        seeds = f"{len(mine.by_seed)}, {len(theirs.by_seed)}"
        low, high = widened(mine, theirs, 0.0 if spread is None else spread.spread)
        less.append(f"{mine.value - theirs.value:+.4f} ({low:+.4f} to {high:+.4f})")
        if low > 0 or high < 0:
            verdicts.append(f"{'better' if low > 0 else 'worse'}: {title}")
    told = "; ".join(verdicts) if verdicts else "" if name == control else "not told apart"
    return [idea.spec.title, idea.expected, *own, *less, seeds, told]


def widened(mine: Value, theirs: Value, spread: float) -> tuple[float, float]:
    """Interval of a difference that knows of the windows and of the seeds.

    Parameters
    ----------
    mine, theirs : Value
        On the same resamples of windows.
    spread : float
        Standard deviation of one network over seeds; nan counts as 0.
    """
    difference = mine - theirs
    low, high = difference.bounds
    seeds = 1 / max(1, len(mine.by_seed)) + 1 / max(1, len(theirs.by_seed))
    more = 0.0 if math.isnan(spread) else 1.96 * spread * math.sqrt(seeds)
    at = difference.value
    return at - math.hypot(at - low, more), at + math.hypot(high - at, more)
