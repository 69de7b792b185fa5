"""Make one cell: train or go on, measure, keep the result; what fails leaves its reason.

The process that makes one cell: reads its task, trains, measures, keeps the result.

``python -m vqrna.studies.cell TASK.json``; exit code 0 if the cell is there in the end.
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from vqrna.config import validated
from vqrna.errors import DataError, VqrnaError
from vqrna.evaluation import evaluate
from vqrna.model import ModelSet
from vqrna.runtime.files import output_directory, write_text
from vqrna.stats.bootstrap import RESAMPLES
from vqrna.studies.cells import Cell, CellStore, Identity, config_of
from vqrna.training import Source, TrainingResult, train_network
from vqrna.training.checkpoint import FILE_NAME as CHECKPOINT

ERROR_NAME = "error.txt"
"""Why the last attempt at a cell failed; not there if it did not."""


class BusyError(DataError):
    """Another process works on the same cell."""


def run_cell(
    identity: Identity,
    source: Source,
    folder: str | PathLike[str],
    store: CellStore,
    *,
    device: str = "cpu",
    resamples: int = RESAMPLES,
    command: str | None = None,
    show_progress: bool = False,
) -> Cell:
    """Give the cell of a network: from the store, or trained (from its checkpoint if there is one).

    Parameters
    ----------
    identity : Identity
        Of a network (see :func:`~vqrna.studies.cells.network_identity`).
    source : Source
        Training windows, and those to measure, of the types of the identity.
    folder : path-like
        For the run: config, log, curves, and the kept weights as ``best.safetensors``; of this
        cell alone.
    store : CellStore
    device : str
    resamples : int
        For the intervals.
    command : str, optional
        How the cell is said to have been made; the command that runs if not given.
    show_progress : bool

    Raises
    ------
    VqrnaError, OSError
        What went wrong; it is kept as ``error.txt`` in the folder, too.
    """

    def work() -> Cell:
        started = time.monotonic()
        results = _train(identity, source, Path(folder), device, show_progress)
        models = tuple(result.model for result in results.values())
        model = models[0] if identity.joint else ModelSet(models)
        found = evaluate(
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
        # Epochs of earlier attempts count, too: they are in the history
        return Cell.measured(
            identity,
            found,
            max(time.monotonic() - started, epochs),
            device=str(model.device),
            command=command,
            epoch_seconds=round(epochs / sum(map(len, histories.values())), 1),
            best_epoch=kept,
            windows={"train": len(source.train), "valid": len(source.valid)},
        )

    return attempt(identity, folder, store, work)


def attempt(
    identity: Identity, folder: str | PathLike[str], store: CellStore, work: Callable[[], Cell]
) -> Cell:
    """Give a cell from the store, or do the work that makes it, and keep it.

    Parameters
    ----------
    identity : Identity
    folder : path-like
        Where the work leaves what it has to leave, made if need be; ``error.txt`` tells there why
        it failed.
    store : CellStore
    work : callable
        Gives the cell.

    Raises
    ------
    BusyError
        If another process has this folder at work.
    Exception
        Whatever the work raises.
    """
    if (found := store.get(identity)) is not None:
        return found
    place = output_directory(folder)
    with _alone(place):
        if (found := store.get(identity)) is not None:  # somebody else was faster
            return found
        try:
            cell = work()
            store.put(cell)
        except Exception:
            with suppress(DataError, OSError):  # the disk may be what is full
                write_text(place / ERROR_NAME, traceback.format_exc())
            raise
        (place / ERROR_NAME).unlink(missing_ok=True)
        for left in (place / CHECKPOINT, *place.glob(f"*/{CHECKPOINT}")):
            left.unlink(missing_ok=True)  # large, and of no use any more
    return cell


def _train(
    identity: Identity, source: Source, folder: Path, device: str, show_progress: bool
) -> dict[str, TrainingResult]:
    """Train or go on: one network in the folder itself, or one a type in folders within.

    They are not calibrated: scores are compared, and windows that set a calibration should not
    judge it.
    """
    config = config_of(identity)
    parts = {"joint": (source, folder)}
    if not identity.joint:
        kinds = source.train.modifications
        parts = {m.symbol: (source.only(i), folder / m.symbol) for i, m in enumerate(kinds)}
    return {
        name: train_network(
            windows.train,
            windows.valid,
            place,
            config,
            resume=True,
            device=device,
            show_progress=show_progress,
            calibrate=False,
        )
        for name, (windows, place) in parts.items()
    }


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; the system lets go of it however the process ends."""
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BusyError("another process works on this cell", file=folder) from None
        yield


TASK_NAME = "task.json"
LOG_NAME = "log.txt"


@dataclass(frozen=True)
class Task:
    """What a process needs to make a cell.

    Parameters
    ----------
    identity : Identity
    data : str
        Folder in the benchmark layout.
    store : str
        Folder of the cells.
    folder : str
        Of this cell's run.
    device : str
    resamples : int
    command : str
        How the study was called.
    """

    identity: Identity
    data: str
    store: str
    folder: str
    device: str
    resamples: int
    command: str

    def write(self) -> Path:
        """Leave the task in the folder of its run."""
        path = output_directory(self.folder) / TASK_NAME
        write_text(path, json.dumps(dataclasses.asdict(self), indent=1) + "\n")
        return path


def main(arguments: list[str]) -> int:
    """Make the cell of a task; gives the exit code."""
    try:
        task: Task = validated(Task, json.loads(Path(arguments[0]).read_text(encoding="utf-8")))
        _make(task)
    except VqrnaError as error:
        print(f"vqrna: error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _make(task: Task) -> None:
    import torch

    from vqrna.studies.cells import CellStore, data_name
    from vqrna.training import from_benchmark

    torch.set_num_threads(1)
    identity = task.identity
    source = from_benchmark(task.data, identity.types, _ignore)
    if data_name(source.train, source.valid) != identity.data:
        raise DataError("its windows are not those that the study began with", file=task.data)
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


def _ignore(line: str) -> Any:
    """Missing files were told when the study began."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
