"""Train a network for a cell, or load a trained one, and score windows with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.quality.tasks import Task

from vqrna.config import Config
from vqrna.errors import UsageError
from vqrna.evaluation.positions import ScorePositions, window_by_window
from vqrna.model import TrainedModel
from vqrna.model.weights import load_model
from vqrna.training import WindowSource, train_network


def trained(
    config: Config,
    task: Task,
    column: int | None,
    folder: Path,
    device: str,
    *,
    show_progress: bool = False,
) -> tuple[TrainedModel, dict[str, Any]]:
    """Train a network, or resume its training.

    Parameters
    ----------
    config : Config
    task : Task
    column : int or None
        The only type to learn; all if None.
    folder : pathlib.Path
        For the run.
    device : str
    show_progress : bool

    Returns
    -------
    model : TrainedModel
        Of the epoch that was kept, not calibrated.
    more : dict
        Facts of the training for the cell.
    """
    source = WindowSource(*task.for_networks(config.training.seed))
    if column is not None:
        source = source.only(column)
    result = train_network(
        source.train,
        source.valid,
        folder,
        config,
        resume=True,
        device=device,
        show_progress=show_progress,
        calibrate=False,
    )
    history = result.history
    more = {
        "windows": {"train": len(source.train), "epoch_chosen_on": len(source.valid)},
        "epochs": len(history),
        "best_epoch": int(history.loc[history["best"].astype(bool), "epoch"].max()),
        "epoch_seconds": round(float(history["seconds"].mean()), 1),
        "parameters": _size(result.model),
    }
    return result.model, more


def trained_before(
    config: Config, task: Task, types: Sequence[str], weights: Path, device: str
) -> tuple[TrainedModel, dict[str, Any]]:
    """Load a network that was trained with these settings on the windows of this task.

    Parameters and return values are those of :func:`trained`, and

    types : sequence of str
        Its modifications.
    weights : pathlib.Path
        A file of weights, or the folder of a run.

    Raises
    ------
    UsageError
        If its settings, types or numbers of windows are others.
    """
    model = load_model(weights, device)
    if not isinstance(model, TrainedModel):
        raise UsageError(f"{weights} is a set of models, not one network")
    if model.config != config:
        raise UsageError(f"{weights} was trained with other settings")
    if [m.symbol for m in model.modifications] != list(types):
        raise UsageError(f"{weights} has other types than {', '.join(types)}")
    train, valid = task.for_networks(config.training.seed)
    if model.training.get("windows") != {"train": len(train), "valid": len(valid)}:
        raise UsageError(f"{weights} was trained on other windows than those of {task.name}")
    more = {
        "windows": {"train": len(train), "epoch_chosen_on": len(valid)},
        "epochs": model.training.get("epochs"),
        "best_epoch": model.training.get("best_epoch"),
        "parameters": _size(model),
        "weights": model.hash,
    }
    return model, more


def scored(model: TrainedModel, task: Task, types: Sequence[str]) -> dict[str, np.ndarray]:
    """Score the held-back windows of which a type is known: log-odds by type."""
    symbols = [m.symbol for m in model.modifications]
    used = np.unique(np.concatenate([task.known(s) for s in types]))
    logits = model.logits(task.held.tokens[used])
    return {s: logits[np.searchsorted(used, task.known(s)), symbols.index(s)] for s in types}


def one_by_one(model: TrainedModel) -> ScorePositions:
    """Score positions by a window around each, for networks that cannot scan."""
    column = {m.symbol: k for k, m in enumerate(model.modifications)}
    return window_by_window(lambda w, m: model.logits(w)[:, column[m.symbol]], model.length)


def _size(model: TrainedModel) -> int:
    return sum(p.numel() for p in model.network.parameters())
