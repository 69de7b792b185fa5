"""Divide windows into folds for cross-validation so that no window overlaps one of another fold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vqrna.data.balance import balance
from vqrna.data.overlap import clusters
from vqrna.data.windows import NEGATIVE, UNKNOWN, Windows
from vqrna.errors import DataError, UsageError

FOLDS = 5


@dataclass(frozen=True, eq=False)
class Folds:
    """Which fold each window is in.

    Parameters
    ----------
    fold : np.ndarray, shape (N,), int8
        From 0.
    cluster : np.ndarray, shape (N,), int
        Cluster of overlapping windows; each lies in one fold as a whole.
    """

    fold: np.ndarray
    cluster: np.ndarray

    def rows(self, fold: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows to train on, and rows of the fold that is held back; both shape (K,), int."""
        held = self.fold == fold
        return np.flatnonzero(~held), np.flatnonzero(held)


def make_folds(
    windows: Windows, folds: int = FOLDS, *, seed: int = 0, cluster: np.ndarray | None = None
) -> Folds:
    """Divide windows by clusters, every type, class and set of negatives evenly.

    Parameters
    ----------
    windows : Windows
        With at least one known label each; at the longest length there is.
    folds : int
        At least 2.
    seed : int
        Another seed gives another division.
    cluster : np.ndarray, shape (N,), int, optional
        From :func:`vqrna.data.overlap.clusters`, if they are at hand.

    Raises
    ------
    UsageError
        If there are fewer than two folds.
    DataError
        If there are fewer clusters than folds.
    """
    if folds < 2:
        raise UsageError(f"cross-validation needs two folds or more, not {folds}")
    cluster = clusters(windows.tokens) if cluster is None else cluster
    n_clusters = len(np.unique(cluster))
    if n_clusters < folds:
        raise DataError(f"{n_clusters} clusters of overlapping windows do not make {folds} folds")
    return Folds(_handed_out(windows, cluster, [1 / folds] * folds, seed), cluster)


def hold_back(windows: Windows, cluster: np.ndarray, share: float, *, seed: int = 0) -> np.ndarray:
    """Choose windows to hold back inside a training set, in whole clusters.

    Parameters
    ----------
    windows : Windows
        With at least one known label each.
    cluster : np.ndarray, shape (N,), int
        Of these windows.
    share : float
        Of every type, class and set of negatives; between 0 and 1.
    seed : int

    Returns
    -------
    np.ndarray, shape (N,), bool
        True for what is held back.

    Raises
    ------
    UsageError
        If the share is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise UsageError(f"the share that is held back lies between 0 and 1, not at {share:g}")
    return _handed_out(windows, cluster, [1 - share, share], seed) == 1


def _handed_out(
    windows: Windows, cluster: np.ndarray, fractions: list[float], seed: int
) -> np.ndarray:
    """Hand out clusters; a window counts once for each type that it says something of."""
    rows, column = np.nonzero(windows.labels != UNKNOWN)
    label = windows.labels[rows, column]
    named = np.where(label == NEGATIVE, windows.negative_set[rows, column], -1)
    kind = np.stack([column, label, named], axis=1)
    stratum = np.unique(kind, axis=0, return_inverse=True)[1].reshape(-1)
    number = np.unique(cluster, return_inverse=True)[1]
    place = np.zeros(number.max(initial=0) + 1, dtype=np.int8)
    place[number[rows]] = balance(number[rows], stratum, fractions, seed)
    return place[number]
