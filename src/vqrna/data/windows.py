"""Windows and their labels: identical windows are one row with labels of several types."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vqrna.data.fasta import FastaRecord
from vqrna.errors import DataError
from vqrna.modifications import MOST_MODIFICATIONS, Modification
from vqrna.sequence import centre, recentre

RANDOM = "random"
"""Name of the negatives without a name (``K-0``): random sites of the same base."""

SET_NAME = r"[A-Za-z_][\w.]*"
"""Pattern of the name of a set of negatives, which is used in file names."""

POSITIVE, NEGATIVE, UNKNOWN = 1, 0, -1

MAIN = -1
"""Source of the windows of the main data set."""


@dataclass(frozen=True, eq=False)
class WindowSet:
    """Windows of one type and one class, as in one file, not merged.

    Attributes
    ----------
    tokens : np.ndarray, shape (N, L), uint8
        The site is at ``L // 2``.
    names : tuple of str
        Whole headers.
    modification : Modification
    label : int
        1 for modified sites, 0 for unmodified ones.
    negatives : str
        Name of the set of negatives; unused for modified sites.
    """

    tokens: np.ndarray
    names: tuple[str, ...]
    modification: Modification
    label: int
    negatives: str = RANDOM

    def __len__(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True, eq=False)
class Windows:
    """Distinct windows with their labels for several modifications.

    Attributes
    ----------
    tokens : np.ndarray, shape (N, L), uint8
        Distinct rows, with the site at ``L // 2``.
    labels : np.ndarray, shape (N, M), int8
        1 modified, 0 unmodified, -1 unknown.
    negative_set : np.ndarray, shape (N, M), int8, or int16 for more than 128 sets
        Index into `negative_sets` where `labels` is 0; -1 elsewhere.
    negative_sets : tuple of str
        The first is ``random``.
    names : tuple of str
        Header of the first record with this window.
    modifications : tuple of Modification
    conflicts : int
        Number of windows labelled both modified and unmodified for a type; they count as
        modified.
    source : np.ndarray, shape (N,), int, optional
        Number of the study of each window, `MAIN` for the main data set; None without
        studies (see :mod:`vqrna.data.studies`).
    """

    tokens: np.ndarray
    labels: np.ndarray
    negative_set: np.ndarray
    negative_sets: tuple[str, ...]
    names: tuple[str, ...]
    modifications: tuple[Modification, ...]
    conflicts: int = 0
    source: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def length(self) -> int:
        """Length of the windows in nt."""
        return int(self.tokens.shape[1])

    @property
    def digest(self) -> str:
        """SHA-256 of everything that a training reads of the windows, in hexadecimal."""
        types = [(m.symbol, m.context, m.offset) for m in self.modifications]
        digest = hashlib.sha256(repr((self.negative_sets, types)).encode())
        for array in (self.tokens, self.labels, self.negative_set):
            # With the shape: the same bytes can be different windows
            digest.update(repr(array.shape).encode() + array.tobytes())
        if self.source is not None:
            digest.update(self.source.astype(np.int64).tobytes())
        return digest.hexdigest()

    def candidates(self) -> np.ndarray:
        """Return which types the site can carry, by base and context: shape (N, M), bool."""
        columns = []
        for m in self.modifications:
            near = recentre(self.tokens, 2 * len(m.context) + 1)
            columns.append(m.candidates(near)[:, centre(near.shape[1])])
        return np.stack(columns, axis=1)

    def take(self, rows: np.ndarray | Sequence[int] | slice) -> Windows:
        """Return some of the windows: by mask (N,), by index (K,) in its order, or by slice."""
        chosen = np.arange(len(self))[rows]
        return replace(
            self,
            tokens=self.tokens[chosen],
            labels=self.labels[chosen],
            negative_set=self.negative_set[chosen],
            names=tuple(self.names[i] for i in chosen),
            source=None if self.source is None else self.source[chosen],
        )


def window_remarks(
    length: int, *, empty: int = 0, left_out: int = 0, shorter: int = 0, longer: int = 0
) -> list[str]:
    """Return a line for each change to windows of the user.

    Parameters
    ----------
    length : int
        Length of the windows in use, in nt.
    empty, left_out, shorter, longer : int
        Number of windows without letters, unable to carry the type, with too few or too many
        letters.
    """
    remarks = (
        (empty, "{} without letters: left out"),
        (left_out, "{} that cannot carry the modification in the centre: left out"),
        (shorter, f"{{}} shorter than {length} nt: padded with ambiguous letters"),
        (longer, f"{{}} longer than {length} nt: cut to the central {length}"),
    )
    return [text.format(f"{n:,} window{'s' * (n != 1)}") for n, text in remarks if n]


def stack(records: Sequence[FastaRecord]) -> np.ndarray:
    """Stack records of odd length with their sites in the same column.

    Shorter ones get ambiguous tokens on both ends.

    Raises DataError if a record has an even length, so that its site is unknown.

    Returns
    -------
    np.ndarray, shape (N, L), uint8
        L is the longest length; shape (0, 1) without records.
    """
    for record in records:
        if len(record.tokens) % 2 == 0:
            raise DataError(
                f"the window is {len(record.tokens)} nt long; a window needs an odd length, "
                "with the site in its centre",
                file=record.file,
                record=record.name,
                line=record.line,
            )
    lengths = np.array([len(record.tokens) for record in records], dtype=int)
    longest = int(lengths.max(initial=1))
    tokens = np.empty((len(records), longest), dtype=np.uint8)
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        alike = np.stack([records[int(i)].tokens for i in rows])
        tokens[rows] = recentre(alike, longest)
    return tokens


def index_type(count: int) -> np.dtype:
    """Return the smallest signed type of an index below `count`, or -1.

    Digests of windows are computed from the bytes, so the type of few sets must not change.
    """
    return np.min_scalar_type(-count)


def pile(sets: Sequence[WindowSet]) -> np.ndarray:
    """Stack the windows of all sets at the longest length: (N, L), uint8."""
    longest = max((s.tokens.shape[1] for s in sets), default=1)
    return np.concatenate(
        [recentre(s.tokens, longest) for s in sets] or [np.empty((0, longest), np.uint8)]
    )


def identical(tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find identical rows of tokens (N, L), uint8.

    Returns
    -------
    first : np.ndarray, shape (K,), int
        Index of the first of each distinct row, sorted.
    distinct : np.ndarray, shape (N,), int
        Which of the K distinct rows each row is.
    """
    if not len(tokens):
        return np.empty(0, dtype=int), np.empty(0, dtype=int)
    rows = np.ascontiguousarray(tokens).view(np.dtype((np.void, tokens.shape[1]))).ravel()
    _, first, distinct = np.unique(rows, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order], rank[distinct.reshape(-1)]


