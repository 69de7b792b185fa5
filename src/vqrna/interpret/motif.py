"""One motif: counts of bases, how much they matter, and where it stands beside the site."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from vqrna.sequence import ALPHABET

_IUPAC = {
    "A": "A", "C": "C", "G": "G", "U": "U", "AG": "R", "CU": "Y", "CG": "S", "AU": "W",
    "GU": "K", "AC": "M", "CGU": "B", "AGU": "D", "ACU": "H", "ACG": "V",
}  # fmt: skip

INFORMATIVE = 0.25
"""Bits from which a column belongs to a motif."""


@dataclass(frozen=True, eq=False)
class Motif:
    """A motif that the model reads.

    Parameters
    ----------
    name : str
    counts : np.ndarray, shape (4, W), float64
        Of each base in the seqlets.
    contributions : np.ndarray, shape (4, W), float64
        Mean attribution of the observed bases, 0 where another base stands.
    windows : np.ndarray, shape (S,), int64
        Which window each seqlet is in.
    offsets : np.ndarray, shape (S,), int64
        Position of the motif's first column relative to the site.
    background : np.ndarray, shape (4,), float64
        Frequencies of the bases in all windows.
    """

    name: str
    counts: np.ndarray
    contributions: np.ndarray
    windows: np.ndarray
    offsets: np.ndarray
    background: np.ndarray

    @property
    def width(self) -> int:
        """In nt."""
        return self.counts.shape[1]

    @property
    def sites(self) -> int:
        """How many windows have it."""
        return len(np.unique(self.windows))

    @property
    def frequencies(self) -> np.ndarray:
        """Base frequencies (4, W), with one pseudo-count in all."""
        return frequencies(self.counts, self.background)

    @property
    def bits(self) -> np.ndarray:
        """Heights of the bases in a logo (4, W), as information against the background."""
        f = self.frequencies
        return f * information(self.counts, self.background)

    @property
    def consensus(self) -> str:
        """IUPAC letters; ``N`` where a column is not particular."""
        bits = information(self.counts, self.background)
        return "".join(
            letter(column) if bit >= INFORMATIVE / 2 else "N"
            for column, bit in zip(self.frequencies.T, bits, strict=True)
        )

    @property
    def usual_offset(self) -> tuple[int, float]:
        """The most frequent offset, and its share of the seqlets."""
        offset, count = Counter(self.offsets.tolist()).most_common(1)[0]
        return offset, count / len(self.offsets)


def frequencies(counts: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Give base frequencies (..., 4, W) from counts, one pseudo-count shared as the background."""
    raised = counts + background[:, None]
    return raised / raised.sum(axis=-2, keepdims=True)


def information(counts: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Give the bits of columns (..., W): relative entropy of frequencies to the background."""
    f = frequencies(counts, background)
    return (f * np.log2(f / background[:, None])).sum(axis=-2)


def letter(column: np.ndarray) -> str:
    """Give the IUPAC letter of one column (4,): as few bases as stand for most of it."""
    order = np.argsort(-column, kind="stable")
    for number, least in ((1, 0.6), (2, 0.75), (3, 0.9)):
        if column[order[:number]].sum() >= least:
            return _IUPAC["".join(sorted(ALPHABET[i] for i in order[:number]))]
    return "N"
