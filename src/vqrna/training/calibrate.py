"""After training: calibrate a model, measure its nulls and set its confidence tiers."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from vqrna.data.studies import overlaps_training
from vqrna.data.windows import NEGATIVE, POSITIVE, Windows
from vqrna.evaluation.localisation import localise
from vqrna.evaluation.positions import dense
from vqrna.model import TrainedModel
from vqrna.nn.dense import supports_dense
from vqrna.sequence import recentre
from vqrna.stats.calibration import Calibration, fit_line
from vqrna.stats.metrics import METRICS, measure
from vqrna.stats.tiers import TIERS, TierMeaning, Tiers
from vqrna.training.nulls import cut_windows, with_flags, with_nulls
from vqrna.training.validation import compared

LOCALISATION_WINDOWS = 250
"""Most windows of a type for the rank of sites, drawn at random."""

MOST_OFF_SITE = {"low": 2.0, "medium": 0.5, "high": 0.05}
"""Most calls per type in 1,000 nt beside known sites, by tier.

That sequence has the composition of modified regions, and unannotated sites.
"""

MOST_SHUFFLED = {"low": 0.25, "medium": 0.025, "high": 0.0025}
"""Most calls per type in 1,000 nt of shuffled sequence, where every call is false.

Half of the documented 0.05 at the default tier: the rate varies with length and composition.
"""


def site_ranks(
    model: TrainedModel, train: Windows, valid: Windows
) -> dict[str, dict[str, dict[str, float]]]:
    """Rank sites among their decoys, on validation windows that overlap no training window.

    Returns
    -------
    dict of str to dict
        ``windows``, ``value``, ``low`` and ``high`` by type and measure (see
        :data:`vqrna.evaluation.localisation.METRICS`), without types and measures that have no
        windows; empty for networks that are not evaluated densely.
    """
    if not supports_dense(model.network):
        return {}
    apart = valid.take(~overlaps_training(valid.tokens, train))
    if not len(apart):
        return {}
    seed = model.config.training.seed
    known, limit = (valid, train), LOCALISATION_WINDOWS
    table = localise(dense(model), apart, known=known, limit=limit, seed=seed).table
    ranks: dict[str, dict[str, dict[str, float]]] = {}
    symbols = {m.symbol for m in model.modifications}
    for row in table.to_dict("records"):
        if row["modification"] in symbols and row["n"] and math.isfinite(row["value"]):
            values = {name: float(row[name]) for name in ("value", "low", "high")}
            ranks.setdefault(row["modification"], {})[row["metric"]] = {
                "windows": int(row["n"]),
                **{name: value for name, value in values.items() if math.isfinite(value)},
            }
    return ranks


def calibrate_model(
    model: TrainedModel,
    train: Windows,
    valid: Windows,
    summary: dict[str, Any],
    *,
    show_progress: bool = True,
) -> TrainedModel:
    """Calibrate and measure a model on validation windows.

    Parameters
    ----------
    model : TrainedModel
        Directly after training.
    summary : dict
        Facts about the training, for the model card.

    Returns
    -------
    TrainedModel
        With calibration, nulls, tiers, thresholds of input flags, and the summary.
    """
    logits = model.logits(valid.tokens)
    model = dataclasses.replace(model, calibration=_calibrate(logits, valid))
    summary = summary | {"validation": _validation(model, logits, valid)}
    model = dataclasses.replace(model, training=summary)
    summary = model.training | {"localisation": site_ranks(model, train, valid)}
    model = dataclasses.replace(model, training=summary)
    model = with_nulls(model, train, valid, show_progress=show_progress)
    model = with_flags(model, train, valid, show_progress=show_progress)
    generator = np.random.default_rng(model.config.training.seed)
    cut_logits = model.logits(cut_windows(recentre(valid.tokens, model.length), generator))
    whole, meanings = _thresholds(model, logits, valid, cut=False)
    cut, cut_meanings = _thresholds(model, cut_logits, valid, cut=True)
    return dataclasses.replace(model, tiers=Tiers(whole, meanings + cut_meanings, cut))


def _validation(
    model: TrainedModel, logits: np.ndarray, valid: Windows
) -> dict[str, dict[str, float]]:
    """Measure the calibrated scores; the history has those before calibration."""
    results = {}
    for m, modification in enumerate(model.modifications):
        known = compared(valid, m)
        truth = valid.labels[known, m] == POSITIVE
        if truth.any() and not truth.all():
            results[modification.symbol] = measure(truth, model.score(logits)[known, m])
    results["mean"] = {
        name: float(np.mean([row[name] for row in results.values()])) for name in METRICS
    }
    return results


def _calibrate(logits: np.ndarray, valid: Windows) -> Calibration:
    """Fit a line in log-odds for each type, on its positives and random negatives.

    Random negatives represent all candidates, which is what a prior refers to. Negatives chosen
    for their motif do not, and would make all probabilities of the motif too low.
    """
    lines = [
        fit_line(logits[known, m], valid.labels[known, m])
        for m in range(len(valid.modifications))
        for known in [compared(valid, m)]
    ]
    slope, intercept = np.array(lines).T
    fitted_on = "validation windows and random negatives, both classes weighing the same"
    return Calibration(slope, intercept, fitted_on)


def _thresholds(
    model: TrainedModel, logits: np.ndarray, valid: Windows, *, cut: bool
) -> tuple[np.ndarray, tuple[TierMeaning, ...]]:
    """Set thresholds by the calls in the nulls, and measure them on validation windows.

    The threshold of cut windows is never below that of whole ones. A tier has no threshold where
    a null is too small to measure its bound.

    Returns
    -------
    thresholds : np.ndarray, shape (M, 3)
        Lowest logit of each tier, or infinity.
    meanings : tuple of TierMeaning
    """
    thresholds = np.full((len(model.modifications), len(TIERS)), np.inf)
    meanings = []
    for m, modification in enumerate(model.modifications):
        even = -model.calibration.intercept[m] / model.calibration.slope[m]  # a score of one half
        whole = (model.off_site[m], model.shuffled[m])
        nulls = (model.off_site_cut[m], model.shuffled_cut[m]) if cut else whole
        known, labels = compared(valid, m), valid.labels[:, m]
        positive = logits[known & (labels == POSITIVE), m]
        negative = logits[known & (labels == NEGATIVE), m]
        for t, tier in enumerate(TIERS):
            bounds = (MOST_OFF_SITE[tier], MOST_SHUFFLED[tier])
            pairs = [pair for each in (nulls, whole) for pair in zip(each, bounds, strict=True)]
            if not all(null.supports(bound) for null, bound in pairs):
                nan = float("nan")
                meanings.append(
                    TierMeaning(modification.symbol, tier, nan, nan, nan, nan, nan, cut)
                )
                continue
            reached = max(null.threshold(bound) for null, bound in pairs)
            logit = thresholds[m, t] = max(even, reached)
            recall, false = float((positive >= logit).mean()), float((negative >= logit).mean())
            meanings.append(
                TierMeaning(
                    modification.symbol,
                    tier,
                    float(model.calibration.score(np.full(len(thresholds), logit))[m]),
                    recall / (recall + false) if recall + false else float("nan"),
                    recall,
                    nulls[0].calls_per_kb(logit),
                    nulls[1].calls_per_kb(logit),
                    cut,
                )
            )
    return thresholds, tuple(meanings)
