"""Find overlapping windows: they share 60 identical contiguous nt within the central 501."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vqrna.data.windows import identical
from vqrna.errors import UsageError
from vqrna.sequence import AMBIGUOUS, extents, recentre

SHARED = 60
"""Identical contiguous nt of overlapping windows. Shorter matches are mostly repeats."""

LEAST = 20
"""Smallest number of shared nt for windows below three times `SHARED`, which need a third."""

CENTRAL = 501
"""Nt around the site that are compared, for windows of any length."""

_WORD = 30  # bases in a 64-bit word, two bits each


def needed(length: int) -> int:
    """Return the shared nt that windows of a length need to overlap.

    The shorter of two windows counts, from its first known letter to its last.
    """
    return min(SHARED, max(LEAST, length // 3))


def clusters(
    tokens: np.ndarray, *, shared: int | None = None, central: int = CENTRAL
) -> np.ndarray:
    """Cluster windows that overlap, directly or through others.

    Parameters
    ----------
    tokens : np.ndarray, shape (N, L), uint8
        Windows with the site at ``L // 2``, at their full length: if it is less than `central`,
        fewer overlaps are found.
    shared : int, optional
        Identical contiguous nt that link two windows; by default :func:`needed` for the shorter
        one. Ambiguous letters never match.
    central : int
        Nt around the site that are compared.

    Returns
    -------
    np.ndarray, shape (N,), int
        Cluster of each window, numbered from 0 in the order of their first windows. Identical
        windows always share a cluster.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n = len(tokens)
    if n == 0:
        return np.empty(0, dtype=int)
    first, distinct = identical(tokens)
    ones, others = [np.arange(n)], [first[distinct]]
    for piece, window, decides in _shared_pieces(tokens, shared, central):
        same = piece[1:] == piece[:-1]
        if not decides.all():
            # A deciding window overlaps, and so links, all windows with the piece
            same &= _any_of(piece, decides)[piece[1:]]
        ones.append(window[1:][same])
        others.append(window[:-1][same])
    one, other = np.concatenate(ones), np.concatenate(others)
    links = coo_matrix((np.ones(len(one), dtype=bool), (one, other)), shape=(n, n))
    _, component = connected_components(links, directed=False)
    _, first_window, cluster = np.unique(component, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first_window))[cluster]


def overlapping(
    query: np.ndarray, reference: np.ndarray, *, shared: int | None = None, central: int = CENTRAL
) -> np.ndarray:
    """Return which windows overlap any window of a reference, such as the training windows.

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
    """Return for each window which other groups, such as splits, have a window that overlaps it.

    Parameters
    ----------
    tokens : np.ndarray, shape (N, L), uint8
    group : np.ndarray, shape (N,), int
        Group of each window, from 0; the result has at least two groups.
    shared, central : int
        As in :func:`clusters`.

    Returns
    -------
    np.ndarray, shape (N, groups), bool
        False for a window's own group.
    """
    n_groups = max(2, int(group.max(initial=0)) + 1)
    flags = np.zeros((len(tokens), n_groups), dtype=bool)
    for piece, window, decides in _shared_pieces(tokens, shared, central):
        for g in range(n_groups):
            member = group[window] == g
            present = _any_of(piece, member)[piece]
            if not decides.all():  # a pair overlaps if one of the two decides
                present &= decides | _any_of(piece, member & decides)[piece]
            flags[window[present], g] = True
    flags[np.arange(len(tokens)), group] = False
    return flags


def largest_share(cluster: np.ndarray) -> float:
    """Return the share of all windows in the largest cluster (0 without windows)."""
    return float(np.bincount(cluster).max() / len(cluster)) if len(cluster) else 0.0


def _any_of(piece: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return which numbers of pieces, from 0, have a row that is true."""
    result = np.zeros(int(piece.max(initial=-1)) + 1, dtype=bool)
    result[piece[true]] = True
    return result


