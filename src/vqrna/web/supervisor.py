"""Keep the workers of a server running, and clean up after jobs."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable

from vqrna.errors import DataError
from vqrna.runtime.jobs import Pool, ProcessJob, open_pool
from vqrna.runtime.processes import process_identity
from vqrna.web.logs import log, short
from vqrna.web.results import remove_files
from vqrna.web.settings import ServerSettings
from vqrna.web.store import Store
from vqrna.web.worker import ANY, QUESTIONS, SMALL_ONLY

_TICK = 0.2
_SWEEP_EVERY = 30.0
_BACKOFF = (0.0, 1.0, 5.0, 15.0, 60.0)
_QUICK = 10.0
"""A worker that ends sooner than this is started again with a delay."""

_GRACE = 60.0
"""Seconds beyond the limit of a job before its worker is killed."""

QUESTION_PROCESS = "questions"
"""Name of the process that explains sites and evaluates variants; the others run jobs."""

_ORPHAN = 3600.0
_QUESTION_AGE = 300.0
_QUESTION_ATTEMPTS = 2


class Supervisor:
    """Start workers, restart those that end, and queue their jobs again.

    Parameters
    ----------
    on_restart : callable
        Called for each worker that ended.
    """

    def __init__(
        self, settings: ServerSettings, store: Store, on_restart: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._store = store
        self._on_restart = on_restart
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self._started: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._waiting: dict[str, float] = {}
        self.running: frozenset[str] = frozenset()  # Names of the processes

    def start(self) -> None:
        """Queue the jobs of an earlier server again, and start the workers."""
        count = self._store.requeue(self._settings.limits.attempts + 1)
        self._store.release_questions(_QUESTION_ATTEMPTS)
        if count:
            log("requeued", jobs=count)
        self._thread.start()

    def stop(self) -> None:
        """End the workers; their jobs stay in the queue."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._store.requeue(self._settings.limits.attempts + 1)

    def _roles(self) -> dict[str, str]:
        others = {f"worker-{n}": ANY for n in range(2, self._settings.workers + 1)}
        return {"worker-1": SMALL_ONLY, **others, QUESTION_PROCESS: QUESTIONS}

    def _run(self) -> None:
        roles = self._roles()
        self._waiting = dict.fromkeys(roles, 0.0)
        next_sweep = 0.0
        with open_pool(len(roles)) as pool:
            while not self._stop.wait(_TICK):
                try:
                    self._restart(pool, roles)
                    if time.monotonic() >= next_sweep:
                        next_sweep = time.monotonic() + _SWEEP_EVERY
                        self._kill_overdue()
                        sweep(self._settings, self._store)
                except (sqlite3.Error, OSError):  # a full disk must not end the supervisor
                    logging.exception("supervisor")
        self._store.close()

    def _restart(self, pool: Pool, roles: dict[str, str]) -> None:
        now = time.monotonic()
        for outcome in pool.ended():
            name = outcome.job.name
            self._wait(name, now, failed=outcome.seconds < _QUICK)
            log("worker ended", logging.WARNING, name=name, code=outcome.code)
            self._on_restart()
            with contextlib.suppress(sqlite3.Error):  # a full disk: again before its next start
                self._release(name, roles[name])
        for name, when in list(self._waiting.items()):
            if now >= when:
                try:
                    self._release(name, roles[name])
                    pool.start(self._program(name, roles[name]))
                except (DataError, sqlite3.Error) as error:  # a full disk, or too many processes
                    self._wait(name, now, failed=True)
                    log("worker not started", logging.ERROR, name=name, error=str(error))
                else:
                    del self._waiting[name]
        self.running = frozenset(roles.keys() - self._waiting.keys())

    def _release(self, name: str, role: str) -> None:
        """Queue again what a worker left that does not run."""
        if role == QUESTIONS:
            self._store.release_questions(_QUESTION_ATTEMPTS)
        else:
            self._store.requeue(self._settings.limits.attempts, name)

    def _wait(self, name: str, now: float, *, failed: bool) -> None:
        """Set the time of a worker's next start, later after each failure in a row."""
        self._failures[name] = self._failures.get(name, 0) + 1 if failed else 0
        self._waiting[name] = now + _BACKOFF[min(self._failures[name], len(_BACKOFF) - 1)]

    def _program(self, name: str, role: str) -> ProcessJob:
        return ProcessJob(
            name,
            "vqrna.web.worker",
            (name, role),
            self._settings.logs / f"{name}.log",
            input=self._settings.to_json(),
        )

    def _kill_overdue(self) -> None:
        """Kill workers whose job does not stop by itself."""
        for job in self._store.overdue(self._settings.limits.job_seconds + _GRACE):
            name = job.lease.partition("/")[0]
            process = self._store.fact(f"process {name}")
            log("overdue", logging.WARNING, job=short(job.id), worker=name)
            self._store.finish(job, "failed", "stopped: it took longer than this server allows")
            if process is not None:
                pid = int(process.partition(" ")[0])
                if process_identity(pid) == process:  # the worker may have ended long ago
                    with contextlib.suppress(OSError):
                        os.kill(pid, signal.SIGKILL)


def sweep(settings: ServerSettings, store: Store) -> None:
    """Delete the files of old and cancelled jobs, and what interrupted submissions left."""
    days = settings.limits.days
    for id in store.old(days):
        if store.expire(id, f"deleted after {days:g} days"):
            remove_files(settings.jobs / id)
            log("expired", job=short(id))
    store.forget(2 * days)
    store.drop_old_questions(_QUESTION_AGE)
    kept = store.ids()
    for folder in settings.jobs.iterdir():
        if folder.name not in kept and time.time() - folder.stat().st_mtime > _ORPHAN:
            remove_files(folder)
