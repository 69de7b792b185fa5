"""Which windows overlap: they share 60 identical contiguous nt within the central 501."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vqrna.data.windows import identical
from vqrna.errors import UsageError
from vqrna.sequence import AMBIGUOUS, extents, recentre

SHARED = 60
"""Identical contiguous nt that make two windows overlap. Shorter matches are mostly repeats."""

LEAST = 20
"""In windows of less than three times `SHARED` a third of them is enough, but never fewer nt."""

CENTRAL = 501
"""The part of a window that is looked at, whatever the length in use."""

_WORD = 30  # bases that fit into a 64-bit word, two bits each, and leave room to tell them apart


def needed(length: int) -> int:
    """Tell how many identical contiguous nt make windows of a length overlap.

    Of two windows the shorter one tells, by its own letters: from its first known one to its last,
    whatever it was padded to.
    """
    return min(SHARED, max(LEAST, length // 3))


def clusters(
    tokens: np.ndarray, *, shared: int | None = None, central: int = CENTRAL
) -> np.ndarray:
    """Put windows into clusters: those that overlap, directly or over others, are together.

    Parameters
    ----------
    tokens : np.ndarray, shape (N, L), uint8
        Windows with the site at ``L // 2``. Give the longest there are: if they are shorter than
        `central`, less is seen.
    shared : int, optional
        Identical contiguous nt that link two windows; :func:`needed` for the shorter one if not
        given. Ambiguous letters never match.
    central : int
        Length about the site that is looked at.

    Returns
    -------
    np.ndarray, shape (N,), int
        Cluster of each window, numbered from 0 in the order of their first windows. Identical
        windows are always in one cluster.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n = len(tokens)
    if n == 0:
        return np.empty(0, dtype=int)
    first, kind = identical(tokens)
    ones, others = [np.arange(n)], [first[kind]]
    for piece, window, decides in _alike(tokens, shared, central):
        same = piece[1:] == piece[:-1]
        if not decides.all():
            # Who decides overlaps all that have the piece, which are together by that
            same &= _any_of(piece, decides)[piece[1:]]
        ones.append(window[1:][same])
        others.append(window[:-1][same])
    one, other = np.concatenate(ones), np.concatenate(others)
    links = coo_matrix((np.ones(len(one), dtype=bool), (one, other)), shape=(n, n))
    _, component = connected_components(links, directed=False)
    _, first_window, cluster = np.unique(component, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first_window))[cluster]


def overlapping(
    query: np.ndarray,
    reference: np.ndarray,
    *,
    shared: int | None = None,
    central: int = CENTRAL,
) -> np.ndarray:
    """Tell which windows overlap any window of a reference, such as the training windows.

    Parameters
    ----------
    query : np.ndarray, shape (N, L), uint8
    reference : np.ndarray, shape (R, K), uint8
        K may differ from L.
    shared, central : int
        As in :func:`clusters`.

    Returns
    -------
    np.ndarray, shape (N,), bool
    """
    longest = max(query.shape[1], reference.shape[1])
    both = np.concatenate([recentre(query, longest), recentre(reference, longest)])
    group = np.repeat([0, 1], [len(query), len(reference)])
    return overlapping_groups(both, group, shared=shared, central=central)[: len(query), 1]


def overlapping_groups(
    tokens: np.ndarray, group: np.ndarray, *, shared: int | None = None, central: int = CENTRAL
) -> np.ndarray:
    """Tell for each window which other groups, such as splits, hold a window that overlaps it.

    Parameters
    ----------
    tokens : np.ndarray, shape (N, L), uint8
    group : np.ndarray, shape (N,), int
        From 0; at least two groups are counted.
    shared, central : int
        As in :func:`clusters`.

    Returns
    -------
    np.ndarray, shape (N, groups), bool
        False for a window's own group.
    """
    n_groups = max(2, int(group.max(initial=0)) + 1)
    flags = np.zeros((len(tokens), n_groups), dtype=bool)
    for piece, window, decides in _alike(tokens, shared, central):
        for g in range(n_groups):
            member = group[window] == g
            there = _any_of(piece, member)[piece]
            if not decides.all():  # a pair overlaps where one of the two decides
                there &= decides | _any_of(piece, member & decides)[piece]
            flags[window[there], g] = True
    flags[np.arange(len(tokens)), group] = False
    return flags


