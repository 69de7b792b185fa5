"""Recognise the columns of a file of known sites: BED, bedMethyl or bedRMod."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from vqrna.runtime.whole_numbers import whole_number

CODE, STRAND, PERCENT = 3, 5, 10
"""Columns (from 0) of the modification, the strand and the percentage of modified reads."""

_METHYL_WIDTHS = (11, 18)  # bedMethyl of ENCODE and bedRMod; bedMethyl of modkit
_OLD_MODKIT = 10  # columns before those that old versions of modkit separate by blanks
_PERCENT = re.compile(r"[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?")
_PERCENT_NAMES = ("percentmodified", "fractionmodified", "percentmeth", "frequency")


@dataclass(frozen=True)
class Layout:
    """What the columns of a file are."""

    percent: int | None = None  # Column of the percentage of modified reads, if there is one


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
    return "start" in start and ("end" in end or "stop" in end)


def recognise(cells: Sequence[str], comments: Sequence[str], columns: Sequence[str]) -> Layout:
    """Return the layout of a file by its first site and the lines before it.

    Parameters
    ----------
    cells : sequence of str
        Cells of the first site.
    comments : sequence of str
        Lines that begin with ``#``.
    columns : sequence of str
        Names of columns; empty if there are none.
    """
    for number, name in enumerate(columns):
        if _plain(name) in _PERCENT_NAMES:
            return Layout(number)
    is_bedrmod = any(_plain(line).startswith("fileformatbedrmod") for line in comments)
    shaped = len(cells) in _METHYL_WIDTHS and whole_number(cells[9]) is not None
    if len(cells) > PERCENT and (is_bedrmod or (shaped and percentage(cells[PERCENT]) is not None)):
        return Layout(PERCENT)
    return Layout()


def percentage(text: str) -> float | None:
    """Return a number from 0 to 100, or None for other text."""
    if not _PERCENT.fullmatch(text) or len(text) > 30:
        return None
    value = float(text)
    return value if value <= 100 else None


def _plain(text: str) -> str:
    return re.sub(r"[^a-z]", "", text.lower())
