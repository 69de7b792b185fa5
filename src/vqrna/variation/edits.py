"""Effects of one edit of a sequence in memory, for all candidates that it reaches."""

from __future__ import annotations

import numpy as np

from vqrna.sequence import AMBIGUOUS, centre
from vqrna.variation.alleles import Allele, normalise, shift_right
from vqrna.variation.scanned_region import Comparison, ScannedRegion, SequenceEdit
from vqrna.variation.settings import VariantRules


def edit_effects(
    rules: VariantRules, tokens: np.ndarray, start: int, stop: int, letters: np.ndarray
) -> tuple[Allele, Comparison]:
    """Compare a sequence with an edited version.

    The numbers are those of :func:`vqrna.variation.annotate` for the same variant of a transcript.

    Parameters
    ----------
    rules : VariantRules
    tokens : np.ndarray, shape (S,), uint8
    start, stop : int
        The replaced bases, 0-based and half-open; inside the sequence.
    letters : np.ndarray, shape (n,), uint8
        Tokens in their place; they differ.

    Returns
    -------
    allele : Allele
        The edit, left-aligned.
    comparison : Comparison
        With every candidate of either sequence, also those that do not change.
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
    first = start - half
    region = ScannedRegion(
        rules, _padded(tokens, first - half, stop + 2 * half), first, len(tokens)
    )
    at = np.arange(first, stop + half)
    inside = (at >= 0) & (at < len(tokens))
    wanted = np.repeat(inside[:, None], len(rules.settings.modifications), axis=1)
    edit = SequenceEdit(start, stop, letters, slack)
    (comparison,) = region.compare([edit], wanted, everything=True)
    return allele, comparison


def _padded(tokens: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Return the tokens of positions; those beyond the ends are ambiguous."""
    inside = tokens[max(start, 0) : min(stop, len(tokens))]
    return np.pad(inside, (max(-start, 0), max(stop - len(tokens), 0)), constant_values=AMBIGUOUS)
