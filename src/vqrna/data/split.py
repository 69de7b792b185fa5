"""Divide windows so that nothing leaks: those that overlap go to one split, as a cluster.

Hand out clusters to splits so that every type and class is divided in the same proportions.

Divide windows into folds for cross-validation so that no window overlaps one of another fold.
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
from vqrna.data.windows import NEGATIVE, UNKNOWN, Windows, WindowSet, pile
from vqrna.errors import DataError, UsageError
from vqrna.modifications import Modification
from vqrna.runtime.progress import progress

if TYPE_CHECKING:
    import pandas as pd


def balance(
    cluster: np.ndarray, stratum: np.ndarray, fractions: Sequence[float], seed: int
) -> np.ndarray:
    """Hand out whole clusters so that every stratum is divided as the fractions say.

    Largest first, each goes where the chi-square distance between the counts and what the
    fractions ask for stays smallest; clusters of one size come in random order.

    Parameters
    ----------
    cluster : np.ndarray, shape (N,), int
    stratum : np.ndarray, shape (N,), int
        Type and class of each window.
    fractions : sequence of float
    seed : int

    Returns
    -------
    np.ndarray, shape (N,), int8
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
    place = np.empty(n_clusters, dtype=np.int8)
    for c in order:
        held = np.flatnonzero(counts[c])
        more, goal, now = counts[c, held], wanted[:, held], have[:, held]
        # (now + more - goal)^2 - (now - goal)^2, over goal
        rise = (more * (2 * (now - goal) + more) / goal).sum(axis=1)
        best = int(rise.argmin())
        have[best, held] += more
        place[c] = usable[best]
    return place[cluster]


MAX_CLUSTER = 0.05
"""Share of all windows that the largest cluster must stay under."""

_REMAINING = ["split", "against", "shared_nt", "windows", "sharing", "share"]

SHORTER = (31, 45)
"""Lengths of shared pieces, in nt, that are looked for across the splits that were made."""


@dataclass(frozen=True, eq=False)
class Split:
    """Which window goes where.

    Parameters
    ----------
    split : np.ndarray, shape (N,), int8
        0 train, 1 valid, 2 test.
    cluster : np.ndarray, shape (N,), int
        Cluster of overlapping windows.
    """

    split: np.ndarray
    cluster: np.ndarray

    @property
    def n_clusters(self) -> int:
        """How many clusters there are."""
        return int(self.cluster.max(initial=-1)) + 1

    @property
    def largest(self) -> int:
        """How many windows the largest cluster holds."""
        return int(np.bincount(self.cluster).max(initial=0))

    @property
    def largest_share(self) -> float:
        """Share of all windows in the largest cluster."""
        return largest_share(self.cluster)


@dataclass(frozen=True, eq=False)
class SplitReport:
    """What was written, and what is left of similarity between the splits.

    Parameters
    ----------
    directory : pathlib.Path
        The new data set.
    split : Split
        In the order of the windows given.
    counts : pandas.DataFrame
        A row for each type and class: ``modification, label, negatives, train, valid, test``.
    remaining : pandas.DataFrame
        A row for each two splits and length of shared pieces: ``split, against, shared_nt,
        windows, sharing, share``.
    """

    directory: Path
    split: Split
    counts: pd.DataFrame
    remaining: pd.DataFrame


def read_all_splits(
    directory: str | PathLike[str],
    modifications: Sequence[Modification] | None = None,
    on_missing: Notice | None = None,
) -> list[WindowSet]:
    """Read all splits that a data set in the benchmark layout has, to divide them anew.

    Parameters but the split are those of :func:`vqrna.data.benchmark.load_benchmark`.

    Raises
    ------
    DataError
        As :func:`vqrna.data.benchmark.read_sets`.
    """
    there = [split for split in SPLITS if find_files(directory, split)] or SPLITS[:1]
    return [s for split in there for s in read_sets(directory, split, modifications, on_missing)]


