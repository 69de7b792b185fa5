"""Write scores along sequences as tracks, a file for each modification and strand; bedGraph.

Values of all tracks are first written to temporary files, from which each track format reads
them: a track needs all values of one modification, and sites arrive by position.
"""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterator, Sequence
from typing import BinaryIO, ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa

from vqrna.formats import text
from vqrna.formats.bgzip import BgzipWriter
from vqrna.formats.description import Description, rgb
from vqrna.formats.registry import FormatWriter, SiteWriter, register
from vqrna.runtime.files import OutputFiles
from vqrna.sites import Sites

VALUE = np.dtype([("sequence", "<u4"), ("position", "<u4"), ("value", "<f4")])
"""A score: number of the sequence, 0-based position, value."""

BATCH = 1 << 17
"""Values that are read at a time."""


class SequenceTable:
    """Names and lengths of the sequences: those with sites, in the order of the first, come first.

    Attributes
    ----------
    names : list of str
        As they are written.
    lengths : np.ndarray, shape (S,), int64
        In nt; set by :meth:`measure`, which adds the sequences without sites.
    excluded : np.ndarray, shape (S,), bool
        Sequences that no track can show, as one position would have two values: several of them
        have the same name, or their sites are not in order. Set by :meth:`measure`.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.lengths = np.zeros(0, np.int64)
        self.excluded = np.zeros(0, np.bool_)
        self._numbers: dict[str, int] = {}
        self._invalid: set[int] = set()
        self._current = ""

    def numbers(self, sequence: np.ndarray) -> np.ndarray:
        """Return the number of each site's sequence; shape (N,), uint32."""
        codes, unique = pd.factorize(sequence)
        starts = np.flatnonzero(np.diff(codes, prepend=-1))
        names = [text.bed_name(str(name)) for name in unique.tolist()]
        numbers = [self._number(names[code]) for code in codes[starts].tolist()]
        counts = np.diff(starts, append=len(codes))
        return np.repeat(np.array(numbers, dtype=np.uint32), counts)

    def _number(self, name: str) -> int:
        number = self._numbers.get(name, -1)
        if number < 0:
            number = self._numbers[name] = len(self.names)
            self.names.append(name)
        elif name != self._current:
            self._invalid.add(number)
        self._current = name
        return number

    def exclude(self, numbers: np.ndarray) -> None:
        """Exclude sequences by their numbers."""
        self._invalid.update(numbers.tolist())

    def measure(self, sequences: Iterator[tuple[str, int]]) -> None:
        """Set the lengths of all sequences, and exclude names that occur more than once.

        Sequences without a letter are left out.

        Raises ValueError if a sequence with sites is missing.
        """
        with_sites = len(self.names)
        lengths = array("q", bytes(8 * with_sites))
        for name, length in sequences:
            written = text.bed_name(name)
            number = self._numbers.get(written, -1)
            if number < 0:
                if length > 0:
                    self._numbers[written] = len(self.names)
                    self.names.append(written)
                    lengths.append(length)
                continue
            if lengths[number] and number < with_sites:
                self._invalid.add(number)
            lengths[number] = max(length, lengths[number], 1)
        self.lengths = np.array(lengths, dtype=np.int64)
        if not self.lengths.all():
            name = self.names[int(np.argmin(self.lengths))]
            raise ValueError(f"'{name}' has sites, but is not among the sequences described")
        self.excluded = np.zeros(len(self.names), np.bool_)
        self.excluded[sorted(self._invalid)] = True


