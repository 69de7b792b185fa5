"""What a study leaves to look at: table as CSV and Markdown, and a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import pandas as pd

from vqrna.config import preset
from vqrna.errors import UsageError
from vqrna.modifications import MODIFICATIONS, Modification
from vqrna.plots.palette import type_colors
from vqrna.plots.studies import MEAN, against_length, differences
from vqrna.plots.style import save_figure
from vqrna.runtime.files import output_directory, write_text
from vqrna.studies.cells import Cell
from vqrna.studies.table import (
    ONE_SEED,
    SEVERAL_SEEDS,
    WINDOWS,
    Best,
    best,
    by_variant,
    check_one_series,
    difference,
    tabulate,
)

_HEADINGS = {
    "all": "All validation windows",
    "non_overlapping": "Validation windows that overlap no training window",
}


def write_lengths(
    cells: Sequence[Cell], out: str | PathLike[str], palette: str = "types"
) -> list[Path]:
    """Write ``lengths.csv``, ``lengths.md``, ``lengths.png`` and ``lengths.svg``.

    Parameters
    ----------
    cells : sequence of Cell
        Of one study of window lengths, in the order of the table.
    out : path-like
    palette : str
        See :func:`vqrna.plots.palette.type_colors`.

    Raises
    ------
    DataError
        If there are no cells, they do not belong together, or a file cannot be written.
    """
    check_one_series(cells)
    table = tabulate(cells)
    drawn = table[table.metric == "auroc"]
    parts = [f"# Window lengths\n\n{_what(cells)}\n"]
    for windows in WINDOWS:
        parts.append(f"## {_HEADINGS[windows]}\n\n{_markdown(cells, drawn, windows, 'length')}\n")
        parts.append("Which length serves:\n\n" + "\n".join(length_lines(cells, windows)) + "\n")
    figure = against_length(drawn, _colors(cells, palette), title=_title("Window length", cells))
    return _write(out, "lengths", table, parts, figure)


def write_ablations(
    cells: Sequence[Cell],
    out: str | PathLike[str],
    reference: str,
    palette: str = "types",
) -> list[Path]:
    """Write ``ablations.csv``, ``ablations.md``, ``ablations.png`` and ``ablations.svg``.

    Parameters
    ----------
    cells : sequence of Cell
        Of one study of ablations, in the order of the table.
    out : path-like
    reference : str
        The variant that the others are compared with.
    palette : str

    Raises
    ------
    DataError
        If there are no cells, they do not belong together, or a file cannot be written.
    """
    check_one_series(cells)
    table = tabulate(cells)
    compared = differences_from(cells, reference)
    found = compared.rename(columns={"low": "difference_low", "high": "difference_high"})
    keys = ["variant", "modification", "windows"]
    table = table.merge(found.assign(metric="auroc"), how="left", on=[*keys, "metric"])
    drawn = table[table.metric == "auroc"]
    parts = [f"# Ablations\n\n{_what(cells)}\n"]
    for windows in WINDOWS:
        parts.append(f"## {_HEADINGS[windows]}\n\n{_markdown(cells, drawn, windows, 'variant')}\n")
        parts.append(
            f"AUROC less that of '{reference}', on the same resamples of windows:\n\n"
            + _difference_table(compared, windows)
            + "\n"
        )
    figure = differences(
        compared, _colors(cells, palette), reference, title=_title("Ablations", cells)
    )
    return _write(out, "ablations", table, parts, figure)


def differences_from(cells: Sequence[Cell], reference: str) -> pd.DataFrame:
    """Compare every variant with one of them.

    Returns
    -------
    pandas.DataFrame
        ``variant``, ``modification``, ``windows``, ``difference``, ``low``, ``high`` (AUROC), a row
        each; none if the reference is not there.
    """
    kinds = by_variant(cells)
    rows = []
    for variant, own in kinds.items():
        if variant == reference or reference not in kinds:
            continue
        for symbol in _symbols(cells):
            for windows in WINDOWS:
                found = difference(own, kinds[reference], symbol, windows)
                rows.append((variant, symbol, windows, found.value, found.low, found.high))
    names = ["variant", "modification", "windows", "difference", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def served(found: Best | None, unit: str = "") -> str:
    """Say which variant is best, and which cannot be told from it."""
    if found is None:
        return "no value"
    text = f"{found.variant}{unit} (AUROC {_number(found.value, found.low, found.high)})"
    if not found.tied:
        return f"{text}, told apart from all others"
    return f"{text}; not distinguishable from {', '.join(found.tied)}"


def length_lines(cells: Sequence[Cell], windows: str) -> list[str]:
    """Say for each type, in a line, which length serves it best."""
    lines = []
    for symbol in _symbols(cells):
        found = best(cells, symbol, windows)
        line = f"- {symbol}: {served(found)}"
        if found is not None and found.tied:
            every = (*found.tied, found.variant)
            shortest = min(every, key=lambda name: int(name.split()[0]))
            if shortest != found.variant:
                line += f"; the shortest of these is {shortest}"
        lines.append(f"{line}.")
    return lines


def ablation_lines(cells: Sequence[Cell], reference: str = "full") -> list[str]:
    """Say for each variant, in a line, how it differs from the whole over all types."""
    compared = differences_from(cells, reference)
    shown = compared[(compared.windows == "all") & (compared.modification == _symbols(cells)[-1])]
    lines = []
    for name, *bounds in shown[["variant", "difference", "low", "high"]].to_numpy():
        value, low, high = map(float, bounds)
        apart = "" if low > 0 or high < 0 else ", not distinguishable"
        lines.append(f"- {name}: {_signed(value, low, high)}{apart}")
    return lines


def _symbols(cells: Sequence[Cell]) -> tuple[str, ...]:
    types = cells[0].identity.types
    return (*types, MEAN) if len(types) > 1 else types


def _epochs(cells: Sequence[Cell]) -> str:
    """Say how many epochs there were, and whether they are fewer than the preset's.

    Not how many those are: another version may have others, and the table stay as it is.
    """
    identity = cells[0].identity
    if identity.epochs is None:
        return ""
    try:
        usual = preset(identity.config["model"]["architecture"]).training.epochs
    except UsageError:
        usual = identity.epochs
    words = f"{identity.epochs} epoch" + ("s" if identity.epochs != 1 else "")
    return f"{words} (reduced)" if identity.epochs < usual else words


def _title(name: str, cells: Sequence[Cell]) -> str:
    seeds = sorted({c.identity.seed for c in cells})
    many = f"{len(seeds)} seeds" if len(seeds) > 1 else "one seed"
    return f"{name}: model {cells[0].identity.model}, {_epochs(cells)}, {many}"


def _what(cells: Sequence[Cell]) -> str:
    """Say what was trained, on what, and what the intervals are."""
    first = cells[0].identity
    seeds = sorted({c.identity.seed for c in cells})
    how = ONE_SEED if len(seeds) == 1 else SEVERAL_SEEDS.format(len(seeds))
    commits = ", ".join(sorted({c.commit for c in cells if c.commit}))
    hours = sum(c.seconds for c in cells) / 3600
    return "\n".join(
        [
            f"Model `{first.model}`, types {', '.join(first.types)}, {_epochs(cells)}, "
            f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}; {len(cells)} cells, "
            f"{hours:.1f} hours in all. Made with `{cells[0].command}`"
            + (f" (commit {commits})." if commits else "."),
            "",
            f"AUROC with its 95 % interval ({how}). The best of a column is bold; `≈` marks what "
            "cannot be told from it.",
        ]
    )


def _markdown(cells: Sequence[Cell], table: pd.DataFrame, windows: str, heading: str) -> str:
    """Lay out one set of windows: a row a variant, a column a type."""
    symbols = _symbols(cells)
    tops = {symbol: best(cells, symbol, windows) for symbol in symbols}
    lines = [f"| {heading} | " + " | ".join(symbols) + " | minutes a cell |"]
    lines.append("|---|" + "---|" * (len(symbols) + 1))
    for variant, own in by_variant(cells).items():
        written = [variant]
        for symbol in symbols:
            of = table[(table.variant == variant) & (table.modification == symbol)]
            row = of[of.windows == windows].iloc[0]
            text, top = _number(row.value, row.low, row.high), tops[symbol]
            if top is not None and variant == top.variant:
                text = f"**{text}**"
            elif top is not None and variant in top.tied:
                text += " ≈"
            written.append(text)
        minutes = sum(c.seconds for c in own) / len(own) / 60
        lines.append("| " + " | ".join([*written, f"{minutes:.1f}"]) + " |")
    return "\n".join(lines)


def _difference_table(compared: pd.DataFrame, windows: str) -> str:
    shown = compared[compared.windows == windows]
    if shown.empty:
        return "Nothing to compare yet.\n"
    symbols = list(dict.fromkeys(shown.modification))
    lines = ["| variant | " + " | ".join(symbols) + " |", "|---|" + "---|" * len(symbols)]
    for variant in dict.fromkeys(shown.variant):
        own = shown[shown.variant == variant].set_index("modification")
        written = []
        for symbol in symbols:
            one = own.loc[symbol]
            text = _signed(float(one.difference), float(one.low), float(one.high))
            written.append(f"**{text}**" if one.low > 0 or one.high < 0 else text)
        lines.append(f"| {variant} | " + " | ".join(written) + " |")
    return "\n".join(lines) + "\n\nBold: the interval leaves out 0.\n"


def _number(value: float, low: float, high: float) -> str:
    """Write a value with its interval; nothing where there is none."""
    if math.isnan(value):
        return ""
    if math.isnan(low):
        return f"{value:.3f}"
    return f"{value:.3f} ({low:.3f} to {min(high, 1.0):.3f})"


def _signed(value: float, low: float, high: float) -> str:
    return "" if math.isnan(value) else f"{value:+.3f} ({low:+.3f} to {high:+.3f})"


def _colors(cells: Sequence[Cell], palette: str) -> dict[str, str]:
    """Give each type its colour; types of one's own get those that are left."""
    known = {m.symbol: m for m in MODIFICATIONS}
    types = cells[0].identity.types
    kinds = [known.get(symbol) or Modification(symbol, symbol, "N") for symbol in types]
    return dict(zip(types, type_colors(kinds, palette), strict=True))


def _write(
    out: str | PathLike[str], name: str, table: pd.DataFrame, parts: list[str], figure: object
) -> list[Path]:
    folder = output_directory(out)
    write_text(folder / f"{name}.csv", table.to_csv(index=False, float_format="%.6g"))
    write_text(folder / f"{name}.md", "\n".join(parts))
    pictures = save_figure(figure, folder / f"{name}.png")  # type: ignore[arg-type]
    return [folder / f"{name}.csv", folder / f"{name}.md", *pictures]
