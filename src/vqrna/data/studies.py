"""Windows of further studies beside the main data set: ``DIR/STUDY/{train,valid}/K-{0,1}.fasta``.

Studies differ in experiment, window length and choice of negatives. Each keeps its own negatives:
how they were chosen says something about the study, and nothing about the others.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from vqrna.data.annotated import AROUND
from vqrna.data.benchmark import Notice, benchmark_modifications, find_files, load_benchmark
from vqrna.data.overlap import SHARED, clusters, overlapping
from vqrna.data.windows import MAIN, NEGATIVE, POSITIVE, RANDOM, UNKNOWN, Windows, index_type
from vqrna.errors import DataError
from vqrna.modifications import Modification
from vqrna.sequence import AMBIGUOUS, extents, recentre

NAME = r"[A-Za-z0-9_][\w.-]*"
"""Pattern of the name of a study, which names its negatives and columns of tables."""


@dataclass(frozen=True, eq=False)
class Study:
    """Windows of one study, with columns of labels for the types of the main data set.

    Attributes
    ----------
    name : str
        Of its folder.
    train : Windows
    valid : Windows
    """

    name: str
    train: Windows
    valid: Windows

    def types(self) -> list[int]:
        """Return the columns with modified and unmodified validation windows."""
        return [
            m
            for m in range(len(self.valid.modifications))
            if {POSITIVE, NEGATIVE} <= set(self.valid.labels[:, m].tolist())
        ]


def read_studies(
    directory: str | PathLike[str],
    modifications: Sequence[Modification],
    names: Sequence[str] | None = None,
    on_missing: Notice | None = None,
) -> tuple[Study, ...]:
    """Read the studies in a folder.

    Raises DataError if the folder holds no study, a named study is missing, a study has no windows
    of any of the types, or a file is invalid.

    Parameters
    ----------
    directory : path-like
        Each subfolder with ``train`` or ``valid`` is a study.
    modifications : sequence of Modification
        Columns of the labels; other types of a study are not read.
    names : sequence of str, optional
        Studies to read; all by default.
    on_missing : callable, optional
        Receives one line for each missing file.
    """
    root = Path(directory)
    folders = sorted(p for p in root.iterdir() if p.is_dir()) if root.is_dir() else []
    folders = [p for p in folders if find_files(p, "train") or find_files(p, "valid")]
    if not folders:
        raise DataError(
            "no study (expected folders such as STUDY/train/8-1.fasta and STUDY/valid/8-1.fasta)",
            file=directory,
        )
    known = {p.name: p for p in folders}
    for name in names or ():
        if name not in known:
            raise DataError(f"no study '{name}' (available: {', '.join(known)})", file=directory)
    return tuple(
        _read(known[name], modifications, on_missing) for name in (names or known) if name in known
    )


def _read(folder: Path, modifications: Sequence[Modification], on_missing: Notice | None) -> Study:
    if not re.fullmatch(NAME, folder.name):
        message = "the name of a study may hold letters, digits, '_', '.' and '-' only"
        raise DataError(message, file=folder)
    symbols = {m.symbol for m in benchmark_modifications(folder)}
    wanted = [m for m in modifications if m.symbol in symbols]
    if not wanted:
        listed = ", ".join(m.symbol for m in modifications)
        raise DataError(f"the study has no windows of {listed}", file=folder)
    parts = [
        _with_columns(load_benchmark(folder, split, wanted, on_missing), modifications)
        for split in ("train", "valid")
    ]
    return Study(folder.name, *parts)


def _with_columns(windows: Windows, modifications: Sequence[Modification]) -> Windows:
    """Arrange labels in the columns of other types; the new ones are unknown."""
    shape = (len(windows), len(modifications))
    labels = np.full(shape, UNKNOWN, dtype=np.int8)
    negative_set = np.full(shape, -1, dtype=windows.negative_set.dtype)
    column = {m.symbol: i for i, m in enumerate(modifications)}
    at = [column[m.symbol] for m in windows.modifications]
    labels[:, at] = windows.labels
    negative_set[:, at] = windows.negative_set
    return dataclasses.replace(
        windows, labels=labels, negative_set=negative_set, modifications=tuple(modifications)
    )


def pool(main: Windows, studies: Sequence[Study]) -> Windows:
    """Join the training windows of the main data set and of studies, in this order.

    The negatives of a study become a set with the name of the study: they are never negatives of
    other types. A negative is left out if a modified site of the same type in another source has
    the same `AROUND` nt around it; it counts as a conflict.

    Raises DataError: if the studies have other modifications than the main data set.

    Returns
    -------
    Windows
        At the longest length of all sources, with `source`; `main` itself without studies.
    """
    if not studies:
        return main
    if any(s.train.modifications != main.modifications for s in studies):
        raise DataError("the studies have other modifications than the main data set")
    parts = [main, *(s.train for s in studies)]
    length = max(part.length for part in parts)
    sets = list(main.negative_sets)
    negative_set = [main.negative_set]
    for study in studies:
        renamed = [
            study.name if name == RANDOM else f"{study.name}.{name}"
            for name in study.train.negative_sets
        ]
        sets += [name for name in renamed if name not in sets]
        # The last entry serves -1, the index of labels that are not negative
        index = np.array([*(sets.index(name) for name in renamed), -1], index_type(len(sets)))
        negative_set.append(index[study.train.negative_set])
    pooled = Windows(
        tokens=np.concatenate([recentre(part.tokens, length) for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        negative_set=np.concatenate(negative_set),
        negative_sets=tuple(sets),
        names=tuple(name for part in parts for name in part.names),
        modifications=main.modifications,
        source=np.repeat(np.arange(MAIN, len(studies)), [len(part) for part in parts]),
    )
    wrong = _contradicted(pooled)
    pooled.labels[wrong] = UNKNOWN
    pooled.negative_set[wrong] = -1
    conflicts = sum(part.conflicts for part in parts) + int(wrong.sum())
    rows = np.flatnonzero((pooled.labels != UNKNOWN).any(axis=1))
    return dataclasses.replace(pooled.take(rows), conflicts=conflicts)


def _contradicted(windows: Windows) -> np.ndarray:
    """Return the negatives at a modified site of another source: (N, M), bool."""
    assert windows.source is not None
    source = windows.source
    sites = np.ascontiguousarray(recentre(windows.tokens, AROUND))
    known = (sites != AMBIGUOUS).all(axis=1)
    _, site = np.unique(sites, axis=0, return_inverse=True)
    site = site.reshape(-1)
    wrong = np.zeros(windows.labels.shape, dtype=bool)
    for m in range(len(windows.modifications)):
        positive = np.flatnonzero(known & (windows.labels[:, m] == POSITIVE))
        # First and last source with a modified site, by site; another source is before or after
        n_sites = int(site.max(initial=-1)) + 1
        first = np.full(n_sites, source.max(initial=MAIN))
        last = np.full(n_sites, MAIN)
        np.minimum.at(first, site[positive], source[positive])
        np.maximum.at(last, site[positive], source[positive])
        others = (first[site] < source) | (last[site] > source)
        wrong[:, m] = known & (windows.labels[:, m] == NEGATIVE) & others
    return wrong


MOST_REPEATS = 3
"""Most times that a window of a study is drawn in an epoch."""


def balanced_rows(windows: Windows, generator: np.random.Generator) -> np.ndarray:
    """Draw rows of studies with equally many modified and unmodified windows of each type.

    Otherwise the length, masks or composition of a study's windows would reveal the more frequent
    label. The smaller class is repeated up to `MOST_REPEATS` times, the larger one is drawn anew
    each time, and no study has more windows of a class than the smaller class of the main data
    set, or than the median of these numbers over the types if that is larger: small studies would
    have no effect, and large ones would outweigh all others.

    Parameters
    ----------
    windows : Windows
        Of all sources, from :func:`pool`.

    Returns
    -------
    np.ndarray, shape (K,), int
        Sorted, with repeats. K is the same for each draw; 0 without studies.
    """
    drawn = []
    source = np.full(len(windows), MAIN) if windows.source is None else windows.source
    types = range(len(windows.modifications))
    of_main = [min(map(len, _classes(windows, source == MAIN, m))) for m in types]
    usual = int(np.median(of_main))
    for m in types:
        for study in range(int(source.max(initial=MAIN)) + 1):
            classes = _classes(windows, source == study, m)
            fewest, most = sorted(map(len, classes))
            count = min(most, MOST_REPEATS * fewest, max(of_main[m], usual))
            drawn += [_repeated(each, count, generator) for each in classes if count]
    return np.sort(np.concatenate(drawn)) if drawn else np.empty(0, dtype=int)


def _classes(windows: Windows, of_source: np.ndarray, column: int) -> list[np.ndarray]:
    """Return the rows of a source that are modified, and those that are not."""
    labels = windows.labels[:, column]
    return [np.flatnonzero(of_source & (labels == label)) for label in (POSITIVE, NEGATIVE)]


def _repeated(rows: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Draw rows at random, all equally often but for one."""
    whole, rest = divmod(count, len(rows))
    return np.concatenate([np.repeat(rows, whole), generator.permutation(rows)[:rest]])


