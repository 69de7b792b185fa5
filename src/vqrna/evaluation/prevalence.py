"""Measures at realistic prevalence: precision at a prior, AUPRC at up to 1,000 to 1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from vqrna.evaluation.positions import Neighbours
from vqrna.evaluation.reliability import ratio, wilson
from vqrna.stats.bootstrap import RESAMPLES, Estimate, draw, interval
from vqrna.stats.tiers import TIERS

RATIOS = (10, 100, 1000)
"""Unmodified positions for each modified one."""

PRIOR = "prior"
"""Name of the ratio that follows from the prior of the type."""

COLUMNS = [
    "modification", "windows", "sites", "positions", "metric", "at", "share", "chance",
    *Estimate._fields,
]  # fmt: skip


def prevalence(
    sites: Sequence[Neighbours],
    thresholds: np.ndarray,
    cluster: np.ndarray,
    apart: np.ndarray | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """Measure sites against the unmodified positions of their windows at realistic ratios.

    Parameters
    ----------
    sites : sequence of Neighbours
        Sites and the positions beside them, one for each type. Some of these positions are
        modified, but not annotated, so precision is underestimated.
    thresholds : np.ndarray, shape (types, 3), float
        Lowest logit of each tier, in the order of `sites`; inf or nan for a tier without one.
    cluster : np.ndarray, shape (windows,), int
        As in :func:`vqrna.evaluation.localisation.ranked`.
    apart : np.ndarray, shape (windows,), bool, optional

    Returns
    -------
    pandas.DataFrame
        One row for each value: ``modification``, ``windows``, number of ``sites`` and of
        unmodified ``positions``, ``metric``, ``at``, assumed ``share`` of modified positions,
        value by ``chance``, ``value``, ``low``, ``high``. The metrics are, for each tier
        (``at``), ``recall``, ``false_rate`` (share of the unmodified positions that are called,
        (r + 1) / (n + 1): never 0) and ``precision`` at the type's prior; and, at ``1:10``,
        ``1:100``, ``1:1000`` and the prior, ``auprc`` and ``auprc_guarded``, which counts one
        more unmodified position as high as each site. With few positions for the ratio, a site
        above all of them counts as certain in ``auprc``: trust ``auprc_guarded`` only.
    """
    draws = draw(int(cluster.max(initial=-1)) + 1, resamples, seed)
    sets = {"all": np.ones(len(cluster), dtype=bool)}
    if apart is not None:
        sets["non_overlapping"] = apart
    lines = []
    for windows, used in sets.items():
        for near, cut in zip(sites, thresholds, strict=True):
            part = near.take(used[near.rows])
            drawn = draws[:, cluster[part.rows]]
            weights = np.concatenate([np.ones((1, len(part))), drawn])
            key = (near.modification.symbol, windows, len(part), int(part.is_decoy.sum()))
            prior = near.modification.prior
            for line in (*_tiers(part, cut, weights, prior), *_auprc(part, weights, prior)):
                *measured, estimate = line
                lines.append((*key, *measured, *estimate))
    return pd.DataFrame(lines, columns=COLUMNS)


Line = tuple[str, str, float, float, Estimate]
"""Metric, where, assumed share, chance, and the value with its interval."""


def _tiers(
    near: Neighbours, thresholds: np.ndarray, weights: np.ndarray, prior: float
) -> Iterator[Line]:
    """Yield recall, false rate and precision of each tier."""
    nan, n_sites = float("nan"), weights.sum(axis=1)
    n_decoys = weights @ near.is_decoy.sum(axis=1)
    for tier, cut in zip(TIERS, thresholds, strict=True):
        if not np.isfinite(cut):
            continue
        recall = ratio(weights @ (near.site >= cut), n_sites)
        called = weights @ (near.is_decoy & (near.scores >= cut)).sum(axis=1)
        false_rate = np.where(n_decoys > 0, (called + 1) / (n_decoys + 1), nan)
        precision = _precision(recall, false_rate, prior)
        of_recall, of_precision = _estimate(recall), _estimate(precision)
        if len(weights) > 1 and len(near) and of_recall.value in (0, 1):
            # All resamples are equal: the interval follows from the number of sites
            low, high = wilson(of_recall.value, len(near))
            of_recall = Estimate(of_recall.value, low, high)
            of_precision = Estimate(
                of_precision.value,
                min(of_precision.low, float(_precision(low, false_rate[0], prior))),
                max(of_precision.high, float(_precision(high, false_rate[0], prior))),
            )
        yield "recall", tier, nan, nan, of_recall
        yield "false_rate", tier, nan, nan, _estimate(false_rate)
        yield "precision", tier, prior, prior, of_precision


def _precision(
    recall: np.ndarray | float, false_rate: np.ndarray | float, prior: float
) -> np.ndarray:
    """Return the share of true calls where a share `prior` of all positions is modified."""
    true = prior * np.asarray(recall)
    return ratio(true, true + (1 - prior) * np.asarray(false_rate))


def _estimate(samples: np.ndarray) -> Estimate:
    """Return the first value with the interval of the others."""
    return Estimate(float(samples[0]), *interval(samples[1:]))


def _auprc(near: Neighbours, weights: np.ndarray, prior: float) -> Iterator[Line]:
    """Yield average precision at every ratio."""
    true, false = _above(near, weights)
    n_decoys = (weights @ near.is_decoy.sum(axis=1))[:, None]
    guarded = (false * n_decoys + 1) / (n_decoys + 1)  # as the tiers' false rate
    ratios = {f"1:{n}": float(n) for n in RATIOS} | {PRIOR: (1 - prior) / prior}
    for name, unmodified in ratios.items():
        share = 1 / (1 + unmodified)
        for metric, above in (("auprc", false), ("auprc_guarded", guarded)):
            precision = average_precision(true, above, weights, unmodified)
            yield metric, name, share, share, _estimate(precision)


def _above(near: Neighbours, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each site, the shares of sites and of decoys that score as high: (R, N) each."""
    site = near.site
    true = weights @ (site[:, None] >= site)
    decoys = np.empty((len(near), len(near)))  # those of each window as high as each site
    for row, (scores, is_decoy) in enumerate(zip(near.scores, near.is_decoy, strict=True)):
        rising = np.sort(scores[is_decoy])
        decoys[row] = len(rising) - np.searchsorted(rising, site, side="left")
    n_sites = weights.sum(axis=1, keepdims=True)
    n_decoys = (weights @ near.is_decoy.sum(axis=1))[:, None]
    return ratio(true, n_sites), ratio(weights @ decoys, n_decoys)


def average_precision(
    true: np.ndarray, false: np.ndarray, weights: np.ndarray, unmodified: float
) -> np.ndarray:
    """Return the average precision for `unmodified` unmodified positions per site.

    All unmodified positions are used, each with the weight that makes the ratio.

    Parameters
    ----------
    true, false : np.ndarray, shape (R, N)
        For each site, shares of all sites and of all unmodified positions that score as high.
    weights : np.ndarray, shape (R, N)
        Weights of the sites.

    Returns
    -------
    np.ndarray, shape (R,)
        As scikit-learn's ``average_precision_score`` with ``sample_weight``.
    """
    precision = ratio(true, true + unmodified * false)
    return ratio((weights * np.nan_to_num(precision)).sum(axis=1), weights.sum(axis=1)) + np.where(
        np.isnan(false).any(axis=1), np.nan, 0.0
    )
