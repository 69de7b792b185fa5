"""Report of the kept cells: CSV, tables of the page, and the picture."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from textwrap import fill

from benchmarks.pages import into_page
from benchmarks.quality.differences import PLACES, SHOWN, between, pairs, verdict
from benchmarks.quality.kept import KeptCells, Scored, gather
from benchmarks.quality.models import ENSEMBLE, SPECS
from benchmarks.quality.reading import costs_of_codes, less_the_trees, verdicts
from benchmarks.quality.statistics import LOCALISATION, MEAN, MEASURES, Measured, Value, measure_all

from vqrna.runtime.files import write_text

_WIDTH = 118  # of a line of the page
_COLUMNS = ("place", "windows", "type", "measure", "value", "low", "high")
_PLACES = {"public": "validation windows", "folds": "leak-free cross-validation"}
_MEANS = {
    "AUROC": (("public", "folds"), MEAN, "auroc", "all"),
    "AUROC, no overlap": (("public",), MEAN, "auroc", "non_overlapping"),
    "accuracy": (("public", "folds"), MEAN, "acc", "all"),
    "AUPRC": (("folds",), MEAN, "auprc", "all"),
    "site in its window": (("folds",), MEAN, "within", "all"),
    "m6A, same motif": (("folds",), "m6A-hard", "auroc", "all"),
}
"""Columns of means: places, type, measure and windows of each."""


def write_report(results: Path, page: Path, picture: Path) -> list[Path]:
    """Measure all kept cells and write the report.

    Parameters
    ----------
    results : pathlib.Path
        The cells; ``quality.csv`` and ``differences.csv`` are written below it.
    page : pathlib.Path
        A page with markers; the block between them is replaced.
    picture : pathlib.Path
        PNG; an SVG of the same name is written beside it.

    Returns
    -------
    list of pathlib.Path
        The files.
    """
    from benchmarks.quality.picture import draw_picture

    from vqrna.plots.style import save_figure

    gathered = gather(results)
    measured = measure_all(gathered)
    tables = results / "tables"
    tables.mkdir(exist_ok=True)
    written = [tables / "quality.csv", tables / "differences.csv"]
    write_text(written[0], values_csv(gathered, measured))
    write_text(written[1], differences_csv(gathered, measured))
    text = page_tables(gathered, measured)
    write_text(tables / "tables.md", f"{text}\n")  # for `make pages`: measuring takes minutes
    into_page(page, "quality: tables", text)
    return [*written, page, *save_figure(draw_picture(gathered, measured), picture)]


def values_csv(gathered: KeptCells, measured: Measured) -> str:
    """Every value of every model, one a row."""
    seeds = {(m.label, where): _seeds(m, where) for m in gathered.models for where in gathered.keys}
    rows = []
    for (model, where, windows, name, measure), value in measured.values.items():
        number = ("" if math.isnan(value.spread) else f"{value.spread:.5f}", seeds[model, where])
        rows.append((model, *_row(where, windows, name, measure, value), *number))
    return _csv(("model", *_COLUMNS, "seed_sd", "seeds"), rows)


def differences_csv(gathered: KeptCells, measured: Measured) -> str:
    """Paired differences of two models: intervals of windows alone, and of seeds, too."""
    rows = []
    for one, other in pairs(gathered):
        for model, *key in measured.values:
            where, windows, name, measure = key
            if model != one or measure not in (*MEASURES, LOCALISATION[0]):
                continue
            result = between(measured, one, other, (where, windows, name, measure))
            if result is not None:
                numbers = _numbers(result.value, *result.windows, *result.bounds)
                verdicts = (verdict(*result.windows), result.verdict)
                rows.append((one, other, *key, *numbers, *verdicts))
    seeds = ("low_seeds", "high_seeds", "verdict", "verdict_seeds")
    return _csv(("model", "against", *_COLUMNS, *seeds), rows)


def page_tables(gathered: KeptCells, measured: Measured) -> str:
    """All tables of the page."""
    models = _rows(gathered)
    types = next(iter(gathered.keys.values())).symbols if gathered.keys else ()
    names = [n for s in types for n in ((s, f"{s}-hard") if s == "m6A" else (s,))]
    compared = pairs(gathered)
    words = [less_the_trees(measured), costs_of_codes(measured)]
    parts = ["### Means of nine modifications"]
    for where, heading in _PLACES.items():
        parts += [f"{heading[0].upper()}{heading[1:]}:", means(gathered, measured, where)]
    parts += [fill(text, _WIDTH) for text in words if text]
    parts += [
        "### Differences of AUROC",
        fill(verdicts(measured, compared, [*names, MEAN]), _WIDTH),
    ]
    titles = {m.label: m.title for m in gathered.models}
    for one, other in compared:
        lines = difference_table(one, other, measured, [*names, MEAN])
        if lines and (one, other) in SHOWN:
            parts += [f"#### {titles[one]} minus {titles[other]}", lines]
    rest = {
        f"{titles[one]} minus {titles[other]}": (one, other)
        for one, other in compared
        if (one, other) not in SHOWN
    }
    if others := _differences(rest, measured, MEAN):
        parts += [
            "#### Other differences, mean of nine modifications",
            others,
            "Those of each modification are in `differences.csv`.",
        ]
    for where, heading in _PLACES.items():
        parts += [
            f"### AUROC by modification, {heading}",
            by_type(models, measured, where, [*names, MEAN], "auroc"),
        ]
    parts += [
        "### AUROC by modification, validation windows without overlap",
        by_type(models, measured, "public", [*names, MEAN], "auroc", "non_overlapping"),
        "### Site in its window by modification, leak-free cross-validation",
        by_type(models, measured, "folds", [*types, MEAN], "within"),
        "### Site in its window by modification, validation windows without overlap",
        by_type(models, measured, "public", [*types, MEAN], "within", "non_overlapping"),
    ]
    return "\n\n".join(parts)


def means(gathered: KeptCells, measured: Measured, where: str) -> str:
    """Means of nine types for every model in one place, and m6A against the same motif."""
    columns = [(title, column) for title, column in _MEANS.items() if where in column[0]]
    lines = [
        f"| model | {' | '.join(title for title, _ in columns)} | trainings |",
        "|" + "---|" * (len(columns) + 2),
    ]
    for label, title in _rows(gathered):
        cells = [
            _told(measured.get(label, where, name, measure, windows))
            for _, (_, name, measure, windows) in columns
        ]
        seeds = _seeds_told(gathered, measured, label, where)
        if seeds:
            lines.append(f"| {title} | {' | '.join(cells)} | {seeds} |")
    return "\n".join(lines)


def by_type(
    models: Sequence[tuple[str, str]],
    measured: Measured,
    where: str,
    names: Sequence[str],
    measure: str,
    windows: str = "all",
) -> str:
    """One measure, models with any value by types; the mean of nine last."""
    titles = [_type_title(name) for name in names]
    lines = [f"| model | {' | '.join(titles)} |", "|---|" + "---|" * len(names)]
    for label, title in models:
        values = [measured.get(label, where, name, measure, windows) for name in names]
        cells = [_number(v.value) if v is not None else "" for v in values]
        if any(cells):
            lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def difference_table(one: str, other: str, measured: Measured, names: Iterable[str]) -> str:
    """Paired differences by type, in the places that have any; empty if there are none."""
    rows = {_type_title(name): _difference_cells(one, other, measured, name) for name in names}
    return _table_of_differences("modification", rows)


def _differences(compared: Mapping[str, tuple[str, str]], measured: Measured, name: str) -> str:
    """Paired differences of several pairs of models, by title, for one type."""
    rows = {
        title: _difference_cells(one, other, measured, name)
        for title, (one, other) in compared.items()
    }
    return _table_of_differences("difference", rows)


def _difference_cells(one: str, other: str, measured: Measured, name: str) -> list[str]:
    """One cell for each of `PLACES`; empty where one of the models was not measured."""
    cells = []
    for where, windows in PLACES:
        result = between(measured, one, other, (where, windows, name, "auroc"))
        if result is None:
            cells.append("")
            continue
        low, high = result.bounds
        text = f"{result.value:+.3f} ({low:+.3f} to {high:+.3f})"
        cells.append(f"{text} **{result.verdict}**" if result.verdict else text)
    return cells


def _table_of_differences(first: str, rows: Mapping[str, list[str]]) -> str:
    """Rows and columns with a difference; empty if there are none."""
    rows = {title: cells for title, cells in rows.items() if any(cells)}
    filled = [k for k in range(len(PLACES)) if any(cells[k] for cells in rows.values())]
    if not filled:
        return ""
    titles = ("validation", "validation, no overlap", "leak-free cross-validation")
    lines = [f"| {first} | {' | '.join(titles[k] for k in filled)} |"]
    lines.append("|" + "---|" * (len(filled) + 1))
    lines += [
        f"| {title} | {' | '.join(cells[k] for k in filled)} |" for title, cells in rows.items()
    ]
    return "\n".join(lines)


def _rows(gathered: KeptCells) -> list[tuple[str, str]]:
    """Label and title of every model with a cell, in the order of the page."""
    order = [spec.name for spec in (SPECS[0], ENSEMBLE, *SPECS[1:])]
    models = sorted(gathered.models, key=lambda m: order.index(m.spec.name))
    return [(model.label, model.title) for model in models]


def _seeds(model: Scored, where: str) -> int:
    """How many seeds are whole for some type."""
    return max((len(model.seeds(s, where)) for s in {k[0] for k in model.logits}), default=0)


def _seeds_told(gathered: KeptCells, measured: Measured, label: str, where: str) -> str:
    """Write how many trainings there are in a place, and how far their AUROC spreads."""
    count = sum(_seeds(m, where) for m in gathered.models if m.label == label)
    if not count:
        return ""
    types = gathered.keys[where].symbols
    done = sum(measured.get(label, where, symbol) is not None for symbol in types)
    if done < len(types):
        return f"{count} ({done} of {len(types)} modifications)"
    value = measured.get(label, where, MEAN)
    return (
        f"{count}"
        if value is None or math.isnan(value.spread)
        else f"{count} (±{value.spread:.4f})"
    )


def _told(value: Value | None) -> str:
    """Format a value with its interval; empty if missing."""
    if value is None or math.isnan(value.value):
        return ""
    low, high = value.bounds
    return f"{_number(value.value)} ({_number(low)}–{_number(high)})"


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3f}"


def _type_title(name: str) -> str:
    return {MEAN: "mean of nine", "m6A-hard": "m6A, same motif"}.get(name, name)


def _row(where: str, windows: str, name: str, measure: str, value: Value) -> tuple[str, ...]:
    return (where, windows, name, measure, *_numbers(value.value, *value.bounds))


def _numbers(*values: float) -> tuple[str, ...]:
    return tuple("" if math.isnan(x) else f"{x:.5f}" for x in values)


def _csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
