"""Gradient-boosted trees on features of windows: what networks are held to, and learn from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from vqrna.data.windows import NEGATIVE, POSITIVE, UNKNOWN, Windows
from vqrna.errors import UsageError

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
"""Weight of a random negative of another type, where it can be a site of this one."""


def examples(
    windows: Windows, column: int, elsewhere: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Choose what one type is learned from.

    Parameters
    ----------
    windows : Windows
    column : int
        Of the type.
    elsewhere : float
        Weight of windows of which the type knows nothing, if they are random negatives of
        another, modified for none, and have the base and context of a site; 0 leaves them out.

    Returns
    -------
    rows : np.ndarray, shape (K,), int
    labels : np.ndarray, shape (K,), 0 or 1
    weights : np.ndarray, shape (K,)
    """
    labels = windows.labels[:, column]
    used, weight = labels != UNKNOWN, np.ones(len(labels))
    if elsewhere:
        kind = windows.modifications[column]
        fits = kind.candidates(windows.tokens)[:, windows.length // 2]
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
    """Grow trees for one type (LightGBM); the number of threads does not change them.

    Parameters
    ----------
    features : np.ndarray, shape (K, F)
    labels : np.ndarray, shape (K,), 0 or 1
    weights : np.ndarray, shape (K,)
    seed : int
    rounds : int
        Trees.
    threads : int

    Returns
    -------
    callable
        From features (N, F) to log-odds (N,).

    Raises
    ------
    UsageError
        If LightGBM is not installed.
    """
    try:
        import lightgbm
    except (ImportError, OSError) as error:  # OSError: the system has no libgomp
        raise UsageError(f"trees need LightGBM ({error}): pip install 'vqrna[trees]'") from None
    fixed = {"objective": "binary", "verbose": -1, "num_threads": threads, "seed": seed}
    settings = TREES | fixed | {"deterministic": True, "force_row_wise": True}
    data = lightgbm.Dataset(features, labels, weight=weights, free_raw_data=True)
    booster = lightgbm.train(settings, data, rounds)
    return lambda x: np.asarray(booster.predict(x, raw_score=True, num_threads=threads))
