"""One trial: draw settings, train on them, tell every epoch, leave a folder with log and config.

A process that makes trials of a study, one after another, until there are enough.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqrna import config as configs
from vqrna.config import validated
from vqrna.errors import VqrnaError
from vqrna.runtime.files import output_directory, write_text
from vqrna.studies.optuna_storage import (
    BEST_EPOCH,
    CHOSEN,
    EPOCHS,
    ERROR,
    RETRY_OF,
    SURPLUS,
    WORKER,
    counts,
    database_errors,
    disk_is_full,
    mend,
    open_storage,
    open_study,
)
from vqrna.studies.search_config import Search
from vqrna.training import Source, train_network
from vqrna.training.checkpoint import FILE_NAME as CHECKPOINT
from vqrna.training.loop import BEST_NAME

if TYPE_CHECKING:
    from optuna import Trial


FOLDER = "trials"
OUTPUT = "output.log"
"""What a training printed, and the traceback if it failed."""


class TrialError(Exception):
    """A trial failed by its own fault; the search goes on."""


class StopSearchError(Exception):
    """Something is wrong that would end all other trials, too."""


def trial_folder(out: Path, number: int) -> Path:
    """Say where a trial keeps its log and its settings."""
    return out / FOLDER / f"{number:04d}"


@dataclass(frozen=True, eq=False)
class Objective:
    """What Optuna calls for every trial.

    Parameters
    ----------
    search : Search
    source : Source
        Training and validation windows.
    out : pathlib.Path
        Folder of the search.
    limit : int
        So many trials are wanted in all.
    worker : str
        Name of this process (:func:`~vqrna.studies.optuna_storage.new_worker`).
    device : str
    """

    search: Search
    source: Source
    out: Path
    limit: int
    worker: str
    device: str

    def __call__(self, trial: Trial) -> float:
        """Train; gives the best epoch's score."""
        import optuna

        trial.set_user_attr(WORKER, self.worker)
        earlier = trial.study.get_trials(deepcopy=False)[: trial.number]
        if sum(counts(t) for t in earlier) >= self.limit:
            trial.set_user_attr(SURPLUS, True)  # others of this study were quicker
            raise TrialError("one more than asked for")
        chosen = self.search.space.suggest(trial)
        trial.set_user_attr(CHOSEN, chosen)
        folder = trial_folder(self.out, trial.number)
        try:
            self._take_over(trial, folder)
            output_directory(folder)
            with _recorded(folder / OUTPUT):
                value = self._train(trial, chosen, folder)
        except optuna.TrialPruned:
            _tidy(folder)
            raise
        except optuna.exceptions.UpdateFinishedTrialError:
            raise TrialError("was silent for so long that another process took it over") from None
        except Exception as error:
            if disk_is_full(error) or isinstance(error, optuna.exceptions.StorageInternalError):
                raise StopSearchError(str(error)) from error
            words = " ".join(str(error).split()) or type(error).__name__
            if not isinstance(error, VqrnaError):
                words = f"{type(error).__name__}: {words}"
            trial.set_user_attr(ERROR, words)
            _tidy(folder)
            raise TrialError(words) from error
        _tidy(folder)
        return value

    def _take_over(self, trial: Trial, folder: Path) -> None:
        """Go on with the files of the attempt before, where they are on this machine."""
        before = trial.user_attrs.get(RETRY_OF)
        if before is not None and not folder.exists():
            with suppress(OSError):
                trial_folder(self.out, before).rename(folder)

    def _train(self, trial: Trial, chosen: dict[str, Any], folder: Path) -> float:
        import optuna

        config = configs.replace(self.search.base, **self.search.space.settings(chosen))
        write_text(folder / "config.toml", configs.dump(config))
        best = min if self.search.direction == "minimize" else max
        values: list[float] = []

        def tell(history: list[dict[str, Any]]) -> None:
            for row in history[len(values) :]:
                values.append(float(row["valid"]["mean"][self.search.column]))
                trial.report(values[-1], len(values))
            trial.set_user_attr(EPOCHS, len(values))
            trial.set_user_attr(BEST_EPOCH, values.index(best(values)) + 1)
            if len(values) < config.training.epochs and trial.should_prune():
                raise optuna.TrialPruned

        train_network(
            self.source.train,
            self.source.valid,
            folder,
            config,
            resume=True,
            device=self.device,
            on_epoch=tell,
            calibrate=False,
        )
        return best(values)


