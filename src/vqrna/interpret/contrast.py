"""Codes of modified against unmodified windows: log-odds ratios with permutation p-values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PSEUDO = 4.0
"""Pseudo-count of tokens for each code, divided between the classes in proportion to all tokens."""

RAREST = 10  # codes with fewer tokens in both classes together are not tested
_BLOCK = 250


@dataclass(frozen=True, eq=False)
class Contrast:
    """Code usage in modified against unmodified windows of one modification.

    Attributes
    ----------
    log_odds : np.ndarray, shape (K, 2), float64
        Natural logarithm of the odds ratio of each code: among tokens that cover the site,
        minus the same among all other tokens (column 0); among all tokens (column 1).
    p : np.ndarray, shape (K, 2), float64
        Two-sided permutation p-values; nan for codes too rare to be tested.
    at_site : np.ndarray, shape (K, 2), int
        Tokens with the code that cover the site, in modified and unmodified windows.
    everywhere : np.ndarray, shape (K, 2), int
        Tokens with the code anywhere in modified and unmodified windows.
    windows : tuple[int, int]
        Number of modified and unmodified windows.
    clusters : int
        Number of clusters of overlapping windows, the unit of permutation.
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
    """Compare the code usage of modified and unmodified windows of one modification.

    The log-odds of the rest of the windows are subtracted to separate the site from its region.
    Each permutation reassigns whole clusters of overlapping windows: the number of mostly modified
    clusters stays the same, and a cluster that changes sides has the labels of all its windows
    inverted.

    Parameters
    ----------
    codes : np.ndarray, shape (N, T), int
    modified : np.ndarray, shape (N,), bool
    cluster : np.ndarray, shape (N,), int
    at_site : np.ndarray, shape (T,), bool
        Whether each token covers the site.
    codebook_size : int
        Number of codes K.
    permutations : int
        The smallest p-value is 1 / (permutations + 1). With 0, p is nan.
    """
    labels = np.asarray(modified, dtype=bool)
    cluster = np.unique(cluster, return_inverse=True)[1]
    n = int(cluster.max(initial=-1)) + 1
    # (class, cluster, zone, code): zone 0 covers the site, zone 1 does not
    counts = np.zeros((2, n, 2, codebook_size), dtype=np.float32)
    zone = np.broadcast_to(np.where(at_site, 0, 1), codes.shape)
    rows = np.broadcast_to(cluster[:, None], codes.shape)
    side = np.broadcast_to(np.where(labels, 0, 1)[:, None], codes.shape)
    np.add.at(counts, (side, rows, zone, codes), 1)

    total = counts.sum(axis=1)  # (class, zone, code)
    observed = _log_odds(total[0][None], total[1][None])[0]  # (2, K)
    p = np.full((2, codebook_size), np.nan)
    if permutations:
        p = _permutation_p(counts, labels, cluster, observed, permutations, seed)
    near, everywhere = total[:, 0].T, total.sum(axis=1).T
    p[0, near.sum(axis=1) < RAREST] = np.nan
    p[1, everywhere.sum(axis=1) < RAREST] = np.nan
    sizes = int(labels.sum()), int((~labels).sum())
    return Contrast(observed.T, p.T, near.astype(int), everywhere.astype(int), sizes, n)


def _permutation_p(
    counts: np.ndarray,
    labels: np.ndarray,
    cluster: np.ndarray,
    observed: np.ndarray,
    permutations: int,
    seed: int,
) -> np.ndarray:
    """Return the share of permutations at least as far from 0 as `observed`; shape (2, K)."""
    n = counts.shape[1]
    side = np.bincount(cluster, np.where(labels, 1, -1), minlength=n) > 0
    both = counts.sum(axis=(0, 1))  # (zone, K)
    difference = (counts[0] - counts[1]).reshape(n, -1)
    unmodified = counts[1].sum(axis=0)
    rng = np.random.default_rng(seed)
    beyond = np.ones(observed.shape)
    # Rounding must not make an equal value a smaller one
    edge = np.abs(observed) - 1e-6
    for start in range(0, permutations, _BLOCK):
        drawn = np.tile(side, (min(_BLOCK, permutations - start), 1))
        stays = rng.permuted(drawn, axis=1) == side
        first = (stays.astype(np.float32) @ difference).reshape(-1, *both.shape) + unmodified
        beyond += (np.abs(_log_odds(first, both - first)) >= edge).sum(axis=0)
    return beyond / (permutations + 1)


def _log_odds(modified: np.ndarray, unmodified: np.ndarray) -> np.ndarray:
    """Turn counts (B, zone, K) of both classes into both log-odds ratios, (B, 2, K)."""
    near, far = (_ratio(modified[:, zone], unmodified[:, zone]) for zone in (0, 1))
    whole = _ratio(modified.sum(axis=1), unmodified.sum(axis=1))
    return np.stack([near - far, whole], axis=1)


def _ratio(modified: np.ndarray, unmodified: np.ndarray) -> np.ndarray:
    """Return the log-odds ratio of each code from the token counts (B, K) of two classes."""
    totals = [x.sum(axis=-1, keepdims=True) for x in (modified, unmodified)]
    both = np.maximum(totals[0] + totals[1], 1)
    odds = []
    for count, total in zip((modified, unmodified), totals, strict=True):
        added = PSEUDO * total / both
        odds.append((count + added) / np.maximum(total - count + added, 1e-9))
    return np.log(np.maximum(odds[0], 1e-9)) - np.log(np.maximum(odds[1], 1e-9))
