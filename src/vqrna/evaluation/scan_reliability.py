"""Reliability of probabilities in a scan: what is stated, and what is right in both mixtures."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pandas as pd

from vqrna.evaluation.mixture import Mixture
from vqrna.stats.scan_calibration import probabilities

LIMITS = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 1 / 3, 1.0)
"""Limits of the groups of positions by their stated probability."""

ENOUGH = 50
"""Effective count from which a group is compared."""

FACTOR = 1.5
"""Largest ratio of a stated probability to the nearer bound, beyond the bounds."""

COLUMNS = (
    "modification", "low", "high", "sites", "effective", "stated", "mixture", "unmodified", "holds"
)  # fmt: skip


def scan_reliability(mixtures: Sequence[Mixture], *, seed: int = 0) -> pd.DataFrame:
    """Compare stated probabilities with what is right, cross-fitted over clusters.

    Parameters
    ----------
    mixtures : sequence of Mixture
        One for each type, from :func:`vqrna.evaluation.mixture.collect_mixtures`.
    seed : int
        Seed of the folds.

    Returns
    -------
    pandas.DataFrame
        One row for each type and group of positions: ``modification``, limits ``low`` and
        ``high`` of the stated probability, number of ``sites``, ``effective`` count (squared sum
        of the weights over the sum of their squares), mean ``stated`` probability, share of sites
        in the ``mixture`` and in ``unmodified`` windows alone, and whether the stated probability
        ``holds``: it is between both shares, or within a factor `FACTOR` of one.
    """
    rows = []
    for mixture in mixtures:
        evidence = mixture.cross_fit(seed=seed)
        stated = probabilities(evidence, mixture.modification.prior)
        mixed, alone = mixture.weights()
        for low, high in pairwise(LIMITS):
            group = (stated >= low) & ((stated < high) | (high == LIMITS[-1]))
            total, other = float(mixed[group].sum()), float(alone[group].sum())
            if not total:
                continue
            sites = float(mixture.is_site[group].sum())
            mean = float(mixed[group] @ stated[group] / total)
            shares = sites / total, sites / other if other else float("nan")
            rows.append(
                (
                    mixture.modification.symbol,
                    low,
                    high,
                    int(sites),
                    total**2 / float((mixed[group] ** 2).sum()),
                    mean,
                    *shares,
                    holds(mean, *shares),
                )
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def holds(stated: float, *shares: float) -> bool:
    """Return whether a probability is between shares, or within a factor `FACTOR` of one."""
    known = [share for share in shares if share == share]
    return min(known) / FACTOR <= stated <= max(known) * FACTOR
