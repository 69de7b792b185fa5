"""Run jobs side by side, each in a process of its own, on this machine or on a Ray cluster.

A job that crashes, is killed or runs out of memory does not affect the others. Jobs end when the
process that started them ends, even by SIGKILL (see ``parent_watchdog.py``). One retry policy
holds for studies and searches: a job whose machine was lost is run again once; a job that failed
is reported.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from vqrna.errors import DataError, UsageError
from vqrna.runtime.files import output_directory, write_error

ENGINES = ("local", "ray")
"""Where jobs can run."""

_TICK = 0.05
"""Seconds between two looks at the running jobs."""

_PATIENCE = 10.0
"""Seconds that a terminated job has to end before it is killed."""

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_WATCHDOG = Path(__file__).with_name("parent_watchdog.py")


@dataclass(frozen=True)
class ProcessJob:
    """A Python module to run as a program."""

    name: str  # Unique among the jobs of a pool
    module: str  # Run as ``python -m MODULE ARGUMENTS``
    arguments: tuple[str, ...]  # Paths must be absolute, and on a cluster visible to all machines
    log: Path  # Standard output and standard error are appended here
    threads: int | None = 1  # CPU threads of numerical libraries; None keeps their default
    input: str = ""  # What the program reads from standard input


@dataclass(frozen=True)
class ProcessOutcome:
    """The result of a job."""

    job: ProcessJob
    code: int  # Exit code, or the negative number of the signal that killed the job
    seconds: float
    reason: str = ""  # Why it failed, in one line; empty on success
    lost: bool = False  # True if the machine was lost, so that another attempt may succeed

    @property
    def ok(self) -> bool:
        """Whether the job succeeded."""
        return self.code == 0


class Pool(Protocol):
    """Running jobs, at most `size` at a time."""

    size: int
    machines: int

    @property
    def running(self) -> int:
        """Number of jobs that run."""

    def start(self, job: ProcessJob) -> None:
        """Start a job; raise DataError if its log cannot be written."""

    def ended(self) -> list[ProcessOutcome]:
        """Return the outcomes since the last call, without waiting."""

    def stop(self) -> None:
        """End all running jobs."""


def run_jobs(
    jobs: Iterable[ProcessJob],
    workers: int | None = 1,
    *,
    engine: str = "local",
    address: str | None = None,
    device: str = "auto",
) -> Iterator[ProcessOutcome]:
    """Run jobs side by side and yield each outcome when it is available.

    A job is taken from `jobs` only when a process is free, so `jobs` may be a generator that
    decides late. Closing the iterator ends the running jobs.

    Raises UsageError if the engine is unknown or `workers` is below 1. Raises DataError if the
    cluster cannot be reached.

    Parameters
    ----------
    workers, engine, address, device
        See :func:`open_pool`.
    """
    waiting, again, more = iter(jobs), set[str](), True
    with open_pool(workers, engine=engine, address=address, device=device) as pool:
        while more or pool.running:
            while more and pool.running < pool.size:
                job = next(waiting, None)
                if job is None:
                    more = False
                    break
                if failure := _start_in(pool, job):
                    yield failure
            outcomes = pool.ended()
            for outcome in outcomes:
                if outcome.lost and outcome.job.name not in again:
                    again.add(outcome.job.name)
                    if failure := _start_in(pool, outcome.job):
                        yield failure
                else:
                    yield outcome
            if pool.running and not outcomes:
                time.sleep(_TICK)


def _start_in(pool: Pool, job: ProcessJob) -> ProcessOutcome | None:
    """Start a job; return the outcome of one that cannot start."""
    try:
        pool.start(job)
    except DataError as error:  # for example a full disk: the next job may succeed
        return ProcessOutcome(job, error.exit_code, 0.0, str(error))
    return None


@contextmanager
def open_pool(
    workers: int | None = 1,
    *,
    engine: str = "local",
    address: str | None = None,
    device: str = "auto",
) -> Iterator[Pool]:
    """Open a pool; jobs that still run when the body ends are stopped.

    Raises UsageError, DataError: see :func:`run_jobs`.

    Parameters
    ----------
    workers : int, optional
        Jobs at a time; None fills the Ray cluster, and is 1 without Ray.
    engine : {"local", "ray"}
    address : str, optional
        Of the Ray cluster (see :func:`vqrna.runtime.ray_cluster.ray_cluster`).
    device : str
        With Ray: ``auto`` assigns each job a share of a GPU if the cluster has any.
    """
    check_pool(workers, engine, address)
    if engine == "local":
        yield from _until_closed(_LocalPool(workers or 1))
        return
    from vqrna.runtime.ray_cluster import ray_cluster

    with ray_cluster(address, workers, device) as cluster:
        yield from _until_closed(_RayPool(cluster.actors, cluster.nodes, cluster.resources))


def _until_closed(pool: Pool) -> Iterator[Pool]:
    try:
        yield pool
    finally:
        pool.stop()


def check_pool(workers: int | None, engine: str, address: str | None) -> None:
    """Check the arguments of :func:`open_pool` before any work (UsageError)."""
    if engine not in ENGINES:
        raise UsageError(f"unknown engine '{engine}' (known: {', '.join(ENGINES)})")
    if workers is not None and workers < 1:
        raise UsageError(f"invalid number of processes {workers} for --jobs (expected 1 or more)")
    if address is not None and engine != "ray":
        raise UsageError("--address needs --engine ray")


def run_job(job: ProcessJob) -> ProcessOutcome:
    """Run one job and wait for it."""
    try:
        process = _start(job)
    except DataError as error:
        return ProcessOutcome(job, error.exit_code, 0.0, str(error))
    began = time.monotonic()
    try:
        process.wait()
        return _outcome(job, process.returncode, time.monotonic() - began)
    finally:
        _end(process)


class _LocalPool:
    """Child processes of this one."""

    machines = 1

    def __init__(self, size: int) -> None:
        self.size = size
        self._processes: dict[subprocess.Popen[bytes], tuple[ProcessJob, float]] = {}

    @property
    def running(self) -> int:
        return len(self._processes)

    def start(self, job: ProcessJob) -> None:
        self._processes[_start(job)] = job, time.monotonic()

    def ended(self) -> list[ProcessOutcome]:
        outcomes = []
        for process in [p for p in self._processes if p.poll() is not None]:
            job, began = self._processes.pop(process)
            _close(process)
            outcomes.append(_outcome(job, process.returncode, time.monotonic() - began))
        return outcomes

    def stop(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            _end(process)
        self._processes.clear()


class _RayPool:
    """Tasks of a Ray cluster, each of which waits for a child process."""

    def __init__(self, size: int, machines: int, resources: dict[str, float]) -> None:
        self.size, self.machines, self._resources = size, machines, resources
        self._tasks: dict[Any, tuple[ProcessJob, float]] = {}

    @property
    def running(self) -> int:
        return len(self._tasks)

    def start(self, job: ProcessJob) -> None:
        import ray

        task = ray.remote(run_job).options(**self._resources, max_retries=0)
        self._tasks[task.remote(job)] = job, time.monotonic()

    def ended(self) -> list[ProcessOutcome]:
        import ray

        if not self._tasks:
            return []
        outcomes = []
        ready, _ = ray.wait(list(self._tasks), num_returns=len(self._tasks), timeout=0)
        for reference in ready:
            job, began = self._tasks.pop(reference)
            try:
                outcomes.append(ray.get(reference))
            except ray.exceptions.RayError as error:
                words = (str(error).strip().splitlines() or [type(error).__name__])[0]
                lost = not isinstance(error, ray.exceptions.RayTaskError)
                seconds = time.monotonic() - began
                outcomes.append(ProcessOutcome(job, 1, seconds, f"Ray: {words}", lost))
        return outcomes

    def stop(self) -> None:
        import ray

        for reference in self._tasks:
            with suppress(Exception):
                ray.cancel(reference, force=True)
        self._tasks.clear()


def _start(job: ProcessJob) -> subprocess.Popen[bytes]:
    """Start a job in its own session: Ctrl-C reaches only this process, which ends the job."""
    output_directory(job.log.parent)
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    if job.threads is not None:
        environment |= dict.fromkeys(_THREADS, str(job.threads))
    # By its path, not as a module: importing this package first would take a second
    command = [sys.executable, "-P", str(_WATCHDOG), job.module, *job.arguments]
    try:
        log = job.log.open("ab")
    except OSError as error:
        raise write_error(error, job.log) from error
    with log:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            reason = error.strerror or error
            raise DataError(f"cannot start a process: {reason}", file=sys.executable) from error
    assert process.stdin is not None
    with suppress(BrokenPipeError):
        process.stdin.write(json.dumps(job.input).encode() + b"\n")
        process.stdin.flush()
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    _close(process)


def _close(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()


def _outcome(job: ProcessJob, code: int, seconds: float) -> ProcessOutcome:
    return ProcessOutcome(job, code, seconds, "" if code == 0 else _reason(job, code))


def _reason(job: ProcessJob, code: int) -> str:
    """Explain a failure in one line."""
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return f"killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
    if _full(job.log.parent):
        return "the disk is full"
    try:
        last = job.log.read_bytes()[-2000:].decode("utf-8", "replace").strip().splitlines()
    except OSError:
        last = []
    return last[-1].strip() if last else f"ended with exit code {code}"


def _full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < 1 << 20
    except OSError:
        return False
