"""Make one cell: train or resume, evaluate, and keep the result, or the reason of a failure.

Run as a program: ``python -m vqrna.studies.cell TASK.json``.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from vqrna.config import validated
from vqrna.errors import DataError, VqrnaError
from vqrna.evaluation import evaluate
from vqrna.model import ModelSet
from vqrna.runtime.files import output_directory, write_text
from vqrna.runtime.lock import folder_lock
from vqrna.stats.bootstrap import RESAMPLES
from vqrna.studies.cells import CellStore, Identity, StudyCell, config_of, data_name
from vqrna.training import TrainingResult, WindowSource, from_benchmark, train_network
from vqrna.training.checkpoint import FILE_NAME as CHECKPOINT

ERROR_NAME = "error.txt"
"""File with the traceback of the last attempt at a cell, if it failed."""


def run_cell(
    identity: Identity,
    source: WindowSource,
    folder: str | PathLike[str],
    store: CellStore,
    *,
    device: str = "cpu",
    resamples: int = RESAMPLES,
    command: str | None = None,
    show_progress: bool = False,
) -> StudyCell:
    """Return the cell of a network from the store, or train it, from its checkpoint if possible.

    Raises VqrnaError, OSError: also written to ``error.txt`` in the folder.

    Parameters
    ----------
    identity : Identity
        Of a network (see :func:`~vqrna.studies.cells.network_identity`).
    source : WindowSource
        Training windows, and those to evaluate, of the types of the identity.
    folder : path-like
        For config, log, curves and ``best.safetensors`` of this cell.
    resamples : int
        For the intervals.
    command : str, optional
        Recorded in the cell; the running command if not given.
    """

    def work() -> StudyCell:
        started = time.monotonic()
        results = _train(identity, source, Path(folder), device, show_progress)
        models = tuple(result.model for result in results.values())
        model = models[0] if identity.joint else ModelSet(models)
        evaluation = evaluate(
            model,
            source.valid,
            split=identity.split,
            reference=source.train,
            resamples=resamples,
            show_progress=show_progress,
        )
        histories = {name: result.history for name, result in results.items()}
        epochs = sum(float(history["seconds"].sum()) for history in histories.values())
        kept = {name: int(h.epoch[h.best].max()) for name, h in histories.items()}
        # The history includes the epochs of earlier attempts
        return StudyCell.measured(
            identity,
            evaluation,
            max(time.monotonic() - started, epochs),
            device=str(model.device),
            command=command,
            epoch_seconds=round(epochs / sum(map(len, histories.values())), 1),
            best_epoch=kept,
            windows={"train": len(source.train), "valid": len(source.valid)},
        )

    return attempt(identity, folder, store, work)


def attempt(
    identity: Identity, folder: str | PathLike[str], store: CellStore, work: Callable[[], StudyCell]
) -> StudyCell:
    """Return a cell from the store, or make and keep it.

    Raises DataError if another process works in this folder. Raises Exception: any error of the
    work.

    Parameters
    ----------
    folder : path-like
        For the files of the work; the traceback of a failure is written to ``error.txt``.
    work : callable
        Makes the cell.
    """
    if (cell := store.get(identity)) is not None:
        return cell
    run = output_directory(folder)
    with folder_lock(run):
        if (cell := store.get(identity)) is not None:  # another process was faster
            return cell
        try:
            cell = work()
            store.put(cell)
        except Exception:
            with suppress(DataError, OSError):  # the disk may be full
                write_text(run / ERROR_NAME, traceback.format_exc())
            raise
        (run / ERROR_NAME).unlink(missing_ok=True)
        for checkpoint in (run / CHECKPOINT, *run.glob(f"*/{CHECKPOINT}")):
            checkpoint.unlink(missing_ok=True)  # large, and no longer needed
    return cell


def _train(
    identity: Identity, source: WindowSource, folder: Path, device: str, show_progress: bool
) -> dict[str, TrainingResult]:
    """Train or resume one network in the folder, or one per type in its subfolders.

    They are not calibrated: the evaluation must not use the windows that set a calibration.
    """
    config = config_of(identity)
    parts = {"joint": (source, folder)}
    if not identity.joint:
        types = source.train.modifications
        parts = {m.symbol: (source.only(i), folder / m.symbol) for i, m in enumerate(types)}
    return {
        name: train_network(
            windows.train,
            windows.valid,
            run,
            config,
            resume=True,
            device=device,
            show_progress=show_progress,
            calibrate=False,
        )
        for name, (windows, run) in parts.items()
    }


TASK_NAME = "task.json"
SCHEMA_VERSION = 1
LOG_NAME = "log.txt"


@dataclass(frozen=True)
class Task:
    """Everything that a process needs to make a cell."""

    identity: Identity
    data: str  # Folder in the benchmark layout
    store: str  # Folder of the cells
    folder: str  # For the run of this cell
    device: str
    resamples: int
    command: str  # Command of the study

    def write(self) -> Path:
        """Write the task to the folder of its run."""
        path = output_directory(self.folder) / TASK_NAME
        values = {"schema_version": SCHEMA_VERSION, **dataclasses.asdict(self)}
        write_text(path, json.dumps(values, indent=1) + "\n")
        return path


def main(arguments: list[str]) -> int:
    """Make the cell of a task and return the exit code."""
    try:
        values = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
        values.pop("schema_version", None)  # written by this very program
        task: Task = validated(Task, values)
        _make(task)
    except VqrnaError as error:
        print(f"vqrna: error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _make(task: Task) -> None:
    import torch

    torch.set_num_threads(1)
    identity = task.identity
    source = from_benchmark(task.data, identity.types, lambda line: None)  # reported by the study
    if data_name(source.train, source.valid) != identity.data:
        raise DataError("the windows have changed since the study began", file=task.data)
    run_cell(
        identity,
        source,
        task.folder,
        CellStore(task.store),
        device=task.device,
        resamples=task.resamples,
        command=task.command,
        show_progress=True,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
