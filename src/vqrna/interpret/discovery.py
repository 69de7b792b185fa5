"""From attributions to motifs: seqlets, groups of them, matrices, and where they stand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vqrna.interpret.attributions import Attributions
from vqrna.interpret.clustering import clusters
from vqrna.interpret.motif import INFORMATIVE, Motif, information
from vqrna.interpret.seqlets import FDR, WIDTH, Seqlets, seqlets
from vqrna.modifications import Modification
from vqrna.sequence import ALPHABET, AMBIGUOUS, centre

LEAST = 6
"""A motif has so many seqlets or more, and in many windows `SHARE` of their number."""

SHARE = 0.02

GAP = 3
"""So many columns that are not particular end a motif."""


def find_motifs(
    attributions: Attributions, modification: str | Modification, fdr: float = FDR
) -> tuple[list[Motif], int]:
    """Find the motifs that raise the prediction of a type.

    Parameters
    ----------
    attributions : Attributions
    modification : str or Modification
        Names the motifs.
    fdr : float
        Share of seqlets that may be chance.

    Returns
    -------
    motifs : list of Motif
        Most windows first.
    seqlets : int
        How many were called, those that joined no motif included.
    """
    found = seqlets(attributions.observed, fdr)
    symbol = modification if isinstance(modification, str) else modification.symbol
    return motifs_of(attributions, found, symbol), len(found)


def motifs_of(attributions: Attributions, called: Seqlets, prefix: str) -> list[Motif]:
    """Group seqlets to motifs.

    Parameters
    ----------
    attributions : Attributions
    called : Seqlets
    prefix : str
        Names begin with it.
    """
    observed = attributions.observed
    columns = called.start[:, None] + np.arange(WIDTH)
    letters = attributions.tokens[called.window[:, None], columns]
    values = observed[called.window[:, None], columns]
    is_base = letters[:, None] == np.arange(len(ALPHABET))[:, None]
    # The site is the same in all: it would make all that lie across it look alike
    beside = columns != centre(attributions.tokens.shape[1])
    images = np.where(is_base & beside[:, None], values[:, None], 0.0)
    least = max(LEAST, int(np.ceil(SHARE * len(attributions.tokens))))
    background = _background(attributions.tokens)
    made = [
        _motif(attributions, called.window[members], called.start[members] + shifts, background)
        for members, shifts in clusters(images, least)
    ]
    kept = sorted((m for m in made if m is not None), key=lambda m: -m.sites)
    return [replace(m, name=f"{prefix}_{n}") for n, m in enumerate(kept, start=1)]


def _motif(
    attributions: Attributions, windows: np.ndarray, starts: np.ndarray, background: np.ndarray
) -> Motif | None:
    """Count the bases of seqlets in line; cut off what is not informative at the ends."""
    length = attributions.tokens.shape[1]
    columns = starts[:, None] + np.arange(WIDTH)
    inside = (columns >= 0) & (columns < length)
    columns = columns.clip(0, length - 1)
    letters = np.where(inside, attributions.tokens[windows[:, None], columns], AMBIGUOUS)
    is_base = letters[:, None] == np.arange(len(ALPHABET))[:, None]  # (S, 4, WIDTH)
    counts = is_base.sum(axis=0).astype(np.float64)
    values = attributions.observed[windows[:, None], columns]
    contributions = np.where(is_base, values[:, None], 0.0).mean(axis=0)
    part = _core(information(counts, background))
    if part is None:
        return None
    offsets = starts + part.start - centre(length)
    return Motif("", counts[:, part], contributions[:, part], windows, offsets, background)


def _core(bits: np.ndarray) -> slice | None:
    """Find the columns about the most particular one, up to `GAP` that are not particular."""
    good = bits >= INFORMATIVE
    best = int(bits.argmax())
    if not good[best]:
        return None
    low = high = best
    while (before := np.flatnonzero(good[max(0, low - GAP) : low])).size:
        low = max(0, low - GAP) + int(before[0])
    while (behind := np.flatnonzero(good[high + 1 : high + 1 + GAP])).size:
        high += 1 + int(behind[-1])
    return slice(low, high + 1)


def _background(tokens: np.ndarray) -> np.ndarray:
    """Count the bases of all windows as frequencies; none is quite 0."""
    counts = np.bincount(tokens.ravel(), minlength=len(ALPHABET))[: len(ALPHABET)] + 1
    return counts / counts.sum()