def largest_share(cluster: np.ndarray) -> float:
    """Share of all windows that the largest cluster holds (0 for no windows)."""
    return float(np.bincount(cluster).max() / len(cluster)) if len(cluster) else 0.0


def _any_of(piece: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Tell which numbers of pieces, from 0, have any row that is true."""
    found = np.zeros(int(piece.max(initial=-1)) + 1, dtype=bool)
    found[piece[true]] = True
    return found


def _alike(
    tokens: np.ndarray, shared: int | None, central: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Give the pieces of windows, once for each length of pieces that some windows ask for.

    Windows that ask for shorter pieces have had their turn with all others: they are left out.

    Yields
    ------
    piece : np.ndarray, shape (P,), int
        Number of each piece, from 0, rising: equal numbers mean equal letters.
    window : np.ndarray, shape (P,), int
        The window it is from.
    decides : np.ndarray, shape (P,), bool
        Whether that window is one that asks for this length: it overlaps all that have the piece.
    """
    asked = np.full(len(tokens), SHARED) if shared is None else np.full(len(tokens), shared)
    if shared is None:
        extent = extents(tokens)
        short = (extent >= LEAST) & (extent < 3 * SHARED)  # with fewer there are no pieces at all
        asked[short] = [needed(nt) for nt in extent[short].tolist()]
    for size in np.unique(asked).tolist():
        rows = np.flatnonzero(asked >= size)
        key, window = _pieces(tokens if len(rows) == len(tokens) else tokens[rows], size, central)
        order = np.argsort(key)
        in_order, window = key[order], rows[window[order]]
        piece = np.zeros(len(key), dtype=int)
        np.cumsum(in_order[1:] != in_order[:-1], out=piece[1:])
        yield piece, window, asked[window] == size


def _pieces(tokens: np.ndarray, shared: int, central: int) -> tuple[np.ndarray, np.ndarray]:
    """Give each piece of `shared` nt a number: equal numbers mean equal letters, exactly.

    Pieces of up to 30 nt are packed into a 64-bit word. Longer ones are made of two overlapping
    shorter ones: their numbers (not hashes of them) side by side identify the longer piece.

    Returns
    -------
    key : np.ndarray, shape (P,), uint64
        Number of each piece that has no ambiguous letter; some that occur once are left out.
    window : np.ndarray, shape (P,), int
        The window it is from.
    """
    if shared < 1 or central < 1 or central % 2 == 0:
        raise UsageError(
            f"impossible overlap rule: {shared} shared nt within the central {central} (odd)"
        )
    seen = recentre(tokens, central) if tokens.shape[1] > central else tokens
    length = seen.shape[1]
    if length < shared:
        return np.empty(0, dtype=np.uint64), np.empty(0, dtype=int)
    wrong = np.zeros((len(seen), length + 1), dtype=np.int32)
    np.cumsum(seen == AMBIGUOUS, axis=1, out=wrong[:, 1:])
    wanted = wrong[:, shared:] == wrong[:, :-shared]  # (N, length - shared + 1): none within

    size = min(shared, _WORD)
    key = np.zeros((len(seen), length - size + 1), dtype=np.uint64)
    for i in range(size):
        key <<= np.uint64(2)
        key |= seen[:, i : i + key.shape[1]] & np.uint8(3)
    while size < shared:
        grown = min(shared, 2 * size)
        number, repeated = _numbered(key)
        n_grown, shift = length - grown + 1, grown - size
        key = number[:, :n_grown] << np.uint64(32) | number[:, shift:]
        # What occurs twice has only parts that occur twice: most pieces need no further sorting.
        starts = wanted.shape[1]
        wanted &= repeated[:, :starts] & repeated[:, shift : shift + starts]
        size = grown
    return key[wanted], np.nonzero(wanted)[0]


def _numbered(key: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Replace keys by their ranks among the different ones, which fit into 32 bits.

    Returns
    -------
    number : np.ndarray, the shape of `key`, uint64
    repeated : np.ndarray, the shape of `key`, bool
        True where the same key occurs elsewhere.
    """
    flat = key.ravel()
    order = np.argsort(flat)
    in_order = flat[order]
    alike = in_order[1:] == in_order[:-1]
    number = np.zeros(len(flat), dtype=np.uint64)
    number[order[1:]] = np.cumsum(~alike)
    repeated = np.zeros(len(flat), dtype=bool)
    repeated[order[1:][alike]] = True
    repeated[order[:-1][alike]] = True
    return number.reshape(key.shape), repeated.reshape(key.shape)
