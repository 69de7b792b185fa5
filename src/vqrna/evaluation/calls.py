"""Count false calls: beside known sites, in shuffled sequence, and as another type."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from vqrna.data.windows import POSITIVE
from vqrna.evaluation.reliability import ratio, wilson
from vqrna.modifications import Modification
from vqrna.sequence import ALPHABET, IUPAC
from vqrna.stats.bootstrap import RESAMPLES, Estimate, draw, interval
from vqrna.stats.tiers import TIERS

_NONE = -math.log(0.025)
"""Upper end of the two-sided 95 % interval of the mean of a Poisson variable with 0 events."""

FALSE_COLUMNS = [
    "modification", "sequence", "tier", "nt", "calls", *Estimate._fields,
]  # fmt: skip

CROSS_COLUMNS = [
    "site", "called", "windows", "tier", "sites", "calls", *Estimate._fields,
]  # fmt: skip


def false_calls(
    sequence: str,
    logits: np.ndarray,
    candidates: np.ndarray,
    counted: np.ndarray,
    thresholds: np.ndarray,
    modifications: Sequence[Modification],
    cluster: np.ndarray,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """Count calls per kilobase in sequence that is not known to be modified.

    Parameters
    ----------
    sequence : str
        Name of this sequence in the table, for example ``shuffled``.
    logits : np.ndarray, shape (N, W, M)
    candidates : np.ndarray, shape (N, W, M), bool
        Positions that can carry a type.
    counted : np.ndarray, shape (N, W), bool
        Positions that count: all but the known sites.
    thresholds : np.ndarray, shape (M, 3)
        Lowest logit of each tier.
    cluster : np.ndarray, shape (N,), int
        Rows of one cluster are resampled together.

    Returns
    -------
    pandas.DataFrame
        One row for each type and tier: ``modification``, ``sequence``, ``tier``, ``nt`` of
        sequence, ``calls`` with that tier or a higher one, and calls per 1,000 nt: ``value``,
        ``low``, ``high``. Without calls, ``high`` is the exact bound of a Poisson variable.
    """
    _, cluster = np.unique(cluster, return_inverse=True)
    draws = draw(int(cluster.max(initial=-1)) + 1, resamples, seed)
    nt = np.bincount(cluster, counted.sum(axis=1), minlength=draws.shape[1])
    lines = []
    for k, m in enumerate(modifications):
        for tier, cut in zip(TIERS, thresholds[k], strict=True):
            if not np.isfinite(cut):
                continue
            with np.errstate(invalid="ignore"):
                called = counted & candidates[..., k] & (logits[..., k] >= cut)
            calls = np.bincount(cluster, called.sum(axis=1), minlength=draws.shape[1])
            value = float(1000 * calls.sum() / nt.sum()) if nt.sum() else float("nan")
            low, high = interval(1000 * ratio(draws @ calls, draws @ nt))
            if not calls.any() and len(draws) and nt.sum():
                high = 1000 * _NONE / float(nt.sum())
            key = (m.symbol, sequence, tier, int(nt.sum()), int(calls.sum()))
            lines.append((*key, value, low, high))
    return pd.DataFrame(lines, columns=FALSE_COLUMNS)


def cross_types(
    logits: np.ndarray,
    candidates: np.ndarray,
    labels: np.ndarray,
    thresholds: np.ndarray,
    modifications: Sequence[Modification],
    cluster: np.ndarray,
    apart: np.ndarray | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """Count the sites of one type that are called another type of the same base.

    Parameters
    ----------
    logits : np.ndarray, shape (N, M)
        Logits of the sites.
    candidates : np.ndarray, shape (N, M), bool
        Types whose base and context the site has.
    labels : np.ndarray, shape (N, M), int
        1 where the site is known for a type.
    thresholds : np.ndarray, shape (M, 3)
        Lowest logit of each tier.
    cluster : np.ndarray, shape (N,), int
    apart : np.ndarray, shape (N,), bool, optional
        Which windows overlap no training window.

    Returns
    -------
    pandas.DataFrame
        One row for each pair of types of one base (including a type with itself), set of windows
        and tier: type of the ``site``, type it is ``called``, ``windows``, ``tier``, number of
        ``sites`` (with the context of the other type, not known to be of it), of ``calls`` with
        that tier or a higher one, and their share: ``value``, ``low``, ``high``.
    """
    draws = draw(int(cluster.max(initial=-1)) + 1, resamples, seed)
    lines = []
    for windows in ("all",) if apart is None else ("all", "non_overlapping"):
        used = np.ones(len(labels), dtype=bool) if windows == "all" else np.asarray(apart)
        for i, one in enumerate(modifications):
            for j, other in enumerate(modifications):
                if not same_base(one, other):
                    continue
                sites = used & (labels[:, i] == POSITIVE) & candidates[:, j]
                if i != j:
                    sites &= labels[:, j] != POSITIVE
                rows = np.flatnonzero(sites)
                drawn = draws[:, cluster[rows]].astype(np.float64)
                for tier, cut in zip(TIERS, thresholds[j], strict=True):
                    if not np.isfinite(cut):
                        continue
                    called = logits[rows, j] >= cut
                    value = float(called.mean()) if len(rows) else float("nan")
                    low, high = interval(ratio(drawn @ called, drawn.sum(axis=1)))
                    if len(draws) and len(rows) and called.sum() in (0, len(rows)):
                        low, high = wilson(value, len(rows))  # all resamples are equal
                    key = (one.symbol, other.symbol, windows, tier, len(rows), int(called.sum()))
                    lines.append((*key, value, low, high))
    return pd.DataFrame(lines, columns=CROSS_COLUMNS)


def same_base(one: Modification, other: Modification) -> bool:
    """Return whether two types can modify the same base."""
    return bool((IUPAC[one.base] & IUPAC[other.base])[: len(ALPHABET)].any())
