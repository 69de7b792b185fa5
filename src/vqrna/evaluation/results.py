"""Results of an evaluation: a tidy table, scores and flags of every window, and JSON."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vqrna.evaluation.cells import KEYS, look_up
from vqrna.model.protocol import Flagger
from vqrna.stats.bootstrap import Estimate

if TYPE_CHECKING:
    from vqrna.evaluation.position_evaluation import PositionEvaluation
    from vqrna.model.protocol import Scorer

SCHEMA_VERSION = 1

FLAGS = ("ood", "in_training")
"""Columns of the scores with flags of the windows."""


def flag_columns(model: Scorer, tokens: np.ndarray) -> dict[str, pd.Series]:
    """Return a column of N for each of `FLAGS` of windows (N, L), uint8; NA where unknown."""
    flags = model.flags(tokens) if isinstance(model, Flagger) else {}
    return {
        name: pd.Series(flags.get(name, [pd.NA] * len(tokens)), dtype="boolean") for name in FLAGS
    }


def flagged(scores: pd.DataFrame) -> dict[str, int | None]:
    """Count the windows and those with each flag, from `Evaluation.scores`; None where unknown."""
    once = scores.drop_duplicates("number")  # names of windows are not unique
    counts: dict[str, int | None] = {"windows": len(once)}
    for name in FLAGS:
        unknown = name not in once or once[name].isna().any()
        counts[name] = None if unknown else int(once[name].sum())
    return counts


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The scores of a model on one split, measured.

    Parameters
    ----------
    model : str
        Hash of the model.
    split : str
        Name of the split, such as ``valid``.
    table : pandas.DataFrame
        One row for each value: `KEYS`, ``n_pos``, ``n_neg``, ``metric``, ``value``, ``low``,
        ``high``. The modification may be ``mean`` (all types) or ``mean9`` (those of `NINE`);
        means are taken inside every resample, so that types may share windows.
    scores : pandas.DataFrame
        One row for each window, type and mask: ``window`` (its name, not unique), ``number``
        (from 1, unique), ``modification``, ``label``, ``negatives`` (empty for a positive),
        ``flanks``, ``non_overlapping``, ``cluster``, ``logit``, ``score``, and the flags of the
        unmasked window, ``ood`` and ``in_training``.
    unknown : tuple of str
        Types in the data that the model does not predict.
    resampled : dict of tuple of str to np.ndarray, shape (R,)
        AUROC of every bootstrap resample, by `KEYS`. The resamples are the same for every model
        on the same windows, so that models can be compared resample by resample.
    positions : PositionEvaluation, optional
        Of a full evaluation.
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
        """Return one value with its interval; KeyError if it was not measured."""
        key = (modification, windows, negatives, flanks, metric)
        return look_up(self.table, **dict(zip((*KEYS, "metric"), key, strict=True)))

    def to_json(self) -> dict[str, Any]:
        """Return everything but the scores as plain numbers and strings; nan becomes None."""
        results = []
        for key, rows in self.table.groupby([*KEYS, "n_pos", "n_neg"], sort=False):
            result: dict[str, Any] = dict(zip((*KEYS, "n_pos", "n_neg"), key, strict=True))
            for metric, *bounds in rows[["metric", "value", "low", "high"]].itertuples(index=False):
                numbers = (None if math.isnan(bound) else float(bound) for bound in bounds)
                result[metric] = dict(zip(("value", "low", "high"), numbers, strict=True))
            results.append(result)
        plain: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "model": self.model,
            "split": self.split,
            "flags": flagged(self.scores),
            "results": results,
        }
        if self.positions is not None:
            plain["positions"] = self.positions.to_json()
        return plain
