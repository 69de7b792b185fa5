"""Scores along sequences, a track for each modification and strand, put aside on disk."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
import pandas as pd

from vqrna.formats.description import Description
from vqrna.formats.text import bed_name
from vqrna.runtime.files import Output, writing
from vqrna.sites import Sites

VALUE = np.dtype([("sequence", "<u4"), ("position", "<u4"), ("value", "<f4")])
"""A score: number of the sequence, 0-based position, value."""

BATCH = 1 << 17
"""Values are read so many at a time."""


class Track:
    """Scores of one modification on one strand.

    Attributes
    ----------
    kind : int
        Which modification.
    reverse : bool or None
        Which strand; None where strands are not told apart.
    """

    def __init__(self, kind: int, reverse: bool | None, spill: _Spill, book: Book) -> None:
        self.modification_index = kind
        self.reverse = reverse
        self.book = book
        self._spill = spill

    def batches(self) -> Iterator[np.ndarray]:
        """Read the values in order, of dtype `VALUE`, never none at a time."""
        for batch in self._spill.read():
            kept = batch[~self.book.left_out[batch["sequence"]]]
            if len(kept):
                yield kept


class Format(Protocol):
    """What a track format's module gives."""

    ENDING: str
    write: _Write


class _Write(Protocol):
    def __call__(self, output: Output, name: str, track: Track, description: Description) -> None:
        """Write one track to a file of the output."""


class Book:
    """The sequences that have sites, in the order they come in.

    Attributes
    ----------
    names : list of str
        As they are written.
    lengths : np.ndarray, shape (S,), int64
        In nt; known after :meth:`measure`.
    left_out : np.ndarray, shape (S,), bool
        Which sequences no track can show, as one position would have two values: their name
        occurs more than once, or their sites are not in order.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.lengths = np.zeros(0, np.int64)
        self.left_out = np.zeros(0, np.bool_)
        self._numbers: dict[str, int] = {}
        self._wrong: set[int] = set()
        self._current = ""

    def numbers(self, sequence: np.ndarray) -> np.ndarray:
        """Give each site the number of its sequence: shape (N,), uint32."""
        codes, unique = pd.factorize(sequence)
        starts = np.flatnonzero(np.diff(codes, prepend=-1))
        names = [bed_name(str(name)) for name in unique.tolist()]
        found = [self._number(names[code]) for code in codes[starts].tolist()]
        counts = np.diff(starts, append=len(codes))
        return np.repeat(np.array(found, dtype=np.uint32), counts)

    def _number(self, name: str) -> int:
        number = self._numbers.get(name, -1)
        if number < 0:
            number = self._numbers[name] = len(self.names)
            self.names.append(name)
        elif name != self._current:
            self._wrong.add(number)
        self._current = name
        return number

    def leave_out(self, numbers: np.ndarray) -> None:
        """Leave out sequences by their numbers."""
        self._wrong.update(numbers.tolist())

    def measure(self, sequences: Iterator[tuple[str, int]]) -> None:
        """Note the lengths of the sequences, and which names occur more than once.

        Raises
        ------
        ValueError
            If a sequence with sites is not among them.
        """
        self.lengths = np.zeros(len(self.names), np.int64)
        for name, length in sequences:
            number = self._numbers.get(bed_name(name), -1)
            if number >= 0:
                if self.lengths[number]:
                    self._wrong.add(number)
                self.lengths[number] = max(length, 1)
        if not self.lengths.all():
            name = self.names[int(np.argmin(self.lengths))]
            raise ValueError(f"'{name}' has sites, but is not among the sequences described")
        self.left_out = np.zeros(len(self.names), np.bool_)
        self.left_out[sorted(self._wrong)] = True


class Writer:
    """Puts sites aside and writes them, at the end, as tracks.

    Parameters
    ----------
    output : Output
    description : Description
    formats : sequence of Format
        Modules such as :mod:`vqrna.formats.bigwig`.
    """

    def __init__(self, output: Output, description: Description, formats: Sequence[Format]) -> None:
        self._output = output
        self._description = description
        self._formats = formats
        self._book = Book()
        self._spills: dict[tuple[int, bool], _Spill] = {}
        self._stranded = description.stranded

    def write(self, sites: Sites) -> None:
        """Put sites aside; those without a score are passed over."""
        if not len(sites):
            return
        values = np.empty(len(sites), VALUE)
        values["sequence"] = self._book.numbers(sites.sequence)
        values["position"] = sites.position
        values["value"] = sites.score
        keys = np.where(
            np.isnan(sites.score), -1, 2 * sites.modification_index.astype(np.int64) + sites.reverse
        )
        self._stranded |= bool(sites.reverse.any())
        for key in np.unique(keys[keys >= 0]).tolist():
            kind, reverse = divmod(key, 2)
            place = (kind, bool(reverse))
            if place not in self._spills:
                with writing(self._output.folder):
                    file = tempfile.TemporaryFile(dir=self._output.folder)  # noqa: SIM115
                self._spills[place] = _Spill(self._output.enter(file), self._output.folder)
            self._book.leave_out(self._spills[place].add(values[keys == key]))

    def finish(self) -> None:
        """Write the tracks; those without a value get no file."""
        self._book.measure(self._description.sequences())
        for each in self._formats:
            self._make_way(each.ENDING)
            for kind, reverse in sorted(self._spills):
                spill = self._spills[kind, reverse]
                track = Track(kind, reverse if self._stranded else None, spill, self._book)
                if next(track.batches(), None) is not None:
                    name = self._description.file_name(kind, each.ENDING, track.reverse)
                    each.write(self._output, name, track, self._description)
        left_out = np.flatnonzero(self._book.left_out)
        if len(left_out):
            first = self._book.names[left_out[0]]
            more = f" and {len(left_out) - 1} more" if len(left_out) > 1 else ""
            kinds = " and ".join(each.ENDING.removesuffix(".gz") for each in self._formats)
            self._output.notes.append(
                f"'{first}'{more} left out of {kinds}: the name occurs more than once, "
                "or its sites are not in order"
            )

    def _make_way(self, ending: str) -> None:
        """Let older files of these modifications go: they may be of other strands."""
        for kind in range(len(self._description.modifications)):
            for reverse in (None, False, True):
                name = self._description.file_name(kind, ending, reverse)
                for index in ("", ".tbi", ".csi") if ending.endswith(".gz") else ("",):
                    self._output.remove(name + index)


class _Spill:
    """Values of one track in a file that has no name, so that nothing is ever left of it."""

    def __init__(self, file: BinaryIO, folder: Path) -> None:
        self._file = file
        self._folder = folder
        self._last: tuple[int, int] = (-1, -1)

    def add(self, values: np.ndarray) -> np.ndarray:
        """Append values; give the numbers of the sequences whose positions do not rise."""
        sequence = np.concatenate([[self._last[0]], values["sequence"].astype(np.int64)])
        position = np.concatenate([[self._last[1]], values["position"].astype(np.int64)])
        wrong = (np.diff(sequence) == 0) & (np.diff(position) <= 0)
        self._last = (int(sequence[-1]), int(position[-1]))
        with writing(self._folder):
            self._file.write(values.tobytes())
        return np.unique(values["sequence"][wrong])

    def read(self) -> Iterator[np.ndarray]:
        """Read all values, `BATCH` at a time."""
        with writing(self._folder):
            self._file.seek(0)
        while raw := self._file.read(BATCH * VALUE.itemsize):
            yield np.frombuffer(raw, VALUE)
