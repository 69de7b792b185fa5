"""Report of a study: table as CSV and Markdown, picture, intervals and paired comparisons."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import t as student

from vqrna.config import preset
from vqrna.errors import DataError, UsageError
from vqrna.modifications import MODIFICATIONS, Modification
from vqrna.plots.studies import MEAN, against_length, differences
from vqrna.plots.style import save_figure, type_colors
from vqrna.runtime.files import output_directory, write_text
from vqrna.stats.bootstrap import LEVEL
from vqrna.studies.cells import Identity, StudyCell

if TYPE_CHECKING:
    from matplotlib.figure import Figure

METRICS = ("auroc", "auprc", "acc", "mcc")
"""Measures of the table."""

WINDOWS = ("all", "non_overlapping")
"""All validation windows, and those that overlap no training window."""

ONE_SEED = "windows resampled in clusters; one seed, so the spread between seeds is not in it"
SEVERAL_SEEDS = "windows resampled in clusters, and the spread between {} seeds"

COLUMNS = (
    "study", "model", "variant", "length", "joint", "epochs", "modification", "windows", "n_pos",
    "n_neg", "metric", "value", "low", "high", "seeds", "interval", "seconds",
)  # fmt: skip


class Difference(NamedTuple):
    """Difference in AUROC between two variants, with its interval.

    ``paired``: the same resamples of the same windows were compared. If False, the variants count
    as different only where their own intervals do not overlap.
    """

    value: float
    low: float
    high: float
    paired: bool

    @property
    def significant(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low > 0 or self.high < 0


def series(identity: Identity) -> tuple[object, ...]:
    """Return what must be equal for cells of one table."""
    rest: object = identity.epochs
    if identity.study == "lengths":  # only the length may differ
        model = {**identity.config["model"], "length": None}
        rest = json.dumps([identity.config | {"model": model}, identity.joint], sort_keys=True)
    known = (identity.study, identity.model, identity.types, identity.data, identity.split)
    return (*known, rest)


def check_one_series(cells: Sequence[StudyCell]) -> None:
    """Check that cells can be compared.

    Raises DataError if there are no cells, or their types, data, models or numbers of epochs
    differ.
    """
    if not cells:
        raise DataError("there are no cells yet")
    distinct = {series(c.identity) for c in cells}
    names = {(c.identity.variant, c.identity.seed) for c in cells}
    if len(distinct) > 1 or len(names) < len(cells):
        epochs = ", ".join(sorted({str(c.identity.epochs) for c in cells}))
        types = "; ".join(sorted({" ".join(c.identity.types) for c in cells}))
        raise DataError(
            "the folder contains cells of several studies, which cannot share a table "
            f"(epochs: {epochs}; modifications: {types}): select one with the options that began it"
        )


def tabulate(cells: Sequence[StudyCell]) -> pd.DataFrame:
    """Return the table of a study: a row per variant, type, set of windows and measure.

    The value is the mean over seeds. Its interval is that of the resampled windows; with several
    seeds the t interval of their mean is added in quadrature.

    Returns
    -------
    pandas.DataFrame
        Columns `COLUMNS`. ``mean`` is the mean over the types.
    """
    rows = []
    for variant, own in by_variant(cells).items():
        first = own[0].identity
        model = first.config.get("model", {})
        for symbol in _symbols(own):
            for windows in WINDOWS:
                counts = _counts(own[0], symbol, windows)
                for metric in METRICS:
                    value, low, high = _mean([_score(c, symbol, metric, windows) for c in own])
                    how = SEVERAL_SEEDS.format(len(own)) if len(own) > 1 else ONE_SEED
                    seconds = float(np.mean([c.seconds for c in own]))
                    rows.append(
                        (first.study, first.model, variant, model.get("length"), first.joint,
                         first.epochs, symbol, windows, *counts, metric, value, low, high,
                         len(own), how, round(seconds, 1))
                    )  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def difference(
    one: Sequence[StudyCell], other: Sequence[StudyCell], symbol: str, windows: str
) -> Difference:
    """Return the difference in AUROC of two variants on one type, `one` minus `other`."""
    ours = {c.identity.seed: c for c in one}
    theirs = {c.identity.seed: c for c in other}
    seeds = sorted(ours.keys() & theirs.keys())
    pairs = [(_resampled(ours[s], symbol, windows), _resampled(theirs[s], symbol, windows))
             for s in seeds]  # fmt: skip
    same = {c.identity.data for c in (*one, *other)}
    if pairs and len(same) == 1 and all(len(a) == len(b) > 1 for a, b in pairs):
        values = [
            _score(ours[s], symbol, "auroc", windows)[0]
            - _score(theirs[s], symbol, "auroc", windows)[0]
            for s in seeds
        ]
        samples = np.mean([a - b for a, b in pairs], axis=0)
        value = float(np.mean(values))
        spread = float(np.nanstd(samples, ddof=1)) * 1.96 if not np.isnan(samples).all() else np.nan
        half = math.hypot(spread, _seed_half_width(values))
        return Difference(value, value - half, value + half, True)
    a = _mean([_score(c, symbol, "auroc", windows) for c in one])
    b = _mean([_score(c, symbol, "auroc", windows) for c in other])
    return Difference(a[0] - b[0], a[1] - b[2], a[2] - b[1], False)


class Best(NamedTuple):
    """The best variant for a type, and those that do not differ significantly from it."""

    variant: str
    value: float
    low: float
    high: float
    tied: tuple[str, ...]


def best(cells: Sequence[StudyCell], symbol: str, windows: str) -> Best | None:
    """Return the variant with the highest AUROC on a type; None if there are no values."""
    variants = by_variant(cells)
    values = {
        name: _mean([_score(c, symbol, "auroc", windows) for c in own])
        for name, own in variants.items()
    }
    values = {name: bounds for name, bounds in values.items() if not math.isnan(bounds[0])}
    if not values:
        return None
    top = max(values, key=lambda name: values[name][0])
    tied = tuple(
        name
        for name in values
        if name != top
        and not difference(variants[top], variants[name], symbol, windows).significant
    )
    return Best(top, *values[top], tied)


def by_variant(cells: Sequence[StudyCell]) -> dict[str, list[StudyCell]]:
    """Group cells by variant."""
    groups: dict[str, list[StudyCell]] = {}
    for cell in cells:
        groups.setdefault(cell.identity.variant, []).append(cell)
    return groups


def _symbols(cells: Sequence[StudyCell]) -> tuple[str, ...]:
    types = cells[0].identity.types
    return (*types, MEAN) if len(types) > 1 else types


def _mean(bounds: Sequence[tuple[float, float, float]]) -> tuple[float, float, float]:
    """Return the mean over seeds, with the errors of windows and seeds added."""
    values, lows, highs = np.array(bounds).T
    value = float(values.mean())
    more = _seed_half_width(values)
    below, above = value - float(lows.mean()), float(highs.mean()) - value
    return value, value - math.hypot(below, more), value + math.hypot(above, more)


def _seed_half_width(values: Sequence[float] | np.ndarray) -> float:
    """Return half the width of the t interval of a mean over seeds; 0 for one seed."""
    k = len(values)
    if k < 2:
        return 0.0
    quantile = float(student.ppf((1 + LEVEL) / 2, k - 1))
    return quantile * float(np.std(values, ddof=1)) / math.sqrt(k)


def _score(cell: StudyCell, symbol: str, metric: str, windows: str) -> tuple[float, float, float]:
    try:
        return cell.score(symbol, metric, windows=windows)
    except KeyError:
        return float("nan"), float("nan"), float("nan")


def _row(cell: StudyCell, symbol: str, windows: str) -> dict[str, object]:
    wanted = (symbol, windows, "random", "none")
    keys = ("modification", "windows", "negatives", "flanks")
    return next((r for r in cell.scores if tuple(r[k] for k in keys) == wanted), {})


def _counts(cell: StudyCell, symbol: str, windows: str) -> tuple[object, object]:
    row = _row(cell, symbol, windows)
    return row.get("n_pos"), row.get("n_neg")


def _resampled(cell: StudyCell, symbol: str, windows: str) -> np.ndarray:
    kept = _row(cell, symbol, windows).get("resampled_auroc") or []
    assert isinstance(kept, list)
    return np.array([float("nan") if x is None else x for x in kept])


_HEADINGS = {
    "all": "All validation windows",
    "non_overlapping": "Validation windows that overlap no training window",
}


def write_lengths(
    cells: Sequence[StudyCell], out: str | PathLike[str], palette: str = "types"
) -> list[Path]:
    """Write ``lengths.csv``, ``lengths.md``, ``lengths.png`` and ``lengths.svg``.

    Raises DataError if there are no cells, they do not belong together, or a file cannot be
    written.
    """
    check_one_series(cells)
    table = tabulate(cells)
    drawn = table[table.metric == "auroc"]
    title = _title("Window length", cells)
    figure = against_length(drawn, _colors(cells, palette), title=title)
    return _write(out, "lengths", table, f"# Window lengths\n\n{lengths_page(cells)}", figure)


def lengths_page(cells: Sequence[StudyCell]) -> str:
    """Return the tables of a study of window lengths as Markdown."""
    table = tabulate(cells)
    parts = [f"{_introduction(cells)}\n"]
    for windows in WINDOWS:
        parts.append(f"## {_HEADINGS[windows]}\n\n{_markdown(cells, table, windows, 'length')}\n")
        lines = "\n".join(length_lines(cells, windows))
        parts.append(f"Best length for each modification:\n\n{lines}\n")
    return "\n".join(parts)


def write_ablations(
    cells: Sequence[StudyCell], out: str | PathLike[str], reference: str, palette: str = "types"
) -> list[Path]:
    """Write ``ablations.csv``, ``ablations.md``, ``ablations.png`` and ``ablations.svg``.

    Raises DataError if there are no cells, they do not belong together, or a file cannot be
    written.
    """
    check_one_series(cells)
    compared = differences_from(cells, reference)
    columns = compared.rename(columns={"low": "difference_low", "high": "difference_high"})
    keys = ["variant", "modification", "windows", "metric"]
    table = tabulate(cells).merge(columns.assign(metric="auroc"), how="left", on=keys)
    title = _title("Ablations", cells)
    named = "the full model" if reference == "full" else f"'{reference}'"
    figure = differences(compared, _colors(cells, palette), named, title=title)
    page = f"# Ablations\n\n{ablations_page(cells, reference)}"
    return _write(out, "ablations", table, page, figure)


def ablations_page(cells: Sequence[StudyCell], reference: str) -> str:
    """Return the tables of a study of ablations as Markdown."""
    table, compared = tabulate(cells), differences_from(cells, reference)
    parts = [f"{_introduction(cells)}\n"]
    for windows in WINDOWS:
        parts.append(f"## {_HEADINGS[windows]}\n\n{_markdown(cells, table, windows, 'variant')}\n")
        parts.append(
            f"Difference in AUROC from '{reference}', on the same resamples of windows:\n\n"
            + _difference_table(compared, windows)
            + "\n"
        )
    return "\n".join(parts)


def differences_from(cells: Sequence[StudyCell], reference: str) -> pd.DataFrame:
    """Compare every variant with a reference.

    Returns
    -------
    pandas.DataFrame
        Columns ``variant``, ``modification``, ``windows``, ``difference``, ``low``, ``high``
        (AUROC); empty if the reference is missing.
    """
    variants = by_variant(cells)
    rows = []
    for variant, own in variants.items():
        if variant == reference or reference not in variants:
            continue
        for symbol in _symbols(cells):
            for windows in WINDOWS:
                value, low, high, _ = difference(own, variants[reference], symbol, windows)
                rows.append((variant, symbol, windows, value, low, high))
    names = ["variant", "modification", "windows", "difference", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def length_lines(cells: Sequence[StudyCell], windows: str) -> list[str]:
    """Return a line per type with its best length and those that do not differ from it."""
    lines = []
    for symbol in _symbols(cells):
        top = best(cells, symbol, windows)
        if top is None:
            lines.append(f"- {symbol}: no value.")
            continue
        line = f"- {symbol}: {top.variant} (AUROC {_number(top.value, top.low, top.high)})"
        if not top.tied:
            lines.append(f"{line}, distinguishable from all others.")
            continue
        line += f"; not distinguishable from {', '.join(top.tied)}"
        shortest = min((*top.tied, top.variant), key=lambda name: int(name.split()[0]))
        if shortest != top.variant:
            line += f"; the shortest of these is {shortest}"
        lines.append(f"{line}.")
    return lines


def ablation_lines(cells: Sequence[StudyCell], reference: str = "full") -> list[str]:
    """Return a line per variant with its difference from the reference over all types."""
    compared = differences_from(cells, reference)
    shown = compared[(compared.windows == "all") & (compared.modification == _symbols(cells)[-1])]
    lines = []
    for name, *bounds in shown[["variant", "difference", "low", "high"]].to_numpy():
        value, low, high = map(float, bounds)
        apart = "" if low > 0 or high < 0 else ", not distinguishable"
        lines.append(f"- {name}: {_signed(value, low, high)}{apart}")
    return lines


def _epochs(cells: Sequence[StudyCell]) -> str:
    """Return the number of epochs, marked as reduced if the preset has more.

    The number of the preset itself is not shown: it may change with the version.
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


