"""Other teachers than trees alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from vqrna.config import Config, replace
from vqrna.data.split import make_folds
from vqrna.data.windows import Windows
from vqrna.training import train_network
from vqrna.training.teacher import cached_teacher_logits

FOLDS, EPOCHS = 3, 4


@contextmanager
def taught_by_networks(config: Config) -> Iterator[None]:
    """Let networks judge the training windows, too: the mean of their log-odds and the trees'.

    Each window is judged by a network that was trained without it and all that overlap it.

    Parameters
    ----------
    config : Config
        Of these networks, which have no teacher themselves.
    """

    def judge(folder: Path, windows: Windows, length: int, seed: int, **more: Any) -> np.ndarray:
        by_trees = cached_teacher_logits(folder, windows, length, seed, **more)
        by_networks = out_of_fold(windows, replace(config, seed=seed, epochs=EPOCHS), folder)
        return (by_trees + by_networks) / 2  # nothing where the trees say nothing

    with patch("vqrna.training.loop.cached_teacher_logits", judge):
        yield


def out_of_fold(windows: Windows, config: Config, folder: Path) -> np.ndarray:
    """Judge every window by a network of the other folds: log-odds (N, M), float32.

    Parameters
    ----------
    windows : Windows
    config : Config
    folder : pathlib.Path
        The networks are trained in folders of their own below it, and go on where they stopped.
    """
    fold = make_folds(windows, FOLDS, seed=config.training.seed).fold
    found = np.empty(windows.labels.shape, dtype=np.float32)
    for k in range(FOLDS):
        judged = np.flatnonzero(fold == k)
        # The judged windows tell the epochs apart, no more: the last one is the best or nearly so
        result = train_network(
            windows.take(fold != k),
            windows.take(judged),
            folder / f"teacher-{k}",
            config,
            resume=True,
            calibrate=False,
        )
        found[judged] = result.model.logits(windows.tokens[judged])
    return found
