"""What a code reads: base frequencies over all that its tokens saw, and their logos' heights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vqrna.interpret.discovery import frequencies, information, letter
from vqrna.interpret.meme import MemeMotif
from vqrna.sequence import ALPHABET


@dataclass(frozen=True, eq=False)
class Matrices:
    """Position-weight matrices of all codes.

    Parameters
    ----------
    counts : np.ndarray, shape (K, 4, reach), float64
        Weighted counts of each base; ambiguous letters are not counted.
    sites : np.ndarray, shape (K,), int
        Tokens that took the code, unweighted.
    background : np.ndarray, shape (4,), float64
        Base frequencies over everything that all tokens saw.
    """

    counts: np.ndarray
    sites: np.ndarray
    background: np.ndarray

    @property
    def frequencies(self) -> np.ndarray:
        """Base frequencies (K, 4, reach), each column summing to 1; with one pseudo-count."""
        return frequencies(self.counts, self.background)

    @property
    def information(self) -> np.ndarray:
        """Bits of each base of a logo (K, 4, reach), against the background (relative entropy)."""
        return self.frequencies * information(self.counts, self.background)[:, None]

    def consensus(self, code: int, at_least: float = 0.15) -> str:
        """Write what a code reads as IUPAC letters; ``N`` where it is not particular.

        Parameters
        ----------
        code : int
        at_least : float
            Bits below which a position is ``N``; such positions at the ends are left out.
        """
        if not self.sites[code]:
            return ""
        bits = self.information[code].sum(axis=0)
        letters = [
            letter(column) if bit >= at_least else "N"
            for column, bit in zip(self.frequencies[code].T, bits, strict=True)
        ]
        return "".join(letters).strip("N")

    def motifs(self, codes: Sequence[int]) -> list[MemeMotif]:
        """Give codes as motifs for a MEME file, in this order; without those that nothing takes."""
        each = self.frequencies
        return [
            MemeMotif(f"code_{code}", self.consensus(code), each[code], int(self.sites[code]))
            for code in codes
            if self.sites[code]
        ]


def matrices(
    codes: np.ndarray, seen: np.ndarray, codebook_size: int, weights: np.ndarray | None = None
) -> Matrices:
    """Count the bases that the tokens of each code saw.

    Parameters
    ----------
    codes : np.ndarray, shape (N, T), int
    seen : np.ndarray, shape (N, T, reach), uint8
        From :meth:`vqrna.interpret.codes.Reading.seen`.
    codebook_size : int
        K.
    weights : np.ndarray, shape (N,), optional
        What a window counts for, such as one over the windows of its cluster; 1 if not given.
    """
    reach, wide = seen.shape[-1], len(ALPHABET) + 1
    each = None if weights is None else np.repeat(weights, codes.shape[1])
    flat = codes.ravel().astype(np.int64) * wide
    counts = np.empty((codebook_size, wide, reach))
    for i in range(reach):
        letters = np.minimum(seen[..., i].ravel(), len(ALPHABET))
        found = np.bincount(flat + letters, each, minlength=codebook_size * wide)
        counts[..., i] = found.reshape(codebook_size, wide)
    counts = counts[:, : len(ALPHABET)]
    total = counts.sum(axis=(0, 2))
    # An alphabet without one of its bases would have no logarithm
    background = (total + 1) / (total + 1).sum()
    return Matrices(counts, np.bincount(codes.ravel(), minlength=codebook_size), background)
