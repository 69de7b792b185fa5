"""Score a unit of work with a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vqrna.model import Model
from vqrna.prediction.calling import Rules, call, candidates
from vqrna.prediction.parts import Part, Spans
from vqrna.prediction.settings import Settings
from vqrna.prediction.tiles import TILE, Piece, Unit, fill_rows
from vqrna.segments import Block, concat_segments, region_segments
from vqrna.sequence import centre
from vqrna.sites import concat_sites
from vqrna.stats.fdr import PValueCounts

GPU_ROW = 1 << 18
"""Positions of a row on an accelerator; on a CPU a row is one tile, which fits its caches."""


def score_unit(
    model: Model, unit: Unit, settings: Settings, advance: Callable[[int], None] | None = None
) -> Part:
    """Score and call the candidates of a unit; `advance` is called with numbers of finished nt."""
    modifications = settings.modifications
    rules = Rules.of(model, settings)
    counts = PValueCounts(len(modifications))
    sites, p_values, indices = [], [], []
    total = np.zeros(len(modifications), dtype=np.int64)
    masks = [candidates(piece, modifications) for piece in unit.pieces]
    scored = [n for n, mask in enumerate(masks) if mask.any()]
    evaluated = _evaluate(model, [unit.pieces[n] for n in scored], settings, advance)
    segments = {
        n: region_segments(piece.region, len(modifications))
        for n, piece in enumerate(unit.pieces)
        if not masks[n].any()
    }
    for n, logits, ood in zip(scored, evaluated.logits, evaluated.ood, strict=True):
        total += masks[n].sum(axis=0)
        called = call(rules, unit.pieces[n], masks[n], logits, ood)
        p_values.append(called.p_values)
        indices.append(called.modification_index)
        sites.append(called.sites)
        segments[n] = called.segments
    if p_values:
        counts.add(np.concatenate(p_values), np.concatenate(indices))
    if advance is not None:
        advance(unit.nt - evaluated.tokens)  # pieces without a candidate
    opened = [piece for piece in unit.pieces if piece.opens]
    block = Block(
        concat_sites(sites), concat_segments([segments[n] for n in range(len(unit.pieces))])
    )
    if settings.best_of_part is not None:
        block = block.best_of_segments(settings.best_of_part)
    return Part(
        block.sites,
        total,
        counts,
        _spans(unit),
        unit.wanted,
        len(opened),
        sum(piece.count == 0 for piece in opened),
        evaluated.near_ties,
        evaluated.tokens,
        block.segments,
    )


@dataclass
class _Evaluated:
    """Output of a network for pieces."""

    logits: list[np.ndarray]  # (positions, M)
    ood: list[np.ndarray]  # (positions,), bool: Whether the window is out of distribution
    # near_ties, tokens: Number of tokens whose codes were nearly tied, and of all tokens
    near_ties: int = 0
    tokens: int = 0


def _evaluate(
    model: Model, pieces: list[Piece], settings: Settings, advance: Callable[[int], None] | None
) -> _Evaluated:
    """Evaluate every position of pieces, in rows of one width."""
    half = centre(model.length)
    evaluated = _Evaluated(
        [np.empty((piece.count, len(model.modifications))) for piece in pieces],
        [np.zeros(piece.count, dtype=bool) for piece in pieces],
    )
    on_cpu = model.device.type == "cpu"
    for row in fill_rows(pieces, half, TILE if on_cpu else GPU_ROW, cut=on_cpu):
        scanned = model.scan_batch(row.tokens[None], settings.precision)
        for tile in row.tiles:
            columns = slice(tile.column, tile.column + tile.count)
            positions = slice(tile.start, tile.start + tile.count)
            evaluated.logits[tile.piece][positions] = scanned.logits[0, columns]
            if scanned.ood is not None:
                evaluated.ood[tile.piece][positions] = scanned.ood[0, columns]
            evaluated.near_ties += int(scanned.near_ties[0, columns].sum())
            evaluated.tokens += tile.count
        if advance is not None:
            advance(sum(tile.count for tile in row.tiles))
    return evaluated


def _spans(unit: Unit) -> Spans:
    """Return where the positions of a unit are in their sequences."""
    filled = [piece for piece in unit.pieces if piece.count]
    count = np.array([piece.count for piece in filled], dtype=np.int64)
    first = np.array([piece.region.first for piece in filled], dtype=np.int64)
    reverse = np.array([piece.region.reverse for piece in filled], dtype=bool)
    start = np.where(reverse, first - count + 1, first)
    names = np.array([piece.region.name for piece in filled] or [""], dtype=object)[: len(filled)]
    return Spans(names, start, start + count, reverse)
