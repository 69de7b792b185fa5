"""How well a trained model finds sites within windows: measured once, for its card."""

from __future__ import annotations

import math

from vqrna.data.overlap import overlapping
from vqrna.data.windows import Windows
from vqrna.evaluation.localisation import localise
from vqrna.evaluation.positions import dense
from vqrna.model import TrainedModel
from vqrna.nn.model import SiteNetwork

MOST = 250
"""Windows of a type that are looked at, drawn at random where there are more."""


def site_ranks(
    model: TrainedModel, train: Windows, valid: Windows
) -> dict[str, dict[str, dict[str, float]]]:
    """Rank sites among their rivals, on validation windows that overlap no training window.

    Parameters
    ----------
    model : TrainedModel
        Networks that do not scan are not looked at.
    train, valid : Windows

    Returns
    -------
    dict of str to dict
        By type and measure (see :data:`vqrna.evaluation.localisation.METRICS`) ``windows``,
        ``value``, ``low``, ``high``. Types and measures without windows are left out.
    """
    if not isinstance(model.network, SiteNetwork):
        return {}
    apart = valid.take(~overlapping(valid.tokens, train.tokens))
    if not len(apart):
        return {}
    seed = model.config.training.seed
    table = localise(dense(model), apart, known=(valid, train), limit=MOST, seed=seed).table
    found: dict[str, dict[str, dict[str, float]]] = {}
    symbols = {m.symbol for m in model.modifications}
    for row in table.to_dict("records"):
        if row["modification"] in symbols and row["n"] and math.isfinite(row["value"]):
            told = {name: float(row[name]) for name in ("value", "low", "high")}
            of_type = found.setdefault(row["modification"], {})
            of_type[row["metric"]] = {
                "windows": int(row["n"]),
                **{name: number for name, number in told.items() if math.isfinite(number)},
            }
    return found
