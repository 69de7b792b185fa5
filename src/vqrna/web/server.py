"""One running server: its jobs, limits, workers and model, without HTTP."""

from __future__ import annotations

import fcntl
import hashlib
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from vqrna.errors import DataError
from vqrna.model import Model, TrainedModel
from vqrna.model.model_card import ModelCard, describe
from vqrna.nn.model import site_networks
from vqrna.web.atlas import CodeAtlas
from vqrna.web.errors import RequestError, is_disk_full
from vqrna.web.inputs import Checked, InputFile, check_input
from vqrna.web.limits import RateLimiter, Streams, admit
from vqrna.web.logs import log, short
from vqrna.web.metrics import Metrics
from vqrna.web.options import INPUT, JobOptions
from vqrna.web.results import VIEW, JobResult, remove_files
from vqrna.web.settings import ServerSettings
from vqrna.web.store import LARGE, SMALL, Store, StoredJob, new_id
from vqrna.web.supervisor import QUESTION_PROCESS, Supervisor
from vqrna.web.tracks import INDEX

MOST_QUESTIONS = 60
"""Explanations and variants that wait at a time."""

Fill = Callable[[InputFile], None]

_ID = re.compile(r"[A-Za-z0-9_-]{32}")
_KEY = re.compile(r"[A-Za-z0-9_.-]{8,80}")
_DELETED = "deleted by its owner"
_POLL = (0.02, 0.2)


class Server:
    """State that all requests share.

    Parameters
    ----------
    settings : ServerSettings
    model : Model
        Only its description is kept; the workers load their own.

    Raises
    ------
    DataError
        If the folder cannot be used, or another server uses it.
    """

    def __init__(self, settings: ServerSettings, model: Model) -> None:
        self.settings = settings
        with ExitStack() as resources:  # released if a later line fails
            resources.enter_context(_locked_folder(settings))
            self.store = Store(settings.database)
            resources.callback(self.store.close)
            self._set_up(model)
            self._resources = resources.pop_all()

    def _set_up(self, model: Model) -> None:
        settings = self.settings
        self.limiter = RateLimiter(settings.limits.requests_per_minute)
        self.submissions = RateLimiter(settings.limits.submissions_per_minute)
        self.streams = Streams(settings.limits)
        self.metrics = Metrics()
        self.metrics.observe(self)
        self.modifications = model.modifications
        self.card: ModelCard = describe(model)
        self.model_hash = model.hash
        self.length = model.length
        self.networks = ensemble_size(model)
        self.tiers = model.tiers
        self.atlas = CodeAtlas.shipped(model.hash)
        self.started = time.time()
        self._supervisor = Supervisor(settings, self.store, self.metrics.restarts.inc)

    def start(self) -> None:
        """Start the workers."""
        self._supervisor.start()

    def stop(self) -> None:
        """End the workers and release the folder."""
        self._supervisor.stop()
        self._resources.close()

    def workers(self) -> int:
        """Return the number of running processes for jobs."""
        return len(self._supervisor.running - {QUESTION_PROCESS})

    def answers_questions(self) -> bool:
        """Return whether the process for explanations and variants runs."""
        return QUESTION_PROCESS in self._supervisor.running

    def waiting(self) -> int:
        """Return the number of requests that wait for an explanation."""
        return self.store.waiting_questions()

    # Jobs

    def submit(
        self, fill: Fill, options: JobOptions, address: str, key: str | None = None
    ) -> StoredJob:
        """Check an input and add a job.

        Parameters
        ----------
        fill : callable
            Writes the input to the file that it is given.
        key : str, optional
            The same key returns the same job if input and options are the same, too: two users
            who choose the same key do not get each other's job.

        Raises
        ------
        RequestError
            If the input, the options, or the number of jobs is not acceptable.
        """
        if key is not None and not _KEY.fullmatch(key):
            raise RequestError(
                400, "invalid Idempotency-Key (expected 8 to 80 letters, digits or ._-)"
            )
        resolved = options.resolved(self.modifications)
        self.submissions.check(address)
        admit(self.store, self.settings, address)
        id = new_id()
        folder = self.settings.jobs / id
        try:
            folder.mkdir(mode=0o700)
            checked, digest = self._receive(folder / INPUT, fill)
            small = checked.nt <= self.settings.limits.small_nt
            job = self.store.submit(
                id,
                resolved.model_dump(),
                records=len(checked.records),
                nt=checked.nt,
                queue=SMALL if small else LARGE,
                address=address,
                key=None if key is None else _scoped(key, resolved, digest),
            )
        except BaseException as error:
            remove_files(folder)
            if is_disk_full(error):
                raise RequestError(
                    507, "the disk of this server is full: try again later", retry_after=600
                ) from None
            raise
        if job.id != id:
            remove_files(folder)
            return job
        self.metrics.submitted.labels(job.queue).inc()
        log("submitted", job=short(id), queue=job.queue, nt=job.nt, records=job.records)
        return job

    def check(self, fill: Fill) -> Checked:
        """Check an input without a job; raises RequestError."""
        folder = self.settings.data / "checks"
        path = folder / new_id()
        try:
            return self._receive(path, fill)[0]
        finally:
            with suppress(OSError):
                path.unlink()

    def _receive(self, path: Path, fill: Fill) -> tuple[Checked, str]:
        """Write and check an input; return its SHA-256, too."""
        file = InputFile(path, self.settings.limits)
        try:
            fill(file)
        except BaseException:
            file.abort()
            raise
        file.close()
        checked = check_input(path, self.settings.limits, added_header=file.added_header)
        return checked, file.digest

    def job(self, id: str) -> StoredJob:
        """Return a job; raises RequestError (404)."""
        job = self.store.get(id) if _ID.fullmatch(id) else None
        if job is None:
            raise RequestError(
                404, "no such job: the link is wrong, or the job was deleted long ago"
            )
        return job

    def status(self, job: StoredJob) -> dict[str, Any]:
        """Return what the API reports of a job."""
        ends = None if job.ended is None else job.ended + self.settings.limits.days * 86400
        return {
            "id": job.id,
            "status": job.status,
            "progress": round(job.progress, 4),
            "queue_position": self.store.position(job),
            "error": job.error or None,
            "queue": job.queue,
            "records": job.records,
            "nt": job.nt,
            "created": job.created,
            "ended": job.ended,
            "expires": ends,
            "url": f"{self.settings.root_path}/jobs/{job.id}",
        }

    def result(self, job: StoredJob) -> JobResult:
        """Return the result of a job; raises RequestError (409, 410) if it has none."""
        if job.status == "expired":
            raise RequestError(410, f"the job was {job.error or 'deleted'}")
        if job.status != "done":
            raise RequestError(409, f"the job is {job.status}: it has no results")
        folder = self.settings.jobs / job.id
        try:
            changed = (folder / VIEW / INDEX).stat().st_mtime_ns
            return _read_result(folder, changed, self.modifications)
        except (FileNotFoundError, KeyError):
            raise RequestError(
                410, "the results are not available any more: submit the sequences again"
            ) from None

    def delete(self, job: StoredJob) -> StoredJob:
        """Cancel a job that waits or runs; delete the files of one that ended."""
        if job.is_active:
            status = self.store.cancel(job.id)
            if status == "cancelled":
                remove_files(self.settings.jobs / job.id)
        elif self.store.expire(job.id, _DELETED):
            remove_files(self.settings.jobs / job.id)
        log("deleted", job=short(job.id))
        return self.job(job.id)

    # Questions

    async def ask(self, kind: str, content: dict[str, Any], address: str) -> dict[str, Any]:
        """Return the answer of a worker.

        Raises RequestError: 503 if too many requests wait, 504 if the answer takes too long, or
        the error of the worker.
        """
        run = anyio.to_thread.run_sync
        self.submissions.check(address)
        if await run(self.store.waiting_questions) >= MOST_QUESTIONS:
            raise RequestError(503, "the server is busy: try again in a few seconds", retry_after=5)
        number = await run(self.store.ask, kind, content)
        end = time.monotonic() + self.settings.limits.request_seconds / 2
        pause = _POLL[0]
        answer = None
        try:
            while answer is None:
                if time.monotonic() > end:
                    raise RequestError(504, "the answer takes too long: try again later")
                await anyio.sleep(pause)
                pause = min(_POLL[1], pause * 1.2)
                answer = await run(self.store.collect, number)
        finally:
            if answer is None:
                self.store.drop_question(number)
        if answer["status"] != 200:
            raise RequestError(answer["status"], answer["error"])
        return dict(answer["result"])


