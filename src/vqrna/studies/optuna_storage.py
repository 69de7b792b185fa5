"""The Optuna study of a search: its storage, sampler, pruner, trial states and retries.

Interrupted trials are retried by Optuna's callback, and Optuna's heartbeats detect machines that
were lost. Heartbeats alone need two minutes, and miss a trial that was killed before its first one;
so each trial also records its process, and on the same machine an ended process is detected at
once: a killed search resumes immediately.
"""

from __future__ import annotations

import copy
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
"""User attributes of a trial: its values, the process that trains it, and why it failed."""

SURPLUS, BEST_EPOCH, EPOCHS = "surplus", "best epoch", "epochs"
"""User attributes of a trial: begun after enough others; its best epoch; its finished epochs."""


def counts(trial: FrozenTrial) -> bool:
    """Return whether a trial counts towards the requested number: not if interrupted or surplus."""
    return trial.state.name != "FAIL" or ERROR in trial.user_attrs


def trial_state(trial: FrozenTrial) -> str:
    """Return ``complete``, ``pruned``, ``running``, ``waiting``, ``failed`` or ``interrupted``."""
    if trial.state.name == "FAIL":
        return "failed" if ERROR in trial.user_attrs else "interrupted"
    return trial.state.name.lower()


def retry_of(trial: FrozenTrial) -> int | None:
    """Return the number of the trial whose values this one tries again, if any."""
    history = trial.system_attrs.get("retry_history")
    return history[-1] if history else trial.user_attrs.get("retry of")  # written before 0.1


def optuna_module() -> Any:
    """Import Optuna and silence its log (UsageError if it is not installed)."""
    try:
        import optuna
    except ImportError:
        raise UsageError("tune needs the extra: pip install 'vqrna[tune]'") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def sampler(search: Search) -> BaseSampler:
    """Return a sampler whose draws depend on the seed, the rank of a trial and earlier trials."""
    optuna = optuna_module()
    settings = search.settings

    def make(seed: int) -> BaseSampler:
        if settings.sampler == "tpe":
            return optuna.samplers.TPESampler(seed=seed, n_startup_trials=settings.startup)
        if settings.sampler == "evolution":
            return optuna.samplers.NSGAIISampler(seed=seed, population_size=settings.population)
        return optuna.samplers.RandomSampler(seed=seed)  # the points of a grid are enqueued

    class ByTrial(optuna.samplers.BaseSampler):  # type: ignore[name-defined]
        """Seeds anew for each trial, so that a resumed search repeats no draws."""

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
    """Return the pruner that the settings name."""
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
"""New attempts at a trial that is interrupted again and again."""

HEARTBEAT, GRACE = 20, 120
"""Seconds between two heartbeats of a trial, and of silence until another machine retries it."""

_ATTEMPTS = 8
"""Attempts at opening a database: several processes may create its tables at the same time."""


def database_url(storage: str | None, out: Path) -> str:
    """Return the URL of the user's database, or of a file in the folder of results."""
    if storage is None:
        return f"sqlite:///{(out / DATABASE).resolve()}"
    if "://" not in storage:
        raise UsageError(f"--storage is a URL such as postgresql://user@host/name, not '{storage}'")
    return storage


