"""Where training windows come from: the benchmark layout, or files of the user's own."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from os import PathLike

import numpy as np

from vqrna.data.benchmark import benchmark_modifications, load_benchmark
from vqrna.data.split import split_windows
from vqrna.data.user_files import fasta_sets, table_sets
from vqrna.data.windows import NEGATIVE, POSITIVE, Windows, WindowSet, merge
from vqrna.errors import DataError
from vqrna.modifications import modifications as find_modifications

VALIDATION_SHARE = 0.15
"""Of the windows of one's own, those that are held back for validation."""

Notice = Callable[[str], object]


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """Training and validation windows of the same modifications.

    Parameters
    ----------
    train, valid : Windows
        With the same columns of labels.
    """

    train: Windows
    valid: Windows

    def only(self, column: int) -> Source:
        """Keep one modification and the windows with a known label for it."""
        return Source(_only(self.train, column), _only(self.valid, column))


def from_benchmark(
    directory: str | PathLike[str],
    names: Sequence[str] | None = None,
    on_missing: Notice | None = None,
) -> Source:
    """Read ``train`` and ``valid`` of a data set in the benchmark layout.

    Types without modified or without unmodified windows in either split are left out; `on_missing`
    is told of the files that are missing.

    Parameters
    ----------
    directory : path-like
        The folder that holds ``train`` and ``valid``.
    names : sequence of str, optional
        Types; all that have files if not given.
    on_missing : callable, optional
        Is given one line for each missing file; a Python warning if there is none.

    Raises
    ------
    DataError
        If nothing is left, or a file is broken.
    UsageError
        If a name is unknown.
    """
    there = benchmark_modifications(directory)
    # Without any file there is nothing to choose from: reading tells what is missing
    wanted = find_modifications(tuple(names or ()), there) if there else None
    train = load_benchmark(directory, "train", wanted, on_missing)
    valid = load_benchmark(directory, "valid", wanted, on_missing)
    whole = [m for m in range(len(train.modifications)) if _both(train, m) and _both(valid, m)]
    if not whole:
        raise DataError(
            "no type has modified and unmodified windows in train and valid, both", file=directory
        )
    return Source(_columns(train, whole), _columns(valid, whole))


def from_sets(sets: Sequence[WindowSet], seed: int) -> Source:
    """Divide windows of one's own into training and validation, without a leak between them.

    Overlapping windows go to one side together (see :func:`vqrna.data.split.split_windows`).

    Parameters
    ----------
    sets : sequence of WindowSet
    seed : int
        Another seed gives another division.

    Raises
    ------
    DataError
        If there are none, or they overlap so much that they cannot be divided.
    """
    shares = (1 - VALIDATION_SHARE, VALIDATION_SHARE, 0.0)
    split = split_windows(sets, fractions=shares, seed=seed, max_cluster=0.5).split
    ends = np.cumsum([len(s) for s in sets])
    parts: list[list[WindowSet]] = [[], []]
    for s, end in zip(sets, ends, strict=True):
        place = split[end - len(s) : end]
        for which, part in enumerate(parts):
            rows = np.flatnonzero(place == which)
            names = tuple(s.names[i] for i in rows)
            part.append(dataclasses.replace(s, tokens=s.tokens[rows], names=names))
    kinds = list(dict.fromkeys(s.modification for s in sets))
    return Source(merge(parts[0], kinds), merge(parts[1], kinds))


def from_table(path: str | PathLike[str], seed: int) -> Source:
    """Read a table with columns ``sequence``, ``modification``, ``label`` and divide it.

    Parameters and errors are those of :func:`vqrna.data.user_files.load_table` and :func:`from_sets`.
    """
    return from_sets(table_sets(path), seed)


def from_fasta(
    positives: str | PathLike[str], negatives: str | PathLike[str], name: str, seed: int
) -> Source:
    """Read a FASTA file of modified sites and one of unmodified sites, and divide them.

    Parameters and errors are those of :func:`vqrna.data.user_files.load_windows_fasta` (`name` is its
    modification) and :func:`from_sets`.
    """
    return from_sets(fasta_sets(positives, negatives, name), seed)


def _both(windows: Windows, column: int) -> bool:
    labels = windows.labels[:, column]
    return bool((labels == POSITIVE).any() and (labels == NEGATIVE).any())


def _columns(windows: Windows, columns: list[int]) -> Windows:
    """Keep some modifications, and the windows of which something is known then."""
    known = np.any(windows.labels[:, columns] >= 0, axis=1)
    kept = windows.take(np.flatnonzero(known))
    return dataclasses.replace(
        kept,
        labels=kept.labels[:, columns],
        negative_set=kept.negative_set[:, columns],
        modifications=tuple(kept.modifications[m] for m in columns),
    )


def _only(windows: Windows, column: int) -> Windows:
    return _columns(windows, [column])
