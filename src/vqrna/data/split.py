"""Divide windows into splits or folds without overlap between them.

Clusters of overlapping windows stay together; they are assigned so that every type and class is
divided in the same proportions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vqrna.data.benchmark import SPLITS, Notice, check_new, find_files, read_sets, write_layout
from vqrna.data.overlap import CENTRAL, SHARED, clusters, largest_share, overlapping_groups
from vqrna.data.windows import NEGATIVE, UNKNOWN, Windows, WindowSet, index_type, pile
from vqrna.errors import DataError, UsageError
from vqrna.modifications import Names
from vqrna.runtime.progress import progress

if TYPE_CHECKING:
    import pandas as pd

MAX_CLUSTER = 0.05
"""Share of all windows that the largest cluster must stay below."""

SHORTER = (31, 45)
"""Lengths in nt of shorter shared pieces, which are counted across the splits."""

FOLDS = 5

_REMAINING = ["split", "against", "shared_nt", "windows", "sharing", "share"]


def balance(
    cluster: np.ndarray, stratum: np.ndarray, fractions: Sequence[float], seed: int
) -> np.ndarray:
    """Assign whole clusters so that every stratum is divided by the fractions.

    From the largest on, each cluster goes where the chi-square distance of the counts to those
    expected stays smallest; clusters of the same size are in random order.

    Parameters
    ----------
    cluster : np.ndarray, shape (N,), int
    stratum : np.ndarray, shape (N,), int
        Type and class of each window.

    Returns
    -------
    np.ndarray, shape (N,), int8 or, for over 128 fractions, int16
        Index into `fractions` for each window.
    """
    n_clusters, n_strata = int(cluster.max()) + 1, int(stratum.max()) + 1
    counts = np.zeros((n_clusters, n_strata))
    np.add.at(counts, (cluster, stratum), 1)
    usable = np.flatnonzero(np.asarray(fractions) > 0)
    wanted = np.outer(np.asarray(fractions)[usable], counts.sum(axis=0))  # (splits, strata)
    have = np.zeros_like(wanted)
    order = np.random.default_rng(seed).permutation(n_clusters)
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    assigned = np.empty(n_clusters, dtype=index_type(len(fractions)))
    for c in order:
        used = np.flatnonzero(counts[c])
        more, goal, now = counts[c, used], wanted[:, used], have[:, used]
        # (now + more - goal)^2 - (now - goal)^2, over goal
        rise = (more * (2 * (now - goal) + more) / goal).sum(axis=1)
        best = int(rise.argmin())
        have[best, used] += more
        assigned[c] = usable[best]
    return assigned[cluster]


@dataclass(frozen=True, eq=False)
class Split:
    """The split of each window."""

    split: np.ndarray  # (N,), int8: 0 train, 1 valid, 2 test
    cluster: np.ndarray  # (N,), int: Cluster of overlapping windows

    @property
    def n_clusters(self) -> int:
        """Number of clusters."""
        return int(self.cluster.max(initial=-1)) + 1

    @property
    def largest(self) -> int:
        """Number of windows in the largest cluster."""
        return int(np.bincount(self.cluster).max(initial=0))

    @property
    def largest_share(self) -> float:
        """Share of all windows in the largest cluster."""
        return largest_share(self.cluster)


@dataclass(frozen=True, eq=False)
class SplitReport:
    """The splits that were written, and the similarity that is left between them."""

    directory: Path  # The new data set
    split: Split  # In the order of the windows given
    # A row for each type and class: ``modification, label, negatives, train, valid, test``
    counts: pd.DataFrame
    # A row for each pair of splits and length of shared pieces: ``split, against, shared_nt,
    # windows, sharing, share``
    remaining: pd.DataFrame


def read_all_splits(
    directory: str | PathLike[str],
    modifications: Names | None = None,
    on_missing: Notice | None = None,
) -> list[WindowSet]:
    """Read all splits of a data set in the benchmark layout, to divide them again.

    Parameters and errors are those of :func:`vqrna.data.benchmark.load_benchmark`.
    """
    available = [split for split in SPLITS if find_files(directory, split)] or SPLITS[:1]
    return [
        s for split in available for s in read_sets(directory, split, modifications, on_missing)
    ]


def split_windows(
    sets: Sequence[WindowSet],
    *,
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1),
    seed: int = 0,
    max_cluster: float = MAX_CLUSTER,
) -> Split:
    """Assign windows to splits.

    Windows that share 60 contiguous nt within the central 501 form a cluster, over all types and
    both classes; a cluster stays whole. Each type and class is divided by `fractions`, as nearly
    as whole clusters allow.

    Raises UsageError if the fractions, the seed or `max_cluster` are invalid. Raises DataError if
    there are no windows, or the largest cluster is too large.

    Parameters
    ----------
    sets : sequence of WindowSet
        All windows of all types, in the order of the result.
    fractions : (float, float, float)
        Shares of train, valid and test; they sum to 1, and all but train may be 0.
    seed : int
        Seed of the order of clusters of the same size.
    max_cluster : float
        Share of all windows that the largest cluster must stay below.
    """
    possible = all(0 <= share <= 1 for share in fractions)  # no nan
    if len(fractions) != len(SPLITS) or not possible or fractions[0] <= 0:
        raise UsageError(
            f"invalid fractions {fractions} (expected train above 0, valid and test from 0 on)"
        )
    if abs(sum(fractions) - 1) > 1e-6:
        raise UsageError(f"the fractions {fractions} sum to {sum(fractions):g} (expected 1)")
    if not 0 < max_cluster <= 1:
        raise UsageError(f"invalid share of the largest cluster {max_cluster:g} (expected 0 to 1)")
    if seed < 0:
        raise UsageError(f"invalid seed {seed} (expected 0 or more)")
    tokens = pile(sets)
    if not len(tokens):
        raise DataError("there are no windows to divide")
    cluster = clusters(tokens)
    share, largest = largest_share(cluster), int(np.bincount(cluster).max())
    if largest > 1 and share >= max_cluster:
        raise DataError(
            f"{largest:,} of {len(tokens):,} windows ({share:.1%}) overlap in one cluster, "
            f"{max_cluster:.1%} or more: no split without leaks would have the right proportions"
        )
    strata = list(dict.fromkeys(_stratum(s) for s in sets))
    stratum = np.repeat([strata.index(_stratum(s)) for s in sets], [len(s) for s in sets])
    return Split(balance(cluster, stratum, fractions, seed), cluster)


def split_data(
    sets: Sequence[WindowSet],
    out: str | PathLike[str],
    *,
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1),
    seed: int = 0,
    max_cluster: float = MAX_CLUSTER,
    show_progress: bool = False,
) -> SplitReport:
    """Divide windows without leaks and write them in the benchmark layout.

    Parameters are those of :func:`split_windows`, and

    out : path-like
        A new or empty folder. It is written completely or not at all; the same windows and seed
        give the same bytes.
    show_progress : bool

    Raises DataError: as :func:`split_windows`; also if `out` is not empty or cannot be written.
    Raises UsageError: as :func:`split_windows`.
    """
    import pandas as pd

    check_new(out)
    rows = []
    with progress(2 + len(SHORTER), "splitting", unit="steps", show=show_progress) as bar:
        bar.note("finding overlaps")
        split = split_windows(sets, fractions=fractions, seed=seed, max_cluster=max_cluster)
        tokens = pile(sets)
        for shared in (*SHORTER, SHARED):
            bar.advance()
            bar.note(f"finding windows that share {shared} nt")
            rows += _across(tokens, split.split, shared)
        bar.advance()
    remaining = pd.DataFrame(rows, columns=_REMAINING)
    leaks = remaining[remaining["shared_nt"] == SHARED]["sharing"].sum()
    if leaks:
        raise AssertionError(f"{leaks} windows overlap across splits: a bug of vqrna")
    rule = f"{SHARED} identical contiguous nt within the central {CENTRAL}"
    shares = " ".join(f"{name}={share:g}" for name, share in zip(SPLITS, fractions, strict=True))
    facts = {"overlap": rule, "fractions": shares, "seed": str(seed)}
    directory = write_layout(sets, split.split, out, facts)
    return SplitReport(directory, split, _counts(sets, split.split), remaining)


def _stratum(s: WindowSet) -> tuple[str, int, str]:
    return s.modification.symbol, s.label, s.negatives


def _across(
    tokens: np.ndarray, split: np.ndarray, shared: int
) -> list[tuple[str, str, int, int, int, float]]:
    """Count the windows of each split that share pieces with an earlier one."""
    flags = overlapping_groups(tokens, split, shared=shared)
    rows = []
    for later, earlier in ((1, 0), (2, 0), (2, 1)):
        members = split == later
        if members.any() and (split == earlier).any():
            n, sharing = int(members.sum()), int(flags[members, earlier].sum())
            rows.append((SPLITS[later], SPLITS[earlier], shared, n, sharing, sharing / n))
    return rows


def _counts(sets: Sequence[WindowSet], split: np.ndarray) -> pd.DataFrame:
    """Count windows by type, class and split."""
    import pandas as pd

    counts: Counter[tuple[tuple[str, int, str], int]] = Counter()
    start = 0
    for s in sets:
        counts.update((_stratum(s), int(part)) for part in split[start : start + len(s)])
        start += len(s)
    rows = [
        (*stratum, *(counts[stratum, part] for part in range(len(SPLITS))))
        for stratum in dict.fromkeys(_stratum(s) for s in sets)
    ]
    return pd.DataFrame(rows, columns=["modification", "label", "negatives", *SPLITS])


@dataclass(frozen=True, eq=False)
class Folds:
    """The fold of each window."""

    fold: np.ndarray  # (N,), int8 or, for over 128 folds, int16: From 0
    cluster: np.ndarray  # (N,), int: Cluster of overlapping windows; each is in one fold as a whole

    def rows(self, fold: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows to train on and those of the fold, which is held back: (K,), int."""
        held = self.fold == fold
        return np.flatnonzero(~held), np.flatnonzero(held)


