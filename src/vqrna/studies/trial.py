"""Trials of a search: draw settings, train, report every epoch, write a folder with log and config.

Run as a program, ``python -m vqrna.studies.trial WORKER`` reads a :class:`WorkerTask` as JSON from
standard input and trains one trial after another until the search has enough.
"""

from __future__ import annotations

import faulthandler
import json
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqrna import config as configs
from vqrna.config import validated
from vqrna.errors import DataError, VqrnaError
from vqrna.runtime.files import output_directory, write_text
from vqrna.studies.optuna_storage import (
    BEST_EPOCH,
    CHOSEN,
    EPOCHS,
    ERROR,
    SURPLUS,
    WORKER,
    counts,
    database_errors,
    disk_is_full,
    open_storage,
    open_study,
    register_worker,
    retry_interrupted,
    retry_of,
)
from vqrna.studies.search_config import Search
from vqrna.training import WindowSource, train_network
from vqrna.training.checkpoint import FILE_NAME as CHECKPOINT
from vqrna.training.loop import BEST_NAME

if TYPE_CHECKING:
    from optuna import Trial

FOLDER = "trials"
OUTPUT = "output.log"
"""File in the folder of a trial with what the training printed, and the traceback if it failed."""

STOP = 75
"""Exit code of a worker after an error that would end all other trials, too."""


class TrialError(Exception):
    """A trial failed; the search goes on."""


class TrialTakenError(BaseException):
    """Another process has ended the trial; not an Exception, which Optuna would record in it."""


class StopSearchError(DataError):
    """An error that would end all other trials, too."""


def trial_folder(out: Path, number: int) -> Path:
    """Return the folder of a trial with its log and settings."""
    return out / FOLDER / f"{number:04d}"


@dataclass(frozen=True, eq=False)
class Objective:
    """The function that Optuna calls for every trial."""

    search: Search
    source: WindowSource  # Training and validation windows
    out: Path  # Folder of the search
    limit: int  # Number of trials of the search
    worker: str  # Name from :func:`~vqrna.studies.optuna_storage.new_worker`
    device: str

    def __call__(self, trial: Trial) -> float:
        """Train and return the score of the best epoch.

        Raises TrialTakenError if there was no heartbeat for so long that another process has ended
        the trial.
        """
        import optuna

        try:
            return self._run(trial)
        except optuna.exceptions.UpdateFinishedTrialError as error:
            raise TrialTakenError from error

    def _run(self, trial: Trial) -> float:
        import optuna

        trial.set_user_attr(WORKER, self.worker)
        earlier = trial.study.get_trials(deepcopy=False)[: trial.number]
        if sum(counts(t) for t in earlier) >= self.limit:
            trial.set_user_attr(SURPLUS, True)  # other processes were faster
            raise TrialError("the search has enough trials")
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
            raise
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
        """Continue with the files of the previous attempt, if they are on this machine."""
        before = retry_of(trial.study.get_trials(deepcopy=False)[trial.number])
        if before is not None and not folder.exists():
            with suppress(OSError):
                trial_folder(self.out, before).rename(folder)

    def _train(self, trial: Trial, chosen: dict[str, Any], folder: Path) -> float:
        import optuna

        config = configs.replace(self.search.base, **self.search.space.settings(chosen))
        write_text(folder / "config.toml", configs.dump(config))
        best = min if self.search.direction == "minimize" else max
        values: list[float] = []

        def report(history: list[dict[str, Any]]) -> None:
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
            on_epoch=report,
            calibrate=False,
        )
        return best(values)


@contextmanager
def _recorded(path: Path) -> Iterator[None]:
    """Write output and traceback to a file; a crash outside Python leaves its stack there."""
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
    """Remove files that only a resumed training needs."""
    for name in (CHECKPOINT, BEST_NAME):
        with suppress(OSError):
            (folder / name).unlink()


@dataclass(frozen=True)
class WorkerTask:
    """Everything that a process needs to train trials."""

    search: Search
    url: str  # Of the database
    identity: str  # Of the search and its data
    data: str  # Folder in the benchmark layout
    modifications: tuple[str, ...]
    out: str  # Folder of the search
    limit: int  # Number of trials of the search
    until: float | None = None  # No trial begins after this time (seconds since 1970)
    device: str = "auto"
    threads: int | None = None  # CPU threads; None keeps torch's default

    def to_json(self) -> str:
        """Serialise for another process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> WorkerTask:
        """Read what :meth:`to_json` wrote."""
        task: WorkerTask = validated(cls, json.loads(text))
        return task


def run_trials(task: WorkerTask, worker: str) -> None:
    """Train trials until the search has enough.

    Raises VqrnaError if the whole search has to stop.
    """
    import torch

    from vqrna.training import from_benchmark

    if task.threads is not None:
        torch.set_num_threads(task.threads)
    source = from_benchmark(task.data, task.modifications, lambda line: None)
    with database_errors(task.url):
        study = open_study(open_storage(task.url), task.search, task.identity)
        out = Path(task.out)
        objective = Objective(task.search, source, out, task.limit, worker, task.device)
        register_worker(study, worker)
        while _needs_trial(study, task):
            with suppress(TrialTakenError):
                study.optimize(objective, n_trials=1, catch=(TrialError,))


def _needs_trial(study: Any, task: WorkerTask) -> bool:
    if task.until is not None and time.time() >= task.until:
        return False
    retry_interrupted(study)
    trials = study.get_trials(deepcopy=False)
    if any(trial.state.name == "WAITING" for trial in trials):
        return True
    return sum(counts(trial) for trial in trials) < task.limit


def main(arguments: list[str]) -> int:
    """Run a worker and return the exit code: 0 or `STOP`."""
    try:
        run_trials(WorkerTask.from_json(sys.stdin.read()), arguments[0])
    except VqrnaError as error:
        print(f"vqrna: error: {error}", file=sys.stderr)
        return STOP
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
