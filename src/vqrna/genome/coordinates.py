"""Places: one whole number for a position of a genome, and sorted intervals of them.

A place is ``chromosome << 40 | position``, with the chromosome's number in the genome's order and
the 0-based position. Places of two chromosomes are so far apart that intervals never join across.
A key is a place with a bit for the strand, so that each strand is a line of its own.
"""

from __future__ import annotations

import numpy as np

_BITS = 40
_POSITION = (1 << _BITS) - 1
_REVERSE = 62

MOST = 1 << (_REVERSE - _BITS)
"""A genome has fewer sequences than so many."""


def place_of(chromosome: np.ndarray | int, position: np.ndarray | int) -> np.ndarray:
    """Give the places of 0-based positions: int64."""
    return (np.asarray(chromosome, dtype=np.int64) << _BITS) + position


def chromosome_of(place: np.ndarray) -> np.ndarray:
    """Give the number of the chromosome."""
    return place >> _BITS


def position_of(place: np.ndarray) -> np.ndarray:
    """Give the 0-based position on its chromosome."""
    return place & _POSITION


def key_of(place: np.ndarray, reverse: np.ndarray) -> np.ndarray:
    """Give the place on its strand: all keys of the reverse strand follow all others."""
    return place + (np.asarray(reverse, dtype=np.int64) << _REVERSE)


def place_on(key: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give place and strand (whether reverse) of a key."""
    reverse = key >> _REVERSE
    return key - (reverse << _REVERSE), reverse.astype(bool)


def union(starts: np.ndarray, stops: np.ndarray, gap: int = 0) -> np.ndarray:
    """Join half-open intervals that overlap, touch, or lie `gap` or less apart.

    Parameters
    ----------
    starts, stops : np.ndarray, shape (N,), int64
        In any order; places or keys.
    gap : int

    Returns
    -------
    np.ndarray, shape (M, 2), int64
        Rising, disjoint.
    """
    order = np.argsort(starts, kind="stable")
    starts, reach = starts[order], np.maximum.accumulate(stops[order])
    opens = np.ones(len(starts), dtype=bool)
    opens[1:] = starts[1:] > reach[:-1] + gap
    first = np.flatnonzero(opens)
    last = np.append(first[1:], len(starts))[: len(first)] - 1
    return np.stack([starts[first], reach[last]], axis=1)


def overlapping(
    intervals: np.ndarray, start: np.ndarray | int, stop: np.ndarray | int
) -> tuple[np.ndarray, np.ndarray]:
    """Find which of some sorted, disjoint intervals overlap [start, stop): a range of indices."""
    low = np.searchsorted(intervals[:, 1], start, side="right")
    return low, np.maximum(low, np.searchsorted(intervals[:, 0], stop, side="left"))


def spread(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """List the indices of many ranges [low, high): for each, its range's number and the index.

    Parameters
    ----------
    low, high : np.ndarray, shape (N,), int64
        With ``high >= low``.

    Returns
    -------
    which, index : np.ndarray, shape (sum of lengths,), int64
    """
    counts = high - low
    which = np.repeat(np.arange(len(counts)), counts)
    before = np.cumsum(counts) - counts
    return which, np.arange(len(which)) + (low - before)[which]
