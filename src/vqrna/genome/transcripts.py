"""Transcripts and regions as columns, and the conversion between their and genome coordinates.

:class:`AnnotationRecords` holds what files contain, :func:`build_transcripts` sorts it into
:class:`Transcripts`; :class:`Coverage` and :class:`TranscriptStarts` find the transcripts that
contain, or begin at, a position of the genome.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from vqrna.genome.alignments import AlignedPart, Numbering, make_numbering
from vqrna.genome.coordinates import (
    chromosome_of,
    expand_ranges,
    genome_offset,
    merge_intervals,
    position_of,
    strand_offset,
)
from vqrna.genome.fasta import Genome


@dataclass(frozen=True, eq=False)
class Transcripts:
    """Transcripts and regions, sorted by chromosome, start, end, strand and name.

    Attributes
    ----------
    names : np.ndarray, shape (N,), object
        Unique, and different from the names of chromosomes.
    identifiers : np.ndarray, shape (N,), object
        As in the file; may repeat.
    genes : np.ndarray, shape (N,), object
        Empty if unknown.
    reverse : np.ndarray, shape (N,), bool
    known : np.ndarray, shape (N,), bool
        Whether the first base is annotated.
    blocks : np.ndarray, shape (B, 2), int64
        Intervals of genome offsets (see :mod:`vqrna.genome.coordinates`), sorted and
        disjoint within a transcript.
    first : np.ndarray, shape (N + 1,), int64
        The blocks of transcript i are ``blocks[first[i]:first[i + 1]]``.
    wrapped : np.ndarray, shape (N,), int64
        Nt at the beginning of the first blocks that follow the others, across the origin of
        a circular chromosome; 0 for all other transcripts.
    circular : set of int
        Numbers of the circular chromosomes.
    numberings : Mapping[int, Numbering]
        Numbering of the transcripts whose bases are not all in the genome, or reverse.
    """

    names: np.ndarray
    identifiers: np.ndarray
    genes: np.ndarray
    reverse: np.ndarray
    known: np.ndarray
    blocks: np.ndarray
    first: np.ndarray
    wrapped: np.ndarray
    circular: frozenset[int] = frozenset()
    numberings: Mapping[int, Numbering] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def starts(self) -> np.ndarray:
        """First genome offset of each; shape (N,)."""
        return self.blocks[self.first[:-1], 0]

    @property
    def stops(self) -> np.ndarray:
        """Genome offset after the last of each; shape (N,)."""
        return self.blocks[self.first[1:] - 1, 1]

    @property
    def first_bases(self) -> np.ndarray:
        """Strand offset of the 5' base of each; shape (N,)."""
        numbers = np.arange(len(self))
        return strand_offset(self.genome_offsets(numbers, np.zeros_like(numbers)), self.reverse)

    @property
    def lengths(self) -> np.ndarray:
        """Length of each in nt; shape (N,)."""
        return np.diff(self.nt_before[self.first])

    @cached_property
    def nt_before(self) -> np.ndarray:
        """Nt in all blocks before each, of any transcript; shape (B + 1,)."""
        sizes = self.blocks[:, 1] - self.blocks[:, 0]
        return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(sizes)])

    @cached_property
    def ranks(self) -> np.ndarray:
        """Rank of each name in alphabetical order; shape (N,)."""
        ranks = np.empty(len(self), dtype=np.int64)
        ranks[np.argsort(self.names)] = np.arange(len(self))
        return ranks

    def genome_offsets(self, numbers: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Convert positions of transcripts to genome offsets.

        Parameters
        ----------
        numbers, positions : np.ndarray, shape (M,), int64
            Number of the transcript, and 0-based position from its 5' end.

        Returns
        -------
        np.ndarray, shape (M,), int64
        """
        begin, end = self.nt_before[self.first[numbers]], self.nt_before[self.first[numbers + 1]]
        size = end - begin
        along = np.where(self.reverse[numbers], size - 1 - positions, positions)
        along = begin + (along + self.wrapped[numbers]) % size
        block = np.searchsorted(self.nt_before, along, side="right") - 1
        return self.blocks[block, 0] + along - self.nt_before[block]

    def transcript_positions(
        self, blocks: np.ndarray, offsets: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Convert genome offsets to positions of transcripts.

        Parameters
        ----------
        blocks, offsets : np.ndarray, shape (M,), int64
            Number of a block that contains the offset, and the genome offset.

        Returns
        -------
        numbers, positions : np.ndarray, shape (M,), int64
        """
        numbers = np.searchsorted(self.first, blocks, side="right") - 1
        along = self.nt_before[blocks] + offsets - self.blocks[blocks, 0]
        begin, end = self.nt_before[self.first[numbers]], self.nt_before[self.first[numbers + 1]]
        size = end - begin
        along = (along - begin - self.wrapped[numbers]) % size
        return numbers, np.where(self.reverse[numbers], size - 1 - along, along)

    def numbered(self, numbers: np.ndarray, along: np.ndarray) -> np.ndarray:
        """Return positions in the transcript itself, of positions along its bases in the genome.

        They differ where a transcript has a numbering of its own; `ABSENT` for bases of the genome
        that it lacks. All arrays have shape (M,), int64.
        """
        positions = along.copy()
        if self.numberings:
            for number in np.intersect1d(numbers, list(self.numberings)).tolist():
                rows = numbers == number
                positions[rows] = self.numberings[number].positions(along[rows])
        return positions

    def unspliced(self, genome: Genome) -> Transcripts:
        """Return the transcripts with their introns, numbered as the genome."""
        blocks = np.stack([self.starts, self.stops], axis=1)
        counts = np.ones(len(self), dtype=np.int64)
        wrapped = np.zeros(len(self), dtype=np.int64)
        crossing = np.flatnonzero(self.wrapped)
        if len(crossing):  # from the first base to the end of the chromosome, and on to the last
            ends = np.where(self.reverse, 0, self.lengths - 1)
            last = self.genome_offsets(crossing, ends[crossing]) + 1
            ends = self.lengths - 1 - ends
            begin = self.genome_offsets(crossing, ends[crossing])
            chromosome = chromosome_of(begin)
            zero = genome_offset(chromosome, 0)
            border = zero + np.array(genome.lengths, dtype=np.int64)[chromosome]
            counts[crossing], wrapped[crossing] = 2, last - zero
            blocks = np.repeat(blocks, counts, axis=0)
            at = (np.cumsum(counts) - counts)[crossing]
            blocks[at] = np.stack([zero, last], axis=1)
            blocks[at + 1] = np.stack([begin, border], axis=1)
        first = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])
        return replace(self, blocks=blocks, first=first, wrapped=wrapped, numberings={})