class _Spill:
    """Values of one track in a file without a name, which the system removes in any case."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._last: tuple[int, int] = (-1, -1)

    def add(self, values: np.ndarray) -> np.ndarray:
        """Append values; return the numbers of the sequences whose positions do not rise."""
        sequence = np.concatenate([[self._last[0]], values["sequence"].astype(np.int64)])
        position = np.concatenate([[self._last[1]], values["position"].astype(np.int64)])
        unsorted = (np.diff(sequence) == 0) & (np.diff(position) <= 0)
        self._last = (int(sequence[-1]), int(position[-1]))
        self._file.write(values.tobytes())
        return np.unique(values["sequence"][unsorted])

    def read(self) -> Iterator[np.ndarray]:
        """Read all values, `BATCH` at a time."""
        self._file.seek(0)
        while raw := self._file.read(BATCH * VALUE.itemsize):
            yield np.frombuffer(raw, VALUE)


class ScoreTrack:
    """Scores of one modification on one strand.

    Attributes
    ----------
    modification_index : int
    reverse : bool or None
        The strand; None where both strands are in one file.
    sequences : SequenceTable
    """

    def __init__(
        self, modification_index: int, reverse: bool | None, spill: _Spill, sequences: SequenceTable
    ) -> None:
        self.modification_index = modification_index
        self.reverse = reverse
        self.sequences = sequences
        self._spill = spill

    def batches(self) -> Iterator[np.ndarray]:
        """Read the values in order, as non-empty arrays of dtype `VALUE`."""
        for batch in self._spill.read():
            kept = batch[~self.sequences.excluded[batch["sequence"]]]
            if len(kept):
                yield kept


class TrackWriter(FormatWriter, ABC):
    """Base class of formats with a file for each modification and strand."""

    ENDING: ClassVar[str]
    """Of file names; if it ends in ``.gz``, the files have an index."""

    NAME: ClassVar[str]
    """Of the format, in notes."""

    def written_name(self, name: str) -> str:
        """Return a name without characters that BED cannot hold; all tracks have the same names."""
        return text.bed_name(name)

    @abstractmethod
    def write_track(self, name: str, track: ScoreTrack) -> None:
        """Write a track to the file `name`."""


class TrackCollector(SiteWriter):
    """Collect the values of all tracks, then pass each track to the formats.

    Parameters
    ----------
    output : OutputFiles
    description : Description
    formats : sequence of TrackWriter
    """

    def __init__(
        self, output: OutputFiles, description: Description, formats: Sequence[TrackWriter]
    ) -> None:
        super().__init__(output, description)
        self._formats = formats
        self._sequences = SequenceTable()
        self._spills: dict[tuple[int, bool], _Spill] = {}
        self._stranded = description.stranded

    def write(self, sites: Sites) -> None:
        """Collect sites; those without a score are skipped."""
        if not len(sites):
            return
        values = np.empty(len(sites), VALUE)
        values["sequence"] = self._sequences.numbers(sites.sequence)
        values["position"] = sites.position
        values["value"] = sites.score
        keys = np.where(
            np.isnan(sites.score), -1, 2 * sites.modification_index.astype(np.int64) + sites.reverse
        )
        self._stranded |= bool(sites.reverse.any())
        for key in np.unique(keys[keys >= 0]).tolist():
            index, reverse = key // 2, bool(key % 2)
            if (index, reverse) not in self._spills:
                file = tempfile.TemporaryFile(dir=self.output.folder)  # noqa: SIM115
                self._spills[index, reverse] = _Spill(self.output.enter(file))
            self._sequences.exclude(self._spills[index, reverse].add(values[keys == key]))

    def finish(self) -> None:
        """Write the tracks; those without a value get no file."""
        self._sequences.measure(self.description.sequences())
        for writer in self._formats:
            self._remove_older(writer.ENDING)
            for (index, reverse), spill in sorted(self._spills.items()):
                strand = reverse if self._stranded else None
                track = ScoreTrack(index, strand, spill, self._sequences)
                if next(track.batches(), None) is not None:
                    name = self.description.file_name(index, writer.ENDING, strand)
                    writer.write_track(name, track)
        excluded = np.flatnonzero(self._sequences.excluded)
        if len(excluded):
            first = self._sequences.names[excluded[0]]
            more = f" and {len(excluded) - 1} more" if len(excluded) > 1 else ""
            formats = " and ".join(each.NAME for each in self._formats)
            self.output.notes.append(
                f"'{first}'{more} left out of {formats}: the name occurs more than once, "
                "or its sites are not in order"
            )

    def _remove_older(self, ending: str) -> None:
        """Remove older files of these modifications, which may have other strands."""
        for index in range(len(self.description.modifications)):
            for reverse in (None, False, True):
                name = self.description.file_name(index, ending, reverse)
                for suffix in ("", ".tbi", ".csi") if ending.endswith(".gz") else ("",):
                    self.output.remove(name + suffix)


@register("bedgraph")
class BedGraphWriter(TrackWriter):
    """Write bedGraph, compressed and indexed."""

    ENDING = "bedgraph.gz"
    NAME = "bedGraph"

    def write_track(self, name: str, track: ScoreTrack) -> None:
        """Write a track to the file `name`, and its index."""
        modification = self.description.modifications[track.modification_index]
        strand = "" if track.reverse is None else " (-)" if track.reverse else " (+)"
        head = self.description.head() + (
            f'track type=bedGraph name="{modification.symbol}{strand}" '
            f'description="{modification.symbol}{strand}, score of vqrna" '
            f"color={rgb(modification.color)} viewLimits=0:1 autoScale=off\n"
        )
        file = BgzipWriter(self.output, name, head)
        names = pa.array(track.sequences.names, pa.string())
        end = 0
        for batch in track.batches():
            position = batch["position"].astype("int64")
            end = max(end, int(position.max()) + 1)
            columns = [
                names.take(pa.array(batch["sequence"])),
                text.integers(position),
                text.integers(position + 1),
                text.decimals(batch["value"]),
            ]
            file.write(text.lines(columns))
        file.finish(end)
