"""Which codes modified sites use more than unmodified ones, and whether that is chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PSEUDO = 4.0
"""Tokens that are added to a code's count, divided between the classes as all tokens are."""

RAREST = 10
"""Codes that stand fewer times than this in both classes together are not tested."""

_BLOCK = 250


@dataclass(frozen=True, eq=False)
class Contrast:
    """Modified against unmodified windows of one type.

    Parameters
    ----------
    log_odds : np.ndarray, shape (K, 2), float64
        Natural logarithm of the ratio of the odds that a token is this code: of the tokens that
        see the site, less the same of all other tokens of the windows (column 0); and of all
        tokens (column 1).
    p : np.ndarray, shape (K, 2), float64
        Two-sided, from permutations; nan for codes that are too rare to be tested.
    at_site : np.ndarray, shape (K, 2), int
        How often the code sees the site, in modified and in unmodified windows.
    everywhere : np.ndarray, shape (K, 2), int
        How often it stands anywhere in them.
    windows : tuple of int
        Modified and unmodified ones.
    clusters : int
        Of overlapping windows; what the permutations move.
    """

    log_odds: np.ndarray
    p: np.ndarray
    at_site: np.ndarray
    everywhere: np.ndarray
    windows: tuple[int, int]
    clusters: int


def contrast(
    codes: np.ndarray,
    modified: np.ndarray,
    cluster: np.ndarray,
    at_site: np.ndarray,
    codebook_size: int,
    *,
    permutations: int,
    seed: int = 0,
) -> Contrast:
    """Compare how modified and unmodified windows of one type use the codebook.

    The site is told from the region around it by the windows themselves: what the rest of a window
    shows, too, is subtracted. In each permutation whole clusters of overlapping windows change
    classes: as many clusters stay mostly modified as there are, and those that are moved from one
    side to the other have the labels of all their windows turned.

    Parameters
    ----------
    codes : np.ndarray, shape (N, T), int
    modified : np.ndarray, shape (N,), bool
    cluster : np.ndarray, shape (N,), int
    at_site : np.ndarray, shape (T,), bool
        Which tokens see the site.
    codebook_size : int
        K.
    permutations : int
        The smallest p-value is one in so many and one; none leaves p nan.
    seed : int
    """
    labels = np.asarray(modified, dtype=bool)
    cluster = np.unique(cluster, return_inverse=True)[1]
    n = int(cluster.max(initial=-1)) + 1
    k = codebook_size
    # (class, cluster, zone, code): zone 0 sees the site, zone 1 does not
    counts = np.zeros((2, n, 2, k), dtype=np.float32)
    zone = np.broadcast_to(np.where(at_site, 0, 1), codes.shape)
    rows = np.broadcast_to(cluster[:, None], codes.shape)
    which = np.broadcast_to(np.where(labels, 0, 1)[:, None], codes.shape)
    np.add.at(counts, (which, rows, zone, codes), 1)

    found = counts.sum(axis=1)  # (class, zone, code)
    observed = _log_odds(found[0][None], found[1][None])[0]  # (2, K)
    p = np.full((2, k), np.nan)
    if permutations:
        p = _permuted(counts, labels, cluster, observed, permutations, seed)
    near, everywhere = found[:, 0].T, found.sum(axis=1).T
    p[0, near.sum(axis=1) < RAREST] = np.nan
    p[1, everywhere.sum(axis=1) < RAREST] = np.nan
    return Contrast(
        observed.T,
        p.T,
        near.astype(int),
        everywhere.astype(int),
        (int(labels.sum()), int((~labels).sum())),
        n,
    )


def _permuted(
    counts: np.ndarray,
    labels: np.ndarray,
    cluster: np.ndarray,
    observed: np.ndarray,
    permutations: int,
    seed: int,
) -> np.ndarray:
    """Share of the permutations that are as far from 0 as what was observed, shape (2, K)."""
    n = counts.shape[1]
    side = np.bincount(cluster, np.where(labels, 1, -1), minlength=n) > 0
    both = counts.sum(axis=(0, 1))  # (zone, K)
    turned = (counts[0] - counts[1]).reshape(n, -1)
    least = counts[1].sum(axis=0)
    rng = np.random.default_rng(seed)
    beyond = np.ones(observed.shape)
    # Rounding must not make an equal value a smaller one
    edge = np.abs(observed) - 1e-6
    for start in range(0, permutations, _BLOCK):
        drawn = np.tile(side, (min(_BLOCK, permutations - start), 1))
        stays = rng.permuted(drawn, axis=1) == side
        first = (stays.astype(np.float32) @ turned).reshape(-1, *both.shape) + least
        value = _log_odds(first, both - first)
        beyond += (np.abs(value) >= edge).sum(axis=0)
    return beyond / (permutations + 1)


def _log_odds(modified: np.ndarray, unmodified: np.ndarray) -> np.ndarray:
    """Turn counts (B, zone, K) of both classes into both log-odds ratios, (B, 2, K)."""
    near, far = (_ratio(modified[:, zone], unmodified[:, zone]) for zone in (0, 1))
    whole = _ratio(modified.sum(axis=1), unmodified.sum(axis=1))
    return np.stack([near - far, whole], axis=1)


def _ratio(modified: np.ndarray, unmodified: np.ndarray) -> np.ndarray:
    """Log-odds ratio of each code among the tokens (B, K) of two classes."""
    totals = [x.sum(axis=-1, keepdims=True) for x in (modified, unmodified)]
    both = np.maximum(totals[0] + totals[1], 1)
    odds = []
    for count, total in zip((modified, unmodified), totals, strict=True):
        added = PSEUDO * total / both
        odds.append((count + added) / np.maximum(total - count + added, 1e-9))
    return np.log(np.maximum(odds[0], 1e-9)) - np.log(np.maximum(odds[1], 1e-9))
