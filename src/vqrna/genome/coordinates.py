"""Genome offsets: one whole number for a position of a genome, and sorted intervals of them.

A genome offset is ``chromosome << 40 | position``, with the number of the chromosome in the genome
and the 0-based position, so that intervals of two chromosomes never touch. A strand offset has the
strand in a further bit: all offsets of the reverse strand follow those of the forward strand.
"""

from __future__ import annotations

import numpy as np

_BITS = 40
_POSITION = (1 << _BITS) - 1
_REVERSE = 62

MAX_SEQUENCES = 1 << (_REVERSE - _BITS)
"""A genome must have fewer sequences than this."""


def genome_offset(chromosome: np.ndarray | int, position: np.ndarray | int) -> np.ndarray:
    """Return the genome offsets of 0-based positions, int64."""
    return (np.asarray(chromosome, dtype=np.int64) << _BITS) + position


def chromosome_of(offset: np.ndarray) -> np.ndarray:
    """Return the number of the chromosome."""
    return offset >> _BITS


def position_of(offset: np.ndarray) -> np.ndarray:
    """Return the 0-based position on the chromosome."""
    return offset & _POSITION


def strand_offset(offset: np.ndarray, reverse: np.ndarray) -> np.ndarray:
    """Add the strand to genome offsets."""
    return offset + (np.asarray(reverse, dtype=np.int64) << _REVERSE)


def split_strand(offset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return genome offset and strand (True for reverse) of strand offsets."""
    reverse = offset >> _REVERSE
    return offset - (reverse << _REVERSE), reverse.astype(bool)


def merge_intervals(starts: np.ndarray, stops: np.ndarray, gap: int = 0) -> np.ndarray:
    """Merge half-open intervals that overlap, touch, or are `gap` or less apart.

    Parameters
    ----------
    starts, stops : np.ndarray, shape (N,), int64
        Genome or strand offsets, in any order.

    Returns
    -------
    np.ndarray, shape (M, 2), int64
        Sorted, disjoint.
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
    """Return the range of indices of sorted, disjoint intervals that overlap [start, stop)."""
    low = np.searchsorted(intervals[:, 1], start, side="right")
    return low, np.maximum(low, np.searchsorted(intervals[:, 0], stop, side="left"))


def expand_ranges(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """List all indices in many ranges [low, high).

    Parameters
    ----------
    low, high : np.ndarray, shape (N,), int64
        With ``high >= low``.

    Returns
    -------
    ranges, indices : np.ndarray, shape (sum of lengths,), int64
        Number of the range, and index in it.
    """
    counts = high - low
    ranges = np.repeat(np.arange(len(counts)), counts)
    before = np.cumsum(counts) - counts
    return ranges, np.arange(len(ranges)) + (low - before)[ranges]
