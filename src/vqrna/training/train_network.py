"""Train one network: epochs, early stopping, checkpoints, and what is left in the folder."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from vqrna import config as configs
from vqrna.config import Config
from vqrna.data.windows import Windows
from vqrna.errors import UsageError
from vqrna.model import TrainedModel
from vqrna.model.weights import FILE_NAME, load_model, save_model
from vqrna.nn.model import Network, SiteNetwork, build
from vqrna.runtime.devices import choose_device
from vqrna.runtime.files import output_directory, write_text
from vqrna.runtime.progress import progress
from vqrna.runtime.provenance import command_line
from vqrna.sequence import recentre
from vqrna.training import checkpoint, report
from vqrna.training.calibrate import finish
from vqrna.training.checkpoint import Progress, transfer
from vqrna.training.epoch import TrainingData, train_epoch
from vqrna.training.negatives import WeakNegatives, negatives_of_other_types
from vqrna.training.ranking import Rivals
from vqrna.training.schedule import WeightAverage, make_optimizer
from vqrna.training.source import check_windows
from vqrna.training.teacher import kept_judgements
from vqrna.training.validation import validate

BEST_NAME = "best.safetensors"
"""Weights of the best epoch so far, not yet calibrated."""


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """What a training run gives.

    Attributes
    ----------
    model : TrainedModel
        The best epoch's weights, calibrated and measured on the validation windows.
    history : pandas.DataFrame
        A row an epoch: loss terms, perplexity, codes in use, learning rate, validation scores.
    folder : pathlib.Path
        Where everything lies.
    """

    model: TrainedModel
    history: pd.DataFrame
    folder: Path


def train_network(
    train: Windows,
    valid: Windows,
    out: str | PathLike[str],
    config: Config,
    *,
    start: TrainedModel | None = None,
    resume: bool = False,
    device: str = "auto",
    show_progress: bool = True,
    on_epoch: Callable[[list[dict[str, Any]]], object] | None = None,
    calibrate: bool = True,
) -> TrainingResult:
    """Train one network on windows, for all their modifications at once.

    The folder `out` holds ``model.safetensors`` (the best epoch), ``config.toml``,
    ``history.csv``, ``train.log``, ``curves.png`` and ``.svg``, and a checkpoint from which
    `resume` goes on to the same result as without the interruption.

    Parameters
    ----------
    train, valid : Windows
        With the same modifications. Only `valid` decides which epoch is kept.
    out : path-like
        A folder, made if it is not there.
    config : Config
    start : TrainedModel, optional
        Begin with these weights; types it does not know get fresh ones.
    resume : bool
        Go on from the checkpoint in `out` if there is one.
    device : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    show_progress : bool
    on_epoch : callable, optional
        Is given the rows of the history so far after each epoch, when its checkpoint is written,
        and before the first of a resumed run. What it raises ends the training.
    calibrate : bool
        False gives the best epoch as it is, without calibration, nulls and tiers, and writes no
        ``model.safetensors``: for a search, which compares epochs only. Curves are drawn once.

    Raises
    ------
    DataError
        If there is nothing to learn from, sites are not in the centre, the folder cannot be
        written, or its checkpoint is damaged or of a run with other settings or data.
    UsageError
        If the folder holds a run and `resume` is not asked for, or there is no such device.
    """
    check_windows(train, valid)
    chosen = choose_device(device)
    folder = output_directory(out)
    identity = _identity(config, train, valid, start)
    if not resume and (folder / checkpoint.FILE_NAME).exists():
        raise UsageError(f"{folder} holds a training run: add --resume, or choose another --out")

    torch.manual_seed(config.training.seed)
    network = build(config.model, len(train.modifications))
    if start is not None:
        transfer(start, network, train.modifications)
    network.to(chosen.name)
    decay = config.training.average_decay
    average = WeightAverage(network, decay) if decay else None
    optimizer = make_optimizer(network, config.training)
    state = checkpoint.read(folder, identity, network, average, optimizer) if resume else None
    state = state or Progress(0, 0, -np.inf, [], command_line())
    write_text(folder / "config.toml", configs.dump(config))
    judged = None
    if config.training.teacher == "trees":
        judged = kept_judgements(
            folder, train, config.model.length, config.training.seed, show_progress=show_progress
        )
    data = dataclasses.replace(_training_data(train, network, config), teacher_logits=judged)
    tell = on_epoch or (lambda history: None)
    if state.history:
        tell(state.history)

    while not _over(state, config):
        row = _next_epoch(network, average, optimizer, data, valid, config, state, show_progress)
        if row["best"]:
            kept = copy.deepcopy(average.network if average is not None else network)
            save_model(TrainedModel.fresh(kept, config, train.modifications), folder / BEST_NAME)
        # After the weights: a kill in between repeats the epoch, to the same end
        checkpoint.write(folder, identity, state, network, average, optimizer)
        report.write(folder, state.history, state.best_epoch, curves=calibrate)
        tell(state.history)
    history = report.write(folder, state.history, state.best_epoch)  # a kill may have come between
    best = load_model(folder / BEST_NAME, chosen.name)
    assert isinstance(best, TrainedModel)
    if not calibrate:
        return TrainingResult(best, history, folder)
    summary = _summary(train, valid, state)
    model = finish(best, train, valid, summary, show_progress=show_progress)
    return TrainingResult(save_model(model, folder / FILE_NAME), history, folder)


def _next_epoch(
    network: Network,
    average: WeightAverage | None,
    optimizer: torch.optim.Optimizer,
    data: TrainingData,
    valid: Windows,
    config: Config,
    state: Progress,
    show_progress: bool,
) -> dict[str, Any]:
    """Train and validate one epoch; adds its row to the history and gives it."""
    started = time.monotonic()
    of = f"epoch {state.epoch + 1}/{config.training.epochs}"
    with progress(len(data.windows), of, unit="windows", show=show_progress) as bar:

        def tell(windows: int, means: dict[str, float]) -> None:
            bar.advance(windows)
            bar.note(
                f"loss {means['loss']:.4f} (class {means['loss_classification']:.4f}, "
                f"recon {means['loss_reconstruction']:.4f}, "
                f"vq {means['loss_quantization']:.4f}), perplexity {means['perplexity']:.0f}"
            )

        means = train_epoch(network, average, optimizer, data, config, state.epoch, tell)
        found = validate(average.network if average is not None else network, valid, config)
        mean = found["mean"]
        value = mean["auroc" if config.training.select_by == "auroc" else "acc"]
        state.epoch += 1
        better = value > state.best
        if better:
            state.best, state.best_epoch = value, state.epoch
        bar.say(
            f"{of}: loss {means['loss']:.4f}, perplexity {means['perplexity']:.0f}, "
            f"{means['codes_used']} of {config.model.codebook_size} codes, "
            f"validation AUROC {mean['auroc']:.4f}, ACC {mean['acc']:.4f}"
            + (" (best so far)" if better else "")
        )
    row = {
        "epoch": state.epoch,
        **means,
        "valid_loss": mean["loss"],
        "valid_auroc": mean["auroc"],
        "valid_acc": mean["acc"],
        "seconds": round(time.monotonic() - started, 1),
        "best": better,
        "valid": found,
    }
    state.history.append(row)
    return row


def _over(state: Progress, config: Config) -> bool:
    """Tell whether all epochs are done or the validation score has stopped rising."""
    waited = state.epoch - state.best_epoch
    return state.epoch >= config.training.epochs or (
        state.best_epoch > 0 and waited >= config.training.patience
    )


def _training_data(train: Windows, network: Network, config: Config) -> TrainingData:
    """Bring windows to a length the network can use, with the negatives that are wanted."""
    wanted = config.model.length
    others = negatives_of_other_types(train) if config.training.other_type_weight else None
    if isinstance(network, SiteNetwork):
        windows = _at_length(train, max(wanted, train.length))
        weak = WeakNegatives.of(windows, wanted, config.training)
        decoys = Rivals.of(windows, network.context.reach, config.training)
        return TrainingData(windows if weak else _at_length(train, wanted), weak, decoys, others)
    return TrainingData(_at_length(train, wanted), other_types=others)


def _at_length(windows: Windows, length: int) -> Windows:
    return dataclasses.replace(
        windows, tokens=np.ascontiguousarray(recentre(windows.tokens, length))
    )


def _identity(config: Config, train: Windows, valid: Windows, start: TrainedModel | None) -> str:
    """Name a run by all that its result follows from."""
    told = [configs.effective(config), train.digest, valid.digest, start and start.hash]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def _summary(train: Windows, valid: Windows, state: Progress) -> dict[str, Any]:
    """Tell, for the model card, what the model was trained on and how far it came."""
    return {
        "command": state.command,
        "windows": {"train": len(train), "valid": len(valid)},
        "labels": {
            kind.symbol: {
                "train": [int((train.labels[:, m] == label).sum()) for label in (1, 0)],
                "valid": [int((valid.labels[:, m] == label).sum()) for label in (1, 0)],
            }
            for m, kind in enumerate(train.modifications)
        },
        "epochs": state.epoch,
        "best_epoch": state.best_epoch,
        "validation": state.history[state.best_epoch - 1]["valid"],
    }
