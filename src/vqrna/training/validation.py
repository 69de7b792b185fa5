"""The look at the validation windows after each epoch: fast, no intervals."""

from __future__ import annotations

import numpy as np
import torch

from vqrna.config import Config
from vqrna.data.windows import NEGATIVE, POSITIVE, RANDOM, Windows
from vqrna.model.inference import evaluating
from vqrna.nn.model import Network
from vqrna.sequence import one_hot, recentre
from vqrna.stats.calibration import sigmoid
from vqrna.stats.metrics import measure, ranking

BATCH = 256


def compared(windows: Windows, column: int) -> np.ndarray:
    """Choose the windows on which a type is judged: its positives and random negatives.

    Where there are no random negatives, all others stand in.

    Parameters
    ----------
    windows : Windows
    column : int
        Of the type.

    Returns
    -------
    np.ndarray, shape (N,), bool
    """
    labels = windows.labels[:, column]
    negative = windows.negative_set[:, column] == windows.negative_sets.index(RANDOM)
    if not negative.any():
        negative = labels == NEGATIVE
    return (labels == POSITIVE) | negative


def validate(network: Network, windows: Windows, config: Config) -> dict[str, dict[str, float]]:
    """Evaluate a network on validation windows, against random negatives where there are any.

    Parameters
    ----------
    network : Network
        Left in evaluation mode.
    windows : Windows
        Of any length; cut or padded to the model's.
    config : Config

    Returns
    -------
    dict
        For each type with both classes, and ``mean`` over them: ``acc``, ``bacc``, ``se``, ``sp``,
        ``mcc``, ``auroc`` and the classification ``loss``. In the paper's network the AUROC is
        that of the raw positive logit, as published (its logs could not be compared otherwise).
    """
    device = next(network.parameters()).device
    scores = np.empty(windows.labels.shape)
    margins = np.empty(windows.labels.shape)
    with evaluating(network):  # in whole float32, as the finished model will be
        for start in range(0, len(windows), BATCH):
            part = recentre(windows.tokens[start : start + BATCH], config.model.length)
            output = network(one_hot(torch.from_numpy(np.ascontiguousarray(part)).to(device)))
            margins[start : start + len(part)] = output.logits.float().cpu().numpy()
            ranked = output.logits if output.class_logits is None else output.class_logits[..., 1]
            scores[start : start + len(part)] = ranked.float().cpu().numpy()
    found: dict[str, dict[str, float]] = {}
    for m, kind in enumerate(windows.modifications):
        known = compared(windows, m)
        truth = windows.labels[known, m] == POSITIVE
        if truth.all() or not truth.any():
            continue
        margin = margins[known, m]
        values = measure(truth, sigmoid(margin))
        auroc = ranking(truth, scores[known, m], np.ones((1, len(truth))))[0][0]
        loss = float(np.mean(np.logaddexp(0, np.where(truth, -margin, margin))))
        chosen = {name: values[name] for name in ("acc", "bacc", "se", "sp", "mcc")}
        found[kind.symbol] = chosen | {"auroc": float(auroc), "loss": loss}
    if found:
        names = next(iter(found.values()))
        found["mean"] = {
            name: float(np.mean([row[name] for row in found.values()])) for name in names
        }
    return found
