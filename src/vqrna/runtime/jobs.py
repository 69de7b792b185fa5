"""Run many jobs, each a process of its own, on this machine or on a Ray cluster.

A job that crashes, is killed or runs out of memory ends alone. Jobs end when who started them
ends. What they have to say goes to a log.

"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqrna.errors import DataError, UsageError
from vqrna.runtime.files import output_directory, write_error

ENGINES = ("local", "ray")
"""Where jobs can run."""

_TICK = 0.05
_PATIENCE = 10.0
"""Seconds between two looks at the jobs, and for a job to end by itself when asked to."""

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True)
class Job:
    """One thing to run.

    Parameters
    ----------
    name : str
        What it is called to people.
    module : str
        Is run as ``python -m MODULE``.
    arguments : tuple of str
        Paths among them should be whole, and on a cluster such as all machines see.
    log : pathlib.Path
        What it prints is added here.
    threads : int
        Of its arithmetic.
    """

    name: str
    module: str
    arguments: tuple[str, ...]
    log: Path
    threads: int = 1


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Parameters
    ----------
    job : Job
    code : int
        Its exit code; the negative number of the signal that killed it.
    seconds : float
    reason : str
        Why it failed, one line; empty if it did not.
    """

    job: Job
    code: int
    seconds: float
    reason: str = ""

    @property
    def ok(self) -> bool:
        """Whether all went well."""
        return self.code == 0


def run_jobs(
    jobs: Iterable[Job],
    workers: int | None = 1,
    *,
    engine: str = "local",
    address: str | None = None,
    device: str = "auto",
) -> Iterator[Outcome]:
    """Run jobs side by side; gives each outcome as it is there.

    Jobs are taken from `jobs` only when there is room for them, so that it may be a generator that
    decides late. Whoever stops asking for outcomes stops the jobs that run.

    Parameters
    ----------
    jobs : iterable of Job
    workers : int, optional
        How many at a time; with Ray, what fits the cluster if not given.
    engine : {"local", "ray"}
    address : str, optional
        Of the Ray cluster (see :func:`vqrna.runtime.ray_cluster.ray_cluster`).
    device : str
        With Ray: ``auto`` gives each job a share of a GPU where there are any.

    Raises
    ------
    UsageError
        If there is no such engine or `workers` is no number from 1 on.
    DataError
        If the cluster cannot be reached.
    """
    check_pool(workers, engine, address)
    if engine == "ray":
        yield from _on_ray(iter(jobs), workers, address, device)
    else:
        yield from _here(iter(jobs), workers or 1)


def check_pool(workers: int | None, engine: str, address: str | None) -> None:
    """Refuse what :func:`run_jobs` would refuse, before any work (UsageError)."""
    if engine not in ENGINES:
        raise UsageError(f"unknown engine '{engine}' (known: {', '.join(ENGINES)})")
    if workers is not None and workers < 1:
        raise UsageError(f"--jobs is a number of processes from 1 on, not {workers}")
    if address is not None and engine != "ray":
        raise UsageError("--address goes with --engine ray")


def run_job(job: Job) -> Outcome:
    """Run one job and wait for it."""
    try:
        process = _start(job)
    except DataError as error:
        return Outcome(job, error.exit_code, 0.0, str(error))
    began = time.monotonic()
    try:
        process.wait()
        return _outcome(job, process.returncode, time.monotonic() - began)
    finally:
        _end(process)


def _here(waiting: Iterator[Job], workers: int) -> Iterator[Outcome]:
    running: dict[subprocess.Popen[bytes], tuple[Job, float]] = {}
    more = True
    try:
        while more or running:
            while more and len(running) < workers:
                job = next(waiting, None)
                if job is None:
                    more = False
                    break
                try:
                    running[_start(job)] = (job, time.monotonic())
                except DataError as error:  # a full disk, say: the next may have better luck
                    yield Outcome(job, error.exit_code, 0.0, str(error))
            ended = [process for process in running if process.poll() is not None]
            for process in ended:
                job, began = running.pop(process)
                _let_go(process)
                yield _outcome(job, process.returncode, time.monotonic() - began)
            if running and not ended:
                time.sleep(_TICK)
    finally:
        for process in running:
            process.terminate()
        for process in running:
            _end(process)


def _on_ray(
    waiting: Iterator[Job], workers: int | None, address: str | None, device: str
) -> Iterator[Outcome]:
    from vqrna.runtime.ray_cluster import ray_cluster

    with ray_cluster(address, workers, device) as cluster:
        import ray

        task = ray.remote(run_job).options(**cluster.resources, max_retries=1)
        running: dict[Any, tuple[Job, float]] = {}
        more = True
        try:
            while more or running:
                while more and len(running) < cluster.actors:
                    job = next(waiting, None)
                    if job is None:
                        more = False
                        break
                    running[task.remote(job)] = (job, time.monotonic())
                ready, _ = ray.wait(list(running), num_returns=1, timeout=1) if running else ([], 0)
                for reference in ready:
                    job, began = running.pop(reference)
                    try:
                        yield ray.get(reference)
                    except ray.exceptions.RayError as error:
                        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
                        yield Outcome(job, 1, time.monotonic() - began, f"Ray: {said}")
        finally:
            for reference in running:
                with suppress(Exception):
                    ray.cancel(reference, force=True)


def _start(job: Job) -> subprocess.Popen[bytes]:
    """Start a job in a session of its own: Ctrl-C reaches us, and we end it."""
    output_directory(job.log.parent)
    number = str(job.threads)
    environment = os.environ | dict.fromkeys(_THREADS, number) | {"PYTHONUNBUFFERED": "1"}
    # As a file, not as a module: the parent_watchdog needs nothing of this package, and it is at once there
    parent_watchdog = str(Path(__file__).with_name("parent_watchdog.py"))
    command = [sys.executable, "-P", parent_watchdog, job.module, *job.arguments]
    try:
        with job.log.open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
    except OSError as error:
        raise write_error(error, job.log) from error


def _end(process: subprocess.Popen[bytes]) -> None:
    """Make sure that a job has ended."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    _let_go(process)


def _let_go(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()


def _outcome(job: Job, code: int, seconds: float) -> Outcome:
    return Outcome(job, code, seconds, "" if code == 0 else _reason(job, code))


def _reason(job: Job, code: int) -> str:
    """Find one line that says why a job failed."""
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return f"ended by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
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
