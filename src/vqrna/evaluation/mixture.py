"""What a scan meets: modified sites among the other positions of their surroundings and elsewhere.

At the prior, one in ``1 / prior`` positions that could carry a type is modified. For each site,
some of the others are positions of its own surroundings, where the regional evidence is the same;
the rest are positions of unmodified windows. Positions that are annotated as a site of any type are
left out. Unannotated sites remain among the surroundings, so that precision in this mixture is a
lower bound, while unmodified windows alone, which are not near sites, are an upper bound.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vqrna.data.windows import NEGATIVE, POSITIVE, RANDOM, Windows
from vqrna.evaluation.positions import REACH, known_sites, scan_around
from vqrna.modifications import Modification
from vqrna.sequence import AMBIGUOUS, centre, recentre
from vqrna.stats.scan_calibration import WINDOW_KINDS, Curve, fit_curve, window_kinds
from vqrna.stats.tiers import EDGE

if TYPE_CHECKING:
    from vqrna.model import Model
    from vqrna.runtime.progress import Bar

SITE, SURROUNDINGS, UNMODIFIED = 0, 1, 2
"""Kinds of positions of a mixture."""

FOLDS = 5
"""Folds of clusters for the cross-fitting."""


@dataclass(frozen=True, eq=False)
class Mixture:
    """Logits of one type at its sites and at other positions."""

    modification: Modification
    logits: np.ndarray  # (N,), float32
    kind: np.ndarray  # (N,), uint8: `SITE`, `SURROUNDINGS` or `UNMODIFIED`
    cluster: np.ndarray  # (N,), int: Cluster of the window of each position
    surroundings: float  # Mean number of other positions in the surroundings of a site

    @property
    def is_site(self) -> np.ndarray:
        """Which positions are modified sites, shape (N,), bool."""
        return self.kind == SITE

    def take(self, chosen: np.ndarray) -> Mixture:
        """Return some of the positions, by mask."""
        arrays = {name: getattr(self, name)[chosen] for name in ("logits", "kind", "cluster")}
        return dataclasses.replace(self, **arrays)

    def weights(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the weights of all positions in both mixtures.

        Returns
        -------
        mixture : np.ndarray, shape (N,), float64
            1 for a site; the others weigh ``1 / prior - 1`` for each site.
        unmodified : np.ndarray, shape (N,), float64
            The same with unmodified windows alone: 0 in the surroundings.
        """
        others = 1 / self.modification.prior - 1
        count = np.bincount(self.kind, minlength=3).astype(np.float64)
        near = min(self.surroundings, others) if count[SURROUNDINGS] else 0.0
        if not count[UNMODIFIED]:
            near = others
        total = count[SITE] * np.array([1, near, others - near])
        alone = count[SITE] * np.array([1, 0, others])
        if not count[UNMODIFIED]:
            alone = total
        with np.errstate(divide="ignore", invalid="ignore"):
            mixture, unmodified = (
                np.where(count > 0, each / count, 0.0)[self.kind] for each in (total, alone)
            )
        return mixture, unmodified

    def fit(self) -> Curve | None:
        """Fit the curve of the type; None with too few sites."""
        return fit_curve(self.logits, self.is_site, self.weights(), self.modification.prior)

    def cross_fit(self, folds: int = FOLDS, seed: int = 0) -> np.ndarray:
        """Return the evidence (N,) by curves fitted without the cluster of each position.

        nan where a fold has too few sites.
        """
        _, group = np.unique(self.cluster, return_inverse=True)
        order = np.random.default_rng(seed).permutation(int(group.max(initial=-1)) + 1)
        fold = order[group] % folds
        evidence = np.full(len(self.logits), np.nan)
        for k in range(folds):
            curve = self.take(fold != k).fit()
            if curve is not None:
                evidence[fold == k] = curve(self.logits[fold == k])
        return evidence


