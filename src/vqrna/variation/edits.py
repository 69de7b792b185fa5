"""Effects of one edit of a sequence in memory, for all candidates that it reaches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vqrna.model.edited import EditedScan, TokenEdit
from vqrna.sequence import AMBIGUOUS, centre
from vqrna.stats.scan_calibration import window_kinds
from vqrna.variation.alleles import Allele, normalise, shift_right
from vqrna.variation.effects import Alignment, Effects, Haplotype, align_haplotypes, compare
from vqrna.variation.settings import Rules


@dataclass(frozen=True, eq=False)
class EditEffects:
    """A sequence before and after an edit, as far as the edit reaches."""

    allele: Allele  # Left-aligned
    start: int  # Position of row 0 of both sequences in `alignment` and `effects`
    alignment: Alignment
    # Of every candidate of either sequence, also those that do not change; `anchor` is a position
    effects: Effects


def edit_effects(
    rules: Rules, tokens: np.ndarray, start: int, stop: int, letters: np.ndarray
) -> EditEffects:
    """Compare a sequence with an edited version.

    The numbers are those of :func:`vqrna.variation.annotate` for the same variant of a transcript.

    Parameters
    ----------
    rules : Rules
    tokens : np.ndarray, shape (S,), uint8
    start, stop : int
        The replaced bases, 0-based and half-open; inside the sequence.
    letters : np.ndarray, shape (n,), uint8
        Tokens in their place; they differ.
    """
    half = centre(rules.model.length)

    def fetch(low: int, high: int) -> np.ndarray:
        return tokens[low:high]

    allele = normalise(start, tokens[start:stop], letters, fetch)
    start, stop, letters = allele.start, allele.stop, allele.letters
    block, slack = tokens[start:stop], 0
    if not (len(block) and len(letters)):
        unit = block if len(block) else letters
        slack = shift_right(unit, stop, fetch, half)
    beside = 2 * half
    near = _padded(tokens, start - beside, stop + beside)
    scan = EditedScan(rules.model, near)
    edit = TokenEdit(beside, beside + len(block), letters)
    (logits,) = scan.edit([edit])
    edited = np.concatenate([near[:beside], letters, near[beside + len(block) :]])
    first, length = start - half, len(tokens)
    pair = (
        _haplotype(rules, scan.logits, near, first, length),
        _haplotype(rules, logits, edited, first, length + len(letters) - len(block)),
    )
    alignment = align_haplotypes(half, block, letters, slack, *pair)
    at = first + np.arange(len(pair[0].log_odds))
    inside = (at >= 0) & (at < length)
    wanted = np.repeat(inside[:, None], len(rules.settings.modifications), axis=1)
    effects = compare(rules, *pair, alignment, wanted, start=first, everything=True)
    return EditEffects(allele, first, alignment, effects)


def _padded(tokens: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Return the tokens of positions; those beyond the ends are ambiguous."""
    inside = tokens[max(start, 0) : min(stop, len(tokens))]
    return np.pad(inside, (max(-start, 0), max(stop - len(tokens), 0)), constant_values=AMBIGUOUS)


def _haplotype(
    rules: Rules, logits: np.ndarray, near: np.ndarray, first: int, length: int
) -> Haplotype:
    """Return the haplotype of a sequence of a length, from position `first` on."""
    half = centre(rules.model.length)
    candidates = np.stack([m.candidates(near) for m in rules.settings.modifications], axis=1)
    at = first + np.arange(len(logits))
    kind = window_kinds(np.minimum(at, length - 1 - at), half)
    return Haplotype.of(rules, logits, candidates[half : half + len(logits)], kind)
