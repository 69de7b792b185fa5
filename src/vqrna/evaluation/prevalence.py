"""What a model is worth where few positions are modified: precision at a prior, AUPRC at 1:1000."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from vqrna.evaluation.positions import Neighbours
from vqrna.evaluation.reliability import wilson
from vqrna.stats.bootstrap import RESAMPLES, Estimate, draw, interval
from vqrna.stats.tiers import TIERS

RATIOS = (10, 100, 1000)
"""Unmodified positions to a modified one."""

PRIOR = "prior"
"""Name of the ratio that follows from the documented prior of the type."""

COLUMNS = [
    "modification", "windows", "sites", "positions", "metric", "at", "share", "chance",
    *Estimate._fields,
]  # fmt: skip


def prevalence(
    found: Sequence[Neighbours],
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
    found : sequence of Neighbours
        Sites and the positions beside them, a type each. Some of these are modified without
        anybody having annotated them, so precision is told too low rather than too high.
    thresholds : np.ndarray, shape (types, 3), float
        Lowest logit of each tier, in the order of `found`; inf or nan where there is none.
    cluster : np.ndarray, shape (windows,), int
        As in :func:`vqrna.evaluation.localisation.ranked`.
    apart : np.ndarray, shape (windows,), bool, optional
    resamples, seed : int

    Returns
    -------
    pandas.DataFrame
        One row a value: ``modification``, ``windows``, number of ``sites`` and of unmodified
        ``positions``, ``metric``, ``at``, ``share`` of modified positions that is assumed, what
        ``chance`` gives, ``value``, ``low``, ``high``. The metrics are, for each tier (``at``),
        ``recall``, ``false_rate`` (of the unmodified positions that are called, (r + 1) / (n + 1):
        never 0) and ``precision`` at the type's prior; and, at ``1:10``, ``1:100``, ``1:1000`` and
        the prior, ``auprc`` and ``auprc_guarded``: the same with one unmodified position more
        than was seen as high as any site. Where few positions were looked at for the ratio, a
        site above all of them counts as certain in the first, and only the second can be trusted.
    """
    draws = draw(int(cluster.max(initial=-1)) + 1, resamples, seed)
    chosen = {"all": np.ones(len(cluster), dtype=bool)}
    if apart is not None:
        chosen["non_overlapping"] = apart
    lines = []
    for windows, there in chosen.items():
        for near, cut in zip(found, thresholds, strict=True):
            part = _some(near, there[near.rows])
            used = draws[:, cluster[part.rows]]
            weights = np.concatenate([np.ones((1, len(part))), used])
            key = (near.modification.symbol, windows, len(part), int(part.is_decoy.sum()))
            prior = near.modification.prior
            for line in (*_tiers(part, cut, weights, prior), *_auprc(part, weights, prior)):
                *what, estimate = line
                lines.append((*key, *what, *estimate))
    return pd.DataFrame(lines, columns=COLUMNS)


Line = tuple[str, str, float, float, Estimate]
"""Metric, where, assumed share, chance, and the value with its interval."""


def _tiers(
    near: Neighbours, thresholds: np.ndarray, weights: np.ndarray, prior: float
) -> Iterator[Line]:
    """Measure what each tier calls."""
    nan, n_sites = float("nan"), weights.sum(axis=1)
    n_decoys = weights @ near.is_decoy.sum(axis=1)
    for tier, cut in zip(TIERS, thresholds, strict=True):
        if not np.isfinite(cut):
            continue
        recall = _ratio(weights @ (near.site >= cut), n_sites)
        called = weights @ (near.is_decoy & (near.scores >= cut)).sum(axis=1)
        false_rate = np.where(n_decoys > 0, (called + 1) / (n_decoys + 1), nan)
        precision = _precision(recall, false_rate, prior)
        found, certain = _estimate(recall), _estimate(precision)
        if len(weights) > 1 and len(near) and found.value in (0, 1):
            # All resamples are alike: how many sites there are tells how sure that is
            low, high = wilson(found.value, len(near))
            found = Estimate(found.value, low, high)
            certain = Estimate(
                certain.value,
                min(certain.low, float(_precision(low, false_rate[0], prior))),
                max(certain.high, float(_precision(high, false_rate[0], prior))),
            )
        yield "recall", tier, nan, nan, found
        yield "false_rate", tier, nan, nan, _estimate(false_rate)
        yield "precision", tier, prior, prior, certain


def _precision(
    recall: np.ndarray | float, false_rate: np.ndarray | float, prior: float
) -> np.ndarray:
    """Share of true calls where a share `prior` of all positions is modified."""
    true = prior * np.asarray(recall)
    return _ratio(true, true + (1 - prior) * np.asarray(false_rate))


def _estimate(samples: np.ndarray) -> Estimate:
    """Take the first value, and the interval of the others."""
    return Estimate(float(samples[0]), *interval(samples[1:]))


def _auprc(near: Neighbours, weights: np.ndarray, prior: float) -> Iterator[Line]:
    """Measure average precision at every ratio."""
    true, false = _above(near, weights)
    n_decoys = (weights @ near.is_decoy.sum(axis=1))[:, None]
    guarded = (false * n_decoys + 1) / (n_decoys + 1)  # as the tiers' false rate
    ratios = {f"1:{ratio}": float(ratio) for ratio in RATIOS} | {PRIOR: (1 - prior) / prior}
    for name, ratio in ratios.items():
        share = 1 / (1 + ratio)
        for metric, above in (("auprc", false), ("auprc_guarded", guarded)):
            found = average_precision(true, above, weights, ratio)
            yield metric, name, share, share, _estimate(found)


def _above(near: Neighbours, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count, for each site, the sites and the decoys that score as high, under each weighting.

    Returns
    -------
    true, false : np.ndarray, shape (R, N)
        As shares of all sites, and of all decoys.
    """
    site = near.site
    true = weights @ (site[:, None] >= site)
    decoys = np.empty((len(near), len(near)))  # of each window, those as high as each site
    for row, (scores, is_decoy) in enumerate(zip(near.scores, near.is_decoy, strict=True)):
        rising = np.sort(scores[is_decoy])
        decoys[row] = len(rising) - np.searchsorted(rising, site, side="left")
    n_sites = weights.sum(axis=1, keepdims=True)
    n_decoys = (weights @ near.is_decoy.sum(axis=1))[:, None]
    return _ratio(true, n_sites), _ratio(weights @ decoys, n_decoys)


def average_precision(
    true: np.ndarray, false: np.ndarray, weights: np.ndarray, ratio: float
) -> np.ndarray:
    """Average precision where `ratio` unmodified positions come to each site.

    All unmodified positions serve, each with the weight that makes the ratio: as if so many more
    like them had been drawn, without the chance of a draw.

    Parameters
    ----------
    true, false : np.ndarray, shape (R, N)
        For each site, shares of all sites and of all unmodified positions that score as high.
    weights : np.ndarray, shape (R, N)
        Of the sites.
    ratio : float

    Returns
    -------
    np.ndarray, shape (R,)
        As scikit-learn's ``average_precision_score`` with ``sample_weight``.
    """
    precision = _ratio(true, true + ratio * false)
    return _ratio((weights * np.nan_to_num(precision)).sum(axis=1), weights.sum(axis=1)) + np.where(
        np.isnan(false).any(axis=1), np.nan, 0.0
    )


def _some(near: Neighbours, chosen: np.ndarray) -> Neighbours:
    return Neighbours(
        near.modification, near.rows[chosen], near.scores[chosen], near.is_decoy[chosen]
    )


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Divide; nan where the whole is 0."""
    part, whole = np.broadcast_arrays(part, whole)
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