def merge(
    sets: Sequence[WindowSet], modifications: Sequence[Modification] | None = None
) -> Windows:
    """Merge sets: identical windows become one row with several known labels.

    Labels of types that no set covers are unknown, not negative. A window that is both modified
    and unmodified for a type counts as modified, and as a conflict.

    Raises DataError if there are more than `MOST_MODIFICATIONS` types.

    Parameters
    ----------
    modifications : sequence of Modification, optional
        Columns of the labels; by default the types of the sets, in their order.
    """
    if modifications is None:
        modifications = list(dict.fromkeys(s.modification for s in sets))
    column = {m.symbol: i for i, m in enumerate(modifications)}
    if len(column) > MOST_MODIFICATIONS:
        message = f"the windows have {len(column):,} modifications"
        raise DataError(f"{message} (expected at most {MOST_MODIFICATIONS})")
    named = [s.negatives for s in sets if s.label == NEGATIVE]
    negative_sets = tuple(dict.fromkeys([RANDOM, *named]))
    tokens = pile(sets)
    first, row = identical(tokens)
    labels = np.full((len(first), len(column)), UNKNOWN, dtype=np.int8)
    negative_set = np.full(labels.shape, -1, dtype=index_type(len(negative_sets)))
    # Random negatives last: a window in two sets counts as random
    ends = np.cumsum([len(s) for s in sets])
    rows_of = [(s, row[end - len(s) : end]) for s, end in zip(sets, ends, strict=True)]
    rows_of.sort(key=lambda pair: -negative_sets.index(pair[0].negatives))
    for s, rows in rows_of:
        if s.label == NEGATIVE:
            at = column[s.modification.symbol]
            labels[rows, at] = NEGATIVE
            negative_set[rows, at] = negative_sets.index(s.negatives)
    conflicts = 0
    for s, rows in rows_of:
        if s.label == POSITIVE:
            at = column[s.modification.symbol]
            conflicts += int((labels[np.unique(rows), at] == NEGATIVE).sum())
            labels[rows, at] = POSITIVE
            negative_set[rows, at] = -1
    names = [name for s in sets for name in s.names]
    return Windows(
        tokens=tokens[first],
        labels=labels,
        negative_set=negative_set,
        negative_sets=negative_sets,
        names=tuple(names[i] for i in first),
        modifications=tuple(modifications),
        conflicts=conflicts,
    )
