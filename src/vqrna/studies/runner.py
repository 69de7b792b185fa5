"""Make one cell: train or go on, measure, keep the result; what fails leaves its reason."""

from __future__ import annotations

import fcntl
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path

from vqrna import config as configs
from vqrna.bootstrap import RESAMPLES
from vqrna.errors import DataError
from vqrna.evaluation import evaluate
from vqrna.files import output_directory, write_text
from vqrna.studies.cells import Cell, CellStore, Identity, config_of
from vqrna.training import Source, train
from vqrna.training.checkpoint import FILE_NAME as CHECKPOINT
from vqrna.training.run import BEST_NAME

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
        For the run: config, log, curves, weights; of this cell alone.
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
        run = train(
            source,
            folder,
            config_of(identity),
            joint=identity.joint,
            resume=True,
            device=device,
            show_progress=show_progress,
        )
        found = evaluate(
            run.model,
            source.valid,
            split=identity.split,
            reference=source.train,
            resamples=resamples,
            show_progress=show_progress,
        )
        results = run.results.values()
        epochs = sum(float(result.history["seconds"].sum()) for result in results)
        kept = {name: result.model.training["best_epoch"] for name, result in run.results.items()}
        # Epochs of earlier attempts count, too: they are in the history
        return Cell.measured(
            identity,
            found,
            max(time.monotonic() - started, epochs),
            device=str(run.model.device),
            command=command,
            epoch_seconds=round(epochs / sum(len(result.history) for result in results), 1),
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
        for name in (CHECKPOINT, BEST_NAME):  # large, and of no use any more
            for left in (place / name, *place.glob(f"*/{name}")):
                left.unlink(missing_ok=True)
    return cell


def keep_config(identity: Identity, folder: Path) -> None:
    """Leave the configuration of a cell in its folder, before anything can fail."""
    write_text(output_directory(folder) / "config.toml", configs.dump(config_of(identity)))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; the system lets go of it however the process ends."""
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BusyError("another process works on this cell", file=folder) from None
        yield
