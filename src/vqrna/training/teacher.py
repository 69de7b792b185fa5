"""A teacher: trees that tell the network, of every training window, what they make of it.

Trees count k-mers over the whole window and near the site better than the network does, and know
little else: what the two get wrong differs. Each window is judged by trees that were grown without
it and without all windows that overlap it, since what trees know by heart is of no use to anyone.
This is distillation (Hinton, Vinyals and Dean, arXiv 1503.02531) from a model of another kind.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch

from vqrna.data.features import MORE
from vqrna.data.folds import make_folds
from vqrna.data.windows import UNKNOWN, Windows
from vqrna.runtime.files import atomic_path
from vqrna.runtime.progress import progress
from vqrna.sequence import recentre
from vqrna.training.trees import ELSEWHERE, ROUNDS, TREES, examples, grow

FILE_NAME = "teacher.npz"
LESSON = "loss_teacher"
FOLDS = 4

FEWEST = 50
"""Modified windows, and unmodified ones, from which trees are grown in each fold, at least."""


def judgements(
    windows: Windows, length: int, seed: int, *, show_progress: bool = True
) -> np.ndarray:
    """Let trees judge every window for every type that its base and context allow.

    Parameters
    ----------
    windows : Windows
        For training, N of M types; the longer, the more overlaps are seen.
    length : int
        Of the network's windows in nt: the trees see no more of them.
    seed : int
        Of the folds and of the trees.
    show_progress : bool

    Returns
    -------
    np.ndarray, shape (N, M), float32
        Log-odds; NaN where base and context do not fit, and for types with too few windows.

    Raises
    ------
    DataError
        If there are fewer clusters of overlapping windows than folds.
    UsageError
        If LightGBM is not installed.
    """
    fold = make_folds(windows, FOLDS, seed=seed).fold
    seen = recentre(windows.tokens, length)
    numbers, asked = MORE.of(seen), windows.candidates()
    found = np.full(asked.shape, np.nan, dtype=np.float32)
    kinds = windows.modifications
    with progress(FOLDS * len(kinds), "teacher", unit="models", show=show_progress) as bar:
        for m, kind in enumerate(kinds):
            rows, labels, weights = examples(windows, m, ELSEWHERE)
            known = windows.labels[rows, m] != UNKNOWN
            counts = [
                np.bincount(labels[known & (fold[rows] != k)], minlength=2) for k in range(FOLDS)
            ]
            if np.min(counts) < FEWEST:
                bar.say(f"note: too few windows of {kind.symbol} for a teacher: labels alone")
                bar.advance(FOLDS)
                continue
            for k in range(FOLDS):
                learned, judged = fold[rows] != k, asked[:, m] & (fold == k)
                if judged.any():
                    trees = grow(
                        numbers[rows[learned]],
                        labels[learned],
                        weights[learned],
                        seed,
                        threads=torch.get_num_threads(),
                    )
                    found[judged, m] = trees(numbers[judged])
                bar.note(f"{kind.symbol}, fold {k + 1} of {FOLDS}")
                bar.advance(1)
    return found


def kept_judgements(
    folder: Path, windows: Windows, length: int, seed: int, *, show_progress: bool = True
) -> np.ndarray:
    """Give :func:`judgements`, made once and kept in the folder of a run for when it goes on."""
    path = folder / FILE_NAME
    parts = [windows.digest, length, seed, TREES, ROUNDS, ELSEWHERE, FOLDS, FEWEST, repr(MORE)]
    name = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            if str(kept["windows"]) == name:
                return np.asarray(kept["judgements"])
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error):
        pass  # not there, or not whole: it is made anew
    found = judgements(windows, length, seed, show_progress=show_progress)
    with atomic_path(path) as temporary, temporary.open("wb") as target:
        np.savez_compressed(target, windows=name, judgements=found)
    return found
