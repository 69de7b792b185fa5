"""Seqlets that look alike, brought in line with one another; strands are never exchanged."""

from __future__ import annotations

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from vqrna.interpret.seqlets import FLANK, WIDTH

SHIFT = 5
"""Seqlets are held against one another at up to so many nt from where they were called."""

CORE = slice(SHIFT, WIDTH - SHIFT)
"""Columns of one seqlet that are looked for in another."""

LINKED = 0.6
"""Mean cosine from which groups of seqlets are one."""

SIMILAR = 0.5
"""Cosine from which a seqlet belongs to a motif, if to no other more."""

SAME = 0.75
"""Cosine from which two motifs are one."""

MOST = 1500
"""So many seqlets, the strongest, are clustered; the others join what they look like."""

ROUNDS = 4

assert SHIFT <= FLANK


def clusters(images: np.ndarray, least: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Group seqlets and bring each group in line.

    Parameters
    ----------
    images : np.ndarray, shape (S, 4, WIDTH)
        Attributions of the observed bases, the strongest seqlets first.
    least : int
        Smallest group that is kept.

    Returns
    -------
    list of (members, shifts)
        Indices of seqlets, and how far each is moved (its column ``c + shift`` is the group's
        column ``c``). Most members first.
    """
    first = images[:MOST]
    if len(first) < max(least, 2):
        return []
    best, _ = _similarities(first, first)
    best = np.maximum(best, best.T)
    distance = np.clip(1 - best, 0, None)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), method="average")
    label = fcluster(tree, 1 - LINKED, criterion="distance")
    groups = [np.flatnonzero(label == each) for each in np.unique(label)]
    patterns = [_pattern(images, g, best) for g in groups if len(g) >= max(2, least // 2)]
    return _settled(images, patterns, least)


def _pattern(images: np.ndarray, members: np.ndarray, similarity: np.ndarray) -> np.ndarray:
    """Average a group (4, WIDTH), lined up with the member that is most like all others."""
    inside = similarity[np.ix_(members, members)]
    pattern = _unit(images[members[inside.sum(axis=1).argmax()]])
    for _ in range(ROUNDS):
        _, shift = _similarities(pattern[None], images[members])
        pattern = _unit(_moved(images[members], shift[0]).mean(axis=0))
    return pattern


def _settled(
    images: np.ndarray, patterns: list[np.ndarray], least: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Let every seqlet join the pattern that it is most like; join patterns that are alike."""
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for _ in range(ROUNDS):
        patterns = _joined(patterns)
        if not patterns:
            return []
        similarity, shift = _similarities(np.stack(patterns), images)
        best = similarity.argmax(axis=0)
        good = similarity.max(axis=0) >= SIMILAR
        found = []
        for number in range(len(patterns)):
            members = np.flatnonzero(good & (best == number))
            if len(members) >= least:
                found.append((members, shift[number, members]))
        found.sort(key=lambda group: -len(group[0]))
        patterns = [_unit(_moved(images[m], s).mean(axis=0)) for m, s in found]
    return found


def _joined(patterns: list[np.ndarray]) -> list[np.ndarray]:
    """Drop patterns that are like one before them."""
    kept: list[np.ndarray] = []
    for pattern in patterns:
        if kept:
            there, _ = _similarities(np.stack(kept), pattern[None])
            back, _ = _similarities(pattern[None], np.stack(kept))
            if np.maximum(there[:, 0], back[0]).max() >= SAME:
                continue
        kept.append(pattern)
    return kept


def _similarities(cores: np.ndarray, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Look for the cores of some in others: best cosine (A, B), and the shift where it is."""
    ours = cores[:, :, CORE].reshape(len(cores), -1)
    ours = ours / np.maximum(np.linalg.norm(ours, axis=1, keepdims=True), 1e-12)
    best = np.full((len(cores), len(images)), -np.inf)
    where = np.zeros(best.shape, dtype=np.int64)
    for shift in sorted(range(-SHIFT, SHIFT + 1), key=abs):
        part = images[:, :, CORE.start + shift : CORE.stop + shift].reshape(len(images), -1)
        norm = np.linalg.norm(part, axis=1)
        cosine = ours @ (part / np.maximum(norm, 1e-12)[:, None]).T
        better = cosine > best + 1e-9
        best[better] = cosine[better]
        where[better] = shift
    return best, where


def _moved(images: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Move each image by its shift; what was not there is 0."""
    column = np.arange(WIDTH) + shifts[:, None]
    inside = (column >= 0) & (column < WIDTH)
    taken = np.take_along_axis(images, np.clip(column, 0, WIDTH - 1)[:, None], axis=2)
    return np.where(inside[:, None], taken, 0)


def _unit(image: np.ndarray) -> np.ndarray:
    return image / max(float(np.linalg.norm(image)), 1e-12)