@dataclass
class AnnotationRecords:
    """Transcripts and regions as files contain them, in the order of their lines."""

    # names, genes: Empty if unknown; a region without a name gets one from its coordinates
    names: list[str] = field(default_factory=list)
    genes: list[str] = field(default_factory=list)
    chromosomes: array[int] = field(default_factory=lambda: array("q"))
    strands: array[int] = field(default_factory=lambda: array("b"))  # 1, -1, or 0 for both strands
    # 1 if the first base is annotated, as for transcripts
    known: array[int] = field(default_factory=lambda: array("b"))
    # Nt beyond the origin of a circular chromosome; see `Transcripts.wrapped`
    wrapped: array[int] = field(default_factory=lambda: array("q"))
    # owners, starts, stops: Blocks in any order: number of the transcript, 0-based half-open
    # interval
    owners: array[int] = field(default_factory=lambda: array("q"))
    starts: array[int] = field(default_factory=lambda: array("q"))
    stops: array[int] = field(default_factory=lambda: array("q"))
    circular: set[int] = field(default_factory=set)  # Numbers of the circular chromosomes
    # differing, alignments: Transcripts that differ from the genome by insertions or deletions, and
    # the alignments of transcripts to it
    differing: set[int] = field(default_factory=set)
    alignments: dict[int, tuple[tuple[AlignedPart, ...], ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.names)

    def add(self, name: str, gene: str, chromosome: int, strand: int, known: bool) -> int:
        """Add a transcript without blocks; return its number."""
        self.names.append(name)
        self.genes.append(gene)
        self.chromosomes.append(chromosome)
        self.strands.append(strand)
        self.known.append(known and strand != 0)
        self.wrapped.append(0)
        return len(self.names) - 1

    def add_block(self, owner: int, start: int, stop: int) -> None:
        """Add a block of a transcript."""
        self.owners.append(owner)
        self.starts.append(start)
        self.stops.append(stop)

    def extend(self, other: AnnotationRecords) -> None:
        """Add all records of another table, without alignments."""
        before = len(self)
        self.owners.extend(array("q", (np.array(other.owners, dtype=np.int64) + before).tolist()))
        columns = ("names", "genes", "chromosomes", "strands", "known", "wrapped")
        for name in (*columns, "starts", "stops"):
            getattr(self, name).extend(getattr(other, name))


def build_transcripts(records: AnnotationRecords, genome: Genome) -> Transcripts:
    """Sort records into transcripts with strands, merged blocks and unique names.

    A record without a strand becomes two, ``name(+)`` and ``name(-)``. One without a name is
    called ``chromosome:start-end(strand)``; names that repeat, or are those of chromosomes, become
    ``name::chromosome:start-end(strand)``. Records with the same name, strand and blocks are kept
    once.

    Parameters
    ----------
    records : AnnotationRecords
        Each with one block at least.
    """
    strands = np.array(records.strands, dtype=np.int64)
    source = np.concatenate([np.flatnonzero(strands >= 0), np.flatnonzero(strands <= 0)])
    reverse = np.repeat([False, True], [(strands >= 0).sum(), (strands <= 0).sum()])
    blocks, first = _merged_blocks(records)
    low, high = first[source], first[source + 1]
    starts, stops = blocks[low, 0], blocks[high - 1, 1]
    identifiers = names = np.array(records.names, dtype=object)[source]
    signs = np.where(reverse, "(-)", "(+)").astype(object)
    names = np.where((strands[source] == 0) & (names != ""), names + signs, names)
    rank = np.unique(names, return_inverse=True)[1]
    order = np.lexsort((source, rank, reverse, stops, starts))
    kept = _drop_duplicates(order, [starts, stops, reverse, rank], blocks, low, high)
    source, reverse, low, high = source[kept], reverse[kept], low[kept], high[kept]
    identifiers = identifiers[kept]
    spans = np.array(
        [
            f"{genome.names[chromosome]}:{start}-{stop}({'-' if back else '+'})"
            for chromosome, start, stop, back in zip(
                chromosome_of(starts[kept]).tolist(),
                position_of(starts[kept]).tolist(),
                position_of(stops[kept]).tolist(),
                reverse.tolist(),
                strict=True,
            )
        ],
        dtype=object,
    )
    return Transcripts(
        _unique_names(names[kept], spans, set(genome.names)),
        np.where(identifiers == "", spans, identifiers),
        np.array(records.genes, dtype=object)[source],
        reverse,
        np.array(records.known, dtype=bool)[source],
        blocks[expand_ranges(low, high)[1]],
        np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(high - low)]),
        np.array(records.wrapped, dtype=np.int64)[source],
        frozenset(records.circular),
        _numberings(records, source, reverse, blocks, low, high),
    )


