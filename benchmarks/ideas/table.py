"""The table of ideas: each less the network as it is, on the same windows."""

from __future__ import annotations

from pathlib import Path

from benchmarks.ideas.catalogue import IDEAS, SPECS, Idea
from benchmarks.quality.kept import gather
from benchmarks.quality.models import spec
from benchmarks.quality.report import mark, verdict
from benchmarks.quality.statistics import MEAN, Measured, Value, measure_all

from vqrna.evaluation import NINE

_HEAD = (
    "| idea | expected | AUROC | apart from training | site in window | less the control: AUROC "
    "| apart from training | site in window | types better, worse |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def write_table(results: Path, quality: Path, page: Path) -> None:
    """Measure what is kept and put the table between the markers of a page.

    Parameters
    ----------
    results : pathlib.Path
        The cells.
    quality : pathlib.Path
        The cells and the keys of the benchmark of quality.
    page : pathlib.Path
    """
    measured = measure_all(gather(results, SPECS, quality / "keys"))
    held_to = {idea.control for idea in IDEAS} - {spec.name for spec in SPECS}
    others = measure_all(gather(quality, [spec(name) for name in sorted(held_to)]))
    measured.values.update(others.values)
    tried = {model for model, *_ in measured.values}
    rows = [_row(idea, measured) for idea in IDEAS if idea.spec.name in tried]
    rows += [_row(Idea(spec(name), "", name), measured) for name in sorted(held_to & tried)]
    mark(page, "ideas", "\n".join([_HEAD, *rows]))


def _row(idea: Idea, measured: Measured) -> str:
    """Write the row of an idea, or of what ideas are measured against."""
    name, control = idea.spec.name, idea.control
    places = (("auroc", "all"), ("auroc", "non_overlapping"), ("within", "non_overlapping"))
    own = [_value(measured, name, MEAN, *place) for place in places]
    cells = ["" if value is None else f"{value.value:.4f}" for value in own]
    for value, place in zip(own, places, strict=True):
        other = _value(measured, control, MEAN, *place)
        cells.append("" if None in (value, other) or name == control else _told(value - other))
    changed: dict[str, list[str]] = {"better": [], "worse": []}
    for symbol in NINE if name != control else ():
        mine, theirs = (measured.get(each, "public", symbol) for each in (name, control))
        if mine is not None and theirs is not None and (found := verdict(mine - theirs)):
            changed[found].append(symbol)
    told = [f"{how}: {', '.join(symbols)}" for how, symbols in changed.items() if symbols]
    return f"| {idea.spec.title} | {idea.expected} | {' | '.join([*cells, '; '.join(told)])} |"


def _value(measured: Measured, model: str, name: str, measure: str, windows: str) -> Value | None:
    return measured.get(model, "public", name, measure, windows)


def _told(difference: Value) -> str:
    low, high = difference.bounds
    said = f"{difference.value:+.4f} ({low:+.4f} to {high:+.4f})"
    return f"**{said}**" if verdict(difference) else said
