"""Recognise the columns of a file of known sites: BED, bedMethyl or bedRMod."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from vqrna.runtime.whole_numbers import whole_number

_PERCENT_COLUMN = 10  # of bedMethyl and bedRMod, from 0
_METHYL_WIDTHS = (11, 18)  # bedMethyl of ENCODE and bedRMod; bedMethyl of modkit
_OLD_MODKIT = 10  # columns before those that old versions of modkit separate by blanks
_PERCENT = re.compile(r"[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?")

_NAMES = {
    "sequence": (
        "chrom", "chr", "chromosome", "seqnames", "seqname", "seqid", "sequence", "contig",
        "reference", "refname", "ref",
    ),
    "start": ("chromstart", "start", "startposition", "modstart"),
    "stop": ("chromend", "end", "stop", "chromstop", "endposition", "modend"),
    "code": (
        "modification", "modificationtype", "modtype", "mod", "modcode", "modifiedbasecode",
        "modname", "name",
    ),
    "strand": ("strand",),
    "percent": ("percentmodified", "fractionmodified", "percentmeth", "frequency"),
}  # fmt: skip
"""Names of each column, letters only, the preferred first."""

_ALWAYS = ("sequence", "start", "stop")


@dataclass(frozen=True)
class Layout:
    """Columns of a file, counted from 0; None for a column that the file does not have."""

    sequence: int = 0
    start: int = 1
    stop: int = 2
    code: int | None = 3  # Modification
    strand: int | None = 5
    percent: int | None = None  # Percentage of modified reads
    width: int | None = None  # Of tables of R (GRanges), whose positions are 1-based

    def cell(self, cells: Sequence[str], column: int | None) -> str:
        """Return a cell; empty if the line or the file does not have the column."""
        return cells[column] if column is not None and column < len(cells) else ""


def split_cells(text: str) -> list[str]:
    """Split a line at its tabs, or at white space if it has none; blanks around tabs are removed.

    Old versions of modkit separate the last nine columns by blanks.
    """
    if "\t" not in text:
        return text.split()
    cells = [cell.strip() for cell in text.strip("\r\n ").split("\t")]
    if len(cells) == _OLD_MODKIT:
        cells[-1:] = cells[-1].split() or [""]
    return cells


def is_column_names(cells: Sequence[str]) -> bool:
    """Return whether a line has names of columns, such as ``chrom``, ``start`` and ``end``."""
    if len(cells) < 3:
        return False
    start, end = (_plain(cell) for cell in cells[1:3])
    return _named(cells) is not None or ("start" in start and ("end" in end or "stop" in end))


def recognise(cells: Sequence[str], comments: Sequence[str], columns: Sequence[str]) -> Layout:
    """Return the layout of a file by its first site and the lines before it.

    Parameters
    ----------
    cells : sequence of str
        Cells of the first site.
    comments : sequence of str
        Lines that begin with ``#``.
    columns : sequence of str
        Names of columns, in any order; empty if there are none.
    """
    layout = _named(columns) or Layout(percent=_column("percent", columns))
    in_bed_order = (layout.sequence, layout.start, layout.stop) == (0, 1, 2)
    if layout.percent is not None or not in_bed_order or len(cells) <= _PERCENT_COLUMN:
        return layout
    is_bedrmod = any(_plain(line).startswith("fileformatbedrmod") for line in comments)
    shaped = len(cells) in _METHYL_WIDTHS and whole_number(cells[9]) is not None
    if is_bedrmod or (shaped and percentage(cells[_PERCENT_COLUMN]) is not None):
        return replace(layout, percent=_PERCENT_COLUMN)
    return layout


def _named(columns: Sequence[str]) -> Layout | None:
    """Return the layout by names; None if sequence, start or end has no usual name."""
    columns_of = {field: _column(field, columns) for field in _NAMES}
    sequence, start, stop = (columns_of[field] for field in _ALWAYS)
    if sequence is None or start is None or stop is None:
        return None
    names = [_plain(name) for name in columns]
    width = names.index("width") if {"seqnames", "width"} <= set(names) else None
    code, strand, percent = (columns_of[field] for field in ("code", "strand", "percent"))
    return Layout(sequence, start, stop, code, strand, percent, width)


def _column(field: str, columns: Sequence[str]) -> int | None:
    names = [_plain(name) for name in columns]
    return next((names.index(name) for name in _NAMES[field] if name in names), None)


def percentage(text: str) -> float | None:
    """Return a number from 0 to 100, or None for other text; 0 for nan, which is of no reads."""
    if text.lower() == "nan":
        return 0.0
    if not _PERCENT.fullmatch(text) or len(text) > 30:
        return None
    value = float(text)
    return value if value <= 100 else None


def _plain(text: str) -> str:
    return re.sub(r"[^a-z]", "", text.lower())