def ensemble_size(model: Model) -> int:
    """Return the number of networks that predict a modification together; 1 without an ensemble."""
    parts = (model,) if isinstance(model, TrainedModel) else model.models
    return max(max(1, len(site_networks(part.network))) for part in parts)


def _scoped(key: str, options: JobOptions, digest: str) -> str:
    """Return what is stored for a key of a client."""
    text = "\n".join((key, options.model_dump_json(), digest))
    return hashlib.sha256(text.encode()).hexdigest()


@lru_cache(maxsize=16)
def _read_result(folder: Path, changed: int, known: Any) -> JobResult:
    return JobResult(folder, known)


@contextmanager
def _locked_folder(settings: ServerSettings) -> Iterator[None]:
    """Create the folders, readable by their owner only, and lock them for this server."""
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings.data.chmod(0o700)
        lock = (settings.data / "lock").open("wb")
    except OSError as error:
        raise _unusable(settings, error) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DataError(
                "another vqrna server uses this folder: stop it, or choose another --data",
                file=settings.data,
            ) from None
        try:
            _prepare(settings)
        except OSError as error:
            raise _unusable(settings, error) from error
        yield


def _prepare(settings: ServerSettings) -> None:
    """Create the folders in a locked folder; remove the checks of a server that was killed."""
    checks = settings.data / "checks"
    for folder in (settings.jobs, settings.logs, checks):
        folder.mkdir(mode=0o700, exist_ok=True)
    for left in checks.iterdir():
        left.unlink()


def _unusable(settings: ServerSettings, error: OSError) -> DataError:
    if isinstance(error, FileExistsError):  # the folder, or one inside it
        return DataError("is a file, but jobs need a folder", file=error.filename)
    return DataError(f"cannot keep jobs here: {error.strerror}", file=settings.data)
