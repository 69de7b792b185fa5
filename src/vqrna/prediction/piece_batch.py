"""Pieces side by side in one array, so that short sequences are handled many at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from vqrna.modifications import Modification
from vqrna.prediction import tiles
from vqrna.prediction.adapter import ADAPTER
from vqrna.prediction.tiles import Piece
from vqrna.sequence import AMBIGUOUS


@dataclass(frozen=True, eq=False)
class PieceBatch:
    """P pieces with N evaluated positions, in order.

    The letters of all pieces are in one array. Ambiguous letters after each piece have the effect
    of the end of a sequence: no rule that looks at neighbours of a position sees another piece.
    """

    pieces: Sequence[Piece]
    tokens: np.ndarray  # (T,), uint8
    # begin, end: (P,), int64: Letters of each piece in `tokens`, half-open
    begin: np.ndarray
    end: np.ndarray
    piece: np.ndarray  # (N,), int64: Piece of each position
    along: np.ndarray  # (N,), int64: Number of each position, counted from the first of its piece
    at: np.ndarray  # (N,), int64: Index of each position in `tokens`

    @classmethod
    def of(cls, pieces: Sequence[Piece], modifications: Sequence[Modification]) -> PieceBatch:
        """Join pieces for the rules of modifications."""
        gap = max(len(ADAPTER), *(len(m.context) for m in modifications))
        space = np.full(gap, AMBIGUOUS, dtype=np.uint8)
        regions = [piece.region for piece in pieces]
        tokens = np.concatenate([part for r in regions for part in (r.tokens, space)])
        length = np.array([len(r.tokens) for r in regions], dtype=np.int64)
        start = np.array([r.start for r in regions], dtype=np.int64)
        count = np.array([r.stop for r in regions], dtype=np.int64) - start
        end = np.cumsum(length + gap) - gap
        begin = end - length
        piece = np.repeat(np.arange(len(pieces)), count)
        along = np.arange(len(piece)) - np.repeat(np.cumsum(count) - count, count)
        return cls(
            pieces, tokens, begin, end, piece, along, along + np.repeat(begin + start, count)
        )

    def candidates(self, modifications: Sequence[Modification]) -> np.ndarray:
        """Return which positions can carry which modification, shape (N, K), bool."""
        mask = np.empty((len(self.at), len(modifications)), dtype=bool)
        for k, m in enumerate(modifications):
            mask[:, k] = m.candidates(self.tokens)[self.at]
        symbols = {m.symbol: k for k, m in enumerate(modifications)}
        first = np.searchsorted(self.piece, np.arange(len(self.pieces) + 1)).tolist()
        for number, piece in enumerate(self.pieces):
            region = piece.region
            if region.wanted is None and not region.only:
                continue
            rows = mask[first[number] : first[number + 1]]
            if region.wanted is not None:
                rows &= region.wanted[:, None]
            for symbol, at in region.only.items():
                if symbol not in symbols:
                    continue
                positions = at - region.start
                allowed = np.zeros(len(rows), dtype=bool)
                allowed[positions[(positions >= 0) & (positions < len(rows))]] = True
                rows[:, symbols[symbol]] &= allowed
        return mask


def group_pieces(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Split pieces into groups of at most `PIECE` positions each, in order."""
    group, positions = list[Piece](), 0
    for piece in pieces:
        if group and positions + piece.count > tiles.PIECE:
            yield group
            group, positions = [], 0
        group.append(piece)
        positions += piece.count
    if group:
        yield group
