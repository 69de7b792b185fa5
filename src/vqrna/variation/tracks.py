"""The sequences on which an allele acts: strands of a genome, spliced transcripts, plain sequences.

A :class:`Track` is such a sequence, 5' to 3', with the positions that are evaluated on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np

from vqrna.genome.coordinates import genome_offset, overlapping, position_of, strand_offset
from vqrna.genome.fasta import Genome, Reader, reverse_complement
from vqrna.genome.regions import covered_intervals, read_spliced
from vqrna.genome.transcripts import Transcripts, TranscriptStarts
from vqrna.sequence import AMBIGUOUS

Owner = tuple[str, str]
"""Gene and transcript; empty where they are unknown."""


class Track(Protocol):
    """A sequence, 5' to 3'."""

    @property
    def key(self) -> tuple[str, int, bool]:
        """Identifies the track."""

    @property
    def reverse(self) -> bool:
        """Whether it is on the reverse strand of the sequence that the VCF names."""

    @property
    def length(self) -> int:
        """Length in nt."""

    @property
    def circular(self) -> bool:
        """Whether the sequence goes on across its origin."""

    def read(self, reader: Reader, start: int, stop: int) -> np.ndarray:
        """Return tokens (stop - start,); those beyond the ends are ambiguous."""

    def wanted(self, start: int, stop: int) -> np.ndarray:
        """Return which positions are evaluated for which modification, (stop - start, K), bool."""

    def places(self, positions: np.ndarray) -> np.ndarray:
        """Convert positions to 0-based ones of the sequence that the VCF names."""

    def owners(self, position: int) -> list[Owner]:
        """Return the genes at a position, each with a transcript."""


class Target(NamedTuple):
    """An allele on a track."""

    track: Track
    # start, stop: 0-based, half-open, on the track
    start: int
    stop: int
    letters: np.ndarray  # (n,), uint8: As transcribed


@dataclass(frozen=True, eq=False)
class Annotation:
    """The transcripts of a genome, prepared for look-ups."""

    genome: Genome
    transcripts: Transcripts
    first_base_only: np.ndarray  # (K,), bool: Modifications that occur only at a first base

    @cached_property
    def covered(self) -> np.ndarray:
        """Strand offsets of the exons, (M, 2): sorted, disjoint."""
        return covered_intervals(self.transcripts)

    @cached_property
    def free(self) -> np.ndarray:
        """Exons of transcripts whose first base is not annotated, as `covered`."""
        return covered_intervals(self.transcripts, ~self.transcripts.known)

    @cached_property
    def first_bases(self) -> np.ndarray:
        """Strand offsets of annotated first bases, (F,): sorted."""
        return TranscriptStarts.of(self.transcripts).offsets

    @cached_property
    def _by_start(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Blocks by strand offset: order, starts, and the largest stop so far."""
        t = self.transcripts
        owner = np.repeat(np.arange(len(t)), np.diff(t.first))
        starts = strand_offset(t.blocks[:, 0], t.reverse[owner])
        stops = strand_offset(t.blocks[:, 1], t.reverse[owner])
        order = np.argsort(starts, kind="stable")
        return order, starts[order], np.maximum.accumulate(stops[order])

    def blocks(self, start: int, stop: int, reverse: bool) -> np.ndarray:
        """Return the numbers of the blocks that overlap genome offsets [start, stop)."""
        order, starts, reach = self._by_start
        low, high = strand_offset(np.array([start, stop]), np.array([reverse]))
        first = np.searchsorted(reach, low, side="right")
        candidates = order[first : np.searchsorted(starts, high, side="left")]
        return candidates[self.transcripts.blocks[candidates, 1] > start]

    def owner(self, blocks: np.ndarray) -> np.ndarray:
        """Return the number of the transcript of each block."""
        return np.searchsorted(self.transcripts.first, blocks, side="right") - 1


