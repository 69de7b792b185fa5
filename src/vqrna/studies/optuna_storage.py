"""The Optuna study of a search: its storage, sampler, pruner, trial states and retries.

Interrupted trials are tried again with the same values. Optuna's heartbeats detect machines that
were lost, after two minutes; so each trial also records its process, and on the same machine an
ended process is detected at once: a killed search resumes immediately. A process may be killed
between the start of a trial and its first record or heartbeat: such a trial is ended when all
processes that could have started it have, and others give it a first heartbeat.
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

from vqrna.errors import DataError, UsageError, VqrnaError, missing_extra
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

LOSSES = "vqrna:losses"
"""System attribute of a trial: how often its machine was lost while the search went on."""

_REGISTERED = "worker "
"""Prefix of user attributes of a study that name the processes that train its trials."""


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
    # Searches of development versions before 1.0 have the user attribute
    return history[-1] if history else trial.user_attrs.get("retry of")


def optuna_module() -> Any:
    """Import Optuna and silence its log (UsageError if it is not installed)."""
    try:
        import optuna
    except ImportError:
        raise UsageError(f"tune needs Optuna: {missing_extra('tune')}") from None
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
"""New attempts at a trial whose machine is lost again and again while the search goes on.

Interruptions of the whole search do not count: they say nothing about the trial.
"""

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


def register_worker(study: optuna.Study, worker: str) -> None:
    """Record a process before it begins its first trial."""
    study.set_user_attr(f"{_REGISTERED}{worker}", True)


def fail_ended_trials(
    study: optuna.Study, ended: Callable[[str], bool], error: str | None = None, lost: bool = False
) -> list[int]:
    """Mark running trials whose process has ended as failed, and retry them.

    Parameters
    ----------
    ended : callable
        Returns whether the process of this name has ended.
    error : str, optional
        Why they failed; if given, they are not tried again.
    lost : bool
        Whether their machine was lost while the search went on: after `RETRIES` new attempts they
        have failed. Without it the search itself was interrupted, which does not count.

    Returns
    -------
    list of int
        Numbers of the trials.
    """
    from optuna.exceptions import UpdateFinishedTrialError

    numbers = []
    for trial in _running(study):
        worker = trial.user_attrs.get(WORKER)
        if worker is None or not ended(worker):
            continue
        reason = error
        if lost and trial.system_attrs.get(LOSSES, 0) >= RETRIES:
            reason = f"its machine was lost {RETRIES + 1} times before the trial was complete"
        with suppress(UpdateFinishedTrialError):  # another process was faster
            if reason is not None:
                study._storage.set_trial_user_attr(trial._trial_id, ERROR, reason)
            _fail(study, trial)
            if reason is None:
                retry(study, trial, lost)
            numbers.append(trial.number)
    return numbers


def unclaimed_trials(study: optuna.Study) -> list[FrozenTrial]:
    """Return running trials that name no process: begun just now, or by one that was killed."""
    return [trial for trial in _running(study) if WORKER not in trial.user_attrs]


def fail_unclaimed_trials(study: optuna.Study) -> list[int]:
    """End the trials of :func:`unclaimed_trials` if no process that could have begun them is alive.

    Returns
    -------
    list of int
        Numbers of the trials.
    """
    from optuna.exceptions import UpdateFinishedTrialError

    trials = unclaimed_trials(study)
    if not trials:
        return []
    names = [name for name in study.user_attrs if name.startswith(_REGISTERED)]
    if not all(has_ended(name.removeprefix(_REGISTERED)) for name in names):
        return []
    numbers = []
    for trial in trials:
        with suppress(UpdateFinishedTrialError):
            _fail(study, trial)
            numbers.append(trial.number)
    return numbers


def _running(study: optuna.Study) -> list[FrozenTrial]:
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))


def _fail(study: optuna.Study, trial: FrozenTrial) -> None:
    from optuna.trial import TrialState

    study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)


def retry_interrupted(study: optuna.Study) -> None:
    """Retry trials without a heartbeat, and interrupted ones that nobody has retried yet."""
    from optuna.storages import fail_stale_trials

    _give_first_heartbeats(study)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # experimental
        fail_stale_trials(study)
    trials = study.get_trials(deepcopy=False)
    retried = {retry_of(trial) for trial in trials}
    for trial in trials:
        interrupted = trial_state(trial) == "interrupted" and SURPLUS not in trial.user_attrs
        if interrupted and trial.number not in retried:
            retry(study, trial)


def _give_first_heartbeats(study: optuna.Study) -> None:
    """Record a heartbeat for running trials without one: Optuna ends only trials that had one."""
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    storage = study._storage
    backend: Any = getattr(storage, "_backend", storage)
    if not getattr(backend, "heartbeat_interval", None):
        return
    for trial in _running(study):
        query = text("SELECT 1 FROM trial_heartbeats WHERE trial_id = :trial")
        with backend.engine.connect() as connection:
            beats = connection.execute(query, {"trial": trial._trial_id}).first()
        if beats is None:
            with suppress(SQLAlchemyError):  # its own process was faster
                backend.record_heartbeat(trial._trial_id)


def retry(study: optuna.Study, trial: FrozenTrial, lost: bool = False) -> None:
    """Enqueue the values of an interrupted trial again.

    A trial that was interrupted before all its values were drawn has none to try again, unless they
    were given: the next one of the same rank draws the same. User attributes are not inherited: the
    name of the process that ended would end the new trial.

    Parameters
    ----------
    lost : bool
        See :func:`fail_ended_trials`.
    """
    given = trial.system_attrs.get("fixed_params")
    drawn = CHOSEN in trial.user_attrs or retry_of(trial) is not None
    if not drawn and given is None:
        return
    history = [*trial.system_attrs.get("retry_history", ()), trial.number]
    losses = trial.system_attrs.get(LOSSES, 0) + lost
    study.add_trial(
        optuna_module().create_trial(
            state=optuna_module().trial.TrialState.WAITING,
            params=trial.params if drawn else {},
            distributions=trial.distributions if drawn else {},
            system_attrs=trial.system_attrs
            | {"failed_trial": history[0], "retry_history": history, LOSSES: losses},
        )
    )
