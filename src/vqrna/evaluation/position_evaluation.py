"""The part of an evaluation that scans windows position by position.

It adds what balanced windows do not show: localisation, precision at realistic prevalence, false
calls and confusion of types; and the calibration of the scores of whole windows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vqrna.data.windows import Windows
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
"""Largest number of windows, and of shuffled ones, in which false calls are counted."""

OFF_CENTRE, SHUFFLED = "off-centre", "shuffled"
"""Sequence in which false calls are counted: beside known sites, and shuffled."""

_DRAW, _SHUFFLE = 101, 102  # streams of random numbers beside those of the resampling


@dataclass(frozen=True, eq=False)
class PositionEvaluation:
    """Tables of the evaluation of positions."""

    reliability: Reliability
    localisation: Localisation
    prevalence: pd.DataFrame  # See :func:`vqrna.evaluation.prevalence.prevalence`
    false_calls: pd.DataFrame  # See :func:`vqrna.evaluation.calls.false_calls`
    cross_types: pd.DataFrame  # See :func:`vqrna.evaluation.calls.cross_types`
    parts: pd.DataFrame  # See :func:`vqrna.evaluation.parts.compare_parts`

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables by the names of their files."""
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
        """Return the tables as plain numbers and strings; nan and infinity become None."""
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
    """Scan modified windows and others position by position, and measure the scores.

    Raises UsageError if the model cannot scan.

    Parameters
    ----------
    scores : pandas.DataFrame
        Scores of the windows, as in :class:`vqrna.evaluation.Evaluation`.
    cluster : np.ndarray, shape (N,), int
        Cluster of overlapping windows of each, from 0.
    reference : Windows, optional
        The training windows: calls at their sites are not false.
    apart : np.ndarray, shape (N,), bool, optional
        Which windows overlap no training window.
    limit : int, optional
        Largest number, for each type, of modified windows and of windows for false calls, drawn
        at random.
    """
    check_scans(model)
    known = () if reference is None else (reference,)
    names = {m.symbol for m in windows.modifications}
    types = [m for m in model.modifications if m.symbol in names]
    head = {m.symbol: k for k, m in enumerate(model.modifications)}
    columns = [head[m.symbol] for m in types]
    sites = {m.symbol: sites_of(windows, m, limit, seed) for m in types}
    background = _background(windows, apart, limit, len(types), seed)
    rows = np.unique(np.concatenate([background, *sites.values()]))
    scanned = windows.take(rows)
    with progress(
        len(rows) + len(background), "scanning", unit="windows", show=show_progress
    ) as bar:
        logits = scan_around(model, scanned.tokens, bar=bar)
        shuffled = _shuffled(windows.tokens[background], seed, 2 * REACH + model.length)
        shuffled_logits = scan_around(model, shuffled, bar=bar)
    known_positions = known_sites(scanned, (windows, *known))

    near: list[Neighbours] = []
    for m, column in zip(types, columns, strict=True):
        at = np.searchsorted(rows, sites[m.symbol])
        if len(at):
            of_type, tokens = logits[at, :, column], scanned.tokens[at]
            near.append(neighbours(of_type, tokens, m, known_positions[at], rows[at]))
    thresholds = model.thresholds()
    cuts = np.array([thresholds[head[each.modification.symbol]] for each in near])
    options: Any = {"resamples": resamples, "seed": seed}
    return PositionEvaluation(
        reliability(scores, draw(int(cluster.max(initial=-1)) + 1, resamples, seed), seed=seed),
        ranked(near, cluster, apart, **options),
        prevalence(near, cuts.reshape(-1, thresholds.shape[1]), cluster, apart, **options),
        pd.concat(
            [
                false_calls(
                    name, x[..., columns], _candidates(tokens, types), counted,
                    thresholds[columns], types, cluster[background], **options,
                )
                for name, x, tokens, counted in _sequences(
                    logits, shuffled_logits, scanned.tokens, shuffled, known_positions,
                    np.searchsorted(rows, background),
                )
            ],
            ignore_index=True,
        ),
        _confusion(scanned, logits, types, columns, thresholds, rows, cluster, apart, options),
        compare_parts(
            model, windows, near, cluster, apart, show_progress=show_progress, **options
        ),
    )  # fmt: skip


def check_scans(model: object) -> None:
    """Raise a UsageError if the model cannot scan."""
    if not hasattr(model, "scan_batch"):
        raise UsageError("this model scores windows only: its positions cannot be evaluated")


def _background(
    windows: Windows, apart: np.ndarray | None, limit: int | None, types: int, seed: int
) -> np.ndarray:
    """Draw windows for false calls among those that overlap no training window."""
    fresh = np.flatnonzero(np.ones(len(windows), dtype=bool) if apart is None else apart)
    most = BACKGROUND if limit is None else min(BACKGROUND, limit * types)
    return np.sort(np.random.default_rng([seed, _DRAW]).permutation(fresh)[:most])


def _shuffled(tokens: np.ndarray, seed: int, length: int) -> np.ndarray:
    """Shuffle the dinucleotides of the part of windows that is scanned."""
    generator = np.random.default_rng([seed, _SHUFFLE])
    seen = recentre(tokens, min(length, tokens.shape[1]))
    shuffled = [dinucleotide_shuffle(window, generator) for window in seen]
    return np.stack(shuffled) if shuffled else seen


def _candidates(tokens: np.ndarray, types: list[Modification]) -> np.ndarray:
    """Return which of the central positions can carry which type, shape (N, W, K)."""
    wide = recentre(tokens, 2 * (REACH + max(len(m.context) for m in types)) + 1)
    spare = (wide.shape[1] - 2 * REACH - 1) // 2
    return np.stack([m.candidates(wide) for m in types], axis=2)[:, spare:-spare]


def _sequences(
    logits: np.ndarray,
    shuffled_logits: np.ndarray,
    tokens: np.ndarray,
    shuffled: np.ndarray,
    known_positions: np.ndarray,
    background: np.ndarray,
) -> list[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """Return name, logits, tokens and counted positions of sequence without known sites."""
    width = 2 * REACH + 1
    counted = ~known_positions[background]
    counted &= recentre(tokens[background], width) != AMBIGUOUS
    counted[:, REACH] = False
    all_known = recentre(shuffled, width) != AMBIGUOUS
    return [
        (OFF_CENTRE, logits[background], tokens[background], counted),
        (SHUFFLED, shuffled_logits, shuffled, all_known),
    ]


def _confusion(
    scanned: Windows,
    logits: np.ndarray,
    types: list[Modification],
    columns: list[int],
    thresholds: np.ndarray,
    rows: np.ndarray,
    cluster: np.ndarray,
    apart: np.ndarray | None,
    options: Any,
) -> pd.DataFrame:
    """Count the calls of each type at the scanned sites of the others."""
    column = {m.symbol: k for k, m in enumerate(scanned.modifications)}
    labels = scanned.labels[:, [column[m.symbol] for m in types]]
    return cross_types(
        logits[:, REACH, columns],
        _candidates(scanned.tokens, types)[:, REACH],
        labels,
        thresholds[columns],
        types,
        cluster[rows],
        None if apart is None else apart[rows],
        **options,
    )


def _plain(value: Any) -> Any:
    """Convert a number to its JSON form."""
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return int(value) if isinstance(value, int | np.integer) else value
