"""Train a model: one network for all types, or one a type as published."""

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
from vqrna.nn.quantizer import check_quantizer
from vqrna.runtime.files import results_directory
from vqrna.training import checkpoint
from vqrna.training.loop import TrainingResult, train_network
from vqrna.training.source import Notice, Source, check_windows, remarks

PUBLISHED_NAME = "model.pth"
"""The same weights as the published code saves them."""


@dataclass(frozen=True, eq=False)
class TrainingRun:
    """What :func:`train` gives.

    Attributes
    ----------
    model : TrainedModel or ModelSet
        Loaded from `folder`, ready to predict.
    results : dict of str to TrainingResult
        By the symbols of the types; one entry, ``joint``, for a joint network.
    folder : pathlib.Path
    """

    model: Model
    results: dict[str, TrainingResult]
    folder: Path


def train(
    source: Source,
    out: str | PathLike[str],
    config: Config | None = None,
    *,
    joint: bool | None = None,
    start: str | PathLike[str] | None = None,
    resume: bool = False,
    device: str = "auto",
    show_progress: bool = True,
    on_remark: Notice | None = None,
) -> TrainingRun:
    """Train a model and leave it in a folder.

    Parameters
    ----------
    source : Source
        Training and validation windows (see :mod:`vqrna.training.source`).
    out : path-like
        For a joint network the folder itself holds it; otherwise ``OUT/<modification>/`` does.
    config : Config, optional
        The ``vqrna`` preset if not given.
    joint : bool, optional
        One network for all types. The architecture's own way if not given: ours is joint, the
        paper's is not.
    start : path-like, optional
        Weights to begin with (fine-tuning), new types included.
    resume : bool
        Go on where an interrupted run in `out` stopped.
    device : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    show_progress : bool
    on_remark : callable, optional
        Is given one line for each thing that is odd about the windows; a Python warning if there
        is none.

    Raises
    ------
    DataError
        If the data do not serve, or `out` cannot be written or belongs to another run.
    UsageError
        If the settings do not go together, `out` holds a run and `resume` is not asked for, or it
        holds one of the other kind (joint, or one each).
    """
    config = config or Config()
    paper = config.model.architecture == "paper"
    check_quantizer(config.model.quantizer)
    together = not paper if joint is None else joint
    check_windows(source.train, source.valid)  # of all types, before the first is trained
    with results_directory(out) as folder:
        _check_folder(folder, together)
        begin = None
        if start is not None:
            loaded = load_model(start, "cpu")
            if not isinstance(loaded, TrainedModel):
                raise UsageError(
                    f"{start} is a set of models: name one of its folders to start from"
                )
            begin = loaded
        for line in remarks(source.train, source.valid, config):
            (on_remark or warnings.warn)(line)
        parts = {"joint": (source, folder)}
        if not together:
            kinds = source.train.modifications
            parts = {m.symbol: (source.only(i), folder / m.symbol) for i, m in enumerate(kinds)}
        results = {}
        for name, (windows, place) in parts.items():
            results[name] = train_network(
                windows.train,
                windows.valid,
                place,
                config,
                start=begin,
                resume=resume,
                device=device,
                show_progress=show_progress,
            )
            if paper and config.model.quantizer == "vq":
                write_pth(results[name].model, place / PUBLISHED_NAME)
        model = next(iter(results.values())).model if together else load_model(folder, device)
        return TrainingRun(model, results, folder)


def _check_folder(folder: Path, together: bool) -> None:
    """Refuse a folder with a run of the other kind: of the two only one would ever be loaded."""
    left = (FILE_NAME, checkpoint.FILE_NAME)
    if together:
        others = sorted(path for name in left for path in folder.glob(f"*/{name}"))
        kind = f"a network for each type ({others[0].parent.name})" if others else ""
    else:
        kind = "one network for all types" if any((folder / name).exists() for name in left) else ""
    if kind:
        raise UsageError(f"{folder} holds a training run of {kind}: choose another --out")
