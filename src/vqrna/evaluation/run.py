"""Score labelled windows, also with masked flanks, and measure each type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from vqrna.data.overlap import clusters
from vqrna.data.studies import overlaps_training
from vqrna.errors import DataError, UsageError
from vqrna.evaluation.cells import compare, known_windows, means, tidy
from vqrna.evaluation.position_evaluation import check_scans, evaluate_positions
from vqrna.evaluation.results import FLAGS, Evaluation, flag_columns
from vqrna.runtime.progress import progress
from vqrna.sequence import AMBIGUOUS, centre
from vqrna.stats.bootstrap import RESAMPLES, draw

if TYPE_CHECKING:
    from vqrna.data.windows import Windows
    from vqrna.model import Model
    from vqrna.model.protocol import Scorer

FLANKS = ("none", "upstream", "downstream", "both")
"""Flanks that can be masked."""

KEPT = 25
"""Nucleotides beside the site that a mask leaves in place."""

_BATCH = 256
_SCORES = (
    "window", "number", "modification", "label", "negatives", "flanks",
    "non_overlapping", "cluster", "logit", "score", *FLAGS,
)  # fmt: skip


def mask_flanks(tokens: np.ndarray, flanks: str, *, keep: int = KEPT) -> np.ndarray:
    """Mask positions more than `keep` nt from the site, as beyond the end of a transcript.

    Parameters
    ----------
    tokens : np.ndarray, shape (N, L), uint8
    flanks : str
        One of `FLANKS`.
    keep : int
        Nucleotides left beside the site.

    Returns
    -------
    np.ndarray, shape (N, L), uint8
        A copy, ambiguous where masked.
    """
    site = centre(tokens.shape[-1])
    masked = tokens.copy()
    if flanks in ("upstream", "both"):
        masked[:, : max(0, site - keep)] = AMBIGUOUS
    if flanks in ("downstream", "both"):
        masked[:, site + keep + 1 :] = AMBIGUOUS
    return masked


def evaluate(
    model: Scorer,
    windows: Windows,
    *,
    split: str = "",
    reference: Windows | None = None,
    masks: Sequence[str] = ("none",),
    full: bool = False,
    limit: int | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    show_progress: bool = False,
) -> Evaluation:
    """Measure a model on labelled windows.

    Positives are compared with each set of negatives separately; each type uses the windows whose
    label is known. Intervals come from resampling clusters of overlapping windows.

    Parameters
    ----------
    model : Scorer
    windows : Windows
    split : str
        Name of the windows in the results.
    reference : Windows, optional
        The training windows: every measure is also taken on the windows that share no 60
        contiguous nt of their central 501 with any of these (``non_overlapping``).
    masks : sequence of str
        Some of `FLANKS`: which positions more than `KEPT` nt from the site to mask.
    full : bool
        Whether to scan windows position by position, too (see
        :func:`vqrna.evaluation.position_evaluation.evaluate_positions`).
    limit : int, optional
        With `full`: largest number of modified windows of each type; all by default.
    resamples : int
        Bootstrap resamples; with 0 the intervals are nan.
    seed : int
        Seed of the resampling.
    show_progress : bool

    Returns
    -------
    Evaluation

    Raises
    ------
    UsageError
        If a mask is unknown, the model predicts none of the types of the windows, or it cannot
        scan and `full` is requested.
    DataError
        If no window has a known label for a modification of the model.
    """
    if wrong := set(masks) - set(FLANKS):
        raise UsageError(f"unknown flanks '{min(wrong)}' (known: {', '.join(FLANKS)})")
    if full:
        check_scans(model)
    heads = {m.symbol: k for k, m in enumerate(model.modifications)}
    types = {m.symbol: k for k, m in enumerate(windows.modifications)}
    shared = [symbol for symbol in types if symbol in heads]
    unknown = tuple(symbol for symbol in types if symbol not in heads)
    if not shared:
        raise UsageError(
            f"the model predicts none of these modifications: {', '.join(types)} "
            f"(it predicts {', '.join(heads)})"
        )
    windows = windows.take((windows.labels[:, [types[s] for s in shared]] != -1).any(axis=1))
    if not len(windows):
        raise DataError("no window has a known label for a modification of the model")

    cluster = np.unique(clusters(windows.tokens), return_inverse=True)[1]
    apart = None if reference is None else ~overlaps_training(windows.tokens, reference)
    flags = flag_columns(model, windows.tokens)
    parts = []
    with progress(
        len(windows) * len(masks), "evaluating", unit="windows", show=show_progress
    ) as bar:
        for flanks in masks:
            tokens = mask_flanks(windows.tokens, flanks)
            logits = np.empty((len(windows), len(heads)))
            for start in range(0, len(windows), _BATCH):
                rows = slice(start, start + _BATCH)
                logits[rows] = model.logits(tokens[rows])
                bar.advance(len(logits[rows]))
            scores = model.score(logits)
            for symbol in shared:
                known = known_windows(windows, types[symbol], apart, cluster)
                of_type = known.assign(
                    number=known.index + 1,
                    modification=symbol,
                    flanks=flanks,
                    logit=logits[known.index, heads[symbol]],
                    score=scores[known.index, heads[symbol]],
                    **{name: column[known.index] for name, column in flags.items()},
                )
                parts.append(of_type)
    table = pd.concat(parts, ignore_index=True)[list(_SCORES)]
    draws = draw(int(cluster.max()) + 1, resamples, seed)
    cells = list(compare(table, windows.negative_sets, draws))
    cells = [*cells, *means(cells)]
    resampled = {
        (c.modification, c.windows, c.negatives, c.flanks): c.samples["auroc"] for c in cells
    }
    positions = None
    if full:
        positions = evaluate_positions(
            cast("Model", model),
            windows,
            table,
            cluster,
            reference=reference,
            apart=apart,
            limit=limit,
            resamples=resamples,
            seed=seed,
            show_progress=show_progress,
        )
    return Evaluation(model.hash, split, tidy(cells), table, unknown, resampled, positions)
