"""Cut what is to be scanned of a genome into pieces, each strand once, in an order to be merged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vqrna.genome.coordinates import key_of, overlapping, place_on, spread, union
from vqrna.genome.transcripts import Transcripts

WINDOW = 1 << 17
"""Nt of a window, at most: the sites of a window are put in order together."""


@dataclass(frozen=True, eq=False)
class Pieces:
    """Pieces of strands, window by window: forward ones rising, then reverse ones falling.

    Windows are disjoint and rise along the genome, so that no site of a later window lies before
    one of an earlier window. A piece is a run of wanted intervals (exons) with little between.

    Attributes
    ----------
    starts, stops : np.ndarray, shape (P,), int64
        Places.
    reverse : np.ndarray, shape (P,), bool
    wanted : np.ndarray, shape (W, 2), int64
        Intervals of places that count, by piece, rising within each.
    first : np.ndarray, shape (P + 1,), int64
        Those of piece i are ``wanted[first[i]:first[i + 1]]``.
    windows : np.ndarray, shape (N,), int64
        First place of each window.
    """

    starts: np.ndarray
    stops: np.ndarray
    reverse: np.ndarray
    wanted: np.ndarray
    first: np.ndarray
    windows: np.ndarray

    def __len__(self) -> int:
        return len(self.starts)


def strands(transcripts: Transcripts, which: np.ndarray | slice = slice(None)) -> np.ndarray:
    """Join the blocks of transcripts, by strand.

    Parameters
    ----------
    transcripts : Transcripts
    which : np.ndarray or slice
        Of which transcripts.

    Returns
    -------
    np.ndarray, shape (M, 2), int64
        Keys, rising, disjoint.
    """
    numbers = np.arange(len(transcripts))[which]
    owner, index = spread(transcripts.first[numbers], transcripts.first[numbers + 1])
    reverse = transcripts.reverse[numbers][owner]
    blocks = transcripts.blocks[index]
    return union(key_of(blocks[:, 0], reverse), key_of(blocks[:, 1], reverse))


def cut(transcripts: Transcripts, flank: int) -> Pieces:
    """Cut the blocks of all transcripts into pieces.

    A piece costs the model its length and `flank` on both sides. Two exons are one piece where
    what lies between them is no longer than the two flanks that this saves.

    Parameters
    ----------
    transcripts : Transcripts
    flank : int
        Nt of context.
    """
    lines = strands(transcripts)
    places, backward = place_on(lines[:, 0])
    stops = places + lines[:, 1] - lines[:, 0]
    borders = _windows(union(places, stops))
    # Cut each interval where a window ends.
    low, high = overlapping(borders, places, stops)
    line, number = spread(low, high)
    starts = np.maximum(places[line], borders[number, 0])
    stops = np.minimum(stops[line], borders[number, 1])
    reverse = backward[line]
    order = np.lexsort((starts, reverse, number))
    starts, stops, reverse, number = (x[order] for x in (starts, stops, reverse, number))
    opens = np.ones(len(starts), dtype=bool)
    opens[1:] = (
        (number[1:] != number[:-1])
        | (reverse[1:] != reverse[:-1])
        | (starts[1:] - stops[:-1] > 2 * flank)
    )
    first = np.append(np.flatnonzero(opens), len(starts))
    begin, end = starts[first[:-1]], stops[first[1:] - 1]
    back = reverse[first[:-1]]
    order = np.lexsort((np.where(back, -begin, begin), back, number[first[:-1]]))
    _, index = spread(first[order], first[order + 1])
    counts = np.diff(first)[order]
    return Pieces(
        begin[order],
        end[order],
        back[order],
        np.stack([starts[index], stops[index]], axis=1),
        np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)]),
        borders[:, 0],
    )


def _windows(intervals: np.ndarray) -> np.ndarray:
    """Lay windows over sorted, disjoint intervals; only what is longer than a window is cut."""
    found: list[tuple[int, int]] = []
    low = high = None
    for start, stop in intervals.tolist():
        if low is not None and stop - low <= WINDOW:
            high = stop
            continue
        if low is not None and high is not None:
            found.append((low, high))
        while stop - start > WINDOW:
            found.append((start, start + WINDOW))
            start += WINDOW
        low, high = start, stop
    if low is not None and high is not None:
        found.append((low, high))
    return np.array(found, dtype=np.int64).reshape(-1, 2)
