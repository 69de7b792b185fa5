"""What a model knows of the windows it is measured on: unlike its training, or part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vqrna.model.protocol import Flagger

if TYPE_CHECKING:
    from vqrna.model.protocol import Scorer

FLAGS = ("unlike", "in_training")
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
