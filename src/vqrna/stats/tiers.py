"""Confidence tiers: from which score a site is called, and what that means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from vqrna.errors import UsageError

TIERS = ("low", "medium", "high")
"""Names, rising. A site is called with the highest tier that it reaches."""

DEFAULT_TIER = "medium"

EDGE = 25
"""A site with fewer nt on one side is scored but reaches no tier: nothing was measured there."""


@dataclass(frozen=True)
class TierMeaning:
    """What a tier of one type has shown.

    Parameters
    ----------
    modification : str
        Symbol of the type.
    tier : str
        ``low``, ``medium`` or ``high``.
    score : float
        Lowest score that is called; nan, as all that follows, for a tier without a threshold.
    precision, recall : float
        On validation windows at the even class ratio, random negatives. Precision is nan where
        nothing was called.
    per_kb_off_site : float
        Calls in 1,000 nt of validation windows, their central site left out. Real sites that are
        not annotated count as false here.
    per_kb_shuffled : float
        Calls in 1,000 nt of the same windows with their dinucleotides shuffled.
    cut : bool
        Whether all this is about windows that reach beyond an end of their sequence.
    """

    modification: str
    tier: str
    score: float
    precision: float
    recall: float
    per_kb_off_site: float
    per_kb_shuffled: float
    cut: bool = False


@dataclass(frozen=True, eq=False)
class Tiers:
    """Thresholds of all types.

    Parameters
    ----------
    logits : np.ndarray, shape (M, 3), float64
        Lowest raw logit of each tier, rising; infinite for tiers that the nulls are too small for.
    meanings : tuple of TierMeaning
        A row a type and tier.
    cut_logits : np.ndarray, shape (M, 3), float64, or None
        The same for windows that reach beyond an end of their sequence; `logits` if there are
        none of their own.
    """

    logits: np.ndarray
    meanings: tuple[TierMeaning, ...] = ()
    cut_logits: np.ndarray | None = None

    @classmethod
    def none(cls, modifications: int) -> Tiers:
        """Give thresholds that nothing reaches, for a model that was never measured."""
        return cls(np.full((modifications, len(TIERS)), np.inf))

    @property
    def measured(self) -> np.ndarray:
        """Tell which types, shape (M,), have a threshold that can be reached."""
        return np.isfinite(self.logits).any(axis=1)

    def missing(self, columns: Iterable[int], symbols: Sequence[str]) -> dict[str, list[str]]:
        """List by tier the types that have tiers, but not this one: their nulls are too small.

        Parameters
        ----------
        columns : iterable of int
            Types to look at.
        symbols : sequence of str
            What they are called.
        """
        found: dict[str, list[str]] = {}
        for column, symbol in zip(columns, symbols, strict=True):
            for t, tier in enumerate(TIERS):
                if self.measured[column] and not np.isfinite(self.logits[column, t]):
                    found.setdefault(tier, []).append(symbol)
        return found

    def reached(self, logits: np.ndarray, cut: np.ndarray | None = None) -> np.ndarray:
        """Count the tiers that sites reach.

        Parameters
        ----------
        logits : np.ndarray, shape (..., M)
        cut : np.ndarray, shape (...), bool, optional
            Which windows reach beyond an end; none if not given.

        Returns
        -------
        np.ndarray, shape (..., M), int
            0 for no call, 3 for ``high``.
        """
        reached = (np.asarray(logits)[..., None] >= self.logits).sum(axis=-1)
        if cut is None or self.cut_logits is None:
            return reached
        other = (np.asarray(logits)[..., None] >= self.cut_logits).sum(axis=-1)
        return np.where(np.asarray(cut)[..., None], other, reached)


def tier_index(name: str) -> int:
    """Give the place of a tier among `TIERS`.

    Raises
    ------
    UsageError
        If there is no such tier.
    """
    if name not in TIERS:
        raise UsageError(f"unknown confidence '{name}' (known: {', '.join(TIERS)})")
    return TIERS.index(name)
