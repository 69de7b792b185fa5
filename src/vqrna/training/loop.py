"""Train one network: epochs, early stopping, checkpoints and the files of a run."""

from __future__ import annotations

import copy
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from vqrna import config as configs
from vqrna.config import Config
from vqrna.data.studies import Study, pool
from vqrna.data.windows import Windows
from vqrna.errors import DataError, UsageError
from vqrna.model import TrainedModel
from vqrna.model.weights import FILE_NAME, load_model, save_model
from vqrna.nn.model import Network, build
from vqrna.runtime.devices import choose_device, fast_bfloat16
from vqrna.runtime.files import output_directory, write_text
from vqrna.runtime.progress import progress
from vqrna.runtime.provenance import command_line
from vqrna.training import checkpoint, report
from vqrna.training.batches import TrainingData
from vqrna.training.calibrate import calibrate_model
from vqrna.training.checkpoint import Progress, transfer
from vqrna.training.epoch import train_epoch
from vqrna.training.schedule import WeightAverage, make_optimizer
from vqrna.training.source import check_windows
from vqrna.training.summary import data_summary, earlier_facts
from vqrna.training.teacher import cached_teacher_logits
from vqrna.training.validation import mean_of_studies, validate, validate_studies

BEST_NAME = "best.safetensors"
"""Weights of the best epoch so far, not calibrated yet."""


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """Result of training one network.

    Attributes
    ----------
    model : TrainedModel
        Weights of the best epoch, calibrated and measured on the validation windows.
    history : pandas.DataFrame
        A row per epoch: loss terms, perplexity, codes in use, learning rate, validation scores.
    folder : pathlib.Path
        The run's files.
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
    studies: Sequence[Study] = (),
) -> TrainingResult:
    """Train one network for all modifications of the windows.

    The folder `out` receives ``model.safetensors`` (the best epoch), ``config.toml``,
    ``history.csv``, ``train.log``, ``curves.png`` and ``.svg``, and a checkpoint from which
    `resume` continues to the same result as an uninterrupted run.

    Raises DataError if a class of a type is empty, sites are not in the centre, the folder cannot
    be written, its checkpoint is damaged or from a run with other settings or data, or no epoch has
    a validation score. Raises UsageError if the folder holds a run and `resume` is False, or the
    device does not exist.

    Parameters
    ----------
    train, valid : Windows
        With the same modifications. The epoch to keep is chosen on `valid`.
    out : path-like
        A folder, created if missing.
    start : TrainedModel, optional
        Initial weights; types that it lacks get fresh ones.
    resume : bool
        Continue from the checkpoint in `out`, if there is one.
    device : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    on_epoch : callable, optional
        Called with the rows of the history after each checkpoint, and before the first epoch of a
        resumed run. An exception that it raises ends the training.
    calibrate : bool
        False returns the best epoch without calibration, nulls and tiers, and writes no
        ``model.safetensors``: for a search, which only compares epochs. Curves are drawn once.
    studies : sequence of Study, optional
        Further windows, with the same modifications. The epoch to keep is then chosen by the mean
        of two scores: on `valid`, and on the validation windows of the studies. Types of a study
        without modified or unmodified validation windows have no score.
    """
    check_windows(train, valid)
    device_name = choose_device(device).name
    folder = output_directory(out)
    windows = pool(train, studies)
    identity = _identity(config, windows, valid, start, studies)
    if not resume and (folder / checkpoint.FILE_NAME).exists():
        raise UsageError(f"{folder} holds a training run: add --resume, or choose another --out")

    config = with_precision(config, device_name)
    training = config.training
    torch.manual_seed(training.seed)
    network = build(config.model, len(train.modifications))
    if start is not None:
        transfer(start, network, train.modifications)
    network.to(device_name)
    average = WeightAverage(network, training.average_decay) if training.average_decay else None
    optimizer = make_optimizer(network, training)
    state = checkpoint.read(folder, identity, network, average, optimizer) if resume else None
    state = state or Progress(0, 0, -np.inf, [], command_line())
    write_text(folder / "config.toml", configs.dump(config))
    teacher_logits = None
    if training.teacher == "trees":
        teacher_logits = cached_teacher_logits(
            folder, windows, config.model.length, training.seed, show_progress=show_progress
        )
    data = TrainingData.prepare(windows, network, config, teacher_logits)
    if on_epoch and state.history:
        on_epoch(state.history)

    validated = average.network if average is not None else network
    while not _finished(state, config):
        row = _next_epoch(
            network, average, optimizer, data, valid, studies, state, show_progress=show_progress
        )
        if row["best"]:
            best = TrainedModel.fresh(copy.deepcopy(validated), config, train.modifications)
            save_model(best, folder / BEST_NAME)
        # After the weights: a run killed in between repeats the epoch, with the same result
        checkpoint.write(folder, identity, state, network, average, optimizer)
        report.write(folder, state.history, state.best_epoch, curves=calibrate)
        if on_epoch:
            on_epoch(state.history)
    if not state.best_epoch:
        raise DataError("the validation score is nan in all epochs, so no weights were kept")
    # Again, for a run that was killed between checkpoint and report
    history = report.write(folder, state.history, state.best_epoch)
    model = load_model(folder / BEST_NAME, device_name)
    assert isinstance(model, TrainedModel)
    if calibrate:
        summary = _summary(train, valid, studies, state, start)
        model = calibrate_model(
            model,
            windows,
            valid,
            summary,
            known=[study.valid for study in studies],
            show_progress=show_progress,
        )
        model = save_model(model, folder / FILE_NAME)
    return TrainingResult(model, history, folder)


def _next_epoch(
    network: Network,
    average: WeightAverage | None,
    optimizer: torch.optim.Optimizer,
    data: TrainingData,
    valid: Windows,
    studies: Sequence[Study],
    state: Progress,
    *,
    show_progress: bool,
) -> dict[str, Any]:
    """Train and validate one epoch; append its row to the history and return it."""
    config = data.config
    started = time.monotonic()
    title = f"epoch {state.epoch + 1}/{config.training.epochs}"
    with progress(data.windows_per_epoch, title, unit="windows", show=show_progress) as bar:

        def on_step(windows: int, means: dict[str, float]) -> None:
            bar.note(
                f"loss {means['loss']:.4f} (class {means['loss_classification']:.4f}, "
                f"recon {means['loss_reconstruction']:.4f}, "
                f"vq {means['loss_quantization']:.4f}), perplexity {means['perplexity']:.0f}"
            )
            bar.advance(windows)

        means = train_epoch(network, average, optimizer, data, state.epoch, on_step)
        validated = average.network if average is not None else network
        scores = validate(validated, valid, config)
        of_studies = validate_studies(validated, studies, config)
        scored = any(of_studies.values())
        mean = scores["mean"]
        by_accuracy = config.training.select_by == "accuracy"
        selected = "acc" if by_accuracy else "auroc"
        value = _selection(scores, of_studies, selected)
        better = value > state.best
        if value == state.best and not by_accuracy:  # as published, accuracy keeps the earlier one
            kept = state.history[state.best_epoch - 1]
            earlier = _selection(kept["valid"], kept.get("studies", {}), "loss")
            better = _selection(scores, of_studies, "loss") < earlier
        state.epoch += 1
        if better:
            state.best, state.best_epoch = value, state.epoch
        bar.say(
            f"{title}: loss {means['loss']:.4f}, perplexity {means['perplexity']:.0f}, "
            f"{means['codes_used']} of {config.model.codebook_size} codes, "
            f"validation AUROC {mean['auroc']:.4f}"
            # Logits are calibrated after the last epoch: before, the accuracy at 0 means little
            + (f", ACC {mean['acc']:.4f}" if by_accuracy else "")
            + (f", studies AUROC {mean_of_studies(of_studies, 'auroc'):.4f}" if scored else "")
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
        "valid": scores,
    }
    if scored:
        row["studies_auroc"] = mean_of_studies(of_studies, "auroc")
    if of_studies:
        row["studies"] = of_studies
    state.history.append(row)
    return row


def _selection(
    scores: dict[str, dict[str, float]],
    of_studies: dict[str, dict[str, dict[str, float]]],
    name: str,
) -> float:
    """Return a score by which epochs are compared: half of it is of the studies that have one."""
    value = scores["mean"][name]
    scored = any(of_studies.values())
    return (value + mean_of_studies(of_studies, name)) / 2 if scored else value


def _finished(state: Progress, config: Config) -> bool:
    waited = state.epoch - state.best_epoch
    return state.epoch >= config.training.epochs or (
        state.best_epoch > 0 and waited >= config.training.patience
    )


def with_precision(config: Config, device: str) -> Config:
    """Replace the precision ``auto`` by the faster one of the device."""
    if config.training.precision != "auto":
        return config
    return configs.replace(config, precision="bfloat16" if fast_bfloat16(device) else "float32")


def _identity(
    config: Config,
    train: Windows,
    valid: Windows,
    start: TrainedModel | None,
    studies: Sequence[Study],
) -> str:
    """Hash everything that determines the result of a run."""
    parts: list[Any] = [configs.effective(config), train.digest, valid.digest]
    parts.append(start and start.hash)
    if studies:
        parts.append(config.training.study_mask_rate)
        parts += [[study.name, study.valid.digest] for study in studies]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _summary(
    train: Windows,
    valid: Windows,
    studies: Sequence[Study],
    state: Progress,
    start: TrainedModel | None,
) -> dict[str, Any]:
    """Summarise data and epochs for the model card."""
    earlier = {} if start is None else {"start": {"model": start.hash, **earlier_facts(start)}}
    best = state.history[state.best_epoch - 1]
    of_studies = best.get("studies", {})
    return data_summary(train, valid, studies, of_studies) | {
        **earlier,
        "command": state.command,
        "epochs": state.epoch,
        "best_epoch": state.best_epoch,
        "validation": best["valid"],
    }
