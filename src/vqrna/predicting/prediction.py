"""What a prediction gives: sites, and a summary of them by modification."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vqrna.predicting.settings import Settings
from vqrna.tiers import TIERS
from vqrna.trained import Model


@dataclass(frozen=True, eq=False)
class Prediction:
    """Predicted sites.

    Attributes
    ----------
    sites : pandas.DataFrame, or None
        A row a site: ``sequence``, ``position`` (1-based), ``base``, ``modification``, ``score``
        (calibrated at the even class ratio), ``probability`` (at the prior), ``p_value`` (against
        the off-site null), ``call`` (empty, ``low``, ``medium`` or ``high``) and ``flags``. None
        where they were written to a file.
    summary : pandas.DataFrame
        A row a modification: ``modification``, ``base``, ``candidates``, calls by tier,
        ``calls_per_kb``, and ``chance_per_kb``, what shuffled sequence gives at this threshold.
    nt, records : int
        How much sequence in how many records.
    path : pathlib.Path, or None
        Where the sites were written.
    repeated_names, empty_records : int
        Records whose name another one had before, and records without a letter.
    """

    sites: pd.DataFrame | None
    summary: pd.DataFrame
    nt: int
    records: int
    path: Path | None = None
    repeated_names: int = 0
    empty_records: int = 0


def summarise(
    model: Model, settings: Settings, candidates: np.ndarray, calls: np.ndarray, nt: int
) -> pd.DataFrame:
    """Count calls by type and tier, beside what chance would give.

    Parameters
    ----------
    model : Model
    settings : Settings
    candidates : np.ndarray, shape (K,)
    calls : np.ndarray, shape (K, 3)
    nt : int
    """
    kb = max(nt, 1) / 1000
    rows = []
    for k, (m, column) in enumerate(zip(settings.modifications, settings.columns, strict=True)):
        chance = float("nan")
        if model.shuffled:
            chance = model.shuffled[column].calls_per_kb(_lowest_logit(model, settings, column))
        tiers = dict(zip(TIERS, calls[k].tolist(), strict=True))
        rows.append(
            {
                "modification": m.symbol,
                "base": m.context,
                "candidates": int(candidates[k]),
                "called": int(calls[k].sum()),
                **tiers,
                "calls_per_kb": calls[k].sum() / kb,
                "chance_per_kb": chance,
            }
        )
    return pd.DataFrame(rows)


def _lowest_logit(model: Model, settings: Settings, column: int) -> float:
    """Give the logit from which on a site is called."""
    if settings.threshold is None:
        return float(model.tiers.logits[column, TIERS.index(settings.confidence)])
    return float(model.calibration.logit_of(settings.threshold)[column])
