"""Agreement in numbers: precision, recall and enrichment of every type and tier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vqrna.evaluation.matching import Matches
from vqrna.modifications import Modification

LEVEL = 0.95
"""Of the intervals."""

SMALLEST = 1e-300
"""Smaller p-values are told as this."""

ANY = "any"
"""Stands for the tier of sites of which it is not known."""

COLUMNS = (
    "modification",
    "tier",
    "called",
    "known",
    "found",
    "precision",
    "precision_low",
    "precision_high",
    "recall",
    "recall_low",
    "recall_high",
    "candidates",
    "enrichment",
    "enrichment_low",
    "enrichment_high",
    "p_value",
)
"""Of the table of agreement."""


@dataclass(frozen=True, eq=False)
class Agreement:
    """How well the sites of a scan agree with known ones.

    Attributes
    ----------
    table : pandas.DataFrame
        `COLUMNS`, a row a type and tier; a tier stands for all sites that reach it. nan and, of
        counts, ``<NA>``, where something is not known.
    modifications : tuple of Modification
        The types of the table, in order.
    facts : dict of str to str
        What was compared, for the head of a file.
    notes : tuple of str
        What a user should know of it, a line each.
    """

    table: pd.DataFrame
    modifications: tuple[Modification, ...]
    facts: Mapping[str, str]
    notes: tuple[str, ...] = ()


def agreement_table(
    matches: Matches,
    modifications: Sequence[Modification],
    kinds: Sequence[int],
    candidates: Mapping[str, int] | None,
    levels: Mapping[str, int],
) -> pd.DataFrame:
    """Work out the numbers.

    Parameters
    ----------
    matches : Matches
        Of all sites.
    modifications : sequence of Modification
    kinds : sequence of int
        Which of them have a row for each tier.
    candidates : mapping of str to int, or None
        Positions that were scanned and could carry a type, by symbol.
    levels : mapping of str to int
        Tiers by name, rising; and their numbers in `matches`.

    Returns
    -------
    pandas.DataFrame
        With `COLUMNS`.
    """
    known = matches.known()
    rows = []
    for name, tier in levels.items():
        called, found = matches.called[:, tier:].sum(axis=1), matches.found(tier)
        for kind in kinds:
            symbol = modifications[kind].symbol
            counts = (int(called[kind]), int(known[kind]), int(found[kind]))
            total = (candidates or {}).get(symbol)
            row = (kind, tier, symbol, name, *_numbers(*counts, total, matches.within))
            rows.append(row)
    rows.sort(key=lambda row: row[:2])
    table = pd.DataFrame([row[2:] for row in rows], columns=list(COLUMNS))
    return table.astype({"candidates": "Int64"})


def _numbers(
    called: int, known: int, found: int, candidates: int | None, within: int
) -> tuple[float | int | None, ...]:
    """Give the columns from ``called`` on.

    Of candidates drawn evenly, a share of `known / candidates` would be known sites. With a
    tolerance it is up to ``2 x within + 1`` times as many, as if all bases about a known site
    were candidates: so enrichment and p-value err on the safe side.
    """
    precision, recall = _proportion(found, called), _proportion(found, known)
    enrichment: tuple[float, ...] = (np.nan, np.nan, np.nan)
    p_value = np.nan
    if candidates:
        hits = min(known * (2 * within + 1), candidates)
        if hits:
            enrichment = tuple(value / (hits / candidates) for value in precision)
        if max(called, hits, known) <= candidates:
            p_value = _by_chance(found, called, hits, candidates)
    return (called, known, found, *precision, *recall, candidates, *enrichment, p_value)


def _proportion(part: int, whole: int) -> tuple[float, float, float]:
    """Give a share and its Wilson interval; nan for a share of nothing."""
    from scipy.stats import binomtest

    if not whole:
        return np.nan, np.nan, np.nan
    low, high = binomtest(part, whole).proportion_ci(LEVEL, method="wilson")
    return part / whole, float(low), float(high)


def _by_chance(found: int, called: int, hits: int, candidates: int) -> float:
    """Tell how likely so many hits are when so many candidates are drawn without looking."""
    from scipy.stats import hypergeom

    p = float(hypergeom.sf(found - 1, candidates, hits, called))
    return float(np.clip(p, SMALLEST, 1.0))
