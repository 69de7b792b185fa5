"""Find known sites of any type at all positions of windows, by the letters around them."""

from __future__ import annotations

import numpy as np

from vqrna.data.windows import POSITIVE, Windows
from vqrna.sequence import AMBIGUOUS, centre, recentre

AROUND = 29
"""Nt around a position that must match those of a known site (two bits each: one word)."""


def annotated(tokens: np.ndarray, known: Windows) -> np.ndarray:
    """Find the known modified sites of any type at all positions of windows.

    Windows overlap on the genome, so one shows sites that are central in others.

    Parameters
    ----------
    tokens : np.ndarray, shape (N, L), uint8
        Windows to search.
    known : Windows
        Windows with the known sites in their centres.

    Returns
    -------
    np.ndarray, shape (N, L), bool
        True on known sites. Sites with an ambiguous letter within 14 nt, and positions within 14 nt
        of the ends of a window, do not match; a repeat of the 29 nt elsewhere does.
    """
    is_known = np.zeros(tokens.shape, dtype=bool)
    sites = recentre(known.tokens[(known.labels == POSITIVE).any(axis=1)], AROUND)
    wanted = np.unique(_words(sites[(sites != AMBIGUOUS).all(axis=1)])[:, 0])
    if not len(wanted) or tokens.shape[1] < AROUND:
        return is_known
    half = centre(AROUND)
    for start in range(0, len(tokens), 4096):  # bounds the memory: 8 bytes per position
        part = tokens[start : start + 4096]
        words = _words(part)
        at = np.searchsorted(wanted, words).clip(max=len(wanted) - 1)
        is_known[start : start + 4096, half : part.shape[1] - half] = wanted[at] == words
    ambiguous = np.lib.stride_tricks.sliding_window_view(tokens == AMBIGUOUS, AROUND, axis=1)
    is_known[:, half : tokens.shape[1] - half] &= ~ambiguous.any(axis=-1)
    return is_known


def _words(tokens: np.ndarray) -> np.ndarray:
    """Pack `AROUND` bases from each position into a word: (N, L) to (N, L - 28) uint64."""
    words = np.zeros((len(tokens), tokens.shape[1] - AROUND + 1), dtype=np.uint64)
    for i in range(AROUND):
        words <<= np.uint64(2)
        words |= tokens[:, i : i + words.shape[1]] & np.uint8(3)
    return words