def open_storage(url: str, heartbeat: bool = True) -> Any:
    """Open the database, with heartbeats unless it is only read.

    Raises DataError if it cannot be opened.
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
    """Raise errors of the database as DataError with one line that contains no password."""
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
        reason = "the disk is full" if full else words
        raise DataError(f"cannot use the database of the search: {reason}", file=place) from error


def disk_is_full(error: BaseException | None) -> bool:
    """Return whether an error is about a full disk rather than the trial."""
    words = ("disk is full", "No space left", "cannot write:", "disk I/O error")
    while error is not None:
        if any(word in str(error) for word in words):
            return True
        error = error.__cause__ or error.__context__
    return False


def open_study(storage: Any, search: Search, identity: str, samples: bool = True) -> optuna.Study:
    """Create a study or join it; `identity` is part of its name, so that searches never mix."""
    library = optuna_module()
    for attempt in range(_ATTEMPTS):
        try:
            study: optuna.Study = library.create_study(
                storage=storage,
                study_name=f"{search.settings.name} {identity}",
                direction=search.direction,
                sampler=sampler(search) if samples else None,
                pruner=pruner(search),
                load_if_exists=True,
            )
            _set_metric_name(study, search)
            return study
        except Exception as error:  # another process may create it at the same time
            if attempt + 1 == _ATTEMPTS or "UNIQUE" not in str(error.__cause__ or error):
                raise
            time.sleep(0.1 * (attempt + 1))
    raise AssertionError


def _set_metric_name(study: optuna.Study, search: Search) -> None:
    """Name the score for the live page, which shows ``Objective 0`` otherwise."""
    words = [f"validation {search.settings.metric}"]
    if study.metric_names != words:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # experimental
            study.set_metric_names(words)


def enqueue_grid(study: optuna.Study, search: Search) -> int:
    """Enqueue the points of a grid that are not there yet; return the number of all points.

    Raises UsageError if the grid is infinite.
    """
    grid = search.space.grid(search.settings.trials)
    present = sum(counts(trial) for trial in study.get_trials(deepcopy=False))
    for point in grid[present:]:
        study.enqueue_trial(point)
    return len(grid)


def new_worker() -> str:
    """Return a unique name that ends with this process: ``MACHINE:PID:START.MARK``."""
    start = (_process_state(os.getpid()) or ("", ""))[1]
    return f"{machine()}:{os.getpid()}:{start}.{uuid.uuid4().hex[:8]}"


def _process_state(pid: int) -> tuple[str, str] | None:
    """Return the state and the start time of a process, on systems with /proc."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return fields[0], fields[19]
    return None


def machine() -> str:
    """Return a name of this machine, or of the container with its own process numbers."""
    space = ""
    with suppress(OSError):  # containers may share a host name, but not the process namespace
        space = os.readlink("/proc/self/ns/pid")  # noqa: PTH115
    return f"{socket.gethostname()}{space}".replace(":", "")


def has_ended(worker: str) -> bool:
    """Return whether the process of a worker is known to have ended; False on other machines."""
    host, _, rest = worker.partition(":")
    pid = rest.partition(":")[0]
    if host != machine() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    state = _process_state(int(pid))
    if state is None:
        return False
    start, dot, _ = rest.partition(":")[2].partition(".")
    reused = bool(dot and start) and start != state[1]  # another process got the number since
    return state[0] == "Z" or reused


def fail_ended_trials(
    study: optuna.Study, ended: Callable[[str], bool], error: str | None = None
) -> list[int]:
    """Mark running trials whose process has ended as failed, and retry them.

    Parameters
    ----------
    ended : callable
        Returns whether the process of this name has ended.
    error : str, optional
        Why they failed; if given, they are not tried again.

    Returns
    -------
    list of int
        Numbers of the trials.
    """
    from optuna.exceptions import UpdateFinishedTrialError
    from optuna.trial import TrialState

    numbers = []
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        worker = trial.user_attrs.get(WORKER)
        if worker is None or not ended(worker):
            continue
        reason = error
        if reason is None and len(trial.system_attrs.get("retry_history", ())) >= RETRIES:
            reason = f"its process ended {RETRIES + 1} times before the trial was complete"
        with suppress(UpdateFinishedTrialError):  # another process was faster
            if reason is not None:
                study._storage.set_trial_user_attr(trial._trial_id, ERROR, reason)
            study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
            if reason is None:
                retry(study, trial)
            numbers.append(trial.number)
    return numbers


def retry_interrupted(study: optuna.Study) -> None:
    """Retry trials without a heartbeat, and interrupted ones that nobody has retried yet."""
    from optuna.storages import fail_stale_trials

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # experimental
        fail_stale_trials(study)
    trials = study.get_trials(deepcopy=False)
    retried = {retry_of(trial) for trial in trials}
    for trial in trials:
        interrupted = trial_state(trial) == "interrupted" and SURPLUS not in trial.user_attrs
        if interrupted and trial.params and trial.number not in retried:
            retry(study, trial)


def retry(study: optuna.Study, trial: FrozenTrial) -> None:
    """Enqueue the values of an interrupted trial again, at most `RETRIES` times.

    User attributes are not inherited: the name of the process that ended would end the new trial.
    """
    again = copy.deepcopy(trial)
    again.user_attrs = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # experimental
        optuna_module().storages.RetryHeartbeatStaleTrialCallback(max_retry=RETRIES)(study, again)
