"""Position-weight matrices of codes: base frequencies over all sequence segments with a code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vqrna.interpret.discovery import frequencies, information, iupac_letter
from vqrna.interpret.meme import MemeMotif
from vqrna.sequence import ALPHABET


@dataclass(frozen=True, eq=False)
class CodeMatrices:
    """Position-weight matrices of all codes.

    Attributes
    ----------
    counts : np.ndarray, shape (K, 4, reach), float64
        Weighted counts of each base; ambiguous letters are not counted.
    sites : np.ndarray, shape (K,), int
        Unweighted number of tokens with the code.
    background : np.ndarray, shape (4,), float64
        Base frequencies over the segments of all tokens.
    """

    counts: np.ndarray
    sites: np.ndarray
    background: np.ndarray

    @property
    def frequencies(self) -> np.ndarray:
        """Base frequencies (K, 4, reach) with one pseudo-count; each column sums to 1."""
        return frequencies(self.counts, self.background)

    @property
    def information(self) -> np.ndarray:
        """Letter heights of logos in bits (K, 4, reach): relative entropy to the background."""
        return self.frequencies * information(self.counts, self.background)[:, None]

    def consensus(self, code: int, min_bits: float = 0.15) -> str:
        """Return the consensus of a code as IUPAC letters, without ``N`` at the ends.

        Parameters
        ----------
        min_bits : float
            Positions with less information are ``N``.
        """
        if not self.sites[code]:
            return ""
        bits = self.information[code].sum(axis=0)
        letters = [
            iupac_letter(column) if bit >= min_bits else "N"
            for column, bit in zip(self.frequencies[code].T, bits, strict=True)
        ]
        return "".join(letters).strip("N")

    def motifs(self, codes: Sequence[int]) -> list[MemeMotif]:
        """Return codes as motifs for a MEME file, in this order, without unused codes."""
        each = self.frequencies
        return [
            MemeMotif(f"code_{code}", self.consensus(code), each[code], int(self.sites[code]))
            for code in codes
            if self.sites[code]
        ]


def code_matrices(
    codes: np.ndarray, segments: np.ndarray, codebook_size: int, weights: np.ndarray | None = None
) -> CodeMatrices:
    """Count the bases of the segments of each code.

    Parameters
    ----------
    codes : np.ndarray, shape (N, T), int
    segments : np.ndarray, shape (N, T, reach), uint8
        From :meth:`vqrna.interpret.codes.TokenLayout.segments`.
    codebook_size : int
        Number of codes K.
    weights : np.ndarray, shape (N,), optional
        Weight of each window, for example 1 / size of its cluster; 1 if not given.
    """
    reach, width = segments.shape[-1], len(ALPHABET) + 1
    each = None if weights is None else np.repeat(weights, codes.shape[1])
    flat = codes.ravel().astype(np.int64) * width
    counts = np.empty((codebook_size, width, reach))
    for i in range(reach):
        letters = np.minimum(segments[..., i].ravel(), len(ALPHABET))
        column = np.bincount(flat + letters, each, minlength=codebook_size * width)
        counts[..., i] = column.reshape(codebook_size, width)
    counts = counts[:, : len(ALPHABET)]
    total = counts.sum(axis=(0, 2))
    background = (total + 1) / (total + 1).sum()  # no base may have frequency 0
    return CodeMatrices(counts, np.bincount(codes.ravel(), minlength=codebook_size), background)
