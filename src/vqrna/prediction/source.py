"""The sequences of a scan and the tables that its sites go to.

A :class:`Source` yields the regions to be scanned; its :class:`SiteTables` turn scanned sites into
the rows of the output tables. For plain sequences both are here, for a genome in
:mod:`vqrna.genome.source`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, starmap
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np

from vqrna.data.fasta import FastaRecord, read_fasta
from vqrna.data.names import WHOLE_NAMES, NameKeys, NameRule
from vqrna.data.sequences import Sequences, check_file, check_type, paths_of, read_sequences
from vqrna.region import Region
from vqrna.runtime.run_record import SkippedInput
from vqrna.segments import Block, Segments, SequenceRows, best_of_sequences, whole_sequences
from vqrna.sites import Sites


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

    def best_blocks(self, scanned: Iterator[Block], top: int) -> Iterator[Block]:
        """Keep the `top` most probable sites of each sequence and modification.

        The tables do it themselves where a scanned sequence holds parts of several transcripts.
        """

    def main_rows(self, scanned: Iterator[Sites], top: int | None = None) -> Iterator[Sites]:
        """Return the rows of the main table, from sites in the order of the scan.

        With `top`, those that are among as many most probable ones of a sequence or transcript.
        """

    def transcript_rows(self, scanned: Iterator[Sites], top: int | None = None) -> Iterator[Sites]:
        """Return the rows of the table by transcript, from sites in the order of the scan.

        With `top`, as many of each transcript and modification, the most probable ones.
        """

    def sequence_rows(
        self, scanned: Iterator[Segments], called: Iterator[Sites] | None = None
    ) -> Iterator[SequenceRows]:
        """Return the rows of the table by sequence, from segments in the order of the scan.

        With `called`, rows of the table by transcript, their calls are counted, and not those of
        the segments.
        """

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

    @property
    def skipped(self) -> tuple[SkippedInput, ...]:
        """Lines or records of its files that were skipped, by reason; for ``run.json``."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the user on its files."""

    @property
    def reading_notes(self) -> tuple[str, ...]:
        """Notes for the user on the sequences, complete when all regions were read."""

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

    def best_blocks(self, scanned: Iterator[Block], top: int) -> Iterator[Block]:
        """Keep the best sites of each sequence."""
        return best_of_sequences(scanned, top)

    def main_rows(self, scanned: Iterator[Sites], top: int | None = None) -> Iterator[Sites]:
        """Return the sites unchanged."""
        return scanned

    transcript_rows = main_rows

    def sequence_rows(
        self, scanned: Iterator[Segments], called: Iterator[Sites] | None = None
    ) -> Iterator[SequenceRows]:
        """Return a row for each sequence."""
        return (SequenceRows(rows, rows.stop) for rows in whole_sequences(scanned))

    def sequence_lengths(self) -> None:
        """Return None: the sequences are those that were scanned."""

    def intervals(self) -> None:
        """Return None: all scanned positions count."""


def _named(
    records: Iterable[FastaRecord], rule: NameRule, file: str
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield cut name and letters of records; DataError if two names are the same after it."""
    if rule == WHOLE_NAMES:
        for record in records:
            yield record.name, record.tokens
        return
    keys = NameKeys(rule, file)
    for record in records:
        name = keys.add(record.name)
        if keys.ambiguous:
            keys.check({name})
        yield name, record.tokens


@dataclass
class _Gapped:
    """Sequences with gaps, counted while they are read."""

    count: int = 0
    first: str = ""  # Name of the first one

    def restart(self) -> None:
        """Forget what was read before."""
        self.count, self.first = 0, ""

    def counted(self, records: Iterable[FastaRecord]) -> Iterator[FastaRecord]:
        """Yield records and count those with gaps."""
        for record in records:
            if record.gapped:
                self.first = self.first or record.name
                self.count += 1
            yield record

    def notes(self) -> tuple[str, ...]:
        """Return a line for the user, if there are gaps."""
        if not self.count:
            return ()
        return (
            f"sequences with gaps (-), which count as positions: {self.count:,} (the first: "
            f"{self.first}); remove the gaps of an alignment, for example with seqkit seq -g",
        )


class _Sequences:
    """Members that sources of plain sequences share."""

    rule: NameRule
    _gapped: _Gapped

    tables: ClassVar[SiteTables] = SequenceTables()
    skipped: ClassVar[tuple[SkippedInput, ...]] = ()
    notes: ClassVar[tuple[str, ...]] = ()

    def describe(self) -> dict[str, str]:
        """Return the rule by which names are cut, if there is one."""
        return {} if self.rule == WHOLE_NAMES else {"names": self.rule.options()}

    @property
    def reading_notes(self) -> tuple[str, ...]:
        """A note on sequences with gaps."""
        return self._gapped.notes()


@dataclass(frozen=True)
class FastaSource(_Sequences):
    """FASTA files.

    Raises
    ------
    DataError
        If a file is missing.
    """

    files: tuple[str, ...]  # ``-`` is standard input
    rule: NameRule = WHOLE_NAMES  # How names are cut
    _gapped: _Gapped = field(default_factory=_Gapped, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check that the files exist."""
        for file in self.files:
            check_file(file)

    @property
    def rereadable(self) -> bool:
        """Whether it can be read more than once: not standard input and pipes."""
        return all(file != "-" and Path(file).is_file() for file in self.files)

    def regions(self) -> Iterator[Region]:
        """Yield each record; raises DataError if two names are the same after they are cut."""
        return starmap(Region.whole, self._records())

    def _records(self) -> Iterator[tuple[str, np.ndarray]]:
        self._gapped.restart()
        return chain.from_iterable(
            _named(self._gapped.counted(read_fasta(file)), self.rule, file) for file in self.files
        )

    def inputs(self) -> tuple[Path, ...]:
        """Return the files."""
        return tuple(Path(file) for file in self.files)

    def count_positions(self) -> int | None:
        """Count the letters, some 100 Mnt per second; None if the files can be read only once.

        Raises DataError if a file is invalid anywhere: before the work, not after hours.
        """
        return sum(len(tokens) for _, tokens in self._records()) if self.rereadable else None


@dataclass(frozen=True, eq=False)
class MemorySource(_Sequences):
    """Sequences in memory."""

    sequences: Sequences  # As for :func:`vqrna.data.sequences.read_sequences`
    rule: NameRule = WHOLE_NAMES  # How names are cut
    _gapped: _Gapped = field(default_factory=_Gapped, repr=False, compare=False)

    rereadable: ClassVar[bool] = False

    def regions(self) -> Iterator[Region]:
        """Yield each sequence, and each record of files.

        Raises DataError, UsageError if a sequence has invalid letters, or an item is of another
        type.
        """
        self._gapped.restart()
        records = self._gapped.counted(read_sequences(self.sequences))
        return starmap(Region.whole, _named(records, self.rule, "sequences"))

    def inputs(self) -> tuple[Path, ...]:
        """Return nothing: there are no files to read again."""
        return ()

    def count_positions(self) -> None:
        """Return None: the sequences may be an iterator."""


def as_source(sequences: Sequences, rule: NameRule = WHOLE_NAMES) -> FastaSource | MemorySource:
    """Return a source of anything that :func:`vqrna.data.sequences.read_sequences` accepts.

    Raises DataError if a file is missing. Raises UsageError if the type is another one.
    """
    paths = paths_of(sequences)
    if paths is not None:
        return FastaSource(paths, rule)
    return MemorySource(check_type(sequences), rule)
