"""Confidence tiers: thresholds of calls, and their measured precision and false-call rates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from vqrna.errors import UsageError

TIERS = ("low", "medium", "high")
"""Names, rising. A site is reported with the highest tier that it reaches."""

BY_THRESHOLD = "threshold"
"""Label of a site that a score threshold calls and that reaches no tier."""

CALLS = (*TIERS, BY_THRESHOLD)
"""Labels of called sites, numbered from 1; 0 is a site that is not called."""

DEFAULT_TIER = "medium"

EDGE = 25
"""Fewest nt on each side of a site for a tier; closer to an end, tiers were not measured."""


@dataclass(frozen=True)
class TierMeaning:
    """Measured performance of a tier of one type."""

    modification: str  # Symbol of the type
    tier: str  # ``low``, ``medium`` or ``high``
    # Lowest score that is called. This and the following are nan for a tier without threshold.
    score: float
    # precision, recall: On validation windows at the even class ratio, with random negatives.
    # Precision is nan if nothing was called.
    precision: float
    recall: float
    # Calls in 1,000 nt of validation windows without their central site. Unannotated sites count as
    # false calls.
    per_kb_off_site: float
    # Calls in 1,000 nt of the same windows after shuffling that keeps dinucleotides
    per_kb_shuffled: float
    cut: bool = False  # True for windows that extend beyond an end of their sequence


@dataclass(frozen=True, eq=False)
class Tiers:
    """Thresholds of all types and tiers."""

    # (M, 3), float64: Lowest raw logit of each tier, rising; infinite for tiers that the nulls
    # cannot measure
    logits: np.ndarray
    meanings: tuple[TierMeaning, ...] = ()  # One per type and tier
    # (M, 3), float64, or None: The same for windows that extend beyond an end of their sequence;
    # `logits` by default
    cut_logits: np.ndarray | None = None

    @classmethod
    def none(cls, modifications: int) -> Tiers:
        """Return infinite thresholds, for a model without calibration."""
        return cls(np.full((modifications, len(TIERS)), np.inf))

    @property
    def measured(self) -> np.ndarray:
        """Whether each type, shape (M,), has any finite threshold."""
        return np.isfinite(self.logits).any(axis=1)

    def missing(self, columns: Iterable[int], symbols: Sequence[str]) -> dict[str, list[str]]:
        """List by tier the symbols of types (by column) that lack this tier but have others."""
        missing: dict[str, list[str]] = {}
        for column, symbol in zip(columns, symbols, strict=True):
            for t, tier in enumerate(TIERS):
                if self.measured[column] and not np.isfinite(self.logits[column, t]):
                    missing.setdefault(tier, []).append(symbol)
        return missing

    def reached(self, logits: np.ndarray, cut: np.ndarray | None = None) -> np.ndarray:
        """Count the tiers that sites reach.

        Parameters
        ----------
        logits : np.ndarray, shape (..., M)
        cut : np.ndarray, shape (...), bool, optional
            Which windows extend beyond an end; none by default.

        Returns
        -------
        np.ndarray, shape (..., M), int
            From 0 for no call to 3 for ``high``.
        """
        reached = (np.asarray(logits)[..., None] >= self.logits).sum(axis=-1)
        if cut is None or self.cut_logits is None:
            return reached
        reached_cut = (np.asarray(logits)[..., None] >= self.cut_logits).sum(axis=-1)
        return np.where(np.asarray(cut)[..., None], reached_cut, reached)


def tier_index(name: str) -> int:
    """Return the index of a tier in `TIERS`; raises UsageError for an unknown name."""
    if name not in TIERS:
        raise UsageError(f"unknown confidence '{name}' (known: {', '.join(TIERS)})")
    return TIERS.index(name)
