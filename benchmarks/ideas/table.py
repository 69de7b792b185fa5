"""The table of ideas: each less the network as it is, on the same windows."""

from __future__ import annotations

from pathlib import Path

from benchmarks.ideas.catalogue import IDEAS, SPECS, Idea
from benchmarks.quality.kept import gather
from benchmarks.quality.report import mark, verdict
from benchmarks.quality.statistics import MEAN, Measured, Value, measure_all

from vqrna.evaluation import NINE

_HEAD = (
    "| idea | expected | AUROC | apart from training | site in window | less the control: AUROC "
    "| apart from training | site in window | types better, worse |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def write_table(results: Path, keys: Path, page: Path) -> None:
    """Measure what is kept and put the table between the markers of a page.

    Parameters
    ----------
    results : pathlib.Path
        The cells.
    keys : pathlib.Path
        The keys of the benchmark of quality.
    page : pathlib.Path
    """
    measured = measure_all(gather(results, SPECS, keys))
    rows = [row for idea in IDEAS if (row := _row(idea, measured))]
    mark(page, "ideas", "\n".join([_HEAD, *rows]))


def _row(idea: Idea, measured: Measured) -> str:
    """Write the row of an idea; empty if it was not tried."""
    name, control = idea.spec.name, idea.control
    places = (("auroc", "all"), ("auroc", "non_overlapping"), ("within", "non_overlapping"))
    own = [_value(measured, name, MEAN, *place) for place in places]
    if own[0] is None:
        return ""
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
