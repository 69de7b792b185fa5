"""Transcripts and regions as columns, and the way between their coordinates and the genome's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from vqrna.genome.coordinates import chromosome_of, key_of, position_of
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
