"""From attributions to motifs: seqlets, groups of them, matrices, and where they stand.

Seqlets that look alike, brought in line with one another; strands are never exchanged.

One motif: counts of bases, how much they matter, and where it stands beside the site.

Seqlets: stretches whose bases together raise a prediction more than chance would.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from vqrna.interpret.attributions import Attributions
from vqrna.modifications import Modification
from vqrna.sequence import ALPHABET, AMBIGUOUS, centre

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
