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
    """Use the mean log-odds of trees and of networks as teacher.

    Each window is scored by a network that was trained without it and those that overlap it.

    Parameters
    ----------
    config : Config
        Of these networks, which have no teacher.
    """

    def mean_logits(
        folder: Path, windows: Windows, length: int, seed: int, **more: Any
    ) -> np.ndarray:
        by_trees = cached_teacher_logits(folder, windows, length, seed, **more)
        by_networks = out_of_fold(windows, replace(config, seed=seed, epochs=EPOCHS), folder)
        return (by_trees + by_networks) / 2  # NaN where the trees have no value

    with patch("vqrna.training.loop.cached_teacher_logits", mean_logits):
        yield


def out_of_fold(windows: Windows, config: Config, folder: Path) -> np.ndarray:
    """Score every window by a network of the other folds: log-odds (N, M), float32.

    Parameters
    ----------
    windows : Windows
    config : Config
    folder : pathlib.Path
        The networks are trained, or resumed, in its subfolders.
    """
    fold = make_folds(windows, FOLDS, seed=config.training.seed).fold
    logits = np.empty(windows.labels.shape, dtype=np.float32)
    for k in range(FOLDS):
        held = np.flatnonzero(fold == k)
        # The held-out windows only select the epoch, and the last one is the best or nearly so
        result = train_network(
            windows.take(fold != k),
            windows.take(held),
            folder / f"teacher-{k}",
            config,
            resume=True,
            calibrate=False,
        )
        logits[held] = result.model.logits(windows.tokens[held])
    return logits
