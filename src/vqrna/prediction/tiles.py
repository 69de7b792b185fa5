"""Cut the regions of a source into pieces, units of work, and rows of tiles.

- A *region* is a sequence of which some positions are evaluated (:class:`vqrna.region.Region`).
- A *piece* is up to `PIECE` positions of one region, with their context; its sites are called
  together.
- A *tile* is up to `TILE` positions of one piece.
- A *row* is what the network evaluates at once: tiles of several pieces side by side, so that few
  columns are empty.
- A *unit* is the pieces that a worker scores in one go; its result is a *part*
  (:class:`vqrna.prediction.parts.Part`). A *shard* is every n-th unit.

A sequence of 600,000 nt is one region, three pieces of 262,144, 262,144 and 75,712 positions, and
16 + 16 + 5 tiles. A hundred transcripts of 2,000 nt are a hundred regions, pieces and tiles, which
share the rows of one unit.

Pieces and units depend only on the sequences and their order, never on the number of workers, a
batch size or earlier results. So the results do not depend on these either.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from vqrna.region import Region
from vqrna.sequence import AMBIGUOUS

TILE = 1 << 14
"""Maximum number of positions of a tile."""

PIECE = 16 * TILE
"""Maximum number of positions of a piece."""

STEP = 128
"""The last row of a unit is cut to a multiple of this."""

SHORT = 128
"""Longest sequence, in nt, whose output is kept in case that the same sequence follows."""

REMEMBERED = 1 << 19
"""Positions of short sequences whose outputs are kept: those of all sequences of 8 bases."""

REPEATED = 32
"""Work of a sequence that need not be evaluated again, beside that of its positions, in columns of
the network. It bounds the number of short sequences in a unit."""


@dataclass(frozen=True, eq=False)
class Piece:
    """Consecutive positions of a region."""

    region: Region  # The piece; its `tokens` have only the context that the positions need
    opens: bool  # Whether it is the first piece of its region

    @property
    def count(self) -> int:
        """Number of positions that are evaluated."""
        return self.region.stop - self.region.start

    @property
    def short_sequence(self) -> bytes | None:
        """The letters of a whole sequence of at most `SHORT` nt, on which its output depends."""
        region = self.region
        count = len(region.tokens)
        whole = region.stop - region.start == count and not (region.before or region.after)
        return region.tokens.tobytes() if whole and 0 < count <= SHORT else None

    def tiles(self) -> Iterator[tuple[int, int]]:
        """Yield first position (in ``region.tokens``) and number of positions of each tile."""
        for start in range(self.region.start, self.region.stop, TILE):
            yield start, min(TILE, self.region.stop - start)


@dataclass(frozen=True, eq=False)
class Unit:
    """Pieces that one worker scores in one go."""

    number: int  # Index among all units
    pieces: tuple[Piece, ...]

    @property
    def nt(self) -> int:
        """Number of positions that are evaluated."""
        return sum(piece.count for piece in self.pieces)

    @property
    def wanted(self) -> int:
        """Number of positions whose sites are reported."""
        wanted = [(piece.count, piece.region.wanted) for piece in self.pieces]
        return sum(count if mask is None else int(mask.sum()) for count, mask in wanted)

    @cached_property
    def digest(self) -> str:
        """Digest (BLAKE2, 32 digits) of all that the result depends on, besides the model."""
        regions = [piece.region for piece in self.pieces]
        numbers = [
            (len(r.tokens), r.start, r.stop, r.first, r.reverse, r.before, r.after) for r in regions
        ]
        opens = [piece.opens for piece in self.pieces]
        digest = hashlib.blake2b(np.array(numbers, dtype=np.int64).tobytes(), digest_size=16)
        digest.update(np.array(opens).tobytes())
        digest.update("\n".join(region.name for region in regions).encode("utf-8", "replace"))
        digest.update(np.concatenate([region.tokens for region in regions]).tobytes())
        for number, region in enumerate(regions):
            if region.wanted is not None:
                digest.update(f"wanted {number}\n".encode())
                digest.update(np.packbits(region.wanted).tobytes())
            if len(region.cuts):
                digest.update(f"cuts {number} {len(region.cuts)}\n".encode())
                digest.update(region.cuts.tobytes())
            for symbol in sorted(region.only):
                positions = np.asarray(region.only[symbol], dtype=np.int64)
                digest.update(f"only {number} {symbol} {len(positions)}\n".encode())
                digest.update(positions.tobytes())
        return digest.hexdigest()


def cut_pieces(region: Region, reach: int) -> Iterator[Piece]:
    """Cut a region into pieces of `PIECE` positions; an empty region has one empty piece.

    `reach` is the number of nt on either side that the result at a position depends on.
    """
    total = len(region.tokens)
    if (
        region.stop - region.start <= PIECE
        and region.start <= reach
        and total - region.stop <= reach
        and not len(region.cuts)
    ):
        yield Piece(region, opens=True)  # most sequences are short: no copy for each
        return
    for start in range(region.start, max(region.stop, region.start + 1), PIECE):
        stop = min(start + PIECE, region.stop)
        offset, end = max(0, start - reach), min(total, stop + reach)
        done = start - region.start
        wanted = None
        if region.wanted is not None:
            wanted = region.wanted[done : stop - region.start]
        cut = Region(
            region.name,
            region.tokens[offset:end],
            start - offset,
            stop - offset,
            region.first + (-done if region.reverse else done),
            region.reverse,
            wanted,
            {symbol: positions - offset for symbol, positions in region.only.items()},
            region.before + offset,
            region.after + total - end,
            region.cuts[(region.cuts > start) & (region.cuts < stop)] - offset,
        )
        yield Piece(cut, start == region.start)


def cut_units(regions: Iterable[Region], half: int, reach: int) -> Iterator[Unit]:
    """Collect pieces until they are about as much work as a whole one.

    Parameters
    ----------
    half : int
        Context of a tile on either side, which neighbouring tiles share where it is empty. It
        counts as work: many short sequences fill a unit sooner, unless they were in it or in a
        recent one already.
    reach : int
        See :func:`cut_pieces`.
    """
    number, taken, work = 0, list[Piece](), 0
    recent, positions = set[bytes](), 0
    for region in regions:
        for piece in cut_pieces(region, reach):
            taken.append(piece)
            short = piece.short_sequence
            if short is None:
                work += 1 + sum(count + half for _, count in piece.tiles())
            elif short in recent:
                work += min(REPEATED, 1 + half) + piece.count
            else:
                work += 1 + half + piece.count
                positions += piece.count
                if positions > REMEMBERED:
                    recent, positions = set(), piece.count
                recent.add(short)
            if work >= PIECE:
                yield Unit(number, tuple(taken))
                number, taken, work = number + 1, [], 0
    if taken:
        yield Unit(number, tuple(taken))


@dataclass(frozen=True)
class PlacedTile:
    """A tile in a row."""

    piece: int  # Index of the piece
    # start, count: Positions of the tile, counted from the first of the piece
    start: int
    count: int
    column: int  # Column of the first of them among the positions of the row


@dataclass(frozen=True, eq=False)
class Row:
    """Tiles side by side, evaluated at once."""

    tokens: np.ndarray  # (positions + 2 * half,), uint8
    tiles: list[PlacedTile]


def fill_rows(
    pieces: Sequence[Piece], half: int, positions: int = TILE, *, cut: bool = True
) -> Iterator[Row]:
    """Fill rows with the tiles of pieces, in order.

    A tile has `half` columns of context on either side, `AMBIGUOUS` beyond the ends of its
    sequence. Such empty columns after a tile may be those before the next one: no position sees
    more of them than its window holds.

    Parameters
    ----------
    positions : int
        Width of a row, without the context on both sides; at least `TILE`.
    cut : bool
        Whether to cut the last row to the columns in use (a multiple of `STEP`).
    """
    width = positions + 2 * half
    row, tiles, end, empty = _empty_row(width), list[PlacedTile](), 0, 0
    for number, piece in enumerate(pieces):
        tokens = piece.region.tokens
        for start, count in piece.tiles():
            left, right = max(0, half - start), max(0, start + count + half - len(tokens))
            first = end - min(empty, left)
            if first + count + 2 * half > width:
                yield Row(row, tiles)
                row, tiles, first = _empty_row(width), [], 0
            seen = tokens[max(0, start - half) : start + count + half]
            row[first + left : first + left + len(seen)] = seen
            tiles.append(PlacedTile(number, start - piece.region.start, count, first))
            end, empty = first + count + 2 * half, right
    if tiles:
        if cut:
            row = row[: min(width, -(-(end - 2 * half) // STEP) * STEP + 2 * half)]
        yield Row(row, tiles)


def _empty_row(width: int) -> np.ndarray:
    return np.full(width, AMBIGUOUS, dtype=np.uint8)
