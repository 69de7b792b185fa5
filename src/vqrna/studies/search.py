"""Search: open or join the study, have trials made, tell of each, write the results.

The live page of a search in the browser, by optuna-search.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from os import PathLike
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from vqrna.errors import DataError, UsageError
from vqrna.runtime.devices import choose_device
from vqrna.runtime.files import results_directory
from vqrna.runtime.progress import Bar, duration, progress
from vqrna.studies.optuna_storage import (
    ERROR,
    SURPLUS,
    counts,
    database_errors,
    database_url,
    end_trials,
    gone,
    lay_out_grid,
    mend,
    open_storage,
    open_study,
    optuna_module,
    state_of,
)
from vqrna.studies.search_config import Record, Search, keep_record, read_record
from vqrna.studies.search_results import TuningResult, best_trial, draw, write_results
from vqrna.studies.search_workers import Workers, local_workers, ray_workers
from vqrna.studies.trial import Order
from vqrna.training import Source

if TYPE_CHECKING:
    import optuna


HOST = "127.0.0.1"
"""Only this machine sees the page: it has no password."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *words: Any) -> None:
        """Say nothing of requests."""


@contextmanager
def reserved(port: int | None) -> Iterator[_Server | None]:
    """Take a port at once, before any work is done; nobody is answered yet.

    Parameters
    ----------
    port : int or None
        0 takes any free one; None takes none.

    Raises
    ------
    UsageError
        If optuna-dashboard is not installed.
    DataError
        If the port is busy or not allowed.
    """
    if port is None:
        yield None
        return
    optuna_module()
    try:
        import optuna_dashboard  # noqa: F401
    except ImportError:
        raise UsageError("--port needs the extra: pip install 'vqrna[tune]'") from None
    try:
        server = make_server(HOST, port, _nothing_yet, _Server, _Quiet)
    except OSError as error:
        why = "is in use" if error.errno in (98, 48) else f"cannot be used ({error.strerror})"
        raise DataError(f"port {port} {why}: give --port another one") from None
    try:
        yield server
    finally:
        server.server_close()


