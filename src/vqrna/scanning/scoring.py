"""Score a unit of work with a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vqrna.multiple import PValueCounts
from vqrna.scanning.calling import Rules, call, candidates
from vqrna.scanning.parts import Part, Spans
from vqrna.scanning.pieces import Piece, Unit
from vqrna.scanning.settings import Settings
from vqrna.sequence import AMBIGUOUS, centre
from vqrna.sites import joined
from vqrna.trained import Model

AT_ONCE = 1 << 18
"""Positions in one go on an accelerator; on a CPU it is one tile, for the sake of its caches."""


def score_unit(
    model: Model, unit: Unit, settings: Settings, advance: Callable[[int], None] | None = None
) -> Part:
    """Score and call the candidates of a unit.

    Parameters
    ----------
    model : Model
    unit : Unit
    settings : Settings
    advance : callable, optional
        Is told how many nt are done.
    """
    kinds = settings.modifications
    rules = Rules.of(model, settings)
    counts = PValueCounts(len(kinds))
    found, p_values, of_kind = [], [], []
    total = np.zeros(len(kinds), dtype=np.int64)
    allowed = [candidates(piece, kinds) for piece in unit.pieces]
    worth = [n for n, candidate in enumerate(allowed) if candidate.any()]
    evaluated = _logits(model, [unit.pieces[n] for n in worth], settings, advance)
    for n, logits in zip(worth, evaluated.logits, strict=True):
        total += allowed[n].sum(axis=0)
        called = call(rules, unit.pieces[n], allowed[n], logits)
        p_values.append(called.p_values)
        of_kind.append(called.kinds)
        found.append(called.sites)
    if p_values:
        counts.add(np.concatenate(p_values), np.concatenate(of_kind))
    if advance is not None:
        advance(unit.nt - evaluated.tokens)  # where nothing can be modified
    opened = [piece for piece in unit.pieces if piece.opens]
    return Part(
        joined(found),
        total,
        counts,
        _spans(unit),
        unit.wanted,
        len(opened),
        sum(piece.stretch.stop == piece.stretch.start for piece in opened),
        evaluated.near_ties,
        evaluated.tokens,
    )


@dataclass
class _Evaluated:
    """Logits of pieces, (positions, M) each, and how many of their tokens were nearly tied."""

    logits: list[np.ndarray]
    near_ties: int = 0
    tokens: int = 0


def _logits(
    model: Model,
    pieces: list[Piece],
    settings: Settings,
    advance: Callable[[int], None] | None,
) -> _Evaluated:
    """Evaluate every position of pieces in tiles of few shapes."""
    half = centre(model.length)
    found = _Evaluated(
        [np.empty((p.stretch.stop - p.stretch.start, len(model.modifications))) for p in pieces]
    )
    by_width: dict[int, list[tuple[int, int]]] = {}
    for n, piece in enumerate(pieces):
        for at, width in piece.tiles():
            by_width.setdefault(width, []).append((n, at))
    for width, tiles in by_width.items():
        rows = 1 if model.device.type == "cpu" else max(1, AT_ONCE // width)
        for first in range(0, len(tiles), rows):
            some = tiles[first : first + rows]
            columns = np.full((rows, width + 2 * half), AMBIGUOUS, dtype=np.uint8)
            for row, (n, at) in enumerate(some):
                columns[row] = pieces[n].columns(at, width, half)
            scanned = model.scan_batch(columns, settings.precision)
            for row, (n, at) in enumerate(some):
                begin = at - pieces[n].stretch.start
                count = min(width, len(found.logits[n]) - begin)
                found.logits[n][begin : begin + count] = scanned.logits[row, :count]
                found.near_ties += int(scanned.near_ties[row, :count].sum())
                found.tokens += count
                if advance is not None:
                    advance(count)
    return found


def _spans(unit: Unit) -> Spans:
    """Tell where the positions of a unit lie in their sequences."""
    filled = [p.stretch for p in unit.pieces if p.stretch.stop > p.stretch.start]
    count = np.array([s.stop - s.start for s in filled], dtype=np.int64)
    first = np.array([s.first for s in filled], dtype=np.int64)
    reverse = np.array([s.reverse for s in filled], dtype=bool)
    start = np.where(reverse, first - count + 1, first)
    names = np.array([s.name for s in filled] or [""], dtype=object)[: len(filled)]
    return Spans(names, start, start + count, reverse)
