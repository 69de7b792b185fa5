"""Report of the kept cells: CSV, tables of the page, and the picture."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import fill

from benchmarks.pages import into_page
from benchmarks.quality.differences import PLACES, between, pairs, verdict
from benchmarks.quality.kept import KeptCells, Scored, gather
from benchmarks.quality.models import SPECS
from benchmarks.quality.reading import costs_of_codes, less_the_trees, verdicts
from benchmarks.quality.statistics import LOCALISATION, MEAN, MEASURES, Measured, Value, measure_all

from vqrna.runtime.files import write_text

_WIDTH = 118  # of a line of the page
_COLUMNS = ("place", "windows", "type", "measure", "value", "low", "high")
_PLACES = {"public": "validation windows", "folds": "leak-free cross-validation"}


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
    words = [fill(text, _WIDTH) for text in (less_the_trees(measured), costs_of_codes(measured))]
    parts = [short_table(gathered, measured), *filter(None, words)]
    for where, title in _PLACES.items():
        parts += [
            f"### By type: AUROC, {title}",
            by_type(models, measured, where, [*names, MEAN], "auroc"),
        ]
    parts += [
        "### By type: AUROC, validation windows that overlap no training window",
        by_type(models, measured, "public", [*names, MEAN], "auroc", "non_overlapping"),
        "### Finding the site: AUROC within windows, leak-free cross-validation",
        by_type([m for m in models if m[2]], measured, "folds", [*types, MEAN], "within"),
        "### Finding the site: AUROC within validation windows that overlap no training window",
        by_type(
            [m for m in models if m[2]],
            measured,
            "public",
            [*types, MEAN],
            "within",
            "non_overlapping",
        ),
    ]
    for one, other in pairs(gathered):
        lines = difference_table(one, other, measured, [*names, MEAN])
        if lines:
            parts += [f"### {one} less {other}: AUROC, paired", lines]
    parts.insert(1, verdicts(measured, pairs(gathered), [*names, MEAN]))
    return "\n\n".join(parts)


def short_table(gathered: KeptCells, measured: Measured) -> str:
    """Means of nine types for every model, and m6A against negatives of the same motif."""
    lines = [
        "| mean of nine types | AUROC, validation | apart from training | ACC, validation "
        "| AUROC, folds | ACC, folds | AUPRC, folds | site in window, folds "
        "| m6A, same motif, folds | seeds |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for label, title, _ in _rows(gathered):
        cells = [
            _told(measured.get(label, "public", MEAN)),
            _told(measured.get(label, "public", MEAN, windows="non_overlapping")),
            _told(measured.get(label, "public", MEAN, "acc")),
            _told(measured.get(label, "folds", MEAN)),
            _told(measured.get(label, "folds", MEAN, "acc")),
            _told(measured.get(label, "folds", MEAN, "auprc")),
            _told(measured.get(label, "folds", MEAN, "within")),
            _told(measured.get(label, "folds", "m6A-hard")),
            _seeds_told(gathered, measured, label),
        ]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def by_type(
    models: Sequence[tuple[str, str, bool]],
    measured: Measured,
    where: str,
    names: Sequence[str],
    measure: str,
    windows: str = "all",
) -> str:
    """One measure, models by types; the mean of nine last."""
    titles = [_type_title(name) for name in names]
    lines = [f"| | {' | '.join(titles)} |", "|---|" + "---|" * len(names)]
    for label, title, _ in models:
        values = [measured.get(label, where, name, measure, windows) for name in names]
        cells = [_number(v.value) if v is not None else "" for v in values]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def difference_table(one: str, other: str, measured: Measured, names: Iterable[str]) -> str:
    """Paired differences by type, in both places; empty if there are none."""
    lines = [
        "| type | validation | of these, apart from training | cross-validation |",
        "|---|---|---|---|",
    ]
    any_there = False
    for name in names:
        cells = []
        for where, windows in PLACES:
            result = between(measured, one, other, (where, windows, name, "auroc"))
            if result is None:
                cells.append("")
                continue
            any_there = True
            low, high = result.bounds
            text = f"{result.value:+.3f} ({low:+.3f} to {high:+.3f})"
            cells.append(f"{text} **{result.verdict}**" if result.verdict else text)
        lines.append(f"| {_type_title(name)} | {' | '.join(cells)} |")
    return "\n".join(lines) if any_there else ""


def _rows(gathered: KeptCells) -> list[tuple[str, str, bool]]:
    """Label, title and whether it localises of every model; those without a cell, too."""
    there: dict[str, list[Scored]] = {}
    for model in gathered.models:
        there.setdefault(model.spec.name, []).append(model)
    rows = []
    for spec in SPECS:
        for model in there.get(spec.name, [Scored(spec)]):
            rows.append((model.label, model.title, spec.localises))
    return rows


def _seeds(model: Scored, where: str) -> int:
    """How many seeds are whole for some type."""
    return max((len(model.seeds(s, where)) for s in {k[0] for k in model.logits}), default=0)


def _seeds_told(gathered: KeptCells, measured: Measured, label: str) -> str:
    """Write how many seeds there are in the two places, and how far their AUROC spread."""
    counts = []
    for where in _PLACES:
        count = sum(_seeds(m, where) for m in gathered.models if m.label == label)
        value = measured.get(label, where, MEAN)
        note = "" if value is None or math.isnan(value.spread) else f" (±{value.spread:.4f})"
        types = gathered.keys[where].symbols if count else ()
        done = sum(measured.get(label, where, symbol) is not None for symbol in types)
        if done < len(types):
            note = f" ({done} of {len(types)} types)"
        counts.append(f"{count}{note}")
    return "" if not any(part != "0" for part in counts) else " / ".join(counts)


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
