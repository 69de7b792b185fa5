"""Features for trees and linear models: bases near the site, counts of k-mers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vqrna.sequence import AMBIGUOUS, recentre

_CHUNK = 4096


@dataclass(frozen=True)
class FeatureSet:
    """A set of features."""

    bases: int  # Number of nucleotides around the site, one-hot; odd
    # Pairs of a length of k-mers and the nt around the site (odd) in which they are counted
    counts: tuple[tuple[int, int], ...]

    @property
    def length(self) -> int:
        """Nucleotides that are used."""
        return max([self.bases, *(width for _, width in self.counts)])

    def of(self, tokens: np.ndarray) -> np.ndarray:
        """Return the features (N, F), float32, of windows (N, L), uint8."""
        parts = [one_hot(recentre(tokens, self.bases))]
        parts += [kmer_counts(recentre(tokens, width), k) for k, width in self.counts]
        return np.concatenate(parts, axis=1, dtype=np.float32)


PLAIN = FeatureSet(51, tuple((k, 501) for k in (1, 2, 3, 4)))
"""One-hot of 51 nt, counts of 1- to 4-mers in 501 nt."""

MORE = FeatureSet(51, (*PLAIN.counts, *((k, 101) for k in (1, 2, 3))))
"""The same, and counts of 1- to 3-mers within 50 nt of the site."""


def one_hot(tokens: np.ndarray) -> np.ndarray:
    """Return tokens (N, L) as one-hot columns (N, 4 L), the bases of a position side by side."""
    return (tokens[:, :, None] == np.arange(4)).reshape(len(tokens), -1)


def kmer_counts(tokens: np.ndarray, k: int) -> np.ndarray:
    """Count the k-mers without ambiguous letters of windows (N, L), uint8.

    Returns
    -------
    np.ndarray, shape (N, 4^k), float32
        In the order of the letters, the first letter varying slowest.
    """
    n, length = tokens.shape
    all_counts = np.zeros((n, 4**k), dtype=np.float32)
    if length < k:
        return all_counts
    for start in range(0, n, _CHUNK):
        part = tokens[start : start + _CHUNK]
        number = np.zeros((len(part), length - k + 1), dtype=np.int64)
        ambiguous = np.zeros(number.shape, dtype=bool)
        for i in range(k):
            letter = part[:, i : i + number.shape[1]]
            number = number * 4 + (letter & 3)
            ambiguous |= letter == AMBIGUOUS
        number[ambiguous] = 4**k
        number += np.arange(len(part))[:, None] * (4**k + 1)
        counts = np.bincount(number.ravel(), minlength=len(part) * (4**k + 1))
        all_counts[start : start + len(part)] = counts.reshape(len(part), -1)[:, :-1]
    return all_counts
