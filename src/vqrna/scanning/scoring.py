"""Score a unit of work with a model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vqrna.multiple import PValueCounts
from vqrna.scanning.calling import Rules, call, candidates
from vqrna.scanning.parts import Part, Spans
from vqrna.scanning.pieces import Piece, Unit
from vqrna.scanning.settings import Settings
from vqrna.sequence import centre
from vqrna.sites import joined
from vqrna.trained import Model


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
    tell = advance or (lambda nt: None)
    rules = Rules.of(model, settings)
    counts = PValueCounts(len(kinds))
    found, p_values, of_kind = [], [], []
    total = np.zeros(len(kinds), dtype=np.int64)
    for piece in unit.pieces:
        candidate = candidates(piece, kinds)
        total += candidate.sum(axis=0)
        if candidate.any():
            logits = _logits(model, piece, tell)
            called = call(rules, piece, candidate, logits)
            p_values.append(called.p_values)
            of_kind.append(called.kinds)
            found.append(called.sites)
        else:
            tell(len(candidate))
    if p_values:
        counts.add(np.concatenate(p_values), np.concatenate(of_kind))
    opened = [piece for piece in unit.pieces if piece.opens]
    return Part(
        joined(found),
        total,
        counts,
        _spans(unit),
        unit.nt,
        len(opened),
        sum(piece.stretch.stop == piece.stretch.start for piece in opened),
    )


def _logits(model: Model, piece: Piece, tell: Callable[[int], None]) -> np.ndarray:
    """Evaluate every position of a piece, shape (positions, M), tile by tile."""
    stretch, half = piece.stretch, centre(model.length)
    found = []
    for at, width in piece.tiles():
        row = piece.columns(at, width, half)
        count = min(width, stretch.stop - at)
        found.append(model.scan(row, half, half + width)[:count])
        tell(count)
    return np.concatenate(found)


def _spans(unit: Unit) -> Spans:
    """Tell where the positions of a unit lie in their sequences."""
    filled = [p.stretch for p in unit.pieces if p.stretch.stop > p.stretch.start]
    count = np.array([s.stop - s.start for s in filled], dtype=np.int64)
    first = np.array([s.first for s in filled], dtype=np.int64)
    reverse = np.array([s.reverse for s in filled], dtype=bool)
    start = np.where(reverse, first - count + 1, first)
    names = np.array([s.name for s in filled] or [""], dtype=object)[: len(filled)]
    return Spans(names, start, start + count, reverse)
