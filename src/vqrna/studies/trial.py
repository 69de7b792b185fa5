"""One trial: draw settings, train on them, tell every epoch, leave a folder with log and config."""

from __future__ import annotations

import faulthandler
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqrna import config as configs
from vqrna.errors import VqrnaError
from vqrna.runtime.files import output_directory, write_text
from vqrna.studies.optuna_storage import disk_is_full
from vqrna.studies.search_config import Search
from vqrna.studies.standing import (
    BEST_EPOCH,
    CHOSEN,
    EPOCHS,
    ERROR,
    RETRY_OF,
    SURPLUS,
    WORKER,
    counts,
)
from vqrna.training import Source, train_network
from vqrna.training.checkpoint import FILE_NAME as CHECKPOINT
from vqrna.training.train_network import BEST_NAME

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
