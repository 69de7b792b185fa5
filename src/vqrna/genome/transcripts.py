"""Transcripts and regions as columns, and the way between their coordinates and the genome's.

What files tell of transcripts and regions, put in order: strands, blocks, unique names.

Which transcripts hold a site of the genome, and which begin there.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from vqrna.genome.coordinates import chromosome_of, key_of, place_of, position_of, spread, union
from vqrna.genome.fasta import Genome
from vqrna.region import Placement


@dataclass(frozen=True, eq=False)
class Transcripts:
    """Transcripts and regions, by chromosome, then start, end, strand and name.

    Attributes
    ----------
    names, genes : np.ndarray, shape (N,), object
        Names are unique, and none is that of a chromosome.
    reverse : np.ndarray, shape (N,), bool
    known : np.ndarray, shape (N,), bool
        Whether the first base is annotated.
    blocks : np.ndarray, shape (B, 2), int64
        Places (see :mod:`vqrna.genome.coordinates`), rising and disjoint within a transcript.
    first : np.ndarray, shape (N + 1,), int64
        The blocks of transcript i are ``blocks[first[i]:first[i + 1]]``.
    """

    names: np.ndarray
    genes: np.ndarray
    reverse: np.ndarray
    known: np.ndarray
    blocks: np.ndarray
    first: np.ndarray

    def __len__(self) -> int:
        return len(self.names)

    @property
    def starts(self) -> np.ndarray:
        """First place of each, on the forward strand: shape (N,)."""
        return self.blocks[self.first[:-1], 0]

    @property
    def stops(self) -> np.ndarray:
        """Place after the last of each, on the forward strand: shape (N,)."""
        return self.blocks[self.first[1:] - 1, 1]

    @property
    def beginnings(self) -> np.ndarray:
        """Key of each one's first base, 5': shape (N,)."""
        return key_of(np.where(self.reverse, self.stops - 1, self.starts), self.reverse)

    @property
    def lengths(self) -> np.ndarray:
        """Nt of each: shape (N,)."""
        return np.diff(self.before[self.first])

    @cached_property
    def before(self) -> np.ndarray:
        """Nt in all blocks before each, those of other transcripts too: shape (B + 1,)."""
        sizes = self.blocks[:, 1] - self.blocks[:, 0]
        return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(sizes)])

    @cached_property
    def ranks(self) -> np.ndarray:
        """Place of each name among all names in alphabetical order: shape (N,)."""
        ranks = np.empty(len(self), dtype=np.int64)
        ranks[np.argsort(self.names)] = np.arange(len(self))
        return ranks

    def places(self, owners: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Say where positions of transcripts are in the genome.

        Parameters
        ----------
        owners, positions : np.ndarray, shape (M,), int64
            Number of the transcript, and 0-based position from its 5' end.

        Returns
        -------
        np.ndarray, shape (M,), int64
            Places.
        """
        begin, end = self.before[self.first[owners]], self.before[self.first[owners + 1]]
        along = np.where(self.reverse[owners], end - 1 - positions, begin + positions)
        block = np.searchsorted(self.before, along, side="right") - 1
        return self.blocks[block, 0] + along - self.before[block]

    def positions(self, blocks: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Say where places are in the transcripts: the other way round.

        Parameters
        ----------
        blocks, places : np.ndarray, shape (M,), int64
            Number of the block that holds the place, and the place.

        Returns
        -------
        owners, positions : np.ndarray, shape (M,), int64
        """
        owners = np.searchsorted(self.first, blocks, side="right") - 1
        along = self.before[blocks] + places - self.blocks[blocks, 0]
        begin, end = self.before[self.first[owners]], self.before[self.first[owners + 1]]
        return owners, np.where(self.reverse[owners], end - 1 - along, along - begin)

    def placement(self, number: int, genome: Genome) -> Placement:
        """Say where one transcript lies."""
        blocks = self.blocks[self.first[number] : self.first[number + 1]]
        chromosome = int(chromosome_of(blocks[0, 0]))
        return Placement(genome.names[chromosome], bool(self.reverse[number]), position_of(blocks))

    def unspliced(self) -> Transcripts:
        """Give the same with their introns."""
        blocks = np.stack([self.starts, self.stops], axis=1)
        return replace(self, blocks=blocks, first=np.arange(len(self) + 1))


@dataclass
class AnnotationRecords:
    """Transcripts and regions as files tell them, in the order of their lines.

    Attributes
    ----------
    names, genes : list of str
        Empty where not known; a region without a name gets one from its place.
    chromosomes : array of int
    strands : array of int
        1, -1, or 0 where both strands are meant.
    known : array of int
        1 where the first base is annotated, that is for transcripts.
    owners, starts, stops : array of int
        Blocks in any order: number of the transcript, 0-based half-open interval.
    """

    names: list[str] = field(default_factory=list)
    genes: list[str] = field(default_factory=list)
    chromosomes: array[int] = field(default_factory=lambda: array("q"))
    strands: array[int] = field(default_factory=lambda: array("b"))
    known: array[int] = field(default_factory=lambda: array("b"))
    owners: array[int] = field(default_factory=lambda: array("q"))
    starts: array[int] = field(default_factory=lambda: array("q"))
    stops: array[int] = field(default_factory=lambda: array("q"))

    def __len__(self) -> int:
        return len(self.names)

    def add(self, name: str, gene: str, chromosome: int, strand: int, known: bool) -> int:
        """Take a transcript without blocks; returns its number."""
        self.names.append(name)
        self.genes.append(gene)
        self.chromosomes.append(chromosome)
        self.strands.append(strand)
        self.known.append(known and strand != 0)
        return len(self.names) - 1

    def block(self, owner: int, start: int, stop: int) -> None:
        """Take a block of a transcript."""
        self.owners.append(owner)
        self.starts.append(start)
        self.stops.append(stop)

    def extend(self, other: AnnotationRecords) -> None:
        """Take all that another one has."""
        before = len(self)
        self.owners.extend(array("q", (np.array(other.owners, dtype=np.int64) + before).tolist()))
        for name in ("names", "genes", "chromosomes", "strands", "known", "starts", "stops"):
            getattr(self, name).extend(getattr(other, name))


def arrange(gathered: AnnotationRecords, genome: Genome) -> Transcripts:
    """Put what was read in order: strands, blocks, names.

    Blocks of a transcript that overlap or touch are joined. What has no strand is taken twice, as
    ``name(+)`` and ``name(-)``; what has no name is called ``chromosome:start-end(strand)``; where
    names repeat, or are those of chromosomes, they become ``name::chromosome:start-end(strand)``.
    Of those that are the same in name, place and blocks, one is kept.

    Parameters
    ----------
    gathered : AnnotationRecords
        Each with one block at least.
    genome : Genome
    """
    strands = np.array(gathered.strands, dtype=np.int64)
    source = np.concatenate([np.flatnonzero(strands >= 0), np.flatnonzero(strands <= 0)])
    reverse = np.repeat([False, True], [(strands >= 0).sum(), (strands <= 0).sum()])
    blocks, first = _joined(gathered)
    low, high = first[source], first[source + 1]
    starts, stops = blocks[low, 0], blocks[high - 1, 1]
    names = np.array(gathered.names, dtype=object)[source]
    signs = np.where(reverse, "(-)", "(+)").astype(object)
    names = np.where((strands[source] == 0) & (names != ""), names + signs, names)
    rank = np.unique(names, return_inverse=True)[1]
    order = np.lexsort((source, rank, reverse, stops, starts))
    kept = _once(order, [starts, stops, reverse, rank], blocks, low, high)
    source, reverse, low, high = source[kept], reverse[kept], low[kept], high[kept]
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
        _unique(names[kept], spans, set(genome.names)),
        np.array(gathered.genes, dtype=object)[source],
        reverse,
        np.array(gathered.known, dtype=bool)[source],
        blocks[spread(low, high)[1]],
        np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(high - low)]),
    )


def _joined(gathered: AnnotationRecords) -> tuple[np.ndarray, np.ndarray]:
    """Sort and join the blocks of each transcript: places, and where each one's begin."""
    chromosome = np.array(gathered.chromosomes, dtype=np.int64)
    # One line for all transcripts, in which none touches the next, so that one union does all.
    line = place_of(np.array(gathered.owners, dtype=np.int64), 0)
    found = union(line + np.array(gathered.starts), line + np.array(gathered.stops))
    owner = chromosome_of(found[:, 0])
    blocks = place_of(chromosome[owner][:, None], found - place_of(owner, 0)[:, None])
    return blocks, np.searchsorted(owner, np.arange(len(gathered) + 1))


def _once(
    order: np.ndarray,
    columns: list[np.ndarray],
    blocks: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> np.ndarray:
    """Leave out those that are the same as an earlier one in all columns and blocks."""
    same = np.ones(max(0, len(order) - 1), dtype=bool)
    for column in columns:
        same &= column[order][1:] == column[order][:-1]
    keep = np.ones(len(order), dtype=bool)
    seen: set[bytes] = set()
    for at in (np.flatnonzero(same) + 1).tolist():
        if at < 2 or not same[at - 2]:
            seen = {_shape(blocks, low, high, order[at - 1])}
        shape = _shape(blocks, low, high, order[at])
        keep[at] = shape not in seen
        seen.add(shape)
    return order[keep]


def _shape(blocks: np.ndarray, low: np.ndarray, high: np.ndarray, number: int) -> bytes:
    return blocks[low[number] : high[number]].tobytes()


def _unique(names: np.ndarray, spans: np.ndarray, taken: set[str]) -> np.ndarray:
    """Give each a name of its own."""
    counts = Counter(names.tolist())
    found = []
    for name, span in zip(names.tolist(), spans.tolist(), strict=True):
        if not name:
            own = span
        elif counts[name] > 1 or name in taken:
            own = f"{name}::{span}"
        else:
            own = name
        # Whatever is left, such as two blocked regions of one name and span, is counted.
        number = 2
        unique = own
        while unique in taken:
            unique, number = f"{own}_{number}", number + 1
        taken.add(unique)
        found.append(unique)
    return np.array(found, dtype=object)


@dataclass(frozen=True, eq=False)
class Coverage:
    """How many transcripts hold each place of a strand, and the first of them by name.

    Attributes
    ----------
    borders : np.ndarray, shape (S,), int64
        Keys, rising, from each of which to the next all is the same.
    depth : np.ndarray, shape (S,), int64
        How many transcripts.
    best : np.ndarray, shape (S,), int64
        Number of the first by name; -1 where there is none.
    """

    borders: np.ndarray
    depth: np.ndarray
    best: np.ndarray

    @classmethod
    def of(cls, transcripts: Transcripts, which: np.ndarray) -> Coverage:
        """Lay some of the transcripts over one another.

        Parameters
        ----------
        transcripts : Transcripts
        which : np.ndarray, shape (N,), bool
        """
        owner = np.repeat(np.arange(len(transcripts)), np.diff(transcripts.first))
        taken = which[owner]
        # Painted in the order of names, from the last to the first, which stays on top.
        owner, blocks = owner[taken], transcripts.blocks[taken]
        order = np.argsort(-transcripts.ranks[owner], kind="stable")
        owner, blocks = owner[order], blocks[order]
        starts = key_of(blocks[:, 0], transcripts.reverse[owner])
        stops = key_of(blocks[:, 1], transcripts.reverse[owner])
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

    def at(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give the number of transcripts at some keys and the first by name (-1 for none)."""
        if not len(self.borders):
            return np.zeros(len(keys), dtype=np.int64), np.full(len(keys), -1, dtype=np.int64)
        index = np.searchsorted(self.borders, keys, side="right") - 1
        outside = index < 0
        return (
            np.where(outside, 0, self.depth[index]),
            np.where(outside, -1, self.best[index]),
        )


@dataclass(frozen=True, eq=False)
class TranscriptStarts:
    """Annotated first bases.

    Attributes
    ----------
    keys : np.ndarray, shape (F,), int64
        Rising, each once.
    first : np.ndarray, shape (F + 1,), int64
        The transcripts that begin at key i are ``owners[first[i]:first[i + 1]]``.
    owners : np.ndarray, shape (N,), int64
        Numbers of transcripts, rising for each key.
    best : np.ndarray, shape (F,), int64
        The first by name of those that begin there.
    """

    keys: np.ndarray
    first: np.ndarray
    owners: np.ndarray
    best: np.ndarray

    @classmethod
    def of(cls, transcripts: Transcripts) -> TranscriptStarts:
        """Find the first bases of all transcripts that have an annotated one."""
        numbers = np.flatnonzero(transcripts.known)
        at = transcripts.beginnings[numbers]
        order = np.lexsort((numbers, at))
        owners = numbers[order]
        keys, first = np.unique(at[order], return_index=True)
        by_name = numbers[np.lexsort((transcripts.ranks[numbers], at))]
        return cls(keys, np.append(first, len(owners)), owners, by_name[first])

    def find(self, keys: np.ndarray) -> np.ndarray:
        """Give the index of some keys, -1 where no transcript begins."""
        if not len(self.keys):
            return np.full(len(keys), -1, dtype=np.int64)
        index = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[index] == keys, index, -1)