def split_windows(
    sets: Sequence[WindowSet],
    *,
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1),
    seed: int = 0,
    max_cluster: float = MAX_CLUSTER,
) -> Split:
    """Decide which window goes to which split.

    Windows that share 60 contiguous nt within the central 501 form a cluster, over all types and
    both classes; a cluster stays whole. Each type and class is divided as `fractions` say, as
    nearly as whole clusters allow.

    Parameters
    ----------
    sets : sequence of WindowSet
        All windows of all types; the order of the result is theirs.
    fractions : (float, float, float)
        Shares of train, valid and test; they sum to 1, and all but train may be 0.
    seed : int
        Another seed gives another split.
    max_cluster : float
        Share of all windows that the largest cluster must stay under.

    Raises
    ------
    UsageError
        If the fractions, the seed or `max_cluster` are impossible.
    DataError
        If there are no windows, or one cluster holds too large a share of them.
    """
    possible = all(0 <= share <= 1 for share in fractions)  # no nan
    if len(fractions) != len(SPLITS) or not possible or fractions[0] <= 0:
        raise UsageError(f"impossible fractions {fractions}: train, valid, test, none below 0")
    if abs(sum(fractions) - 1) > 1e-6:
        raise UsageError(f"the fractions {fractions} sum to {sum(fractions):g}, not to 1")
    if not 0 < max_cluster <= 1:
        raise UsageError(f"the largest cluster holds a share between 0 and 1, not {max_cluster:g}")
    if seed < 0:
        raise UsageError(f"a seed is 0 or more, not {seed}")
    tokens = pile(sets)
    if not len(tokens):
        raise DataError("there are no windows to divide")
    cluster = clusters(tokens)
    share, largest = largest_share(cluster), int(np.bincount(cluster).max())
    if largest > 1 and share >= max_cluster:
        raise DataError(
            f"{largest:,} of {len(tokens):,} windows ({share:.1%}) overlap in one cluster, "
            f"{max_cluster:.1%} or more: they cannot be divided without a leak or a lopsided split"
        )
    kinds = list(dict.fromkeys(_stratum(s) for s in sets))
    stratum = np.repeat([kinds.index(_stratum(s)) for s in sets], [len(s) for s in sets])
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
    """Divide windows without a leak and write them in the benchmark layout.

    Parameters are those of :func:`split_windows`, and

    out : path-like
        A folder that does not exist yet or is empty. It is written whole or not at all; the same
        windows and seed give the same bytes.
    show_progress : bool
        Whether to show a bar.

    Raises
    ------
    DataError
        As :func:`split_windows`; also if `out` holds something or cannot be written.
    UsageError
        If the fractions are impossible.
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
            bar.note(f"looking for what still shares {shared} nt")
            rows += _across(tokens, split.split, shared)
        bar.advance()
    remaining = pd.DataFrame(rows, columns=_REMAINING)
    leaks = remaining[remaining["shared_nt"] == SHARED]["sharing"].sum()
    if leaks:
        raise AssertionError(f"{leaks} windows overlap across splits: a fault of vqrna")
    rule = f"{SHARED} identical contiguous nt within the central {CENTRAL}"
    told = " ".join(f"{name}={share:g}" for name, share in zip(SPLITS, fractions, strict=True))
    facts = {"overlap": rule, "fractions": told, "seed": str(seed)}
    directory = write_layout(sets, split.split, out, facts)
    return SplitReport(directory, split, _counts(sets, split.split), remaining)


def _stratum(s: WindowSet) -> tuple[str, int, str]:
    return s.modification.symbol, s.label, s.negatives


def _across(
    tokens: np.ndarray, split: np.ndarray, shared: int
) -> list[tuple[str, str, int, int, int, float]]:
    """Count the windows of one split that share pieces with another."""
    flags = overlapping_groups(tokens, split, shared=shared)
    rows = []
    for ours, theirs in ((1, 0), (2, 0), (2, 1)):
        mine = split == ours
        if mine.any() and (split == theirs).any():
            sharing = int(flags[mine, theirs].sum())
            share = sharing / int(mine.sum())
            rows.append((SPLITS[ours], SPLITS[theirs], shared, int(mine.sum()), sharing, share))
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
        (*kind, *(counts[kind, part] for part in range(len(SPLITS))))
        for kind in dict.fromkeys(_stratum(s) for s in sets)
    ]
    return pd.DataFrame(rows, columns=["modification", "label", "negatives", *SPLITS])


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
