"""The sequences on which an allele acts: strands of a genome, spliced transcripts, plain sequences.

A :class:`Track` is such a sequence, 5' to 3', with the positions that are evaluated on it. A
:class:`TrackSource` lists the tracks that an allele changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from vqrna.errors import UsageError
from vqrna.genome import CONTEXTS, open_genome
from vqrna.genome.coordinates import (
    chromosome_of,
    genome_offset,
    overlapping,
    position_of,
    split_strand,
    strand_offset,
)
from vqrna.genome.fasta import Genome, Reader, reverse_complement
from vqrna.genome.regions import covered_intervals, read_spliced
from vqrna.genome.transcripts import Transcripts, TranscriptStarts
from vqrna.modifications import Modification
from vqrna.runtime.run_record import SkippedInput
from vqrna.sequence import AMBIGUOUS
from vqrna.variation.alleles import Allele

Owner = tuple[str, str]
"""Gene and transcript; empty where they are unknown."""

EXON_END = "exon end"
"""Reason to skip an allele that crosses an end of an exon of a spliced transcript."""


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


@dataclass(frozen=True, eq=False)
class TrackSource:
    """The sequences of a run; made by :func:`open_tracks`. It can be pickled."""

    genome: Genome
    modifications: tuple[Modification, ...]
    annotation: Annotation | None
    annotation_path: Path | None
    context: str  # One of :data:`vqrna.genome.CONTEXTS`
    as_transcripts: bool  # Whether the sequences are transcripts, not a genome
    notes: tuple[str, ...] = ()  # Notes for the user
    skipped: tuple[SkippedInput, ...] = ()  # Features of the annotation that were skipped

    def targets(
        self, chromosome: int, allele: Allele, half: int
    ) -> tuple[list[Target], str | None]:
        """List the tracks with evaluated positions near an allele.

        Parameters
        ----------
        chromosome : int
            Number of the sequence in the genome.
        half : int
            Half a window: positions farther away do not see the allele.

        Returns
        -------
        targets : list of Target
        reason : str or None
            Why a transcript that the allele overlaps is left out.
        """
        targets: list[Target] = []
        reason = None
        if self.context == "transcript" and self.annotation is not None:
            targets, reason = self._spliced(chromosome, allele)
        for track in self._strands(chromosome):
            target = _on_strand(track, allele)
            if track.is_near(target.start - half, target.stop + half):
                targets.append(target)
        return targets, reason

    def _strands(self, chromosome: int) -> Iterator[StrandTrack]:
        count = len(self.modifications)
        if self.as_transcripts:
            owner = ("", self.genome.names[chromosome])
            yield StrandTrack(self.genome, chromosome, False, count, owner=owner)
            return
        first_bases = self.context == "transcript" and self.annotation is not None
        for reverse in (False, True):
            yield StrandTrack(self.genome, chromosome, reverse, count, self.annotation, first_bases)

    def _spliced(self, chromosome: int, allele: Allele) -> tuple[list[Target], str | None]:
        a = self.annotation
        assert a is not None
        t = a.transcripts
        start, stop = genome_offset(chromosome, np.array([allele.start, allele.stop])).tolist()
        # An insertion touches the bases on both sides
        low, high = (start, stop) if stop > start else (start - 1, start + 1)
        targets: list[Target] = []
        reason = None
        for reverse in (False, True):
            for block in a.blocks(low, high, reverse).tolist():
                if not t.blocks[block, 0] <= low < high <= t.blocks[block, 1]:
                    reason = EXON_END
                    continue
                # Of the bases at both ends that the allele touches, from the 5' side
                bases = np.array([high - 1, low] if reverse else [low, high - 1])
                owner, along = t.transcript_positions(np.array([block, block]), bases)
                if along[1] - along[0] != high - 1 - low:  # a transcript around a whole circle
                    reason = EXON_END
                    continue
                number = int(owner[0])
                first = int(along[0]) + (high - stop if reverse else start - low)
                letters = reverse_complement(allele.letters) if reverse else allele.letters
                track = TranscriptTrack(a, number)
                targets.append(Target(track, first, first + stop - start, letters))
        return targets, reason

    def inputs(self) -> tuple[Path, ...]:
        """Return the files that the result depends on."""
        paths = (self.genome.path, self.annotation_path)
        return tuple(path for path in paths if path is not None)

    def describe(self) -> dict[str, str]:
        """Return the settings that the result depends on."""
        names = {"transcripts" if self.as_transcripts else "genome": self.genome.path.name}
        if self.annotation_path is not None:
            names |= {"annotation": self.annotation_path.name, "context": self.context}
        return names

    def spec(self) -> dict[str, object]:
        """Return the arguments with which :func:`open_tracks` makes the same source, for JSON."""
        path = str(self.genome.path.resolve())
        annotation = self.annotation_path
        return {
            "transcripts" if self.as_transcripts else "fasta": path,
            "gtf": None if annotation is None else str(annotation.resolve()),
            "context": self.context,
        }

    def sample_targets(self, rng: np.random.Generator, count: int) -> list[tuple[Track, int]]:
        """Draw positions at random from all that are evaluated, with their tracks."""
        if self.annotation is None:
            strands = 1 if self.as_transcripts else 2
            lengths = np.repeat(np.array(self.genome.lengths), strands)
            number, along = _draw(rng, lengths, count)
            tracks = [list(self._strands(n // strands))[n % strands] for n in number.tolist()]
            return list(zip(tracks, along.tolist(), strict=True))
        a = self.annotation
        if self.context == "transcript":
            number, along = _draw(rng, a.transcripts.lengths, count)
            return [
                (TranscriptTrack(a, n), at)
                for n, at in zip(number.tolist(), along.tolist(), strict=True)
            ]
        sizes = a.covered[:, 1] - a.covered[:, 0]
        number, along = _draw(rng, sizes, count)
        drawn: list[tuple[Track, int]] = []
        for interval, at in zip(number.tolist(), along.tolist(), strict=True):
            offset, reverse = split_strand(a.covered[interval, 0] + at)
            track = list(self._strands(int(chromosome_of(offset))))[int(reverse)]
            drawn.append((track, int(track.places(position_of(offset)))))
        return drawn


def _draw(
    rng: np.random.Generator, lengths: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw positions of sequences, all equally probable; return sequence and position."""
    ends = np.cumsum(lengths)
    at = rng.integers(0, ends[-1], count)
    number = np.searchsorted(ends, at, side="right")
    return number, at - (ends - lengths)[number]


