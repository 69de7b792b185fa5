"""The sequences of a scan and the tables that its sites go to.

A :class:`Source` yields the regions to be scanned; its :class:`SiteTables` turn scanned sites into
the rows of the output tables. For plain sequences both are here, for a genome in
:mod:`vqrna.genome.source`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import ClassVar, Protocol

from vqrna.data.fasta import FastaRecord, read_fasta
from vqrna.errors import DataError, UsageError
from vqrna.region import Region
from vqrna.sequence import encode
from vqrna.sites import Sites

Input = str | PathLike[str]

_LONGEST_SHOWN = 250
"""Longer file names are abbreviated in messages."""

_LETTERS = re.compile(r"(?i)[ACGTUN\s]+").fullmatch


class SiteTables(Protocol):
    """Turns the sites of a scan into the rows of the output tables."""

    @property
    def stranded(self) -> bool:
        """Whether the main table has sites on both strands of its sequences."""

    @property
    def main_columns(self) -> Mapping[str, type]:
        """Columns of the main table beyond those of every scan, and their types."""

    @property
    def transcript_columns(self) -> Mapping[str, type]:
        """Columns of the table by transcript beyond those of every scan, and their types."""

    def main_rows(self, scanned: Iterator[Sites]) -> Iterator[Sites]:
        """Return the rows of the main table, from sites in the order of the scan."""

    def transcript_rows(self, scanned: Iterator[Sites]) -> Iterator[Sites]:
        """Return the rows of the table by transcript, from sites in the order of the scan."""

    def sequence_lengths(self) -> Iterator[tuple[str, int]] | None:
        """Return names and lengths of the main table's sequences; None: those that were scanned."""

    def intervals(self) -> Iterator[tuple[str, int, int, bool]] | None:
        """Return the evaluated intervals (name, start, stop, reverse); None: all scanned ones."""


class Source(Protocol):
    """Sequences to scan: the same ones in the same order every time."""

    @property
    def rereadable(self) -> bool:
        """Whether it can be read more than once."""

    @property
    def tables(self) -> SiteTables:
        """Output tables of its sites."""

    def regions(self) -> Iterator[Region]:
        """Yield the regions to be scanned."""

    def inputs(self) -> tuple[Path, ...]:
        """Return the files that the result depends on."""

    def describe(self) -> dict[str, str]:
        """Return the settings that the result depends on, for the header lines of files."""

    def count_positions(self) -> int | None:
        """Count the positions to be evaluated; None where only a scan can."""


class SequenceTables:
    """Tables of plain sequences: the sites as they were scanned; each sequence is a transcript."""

    stranded = False
    main_columns: ClassVar[Mapping[str, type]] = {}
    transcript_columns: ClassVar[Mapping[str, type]] = {}

    def main_rows(self, scanned: Iterator[Sites]) -> Iterator[Sites]:
        """Return the sites unchanged."""
        return scanned

    transcript_rows = main_rows

    def sequence_lengths(self) -> None:
        """Return None: the sequences are those that were scanned."""

    def intervals(self) -> None:
        """Return None: all scanned positions count."""


class _Sequences:
    """Members that sources of plain sequences share."""

    tables: ClassVar[SiteTables] = SequenceTables()

    def describe(self) -> dict[str, str]:
        """Return nothing: the result depends on the sequences only."""
        return {}


@dataclass(frozen=True)
class FastaSource(_Sequences):
    """FASTA files.

    Raises
    ------
    DataError
        If a file is missing.
    """

    files: tuple[str, ...]  # ``-`` is standard input

    def __post_init__(self) -> None:
        """Check that the files exist."""
        for file in self.files:
            if file != "-" and not _exists(file):
                shown = file if len(file) <= _LONGEST_SHOWN else f"{file[:40]}..."
                raise DataError("no such file", file=shown)

    @property
    def rereadable(self) -> bool:
        """Whether it can be read more than once: not standard input and pipes."""
        return all(file != "-" and Path(file).is_file() for file in self.files)

    def regions(self) -> Iterator[Region]:
        """Yield each record."""
        for file in self.files:
            for record in read_fasta(file):
                yield Region.whole(record.name, record.tokens)

    def inputs(self) -> tuple[Path, ...]:
        """Return the files."""
        return tuple(Path(file) for file in self.files)

    def count_positions(self) -> int | None:
        """Count the letters, some 100 Mnt a second; None if the files can be read only once.

        Raises DataError if a file is invalid anywhere: before the work, not after hours.
        """
        return sum(region.stop for region in self.regions()) if self.rereadable else None


@dataclass(frozen=True, eq=False)
class MemorySource(_Sequences):
    """Sequences in memory."""

    sequences: Mapping[str, str] | Iterable[FastaRecord | Input]

    rereadable: ClassVar[bool] = False

    def regions(self) -> Iterator[Region]:
        """Yield each sequence, and each record of files.

        Raises DataError, UsageError if a sequence has invalid letters, or an item is of another
        type.
        """
        if isinstance(self.sequences, Mapping):
            for name, letters in self.sequences.items():
                if not isinstance(letters, str):
                    type_name = type(letters).__name__
                    raise UsageError(f"sequence '{name}' must be a str, not {type_name}")
                try:
                    yield Region.whole(name, encode("".join(letters.split())))
                except DataError as error:
                    raise DataError(str(error), record=name) from None
            return
        for item in self.sequences:
            if not isinstance(item, FastaRecord | str | PathLike):
                raise UsageError(f"expected a FastaRecord or a path, not {type(item).__name__}")
            records = [item] if isinstance(item, FastaRecord) else read_fasta(item)
            for record in records:
                yield Region.whole(record.name, record.tokens)

    def inputs(self) -> tuple[Path, ...]:
        """Return nothing: there are no files to read again."""
        return ()

    def count_positions(self) -> None:
        """Return None: the sequences may be an iterator."""


def _exists(file: str) -> bool:
    try:
        return Path(file).exists()
    except (OSError, ValueError):  # too long, or not a name on this system
        return False


def as_source(
    sequences: Input | Sequence[Input] | Mapping[str, str] | Iterable[FastaRecord],
) -> FastaSource | MemorySource:
    """Return a source of a path, paths, sequences by name, or records.

    Raises DataError if a file is missing. Raises UsageError if it is anything else, such as a
    sequence without a name.
    """
    if isinstance(sequences, str) and _LETTERS(sequences) and not _exists(sequences):
        raise UsageError(
            f"no file '{sequences[:20]}'; if it is a sequence, name it: "
            f"{{'name': '{sequences[:5]}...'}}"
        )
    if isinstance(sequences, str | PathLike):
        return FastaSource((str(sequences),))
    if isinstance(sequences, list | tuple) and all(
        isinstance(item, str | PathLike) for item in sequences
    ):
        return FastaSource(tuple(str(item) for item in sequences))
    if not isinstance(sequences, Iterable):
        raise UsageError(
            f"sequences must be paths, a mapping of name to sequence, or records, "
            f"not {type(sequences).__name__}"
        )
    return MemorySource(sequences)