@contextmanager
def _recorded(path: Path) -> Iterator[None]:
    """Write down what is printed and why it failed; a crash below Python leaves its stack."""
    with (
        path.open("a", encoding="utf-8", buffering=1) as file,
        redirect_stdout(file),
        redirect_stderr(file),
    ):
        faulthandler.enable(file)
        try:
            yield
        except Exception as error:
            if type(error).__name__ != "TrialPruned":
                traceback.print_exc(file=file)
            raise
        finally:
            faulthandler.disable()


def _tidy(folder: Path) -> None:
    """Remove what only a training that goes on would need."""
    for name in (CHECKPOINT, BEST_NAME):
        with suppress(OSError):
            (folder / name).unlink()


DONE = "done"


@dataclass(frozen=True)
class Order:
    """What a worker is told.

    Parameters
    ----------
    search : Search
    url : str
        Of the database.
    identity : str
        Of the search and its data.
    data : str
        Folder in the benchmark layout.
    modifications : tuple of str
    out : str
        Folder of the search.
    limit : int
        So many trials are wanted in all.
    until : float or None
        No trial begins after this time (seconds since 1970).
    device : str
    threads : int or None
        Of torch; its own choice if None.
    """

    search: Search
    url: str
    identity: str
    data: str
    modifications: tuple[str, ...]
    out: str
    limit: int
    until: float | None = None
    device: str = "auto"
    threads: int | None = None

    def to_json(self) -> str:
        """Write it for another process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Order:
        """Read what :meth:`to_json` wrote."""
        found: Order = validated(cls, json.loads(text))
        return found


def work(order: Order, worker: str) -> str:
    """Make trials until there are enough.

    Parameters
    ----------
    order : Order
    worker : str
        Name of this process (:func:`~vqrna.studies.optuna_storage.new_worker`).

    Returns
    -------
    str
        `DONE`, or why the whole search has to stop.
    """
    import torch

    from vqrna.training import from_benchmark

    if order.threads is not None:
        torch.set_num_threads(order.threads)
    try:
        source = from_benchmark(order.data, order.modifications, lambda line: None)
        with database_errors(order.url):
            study = open_study(open_storage(order.url), order.search, order.identity)
            objective = Objective(
                order.search, source, Path(order.out), order.limit, worker, order.device
            )
            while _wanted(study, order):
                study.optimize(objective, n_trials=1, catch=(TrialError,))
    except StopSearchError as error:
        return str(error)
    except VqrnaError as error:
        return str(error)
    return DONE


def _wanted(study: Any, order: Order) -> bool:
    """Tell whether one more trial may begin."""
    if order.until is not None and time.time() >= order.until:
        return False
    mend(study)
    trials = study.get_trials(deepcopy=False)
    if any(trial.state.name == "WAITING" for trial in trials):
        return True
    return sum(counts(trial) for trial in trials) < order.limit


def main() -> None:
    """Be a worker: the order is the first line of standard input, the answer the last of output.

    When the input ends, the process that gave the order has died, and this one ends, too.
    """
    first = sys.stdin.readline()
    told = json.loads(first)
    answer, sys.stdout = sys.stdout, sys.stderr

    def outlive_nobody() -> None:
        sys.stdin.read()
        os._exit(1)

    threading.Thread(target=outlive_nobody, daemon=True).start()
    said = work(Order.from_json(told["order"]), told["worker"])
    print(json.dumps(said), file=answer, flush=True)
    os._exit(0)  # the thread above still waits