@contextmanager
def serving(server: Any, url: str, study: int) -> Iterator[str]:
    """Show a study in the browser while the body runs.

    Parameters
    ----------
    server : object
        From :func:`reserved`.
    url : str
        Of the database.
    study : int
        Its number in the database.

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
    return [b"the search begins soon\n"]


POLL = 0.25
_DEATHS = 3
"""So many processes may die without a trial in hand, and so many trials fail at the start."""

KEPT = "what is finished is kept: the same command goes on from there"


def tune(
    search: Search,
    source: Source,
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
    """Search for settings on validation windows; go on with what is there, or join others.

    Parameters
    ----------
    search : Search
    source : Source
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
        Where to show the live page; 0 for any free port, no page if not given.
    device : str
    threads : int, optional
        CPU threads of each process.
    say : callable
        Is given lines for the user: notes, and the address of the page.
    show_progress : bool

    Raises
    ------
    DataError
        If no trial could be completed, a file cannot be written, the database cannot be used, the
        port is busy, or the Ray cluster cannot be reached.
    UsageError
        If `out` holds another search, or the engine cannot do what is asked for.
    """
    if engine not in {"local", "ray"}:
        raise UsageError(f"unknown engine '{engine}' (known: local, ray)")
    if engine == "local":
        choose_device(device)  # what is not there is told once, not by every trial
    identity = search.identity(source.train.digest + source.valid.digest)
    with ExitStack() as stack:
        server = stack.enter_context(reserved(port))
        if storage is not None:  # what cannot be reached leaves no folder behind
            with database_errors(storage):
                open_storage(database_url(storage, Path()))
        folder = stack.enter_context(results_directory(out))
        keep_record(folder, Record(identity, search))
        url = database_url(storage, folder.resolve())
        stack.enter_context(database_errors(url))
        study = open_study(open_storage(url), search, identity)
        limit = _prepare(study, search, say)
        order = Order(
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
            say(f"live page: {stack.enter_context(serving(server, url, study._study_id))}")
        if _open(study, limit):
            jobs = search.settings.jobs
            with _workers(engine, url, address, jobs, device, limit) as pool:
                _supervise(pool, study, search, order, folder, show_progress)
        result = write_results(study, search, folder)
        draw(study, search, folder)
        if result.config is None:
            raise DataError(f"no trial was completed{_last_error(study)}", file=folder)
        return result


def serve(
    out: str | PathLike[str], port: int, storage: str | None, say: Callable[[str], object]
) -> None:
    """Show a search in the browser until Ctrl-C.

    Parameters are those of :func:`tune`.

    Raises
    ------
    DataError
        If the folder holds no search, or the port is busy.
    """
    folder = Path(out)
    record = read_record(folder)
    url = database_url(storage, folder.resolve())
    with reserved(port) as server, database_errors(url):
        study = open_study(open_storage(url, False), record.search, record.identity, False)
        with serving(server, url, study._study_id) as address:
            trials = len(study.get_trials(deepcopy=False))
            say(f"{trials} trials; live page: {address} (Ctrl-C ends)")
            with suppress(KeyboardInterrupt):
                while True:
                    time.sleep(3600)


def cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_each(search: Search, engine: str = "local") -> int | None:
    """Divide the cores among the processes; Ray gives one to each, None leaves torch its choice."""
    if engine == "ray":
        return 1
    return max(1, cores() // search.settings.jobs) if search.settings.jobs > 1 else None


def _prepare(study: optuna.Study, search: Search, say: Callable[[str], object]) -> int:
    """Put the study in order; gives how many trials are wanted."""
    limit = search.settings.trials
    if search.settings.sampler == "grid":
        limit = lay_out_grid(study, search)
    again = end_trials(study, gone)
    mend(study)
    there = [t for t in study.get_trials(deepcopy=False) if t.state.is_finished() and counts(t)]
    if there or again:
        more = f", {len(again)} interrupted ones begin again" if again else ""
        say(f"goes on: {len(there)} of {limit} trials are there{more}")
    return limit


def _open(study: optuna.Study, limit: int) -> int:
    """Count the trials that nobody has begun."""
    trials = study.get_trials(deepcopy=False)
    waiting = sum(trial.state.name == "WAITING" for trial in trials)
    return max(waiting, limit - sum(counts(trial) for trial in trials))


@contextmanager
def _workers(
    engine: str, url: str, address: str | None, jobs: int, device: str, limit: int
) -> Iterator[Workers]:
    chosen: AbstractContextManager[Any] = (
        ray_workers(url, address, jobs, device)
        if engine == "ray"
        else local_workers(min(jobs, limit))
    )
    with chosen as pool:
        yield pool


def _supervise(
    pool: Workers,
    study: optuna.Study,
    search: Search,
    order: Order,
    folder: Path,
    show_progress: bool,
) -> None:
    """Have trials made until there are enough; what dies is told and replaced."""
    seen = {t.number for t in study.get_trials(deepcopy=False) if t.state.is_finished()}
    deaths = 0
    try:
        with progress(order.limit, "searching", unit="trials", show=show_progress) as bar:
            bar.done = sum(counts(t) for t in study.get_trials(deepcopy=False) if t.number in seen)
            for _ in range(min(pool.jobs, _open(study, order.limit))):
                pool.start(order)
            while pool.running():
                time.sleep(POLL)
                for end in pool.ended():
                    if end.fault:
                        error = DataError(end.fault)
                        error.add_note(KEPT)
                        raise error
                    if end.died:
                        told = None if end.mend else f"its process died ({end.died})"
                        lost = end_trials(study, {end.worker}.__contains__, told)
                        deaths += not lost
                        if deaths >= _DEATHS:
                            raise DataError(f"processes that train die: {end.died}")
                        late = order.until is not None and time.time() >= order.until
                        if _open(study, order.limit) and not late:
                            pool.start(order)
                if _news(study, search, seen, bar):
                    write_results(study, search, folder)
    finally:
        with suppress(Exception):  # the database may be what failed
            names = pool.names()
            stop: Callable[[], object] = getattr(pool, "stop", lambda: None)
            stop()
            end_trials(study, names.__contains__)
            mend(study)
            write_results(study, search, folder)


def _news(study: optuna.Study, search: Search, seen: set[int], bar: Bar) -> bool:
    """Tell of the trials that ended since the last look; stop if nothing but failures comes."""
    fresh = [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state.is_finished() and trial.number not in seen
    ]
    for trial in fresh:
        seen.add(trial.number)
        if trial.user_attrs.get(SURPLUS):
            continue
        state = state_of(trial)
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
    ended = [state_of(t) for t in study.get_trials(deepcopy=False) if t.number in seen]
    if ended.count("failed") >= _DEATHS and not {"complete", "pruned"} & set(ended):
        raise DataError(f"the first {ended.count('failed')} trials failed{_last_error(study)}")
    return bool(fresh)


def _last_error(study: optuna.Study) -> str:
    told: Sequence[str] = [
        trial.user_attrs[ERROR]
        for trial in study.get_trials(deepcopy=False)
        if ERROR in trial.user_attrs
    ]
    return f": {told[-1]}" if told else ""
