"""Part of a sequence, scanned once and compared with edited versions of itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from vqrna.model.edited import EditedScan, TokenEdit
from vqrna.sequence import centre
from vqrna.stats.scan_calibration import window_kinds
from vqrna.variation.effects import Alignment, Effects, Haplotype, align_haplotypes, compare
from vqrna.variation.settings import VariantRules


class SequenceEdit(NamedTuple):
    """Replacement of the bases from ``start`` to ``stop`` (0-based, half-open) by others."""

    start: int
    stop: int
    letters: np.ndarray  # (n,), uint8: Tokens
    slack: int = 0  # By how many nt an insertion or deletion can move to the right


class Comparison(NamedTuple):
    """A sequence before and after an edit, from half a window before it to half a window after."""

    effects: Effects
    alignment: Alignment
    start: int  # Position of the first row of the reference
    # ref, alt: (N,) and (N'), uint8: Tokens of the rows of both haplotypes
    ref: np.ndarray
    alt: np.ndarray


class ScannedRegion:
    """Positions ``start`` to ``start + W`` of a sequence, scanned.

    Parameters
    ----------
    rules : VariantRules
    tokens : np.ndarray, shape (W + length - 1,), uint8
        With half a window of context on either side, `AMBIGUOUS` beyond the ends of the sequence.
    start : int
        Position of the first row, which may be before the sequence begins.
    size : int or None
        Length of the sequence; None if it is circular, so that no window extends beyond an end.

    Attributes
    ----------
    reference : Haplotype
        The W rows before any edit.
    """

    def __init__(
        self, rules: VariantRules, tokens: np.ndarray, start: int, size: int | None
    ) -> None:
        self._rules, self._tokens, self._size = rules, tokens, size
        self._half = centre(rules.model.length)
        self._origin = start - self._half
        self._scan = EditedScan(rules.model, tokens)
        self.reference = Haplotype.of(
            rules,
            self._scan.logits,
            self._candidates(tokens),
            self.window_kinds(start, start + len(self._scan.logits)),
        )

    def window_kinds(self, start: int, stop: int, added: int = 0) -> np.ndarray:
        """Return the kind of window at positions of the sequence, or of one `added` nt longer."""
        at = np.arange(start, stop)
        if self._size is None:
            return np.zeros(len(at), dtype=np.uint8)
        return window_kinds(np.minimum(at, self._size + added - 1 - at), self._half)

    def compare(
        self,
        edits: Sequence[SequenceEdit],
        wanted: np.ndarray,
        *,
        reverse: bool = False,
        shifts: bool = True,
        everything: bool = False,
    ) -> Iterator[Comparison]:
        """Compare the sequence with each edited version.

        Parameters
        ----------
        edits : sequence of SequenceEdit
            At least half a window from either end of the region.
        wanted : np.ndarray, shape (W, K), bool
            Which rows are evaluated, for each modification of the settings.
        reverse, shifts : bool
            See :func:`vqrna.variation.effects.align_haplotypes`.
        everything : bool
            See :func:`vqrna.variation.effects.compare`.
        """
        half, tokens = self._half, self._tokens
        shifted = [
            TokenEdit(e.start - self._origin, e.stop - self._origin, e.letters) for e in edits
        ]
        for edit, place, logits in zip(edits, shifted, self._scan.edit(shifted), strict=True):
            rows = slice(place.start - 2 * half, place.stop)  # positions that see the edit
            near = np.concatenate([
                tokens[rows.start : place.start], edit.letters,
                tokens[place.stop : place.stop + 2 * half],
            ])  # fmt: skip
            block, start = tokens[place.start : place.stop], edit.start - half
            kind = self.window_kinds(start, start + len(logits), len(edit.letters) - len(block))
            pair = (
                self.reference.rows(rows),
                Haplotype.of(self._rules, logits, self._candidates(near), kind),
            )
            alignment = align_haplotypes(
                half, block, edit.letters, edit.slack, *pair, reverse=reverse, shifts=shifts
            )
            effects = compare(
                self._rules, *pair, alignment, wanted[rows], start=start, everything=everything
            )
            ref = tokens[rows.start + half : rows.stop + half]
            yield Comparison(effects, alignment, start, ref, near[half : half + len(logits)])

    def _candidates(self, tokens: np.ndarray) -> np.ndarray:
        """Return which positions can carry which modification, (L, K), without the context."""
        modifications = self._rules.settings.modifications
        candidates = np.stack([m.candidates(tokens) for m in modifications], axis=1)
        return candidates[self._half : len(tokens) - self._half]