def _on_strand(track: StrandTrack, allele: Allele) -> Target:
    start, stop = allele.start, allele.stop
    if track.reverse:
        start, stop = track.length - stop, track.length - start
        return Target(track, start, stop, reverse_complement(allele.letters))
    return Target(track, start, stop, allele.letters)


def open_tracks(
    modifications: Sequence[Modification],
    *,
    fasta: str | PathLike[str] | None = None,
    transcripts: str | PathLike[str] | None = None,
    gtf: str | PathLike[str] | None = None,
    context: str = "genome",
    strict: bool = False,
) -> TrackSource:
    """Open the sequences that the positions of a VCF refer to.

    Parameters
    ----------
    modifications : sequence of Modification
        Those of the run.
    fasta : path-like, optional
        A genome. Without `gtf` both strands are evaluated.
    transcripts : path-like, optional
        Transcripts, 5' to 3', in place of a genome.
    gtf : path-like, optional
        Annotation of the genome (GTF or GFF3): only exons are evaluated.
    context : str
        With `gtf`, what the model sees around a site: the genome, or the spliced transcript.
    strict : bool
        Raise DataError for features of the annotation that cannot be used; else they are skipped.

    Raises
    ------
    DataError
        If a file is missing or invalid.
    UsageError
        If options contradict each other.
    """
    if context not in CONTEXTS:
        raise UsageError(f"unknown context '{context}' (known: {', '.join(CONTEXTS)})")
    if (fasta is None) == (transcripts is None):
        raise UsageError("give either --fasta (a genome) or --transcripts")
    if gtf is not None and fasta is None:
        raise UsageError("--gtf needs --fasta")
    if gtf is None and (strict or context != "genome"):
        raise UsageError("--context and --strict need --gtf")
    types = tuple(modifications)
    if gtf is None:
        path = transcripts if fasta is None else fasta
        assert path is not None
        genome = Genome.open(path)
        return TrackSource(genome, types, None, None, context, transcripts is not None)
    assert fasta is not None
    opened = open_genome(fasta, annotation=gtf, context=context, modifications=types, strict=strict)
    restricted = np.array([m.symbol in opened.first_base_only for m in types], dtype=bool)
    annotation = Annotation(opened.genome, opened.transcripts, restricted)
    return TrackSource(
        opened.genome, types, annotation, Path(gtf), context, False, opened.notes, opened.skipped
    )
