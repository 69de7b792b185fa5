"""Where the sequences of a scan come from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Protocol

import numpy as np

from vqrna.data.fasta import FastaRecord, read_fasta
from vqrna.errors import DataError, UsageError
from vqrna.region import Region
from vqrna.sequence import encode
from vqrna.sites import Sites

Input = str | PathLike[str]

_LONGEST = 250
"""Names of files that are longer are not shown whole."""

_LETTERS = re.compile(r"(?i)[ACGTUN\s]+").fullmatch


class Source(Protocol):
    """Sequences to scan: the same ones in the same order, however often they are asked for."""

    @property
    def again(self) -> bool:
        """Whether it can be read more than once."""

    @property
    def stranded(self) -> bool:
        """Whether sites lie on both strands of the main table's sequences."""

    def stretches(self) -> Iterator[Region]:
        """Give what is to be scanned, one stretch at a time."""

    def inputs(self) -> tuple[Path, ...]:
        """Name the files that the result follows from."""

    def told(self) -> dict[str, str]:
        """Give the settings that the result follows from, for the heads of files."""

    def total(self) -> int | None:
        """Count the positions to be evaluated; None where only a scan can tell."""

    def sequences(self) -> Iterator[tuple[str, int]] | None:
        """Give names and lengths of the sequences of the main table; None: those scanned."""

    def scanned(self) -> Iterator[tuple[str, int, int, bool]] | None:
        """Give the intervals that count (name, start, stop, whether reverse); None: all of them."""

    def arranged(self, found: Iterator[Sites]) -> Iterator[Sites]:
        """Turn sites as they were scanned into the rows of the main table."""

    def by_transcript(self, found: Iterator[Sites]) -> Iterator[Sites]:
        """Turn them into the rows of the table by transcript."""

    def none(self, *, by_transcript: bool = False) -> Sites:
        """Give no sites, with the columns of the main table or of that by transcript."""


class _Plain:
    """Sequences that are those of the main table themselves."""

    stranded = False

    @property
    def again(self) -> bool:
        """It is read once."""
        return False

    def told(self) -> dict[str, str]:
        """Nothing but the sequences bears on the result."""
        return {}

    def sequences(self) -> None:
        """Those that were scanned."""

    def scanned(self) -> None:
        """All of them."""

    def arranged(self, found: Iterator[Sites]) -> Iterator[Sites]:
        """They come as they were scanned."""
        return found

    def by_transcript(self, found: Iterator[Sites]) -> Iterator[Sites]:
        """Without an annotation each sequence is a transcript."""
        return found

    def none(self, *, by_transcript: bool = False) -> Sites:
        """Both tables have the columns of every scan."""
        return Sites.none()


@dataclass(frozen=True)
class FastaSource(_Plain):
    """FASTA files.

    Parameters
    ----------
    files : tuple of str
        ``-`` is standard input.
    """

    files: tuple[str, ...]

    def __post_init__(self) -> None:
        """Tell a wrong name before the work, wherever it stands."""
        for file in self.files:
            if file != "-" and not _there(file):
                shown = file if len(file) <= _LONGEST else f"{file[:40]}..."
                raise DataError("there is no such file", file=shown)

    @property
    def again(self) -> bool:
        """Whether it can be read more than once: standard input and pipes cannot."""
        return all(file != "-" and Path(file).is_file() for file in self.files)

    def stretches(self) -> Iterator[Region]:
        """Give each record."""
        for file in self.files:
            for record in read_fasta(file):
                yield Region.whole(record.name, record.tokens)

    def inputs(self) -> tuple[Path, ...]:
        """Name the files."""
        return tuple(Path(file) for file in self.files)

    def total(self) -> int | None:
        """Count the letters: some 100 Mnt a second.

        Raises
        ------
        DataError
            If a file is wrong anywhere, which is told before any work is done.
        """
        return sum(stretch.stop for stretch in self.stretches()) if self.again else None


@dataclass(frozen=True, eq=False)
class MemorySource(_Plain):
    """Sequences in memory.

    Parameters
    ----------
    given : mapping of str to str, or iterable of FastaRecord or paths
    """

    given: Mapping[str, str] | Iterable[FastaRecord | Input]

    def stretches(self) -> Iterator[Region]:
        """Give each sequence, of the files among them each record."""
        if isinstance(self.given, Mapping):
            for name, letters in self.given.items():
                if not isinstance(letters, str):
                    words = f"the sequence '{name}' is no text, but {type(letters).__name__}"
                    raise UsageError(words)
                try:
                    yield Region.whole(name, encode("".join(letters.split())))
                except DataError as error:
                    raise DataError(str(error), record=name) from None
            return
        for each in self.given:
            if not isinstance(each, FastaRecord | str | PathLike):
                raise UsageError(f"{type(each).__name__} is neither a record nor a path")
            records = [each] if isinstance(each, FastaRecord) else read_fasta(each)
            for record in records:
                yield Region.whole(record.name, record.tokens)

    def inputs(self) -> tuple[Path, ...]:
        """Nothing that could be read again."""
        return ()

    def total(self) -> None:
        """Not known."""


class Names:
    """Counts repeated names at 8 bytes a name, which a million records make worth while."""

    _LOT = 1 << 20

    def __init__(self) -> None:
        self._lots: list[np.ndarray] = []
        self._new: list[int] = []

    def add(self, name: str) -> None:
        """Take a name."""
        self._new.append(hash(name))
        if len(self._new) >= self._LOT:
            self._close()

    def repeated(self) -> int:
        """Count the names that were there before (two names in 10^13 might be confused)."""
        self._close()
        seen = np.concatenate([*self._lots, np.empty(0, np.int64)])
        return len(seen) - len(np.unique(seen))

    def _close(self) -> None:
        self._lots.append(np.array(self._new, dtype=np.int64))
        self._new = []


def _there(file: str) -> bool:
    """Tell whether a file is there: not, too, where the system takes it for no name at all."""
    try:
        return Path(file).exists()
    except (OSError, ValueError):
        return False


def source_of(
    sequences: Input | Sequence[Input] | Mapping[str, str] | Iterable[FastaRecord],
) -> FastaSource | MemorySource:
    """Take whatever a caller has: a path, paths, letters by name, or records.

    Raises
    ------
    DataError
        If a file is missing.
    UsageError
        If it is anything else, such as letters without a name.
    """
    if isinstance(sequences, str) and _LETTERS(sequences) and not _there(sequences):
        words = f"'{sequences[:20]}' is no file; letters are given by name"
        raise UsageError(f"{words}: {{'mine': '{sequences[:5]}'}}")
    if isinstance(sequences, str | PathLike):
        return FastaSource((str(sequences),))
    if isinstance(sequences, list | tuple) and all(
        isinstance(each, str | PathLike) for each in sequences
    ):
        return FastaSource(tuple(str(each) for each in sequences))
    if not isinstance(sequences, Iterable):
        words = f"sequences are paths, letters by name, or records, not {type(sequences).__name__}"
        raise UsageError(words)
    return MemorySource(sequences)
