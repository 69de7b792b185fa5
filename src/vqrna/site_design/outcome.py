"""What a set of substitutions does to all sites that see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vqrna.sequence import AMBIGUOUS, centre, decode
from vqrna.site_design.search import Edits
from vqrna.sites import DECIMALS
from vqrna.variation.effects import CLASSES, Effects
from vqrna.variation.scanned_region import ScannedRegion, SequenceEdit
from vqrna.variation.settings import VariantRules

EFFECT_COLUMNS = (
    "design", "modification", "position", "ref_base", "alt_base", "ref_probability",
    "alt_probability", "delta", "log_odds_delta", "class", "distance", "target",
)  # fmt: skip
"""Columns of the table of effects."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """All candidates that a set of substitutions can change, before and after."""

    edits: Edits
    target: tuple[int, int]  # Position, and index of the modification among those of the settings
    effects: Effects  # Of every candidate of either sequence; `anchor` is the position
    min_delta: float

    @property
    def target_row(self) -> int | None:
        """Row of the target; None if it is a candidate of neither sequence."""
        position, k = self.target
        rows = np.flatnonzero((self.effects.anchor == position) & (self.effects.modification == k))
        return int(rows[0]) if len(rows) else None

    @property
    def moved(self) -> np.ndarray:
        """Which rows change by at least `min_delta`, (E,), bool."""
        return np.abs(self.effects.delta) >= self.min_delta

    def others(self, class_name: str) -> np.ndarray:
        """Return the moved rows of a class, without the target."""
        own = self.moved & (self.effects.class_index == CLASSES.index(class_name))
        if self.target_row is not None:
            own[self.target_row] = False
        return np.flatnonzero(own)

    def probabilities(self) -> tuple[float, float]:
        """Return the probability of the target before and after."""
        row = self.target_row
        if row is None:
            return 0.0, 0.0
        return float(self.effects.ref_probability[row]), float(self.effects.alt_probability[row])

    def log_odds_delta(self) -> float:
        """Return the change of the log-odds of the target; nan if it is never a candidate."""
        row = self.target_row
        return float("nan") if row is None else float(self.effects.log_odds_delta[row])


class Evaluator:
    """Evaluates sets of substitutions of one sequence around a site.

    Parameters
    ----------
    rules : VariantRules
    tokens : np.ndarray, shape (S,), uint8
    position : int
        0-based position of the site.
    column : int
        Index of its modification among those of the settings.
    reach : int
        Largest distance in nt of an edit from the site.
    """

    def __init__(
        self, rules: VariantRules, tokens: np.ndarray, position: int, column: int, reach: int
    ) -> None:
        self._target, self._min_delta = (position, column), rules.settings.min_delta
        half = centre(rules.model.length)
        beside = reach + 2 * half
        padded = np.pad(tokens, beside, constant_values=AMBIGUOUS)
        self._first = position - reach - half
        self._tokens = padded[position : position + 2 * beside + 1]
        self._origin = self._first - half
        self._region = ScannedRegion(rules, self._tokens, self._first, len(tokens))
        self._wanted = np.ones_like(self._region.reference.candidates)

    @property
    def kind(self) -> int:
        """Kind of the window of the site."""
        position, _ = self._target
        return int(self._region.window_kinds(position, position + 1)[0])

    def reference(self) -> float:
        """Return the probability of the site in the unchanged sequence, not rounded."""
        position, column = self._target
        return float(self._region.reference.probability[position - self._first, column])

    def __call__(self, sets: Sequence[Edits]) -> list[Outcome]:
        """Evaluate sets of substitutions."""
        spanning = [self._spanning(edits) for edits in sets]
        comparisons = self._region.compare(spanning, self._wanted, shifts=False, everything=True)
        return [
            Outcome(edits, self._target, comparison.effects, self._min_delta)
            for edits, comparison in zip(sets, comparisons, strict=True)
        ]

    def _spanning(self, edits: Edits) -> SequenceEdit:
        """Return one edit from the first to the last substitution."""
        start, stop = edits[0][0], edits[-1][0] + 1
        letters = self._tokens[start - self._origin : stop - self._origin].copy()
        for position, base in edits:
            letters[position - start] = base
        return SequenceEdit(start, stop, letters)


def effect_rows(outcome: Outcome, number: int, tokens: np.ndarray, symbols: Sequence[str],
                *, everything: bool = False) -> pd.DataFrame:  # fmt: skip
    """Return the moved sites and the target of a design, with `EFFECT_COLUMNS`.

    Parameters
    ----------
    number : int
        Of the design.
    tokens : np.ndarray, shape (S,), uint8
        The unchanged sequence.
    symbols : sequence of str, length K
        Of the modifications of the settings.
    everything : bool
        Return all candidates.
    """
    e, target = outcome.effects, outcome.target_row
    kept = np.ones(len(e), dtype=bool) if everything else outcome.moved.copy()
    is_target = np.zeros(len(e), dtype=bool)
    if target is not None:
        kept[target] = is_target[target] = True
    e, is_target = e.take(kept), is_target[kept]
    edited = tokens.copy()
    at = np.array([position for position, _ in outcome.edits])
    edited[at] = [base for _, base in outcome.edits]
    apart = at[None, :] - e.anchor[:, None]
    nearest = np.abs(apart).argmin(axis=1)
    columns = {
        "design": np.full(len(e), number),
        "modification": np.array(symbols, dtype=object)[e.modification],
        "position": e.anchor + 1,
        "ref_base": [decode(tokens[[p]]) for p in e.anchor.tolist()],
        "alt_base": [decode(edited[[p]]) for p in e.anchor.tolist()],
        "ref_probability": e.ref_probability,
        "alt_probability": e.alt_probability,
        "delta": e.delta,
        "log_odds_delta": np.round(e.log_odds_delta, DECIMALS),
        "class": np.array(CLASSES, dtype=object)[e.class_index],
        "distance": np.take_along_axis(apart, nearest[:, None], axis=1)[:, 0],
        "target": np.where(is_target, "yes", "no").astype(object),
    }
    # An explicit type, since pandas cannot infer text from no rows
    texts = {"modification", "ref_base", "alt_base", "class", "target"}
    return pd.DataFrame({
        name: pd.Series(columns[name], dtype="str") if name in texts else columns[name]
        for name in EFFECT_COLUMNS
    })  # fmt: skip