def _numberings(
    records: AnnotationRecords,
    source: np.ndarray,
    reverse: np.ndarray,
    blocks: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> dict[int, Numbering]:
    """Return the numbering of each transcript with an alignment that fits its blocks."""
    numberings = {}
    if records.alignments:
        for i, record in enumerate(source.tolist()):
            alignments = records.alignments.get(record, ())
            if alignments and not records.wrapped[record]:
                own = position_of(blocks[low[i] : high[i]])
                numbering = make_numbering(own, bool(reverse[i]), alignments)
                if numbering is not None:
                    numberings[i] = numbering
    return numberings


def numbering_notes(
    records: AnnotationRecords, transcripts: Transcripts, unspliced: bool
) -> list[str]:
    """Return notes on the transcripts that differ from the genome by insertions or deletions."""
    numberings = transcripts.numberings.values()
    aligned = sum(numbering.differs for numbering in numberings)
    others = len(records.differing | set(records.alignments)) - len(numberings)
    if unspliced:
        aligned, others = 0, aligned + others
    notes = []
    if aligned:
        notes.append(
            f"transcripts that differ from the genome by insertions or deletions: {aligned} "
            "(numbered by their alignments, cDNA_match; their sequence is that of the genome)"
        )
    if others:
        why = "unspliced" if unspliced else "no alignment, cDNA_match, that fits"
        notes.append(
            f"transcripts that differ from the genome by insertions or deletions: {others} ({why}: "
            "their positions are numbered along the genome)"
        )
    return notes


def _merged_blocks(records: AnnotationRecords) -> tuple[np.ndarray, np.ndarray]:
    """Sort and merge the blocks of each record; return them and the first of each record."""
    chromosome = np.array(records.chromosomes, dtype=np.int64)
    # Record numbers take the place of chromosomes, so that one call merges all records.
    line = genome_offset(np.array(records.owners, dtype=np.int64), 0)
    merged = merge_intervals(line + np.array(records.starts), line + np.array(records.stops))
    owner = chromosome_of(merged[:, 0])
    blocks = genome_offset(chromosome[owner][:, None], position_of(merged))
    return blocks, np.searchsorted(owner, np.arange(len(records) + 1))


def _drop_duplicates(
    order: np.ndarray,
    columns: list[np.ndarray],
    blocks: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> np.ndarray:
    """Drop rows of `order` that equal an earlier one in all columns and blocks."""

    def own_blocks(row: int) -> bytes:
        return blocks[low[order[row]] : high[order[row]]].tobytes()

    same = np.ones(max(0, len(order) - 1), dtype=bool)
    for column in columns:
        same &= column[order][1:] == column[order][:-1]
    keep = np.ones(len(order), dtype=bool)
    seen: set[bytes] = set()
    for row in (np.flatnonzero(same) + 1).tolist():
        if row < 2 or not same[row - 2]:
            seen = {own_blocks(row - 1)}
        own = own_blocks(row)
        keep[row] = own not in seen
        seen.add(own)
    return order[keep]


def _unique_names(names: np.ndarray, spans: np.ndarray, taken: set[str]) -> np.ndarray:
    counts = Counter(names.tolist())
    unique_names = []
    for name, span in zip(names.tolist(), spans.tolist(), strict=True):
        if not name:
            own = span
        elif counts[name] > 1 or name in taken:
            own = f"{name}::{span}"
        else:
            own = name
        # The rest, such as two blocked regions of one name and span, is numbered.
        number = 2
        unique = own
        while unique in taken:
            unique, number = f"{own}_{number}", number + 1
        taken.add(unique)
        unique_names.append(unique)
    return np.array(unique_names, dtype=object)


@dataclass(frozen=True, eq=False)
class Coverage:
    """How many transcripts contain each position of a strand, and the first of them by name."""

    # (S,), int64: Strand offsets, sorted; from one to the next the values are constant
    borders: np.ndarray
    depth: np.ndarray  # (S,), int64: Number of transcripts
    best: np.ndarray  # (S,), int64: Number of the first transcript by name; -1 for none

    @classmethod
    def of(cls, transcripts: Transcripts, selected: np.ndarray) -> Coverage:
        """Return the coverage by the `selected` transcripts; shape (N,), bool."""
        owner = np.repeat(np.arange(len(transcripts)), np.diff(transcripts.first))
        taken = selected[owner]
        # Written in reverse order of names, so that the first by name stays.
        owner, blocks = owner[taken], transcripts.blocks[taken]
        order = np.argsort(-transcripts.ranks[owner], kind="stable")
        owner, blocks = owner[order], blocks[order]
        starts = strand_offset(blocks[:, 0], transcripts.reverse[owner])
        stops = strand_offset(blocks[:, 1], transcripts.reverse[owner])
        borders = np.sort(np.concatenate([starts, stops]))
        # np.unique hashes, which takes ten times as long on numbers like these.
        borders = borders[np.diff(borders, prepend=-1) > 0]
        low, high = np.searchsorted(borders, starts), np.searchsorted(borders, stops)
        size = len(borders)
        steps = np.bincount(low, minlength=size) - np.bincount(high, minlength=size)
        best = np.full(size, -1, dtype=np.int64)
        for a, b, number in zip(low.tolist(), high.tolist(), owner.tolist(), strict=True):
            best[a:b] = number
        return cls(borders, np.cumsum(steps), best)

    def at(self, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return `depth` and `best` at strand offsets."""
        if not len(self.borders):
            return np.zeros(len(offsets), dtype=np.int64), np.full(len(offsets), -1, dtype=np.int64)
        index = np.searchsorted(self.borders, offsets, side="right") - 1
        outside = index < 0
        return np.where(outside, 0, self.depth[index]), np.where(outside, -1, self.best[index])


@dataclass(frozen=True, eq=False)
class TranscriptStarts:
    """Annotated first bases."""

    offsets: np.ndarray  # (F,), int64: Strand offsets, sorted and unique
    # (F + 1,), int64: The transcripts that begin at offset i are ``owners[first[i]:first[i + 1]]``
    first: np.ndarray
    owners: np.ndarray  # (N,), int64: Numbers of transcripts, sorted within each offset
    best: np.ndarray  # (F,), int64: The first by name of those that begin there

    @classmethod
    def of(cls, transcripts: Transcripts) -> TranscriptStarts:
        """Return the first bases of all transcripts that have an annotated one."""
        numbers = np.flatnonzero(transcripts.known)
        at = transcripts.first_bases[numbers]
        owners = numbers[np.lexsort((numbers, at))]
        offsets, first = np.unique(np.sort(at), return_index=True)
        by_name = numbers[np.lexsort((transcripts.ranks[numbers], at))]
        return cls(offsets, np.append(first, len(owners)), owners, by_name[first])

    def index(self, offsets: np.ndarray) -> np.ndarray:
        """Return the index of strand offsets; -1 where no transcript begins."""
        if not len(self.offsets):
            return np.full(len(offsets), -1, dtype=np.int64)
        index = np.minimum(np.searchsorted(self.offsets, offsets), len(self.offsets) - 1)
        return np.where(self.offsets[index] == offsets, index, -1)
