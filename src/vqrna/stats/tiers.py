"""Confidence tiers: classes of the probability of a site, and their measured rates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vqrna.errors import UsageError

TIERS = ("low", "medium", "high")
"""Names, rising. A site is reported with the highest tier that it reaches."""

PROBABILITIES = (1 / 50, 1 / 10, 1 / 3)
"""Lowest probability of each tier, at the priors of the scan."""

BY_THRESHOLD = "threshold"
"""Label of a site that is called by a limit of the user and reaches no tier."""

CALLS = (*TIERS, BY_THRESHOLD)
"""Labels of called sites, numbered from 1; 0 is a site that is not called."""

DEFAULT_TIER = "medium"

EDGE = 25
"""Fewer nt on one side of a site than this have a calibration of their own."""

_ROUNDED = np.round(PROBABILITIES, 4)
"""Probabilities are written with four digits: what is written as 0.3333 reaches one third."""


@dataclass(frozen=True)
class TierMeaning:
    """Measured rates of one tier or a higher one, for one type at its documented prior.

    Rates are nan where nothing was called or measured.
    """

    modification: str  # Symbol of the type
    tier: str  # ``low``, ``medium`` or ``high``
    window: str  # One of :data:`vqrna.stats.scan_calibration.WINDOW_KINDS`
    recall: float  # Share of the modified sites of validation windows that is called
    # Expected share of modified sites among calls, cross-fitted. In a mixture, where unannotated
    # sites beside the known ones count as unmodified; and in unmodified windows alone.
    precision_mixture: float
    precision_unmodified: float
    # Calls in 1,000 nt of validation windows beside known sites
    per_kb_off_site: float
    # Calls in 1,000 nt of the same windows after shuffling that keeps dinucleotides
    per_kb_shuffled: float


def reached_tiers(probability: np.ndarray) -> np.ndarray:
    """Count the tiers that sites reach: 0 for none to 3 for ``high``, also where it is nan.

    Parameters
    ----------
    probability : np.ndarray, shape (...)
        Rounded or exact.
    """
    return (np.asarray(probability)[..., None] >= _ROUNDED).sum(axis=-1)


def tier_index(name: str) -> int:
    """Return the index of a tier in `TIERS`; raises UsageError for an unknown name."""
    if name not in TIERS:
        raise UsageError(f"unknown confidence '{name}' (known: {', '.join(TIERS)})")
    return TIERS.index(name)