@dataclass(frozen=True, eq=False)
class StrandTrack:
    """A strand of a sequence, or its annotated part."""

    genome: Genome
    chromosome: int
    reverse: bool
    modifications: int  # Number of modifications K
    annotation: Annotation | None = None  # All positions are evaluated without
    # Whether only annotated first bases are evaluated, and only for modifications that occur there
    first_bases: bool = False
    owner: Owner = ("", "")  # Without annotation

    @property
    def key(self) -> tuple[str, int, bool]:
        """Identifies the track."""
        return ("strand", self.chromosome, self.reverse)

    @property
    def length(self) -> int:
        """Length in nt."""
        return self.genome.lengths[self.chromosome]

    def read(self, reader: Reader, start: int, stop: int) -> np.ndarray:
        """Return tokens (see :class:`Track`)."""
        low, high = self._forward(start, stop)
        tokens = np.full(high - low, AMBIGUOUS, dtype=np.uint8)
        for at, first, last in self._inside(low, high):
            tokens[at : at + last - first] = reader.tokens(self.chromosome, first, last)
        return reverse_complement(tokens) if self.reverse else tokens

    def wanted(self, start: int, stop: int) -> np.ndarray:
        """Return which positions are evaluated (see :class:`Track`)."""
        low, high = self._forward(start, stop)
        mask = np.zeros((high - low, self.modifications), dtype=bool)
        for at, first, last in self._inside(low, high):
            mask[at : at + last - first] = self._evaluated(first, last)
        return mask[::-1] if self.reverse else mask

    def places(self, positions: np.ndarray) -> np.ndarray:
        """Convert positions to those of the forward strand."""
        forward = self.length - 1 - positions if self.reverse else positions
        return forward % self.length if self.circular else forward

    @property
    def circular(self) -> bool:
        """Whether the sequence goes on across its origin."""
        a = self.annotation
        return a is not None and self.chromosome in a.transcripts.circular

    def _inside(self, low: int, high: int) -> list[tuple[int, int, int]]:
        """List the parts of [low, high) that exist: offset from `low`, first position and stop."""
        turns = range(low // self.length, (high - 1) // self.length + 1) if self.circular else [0]
        parts = []
        for turn in turns:
            origin = turn * self.length
            first, last = max(low, origin), min(high, origin + self.length)
            if first < last:
                parts.append((first - low, first - origin, last - origin))
        return parts

    def _evaluated(self, low: int, high: int) -> np.ndarray:
        """Return which positions inside the sequence are evaluated, (high - low, K)."""
        a = self.annotation
        if a is None:
            return np.ones((high - low, self.modifications), dtype=bool)
        mask = np.zeros((high - low, self.modifications), dtype=bool)
        if a.first_base_only.any():
            mask[:, a.first_base_only] = self._first_bases(low, high)[:, None]
        if not self.first_bases:
            mask[:, ~a.first_base_only] = self._mask(a.covered, low, high)[:, None]
            mask[:, a.first_base_only] |= self._mask(a.free, low, high)[:, None]
        return mask

    def owners(self, position: int) -> list[Owner]:
        """Return the genes at a position, each with the first by name of its transcripts."""
        if self.annotation is None:
            return [self.owner]
        a = self.annotation
        offset = int(genome_offset(self.chromosome, int(self.places(np.array(position)))))
        numbers = a.owner(a.blocks(offset, offset + 1, self.reverse))
        names = a.transcripts.identifiers
        best: dict[str, str] = {}
        for number in sorted(numbers.tolist(), key=lambda n: str(names[n])):
            best.setdefault(a.transcripts.genes[number], names[number])
        return sorted(best.items())

    def is_near(self, start: int, stop: int) -> bool:
        """Return whether a position of [start, stop) is evaluated."""
        return bool(self.wanted(start, stop).any())

    def _forward(self, start: int, stop: int) -> tuple[int, int]:
        return (self.length - stop, self.length - start) if self.reverse else (start, stop)

    def _offsets(self, low: int, high: int) -> np.ndarray:
        ends = genome_offset(self.chromosome, np.array([low, high]))
        return strand_offset(ends, np.array(self.reverse))

    def _mask(self, intervals: np.ndarray, low: int, high: int) -> np.ndarray:
        begin, end = self._offsets(low, high)
        mask = np.zeros(high - low, dtype=bool)
        first, last = overlapping(intervals, begin, end)
        for start, stop in np.clip(intervals[first:last], begin, end) - begin:
            mask[start:stop] = True
        return mask

    def _first_bases(self, low: int, high: int) -> np.ndarray:
        assert self.annotation is not None
        begin, end = self._offsets(low, high)
        at = self.annotation.first_bases
        mask = np.zeros(high - low, dtype=bool)
        mask[at[np.searchsorted(at, begin) : np.searchsorted(at, end)] - begin] = True
        return mask


@dataclass(frozen=True, eq=False)
class TranscriptTrack:
    """A spliced transcript."""

    annotation: Annotation
    number: int

    @property
    def key(self) -> tuple[str, int, bool]:
        """Identifies the track."""
        return ("transcript", self.number, self.reverse)

    @property
    def reverse(self) -> bool:
        """Whether it is on the reverse strand."""
        return bool(self.annotation.transcripts.reverse[self.number])

    @property
    def length(self) -> int:
        """Length in nt."""
        return int(self.annotation.transcripts.lengths[self.number])

    @property
    def circular(self) -> bool:
        """Whether the sequence goes on across its origin: never."""
        return False

    def read(self, reader: Reader, start: int, stop: int) -> np.ndarray:
        """Return tokens (see :class:`Track`)."""
        low, high = max(start, 0), min(stop, self.length)
        tokens = read_spliced(reader, self.annotation.transcripts, self.number)
        return np.pad(
            tokens[low : max(low, high)],
            (min(low - start, stop - start), max(0, stop - max(low, high))),
            constant_values=AMBIGUOUS,
        )

    def wanted(self, start: int, stop: int) -> np.ndarray:
        """Return which positions are evaluated (see :class:`Track`)."""
        at = np.arange(start, stop)
        restricted = self.annotation.first_base_only
        if not self.annotation.transcripts.known[self.number]:
            restricted = np.zeros_like(restricted)
        # A first base is evaluated on its strand: the transcript has no sequence before it
        return ((at >= 0) & (at < self.length))[:, None] & ~restricted

    def places(self, positions: np.ndarray) -> np.ndarray:
        """Convert positions to those of the chromosome."""
        numbers = np.full(np.shape(positions), self.number)
        return position_of(self.annotation.transcripts.genome_offsets(numbers, positions))

    def owners(self, position: int) -> list[Owner]:
        """Return gene and identifier of the transcript."""
        t = self.annotation.transcripts
        return [(t.genes[self.number], t.identifiers[self.number])]
