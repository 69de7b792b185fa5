"""Windows of further studies beside the main data set: ``DIR/STUDY/{train,valid}/K-{0,1}.fasta``.

Studies differ in experiment, window length and choice of negatives. Each keeps its own negatives:
how they were chosen says something about the study, and nothing about the others.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from vqrna.data.annotated import AROUND
from vqrna.data.benchmark import Notice, benchmark_modifications, find_files, load_benchmark
from vqrna.data.overlap import SHARED, clusters
from vqrna.data.windows import NEGATIVE, POSITIVE, RANDOM, UNKNOWN, Windows
from vqrna.errors import DataError
from vqrna.modifications import Modification
from vqrna.sequence import AMBIGUOUS, recentre

MAIN = -1
"""Number of the main data set among the sources of pooled windows; studies count from 0."""

NAME = r"[A-Za-z0-9_][\w.-]*"
"""Pattern of the name of a study, which names its negatives and columns of tables."""


@dataclass(frozen=True, eq=False)
class Study:
    """Windows of one study, with columns of labels for the types of the main data set."""

    name: str  # Of its folder
    train: Windows
    valid: Windows

    def types(self) -> list[int]:
        """Return the columns with modified and unmodified validation windows."""
        return [
            m
            for m in range(len(self.valid.modifications))
            if {POSITIVE, NEGATIVE} <= set(self.valid.labels[:, m].tolist())
        ]


@dataclass(frozen=True, eq=False)
class PooledWindows:
    """Training windows of all sources."""

    windows: Windows  # The main data set first; at the longest length of all sources
    source: np.ndarray  # (N,), int: `MAIN`, or the index of a study
    # Negatives that were left out because another source has a modified site of the type there
    contradicted: int

    @property
    def digest(self) -> str:
        """SHA-256 of everything that a training reads of the windows, in hexadecimal."""
        digest = hashlib.sha256(self.windows.digest.encode())
        digest.update(self.source.astype(np.int64).tobytes())
        return digest.hexdigest()


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
    negative_set = np.full(shape, -1, dtype=np.int8)
    column = {m.symbol: i for i, m in enumerate(modifications)}
    at = [column[m.symbol] for m in windows.modifications]
    labels[:, at] = windows.labels
    negative_set[:, at] = windows.negative_set
    return dataclasses.replace(
        windows, labels=labels, negative_set=negative_set, modifications=tuple(modifications)
    )


def pool(main: Windows, studies: Sequence[Study]) -> PooledWindows:
    """Join the training windows of the main data set and of studies.

    The negatives of a study become a set with the name of the study: they are never negatives of
    other types. A negative is left out if a modified site of the same type in another source has
    the same `AROUND` nt around it.

    Raises DataError: if the studies have other types than the main data set.
    """
    if any(s.train.modifications != main.modifications for s in studies):
        raise DataError("the studies have other types than the main data set")
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
        index = np.array([*(sets.index(name) for name in renamed), -1], dtype=np.int8)
        negative_set.append(index[study.train.negative_set])
    pooled = Windows(
        tokens=np.concatenate([recentre(part.tokens, length) for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        negative_set=np.concatenate(negative_set),
        negative_sets=tuple(sets),
        names=tuple(name for part in parts for name in part.names),
        modifications=main.modifications,
        conflicts=sum(part.conflicts for part in parts),
    )
    source = np.repeat(np.arange(MAIN, len(studies)), [len(part) for part in parts])
    wrong = _contradicted(pooled, source)
    pooled.labels[wrong] = UNKNOWN
    pooled.negative_set[wrong] = -1
    rows = np.flatnonzero((pooled.labels != UNKNOWN).any(axis=1))
    return PooledWindows(pooled.take(rows), source[rows], int(wrong.sum()))


def _contradicted(windows: Windows, source: np.ndarray) -> np.ndarray:
    """Return the negatives at a modified site of another source: (N, M), bool."""
    sites = np.ascontiguousarray(recentre(windows.tokens, AROUND))
    known = (sites != AMBIGUOUS).all(axis=1)
    _, site = np.unique(sites, axis=0, return_inverse=True)
    site = site.reshape(-1)
    wrong = np.zeros(windows.labels.shape, dtype=bool)
    for m in range(wrong.shape[1]):
        positive = np.flatnonzero(known & (windows.labels[:, m] == POSITIVE))
        # Sources with a modified site, as a set of bits by site
        sources = np.zeros(int(site.max(initial=-1)) + 1, dtype=np.int64)
        np.bitwise_or.at(sources, site[positive], np.int64(1) << (source[positive] + 1))
        others = sources[site] & ~(np.int64(1) << (source + 1))
        wrong[:, m] = known & (windows.labels[:, m] == NEGATIVE) & (others != 0)
    return wrong


def balanced_rows(
    windows: Windows, source: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Draw rows of studies with equally many modified and unmodified windows of each type.

    Otherwise the length, masks or composition of a study's windows would reveal the more frequent
    label. The larger class is drawn anew each time.

    Parameters
    ----------
    windows : Windows
        Of all sources.
    source : np.ndarray, shape (N,), int
        As in :class:`PooledWindows`.

    Returns
    -------
    np.ndarray, shape (K,), int
        Sorted. K is the same for each draw.
    """
    drawn = []
    for study in range(int(source.max(initial=MAIN)) + 1):
        for m in range(windows.labels.shape[1]):
            rows = [
                np.flatnonzero((source == study) & (windows.labels[:, m] == label))
                for label in (POSITIVE, NEGATIVE)
            ]
            count = min(map(len, rows))
            drawn += [generator.permutation(each)[:count] for each in rows]
    return np.sort(np.concatenate(drawn)) if drawn else np.empty(0, dtype=int)


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
