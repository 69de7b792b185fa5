"""The files that predicted sites are compared with: known sites, and the regions that were scanned.

Known sites come from a user's BED or bedRMod file, scanned regions from the ``scanned.bed`` that
`vqrna predict` writes beside its tables.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike

import numpy as np

from vqrna.data.text_files import open_text
from vqrna.errors import DataError, UsageError
from vqrna.evaluation.predicted_sites import NOT_DATA, STRANDS, Facts, fact_of
from vqrna.formats.text import bed_name
from vqrna.genome.bed import (
    LineError,
    parse_blocks,
    parse_interval,
    parse_strand,
    read_lines,
    split_fields,
)
from vqrna.modifications import Modification, modification
from vqrna.runtime.whole_numbers import whole_number

STRIDE = 1 << 34
"""Longer than any sequence: a genome position as one number is group * STRIDE + position."""

SCANNED = "scanned.bed"
"""Name of the file with the scanned regions."""

_NAME, _STRAND = 3, 5  # columns of BED


@dataclass(frozen=True, eq=False)
class KnownSites:
    """Sites that are known to be modified, without duplicates."""

    names: tuple[str, ...]  # Names of the sequences
    sequence: np.ndarray  # (N,), int64: Index into `names`
    position: np.ndarray  # (N,), int64: 0-based
    reverse: np.ndarray  # (N,), bool
    # (N,), int64: Index into the modifications passed to :func:`read_known`
    modification_index: np.ndarray
    # repeated, strandless, unknown: Number of lines that repeat a site, sites without a strand, and
    # lines without a known type, which are skipped
    repeated: int = 0
    strandless: int = 0
    unknown: int = 0

    def __len__(self) -> int:
        return len(self.position)

    def take(self, rows: np.ndarray) -> KnownSites:
        """Return some of the sites, by mask; the counts of lines stay."""
        return replace(
            self,
            sequence=self.sequence[rows],
            position=self.position[rows],
            reverse=self.reverse[rows],
            modification_index=self.modification_index[rows],
        )


def read_known(
    path: str | PathLike[str],
    modifications: Sequence[Modification],
    only: Modification | None = None,
) -> KnownSites:
    """Read known sites from BED (three columns or more) or bedRMod, plain or gzipped.

    Raises DataError if a line is not a site of one nt, or no name is a type.

    Parameters
    ----------
    modifications : sequence of Modification
        Types that the name column can hold, as symbol, alias or MODOMICS short name.
    only : Modification, optional
        Read only sites of this type; names that are not a type count as this type.
    """
    file = str(path)
    types = _Types(modifications, only)
    ids: dict[str, int] = {}
    rows = array("q")  # sequence, position, strand and type of each site in turn
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
                message = f"invalid strand '{strand}' (expected '+', '-' or '.')"
                raise DataError(message, file=file, line=number)
            modification_index = types.index(cells[_NAME].strip() if len(cells) > _NAME else "")
            if modification_index is None:
                unknown += 1
                continue
            strandless += strand in (".", "")
            sequence = ids.setdefault(bed_name(cells[0]), len(ids))
            rows.extend((sequence, start, STRANDS[strand], modification_index))
    if not rows:
        raise DataError(types.no_sites(unknown), file=file)
    columns = np.frombuffer(rows, dtype=np.int64).reshape(-1, 4)
    unique, index = np.unique(columns, axis=0, return_index=True)
    sequence, position, reverse, of_types = columns[np.sort(index)].T
    return KnownSites(
        tuple(ids),
        sequence,
        position,
        reverse.astype(bool),
        of_types,
        repeated=len(columns) - len(unique),
        strandless=strandless,
        unknown=unknown,
    )


class _Types:
    """Look up modifications by name, and remember an unknown name."""

    def __init__(self, modifications: Sequence[Modification], only: Modification | None) -> None:
        self.all = tuple(modifications)
        self.only = None if only is None else self.all.index(only)
        self.known: dict[str, int | None] = {}
        self.example = ""

    def index(self, name: str) -> int | None:
        if name not in self.known:
            self.known[name] = self._type(name)
        modification_index = self.known[name]
        if modification_index is None:
            self.example = self.example or name
            return self.only
        return modification_index if self.only in (None, modification_index) else None

    def _type(self, name: str) -> int | None:
        if not name or name.isdigit():  # a benchmark number is a name on the command line only
            return None
        try:
            return self.all.index(modification(name, self.all))
        except UsageError:
            return None

    def no_sites(self, skipped: int) -> str:
        """Return the message for a file without sites."""
        if not skipped:
            return "holds no sites"
        if self.only is not None:
            return f"holds no sites of {self.all[self.only].symbol}"
        if self.example in ("", "."):
            return "has no column with the types of its sites: set one with --modification"
        message = f"unknown modifications in column 4, such as '{self.example}'"
        return f"{message}: set one with --modification"


def _start(cells: Sequence[str], file: str, line: int) -> int:
    """Return the position of a site, which must be one nt wide."""
    if len(cells) < 3:
        message = f"a line of BED needs 3 columns or more, this one has {len(cells)}"
        raise DataError(message, file=file, line=line)
    start, stop = whole_number(cells[1]), whole_number(cells[2])
    if start is None or stop is None:
        shown = f"'{cells[1][:40]}' and '{cells[2][:40]}'"
        message = f"invalid start and end {shown} (expected whole numbers)"
        raise DataError(message, file=file, line=line)
    if start >= STRIDE:
        raise DataError(f"invalid start {start}", file=file, line=line)
    if stop - start != 1:
        message = f"a known site must be one nt wide, this one is {stop - start}"
        raise DataError(message, file=file, line=line)
    return start


@dataclass(frozen=True, eq=False)
class ScannedRegions:
    """Regions that were scanned."""

    names: dict[str, int]  # Numbers of the sequences
    # (N,), int64: Starts of the regions, sorted; each sequence and strand is a group of `STRIDE`
    starts: np.ndarray
    stops: np.ndarray  # (N,), int64: Largest stop of all regions up to each
    facts: Facts  # Header of the file

    def holds(self, known: KnownSites) -> np.ndarray:
        """Return which known sites are in a scanned region, shape (N,)."""
        number = np.array([self.names.get(name, -1) for name in known.names], dtype=np.int64)
        sequence = number[known.sequence]
        place = (2 * sequence + known.reverse) * STRIDE + known.position
        before = np.searchsorted(self.starts, place, side="right")
        reached = np.concatenate([[0], self.stops])[before]
        return (sequence >= 0) & (reached > place)


def read_scanned(path: str | PathLike[str]) -> ScannedRegions:
    """Read scanned regions from BED, with the rules of `vqrna predict --regions`.

    A line without a strand covers both strands; of twelve columns only the blocks count.

    Raises DataError if the file is missing, or a line is not a region.
    """
    names: dict[str, int] = {}
    facts: Facts = {}
    starts: list[int] = []
    stops: list[int] = []
    with read_lines(path) as lines:
        for line in lines:
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            if text.startswith(NOT_DATA) or not text.strip():
                facts.update(fact_of(text))
                continue
            fields = split_fields(line)
            start, stop = parse_interval(fields)
            if stop >= STRIDE:
                raise LineError(f"end {stop} is beyond any sequence")
            strand, blocks = parse_strand(fields), parse_blocks(fields, start, stop)
            name = bed_name(fields[0].decode("utf-8", "replace"))
            number = names.setdefault(name, len(names))
            for reverse in (0, 1) if not strand else (int(strand < 0),):
                group = (2 * number + reverse) * STRIDE
                starts += (group + block[0] for block in blocks)
                stops += (group + block[1] for block in blocks)
    first = np.array(starts, dtype=np.int64)
    order = np.argsort(first, kind="stable")
    reach = np.maximum.accumulate(np.array(stops, dtype=np.int64)[order]) if starts else first
    return ScannedRegions(names, first[order], reach, facts)
