"""Sites as tab-separated text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from vqrna import sites as rows
from vqrna.formats import text
from vqrna.formats.description import Description
from vqrna.formats.output import Output, writing
from vqrna.formats.text import NOTHING
from vqrna.modifications import Modification
from vqrna.sites import Sites
from vqrna.tiers import TIERS

COLUMNS = (
    "sequence",
    "position",
    "base",
    "modification",
    "score",
    "probability",
    "p_value",
    "call",
    "flags",
)
"""Columns of a table of sites; ``position`` is 1-based."""

_FORMATS = {"score": "{:.6f}", "probability": "{:.4g}", "p_value": "{:.4g}"}

_BASES = ("A", "C", "G", "U", "N")
_FLAGS = tuple(word or NOTHING for word in rows.flag_names(np.arange(1 << len(rows.FLAGS))))


class Writer:
    """Writes ``PREFIX.tsv``: facts behind ``#``, column names, a line a site.

    Parameters
    ----------
    output : Output
    description : Description
    """

    def __init__(self, output: Output, description: Description) -> None:
        name = f"{description.prefix}.tsv"
        self.path = output.folder / name
        self._description = description
        self._file = output.open(name)
        self._begun = False

    def write(self, sites: Sites) -> None:
        """Write sites; the first ones tell the columns."""
        with writing(self.path):
            if not self._begun:
                head = self._description.head() + column_line(sites.extra)
                self._file.write(head.encode())
                self._begun = True
            self._file.write(raw_lines(sites, self._description.modifications))

    def finish(self) -> None:
        """Close the file."""
        with writing(self.path):
            self._file.close()


def column_line(extra: Iterable[str] = ()) -> str:
    """Give the line of column names.

    Parameters
    ----------
    extra : iterable of str
        Names of further columns.
    """
    return "\t".join((*rows.COLUMNS, *map(text.table_name, extra))) + "\n"


def raw_lines(sites: Sites, modifications: Sequence[Modification]) -> memoryview:
    """Write sites as lines in UTF-8; see :func:`lines`."""
    return text.lines(
        [
            text.names(sites.sequence),
            text.integers(sites.position + 1),
            text.words("+-", sites.reverse),
            text.words(_BASES, sites.base),
            text.words([text.table_name(m.symbol) for m in modifications], sites.kind),
            text.decimals(sites.score),
            text.digits(sites.probability),
            text.digits(sites.p_value),
            text.digits(sites.q_value),
            text.words((NOTHING, *TIERS), sites.tier),
            text.words(_FLAGS, sites.flags),
            *(text.anything(name, column) for name, column in sites.extra.items()),
        ]
    )


def header() -> str:
    """Give the line of column names."""
    return "\t".join(COLUMNS) + "\n"


def lines(sites: Sites | pd.DataFrame, modifications: Sequence[Modification] | None = None) -> str:
    """Write sites as text, a line a row, without the header.

    Parameters
    ----------
    sites : Sites, or pandas.DataFrame with `COLUMNS`
    modifications : sequence of Modification
        The scan's; not needed for a table.
    """
    if isinstance(sites, Sites):
        return str(raw_lines(sites, modifications or ()), "utf-8")
    if sites.empty:
        return ""
    written = []
    for column in COLUMNS:
        values: list[Any] = sites[column].tolist()
        if column in _FORMATS:
            form = _FORMATS[column].format
            written.append(["nan" if x != x else form(x) for x in values])
        else:
            written.append([str(x) or NOTHING for x in values])
    return "".join("\t".join(row) + "\n" for row in zip(*written, strict=True))
