"""Sites as tab-separated text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from vqrna.formats import text
from vqrna.formats.description import Description
from vqrna.formats.text import NOTHING
from vqrna.modifications import Modification
from vqrna.runtime.files import Output, writing
from vqrna.sequence import ALPHABET
from vqrna.sites import COLUMNS, FLAGS, Sites, flag_names
from vqrna.stats.tiers import TIERS

_BASES = (*ALPHABET, "N")
_FLAGS = tuple(word or NOTHING for word in flag_names(np.arange(1 << len(FLAGS))))


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
    return "\t".join((*COLUMNS, *map(text.table_name, extra))) + "\n"


def raw_lines(sites: Sites, modifications: Sequence[Modification]) -> memoryview:
    """Write sites as lines in UTF-8; see :func:`lines`."""
    return text.lines(
        [
            text.names(sites.sequence),
            text.integers(sites.position + 1),
            text.words("+-", sites.reverse),
            text.words(_BASES, sites.base),
            text.words(
                [text.table_name(m.symbol) for m in modifications], sites.modification_index
            ),
            text.decimals(sites.score),
            text.digits(sites.probability),
            text.digits(sites.p_value),
            text.digits(sites.q_value),
            text.words((NOTHING, *TIERS), sites.tier),
            text.words(_FLAGS, sites.flags),
            *(text.anything(name, column) for name, column in sites.extra.items()),
        ]
    )


def lines(sites: Sites, modifications: Sequence[Modification]) -> str:
    """Write sites as text, a line a site, without the header.

    Parameters
    ----------
    sites : Sites
    modifications : sequence of Modification
        The scan's.
    """
    return str(raw_lines(sites, modifications), "utf-8")
