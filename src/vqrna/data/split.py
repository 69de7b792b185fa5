"""Divide windows so that nothing leaks: those that overlap go to one split, as a cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vqrna.data.balance import balance
from vqrna.data.benchmark import SPLITS, Notice, find_files, read_sets
from vqrna.data.layout import check_new, write_layout
from vqrna.data.overlap import CENTRAL, SHARED, clusters, largest_share, overlapping_groups
from vqrna.data.windows import WindowSet, pile
from vqrna.errors import DataError, UsageError
from vqrna.modifications import Modification
from vqrna.runtime.progress import progress

if TYPE_CHECKING:
    import pandas as pd

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
