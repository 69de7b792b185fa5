"""The table of ideas: the difference of each from its control, on the same windows."""

from __future__ import annotations

from pathlib import Path

from benchmarks.ideas.catalogue import IDEAS, OURS, SPECS, TREES, Idea
from benchmarks.pages import into_page
from benchmarks.quality.differences import difference
from benchmarks.quality.kept import gather
from benchmarks.quality.models import spec
from benchmarks.quality.statistics import MEAN, Measured, measure_all

from vqrna.errors import DataError
from vqrna.runtime.files import write_text

_MEASURES = (
    ("AUROC", "auroc", "all"),
    ("AUROC, no overlap", "auroc", "non_overlapping"),
    ("site in its window", "within", "non_overlapping"),
)
_NAMES = [name for name, _, _ in _MEASURES]
_HEAD = ["idea", "expected", *_NAMES, *(f"change of {n}" for n in _NAMES), "trainings"]


def write_table(results: Path, quality: Path, page: Path) -> None:
    """Measure the kept cells and write the table into a page.

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
        If there are no kept cells.
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
    text = "\n".join(lines)
    write_text(results / "table.md", f"{text}\n")  # for `make pages`: measuring takes minutes
    into_page(page, "quality: ideas", text)


def _row(idea: Idea, measured: Measured) -> list[str]:
    """Return the row of an idea or of a control."""
    name, control = idea.spec.name, idea.control
    trained = OURS if idea.spec.config is not None else TREES
    own, less, seeds = [], [], ""
    for _, measure, windows in _MEASURES:
        mine, theirs, lender = (
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
        seeds = f"{len(mine.by_seed)} / {len(theirs.by_seed)}"
        # The spread over seeds is that of the control and of the shipped recipe, if they have two
        lenders = [v for v in {id(v): v for v in (theirs, lender)}.values() if v is not None]
        result = difference(mine, theirs, lenders)
        low, high = result.bounds
        text = f"{result.value:+.4f} ({low:+.4f} to {high:+.4f})"
        less.append(f"{text} **{result.verdict}**" if result.verdict else text)
    return [idea.spec.title, idea.expected, *own, *less, seeds]
