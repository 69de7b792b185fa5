"""Seqlets: stretches whose bases together raise a prediction more than chance would."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vqrna.sequence import centre

SPAN = 7
"""Nt over which attributions are added up to find a seqlet."""

FLANK = 8
"""Nt that are kept on either side of it."""

WIDTH = SPAN + 2 * FLANK
"""Nt of a seqlet as it is compared with others."""

FDR = 0.1
"""So large a share of the seqlets may be no more than chance."""


class Seqlets(NamedTuple):
    """Where seqlets are, the strongest first.

    Attributes
    ----------
    window : np.ndarray, shape (S,), int64
    start : np.ndarray, shape (S,), int64
        First column of the `WIDTH` that are looked at.
    score : np.ndarray, shape (S,), float64
        Sum of the attributions of the `SPAN` in their middle, the site left out.
    """

    window: np.ndarray
    start: np.ndarray
    score: np.ndarray

    def __len__(self) -> int:
        return len(self.window)


def peaks(observed: np.ndarray) -> Seqlets:
    """Find the stretches with the highest sums in each window, none overlapping another.

    Parameters
    ----------
    observed : np.ndarray, shape (N, L)
        Attributions of the bases that stand there. The site's own, which only says that there has
        to be a site, is not counted.
    """
    values = observed.astype(np.float64)
    values[:, centre(values.shape[1])] = 0
    if values.shape[1] < WIDTH:
        nothing = np.empty(0, dtype=np.int64)
        return Seqlets(nothing, nothing, nothing.astype(float))
    sums = np.lib.stride_tricks.sliding_window_view(values, SPAN, axis=1).sum(axis=2)
    sums = sums[:, FLANK : sums.shape[1] - FLANK].copy()  # whole seqlets alone
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    rows = np.arange(len(sums))
    while len(rows):
        best = sums[rows].argmax(axis=1)
        score = sums[rows, best]
        rows, best, score = rows[score > 0], best[score > 0], score[score > 0]
        found.append((rows, best, score))
        beside = best[:, None] + np.arange(-SPAN + 1, SPAN)
        inside = (beside >= 0) & (beside < sums.shape[1])
        sums[np.broadcast_to(rows[:, None], beside.shape)[inside], beside[inside]] = -np.inf
    window, start, score = (np.concatenate(part) for part in zip(*found, strict=True))
    order = np.argsort(-score, kind="stable")
    return Seqlets(window[order], start[order], score[order])


def seqlets(observed: np.ndarray, fdr: float = FDR) -> Seqlets:
    """Call the stretches whose sums are beyond chance.

    What chance gives is taken from the other side: stretches that lower the prediction as much.
    (Shuffled windows would not do: they keep the site, and so hold half of its motif by chance.)

    Parameters
    ----------
    observed : np.ndarray, shape (N, L)
        Attributions of the bases that stand there.
    fdr : float
        Largest share of chance among all that are called.
    """
    found, mirrored = peaks(observed), peaks(-observed)
    above = np.searchsorted(np.sort(-mirrored.score), -found.score, side="right")
    rate = (above + 1) / np.arange(1, len(found) + 1)
    good = np.flatnonzero(rate <= fdr)
    count = int(good[-1]) + 1 if len(good) else 0
    return Seqlets(*(part[:count] for part in found))
