"""Motif discovery: regions with high attributions (seqlets), grouped into motifs.

`call_seqlets` finds the regions, `cluster_seqlets` groups and aligns them, and
`motifs_from_seqlets` counts the bases of each group. Only one strand is considered.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from vqrna.errors import UsageError
from vqrna.interpret.attributions import Attributions
from vqrna.modifications import Modification, symbol_of
from vqrna.sequence import ALPHABET, AMBIGUOUS, IUPAC_LETTERS, centre

INFORMATIVE = 0.25  # bits from which a column belongs to a motif
SPAN = 7  # nt over which attributions are summed to score a seqlet
FLANK = 8  # nt kept on either side of the scored span
WIDTH = SPAN + 2 * FLANK  # nt of a seqlet
FDR = 0.1  # largest share of chance findings among called seqlets
SHIFT = 5  # largest shift in nt when two seqlets are aligned
CORE = slice(SHIFT, WIDTH - SHIFT)  # columns of one seqlet that are aligned with another
LINKED = 0.6  # mean cosine similarity from which groups of seqlets are merged
SIMILAR = 0.5  # smallest cosine similarity of a seqlet to its motif
SAME = 0.75  # cosine similarity from which two motifs are merged
MOST = 1500
"""Number of seqlets, the highest scores, that are clustered; others are assigned afterwards."""

ROUNDS = 4  # rounds of alignment and assignment
LEAST = 6  # smallest number of seqlets of a motif; with many windows, `SHARE` of their number
SHARE = 0.02

GAP = 3  # number of uninformative columns that end a motif

assert SHIFT <= FLANK


@dataclass(frozen=True, eq=False)
class Motif:
    """A motif that raises the prediction.

    Parameters
    ----------
    name : str
    counts : np.ndarray, shape (4, W), float64
        Counts of each base in the seqlets.
    contributions : np.ndarray, shape (4, W), float64
        Mean attribution of the observed bases, 0 for other bases.
    windows : np.ndarray, shape (S,), int64
        Window of each seqlet.
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
        """Number of columns W."""
        return self.counts.shape[1]

    @property
    def sites(self) -> int:
        """Number of windows that contain the motif."""
        return len(np.unique(self.windows))

    @property
    def frequencies(self) -> np.ndarray:
        """Base frequencies (4, W), with one pseudo-count."""
        return frequencies(self.counts, self.background)

    @property
    def bits(self) -> np.ndarray:
        """Heights of the bases in a logo (4, W): information relative to the background."""
        return self.frequencies * information(self.counts, self.background)

    @property
    def consensus(self) -> str:
        """IUPAC letters; ``N`` for columns with little information."""
        bits = information(self.counts, self.background)
        return "".join(
            iupac_letter(column) if bit >= INFORMATIVE / 2 else "N"
            for column, bit in zip(self.frequencies.T, bits, strict=True)
        )

    @property
    def usual_offset(self) -> tuple[int, float]:
        """The most frequent offset, and its share of the seqlets."""
        offset, count = Counter(self.offsets.tolist()).most_common(1)[0]
        return offset, count / len(self.offsets)


