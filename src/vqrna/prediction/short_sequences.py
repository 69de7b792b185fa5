"""Outputs of the network for short sequences, which often repeat.

A whole sequence of a few nt has the same output wherever it is, to the last bit, and is evaluated
with half a window of empty context on either side. There are only 1,024 sequences of five bases.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import NamedTuple

import numpy as np

from vqrna.prediction.tiles import REMEMBERED


class Outputs(NamedTuple):
    """Output of the network for positions."""

    logits: np.ndarray  # (N, M), float64
    ood: np.ndarray  # (N,), bool: Whether the window is out of distribution
    near_ties: np.ndarray  # (N,), bool: Whether the two best codes nearly tie

    @classmethod
    def empty(cls, positions: int, modifications: int) -> Outputs:
        """Return outputs whose logits are not set."""
        return cls(
            np.empty((positions, modifications)),
            np.zeros(positions, dtype=bool),
            np.zeros(positions, dtype=bool),
        )

    def take(self, rows: np.ndarray) -> Outputs:
        """Return the outputs of some positions."""
        return Outputs(*(column[rows] for column in self))

    def put(self, rows: np.ndarray | slice, outputs: Outputs) -> None:
        """Set the outputs of some positions."""
        for column, values in zip(self, outputs, strict=True):
            column[rows] = values


class ShortSequences:
    """Outputs of the last `REMEMBERED` positions of short sequences; threads may share it.

    Parameters
    ----------
    modifications : int
        Number of modifications of the model, M.
    """

    def __init__(self, modifications: int) -> None:
        self._modifications = modifications
        self._first: dict[bytes, int] = {}
        self._used = 0
        self._outputs: Outputs | None = None
        self._lock = Lock()

    def recall(self, keys: Sequence[bytes]) -> tuple[np.ndarray, Outputs]:
        """Return which sequences are known, and the outputs of these, one after the other.

        Parameters
        ----------
        keys : sequence of bytes
            The letters of each sequence, as tokens.
        """
        with self._lock:
            first = np.array([self._first.get(key, -1) for key in keys], dtype=np.int64)
            known = first >= 0
            if self._outputs is None or not known.any():
                return known, Outputs.empty(0, self._modifications)
            length = np.array([len(key) for key in keys], dtype=np.int64)
            return known, self._outputs.take(spread(first[known], length[known]))

    def add(self, keys: Sequence[bytes], outputs: Outputs) -> None:
        """Remember the outputs of sequences, one after the other; forget all others if full."""
        count = len(outputs.ood)
        if not 0 < count <= REMEMBERED:
            return
        with self._lock:
            if self._outputs is None:
                self._outputs = Outputs.empty(REMEMBERED, self._modifications)
            if self._used + count > REMEMBERED:
                self._first, self._used = {}, 0
            self._outputs.put(slice(self._used, self._used + count), outputs)
            for key in keys:
                self._first[key] = self._used
                self._used += len(key)


def spread(first: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Return `count` consecutive numbers from each of `first`, one after the other."""
    ahead = np.cumsum(count) - count
    return np.repeat(first - ahead, count) + np.arange(int(count.sum()))
