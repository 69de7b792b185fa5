"""Write sites as tab-separated text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from vqrna.formats import text
from vqrna.formats.description import Description
from vqrna.formats.registry import SiteWriter, register
from vqrna.formats.text import EMPTY
from vqrna.modifications import Modification
from vqrna.runtime.files import OutputFiles
from vqrna.sequence import ALPHABET
from vqrna.sites import COLUMNS, FLAGS, Sites, flag_names
from vqrna.stats.tiers import CALLS

_BASES = (*ALPHABET, "N")
_FLAGS = tuple(word or EMPTY for word in flag_names(np.arange(1 << len(FLAGS))))


@register("tsv")
class TsvWriter(SiteWriter):
    """Write ``PREFIX.tsv``: a line of column names, then a line for each site."""

    def __init__(self, output: OutputFiles, description: Description) -> None:
        super().__init__(output, description)
        self._file = output.open(f"{description.prefix}.tsv")
        self._begun = False

    def write(self, sites: Sites) -> None:
        """Write sites; the first batch determines the columns."""
        if not self._begun:
            self._file.write(column_line(sites.extra).encode())
            self._begun = True
        self._file.write(raw_lines(sites, self.description.modifications))

    def written_name(self, name: str) -> str:
        """Return a name without characters that a cell cannot hold."""
        return text.table_name(name)

    def finish(self) -> None:
        """Close the file."""
        self._file.close()


def column_line(extra: Iterable[str] = ()) -> str:
    """Return the line of column names, with the names of `extra` columns at its end."""
    return "\t".join((*COLUMNS, *map(text.table_cell, extra))) + "\n"


def raw_lines(sites: Sites, modifications: Sequence[Modification]) -> memoryview:
    """Return a line for each site in UTF-8.

    Parameters
    ----------
    modifications : sequence of Modification
        Those of the scan.
    """
    symbols = [text.table_cell(m.symbol) for m in modifications]
    return text.lines(
        [
            text.names(sites.sequence),
            text.integers(sites.position + 1),
            text.choices("+-", sites.reverse),
            text.choices(_BASES, sites.base),
            text.choices(symbols, sites.modification_index),
            text.decimals(sites.score),
            text.significant(sites.probability),
            text.significant(sites.p_value),
            text.significant(sites.q_value),
            text.choices((EMPTY, *CALLS), sites.tier),
            text.choices(_FLAGS, sites.flags),
            *(text.extra_column(name, column) for name, column in sites.extra.items()),
        ]
    )


def lines(sites: Sites, modifications: Sequence[Modification]) -> str:
    """Return what :func:`raw_lines` does as a str."""
    return str(raw_lines(sites, modifications), "utf-8")
