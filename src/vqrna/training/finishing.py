"""After training: calibrate a model, measure its nulls and set its confidence tiers."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from vqrna.calibration import Calibration, fit_line
from vqrna.data.overlap import overlapping
from vqrna.data.records import NEGATIVE, POSITIVE, Windows
from vqrna.null import NullSketch
from vqrna.progress import progress
from vqrna.sequence import centre
from vqrna.shuffling import dinucleotide_shuffle
from vqrna.tiers import TIERS, TierMeaning, Tiers
from vqrna.trained import TrainedModel
from vqrna.training.validation import compared

CALLS_PER_KB = {"low": 0.5, "medium": 0.05, "high": 0.005}
"""A tier's threshold lets through so many calls in 1,000 nt, of either null, a type."""

NULL_WINDOWS = {"vqrna": 3600, "paper": 40}
"""At most so many windows for the nulls; the paper's network cannot be evaluated densely."""


def finish(
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
        With calibration, nulls, tiers and the summary.
    """
    logits = model.logits(valid.tokens)
    model = dataclasses.replace(model, calibration=_calibrate(logits, valid), training=summary)
    fresh = valid.take(~overlapping(valid.tokens, train.tokens))
    most = NULL_WINDOWS[model.config.model.architecture]
    generator = np.random.default_rng(model.config.training.seed)
    rows = np.sort(generator.permutation(len(fresh))[:most])
    tokens = fresh.tokens[rows]
    off_site = _null(model, tokens, "off-site null", show_progress)
    for row, window in enumerate(tokens):
        tokens[row] = dinucleotide_shuffle(window, generator)
    shuffled = _null(model, tokens, "shuffled null", show_progress, sites=False)
    model = dataclasses.replace(model, off_site=off_site, shuffled=shuffled)
    return dataclasses.replace(model, tiers=_tiers(model, logits, valid))


def _calibrate(logits: np.ndarray, valid: Windows) -> Calibration:
    """Fit a line in log-odds for each type, on its positives and all its negatives."""
    lines = [
        fit_line(logits[known, m], valid.labels[known, m])
        for m in range(len(valid.modifications))
        for known in [valid.labels[:, m] >= 0]
    ]
    slope, intercept = np.array(lines).T
    return Calibration(slope, intercept, "validation windows, both classes weighing the same")


def _null(
    model: TrainedModel,
    tokens: np.ndarray,
    what: str,
    show_progress: bool,
    *,
    sites: bool = True,
) -> tuple[NullSketch, ...]:
    """Score the candidates of windows, off their central `sites`, where the context is there."""
    length = tokens.shape[1]
    margin = min(centre(model.length), length // 4)
    inside = np.zeros(length, dtype=bool)
    inside[margin : length - margin] = True
    if sites:
        inside[centre(length)] = False
    found: list[list[np.ndarray]] = [[] for _ in model.modifications]
    with progress(tokens.size, what, unit="nt", show=show_progress) as bar:
        for window in tokens:
            seen = model.scan(window, margin, length - margin)
            for m, kind in enumerate(model.modifications):
                wanted = (kind.candidates(window) & inside)[margin : length - margin]
                found[m].append(seen[wanted, m])
            bar.advance(length)
    nt = int(inside.sum()) * len(tokens)
    return tuple(NullSketch.of(np.concatenate([*each, np.empty(0)]), nt) for each in found)


def _tiers(model: TrainedModel, logits: np.ndarray, valid: Windows) -> Tiers:
    """Set thresholds by the calls in the nulls, and tell what they mean on validation windows."""
    thresholds = np.full((len(model.modifications), len(TIERS)), np.inf)
    meanings = []
    for m, kind in enumerate(model.modifications):
        even = -model.calibration.intercept[m] / model.calibration.slope[m]  # a score of one half
        nulls = (model.off_site[m], model.shuffled[m])
        known, labels = compared(valid, m), valid.labels[:, m]
        positive = logits[known & (labels == POSITIVE), m]
        negative = logits[known & (labels == NEGATIVE), m]
        for t, tier in enumerate(TIERS):
            reached = max(null.threshold(CALLS_PER_KB[tier]) for null in nulls)
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
                )
            )
    return Tiers(thresholds, tuple(meanings))
