"""Score a unit of work with a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from vqrna.model import Model
from vqrna.prediction.calling import CallingRules, call
from vqrna.prediction.parts import Part, Spans
from vqrna.prediction.piece_batch import PieceBatch, group_pieces
from vqrna.prediction.settings import Settings
from vqrna.prediction.short_sequences import Outputs, ShortSequences, spread
from vqrna.prediction.tiles import TILE, Piece, Unit, fill_rows
from vqrna.segments import Block, concat_segments
from vqrna.sequence import centre
from vqrna.sites import concat_sites
from vqrna.stats.fdr import PValueCounts

GPU_ROW = 1 << 18
"""Positions of a row on an accelerator; on a CPU a row is one tile, which fits its caches."""


def score_unit(
    model: Model,
    unit: Unit,
    settings: Settings,
    advance: Callable[[int], None] | None = None,
    short: ShortSequences | None = None,
) -> Part:
    """Score and call the candidates of a unit.

    Parameters
    ----------
    advance : callable, optional
        Called with numbers of finished nt.
    short : ShortSequences, optional
        Outputs of this model, at this precision, for sequences of other units.
    """
    modifications = settings.modifications
    rules = CallingRules.of(model, settings)
    batches = [PieceBatch.of(group, modifications) for group in group_pieces(unit.pieces)]
    masks = [batch.candidates(modifications) for batch in batches]
    scored = [
        np.bincount(batch.piece[mask.any(axis=1)], minlength=len(batch.pieces)) > 0
        for batch, mask in zip(batches, masks, strict=True)
    ]
    outputs, evaluated = _evaluate(
        model, unit.pieces, np.concatenate(scored), settings, advance, short
    )
    called, first = [], 0
    for batch, mask in zip(batches, masks, strict=True):
        rows = slice(first, first + len(mask))
        called.append(call(rules, batch, mask, outputs.logits[rows], outputs.ood[rows]))
        first += len(mask)
    counts = PValueCounts(len(modifications))
    counts.add(
        np.concatenate([each.p_values for each in called]),
        np.concatenate([each.modification_index for each in called]),
    )
    opened = [piece for piece in unit.pieces if piece.opens]
    block = Block(
        concat_sites(each.sites for each in called),
        concat_segments([each.segments for each in called]),
    )
    if settings.best_of_part is not None:
        block = block.best_of_segments(settings.best_of_part)
    return Part(
        block.sites,
        np.sum([mask.sum(axis=0) for mask in masks], axis=0),
        counts,
        _spans(unit),
        unit.wanted,
        len(opened),
        sum(piece.count == 0 for piece in opened),
        int(outputs.near_ties.sum()),
        evaluated,
        block.segments,
    )


def _evaluate(
    model: Model,
    pieces: Sequence[Piece],
    scored: np.ndarray,
    settings: Settings,
    advance: Callable[[int], None] | None,
    short: ShortSequences | None,
) -> tuple[Outputs, int]:
    """Evaluate the positions of pieces, each short sequence once.

    Parameters
    ----------
    scored : np.ndarray, shape (P,), bool
        Which pieces to evaluate. The logits of the others are not set.

    Returns
    -------
    outputs : Outputs
        Of all positions, in order.
    evaluated : int
        Number of positions of the scored pieces.
    """
    count = np.array([piece.count for piece in pieces], dtype=np.int64)
    first = np.cumsum(count) - count
    outputs = Outputs.empty(int(count.sum()), len(model.modifications))
    short = short or ShortSequences(len(model.modifications))
    fresh, copies, originals = [], [], []
    original: dict[bytes, int] = {}
    for number in np.flatnonzero(scored).tolist():
        key = pieces[number].short_sequence
        if key is None:
            fresh.append(number)
            continue
        same = original.setdefault(key, number)
        if same != number:
            copies.append(number)
            originals.append(same)
    keys, numbers = list(original), np.array([*original.values()], dtype=np.int64)
    known, recalled = short.recall(keys)
    outputs.put(spread(first[numbers[known]], count[numbers[known]]), recalled)
    new = numbers[~known]
    evaluated = sorted([*fresh, *new.tolist()])
    _run_network(
        model, [pieces[n] for n in evaluated], first[evaluated], outputs, settings, advance
    )
    new_keys = [key for key, is_known in zip(keys, known.tolist(), strict=True) if not is_known]
    short.add(new_keys, outputs.take(spread(first[new], count[new])))
    outputs.put(
        spread(first[copies], count[copies]),
        outputs.take(spread(first[originals], count[originals])),
    )
    if advance is not None:  # copies and pieces without a candidate
        advance(int(count.sum() - count[evaluated].sum()))
    return outputs, int(count[scored].sum())


def _run_network(
    model: Model,
    pieces: list[Piece],
    first: np.ndarray,
    outputs: Outputs,
    settings: Settings,
    advance: Callable[[int], None] | None,
) -> None:
    """Evaluate every position of pieces in rows of one width, into `outputs` from `first` on."""
    half = centre(model.length)
    on_cpu = model.device.type == "cpu"
    starts = first.tolist()
    for row in fill_rows(pieces, half, TILE if on_cpu else GPU_ROW, cut=on_cpu):
        scanned = model.scan_batch(row.tokens[None], settings.precision, letters_only=True)
        for tile in row.tiles:
            columns = slice(tile.column, tile.column + tile.count)
            start = starts[tile.piece] + tile.start
            positions = slice(start, start + tile.count)
            outputs.logits[positions] = scanned.logits[0, columns]
            if scanned.ood is not None:
                outputs.ood[positions] = scanned.ood[0, columns]
            outputs.near_ties[positions] = scanned.near_ties[0, columns]
        if advance is not None:
            advance(sum(tile.count for tile in row.tiles))


def _spans(unit: Unit) -> Spans:
    """Return where the positions of a unit are in their sequences."""
    filled = [piece for piece in unit.pieces if piece.count]
    count = np.array([piece.count for piece in filled], dtype=np.int64)
    first = np.array([piece.region.first for piece in filled], dtype=np.int64)
    reverse = np.array([piece.region.reverse for piece in filled], dtype=bool)
    start = np.where(reverse, first - count + 1, first)
    names = np.array([piece.region.name for piece in filled] or [""], dtype=object)[: len(filled)]
    return Spans(names, start, start + count, reverse)
