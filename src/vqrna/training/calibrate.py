"""After training: calibrate a model, measure its nulls and set its confidence tiers.

How well a trained model finds sites within windows: measured once, for its card.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from vqrna.data.overlap import overlapping
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

MOST = 250
"""Windows of a type that are looked at, drawn at random where there are more."""


def site_ranks(
    model: TrainedModel, train: Windows, valid: Windows
) -> dict[str, dict[str, dict[str, float]]]:
    """Rank sites among their decoys, on validation windows that overlap no training window.

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
    if not supports_dense(model.network):
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


MOST_OFF_SITE = {"low": 2.0, "medium": 0.5, "high": 0.05}
"""A tier's threshold lets through at most so many calls a type in 1,000 nt beside known sites.

Such sequence has the composition of modified regions, and real sites that nobody annotated.
"""

MOST_SHUFFLED = {"low": 0.25, "medium": 0.025, "high": 0.0025}
"""And at most so many in shuffled sequence, where every call is false: half of the promised 0.05
at the default tier, since sequence of one length or composition alone gives other counts."""


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
        Fresh from training.
    train : Windows
        Windows that overlap these have no part in the nulls.
    valid : Windows
    summary : dict
        What is told of the training.
    show_progress : bool

    Returns
    -------
    TrainedModel
        With calibration, nulls, tiers, what flags input, and the summary.
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
    whole, told = _thresholds(model, logits, valid, cut=False)
    cut, told_of_cut = _thresholds(model, cut_logits, valid, cut=True)
    return dataclasses.replace(model, tiers=Tiers(whole, told + told_of_cut, cut))


def _validation(
    model: TrainedModel, logits: np.ndarray, valid: Windows
) -> dict[str, dict[str, float]]:
    """Measure the calibrated scores: training looked at those before calibration."""
    found = {}
    for m, kind in enumerate(model.modifications):
        known = compared(valid, m)
        truth = valid.labels[known, m] == POSITIVE
        if truth.any() and not truth.all():
            found[kind.symbol] = measure(truth, model.score(logits)[known, m])
    found["mean"] = {
        name: float(np.mean([row[name] for row in found.values()])) for name in METRICS
    }
    return found


def _calibrate(logits: np.ndarray, valid: Windows) -> Calibration:
    """Fit a line in log-odds for each type, on its positives and random negatives.

    Random negatives stand for all candidates, of which a prior is a share; sites chosen for their
    motif do not, and would make every probability of the motif too low.
    """
    lines = [
        fit_line(logits[known, m], valid.labels[known, m])
        for m in range(len(valid.modifications))
        for known in [compared(valid, m)]
    ]
    slope, intercept = np.array(lines).T
    told = "validation windows and random negatives, both classes weighing the same"
    return Calibration(slope, intercept, told)


def _thresholds(
    model: TrainedModel, logits: np.ndarray, valid: Windows, *, cut: bool
) -> tuple[np.ndarray, tuple[TierMeaning, ...]]:
    """Set thresholds by the calls in the nulls, and tell what they mean on validation windows.

    A window that is cut has to reach the threshold of whole ones, too: less is known of it. Where a
    null is too small to show a bound, the tier has no threshold: of it nothing was measured.

    Parameters
    ----------
    model : TrainedModel
        With its nulls.
    logits : np.ndarray, shape (N, M)
        Of the validation windows, whole or cut.
    valid : Windows
    cut : bool

    Returns
    -------
    thresholds : np.ndarray, shape (M, 3)
        Lowest logit of each tier; infinite where there is none.
    meanings : tuple of TierMeaning
    """
    thresholds = np.full((len(model.modifications), len(TIERS)), np.inf)
    meanings = []
    for m, kind in enumerate(model.modifications):
        even = -model.calibration.intercept[m] / model.calibration.slope[m]  # a score of one half
        whole = (model.off_site[m], model.shuffled[m])
        nulls = (model.off_site_cut[m], model.shuffled_cut[m]) if cut else whole
        known, labels = compared(valid, m), valid.labels[:, m]
        positive = logits[known & (labels == POSITIVE), m]
        negative = logits[known & (labels == NEGATIVE), m]
        for t, tier in enumerate(TIERS):
            bounds = (MOST_OFF_SITE[tier], MOST_SHUFFLED[tier])
            asked = [pair for held in (nulls, whole) for pair in zip(held, bounds, strict=True)]
            if not all(null.supports(bound) for null, bound in asked):
                no = float("nan")
                meanings.append(TierMeaning(kind.symbol, tier, no, no, no, no, no, cut))
                continue
            reached = max(null.threshold(bound) for null, bound in asked)
            at = thresholds[m, t] = max(even, reached)
            recall, false = float((positive >= at).mean()), float((negative >= at).mean())
            meanings.append(
                TierMeaning(
                    kind.symbol,
                    tier,
                    float(model.calibration.score(np.full(len(thresholds), at))[m]),
                    recall / (recall + false) if recall + false else float("nan"),
                    recall,
                    nulls[0].calls_per_kb(at),
                    nulls[1].calls_per_kb(at),
                    cut,
                )
            )
    return thresholds, tuple(meanings)
