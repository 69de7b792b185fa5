"""Measures of the two parts of the classifier: the one that reads the site, and that of its region.

Classifying windows and locating the site inside one are two tasks. The head is a sum of two parts,
so each part can be measured alone on either task.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vqrna.data.windows import Windows
from vqrna.evaluation.cells import compare, known_windows, means
from vqrna.evaluation.localisation import ranked
from vqrna.evaluation.positions import Neighbours, scan_around
from vqrna.runtime.progress import progress
from vqrna.stats.bootstrap import Estimate, draw, estimates

if TYPE_CHECKING:
    from vqrna.model import Model

SITE, REGION, BOTH = "site", "region", "both"
BETWEEN, WITHIN = "between windows", "within windows"
COLUMNS = ["modification", "windows", "part", "auroc", "n", *Estimate._fields]

_BATCH = 1024


def parts_of(model: Model) -> dict[str, Model]:
    """Return a model for each part of the head, with the weights of the other part set to 0.

    The keys are ``site`` and ``region``; empty where the head has one part or the model is a set.
    """
    from vqrna.model import TrainedModel
    from vqrna.nn.model import site_networks

    if not isinstance(model, TrainedModel) or not site_networks(model.network):
        return {}
    alone: dict[str, Model] = {}
    for name, silent in ((SITE, REGION), (REGION, SITE)):
        network = copy.deepcopy(model.network)
        for part in site_networks(network):
            for parameter in getattr(part.head, silent).logits.parameters():
                parameter.data.zero_()
        alone[name] = dataclasses.replace(model, network=network)
    return alone


def compare_parts(
    model: Model,
    windows: Windows,
    sites: Sequence[Neighbours],
    cluster: np.ndarray,
    apart: np.ndarray | None = None,
    *,
    resamples: int,
    seed: int,
    show_progress: bool = False,
) -> pd.DataFrame:
    """Measure both parts and their sum, between windows and within them.

    Parameters
    ----------
    sites : sequence of Neighbours
        Sites with their decoys, one for each type, with the scores of the whole model.
    cluster : np.ndarray, shape (N,), int
        Clusters of the windows, from 0.
    apart : np.ndarray, shape (N,), bool, optional
        Which windows overlap no training window.

    Returns
    -------
    pandas.DataFrame
        One row for each value: ``modification`` (or ``mean``, ``mean9``), ``windows`` (``all``,
        ``non_overlapping``), ``part`` (``site``, ``region``, ``both``), ``auroc`` (``between
        windows``: modified against random unmodified ones; ``within windows``: the site against
        the other candidates beside it), ``n`` modified windows, ``value``, ``low``, ``high``.
        Empty for a model without parts.
    """
    alone = parts_of(model)
    if not alone:
        return pd.DataFrame(columns=COLUMNS)
    options: Any = {"resamples": resamples, "seed": seed}
    draws = draw(int(cluster.max(initial=-1)) + 1, resamples, seed)
    rows = np.unique(np.concatenate([near.rows for near in sites])) if sites else np.empty(0, int)
    lines: list[tuple[Any, ...]] = []
    total = len(alone) * (len(windows) + len(rows))
    with progress(total, "parts", unit="windows", show=show_progress) as bar:
        whole = np.zeros((len(windows), len(model.modifications)))
        for name, part in {**alone, BOTH: None}.items():
            logits = whole  # the parts add up to the logits of both
            if part is not None:
                logits = np.empty_like(whole)
                for start in range(0, len(windows), _BATCH):
                    some = part.logits(windows.tokens[start : start + _BATCH])
                    logits[start : start + _BATCH] = some
                    bar.advance(len(some))
                whole += logits
            lines += _between(name, model, logits, windows, cluster, apart, draws)
            of_part = list(sites)
            if part is not None and len(rows):
                scanned = scan_around(part, windows.tokens[rows], bar=bar)
                of_part = [_scored(near, scanned, rows, model) for near in sites]
            table = ranked(of_part, cluster, apart, **options).table
            table = table[table["metric"] == "auroc"]
            lines += [
                (row.modification, row.windows, name, WITHIN, row.n, row.value, row.low, row.high)
                for row in table.itertuples()
            ]
    return pd.DataFrame(lines, columns=COLUMNS)


def _between(
    name: str,
    model: Model,
    logits: np.ndarray,
    windows: Windows,
    cluster: np.ndarray,
    apart: np.ndarray | None,
    draws: np.ndarray,
) -> list[tuple[Any, ...]]:
    """Measure how a part classifies modified and random unmodified windows."""
    head = {m.symbol: k for k, m in enumerate(model.modifications)}
    tables = []
    for column, m in enumerate(windows.modifications):
        if m.symbol in head:
            known = known_windows(windows, column, apart, cluster)
            # Only the order counts: the ranks of the log-odds, between 0 and 1
            score = pd.Series(logits[known.index, head[m.symbol]]).rank(pct=True).to_numpy()
            tables.append(known.assign(modification=m.symbol, flanks="none", score=score))
    table = pd.concat(tables, ignore_index=True)

    cells = list(compare(table, windows.negative_sets[:1], draws))
    return [
        (
            x.modification,
            x.windows,
            name,
            BETWEEN,
            x.n_pos,
            *estimates(x.values, x.samples)["auroc"],
        )
        for x in [*cells, *means(cells)]
    ]


def _scored(near: Neighbours, scanned: np.ndarray, rows: np.ndarray, model: Model) -> Neighbours:
    """Return the neighbours of a type with the scores of a part."""
    column = [m.symbol for m in model.modifications].index(near.modification.symbol)
    at = np.searchsorted(rows, near.rows)
    cut = (scanned.shape[1] - near.scores.shape[1]) // 2
    scores = scanned[at, cut : scanned.shape[1] - cut, column].astype(np.float64)
    return dataclasses.replace(near, scores=scores)
