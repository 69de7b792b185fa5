"""The processes that make trials: on this machine, or on a Ray cluster."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO, Any, Protocol

from vqrna.errors import UsageError
from vqrna.studies.optuna_storage import machine, new_worker
from vqrna.studies.trial import DONE, Order, work

_PATIENCE = 10.0
"""Seconds that a process has to end when it is asked to."""


@dataclass(frozen=True)
class Ended:
    """How a worker ended.

    Parameters
    ----------
    worker : str
        Its name.
    fault : str
        Why the search has to stop; empty if all is well, or if it died.
    died : str
        How it died, such as ``signal 9``; empty if it did not.
    mend : bool
        Whether its trial is to be tried again: its machine was lost, not the trial's fault.
    """

    worker: str
    fault: str = ""
    died: str = ""
    mend: bool = False


class Workers(Protocol):
    """Some processes that make trials."""

    jobs: int

    def start(self, order: Order) -> None:
        """Start one more."""

    def ended(self) -> list[Ended]:
        """Tell which have ended since the last call."""

    def running(self) -> int:
        """Count those that work."""

    def names(self) -> set[str]:
        """Name all that were ever started."""


@dataclass
class LocalWorkers:
    """Processes of this machine; they end with this one, however it ends."""

    jobs: int
    processes: dict[str, tuple[subprocess.Popen[str], IO[str]]] = field(default_factory=dict)
    started: set[str] = field(default_factory=set)

    def start(self, order: Order) -> None:
        """Start a process and give it its order."""
        error = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        process = subprocess.Popen(
            [sys.executable, "-c", "from vqrna.studies.trial import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=error,
            text=True,
            start_new_session=True,  # Ctrl-C is for us; we tell them
        )
        mark = new_worker().rpartition(":")[2]
        name = f"{machine()}:{process.pid}:{mark}"
        self.processes[name] = process, error
        self.started.add(name)
        assert process.stdin is not None
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps({"order": order.to_json(), "worker": name}) + "\n")
            process.stdin.flush()

    def ended(self) -> list[Ended]:
        """Tell which have ended, and how."""
        found = []
        for name, (process, error) in list(self.processes.items()):
            code = process.poll()
            if code is None:
                continue
            del self.processes[name]
            found.append(_how(name, process, code, error))
            _close(process, error)
        return found

    def running(self) -> int:
        """Count the processes."""
        return len(self.processes)

    def names(self) -> set[str]:
        """Name all that were started."""
        return self.started

    def stop(self) -> None:
        """End all; what they were at is on disk."""
        for process, _ in self.processes.values():
            with suppress(OSError):
                process.kill()
        for process, error in self.processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE)
            _close(process, error)
        self.processes.clear()


def _how(name: str, process: subprocess.Popen[str], code: int, error: IO[str]) -> Ended:
    assert process.stdout is not None
    said = process.stdout.read().strip().splitlines()
    if code == 0 and said:
        answer = json.loads(said[-1])
        return Ended(name) if answer == DONE else Ended(name, fault=answer)
    error.seek(0)
    words = [line for line in error.read().splitlines() if line.strip()][-1:]
    how = f"exit code {code}"
    if code < 0:
        how = f"signal {-code}"
        with suppress(ValueError):
            how = f"signal {signal.Signals(-code).name}"
        return Ended(name, died=how)
    return Ended(name, died=": ".join([how, *words]))


def _close(process: subprocess.Popen[str], error: IO[str]) -> None:
    for stream in (process.stdin, process.stdout, error):
        if stream is not None:
            with suppress(OSError):
                stream.close()


@contextmanager
def local_workers(jobs: int) -> Iterator[LocalWorkers]:
    """Have processes of this machine while the body runs."""
    workers = LocalWorkers(jobs)
    try:
        yield workers
    finally:
        workers.stop()


@dataclass
class RayWorkers:
    """Tasks on a Ray cluster, each of which makes trials until there are enough."""

    jobs: int
    resources: dict[str, float]
    tasks: dict[Any, str] = field(default_factory=dict)
    started: set[str] = field(default_factory=set)

    def start(self, order: Order) -> None:
        """Hand a task to the cluster."""
        import ray

        name = new_worker()  # of this process: its tasks end when it ends
        task = ray.remote(_on_ray).options(max_retries=0, **self.resources)
        self.tasks[task.remote(order.to_json(), name)] = name
        self.started.add(name)

    def ended(self) -> list[Ended]:
        """Tell which tasks have ended, and how."""
        import ray

        if not self.tasks:
            return []
        ready, _ = ray.wait(list(self.tasks), num_returns=len(self.tasks), timeout=0)
        found = []
        for reference in ready:
            name = self.tasks.pop(reference)
            try:
                answer = ray.get(reference)
                found.append(Ended(name) if answer == DONE else Ended(name, fault=answer))
            except ray.exceptions.RayTaskError as error:
                words = str(error).strip().splitlines()[-1]
                found.append(Ended(name, died=words))
            except ray.exceptions.RayError as error:
                words = str(error).strip().splitlines()[0]
                found.append(Ended(name, died=words, mend=True))
        return found

    def running(self) -> int:
        """Count the tasks."""
        return len(self.tasks)

    def names(self) -> set[str]:
        """Name all that were started."""
        return self.started

    def stop(self) -> None:
        """End all tasks."""
        import ray

        for reference in self.tasks:
            with suppress(Exception):
                ray.cancel(reference, force=True)
        self.tasks.clear()


def _on_ray(order: str, name: str) -> str:
    return work(Order.from_json(order), name)


@contextmanager
def ray_workers(
    url: str, address: str | None, jobs: int | None, device: str
) -> Iterator[RayWorkers]:
    """Have tasks on a Ray cluster while the body runs.

    Parameters
    ----------
    url : str
        Of the database, which all machines have to reach.
    address : str, optional
        As :func:`vqrna.runtime.ray_cluster.ray_cluster` takes it.
    jobs : int, optional
        What fits the cluster if not given.
    device : str

    Raises
    ------
    UsageError
        If several machines are to write one SQLite file, or Ray is missing.
    DataError
        If the cluster cannot be reached.
    """
    from vqrna.runtime.ray_cluster import ray_cluster

    with ray_cluster(address, jobs, device) as cluster:
        if cluster.nodes > 1 and url.startswith("sqlite"):
            raise UsageError(
                "a Ray cluster of several machines needs a database that all of them reach: "
                "--storage postgresql://..."
            )
        workers = RayWorkers(cluster.actors, cluster.resources)
        try:
            yield workers
        finally:
            workers.stop()
