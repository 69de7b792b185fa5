"""Search for settings: open or join the study, run its workers, report trials, write the results.

Workers are jobs of a :class:`~vqrna.runtime.jobs.Pool` that train trials (see ``trial.py``) and
share nothing but the database. The live page in the browser is optuna-dashboard.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from os import PathLike
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from vqrna.errors import DataError, UsageError, missing_extra
from vqrna.runtime.devices import choose_device
from vqrna.runtime.files import results_directory
from vqrna.runtime.jobs import Pool, ProcessJob, ProcessOutcome, check_pool, open_pool
from vqrna.runtime.progress import Bar, duration, progress
from vqrna.runtime.run_record import write_run_record
from vqrna.studies.optuna_storage import (
    ERROR,
    SURPLUS,
    counts,
    database_errors,
    database_url,
    enqueue_grid,
    fail_ended_trials,
    fail_unclaimed_trials,
    has_ended,
    new_worker,
    open_storage,
    open_study,
    optuna_module,
    retry_interrupted,
    trial_state,
    unclaimed_trials,
)
from vqrna.studies.search_config import Search, SearchRecord, read_record, write_record
from vqrna.studies.search_results import BEST, TABLE, TuningResult, best_trial, draw, write_results
from vqrna.studies.trial import STOP, WorkerTask
from vqrna.training import WindowSource

if TYPE_CHECKING:
    import optuna

HOST = "127.0.0.1"
"""The live page is visible on this machine only: it has no password."""

POLL = 0.25
"""Seconds between two looks at workers and trials."""

LOGS = "workers"
"""Folder with the output of workers outside of trials."""

_MAX_DEATHS = 3
"""Deaths of workers without a trial, or failed trials before any success, that end the search."""

KEPT = "finished trials are kept: the same command resumes the search"


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *words: Any) -> None:
        """Log no requests."""


@contextmanager
def reserve_port(port: int | None) -> Iterator[_Server | None]:
    """Bind a port (0: any free one, None: no port) before any work; requests are not answered yet.

    Raises UsageError if optuna-dashboard is not installed. Raises DataError if the port is busy or
    not allowed.
    """
    if port is None:
        yield None
        return
    optuna_module()
    try:
        import optuna_dashboard  # noqa: F401
    except ImportError:
        raise UsageError(f"--port needs optuna-dashboard: {missing_extra('tune')}") from None
    try:
        server = make_server(HOST, port, _nothing_yet, _Server, _Quiet)
    except OSError as error:
        why = "is in use" if error.errno in (98, 48) else f"cannot be used ({error.strerror})"
        raise DataError(f"port {port} {why}: choose another --port") from None
    try:
        yield server
    finally:
        server.server_close()


@contextmanager
def serve_page(server: Any, url: str, study: int) -> Iterator[str]:
    """Serve the live page of a study while the body runs.

    Yields
    ------
    str
        The address of the page.
    """
    import optuna_dashboard

    server.set_app(optuna_dashboard.wsgi(open_storage(url, heartbeat=False)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}/dashboard/studies/{study}"
    finally:
        server.shutdown()
        thread.join()


def _nothing_yet(environ: Any, start_response: Any) -> list[bytes]:
    start_response("503 Service Unavailable", [("Content-Type", "text/plain")])
    return [b"the search starts soon\n"]


def tune(
    search: Search,
    source: WindowSource,
    data: str | PathLike[str],
    out: str | PathLike[str],
    *,
    storage: str | None = None,
    engine: str = "local",
    address: str | None = None,
    port: int | None = None,
    device: str = "auto",
    threads: int | None = None,
    say: Callable[[str], object] = lambda line: None,
    show_progress: bool = True,
) -> TuningResult:
    """Search for settings with the best score on validation windows; resume or join a search.

    Parameters
    ----------
    search : Search
    source : WindowSource
        Training and validation windows, as :func:`vqrna.training.from_benchmark` reads them from
        `data`; the processes that train read them again.
    data : path-like
        Folder in the benchmark layout.
    out : path-like
        Folder for the study, the trials, the table, the best settings and the pictures.
    storage : str, optional
        URL of a database that several machines share; ``study.db`` in `out` if not given.
    engine : {"local", "ray"}
    address : str, optional
        Of the Ray cluster.
    port : int, optional
        Of the live page; 0 for any free port, no page if not given.
    device : str
    threads : int, optional
        CPU threads of each process.
    say : callable
        Called with lines for the user: notes, and the address of the page.
    show_progress : bool

    Returns
    -------
    TuningResult
        Table of the trials, and the settings and score of the best one.

    Raises
    ------
    DataError
        If no trial could be completed, a file cannot be written, the database cannot be used, the
        port is busy, or the Ray cluster cannot be reached.
    UsageError
        If `out` holds another search, or the engine cannot run this one.
    """
    check_pool(None, engine, address)
    if engine == "local":
        choose_device(device)  # reports a missing device once instead of in every trial
    identity = search.identity(source.train.digest + source.valid.digest)
    with ExitStack() as stack:
        server = stack.enter_context(reserve_port(port))
        if storage is not None:  # creates no folder if the database cannot be reached
            with database_errors(storage):
                open_storage(database_url(storage, Path()))
        folder = stack.enter_context(results_directory(out))
        write_record(folder, SearchRecord(identity, search))
        url = database_url(storage, folder.resolve())
        stack.enter_context(database_errors(url))
        study = open_study(open_storage(url), search, identity)
        limit = _resume(study, search, say)
        task = WorkerTask(
            search,
            url,
            identity,
            str(Path(data).resolve()),
            tuple(m.symbol for m in source.train.modifications),
            str(folder.resolve()),
            limit,
            time.time() + 3600 * search.settings.hours if search.settings.hours else None,
            device,
            threads_each(search, engine) if threads is None else threads,
        )
        if server is not None:
            say(f"live page: {stack.enter_context(serve_page(server, url, study._study_id))}")
        if _open_trials(study, limit):
            jobs = search.settings.jobs if engine == "ray" else min(search.settings.jobs, limit)
            with open_pool(jobs, engine=engine, address=address, device=device) as pool:
                if pool.machines > 1 and url.startswith("sqlite"):
                    raise UsageError(
                        "a Ray cluster of several machines needs a database that all of them "
                        "reach: --storage postgresql://..."
                    )
                _supervise(pool, study, search, task, folder, show_progress)
        result = write_results(study, search, folder)
        pictures = draw(study, search, folder)
        _write_run_record(result, search, pictures)
        if result.config is None:
            raise DataError(f"no trial was completed{_last_error(study)}", file=folder)
        return result


def _write_run_record(result: TuningResult, search: Search, pictures: Sequence[Path]) -> None:
    """Write ``run.json`` beside the results of a search."""
    files = [result.folder / TABLE, *([] if result.config is None else [result.folder / BEST])]
    settings = search.settings
    write_run_record(
        result.folder,
        "tune",
        [*files, *pictures, *(path.with_suffix(".svg") for path in pictures)],
        settings={
            "metric": settings.metric,
            "sampler": settings.sampler,
            "seed": settings.seed,
            "trials": settings.trials,
        },
        results={
            "trials": {str(s): int(n) for s, n in result.table["state"].value_counts().items()},
            "best": {"trial": result.number, "value": result.value},
        },
    )


def serve(
    out: str | PathLike[str], port: int, storage: str | None, say: Callable[[str], object]
) -> None:
    """Serve the live page of a search until Ctrl-C.

    Parameters are those of :func:`tune`.

    Raises DataError if the folder contains no search, or the port is busy.
    """
    folder = Path(out)
    record = read_record(folder)
    url = database_url(storage, folder.resolve())
    with reserve_port(port) as server, database_errors(url):
        study = open_study(open_storage(url, False), record.search, record.identity, False)
        with serve_page(server, url, study._study_id) as address:
            trials = len(study.get_trials(deepcopy=False))
            say(f"{trials} trials; live page: {address} (Ctrl-C ends)")
            with suppress(KeyboardInterrupt):
                while True:
                    time.sleep(3600)


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_each(search: Search, engine: str = "local") -> int | None:
    """Return the CPU threads of a worker: one with Ray; None for a single one, torch's default."""
    if engine == "ray":
        return 1
    return max(1, cores() // search.settings.jobs) if search.settings.jobs > 1 else None


def _resume(study: optuna.Study, search: Search, say: Callable[[str], object]) -> int:
    """Enqueue what a new or interrupted study needs; return the number of trials of the search."""
    limit = search.settings.trials
    again = fail_ended_trials(study, has_ended) + fail_unclaimed_trials(study)
    retry_interrupted(study)
    if search.settings.sampler == "grid":  # now that all points are there once
        limit = enqueue_grid(study, search)
    done = [t for t in study.get_trials(deepcopy=False) if t.state.is_finished() and counts(t)]
    if done or again:
        more = f", {len(again)} interrupted trials are retried" if again else ""
        say(f"resuming: {len(done)} of {limit} trials are done{more}")
    return limit


def _open_trials(study: optuna.Study, limit: int) -> int:
    """Return the number of trials that nobody has begun."""
    trials = study.get_trials(deepcopy=False)
    waiting = sum(trial.state.name == "WAITING" for trial in trials)
    return max(waiting, limit - sum(counts(trial) for trial in trials))


def _supervise(
    pool: Pool,
    study: optuna.Study,
    search: Search,
    task: WorkerTask,
    folder: Path,
    show_progress: bool,
) -> None:
    """Run workers until there are enough trials; report and replace those that die."""
    workers: set[str] = set()
    deaths = 0

    def start() -> None:
        name = new_worker()  # of this process: its workers end with it
        log = folder / LOGS / f"{name.rpartition(':')[2]}.log"
        job = ProcessJob(name, "vqrna.studies.trial", (name,), log, task.threads, task.to_json())
        workers.add(name)
        pool.start(job)

    seen = {t.number for t in study.get_trials(deepcopy=False) if t.state.is_finished()}
    try:
        with progress(task.limit, "searching", unit="trials", show=show_progress) as bar:
            bar.done = sum(counts(t) for t in study.get_trials(deepcopy=False) if t.number in seen)
            for _ in range(min(pool.size, _open_trials(study, task.limit))):
                start()
            while pool.running or unclaimed_trials(study):
                time.sleep(POLL)
                late = task.until is not None and time.time() >= task.until
                for outcome in pool.ended():
                    if outcome.ok:
                        continue
                    deaths += not _trials_of(study, outcome)
                    if deaths >= _MAX_DEATHS:
                        raise DataError(f"workers of the search die: {outcome.reason}")
                    if _open_trials(study, task.limit) and not late:
                        start()
                if not pool.running:
                    fail_unclaimed_trials(study)
                    retry_interrupted(study)
                    if _open_trials(study, task.limit) and not late:
                        start()
                if _report_finished(study, search, seen, bar):
                    write_results(study, search, folder)
    finally:
        with suppress(Exception):  # the database may be the cause of the failure
            pool.stop()
            fail_ended_trials(study, workers.__contains__)
            fail_unclaimed_trials(study)
            retry_interrupted(study)
            write_results(study, search, folder)
        _remove_empty_logs(folder / LOGS)


def _trials_of(study: optuna.Study, outcome: ProcessOutcome) -> list[int]:
    """Fail the trial of a worker that died, or retry it if its machine was lost.

    Raises DataError if the worker ended because the whole search has to stop.
    """
    if outcome.code == STOP:
        error = DataError(outcome.reason.removeprefix("vqrna: error: "))
        error.add_note(KEPT)
        raise error
    reason = None if outcome.lost else f"its process died: {outcome.reason}"
    return fail_ended_trials(study, outcome.job.name.__eq__, reason, outcome.lost)


def _remove_empty_logs(folder: Path) -> None:
    with suppress(OSError):
        for log in folder.glob("*.log"):
            if not log.stat().st_size:
                log.unlink()
        folder.rmdir()


def _report_finished(study: optuna.Study, search: Search, seen: set[int], bar: Bar) -> bool:
    """Report the trials that ended since the last call; raise DataError if all of them fail."""
    fresh = [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state.is_finished() and trial.number not in seen
    ]
    for trial in fresh:
        seen.add(trial.number)
        if trial.user_attrs.get(SURPLUS):
            continue
        state = trial_state(trial)
        words = f"trial {trial.number}: {state}"
        if state == "complete":
            best = best_trial(study)
            words = f"trial {trial.number}: {search.settings.metric} {trial.value:.4f}"
            words += " (best so far)" if best is not None and best.number == trial.number else ""
        elif state == "failed":
            words += f": {trial.user_attrs[ERROR]}"
        if trial.duration is not None:
            words += f", {duration(trial.duration.total_seconds())}"
        if counts(trial):
            bar.advance()
        bar.say(words)
    states = [trial_state(t) for t in study.get_trials(deepcopy=False) if t.number in seen]
    failed = states.count("failed")
    if failed >= _MAX_DEATHS and not {"complete", "pruned"} & set(states):
        raise DataError(f"the first {failed} trials failed{_last_error(study)}")
    return bool(fresh)


def _last_error(study: optuna.Study) -> str:
    errors = [
        trial.user_attrs[ERROR]
        for trial in study.get_trials(deepcopy=False)
        if ERROR in trial.user_attrs
    ]
    return f": {errors[-1]}" if errors else ""