SITE_SHARED, SITE_AROUND = 25, 41
"""Identical contiguous nt within the nt around the site that link windows of different lengths."""


def pooled_clusters(windows: Windows) -> np.ndarray:
    """Cluster windows of several lengths, such as those of several studies.

    Windows are linked if they share `SHARED` nt within the central 501, or `SITE_SHARED` nt within
    the central `SITE_AROUND`. The rule of :func:`vqrna.data.overlap.clusters` for short windows
    would link most windows through repeats.

    Returns
    -------
    np.ndarray, shape (N,), int
        Cluster of each window.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    whole = clusters(windows.tokens, shared=SHARED)
    site = clusters(windows.tokens, shared=SITE_SHARED, central=SITE_AROUND)
    n = int(whole.max(initial=-1)) + 1
    size = n + int(site.max(initial=-1)) + 1
    links = coo_matrix((np.ones(len(whole), dtype=bool), (whole, n + site)), shape=(size, size))
    _, component = connected_components(links, directed=False)
    return np.asarray(component[whole])


def overlaps_training(tokens: np.ndarray, train: Windows) -> np.ndarray:
    """Return which windows overlap a training window of any source.

    A window of a study overlaps if it shares `SHARED` nt within the central 501, or all of its
    letters if it has fewer. For the main data set the rule is that of
    :func:`vqrna.data.overlap.overlapping`.

    Parameters
    ----------
    tokens : np.ndarray, shape (N, L), uint8
    train : Windows

    Returns
    -------
    np.ndarray, shape (N,), bool
    """
    if train.source is None:
        return overlapping(tokens, train.tokens)
    overlap = overlapping(tokens, train.tokens[train.source == MAIN])
    of_studies = train.tokens[train.source != MAIN]
    shared = np.minimum(extents(of_studies), SHARED)
    for size in np.unique(shared[shared > 0]).tolist():
        overlap |= overlapping(tokens, of_studies[shared == size], shared=size)
    return overlap
