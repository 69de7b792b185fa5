"""Localisation: the rank of the site among the positions beside it in its window."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from vqrna.data.overlap import clusters
from vqrna.data.studies import overlaps_training
from vqrna.data.windows import Windows
from vqrna.evaluation.cells import NINE, look_up
from vqrna.evaluation.positions import (
    REACH,
    Neighbours,
    ScorePositions,
    known_sites,
    neighbours,
    sites_of,
)
from vqrna.evaluation.reliability import ratio, wilson
from vqrna.model.protocol import NEAR
from vqrna.modifications import Names, as_modifications
from vqrna.sequence import centre
from vqrna.stats.bootstrap import RESAMPLES, Estimate, draw, interval

METRICS = ("auroc", "percentile", "first", "auroc_near")
"""Mean AUROC within windows, median percentile of the site, share of sites that rank first, and
mean AUROC among the decoys within `NEAR` nt."""

COLUMNS = ["modification", "windows", "n", "decoys", "metric", *Estimate._fields]
_RANKS = [
    "row", "modification", "decoys", "auroc", "first", "decoys_near", "auroc_near", "cluster",
    "non_overlapping",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Localisation:
    """Ranks of true sites within their windows."""

    # One row for each value: ``modification`` (or ``mean``, ``mean9``), ``windows`` (``all``, or
    # ``non_overlapping`` if training windows were given), number ``n`` of windows, mean number of
    # ``decoys``, ``metric`` (one of `METRICS`), ``value``, ``low``, ``high``. For ``auroc_near``
    # only decoys within `NEAR` nt count; a mean over types is nan where a type has none.
    table: pd.DataFrame
    # One row for each window and type: ``row``, ``modification``, ``decoys``, ``auroc``, ``first``,
    # ``decoys_near``, ``auroc_near`` (nan without near decoys), ``cluster``, ``non_overlapping``
    # (missing without training windows)
    ranks: pd.DataFrame
    # (R,): Values of every bootstrap resample, by modification, windows and metric. The resamples
    # are the same for every model on the same windows.
    resampled: dict[tuple[str, str, str], np.ndarray] = field(default_factory=dict)

    def value(
        self, modification: str, metric: str = "auroc", windows: str = "non_overlapping"
    ) -> Estimate:
        """Return one value with its interval; KeyError if it was not measured."""
        return look_up(self.table, modification=modification, metric=metric, windows=windows)


def localise(
    score_positions: ScorePositions,
    windows: Windows,
    *,
    modifications: Names | None = None,
    reference: Windows | None = None,
    apart: np.ndarray | None = None,
    known: Sequence[Windows] = (),
    limit: int | None = None,
    reach: int = REACH,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Localisation:
    """Rank the true site of each modified window among its decoys.

    Decoys are the positions within `reach` nt that have the type's base and context and are
    annotated for no type. Ties count half.

    Parameters
    ----------
    score_positions : callable
        A :data:`vqrna.evaluation.positions.ScorePositions`: use
        :func:`vqrna.evaluation.positions.dense` for a trained model, and
        :func:`vqrna.evaluation.positions.window_by_window` for other scorers of windows.
    windows : Windows
        Source of the modified windows. Longer windows show more positions beside their sites.
    modifications : str, Modification, or sequence of these, optional
        Types to measure; those of the windows by default.
    reference : Windows, optional
        The training windows: every measure is also taken on the windows that overlap none of
        them, and their sites are known, too.
    apart : np.ndarray, shape (N,), bool, optional
        Which windows overlap no training window, if that is already computed (it takes seconds).
    known : sequence of Windows
        More windows whose sites are known and therefore not decoys.
    limit : int, optional
        Largest number of windows of each type, drawn at random.
    resamples : int
        Bootstrap resamples of clusters of overlapping windows; with 0 the intervals are nan.
    seed : int
        Seed of the draw of windows and of the resampling.
    """
    wanted = windows.modifications if modifications is None else as_modifications(modifications)
    known = known if reference is None else (reference, *known)
    picked = {m: sites_of(windows, m, limit, seed) for m in wanted}
    rows = np.unique(np.concatenate([np.empty(0, dtype=int), *picked.values()]))
    sites = known_sites(windows.take(rows), (windows, *known), reach)
    scored = []
    for m, of_type in picked.items():
        if len(of_type):
            tokens = windows.tokens[of_type]
            scores = score_positions(tokens, m)
            of_sites = sites[np.searchsorted(rows, of_type)]
            scored.append(neighbours(scores, tokens, m, of_sites, of_type))
    cluster = np.unique(clusters(windows.tokens), return_inverse=True)[1]
    if apart is None and reference is not None:
        apart = ~overlaps_training(windows.tokens, reference)
    return ranked(scored, cluster, apart, resamples=resamples, seed=seed)


def ranked(
    sites: Sequence[Neighbours],
    cluster: np.ndarray,
    apart: np.ndarray | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Localisation:
    """Measure the ranks of sites whose neighbours are scored.

    Parameters
    ----------
    sites : sequence of Neighbours
        One for each type.
    cluster : np.ndarray, shape (windows,), int
        Cluster, from 0, of every window that `Neighbours.rows` can refer to.
    apart : np.ndarray, shape (windows,), bool, optional
        Which of these overlap no training window.
    """
    parts = [_ranks(each, cluster, apart) for each in sites]
    ranks = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=_RANKS)
    draws = draw(int(cluster.max(initial=-1)) + 1, resamples, seed)
    cells: dict[tuple[str, str], pd.DataFrame] = {}
    for symbol, of_type in ranks.groupby("modification", sort=False):
        cells[str(symbol), "all"] = of_type
        if apart is not None:
            non_overlapping = of_type["non_overlapping"].astype(bool)
            cells[str(symbol), "non_overlapping"] = of_type[non_overlapping]
    values = {key: _measure(cell, draws) for key, cell in cells.items()}
    lines, resampled = [], {}
    for windows in ("all", "non_overlapping"):
        for name, members in _groups([symbol for symbol, of in cells if of == windows]):
            for metric in METRICS:
                n, decoys = _counts([cells[symbol, windows] for symbol in members], metric)
                samples = np.mean([values[symbol, windows][metric] for symbol in members], axis=0)
                estimate = Estimate(float(samples[0]), *interval(samples[1:]))
                if metric == "first" and resamples and n and samples[0] in (0, 1):
                    # All resamples are equal: the interval follows from the number of windows
                    estimate = Estimate(estimate.value, *wilson(estimate.value, n))
                lines.append((name, windows, n, decoys, metric, *estimate))
                resampled[name, windows, metric] = samples[1:]
    return Localisation(pd.DataFrame(lines, columns=COLUMNS), ranks, resampled)


def within_window(near: Neighbours) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rank sites among their decoys.

    Returns
    -------
    decoys : np.ndarray, shape (N,), int
    auroc : np.ndarray, shape (N,)
        Share of decoys with a lower score than the site; equal scores count half. nan without
        decoys.
    first : np.ndarray, shape (N,)
        1 if no decoy scores as high, ``1 / (1 + k)`` if k score the same and none higher, else 0.
    """
    is_decoy, site = near.is_decoy, near.site[:, None]
    decoys = is_decoy.sum(axis=1)
    lower = (is_decoy & (near.scores < site)).sum(axis=1)
    equal = (is_decoy & (near.scores == site)).sum(axis=1)
    auroc = ratio(lower + equal / 2, decoys)
    first = np.where(lower + equal == decoys, 1 / (1 + equal), 0.0)
    return decoys, auroc, np.where(decoys > 0, first, np.nan)


