"""After training: calibrate a model, and measure its nulls and confidence tiers."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np

from vqrna.data.studies import overlaps_training, pool
from vqrna.data.windows import POSITIVE, Windows
from vqrna.errors import UsageError
from vqrna.evaluation.localisation import localise
from vqrna.evaluation.positions import dense
from vqrna.model import TrainedModel
from vqrna.model.weights import load_model, save_model
from vqrna.nn.dense import supports_dense
from vqrna.runtime.files import probe_file
from vqrna.stats.calibration import Calibration, fit_line
from vqrna.stats.metrics import METRICS, measure
from vqrna.training.nulls import with_flags, with_nulls
from vqrna.training.scan_calibration import with_scan_calibration
from vqrna.training.source import training_source
from vqrna.training.validation import compared

LOCALISATION_WINDOWS = 250
"""Most windows of a type for the rank of sites, drawn at random."""


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
    known: Sequence[Windows] = (),
    show_progress: bool = True,
) -> TrainedModel:
    """Calibrate and measure a model on validation windows.

    Parameters
    ----------
    model : TrainedModel
        Directly after training.
    summary : dict
        Facts about the training, for the model card.
    train : Windows
        Of all sources.
    known : sequence of Windows, optional
        More windows whose sites are annotated, such as validation windows of studies.

    Returns
    -------
    TrainedModel
        With calibrations, nulls, rates of tiers, thresholds of input flags, and the summary.
    """
    logits = model.logits(valid.tokens)
    model = dataclasses.replace(model, calibration=fit_calibration(logits, valid))
    summary = summary | {"validation": validation_scores(model, logits, valid)}
    model = dataclasses.replace(model, training=summary)
    summary = model.training | {"localisation": site_ranks(model, train, valid)}
    model = dataclasses.replace(model, training=summary)
    model = with_nulls(model, train, valid, show_progress=show_progress)
    model = with_flags(model, train, valid, show_progress=show_progress)
    return with_scan_calibration(model, train, valid, known=known, show_progress=show_progress)


def recalibrate(
    model: str | PathLike[str] | None,
    data: str | PathLike[str],
    out: str | PathLike[str],
    *,
    studies: str | PathLike[str] | None = None,
    show_progress: bool = True,
) -> TrainedModel:
    """Calibrate the probabilities of a saved model for scans, without training it.

    Parameters
    ----------
    model : path-like or None
        Weights file or folder of a training run; the weights in the package by default.
    data : path-like
        Folder of a data set in the benchmark layout, with the windows of the training.
    out : path-like
        File for the calibrated weights.
    studies : path-like, optional
        Folder of further studies (see :func:`vqrna.data.studies.read_studies`), whose sites are
        annotated, too.

    Raises
    ------
    DataError
        If a file is missing or invalid, or `out` cannot be written.
    UsageError
        If `model` is a set of models.
    """
    loaded = load_model(model, "cpu")
    if not isinstance(loaded, TrainedModel):
        raise UsageError(f"{model} is a set of models: calibrate its files one by one")
    probe_file(out)
    source = training_source(loaded.modifications, data, studies)
    calibrated = with_scan_calibration(
        loaded,
        pool(source.train, source.studies),
        source.valid,
        known=[study.valid for study in source.studies],
        show_progress=show_progress,
    )
    return save_model(calibrated, out)


def validation_scores(
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


def fit_calibration(logits: np.ndarray, valid: Windows) -> Calibration:
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
