"""Cut what is to be scanned into pieces and units of work: the same input, the same cuts.

Whatever is cut here depends on the sequences alone, in their order, and never on how many workers
there are, on a batch size or on what was finished before: so the results do not, either.

Lay tiles of many sequences side by side in rows of one width, so that little is left empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from vqrna.region import Region
from vqrna.sequence import AMBIGUOUS

TILE = 1 << 14
"""Positions of one sequence that a network evaluates at once: a long sequence is cut into tiles."""

PIECE = 16 * TILE
"""Positions of one sequence that are scored before their calls are picked out."""


@dataclass(frozen=True, eq=False)
class Piece:
    """Positions of a stretch with the context that they are judged in.

    Attributes
    ----------
    stretch : Region
        The piece, its `tokens` being no more than the context.
    opens : bool
        Whether it is the first piece of its stretch.
    """

    stretch: Region
    opens: bool

    def tiles(self) -> Iterator[tuple[int, int]]:
        """Give first position (of ``stretch.tokens``) and number of positions of each tile."""
        for at in range(self.stretch.start, self.stretch.stop, TILE):
            yield at, min(TILE, self.stretch.stop - at)


@dataclass(frozen=True, eq=False)
class Unit:
    """Pieces that one worker scores in one go.

    Attributes
    ----------
    number : int
        Its place among all units.
    pieces : tuple of Piece
    """

    number: int
    pieces: tuple[Piece, ...]

    @property
    def nt(self) -> int:
        """How many positions are evaluated."""
        return sum(piece.stretch.stop - piece.stretch.start for piece in self.pieces)

    @property
    def wanted(self) -> int:
        """How many of them count."""
        return sum(
            p.stretch.stop - p.stretch.start
            if p.stretch.wanted is None
            else int(p.stretch.wanted.sum())
            for p in self.pieces
        )


def pieces(stretch: Region, reach: int) -> Iterator[Piece]:
    """Cut a stretch into pieces of `PIECE` positions, counted from its first.

    Parameters
    ----------
    stretch : Region
    reach : int
        How many nt beside a position bear on it.
    """
    total = len(stretch.tokens)
    for start in range(stretch.start, max(stretch.stop, stretch.start + 1), PIECE):
        stop = min(start + PIECE, stretch.stop)
        offset, end = max(0, start - reach), min(total, stop + reach)
        done = start - stretch.start
        wanted = None
        if stretch.wanted is not None:
            wanted = stretch.wanted[done : stop - stretch.start]
        cut = Region(
            stretch.name,
            stretch.tokens[offset:end],
            start - offset,
            stop - offset,
            stretch.first + (-done if stretch.reverse else done),
            stretch.reverse,
            wanted,
            {symbol: at - offset for symbol, at in stretch.only.items()},
            stretch.before + offset,
            stretch.after + total - end,
        )
        yield Piece(cut, start == stretch.start)


def units(stretches: Iterable[Region], half: int, reach: int) -> Iterator[Unit]:
    """Put pieces together until they are about as much work as a whole one.

    Parameters
    ----------
    stretches : iterable of Region
    half : int
        Context of a tile on either side, which two tiles share where it is empty. It is work, too:
        many short sequences make a unit sooner.
    reach : int
        See :func:`pieces`.
    """
    number, taken, work = 0, [], 0
    for stretch in stretches:
        for piece in pieces(stretch, reach):
            taken.append(piece)
            work += 1 + sum(count + half for _, count in piece.tiles())
            if work >= PIECE:
                yield Unit(number, tuple(taken))
                number, taken, work = number + 1, [], 0
    if taken:
        yield Unit(number, tuple(taken))


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