def _shared_pieces(
    tokens: np.ndarray, shared: int | None, central: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield the pieces of windows for each length of pieces that some windows need, rising.

    Windows that need shorter pieces were compared with all others before: they are left out.

    Yields
    ------
    piece : np.ndarray, shape (P,), int
        Number of each piece, from 0, sorted: equal numbers mean equal letters.
    window : np.ndarray, shape (P,), int
        Window of each piece.
    decides : np.ndarray, shape (P,), bool
        Whether that window needs this length: it then overlaps all windows with the piece.
    """
    needs = np.full(len(tokens), SHARED if shared is None else shared)
    if shared is None:
        extent = extents(tokens)
        short = (extent >= LEAST) & (extent < 3 * SHARED)  # shorter ones have no pieces
        needs[short] = [needed(nt) for nt in extent[short].tolist()]
    for size in np.unique(needs).tolist():
        rows = np.flatnonzero(needs >= size)
        key, window = _pieces(tokens if len(rows) == len(tokens) else tokens[rows], size, central)
        order = np.argsort(key)
        in_order, window = key[order], rows[window[order]]
        piece = np.zeros(len(key), dtype=int)
        np.cumsum(in_order[1:] != in_order[:-1], out=piece[1:])
        yield piece, window, needs[window] == size


def _pieces(tokens: np.ndarray, shared: int, central: int) -> tuple[np.ndarray, np.ndarray]:
    """Assign a number to each piece of `shared` nt: equal numbers mean equal letters, exactly.

    Pieces of up to 30 nt are packed into a 64-bit word. A longer piece is identified by the
    numbers (not hashes) of two overlapping shorter ones, side by side.

    Returns
    -------
    key : np.ndarray, shape (P,), uint64
        Number of each piece without ambiguous letters; some that occur once are left out.
    window : np.ndarray, shape (P,), int
        Window of each piece.
    """
    if shared < 1 or central < 1 or central % 2 == 0:
        raise UsageError(
            f"invalid overlap rule: {shared} shared nt within the central {central} (expected odd)"
        )
    used = recentre(tokens, central) if tokens.shape[1] > central else tokens
    length = used.shape[1]
    if length < shared:
        return np.empty(0, dtype=np.uint64), np.empty(0, dtype=int)
    ambiguous = np.zeros((len(used), length + 1), dtype=np.int32)
    np.cumsum(used == AMBIGUOUS, axis=1, out=ambiguous[:, 1:])
    wanted = (
        ambiguous[:, shared:] == ambiguous[:, :-shared]
    )  # (N, length - shared + 1): none within

    size = min(shared, _WORD)
    key = np.zeros((len(used), length - size + 1), dtype=np.uint64)
    for i in range(size):
        key <<= np.uint64(2)
        key |= used[:, i : i + key.shape[1]] & np.uint8(3)
    while size < shared:
        grown = min(shared, 2 * size)
        number, repeated = _numbered(key)
        n_grown, shift = length - grown + 1, grown - size
        key = number[:, :n_grown] << np.uint64(32) | number[:, shift:]
        # The parts of a repeated piece are repeated: most pieces need no further sorting.
        starts = wanted.shape[1]
        wanted &= repeated[:, :starts] & repeated[:, shift : shift + starts]
        size = grown
    return key[wanted], np.nonzero(wanted)[0]


def _numbered(key: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Replace keys by their ranks among the distinct keys, which fit into 32 bits.

    Returns
    -------
    number : np.ndarray, the shape of `key`, uint64
    repeated : np.ndarray, the shape of `key`, bool
        True where the same key occurs elsewhere.
    """
    flat = key.ravel()
    order = np.argsort(flat)
    in_order = flat[order]
    same = in_order[1:] == in_order[:-1]
    number = np.zeros(len(flat), dtype=np.uint64)
    number[order[1:]] = np.cumsum(~same)
    repeated = np.zeros(len(flat), dtype=bool)
    repeated[order[1:][same]] = True
    repeated[order[:-1][same]] = True
    return number.reshape(key.shape), repeated.reshape(key.shape)