def frequencies(counts: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Return base frequencies (..., 4, W) of counts plus one pseudo-count shared as background."""
    raised = counts + background[:, None]
    return raised / raised.sum(axis=-2, keepdims=True)


def information(counts: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Return the bits of columns (..., W): relative entropy of frequencies to the background."""
    f = frequencies(counts, background)
    return (f * np.log2(f / background[:, None])).sum(axis=-2)


def iupac_letter(column: np.ndarray) -> str:
    """Return the IUPAC letter of the fewest bases that make up most of a column (4,)."""
    order = np.argsort(-column, kind="stable")
    for number, least in ((1, 0.6), (2, 0.75), (3, 0.9)):
        if column[order[:number]].sum() >= least:
            return IUPAC_LETTERS["".join(sorted(ALPHABET[i] for i in order[:number]))]
    return "N"


class Seqlets(NamedTuple):
    """Positions of seqlets, by descending score."""

    window: np.ndarray  # (S,), int64
    start: np.ndarray  # (S,), int64: First of the `WIDTH` columns
    # (S,), float64: Sum of the attributions of the central `SPAN` columns, without the site
    score: np.ndarray

    def __len__(self) -> int:
        return len(self.window)


def peaks(observed: np.ndarray) -> Seqlets:
    """Return the non-overlapping regions with the highest positive sums in each window.

    Parameters
    ----------
    observed : np.ndarray, shape (N, L)
        Attributions of the observed bases. The site's own is ignored: it only shows that there
        has to be a site.
    """
    values = observed.astype(np.float64)
    values[:, centre(values.shape[1])] = 0
    if values.shape[1] < WIDTH:
        nothing = np.empty(0, dtype=np.int64)
        return Seqlets(nothing, nothing, nothing.astype(float))
    sums = np.lib.stride_tricks.sliding_window_view(values, SPAN, axis=1).sum(axis=2)
    sums = sums[:, FLANK : sums.shape[1] - FLANK].copy()  # only complete seqlets
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    rows = np.arange(len(sums))
    while len(rows):
        best = sums[rows].argmax(axis=1)
        score = sums[rows, best]
        rows, best, score = rows[score > 0], best[score > 0], score[score > 0]
        parts.append((rows, best, score))
        overlapping = best[:, None] + np.arange(-SPAN + 1, SPAN)
        inside = (overlapping >= 0) & (overlapping < sums.shape[1])
        row = np.broadcast_to(rows[:, None], overlapping.shape)
        sums[row[inside], overlapping[inside]] = -np.inf
    window, start, score = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.argsort(-score, kind="stable")
    return Seqlets(window[order], start[order], score[order])


def call_seqlets(observed: np.ndarray, fdr: float = FDR) -> Seqlets:
    """Return the regions with sums that exceed chance.

    The null distribution is that of regions that lower the prediction. (Shuffled windows are not
    suitable: they keep the site, and so contain half of its motif by chance.)

    Parameters
    ----------
    observed : np.ndarray, shape (N, L)
        Attributions of the observed bases.
    fdr : float
        Largest share of chance findings among called seqlets.
    """
    positive, negative = peaks(observed), peaks(-observed)
    above = np.searchsorted(np.sort(-negative.score), -positive.score, side="right")
    rate = (above + 1) / np.arange(1, len(positive) + 1)
    good = np.flatnonzero(rate <= fdr)
    count = int(good[-1]) + 1 if len(good) else 0
    return Seqlets(*(part[:count] for part in positive))


def cluster_seqlets(images: np.ndarray, least: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Group seqlets and align each group.

    Parameters
    ----------
    images : np.ndarray, shape (S, 4, WIDTH)
        Attributions of the observed bases, by descending score of the seqlets.
    least : int
        Smallest group that is kept.

    Returns
    -------
    list of (members, shifts)
        Indices of seqlets, and the shift of each (its column ``c + shift`` is the group's
        column ``c``); largest groups first.
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
    return _assign(images, patterns, least)


def _pattern(images: np.ndarray, members: np.ndarray, similarity: np.ndarray) -> np.ndarray:
    """Average a group (4, WIDTH), aligned with the member most similar to all others."""
    inside = similarity[np.ix_(members, members)]
    pattern = _unit(images[members[inside.sum(axis=1).argmax()]])
    for _ in range(ROUNDS):
        _, shift = _similarities(pattern[None], images[members])
        pattern = _unit(_shifted(images[members], shift[0]).mean(axis=0))
    return pattern


def _assign(
    images: np.ndarray, patterns: list[np.ndarray], least: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Assign every seqlet to its most similar pattern, and merge similar patterns."""
    groups: list[tuple[np.ndarray, np.ndarray]] = []
    for _ in range(ROUNDS):
        patterns = _without_similar(patterns)
        if not patterns:
            return []
        similarity, shift = _similarities(np.stack(patterns), images)
        best = similarity.argmax(axis=0)
        good = similarity.max(axis=0) >= SIMILAR
        groups = []
        for number in range(len(patterns)):
            members = np.flatnonzero(good & (best == number))
            if len(members) >= least:
                groups.append((members, shift[number, members]))
        groups.sort(key=lambda group: -len(group[0]))
        patterns = [_unit(_shifted(images[m], s).mean(axis=0)) for m, s in groups]
    return groups


def _without_similar(patterns: list[np.ndarray]) -> list[np.ndarray]:
    """Drop patterns that are similar to an earlier one."""
    kept: list[np.ndarray] = []
    for pattern in patterns:
        if kept:
            forward, _ = _similarities(np.stack(kept), pattern[None])
            backward, _ = _similarities(pattern[None], np.stack(kept))
            if np.maximum(forward[:, 0], backward[0]).max() >= SAME:
                continue
        kept.append(pattern)
    return kept


def _similarities(cores: np.ndarray, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Align the cores of A seqlets with B seqlets: best cosine (A, B), and its shift."""
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


def _shifted(images: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Shift each image; columns from beyond its ends are 0."""
    column = np.arange(WIDTH) + shifts[:, None]
    inside = (column >= 0) & (column < WIDTH)
    taken = np.take_along_axis(images, np.clip(column, 0, WIDTH - 1)[:, None], axis=2)
    return np.where(inside[:, None], taken, 0)


def _unit(image: np.ndarray) -> np.ndarray:
    return image / max(float(np.linalg.norm(image)), 1e-12)


def find_motifs(
    attributions: Attributions, modification: str | Modification, fdr: float = FDR
) -> tuple[list[Motif], int]:
    """Find the motifs that raise the prediction of a type.

    Parameters
    ----------
    attributions : Attributions
    modification : str or Modification
        Its symbol is the prefix of the names of the motifs.
    fdr : float
        Largest share of chance findings among seqlets.

    Returns
    -------
    motifs : list of Motif
        Most frequent first.
    seqlets : int
        Number of seqlets, including those that belong to no motif.

    Raises
    ------
    UsageError
        If `attributions` are not those of :func:`attribute`.
    """
    if not isinstance(attributions, Attributions):
        raise UsageError(
            "find_motifs needs the result of vqrna.attribute, not "
            f"{type(attributions).__name__}; vqrna.explain finds motifs in sequences"
        )
    seqlets = call_seqlets(attributions.observed, fdr)
    return motifs_from_seqlets(attributions, seqlets, symbol_of(modification)), len(seqlets)


def motifs_from_seqlets(attributions: Attributions, seqlets: Seqlets, prefix: str) -> list[Motif]:
    """Group seqlets into motifs named ``PREFIX_1``, ``PREFIX_2``, ..., most frequent first."""
    tokens, site = attributions.tokens, centre(attributions.tokens.shape[1])
    columns = seqlets.start[:, None] + np.arange(WIDTH)
    letters = tokens[seqlets.window[:, None], columns]
    values = attributions.observed[seqlets.window[:, None], columns]
    is_base = letters[:, None] == np.arange(len(ALPHABET))[:, None]
    # All windows share the site: it would make all seqlets across it similar
    images = np.where(is_base & (columns != site)[:, None], values[:, None], 0.0)
    least = max(LEAST, int(np.ceil(SHARE * len(tokens))))
    counts = np.bincount(tokens.ravel(), minlength=len(ALPHABET))[: len(ALPHABET)] + 1
    background = counts / counts.sum()
    motifs = [
        _motif(attributions, seqlets.window[members], seqlets.start[members] + shifts, background)
        for members, shifts in cluster_seqlets(images, least)
    ]
    kept = sorted((m for m in motifs if m is not None), key=lambda m: -m.sites)
    return [replace(m, name=f"{prefix}_{n}") for n, m in enumerate(kept, start=1)]


def _motif(
    attributions: Attributions, windows: np.ndarray, starts: np.ndarray, background: np.ndarray
) -> Motif | None:
    """Count the bases of aligned seqlets; None if no column is informative."""
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
    """Return the columns around the most informative one that are at most `GAP` apart."""
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
