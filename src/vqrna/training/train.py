"""Train a model: one network for all modifications, or one per type as published."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from vqrna.config import Config
from vqrna.errors import UsageError
from vqrna.model import Model, TrainedModel
from vqrna.model.published import write_pth
from vqrna.model.weights import FILE_NAME, load_model
from vqrna.nn.model import EnsembleNetwork
from vqrna.nn.quantizer import check_quantizer
from vqrna.runtime.files import results_directory
from vqrna.runtime.lock import folder_lock
from vqrna.runtime.run_record import write_run_record
from vqrna.training import checkpoint
from vqrna.training.loop import TrainingResult, train_network
from vqrna.training.source import Notice, WindowSource, check_windows, window_warnings

PUBLISHED_NAME = "model.pth"
"""The same weights as the published code saves them."""


_FILES = (
    FILE_NAME, PUBLISHED_NAME, "config.toml", "history.csv", "train.log",
    "curves.png", "curves.svg",
)  # fmt: skip
"""Files of a network, for ``run.json``."""


@dataclass(frozen=True, eq=False)
class TrainingRun:
    """Result of :func:`train`.

    Attributes
    ----------
    model : TrainedModel or ModelSet
        Loaded from `folder`, ready to predict.
    results : dict of str to TrainingResult
        By symbol of the type; one entry, ``joint``, for a joint network.
    folder : pathlib.Path
    """

    model: Model
    results: dict[str, TrainingResult]
    folder: Path


def train(
    source: WindowSource,
    out: str | PathLike[str],
    config: Config | None = None,
    *,
    joint: bool | None = None,
    start: str | PathLike[str] | None = None,
    resume: bool = False,
    device: str = "auto",
    show_progress: bool = True,
    on_warning: Notice | None = None,
) -> TrainingRun:
    """Train a model and save it in a folder.

    Parameters
    ----------
    source : WindowSource
        Training and validation windows (see :mod:`vqrna.training.source`).
    out : path-like
        Folder of a joint network; other networks are in ``OUT/<modification>/``.
    config : Config, optional
        The ``vqrna`` preset by default.
    joint : bool, optional
        One network for all types. By default True for our architecture and False for the paper's.
    start : path-like, optional
        Initial weights, for fine-tuning or new types.
    resume : bool
        Continue an interrupted run in `out`.
    device : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    show_progress : bool
    on_warning : callable, optional
        Called with one line for each problem of the windows that training tolerates;
        :func:`warnings.warn` by default.

    Returns
    -------
    TrainingRun
        The model, ready to predict, with the results of its training.

    Raises
    ------
    DataError
        If nothing can be learned from the data, or `out` cannot be written, belongs to another
        run, or is in use by another process.
    UsageError
        If settings are incompatible, or `out` holds a run and `resume` is False, or the run in
        `out` is joint and this one is not, or the reverse.
    """
    config = config or Config()
    paper = config.model.architecture == "paper"
    check_quantizer(config.model.quantizer)
    together = not paper if joint is None else joint
    check_windows(source.train, source.valid)  # all types, before the first is trained
    with results_directory(out) as folder, folder_lock(folder):
        _check_folder(folder, together)
        initial = None
        if start is not None:
            loaded = load_model(start, "cpu")
            if not isinstance(loaded, TrainedModel):
                raise UsageError(
                    f"{start} is a set of models: name one of its folders to start from"
                )
            if isinstance(loaded.network, EnsembleNetwork):
                raise UsageError(f"cannot start from {start}: it averages several networks")
            initial = loaded
        elif config.training.head_only:
            raise UsageError("training the head alone needs weights to start from")
        for line in window_warnings(
            source.train, source.valid, config, source.studies, fixed=initial is not None
        ):
            (on_warning or warnings.warn)(line)
        parts = {"joint": (source, folder)}
        if not together:
            parts = {
                modification.symbol: (source.only(m), folder / modification.symbol)
                for m, modification in enumerate(source.train.modifications)
            }
        results = {}
        for name, (windows, subfolder) in parts.items():
            results[name] = train_network(
                windows.train,
                windows.valid,
                subfolder,
                config,
                start=initial,
                resume=resume,
                device=device,
                show_progress=show_progress,
                studies=windows.studies,
            )
            if paper and config.model.quantizer == "vq":
                write_pth(results[name].model, subfolder / PUBLISHED_NAME)
        model = next(iter(results.values())).model if together else load_model(folder, device)
        _write_run_record(folder, model, config, results)
        return TrainingRun(model, results, folder)


def _write_run_record(
    folder: Path, model: Model, config: Config, results: dict[str, TrainingResult]
) -> None:
    """Write ``run.json`` beside the weights of a training."""
    paths = [result.folder / name for result in results.values() for name in _FILES]
    write_run_record(
        folder,
        "train",
        [path for path in paths if path.is_file()],
        model=model.hash,
        settings={
            "architecture": config.model.architecture,
            "length": config.model.length,
            "epochs": config.training.epochs,
            "seed": config.training.seed,
            "networks": list(results),
        },
        results={
            "best_epochs": {
                name: result.model.training.get("best_epoch") for name, result in results.items()
            }
        },
    )


def _check_folder(folder: Path, together: bool) -> None:
    """Reject a folder with a joint run for separate networks, and the reverse."""
    names = (FILE_NAME, checkpoint.FILE_NAME)
    other = ""
    if together:
        existing = sorted(path for name in names for path in folder.glob(f"*/{name}"))
        if existing:
            other = f"a network for each modification ({existing[0].parent.name})"
    elif any((folder / name).exists() for name in names):
        other = "one network for all modifications"
    if other:
        raise UsageError(f"{folder} holds a training run of {other}: choose another --out")
