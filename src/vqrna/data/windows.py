"""Windows and what is known of them: identical windows are one row with several labels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vqrna.data.fasta import FastaRecord
from vqrna.errors import DataError
from vqrna.modifications import Modification
from vqrna.sequence import centre, recentre

RANDOM = "random"
"""Name of the unnamed negatives (``K-0``): random sites of the same base."""

SET_NAME = r"[A-Za-z_][\w.]*"
"""Pattern of a named set of negatives: it becomes a part of file names."""

POSITIVE, NEGATIVE, UNKNOWN = 1, 0, -1


@dataclass(frozen=True, eq=False)
class WindowSet:
    """Windows of one type and one class, as one file holds them: nothing merged.

    Parameters
    ----------
    tokens : np.ndarray, shape (N, L), uint8
        The site is at ``L // 2``.
    names : tuple of str, length N
        Whole headers.
    modification : Modification
    label : int
        1 for modified sites, 0 for unmodified ones.
    negatives : str
        Name of the set of negatives; no meaning for modified sites.
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
    """Different windows with what is known of each, for several modifications.

    Parameters
    ----------
    tokens : np.ndarray, shape (N, L), uint8
        No two rows are alike. The site is at ``L // 2``.
    labels : np.ndarray, shape (N, M), int8
        1 modified, 0 not, -1 not known.
    negative_set : np.ndarray, shape (N, M), int8
        Index into `negative_sets` of where a 0 in `labels` comes from; -1 elsewhere.
    negative_sets : tuple of str
        The first is ``random``.
    names : tuple of str, length N
        Header of the first record with this window.
    modifications : tuple of Modification, length M
    conflicts : int
        How many times a window was given as modified and as not modified for the same type;
        it counts as modified.
    """

    tokens: np.ndarray
    labels: np.ndarray
    negative_set: np.ndarray
    negative_sets: tuple[str, ...]
    names: tuple[str, ...]
    modifications: tuple[Modification, ...]
    conflicts: int = 0

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def length(self) -> int:
        """Length of the windows in nt."""
        return int(self.tokens.shape[1])

    @property
    def digest(self) -> str:
        """Hexadecimal digits that change with all that a training reads of the windows."""
        kinds = [(m.symbol, m.context, m.offset) for m in self.modifications]
        digest = hashlib.sha256(repr((self.negative_sets, kinds)).encode())
        for array in (self.tokens, self.labels, self.negative_set):
            # The shape, too: the same bytes may be other windows
            digest.update(repr(array.shape).encode() + array.tobytes())
        return digest.hexdigest()

    def candidates(self) -> np.ndarray:
        """Tell which types the base at the site and its context allow, shape (N, M), bool."""
        found = []
        for kind in self.modifications:
            near = recentre(self.tokens, 2 * len(kind.context) + 1)
            found.append(kind.candidates(near)[:, centre(near.shape[1])])
        return np.stack(found, axis=1)

    def take(self, rows: np.ndarray | Sequence[int] | slice) -> Windows:
        """Return some of the windows.

        Parameters
        ----------
        rows : np.ndarray, shape (N,), bool, or shape (K,), int, or slice
            Which, and in which order.
        """
        chosen = np.arange(len(self))[rows]
        return Windows(
            tokens=self.tokens[chosen],
            labels=self.labels[chosen],
            negative_set=self.negative_set[chosen],
            negative_sets=self.negative_sets,
            names=tuple(self.names[i] for i in chosen),
            modifications=self.modifications,
            conflicts=self.conflicts,
        )


def window_remarks(
    length: int, *, empty: int = 0, left_out: int = 0, shorter: int = 0, longer: int = 0
) -> list[str]:
    """Tell in a line each what was done to windows that were given.

    Parameters
    ----------
    length : int
        Of the windows that are looked at, in nt.
    empty, left_out, shorter, longer : int
        How many had no letters, could not carry the type, had too few or too many letters.
    """
    said = (
        (empty, "{} without letters: left out"),
        (left_out, "{} that cannot carry the type in the centre: left out"),
        (shorter, f"{{}} shorter than {length} nt: ambiguous letters stand beside"),
        (longer, f"{{}} longer than {length} nt: the central {length} are looked at"),
    )
    return [words.format(f"{count:,} window{'s' * (count != 1)}") for count, words in said if count]


def stack(records: Sequence[FastaRecord]) -> np.ndarray:
    """Put records of odd length under one another, site under site.

    Shorter ones get ambiguous tokens on both ends, so that the site stays in the centre.

    Returns
    -------
    np.ndarray, shape (N, L), uint8
        L is the longest length; shape (0, 1) for no records.

    Raises
    ------
    DataError
        If a record has an even length: which base is the site is not known then.
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


def pile(sets: Sequence[WindowSet]) -> np.ndarray:
    """Put the windows of all sets under one another, at the longest length of any.

    Returns
    -------
    np.ndarray, shape (N, L), uint8
    """
    longest = max((s.tokens.shape[1] for s in sets), default=1)
    return np.concatenate(
        [recentre(s.tokens, longest) for s in sets] or [np.empty((0, longest), np.uint8)]
    )


def identical(tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find rows that are alike.

    Parameters
    ----------
    tokens : np.ndarray, shape (N, L), uint8

    Returns
    -------
    first : np.ndarray, shape (K,), int
        Index of the first row of each kind, rising.
    kind : np.ndarray, shape (N,), int
        Which of the K kinds each row is.
    """
    if not len(tokens):
        return np.empty(0, dtype=int), np.empty(0, dtype=int)
    rows = np.ascontiguousarray(tokens).view(np.dtype((np.void, tokens.shape[1]))).ravel()
    _, first, kind = np.unique(rows, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order], rank[kind.reshape(-1)]


def merge(
    sets: Sequence[WindowSet], modifications: Sequence[Modification] | None = None
) -> Windows:
    """Join sets: windows that are alike become one row with several known labels.

    Where a set does not speak of a type, the label is unknown, not negative. A window that is
    both modified and not for the same type counts as modified, and as one conflict.

    Parameters
    ----------
    sets : sequence of WindowSet
    modifications : sequence of Modification, optional
        Columns of the labels; the types of the sets in their order if not given.
    """
    if modifications is None:
        modifications = list(dict.fromkeys(s.modification for s in sets))
    column = {m.symbol: i for i, m in enumerate(modifications)}
    named = [s.negatives for s in sets if s.label == NEGATIVE]
    negative_sets = tuple(dict.fromkeys([RANDOM, *named]))
    tokens = pile(sets)
    first, row = identical(tokens)
    labels = np.full((len(first), len(column)), UNKNOWN, dtype=np.int8)
    negative_set = np.full_like(labels, -1)
    # Unnamed negatives last: a window in both sets then counts as one of the unnamed ones.
    ends = np.cumsum([len(s) for s in sets])
    placed = [(s, row[end - len(s) : end]) for s, end in zip(sets, ends, strict=True)]
    placed.sort(key=lambda pair: -negative_sets.index(pair[0].negatives))
    for s, rows in placed:
        if s.label == NEGATIVE:
            labels[rows, column[s.modification.symbol]] = NEGATIVE
            which = negative_sets.index(s.negatives)
            negative_set[rows, column[s.modification.symbol]] = which
    conflicts = 0
    for s, rows in placed:
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
