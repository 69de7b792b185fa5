"""A teacher for the network: gradient-boosted trees that score every training window.

Trees on k-mer counts make other errors than the network, which learns from their scores by
distillation (Hinton, Vinyals and Dean, arXiv 1503.02531). Each window is scored by trees that were
trained without it and without all windows that overlap it: scores of windows that the trees have
seen would only repeat their labels.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vqrna.data.features import MORE
from vqrna.data.split import make_folds
from vqrna.data.studies import pooled_clusters
from vqrna.data.windows import MAIN, NEGATIVE, POSITIVE, UNKNOWN, Windows
from vqrna.documents import open_regular
from vqrna.errors import UsageError, missing_extra
from vqrna.runtime.files import atomic_path
from vqrna.runtime.progress import progress
from vqrna.sequence import recentre

TREES: dict[str, Any] = {
    "learning_rate": 0.03,
    "num_leaves": 31,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
}
ROUNDS = 500
ELSEWHERE = 0.3
"""Weight of random negatives of other types that have the base and context of this one."""


def examples(
    windows: Windows, column: int, elsewhere: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Select the training windows of one type.

    Parameters
    ----------
    column : int
        Column of the type.
    elsewhere : float
        Weight of windows without a label for the type that are random negatives of another,
        modified for none, and have the base and context of a site; 0 leaves them out.

    Returns
    -------
    rows : np.ndarray, shape (K,), int
    labels : np.ndarray, shape (K,), 0 or 1
    weights : np.ndarray, shape (K,)
    """
    labels = windows.labels[:, column]
    used, weight = labels != UNKNOWN, np.ones(len(labels))
    if elsewhere:
        modification = windows.modifications[column]
        fits = modification.candidates(windows.tokens)[:, windows.length // 2]
        random = ((windows.labels == NEGATIVE) & (windows.negative_set == 0)).any(axis=1)
        more = ~used & random & ~(windows.labels == POSITIVE).any(axis=1) & fits
        weight[more] = elsewhere
        used |= more
    rows = np.flatnonzero(used)
    return rows, (labels[rows] == POSITIVE).astype(int), weight[rows]


def grow(
    features: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    seed: int,
    rounds: int = ROUNDS,
    threads: int = 1,
) -> Callable[[np.ndarray], np.ndarray]:
    """Train gradient-boosted trees for one type (LightGBM), the same with any number of threads.

    Raises UsageError if LightGBM is not installed.

    Parameters
    ----------
    features : np.ndarray, shape (K, F)
    labels : np.ndarray, shape (K,), 0 or 1
    weights : np.ndarray, shape (K,)
    rounds : int
        Number of trees.

    Returns
    -------
    callable
        Maps features (N, F) to log-odds (N,).
    """
    try:
        import lightgbm
    except (ImportError, OSError) as error:  # OSError: the system has no libgomp
        raise UsageError(f"trees need LightGBM ({error}): {missing_extra('trees')}") from None
    fixed = {"objective": "binary", "verbose": -1, "num_threads": threads, "seed": seed}
    settings = TREES | fixed | {"deterministic": True, "force_row_wise": True}
    data = lightgbm.Dataset(features, labels, weight=weights, free_raw_data=True)
    booster = lightgbm.train(settings, data, rounds)
    return lambda x: np.asarray(booster.predict(x, raw_score=True, num_threads=threads))


FILE_NAME = "teacher.npz"
FOLDS = 4

FEWEST = 50
"""Fewest modified and fewest unmodified windows from which trees are trained in each fold."""


def teacher_logits(
    windows: Windows, length: int, seed: int, *, show_progress: bool = True
) -> np.ndarray:
    """Score every window, out of fold, for every type that its base and context allow.

    Trees of pooled windows also see the source of each window, so that they can learn what the
    sources share and where they differ. Windows of studies are scored for the types of their labels
    only.

    Raises DataError if there are fewer clusters of overlapping windows than folds. Raises
    UsageError if LightGBM is not installed.

    Parameters
    ----------
    windows : Windows
        N training windows of M types. Longer windows reveal more overlaps.
    length : int
        Length of the network's windows in nt; the trees see the same.
    seed : int
        Seed of the folds and the trees.

    Returns
    -------
    np.ndarray, shape (N, M), float32
        Log-odds; NaN where base and context do not fit, and for types with too few windows.
    """
    source = windows.source
    cluster = None if source is None else pooled_clusters(windows)
    fold = make_folds(windows, FOLDS, seed=seed, cluster=cluster).fold
    features, candidates = MORE.of(recentre(windows.tokens, length)), windows.candidates()
    if source is not None:
        features = np.column_stack([features, source.astype(np.float32)])
        candidates &= (windows.labels != UNKNOWN) | (source == MAIN)[:, None]
    logits = np.full(candidates.shape, np.nan, dtype=np.float32)
    total = FOLDS * len(windows.modifications)
    with progress(total, "teacher", unit="models", show=show_progress) as bar:
        for m, modification in enumerate(windows.modifications):
            rows, labels, weights = examples(windows, m, ELSEWHERE)
            known = windows.labels[rows, m] != UNKNOWN
            counts = [
                np.bincount(labels[known & (fold[rows] != k)], minlength=2) for k in range(FOLDS)
            ]
            if np.min(counts) < FEWEST:
                symbol = modification.symbol
                bar.say(f"note: too few windows of {symbol} for a teacher: labels alone")
                bar.advance(FOLDS)
                continue
            for k in range(FOLDS):
                used, scored = fold[rows] != k, candidates[:, m] & (fold == k)
                if scored.any():
                    trees = grow(
                        features[rows[used]],
                        labels[used],
                        weights[used],
                        seed,
                        threads=torch.get_num_threads(),
                    )
                    logits[scored, m] = trees(features[scored])
                bar.note(f"{modification.symbol}, fold {k + 1} of {FOLDS}")
                bar.advance(1)
    return logits


def cached_teacher_logits(
    folder: Path, windows: Windows, length: int, seed: int, *, show_progress: bool = True
) -> np.ndarray:
    """Return :func:`teacher_logits`, computed once and kept in the folder of a run.

    Raises DataError also if the kept file is a folder, a pipe or a device.
    """
    path = folder / FILE_NAME
    parts = [windows.digest, length, seed, TREES, ROUNDS, ELSEWHERE, FOLDS, FEWEST, repr(MORE)]
    name = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
    if path.exists():
        file = open_regular(path)
        try:
            with file, np.load(file, allow_pickle=False) as kept:
                if str(kept["windows"]) == name:
                    return np.asarray(kept["teacher_logits"])
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error):
            pass  # incomplete: computed again
    logits = teacher_logits(windows, length, seed, show_progress=show_progress)
    with atomic_path(path) as temporary, temporary.open("wb") as target:
        np.savez_compressed(target, windows=name, teacher_logits=logits)
    return logits
