"""Which transcripts hold a site of the genome, and which begin there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vqrna.genome.coordinates import key_of
from vqrna.genome.transcripts import Transcripts


@dataclass(frozen=True, eq=False)
class Cover:
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
    def of(cls, transcripts: Transcripts, which: np.ndarray) -> Cover:
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
class Beginnings:
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
    def of(cls, transcripts: Transcripts) -> Beginnings:
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
