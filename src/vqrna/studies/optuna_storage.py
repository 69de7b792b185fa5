"""The study on disk or in a database: open or join it, count its trials, retry what was killed.

What draws values, and what ends hopeless trials: Optuna's, as the settings want them.

How a trial stands, and what it tells of itself in the study.
"""

from __future__ import annotations

import os
import socket
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqrna.errors import DataError, UsageError, VqrnaError
from vqrna.studies.search_config import Search

if TYPE_CHECKING:
    import optuna
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial


CHOSEN, WORKER, ERROR = "chosen", "worker", "error"
"""The values it got, the process that trains it, and why it failed."""

SURPLUS, RETRY_OF, ATTEMPT = "surplus", "retry of", "attempt"
"""It was one too many; whose values it got again, and how often that happened."""

BEST_EPOCH, EPOCHS = "best epoch", "epochs"

_STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "RUNNING": "running", "WAITING": "waiting"}


def counts(trial: FrozenTrial) -> bool:
    """Tell whether a trial is one of those asked for: not if it was killed, or one too many."""
    return trial.state.name != "FAIL" or ERROR in trial.user_attrs


def state_of(trial: FrozenTrial) -> str:
    """Tell how a trial stands: complete, pruned, running, waiting, failed or interrupted."""
    if trial.state.name == "FAIL":
        return "failed" if ERROR in trial.user_attrs else "interrupted"
    return _STATES[trial.state.name]


def optuna_module() -> Any:
    """Import Optuna, quiet, or say how to get it."""
    try:
        import optuna
    except ImportError:
        raise UsageError("tune needs the extra: pip install 'vqrna[tune]'") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def sampler(search: Search) -> BaseSampler:
    """Make what draws values, from the seed, the place in line and earlier trials."""
    optuna = optuna_module()
    settings = search.settings

    def make(seed: int) -> BaseSampler:
        if settings.sampler == "tpe":
            return optuna.samplers.TPESampler(seed=seed, n_startup_trials=settings.startup)
        if settings.sampler == "evolution":
            return optuna.samplers.NSGAIISampler(seed=seed, population_size=settings.population)
        return optuna.samplers.RandomSampler(seed=seed)  # of a grid all points are laid out before

    class ByTrial(optuna.samplers.BaseSampler):  # type: ignore[name-defined]
        """Begins anew for each trial, so that a search that goes on repeats no draws."""

        def __init__(self) -> None:
            self.inner = make(settings.seed)

        def before_trial(self, study: Any, trial: Any) -> None:
            earlier = study.get_trials(deepcopy=False)[: trial.number]
            rank = sum(counts(t) for t in earlier)  # an interruption changes numbers, not this
            self.inner = make(settings.seed * 1_000_003 % 2**31 + rank)
            self.inner.before_trial(study, trial)

        def infer_relative_search_space(self, study: Any, trial: Any) -> Any:
            return self.inner.infer_relative_search_space(study, trial)

        def sample_relative(self, study: Any, trial: Any, space: Any) -> Any:
            return self.inner.sample_relative(study, trial, space)

        def sample_independent(self, study: Any, trial: Any, name: str, distribution: Any) -> Any:
            return self.inner.sample_independent(study, trial, name, distribution)

        def after_trial(self, study: Any, trial: Any, state: Any, values: Any) -> None:
            self.inner.after_trial(study, trial, state, values)

    made: BaseSampler = ByTrial()
    return made


def pruner(search: Search) -> BasePruner:
    """Make what ends hopeless trials."""
    optuna = optuna_module()
    settings = search.settings
    if settings.pruner == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=settings.warmup)
    if settings.pruner == "hyperband":
        return optuna.pruners.HyperbandPruner(
            min_resource=max(1, settings.warmup), max_resource=search.base.training.epochs
        )
    return optuna.pruners.NopPruner()


DATABASE = "study.db"
RETRIES = 3
"""A trial whose process vanishes again and again is given up after so many new attempts."""

HEARTBEAT, GRACE = 20, 120
"""Seconds between two signs of life of a trial, and of silence until another machine retries it."""

_ATTEMPTS = 8
"""Several processes may make the tables of a new database at the same moment."""


def database_url(storage: str | None, out: Path) -> str:
    """Say where the study is: a database of the user's, or a file in the folder of results."""
    if storage is None:
        return f"sqlite:///{(out / DATABASE).resolve()}"
    if "://" not in storage:
        raise UsageError(f"--storage is a URL such as postgresql://user@host/name, not '{storage}'")
    return storage


def open_storage(url: str, heartbeat: bool = True) -> Any:
    """Open the database.

    Raises
    ------
    DataError
        If it cannot be opened.
    """
    optuna = optuna_module()
    options: dict[str, Any] = {}
    if url.startswith("sqlite"):
        options = {"connect_args": {"timeout": 60}}  # another process may be writing
    beat: dict[str, Any] = {}
    if heartbeat:
        beat = {
            "heartbeat_interval": HEARTBEAT,
            "grace_period": GRACE,
            "heartbeat_stale_trial_callback": retry,
        }
    with database_errors(url):
        for attempt in range(_ATTEMPTS):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # experimental parts of Optuna
                    return optuna.storages.RDBStorage(url, engine_kwargs=options, **beat)
            except Exception as error:
                raced = "already exists" in str(error) or "UNIQUE constraint" in str(error)
                if attempt + 1 == _ATTEMPTS or not raced:
                    raise
                time.sleep(0.1 * (attempt + 1))