def make_folds(
    windows: Windows, folds: int = FOLDS, *, seed: int = 0, cluster: np.ndarray | None = None
) -> Folds:
    """Divide windows by clusters, with equal shares of every type, class and set of negatives.

    Raises UsageError if there are fewer than two folds. Raises DataError if there are fewer
    clusters than folds.

    Parameters
    ----------
    windows : Windows
        With at least one known label each, at their full length.
    folds : int
        At least 2.
    seed : int
        Seed of the order of clusters of the same size.
    cluster : np.ndarray, shape (N,), int, optional
        From :func:`vqrna.data.overlap.clusters`, if already computed.
    """
    if folds < 2:
        raise UsageError(f"invalid number of folds {folds} (expected two folds or more)")
    cluster = clusters(windows.tokens) if cluster is None else cluster
    n_clusters = len(np.unique(cluster))
    if n_clusters < folds:
        raise DataError(
            f"{n_clusters} clusters of overlapping windows are too few for {folds} folds"
        )
    return Folds(_assign(windows, cluster, [1 / folds] * folds, seed), cluster)


def hold_back(windows: Windows, cluster: np.ndarray, share: float, *, seed: int = 0) -> np.ndarray:
    """Choose windows to hold back inside a training set, in whole clusters.

    Raises UsageError if the share is not between 0 and 1.

    Parameters
    ----------
    windows : Windows
        With at least one known label each.
    cluster : np.ndarray, shape (N,), int
        Clusters of these windows.
    share : float
        Share of every type, class and set of negatives; between 0 and 1.

    Returns
    -------
    np.ndarray, shape (N,), bool
        True for the windows that are held back.
    """
    if not 0 < share < 1:
        raise UsageError(f"invalid share to hold back {share:g} (expected between 0 and 1)")
    return _assign(windows, cluster, [1 - share, share], seed) == 1


def _assign(windows: Windows, cluster: np.ndarray, fractions: list[float], seed: int) -> np.ndarray:
    """Assign clusters to the fractions; a window counts once for each of its known labels."""
    rows, column = np.nonzero(windows.labels != UNKNOWN)
    label = windows.labels[rows, column]
    named = np.where(label == NEGATIVE, windows.negative_set[rows, column], -1)
    classes = np.stack([column, label, named], axis=1)
    stratum = np.unique(classes, axis=0, return_inverse=True)[1].reshape(-1)
    number = np.unique(cluster, return_inverse=True)[1]
    assigned = np.zeros(number.max(initial=0) + 1, dtype=index_type(len(fractions)))
    assigned[number[rows]] = balance(number[rows], stratum, fractions, seed)
    return assigned[number]
