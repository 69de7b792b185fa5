"""Scores on the validation windows after each epoch: fast, without confidence intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from vqrna.config import Config
from vqrna.data.studies import Study
from vqrna.data.windows import NEGATIVE, POSITIVE, RANDOM, Windows
from vqrna.model.inference import evaluating
from vqrna.nn.model import Network
from vqrna.sequence import one_hot, recentre
from vqrna.stats.calibration import sigmoid
from vqrna.stats.metrics import measure, ranking

BATCH = 256


def compared(windows: Windows, column: int) -> np.ndarray:
    """Select the windows on which a type is evaluated: its positives and random negatives.

    Without random negatives, all negatives are selected. The result has shape (N,), bool.
    """
    labels = windows.labels[:, column]
    negative = windows.negative_set[:, column] == windows.negative_sets.index(RANDOM)
    if not negative.any():
        negative = labels == NEGATIVE
    return (labels == POSITIVE) | negative


def validate(network: Network, windows: Windows, config: Config) -> dict[str, dict[str, float]]:
    """Evaluate a network on validation windows, against random negatives if there are any.

    Parameters
    ----------
    network : Network
        Left in evaluation mode.
    windows : Windows
        Of any length; cut or padded to the model's.

    Returns
    -------
    dict
        For each type with both classes, and ``mean`` over them: ``acc``, ``bacc``, ``se``, ``sp``,
        ``mcc``, ``auroc`` and the classification ``loss``. For the paper's network the AUROC is
        that of the raw positive logit, so that it can be compared with the published logs.
    """
    device = next(network.parameters()).device
    scores = np.empty(windows.labels.shape)
    margins = np.empty(windows.labels.shape)
    with evaluating(network):  # in float32, as the finished model is evaluated
        for start in range(0, len(windows), BATCH):
            part = recentre(windows.tokens[start : start + BATCH], config.model.length)
            output = network(one_hot(torch.from_numpy(np.ascontiguousarray(part)).to(device)))
            rows = slice(start, start + len(part))
            margins[rows] = output.logits.float().cpu().numpy()
            ranked = output.logits if output.class_logits is None else output.class_logits[..., 1]
            scores[rows] = ranked.float().cpu().numpy()
    results: dict[str, dict[str, float]] = {}
    for m, modification in enumerate(windows.modifications):
        known = compared(windows, m)
        truth = windows.labels[known, m] == POSITIVE
        if truth.all() or not truth.any():
            continue
        margin = margins[known, m]
        values = measure(truth, sigmoid(margin))
        auroc = ranking(truth, scores[known, m], np.ones((1, len(truth))))[0][0]
        loss = float(np.mean(np.logaddexp(0, np.where(truth, -margin, margin))))
        row = {name: values[name] for name in ("acc", "bacc", "se", "sp", "mcc")}
        results[modification.symbol] = row | {"auroc": float(auroc), "loss": loss}
    if results:
        names = next(iter(results.values()))
        results["mean"] = {
            name: float(np.mean([row[name] for row in results.values()])) for name in names
        }
    return results


def validate_studies(
    network: Network, studies: Sequence[Study], config: Config
) -> dict[str, dict[str, dict[str, float]]]:
    """Evaluate a network on the validation windows of each study.

    Returns
    -------
    dict of str to dict
        :func:`validate` by name of the study, without the means.
    """
    results = {study.name: validate(network, study.valid, config) for study in studies}
    for scores in results.values():
        scores.pop("mean", None)
    return results


def mean_of_studies(results: dict[str, dict[str, dict[str, float]]], score: str) -> float:
    """Return the mean of a score over all studies and types; nan without any."""
    values = [row[score] for scores in results.values() for row in scores.values()]
    return float(np.mean(values)) if values else float("nan")