@contextmanager
def database_errors(url: str) -> Iterator[None]:
    """Tell what goes wrong with the database as one line, without a password."""
    place = url.partition("://")[2].rpartition("@")[2] or url
    place = place.removeprefix("/") if url.startswith("sqlite") else place
    try:
        yield
    except VqrnaError:
        raise
    except Exception as error:
        module = type(error).__module__.partition(".")[0]
        if module not in {"sqlalchemy", "optuna", "alembic"} and not isinstance(error, ImportError):
            raise
        if isinstance(error, ImportError):
            raise UsageError(f"the database needs a driver: {error}") from None
        full = disk_is_full(error)
        words = str(error.__cause__ or error).strip().splitlines()[0]
        told = "the disk is full" if full else words
        raise DataError(f"the database of the search cannot be used: {told}", file=place) from error


def disk_is_full(error: BaseException | None) -> bool:
    """Tell whether the disk is what an error is about, and not the trial."""
    words = ("disk is full", "No space left", "cannot write:", "disk I/O error")
    while error is not None:
        if any(word in str(error) for word in words):
            return True
        error = error.__cause__ or error.__context__
    return False


def open_study(storage: Any, search: Search, identity: str, samples: bool = True) -> optuna.Study:
    """Begin a study or join it.

    Parameters
    ----------
    storage : optuna.storages.RDBStorage
    search : Search
    identity : str
        Of the search and its data; part of the study's name, so that others never mix with it.
    samples : bool
        Whether this process draws values.
    """
    library = optuna_module()
    name = study_name(search, identity)
    for attempt in range(_ATTEMPTS):
        try:
            study: optuna.Study = library.create_study(
                storage=storage,
                study_name=name,
                direction=search.direction,
                sampler=sampler(search) if samples else None,
                pruner=pruner(search),
                load_if_exists=True,
            )
            _name(study, search)
            return study
        except Exception as error:  # two that begin it at the same moment
            if attempt + 1 == _ATTEMPTS or "UNIQUE" not in str(error.__cause__ or error):
                raise
            time.sleep(0.1 * (attempt + 1))
    raise AssertionError


def _name(study: optuna.Study, search: Search) -> None:
    """Tell the live page what the score is, instead of ``Objective 0``."""
    words = [f"validation {search.settings.metric}"]
    if study.metric_names != words:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # experimental
            study.set_metric_names(words)


def study_name(search: Search, identity: str) -> str:
    """Name a study so that another search never gets the same name."""
    return f"{search.settings.name} {identity}"


def lay_out_grid(study: optuna.Study, search: Search) -> int:
    """Put all points of a grid into the line of waiting trials; gives how many there are.

    Raises
    ------
    UsageError
        If the grid has no end.
    """
    grid = search.space.grid(search.settings.trials)
    there = sum(counts(trial) for trial in study.get_trials(deepcopy=False))
    for point in grid[there:]:
        study.enqueue_trial(point)
    return len(grid)


def new_worker() -> str:
    """Name this process as one that trains: machine, process, and a word that never comes again."""
    return f"{machine()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def machine() -> str:
    """Name this machine, or the container that has processes of its own."""
    space = ""
    with suppress(OSError):  # containers may share a name, but not the space of processes
        space = os.readlink("/proc/self/ns/pid")  # noqa: PTH115
    return f"{socket.gethostname()}{space}".replace(":", "")


def gone(worker: str) -> bool:
    """Tell whether a process of this machine has ended; of other machines only time tells."""
    place, _, rest = worker.partition(":")
    pid = rest.partition(":")[0]
    if place != machine() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    with suppress(OSError):  # the number may be another program's by now
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        ours = any(word in words for word in (b"vqrna", b"ray::", b"pytest"))
        return state == "Z" or not ours
    return False


def end_trials(
    study: optuna.Study, ended: Callable[[str], bool], error: str | None = None
) -> list[int]:
    """End trials whose process has ended.

    Parameters
    ----------
    study : optuna.Study
    ended : callable
        Tells it for the name of a process.
    error : str, optional
        They have failed by this; if not given, they are tried again.

    Returns
    -------
    list of int
        Their numbers.
    """
    from optuna.exceptions import UpdateFinishedTrialError
    from optuna.trial import TrialState

    found = []
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        worker = trial.user_attrs.get(WORKER)
        if worker is None or not ended(worker):
            continue
        told = error
        if told is None and trial.user_attrs.get(ATTEMPT, 0) >= RETRIES:
            told = f"its process ended {RETRIES + 1} times before it was done"
        with suppress(UpdateFinishedTrialError):  # another process was quicker
            if told is not None:
                study._storage.set_trial_user_attr(trial._trial_id, ERROR, told)
            study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
            if told is None:
                retry(study, trial)
            found.append(trial.number)
    return found


def mend(study: optuna.Study) -> None:
    """End trials of other machines that are silent; put back in line what was lost on the way."""
    from optuna.storages import fail_stale_trials

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # experimental
        fail_stale_trials(study)
    trials = study.get_trials(deepcopy=False)
    again = {trial.user_attrs.get(RETRY_OF) for trial in trials}
    for trial in trials:
        lost = trial.state.name == "FAIL" and not {ERROR, SURPLUS} & set(trial.user_attrs)
        if lost and trial.params and trial.number not in again:
            retry(study, trial)


def retry(study: optuna.Study, trial: FrozenTrial) -> None:
    """Put the values of a trial that vanished back in line, unless it did so again and again."""
    attempt = int(trial.user_attrs.get(ATTEMPT, 0)) + 1
    if attempt <= RETRIES:
        told = {RETRY_OF: trial.number, ATTEMPT: attempt}
        study.enqueue_trial(dict(trial.params), user_attrs=told)