def collect_mixtures(
    model: Model,
    windows: Windows,
    cluster: np.ndarray,
    *,
    known: Sequence[Windows] = (),
    window: str = "whole",
    limit: int | None = None,
    reach: int = REACH,
    seed: int = 0,
    bar: Bar | None = None,
) -> tuple[Mixture, ...]:
    """Scan windows and collect the sites and other positions of each type.

    Parameters
    ----------
    model : Model
    windows : Windows
        Windows of any length. Ambiguous letters at their ends are not part of the sequence, as in
        windows of other studies that were padded to one length.
    cluster : np.ndarray, shape (N,), int
        Cluster of overlapping windows of each.
    known : sequence of Windows
        More windows whose sites are annotated, such as those for training.
    window : str
        Kind of window, one of `WINDOW_KINDS`. For ``cut`` and ``edge``, sequence beyond a random
        distance from the centre is hidden on one side or both.
    limit : int, optional
        Largest number of modified windows of all types, and of unmodified ones, whose other
        positions are scanned. The sites of all modified windows are used.
    reach : int
        Largest distance of the surroundings that are scanned, in nt.
    bar : Bar, optional
        Advanced by the number of scanned windows.

    Returns
    -------
    tuple of Mixture
        One per type of the model, in its order; types that the windows do not have are empty.
    """
    generator = np.random.default_rng([seed, WINDOW_KINDS.index(window)])
    modified = (windows.labels == POSITIVE).any(axis=1)
    reach = min(reach, centre(windows.length))
    tokens = recentre(windows.tokens, 2 * reach + model.length)
    shown = tokens if window == "whole" else _hide_flanks(tokens, window, generator, model.length)
    counted = _of_kind(shown, window, reach, model.length)
    sites = np.flatnonzero(modified & counted[:, reach])
    site_logits = model.logits(shown[sites])
    rows = np.sort(
        np.concatenate(
            [
                generator.permutation(np.flatnonzero(each & counted.any(axis=1)))[:limit]
                for each in (modified, _unmodified(windows))
            ]
        )
    )
    scanned, shown, tokens, modified = windows.take(rows), shown[rows], tokens[rows], modified[rows]
    annotated = known_sites(scanned, (windows, *known), reach)
    annotated[:, reach] = True  # centres were chosen, some for their motif
    counted = counted[rows] & ~annotated
    logits = scan_around(model, shown, reach, bar)
    open_positions = ~annotated & (recentre(tokens, 2 * reach + 1) != AMBIGUOUS)
    column = {m.symbol: k for k, m in enumerate(windows.modifications)}
    mixtures = []
    for m, modification in enumerate(model.modifications):
        labels = (
            windows.labels[:, column[modification.symbol]]
            if modification.symbol in column
            else np.zeros(len(windows))
        )
        site = labels[sites] == POSITIVE
        positive = labels[rows] == POSITIVE
        candidate = _candidates(modification, tokens, reach)
        near = np.nonzero(counted & candidate & positive[:, None])
        elsewhere = np.nonzero(counted & candidate & ~modified[:, None])
        beside = open_positions[positive]
        share = (candidate[positive] & beside).sum() / max(1, beside.sum())
        mixtures.append(
            Mixture(
                modification,
                np.concatenate(
                    [site_logits[site, m], logits[*near, m], logits[*elsewhere, m]]
                ).astype(np.float32),
                np.repeat(
                    np.arange(3, dtype=np.uint8), [site.sum(), len(near[0]), len(elsewhere[0])]
                ),
                np.concatenate(
                    [cluster[sites[site]], cluster[rows[near[0]]], cluster[rows[elsewhere[0]]]]
                ),
                float(share * 2 * REACH),
            )
        )
    return tuple(mixtures)


def _unmodified(windows: Windows) -> np.ndarray:
    """Return which windows are modified for no type, and were not chosen for their motif."""
    unmodified = ~(windows.labels == POSITIVE).any(axis=1)
    random = windows.negative_set == windows.negative_sets.index(RANDOM)
    chosen = unmodified & ((windows.labels == NEGATIVE) & random).any(axis=1)
    return chosen if chosen.any() else unmodified


def _candidates(modification: Modification, tokens: np.ndarray, reach: int) -> np.ndarray:
    """Return which of the central positions can carry a type, shape (N, 2 * reach + 1)."""
    beside = len(modification.context)
    wide = recentre(tokens, 2 * (reach + beside) + 1)
    return modification.candidates(wide)[:, beside : beside + 2 * reach + 1]


def _hide_flanks(
    tokens: np.ndarray, window: str, generator: np.random.Generator, length: int
) -> np.ndarray:
    """Hide one flank of each window, and in half of them the other one, too.

    The nearer end is `EDGE` to half a window from the centre, or closer than `EDGE`.
    """
    n, middle = len(tokens), centre(tokens.shape[1])
    half = centre(length)
    edge = min(EDGE, half)
    low, high = (0, edge) if window == "edge" else (edge, max(half, edge + 1))
    near = generator.integers(low, high, n)
    other = generator.integers(edge, max(half, edge + 1), n)
    other[generator.random(n) < 0.5] = middle
    left = generator.random(n) < 0.5
    before, after = np.where(left, near, other), np.where(left, other, near)
    offset = np.arange(tokens.shape[1]) - middle
    hidden = (offset < -before[:, None]) | (offset > after[:, None])
    return np.where(hidden, np.uint8(AMBIGUOUS), tokens)


def _of_kind(tokens: np.ndarray, window: str, reach: int, length: int) -> np.ndarray:
    """Return which of the central positions have a kind of window, shape (N, 2 * reach + 1).

    In sequence that is at least a window long but short for a scan, a quarter of it on either
    side counts as a whole window.
    """
    width = tokens.shape[1]
    seen = tokens != AMBIGUOUS
    first, last = seen.argmax(axis=1), width - 1 - seen[:, ::-1].argmax(axis=1)
    at = centre(width) + np.arange(-reach, reach + 1)
    to_end = np.minimum(at - first[:, None], last[:, None] - at)
    half, extent = centre(length), last - first + 1
    if window == "whole":
        margin = np.where(extent >= length, np.minimum(half, extent // 4), half)
        return seen.any(axis=1)[:, None] & (to_end >= margin[:, None])
    kind = window_kinds(to_end, half) == WINDOW_KINDS.index(window)
    return kind & (to_end >= 0) & seen.any(axis=1)[:, None]
