"""Known sites: what a user's BED or bedRMod says is modified."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike

import numpy as np

from vqrna.data.text_files import open_text
from vqrna.errors import DataError, UsageError
from vqrna.formats.text import bed_name
from vqrna.modifications import Modification, modification

STRANDS = {"+": False, "-": True, ".": False, "": False}
"""Whether a strand is the reverse one; where it is not told, it is taken as the forward one."""

NOT_DATA = ("#", "track", "browser")
"""How lines of a BED file begin that hold no site."""

STRIDE = 1 << 34
"""Longer than any sequence: a place in a genome as one number is group x STRIDE + position."""

_NAME, _STRAND = 3, 5  # columns


@dataclass(frozen=True, eq=False)
class KnownSites:
    """Sites that are known to be modified, each once.

    Attributes
    ----------
    names : tuple of str
        Of the sequences that have any.
    sequence : np.ndarray, shape (N,), int64
        Which of `names`.
    position : np.ndarray, shape (N,), int64
        0-based.
    reverse : np.ndarray, shape (N,), bool
    kind : np.ndarray, shape (N,), int64
        Which of the modifications that were asked for.
    repeated, strandless, unknown : int
        Lines that tell a site again; sites without a strand; lines whose name is no type, which
        are left out.
    """

    names: tuple[str, ...]
    sequence: np.ndarray
    position: np.ndarray
    reverse: np.ndarray
    kind: np.ndarray
    repeated: int = 0
    strandless: int = 0
    unknown: int = 0

    def __len__(self) -> int:
        return len(self.position)

    def take(self, rows: np.ndarray) -> KnownSites:
        """Give some of the sites, by mask; the counts of lines are those of all."""
        columns = (self.sequence[rows], self.position[rows], self.reverse[rows], self.kind[rows])
        return KnownSites(self.names, *columns, self.repeated, self.strandless, self.unknown)


def read_known(
    path: str | PathLike[str],
    modifications: Sequence[Modification],
    only: Modification | None = None,
) -> KnownSites:
    """Read known sites from BED (three columns or more) or bedRMod, plain or gzipped.

    Parameters
    ----------
    path : path-like
    modifications : sequence of Modification
        The types that the name column may tell: by symbol, alias or MODOMICS short name.
    only : Modification, optional
        Take sites of this type only: all but those whose name is another type.

    Raises
    ------
    DataError
        If a line is no site of one nt, or no name is a type.
    """
    file = str(path)
    types = _Types(modifications, only)
    ids: dict[str, int] = {}
    rows = array("q")  # sequence, position, strand, type of one site after the other
    strandless = unknown = 0
    with open_text(path) as lines:
        for number, raw in enumerate(lines, start=1):
            text = raw.decode("utf-8", "replace").rstrip("\r\n")
            if not text.strip() or text.startswith(NOT_DATA):
                continue
            cells = text.split("\t") if "\t" in text else text.split()
            start = _start(cells, file, number)
            strand = cells[_STRAND].strip() if len(cells) > _STRAND else ""
            if strand not in STRANDS:
                raise DataError(f"the strand is + or -, not '{strand}'", file=file, line=number)
            kind = types.find(cells[_NAME].strip() if len(cells) > _NAME else "")
            if kind is None:
                unknown += 1
                continue
            strandless += strand in (".", "")
            sequence = ids.setdefault(bed_name(cells[0]), len(ids))
            rows.extend((sequence, start, STRANDS[strand], kind))
    if not rows:
        raise DataError(types.nothing(unknown), file=file)
    columns = np.frombuffer(rows, dtype=np.int64).reshape(-1, 4)
    each, index = np.unique(columns, axis=0, return_index=True)
    sequence, position, reverse, kind_of = columns[np.sort(index)].T
    return KnownSites(
        tuple(ids),
        sequence,
        position,
        reverse.astype(bool),
        kind_of,
        repeated=len(columns) - len(each),
        strandless=strandless,
        unknown=unknown,
    )


class _Types:
    """Finds the type that a name tells; remembers one that told none."""

    def __init__(self, modifications: Sequence[Modification], only: Modification | None) -> None:
        self.all = tuple(modifications)
        self.only = None if only is None else self.all.index(only)
        self.known: dict[str, int | None] = {}
        self.example = ""

    def find(self, name: str) -> int | None:
        if name not in self.known:
            self.known[name] = self._type(name)
        kind = self.known[name]
        if kind is None:
            self.example = self.example or name
            return self.only
        return kind if self.only in (None, kind) else None

    def _type(self, name: str) -> int | None:
        if not name or name.isdigit():  # a number is no name here, though one on the command line
            return None
        try:
            return self.all.index(modification(name, self.all))
        except UsageError:
            return None

    def nothing(self, left_out: int) -> str:
        """Say why there are no sites."""
        if not left_out:
            return "holds no sites"
        if self.only is not None:
            return f"holds no sites of {self.all[self.only].symbol}"
        if self.example in ("", "."):
            return "does not tell the types of its sites: name one with --modification"
        told = f"names in column 4, such as '{self.example}', are no types of modification"
        return f"{told}: name one with --modification"


def _start(cells: Sequence[str], file: str, line: int) -> int:
    """Give the position of a site, which is one nt wide."""
    if len(cells) < 3:
        words = f"a line of BED has 3 columns or more, this one has {len(cells)}"
        raise DataError(words, file=file, line=line)
    try:
        start, stop = int(cells[1]), int(cells[2])
    except ValueError:
        words = f"'{cells[1]}' and '{cells[2]}' are no start and end"
        raise DataError(words, file=file, line=line) from None
    if not 0 <= start < STRIDE:
        raise DataError(f"the start is {start}", file=file, line=line)
    if stop - start != 1:
        words = f"a known site is one nt wide, this one {stop - start}"
        raise DataError(words, file=file, line=line)
    return start
