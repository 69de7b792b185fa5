"""What an evaluation found: a tidy table, the score of every window, and its JSON.

What a model knows of the windows it is measured on: unlike its training, or part of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vqrna.evaluation.cells import KEYS
from vqrna.model.protocol import Flagger
from vqrna.stats.bootstrap import Estimate

if TYPE_CHECKING:
    from vqrna.evaluation.position_evaluation import PositionEvaluation
    from vqrna.model.protocol import Scorer


FLAGS = ("ood", "in_training")
"""Columns of the scores."""


def flag_columns(model: Scorer, tokens: np.ndarray) -> dict[str, pd.Series]:
    """Flag windows (N, L), uint8: a column of N for each of `FLAGS`, NA where it cannot be told."""
    told = model.flags(tokens) if isinstance(model, Flagger) else {}
    return {
        name: pd.Series(told.get(name, [pd.NA] * len(tokens)), dtype="boolean") for name in FLAGS
    }


def flagged(scores: pd.DataFrame) -> dict[str, int | None]:
    """Count windows by flag, each once however many types it has; None where it cannot be told.

    Parameters
    ----------
    scores : pandas.DataFrame
        As in :class:`vqrna.evaluation.Evaluation`.
    """
    once = scores.drop_duplicates("number")  # names of windows may be the same
    counts: dict[str, int | None] = {"windows": len(once)}
    for name in FLAGS:
        unknown = name not in once or once[name].isna().any()
        counts[name] = None if unknown else int(once[name].sum())
    return counts


SCHEMA_VERSION = 1


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a model scored on one split.

    Parameters
    ----------
    model : str
        Hash of the model.
    split : str
        Name of the split, such as ``valid``.
    table : pandas.DataFrame
        One row a value: `KEYS`, ``n_pos``, ``n_neg``, ``metric``, ``value``, ``low``, ``high``.
        The modification may be ``mean`` (all types) or ``mean9`` (those of `NINE`); a mean is
        taken inside every resample, so its interval knows that types share windows.
    scores : pandas.DataFrame
        One row a window, type and mask: ``window`` (its name, which other windows may have, too),
        ``number`` (from 1, its own), ``modification``, ``label``, ``negatives`` (empty for a
        positive), ``flanks``, ``non_overlapping``, ``cluster``, ``logit``, ``score``, and the flags
        of the window with nothing masked, ``ood`` and ``in_training``.
    unknown : tuple of str
        Types in the data that the model does not tell.
    resampled : dict of tuple of str to np.ndarray, shape (R,)
        AUROC of every bootstrap resample, by `KEYS`. Another model on the same windows has the
        same resamples, so that the two can be compared resample by resample.
    positions : PositionEvaluation, optional
        What a balanced test does not show, if it was asked for.
    """

    model: str
    split: str
    table: pd.DataFrame
    scores: pd.DataFrame
    unknown: tuple[str, ...] = ()
    resampled: dict[tuple[str, str, str, str], np.ndarray] = field(default_factory=dict)
    positions: PositionEvaluation | None = None

    def value(
        self,
        modification: str,
        metric: str = "auroc",
        *,
        windows: str = "all",
        negatives: str = "random",
        flanks: str = "none",
    ) -> Estimate:
        """Look up one value with its interval (KeyError if it was not measured)."""
        key = (modification, windows, negatives, flanks, metric)
        rows = self.table
        for column, wanted in zip((*KEYS, "metric"), key, strict=True):
            rows = rows[rows[column] == wanted]
        if rows.empty:
            raise KeyError(key)
        return Estimate(*map(float, rows.iloc[0][["value", "low", "high"]]))

    def to_json(self) -> dict[str, Any]:
        """Everything but the scores as plain numbers and strings; nan becomes None."""
        results = []
        for key, rows in self.table.groupby([*KEYS, "n_pos", "n_neg"], sort=False):
            result: dict[str, Any] = dict(zip((*KEYS, "n_pos", "n_neg"), key, strict=True))
            for metric, *bounds in rows[["metric", "value", "low", "high"]].itertuples(index=False):
                numbers = (None if math.isnan(bound) else float(bound) for bound in bounds)
                result[metric] = dict(zip(("value", "low", "high"), numbers, strict=True))
            results.append(result)
        told: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "model": self.model,
            "split": self.split,
            "flags": flagged(self.scores),
            "results": results,
        }
        if self.positions is not None:
            told["positions"] = self.positions.to_json()
        return told