def _title(name: str, cells: Sequence[StudyCell]) -> str:
    seeds = sorted({c.identity.seed for c in cells})
    count = f"{len(seeds)} seeds" if len(seeds) > 1 else "one seed"
    return f"{name}: model {cells[0].identity.model}, {_epochs(cells)}, {count}"


def _introduction(cells: Sequence[StudyCell]) -> str:
    first = cells[0].identity
    seeds = sorted({c.identity.seed for c in cells})
    how = ONE_SEED if len(seeds) == 1 else SEVERAL_SEEDS.format(len(seeds))
    commits = ", ".join(sorted({c.commit for c in cells if c.commit}))
    hours = sum(c.seconds for c in cells) / 3600
    return "\n".join(
        [
            f"Model `{first.model}`, modifications {', '.join(first.types)}, {_epochs(cells)}, "
            f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}; {len(cells)} cells, "
            f"{hours:.1f} hours in all. Made with `{cells[0].command}`"
            + (f" (commit {commits})." if commits else "."),
            "",
            f"AUROC with its 95 % interval ({how}). The best of a column is bold; `≈` marks values "
            "that are not significantly lower.",
        ]
    )


def _markdown(cells: Sequence[StudyCell], table: pd.DataFrame, windows: str, heading: str) -> str:
    """Return the table of one set of windows: a row per variant, a column per type."""
    symbols = _symbols(cells)
    tops = {symbol: best(cells, symbol, windows) for symbol in symbols}
    lines = [f"| {heading} | " + " | ".join(symbols) + " | minutes per cell |"]
    lines.append("|---|" + "---|" * (len(symbols) + 1))
    for variant, own in by_variant(cells).items():
        written = [variant]
        for symbol in symbols:
            where = (table.variant == variant) & (table.modification == symbol)
            row = table[where & (table.windows == windows) & (table.metric == "auroc")].iloc[0]
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
    return "\n".join(lines) + "\n\nBold: the interval excludes 0.\n"


