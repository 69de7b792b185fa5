"""Features of simple models beside those of :mod:`vqrna.data.features`: pieces, and CG."""

from __future__ import annotations

import numpy as np

from vqrna.sequence import AMBIGUOUS, recentre


def pieces(tokens: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a unique number for each piece of `size` nt (31 at most).

    Parameters
    ----------
    tokens : np.ndarray, shape (N, L), uint8
    size : int

    Returns
    -------
    number : np.ndarray, shape (P,), uint64
        Pieces without an ambiguous letter.
    window : np.ndarray, shape (P,), int
        The window that each is from.
    """
    if tokens.shape[1] < size:
        return np.empty(0, dtype=np.uint64), np.empty(0, dtype=int)
    count = tokens.shape[1] - size + 1
    number = np.zeros((len(tokens), count), dtype=np.uint64)
    clear = np.ones(number.shape, dtype=bool)
    for i in range(size):
        letter = tokens[:, i : i + count]
        number = number << np.uint64(2) | (letter & np.uint8(3))
        clear &= letter != AMBIGUOUS
    return number[clear], np.nonzero(clear)[0]


def cpg(tokens: np.ndarray, span: int = 501) -> np.ndarray:
    """Return the number of CG dinucleotides around the site, shape (N,)."""
    seen = recentre(tokens, span)
    return ((seen[:, :-1] == 1) & (seen[:, 1:] == 2)).sum(axis=1).astype(np.float64)
