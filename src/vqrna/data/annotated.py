"""Known sites seen from other windows: which positions of a window are annotated for any type."""

from __future__ import annotations

import numpy as np

from vqrna.data.windows import POSITIVE, Windows
from vqrna.sequence import AMBIGUOUS, centre, recentre

AROUND = 29
"""A position is a known site if the so many nt about it (two bits each: one word) are the same."""


def annotated(tokens: np.ndarray, known: Windows) -> np.ndarray:
    """Find the known modified sites, of any type, at all positions of windows.

    Windows lie close together on the genome, so one shows sites that are central in others.

    Parameters
    ----------
    tokens : np.ndarray, shape (N, L), uint8
        Where to look.
    known : Windows
        Its modified sites are what to look for.

    Returns
    -------
    np.ndarray, shape (N, L), bool
        True on known sites. Sites with an ambiguous letter within 14 nt, and positions within 14 nt
        of the ends of a window, are never found; a repeat of the 29 nt elsewhere is.
    """
    found = np.zeros(tokens.shape, dtype=bool)
    sites = recentre(known.tokens[(known.labels == POSITIVE).any(axis=1)], AROUND)
    wanted = np.unique(_words(sites[(sites != AMBIGUOUS).all(axis=1)])[:, 0])
    if not len(wanted) or tokens.shape[1] < AROUND:
        return found
    half = centre(AROUND)
    for start in range(0, len(tokens), 4096):  # bounds the memory: a word is 8 bytes a position
        part = tokens[start : start + 4096]
        words = _words(part)
        place = np.searchsorted(wanted, words).clip(max=len(wanted) - 1)
        found[start : start + 4096, half : part.shape[1] - half] = wanted[place] == words
    ambiguous = np.lib.stride_tricks.sliding_window_view(tokens == AMBIGUOUS, AROUND, axis=1)
    found[:, half : tokens.shape[1] - half] &= ~ambiguous.any(axis=-1)
    return found


def _words(tokens: np.ndarray) -> np.ndarray:
    """Pack the `AROUND` bases from each position on into a word: (N, L) to (N, L - 28) uint64."""
    words = np.zeros((len(tokens), tokens.shape[1] - AROUND + 1), dtype=np.uint64)
    for i in range(AROUND):
        words <<= np.uint64(2)
        words |= tokens[:, i : i + words.shape[1]] & np.uint8(3)
    return words