def _number(value: float, low: float, high: float) -> str:
    """Format a value with its interval; empty for NaN."""
    if math.isnan(value):
        return ""
    if math.isnan(low):
        return f"{value:.3f}"
    return f"{value:.3f} ({low:.3f} to {min(high, 1.0):.3f})"


def _signed(value: float, low: float, high: float) -> str:
    return "" if math.isnan(value) else f"{value:+.3f} ({low:+.3f} to {high:+.3f})"


def _colors(cells: Sequence[StudyCell], palette: str) -> dict[str, str]:
    """Return the colour of each type; types that are not built in get the remaining colours."""
    known = {m.symbol: m for m in MODIFICATIONS}
    types = cells[0].identity.types
    modifications = [known.get(symbol) or Modification(symbol, symbol, "N") for symbol in types]
    return dict(zip(types, type_colors(modifications, palette), strict=True))


def _write(
    out: str | PathLike[str], name: str, table: pd.DataFrame, page: str, figure: Figure
) -> list[Path]:
    folder = output_directory(out)
    write_text(folder / f"{name}.csv", table.to_csv(index=False, float_format="%.6g"))
    write_text(folder / f"{name}.md", page)
    pictures = save_figure(figure, folder / f"{name}.png")
    return [folder / f"{name}.csv", folder / f"{name}.md", *pictures]
