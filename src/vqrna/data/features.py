"""Numbers that trees and linear models read: bases near the site, counts of k-mers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vqrna.sequence import AMBIGUOUS, recentre

_CHUNK = 4096


@dataclass(frozen=True)
class Features:
    """Which features.

    Parameters
    ----------
    bases : int
        Nucleotides about the site, one-hot; odd.
    counts : tuple of (int, int)
        Each a length of k-mers and a stretch about the site (odd) in which they are counted.
    """

    bases: int
    counts: tuple[tuple[int, int], ...]

    @property
    def length(self) -> int:
        """Nucleotides that are looked at."""
        return max([self.bases, *(stretch for _, stretch in self.counts)])

    def of(self, tokens: np.ndarray) -> np.ndarray:
        """Compute the features of windows.

        Parameters
        ----------
        tokens : np.ndarray, shape (N, L), uint8

        Returns
        -------
        np.ndarray, shape (N, F), float32
        """
        parts = [one_hot(recentre(tokens, self.bases))]
        parts += [kmer_counts(recentre(tokens, stretch), k) for k, stretch in self.counts]
        return np.concatenate(parts, axis=1, dtype=np.float32)


PLAIN = Features(51, tuple((k, 501) for k in (1, 2, 3, 4)))
"""One-hot of 51 nt, counts of 1- to 4-mers in 501 nt."""

MORE = Features(51, (*PLAIN.counts, *((k, 101) for k in (1, 2, 3))))
"""The same, and counts of 1- to 3-mers within 50 nt of the site."""


def one_hot(tokens: np.ndarray) -> np.ndarray:
    """Spread tokens (N, L) into one-hot columns (N, 4 L), base by base within a position."""
    return (tokens[:, :, None] == np.arange(4)).reshape(len(tokens), -1)


def kmer_counts(tokens: np.ndarray, k: int) -> np.ndarray:
    """Count the k-mers of windows; those with an ambiguous letter count for nothing.

    Parameters
    ----------
    tokens : np.ndarray, shape (N, L), uint8
    k : int

    Returns
    -------
    np.ndarray, shape (N, 4^k), float32
        In the order of the letters, the first letter the slowest.
    """
    n, length = tokens.shape
    found = np.zeros((n, 4**k), dtype=np.float32)
    if length < k:
        return found
    for start in range(0, n, _CHUNK):
        part = tokens[start : start + _CHUNK]
        number = np.zeros((len(part), length - k + 1), dtype=np.int64)
        wrong = np.zeros(number.shape, dtype=bool)
        for i in range(k):
            letter = part[:, i : i + number.shape[1]]
            number = number * 4 + (letter & 3)
            wrong |= letter == AMBIGUOUS
        number[wrong] = 4**k
        number += np.arange(len(part))[:, None] * (4**k + 1)
        counts = np.bincount(number.ravel(), minlength=len(part) * (4**k + 1))
        found[start : start + len(part)] = counts.reshape(len(part), -1)[:, :-1]
    return found