def among_near(near: Neighbours, distance: int = NEAR) -> tuple[np.ndarray, np.ndarray]:
    """Rank sites among their decoys within a distance in nt.

    Returns
    -------
    decoys : np.ndarray, shape (N,), int
    auroc : np.ndarray, shape (N,)
        nan without near decoys.
    """
    site = centre(near.is_decoy.shape[1])
    beside = np.abs(np.arange(near.is_decoy.shape[1]) - site) <= distance
    decoys, auroc, _ = within_window(dataclasses.replace(near, is_decoy=near.is_decoy & beside))
    return decoys, auroc


def _ranks(near: Neighbours, cluster: np.ndarray, apart: np.ndarray | None) -> pd.DataFrame:
    """Return the ranks of one type; windows without decoys are left out."""
    decoys, auroc, first = within_window(near)
    decoys_near, auroc_near = among_near(near)
    non_overlapping = [pd.NA] * len(near) if apart is None else apart[near.rows]
    table = pd.DataFrame(
        {
            "row": near.rows,
            "modification": near.modification.symbol,
            "decoys": decoys,
            "auroc": auroc,
            "first": first,
            "decoys_near": decoys_near,
            "auroc_near": auroc_near,
            "cluster": cluster[near.rows],
            "non_overlapping": pd.array(non_overlapping, dtype="boolean"),
        }
    )
    return table[decoys > 0]


def _measure(ranks: pd.DataFrame, draws: np.ndarray) -> dict[str, np.ndarray]:
    """Measure all windows (the first value), and each resample."""
    weights = draws[:, ranks["cluster"].to_numpy(dtype=int)]
    weights = np.concatenate([np.ones((1, len(ranks))), weights])
    auroc, first = ranks["auroc"].to_numpy(dtype=float), ranks["first"].to_numpy(dtype=float)
    near = ranks["auroc_near"].to_numpy(dtype=float)
    has = np.isfinite(near)
    return {
        "auroc": weighted_mean(auroc, weights),
        "percentile": 100 * weighted_median(auroc, weights),
        "first": weighted_mean(first, weights),
        "auroc_near": weighted_mean(near[has], weights[:, has]),
    }


def _groups(symbols: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Return each type by itself, and the means whose types are complete."""
    groups = [(symbol, [symbol]) for symbol in symbols]
    if len(symbols) > 1:
        groups.append(("mean", list(symbols)))
    if set(NINE) <= set(symbols):
        groups.append(("mean9", list(NINE)))
    return groups


def _counts(members: Sequence[pd.DataFrame], metric: str) -> tuple[int, float]:
    """Return the windows of a measure and their mean number of decoys (types weigh the same)."""
    if metric == "auroc_near":
        near = [of_type["decoys_near"][of_type["decoys_near"] > 0] for of_type in members]
    else:
        near = [of_type["decoys"] for of_type in members]
    return sum(map(len, near)), float(np.mean([decoys.mean() for decoys in near]))


def weighted_mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the means of values (N,) under weightings (R, N): shape (R,); nan without weight."""
    return ratio(weights @ values, weights.sum(axis=1))


def weighted_median(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the medians of values (N,) under weightings (R, N): shape (R,); nan without weight."""
    if not len(values):
        return np.full(len(weights), np.nan)
    order = np.argsort(values)
    rising, above = values[order], np.cumsum(weights[:, order], axis=1, dtype=np.float64)
    half = above[:, -1:] / 2
    low, high = (above < half).sum(axis=1), (above <= half).sum(axis=1)
    median = (rising[low.clip(max=len(rising) - 1)] + rising[high.clip(max=len(rising) - 1)]) / 2
    return np.where(half[:, 0] > 0, median, np.nan)
