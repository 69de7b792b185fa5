"""Lay tiles of many sequences side by side in rows of one width, so that little is left empty."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from vqrna.prediction.tiles import TILE, Piece
from vqrna.sequence import AMBIGUOUS

STEP = 128
"""The last row of a unit is cut to a multiple of this."""


@dataclass(frozen=True)
class Place:
    """Where the positions of a tile stand in a row.

    Parameters
    ----------
    piece : int
        Which piece.
    begin, count : int
        Its positions, counted from its first.
    column : int
        Where the first of them stands among the positions of the row.
    """

    piece: int
    begin: int
    count: int
    column: int


@dataclass(frozen=True, eq=False)
class Row:
    """Sequence that is evaluated in one go.

    Parameters
    ----------
    tokens : np.ndarray, shape (positions + 2 * half,), uint8
    places : list of Place
    """

    tokens: np.ndarray
    places: list[Place]


def rows(
    pieces: Sequence[Piece], half: int, positions: int = TILE, *, cut: bool = True
) -> Iterator[Row]:
    """Fill rows with tiles, in order.

    A tile comes with `half` columns of context on either side, `AMBIGUOUS` beyond the ends of its
    sequence. Where the context of a tile ends so, that of the next one may begin with the same
    columns: no position sees more of them than its window holds.

    Parameters
    ----------
    pieces : sequence of Piece
    half : int
    positions : int
        Width of a row, without the context on both sides; at least `TILE`.
    cut : bool
        Whether the last row is narrower if that is enough.
    """
    width = positions + 2 * half
    row, places, end, empty = _blank(width), list[Place](), 0, 0
    for number, piece in enumerate(pieces):
        tokens = piece.stretch.tokens
        for at, count in piece.tiles():
            left, right = max(0, half - at), max(0, at + count + half - len(tokens))
            first = end - min(empty, left)
            if first + count + 2 * half > width:
                yield Row(row, places)
                row, places, first = _blank(width), [], 0
            seen = tokens[max(0, at - half) : at + count + half]
            row[first + left : first + left + len(seen)] = seen
            places.append(Place(number, at - piece.stretch.start, count, first))
            end, empty = first + count + 2 * half, right
    if places:
        if cut:
            row = row[: min(width, -(-(end - 2 * half) // STEP) * STEP + 2 * half)]
        yield Row(row, places)


def _blank(width: int) -> np.ndarray:
    return np.full(width, AMBIGUOUS, dtype=np.uint8)
