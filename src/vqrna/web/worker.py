"""A worker process: runs jobs of one or both queues, or answers questions of waiting requests."""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from vqrna.errors import UsageError, VqrnaError
from vqrna.model import Model
from vqrna.runtime.processes import process_identity
from vqrna.web.errors import RequestError, is_disk_full
from vqrna.web.logs import configure_logs, log, short
from vqrna.web.options import JobOptions
from vqrna.web.results import compute, remove_files
from vqrna.web.settings import ServerSettings
from vqrna.web.store import LARGE, SMALL, Store, StoredJob

SMALL_ONLY, ANY, QUESTIONS = "small", "any", "questions"
"""What a worker does. Workers for any job prefer large ones, since small ones have their own."""

QUEUES = {SMALL_ONLY: (SMALL,), ANY: (LARGE, SMALL)}

REPORT_EVERY = 0.25
"""Least seconds between two reports of progress."""

_IDLE, _IDLE_QUESTIONS = 0.1, 0.02
_NICE = 10


class CancelledError(Exception):
    """The user cancelled the job."""


class LeaseLostError(Exception):
    """Another worker has the job."""


class TimedOutError(Exception):
    """The job took too long."""


class JobWorker:
    """Run jobs, one at a time."""

    def __init__(
        self, settings: ServerSettings, store: Store, model: Model, name: str, role: str
    ) -> None:
        self.settings = settings
        self.store = store
        self.model = model
        self.name = name
        self.role = role

    def step(self) -> bool:
        """Run the next job; return whether one was waiting."""
        job = self.store.claim(self.name, QUEUES[self.role])
        if job is None:
            return False
        started = time.monotonic()
        try:
            status = self._run(job)
        except sqlite3.Error as error:
            if not is_disk_full(error):
                raise
            time.sleep(REPORT_EVERY)
            status = "postponed"
            self.store.postpone(job, _DISK_FULL)
        log(
            "job",
            job=short(job.id),
            status=status,
            queue=job.queue,
            nt=job.nt,
            records=job.records,
            attempt=job.attempts,
            seconds=round(time.monotonic() - started, 3),
        )
        return True

    def _run(self, job: StoredJob) -> str:
        """Run a job; return its new status."""
        folder = self.settings.jobs / job.id
        try:
            options = JobOptions(**job.options)
            compute(
                self.model,
                folder,
                options,
                self.settings.limits,
                self._reporter(job),
                self.settings.model,
            )
        except CancelledError:
            remove_files(folder)
            return self._end(job, "cancelled")
        except LeaseLostError:
            return "lost"
        except TimedOutError:
            limit = self.settings.limits.job_seconds
            return self._end(
                job,
                "failed",
                f"stopped after {limit:g} seconds, the limit of this server: "
                "submit fewer sequences",
            )
        except (VqrnaError, OSError, MemoryError) as error:
            if is_disk_full(error):
                self.store.postpone(job, _DISK_FULL)
                return "postponed"
            if isinstance(error, VqrnaError):
                return self._end(job, "failed", str(error).replace(str(folder) + os.sep, ""))
            logging.exception("job %s", short(job.id))
            words = "out of memory" if isinstance(error, MemoryError) else "a file is missing"
            return self._end(job, "failed", f"{words}: submit the sequences again")
        except Exception:
            logging.exception("job %s", short(job.id))
            return self._end(job, "failed", "internal error: the log of the server has the details")
        return self._end(job, "done")

    def _end(self, job: StoredJob, status: str, error: str = "") -> str:
        return status if self.store.finish(job, status, error) else "lost"

    def _reporter(self, job: StoredJob) -> Callable[[int], None]:
        """Return what records progress, and stops the job if it has to."""
        done, last, started = 0, 0.0, time.monotonic()

        def report(nt: int) -> None:
            nonlocal done, last
            done += nt
            now = time.monotonic()
            if now - started > self.settings.limits.job_seconds:
                raise TimedOutError
            if now - last < REPORT_EVERY:
                return
            last = now
            state = self.store.report(job, min(0.99, done / max(1, job.nt)))
            if state == "cancel":
                raise CancelledError
            if state == "lost":
                raise LeaseLostError

        return report


_DISK_FULL = "the disk of the server is full: the job is tried again later"


class QuestionWorker:
    """Answer questions, one at a time."""

    def __init__(self, store: Store, model: Model, name: str) -> None:
        from vqrna.web.explain import Explainer

        self.store = store
        self.name = name
        self._explainer = Explainer(model)
        self._explainer.prepare()

    def step(self) -> bool:
        """Answer the next question; return whether one was waiting."""
        question = self.store.take_question(self.name)
        if question is None:
            return False
        try:
            answer: dict[str, Any] = {
                "status": 200,
                "result": self._explainer.answer(question.kind, question.content),
            }
        except RequestError as error:
            answer = {"status": error.status, "error": str(error)}
        except (UsageError, VqrnaError) as error:
            answer = {"status": 422, "error": str(error)}
        except Exception:
            logging.exception("question %s", question.kind)
            answer = {"status": 500, "error": "internal error: the log of the server has details"}
        self.store.answer(question.number, answer)
        return True


class _Stop:
    """Becomes true after SIGTERM: the current job is queued again by the server."""

    def __init__(self) -> None:
        signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        raise SystemExit(0)


def main() -> None:
    """Run until the server ends; the settings are read from standard input as JSON."""
    os.umask(0o077)
    name, role = sys.argv[1:]
    settings = ServerSettings.from_json(sys.stdin.read())
    configure_logs()
    _Stop()
    os.nice(_NICE if role != QUESTIONS else _NICE // 2)
    from vqrna.model.weights import load_model
    from vqrna.runtime.devices import one_torch_thread

    store = Store(settings.database)
    store.set_fact(f"process {name}", process_identity(os.getpid()))
    model = load_model(Path(settings.model) if settings.model else None, "cpu")
    idle = _IDLE_QUESTIONS if role == QUESTIONS else _IDLE
    worker: JobWorker | QuestionWorker
    if role == QUESTIONS:
        worker = QuestionWorker(store, model, name)
    else:
        worker = JobWorker(settings, store, model, name, role)
    log("worker", name=name, role=role)
    with one_torch_thread():
        while True:
            if not worker.step():
                time.sleep(idle)


if __name__ == "__main__":
    main()
