"""What a balanced test does not show: calibration, localisation, prevalence, false calls."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vqrna.data.windows import UNKNOWN, Windows
from vqrna.errors import UsageError
from vqrna.evaluation.calls import cross_types, false_calls
from vqrna.evaluation.localisation import Localisation, ranked
from vqrna.evaluation.parts import compare_parts
from vqrna.evaluation.positions import (
    REACH,
    Neighbours,
    known_sites,
    neighbours,
    scan_around,
    sites_of,
)
from vqrna.evaluation.prevalence import prevalence
from vqrna.evaluation.reliability import Reliability, reliability
from vqrna.modifications import Modification
from vqrna.runtime.progress import progress
from vqrna.sequence import AMBIGUOUS, dinucleotide_shuffle, recentre
from vqrna.stats.bootstrap import RESAMPLES, draw

if TYPE_CHECKING:
    from vqrna.model import Model

BACKGROUND = 1000
"""At most so many windows in which false calls are counted, as they are and shuffled."""

OFF_CENTRE, SHUFFLED = "off-centre", "shuffled"
"""Sequence in which false calls are counted."""

_DRAW, _SHUFFLE = 101, 102  # streams of random numbers beside those of the resampling


@dataclass(frozen=True, eq=False)
class PositionEvaluation:
    """What a balanced test does not show.

    Parameters
    ----------
    reliability : Reliability
    localisation : Localisation
    prevalence : pandas.DataFrame
        See :func:`vqrna.evaluation.prevalence.prevalence`.
    false_calls : pandas.DataFrame
        See :func:`vqrna.evaluation.calls.false_calls`.
    cross_types : pandas.DataFrame
        See :func:`vqrna.evaluation.calls.cross_types`.
    parts : pandas.DataFrame
        See :func:`vqrna.evaluation.parts.compare_parts`.
    """

    reliability: Reliability
    localisation: Localisation
    prevalence: pd.DataFrame
    false_calls: pd.DataFrame
    cross_types: pd.DataFrame
    parts: pd.DataFrame

    def tables(self) -> dict[str, pd.DataFrame]:
        """Give the tables by the names of their files."""
        return {
            "localisation": self.localisation.table,
            "calibration": self.reliability.table,
            "reliability": self.reliability.groups,
            "prevalence": self.prevalence,
            "false_calls": self.false_calls,
            "cross_types": self.cross_types,
            "parts": self.parts,
        }

    def to_json(self) -> dict[str, list[dict[str, Any]]]:
        """Give the tables as plain numbers and strings; nan and infinity become None."""
        return {
            name: [{str(k): _plain(v) for k, v in row.items()} for row in table.to_dict("records")]
            for name, table in self.tables().items()
        }


def evaluate_positions(
    model: Model,
    windows: Windows,
    scores: pd.DataFrame,
    cluster: np.ndarray,
    *,
    reference: Windows | None = None,
    apart: np.ndarray | None = None,
    limit: int | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    show_progress: bool = False,
) -> PositionEvaluation:
    """Scan modified windows and others position by position, and measure what comes of it.

    Parameters
    ----------
    model : Model
    windows : Windows
    scores : pandas.DataFrame
        Of the windows, as in :class:`vqrna.evaluation.Evaluation`.
    cluster : np.ndarray, shape (N,), int
        Cluster of overlapping windows that each belongs to, from 0.
    reference : Windows, optional
        The training windows: their sites are no false calls.
    apart : np.ndarray, shape (N,), bool, optional
        Which windows overlap no training window.
    limit : int, optional
        At most so many modified windows of each type, and false calls in so many windows for each
        type, drawn at random.
    resamples, seed : int
    show_progress : bool

    Raises
    ------
    UsageError
        If the model cannot scan.
    """
    check_scans(model)
    known = () if reference is None else (reference,)
    names = {m.symbol for m in windows.modifications}
    kinds = [m for m in model.modifications if m.symbol in names]
    head = {m.symbol: k for k, m in enumerate(model.modifications)}
    columns = [head[m.symbol] for m in kinds]
    sites = {m.symbol: sites_of(windows, m, limit, seed) for m in kinds}
    behind = _background(windows, apart, limit, len(kinds), seed)
    rows = np.unique(np.concatenate([behind, *sites.values()]))
    looked = windows.take(rows)
    with progress(len(rows) + len(behind), "scanning", unit="windows", show=show_progress) as bar:
        logits = scan_around(model, looked.tokens, bar=bar)
        shuffled = _shuffled(windows.tokens[behind], seed, 2 * REACH + model.length)
        chance = scan_around(model, shuffled, bar=bar)
    there = known_sites(looked, (windows, *known))

    found: list[Neighbours] = []
    for m, column in zip(kinds, columns, strict=True):
        at = np.searchsorted(rows, sites[m.symbol])
        of_type = looked.tokens[at]
        found.append(neighbours(logits[at, :, column], of_type, m, there[at], rows[at]))
    found = [near for near in found if len(near)]
    thresholds = model.tiers.logits
    cuts = np.array([thresholds[head[near.modification.symbol]] for near in found])
    options: Any = {"resamples": resamples, "seed": seed}
    return PositionEvaluation(
        reliability(scores, draw(int(cluster.max(initial=-1)) + 1, resamples, seed), seed=seed),
        ranked(found, cluster, apart, **options),
        prevalence(found, cuts.reshape(-1, thresholds.shape[1]), cluster, apart, **options),
        pd.concat(
            [
                false_calls(
                    name, x[..., columns], _candidates(tokens, kinds), counted,
                    thresholds[columns], kinds, cluster[behind], **options,
                )
                for name, x, tokens, counted in _sequences(
                    logits, chance, looked.tokens, shuffled, there, np.searchsorted(rows, behind)
                )
            ],
            ignore_index=True,
        ),
        _mixed_up(looked, logits, kinds, columns, thresholds, rows, cluster, apart, options),
        compare_parts(
            model, windows, found, cluster, apart, show_progress=show_progress, **options
        ),
    )  # fmt: skip


def check_scans(model: object) -> None:
    """Refuse a model that cannot be positions.

    Raises
    ------
    UsageError
        If it cannot scan.
    """
    if not hasattr(model, "scan_batch"):
        raise UsageError(
            "this model scores windows only: it cannot be positions position by position"
        )


def _background(
    windows: Windows, apart: np.ndarray | None, limit: int | None, types: int, seed: int
) -> np.ndarray:
    """Draw the windows in which false calls are counted: those that overlap no training window."""
    fresh = np.flatnonzero(np.ones(len(windows), dtype=bool) if apart is None else apart)
    most = BACKGROUND if limit is None else min(BACKGROUND, limit * types)
    return np.sort(np.random.default_rng([seed, _DRAW]).permutation(fresh)[:most])


def _shuffled(tokens: np.ndarray, seed: int, length: int) -> np.ndarray:
    """Shuffle the dinucleotides of windows, as much of them as will be read."""
    generator = np.random.default_rng([seed, _SHUFFLE])
    seen = recentre(tokens, min(length, tokens.shape[1]))
    shuffled = [dinucleotide_shuffle(window, generator) for window in seen]
    return np.stack(shuffled) if shuffled else seen


def _candidates(tokens: np.ndarray, kinds: list[Modification]) -> np.ndarray:
    """Tell which of the central positions can carry which type, shape (N, W, K)."""
    wide = recentre(tokens, 2 * (REACH + max(len(m.context) for m in kinds)) + 1)
    spare = (wide.shape[1] - 2 * REACH - 1) // 2
    return np.stack([m.candidates(wide) for m in kinds], axis=2)[:, spare:-spare]


def _sequences(
    logits: np.ndarray,
    chance: np.ndarray,
    tokens: np.ndarray,
    shuffled: np.ndarray,
    there: np.ndarray,
    behind: np.ndarray,
) -> list[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """Name the two kinds of sequence without known sites, with what counts of them."""
    width = 2 * REACH + 1
    counted = ~there[behind] & (recentre(tokens[behind], width) != AMBIGUOUS)
    counted[:, REACH] = False
    all_of_it = recentre(shuffled, width) != AMBIGUOUS
    return [
        (OFF_CENTRE, logits[behind], tokens[behind], counted),
        (SHUFFLED, chance, shuffled, all_of_it),
    ]


def _mixed_up(
    looked: Windows,
    logits: np.ndarray,
    kinds: list[Modification],
    columns: list[int],
    thresholds: np.ndarray,
    rows: np.ndarray,
    cluster: np.ndarray,
    apart: np.ndarray | None,
    options: Any,
) -> pd.DataFrame:
    """Measure the sites that were scanned against all types."""
    labels = np.full((len(looked), len(kinds)), UNKNOWN, dtype=np.int8)
    for k, m in enumerate(kinds):
        at = [c for c, kind in enumerate(looked.modifications) if kind.symbol == m.symbol]
        labels[:, k] = looked.labels[:, at[0]]
    return cross_types(
        logits[:, REACH, columns],
        _candidates(looked.tokens, kinds)[:, REACH],
        labels,
        thresholds[columns],
        kinds,
        cluster[rows],
        None if apart is None else apart[rows],
        **options,
    )


def _plain(value: Any) -> Any:
    """Turn numbers of any kind into those of JSON."""
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return int(value) if isinstance(value, int | np.integer) else value
