"""Score a unit of work with a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vqrna.model import Model
from vqrna.prediction.calling import Rules, call, candidates
from vqrna.prediction.parts import Part, Spans
from vqrna.prediction.settings import Settings
from vqrna.prediction.tiles import TILE, Piece, Unit, rows
from vqrna.sequence import centre
from vqrna.sites import joined
from vqrna.stats.fdr import PValueCounts

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
    for n, logits, ood in zip(worth, evaluated.logits, evaluated.ood, strict=True):
        total += allowed[n].sum(axis=0)
        called = call(rules, unit.pieces[n], allowed[n], logits, ood)
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
    """What a network says of pieces.

    Attributes
    ----------
    logits : list of np.ndarray, shape (positions, M)
    ood : list of np.ndarray, shape (positions,), bool
        Whose window is unlike the training windows.
    near_ties, tokens : int
        So many tokens were nearly tied, of so many.
    """

    logits: list[np.ndarray]
    ood: list[np.ndarray]
    near_ties: int = 0
    tokens: int = 0


def _logits(
    model: Model,
    pieces: list[Piece],
    settings: Settings,
    advance: Callable[[int], None] | None,
) -> _Evaluated:
    """Evaluate every position of pieces, in rows of one width."""
    half = centre(model.length)
    found = _Evaluated(
        [np.empty((p.stretch.stop - p.stretch.start, len(model.modifications))) for p in pieces],
        [np.zeros(p.stretch.stop - p.stretch.start, dtype=bool) for p in pieces],
    )
    on_cpu = model.device.type == "cpu"
    for row in rows(pieces, half, TILE if on_cpu else AT_ONCE, cut=on_cpu):
        scanned = model.scan_batch(row.tokens[None], settings.precision)
        for place in row.places:
            there = slice(place.column, place.column + place.count)
            here = slice(place.begin, place.begin + place.count)
            found.logits[place.piece][here] = scanned.logits[0, there]
            if scanned.ood is not None:
                found.ood[place.piece][here] = scanned.ood[0, there]
            found.near_ties += int(scanned.near_ties[0, there].sum())
            found.tokens += place.count
        if advance is not None:
            advance(sum(place.count for place in row.places))
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
