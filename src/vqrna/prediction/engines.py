"""Choose what scores the units of a scan: threads of this process, or Ray.

Work on units in threads, and give the results in order.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Lock
from typing import Protocol, TypeVar

import torch

from vqrna.errors import UsageError
from vqrna.model import Model
from vqrna.prediction.parts import Part
from vqrna.prediction.scoring import score_unit
from vqrna.prediction.settings import Settings
from vqrna.prediction.source import Source
from vqrna.prediction.tiles import Unit

T = TypeVar("T")
R = TypeVar("R")

MOST = 8
"""So many threads at most where the number is not given: each takes some 100 MB."""


class Stopped(Exception):  # noqa: N818  (not an error: the work was called off)
    """The work was called off."""


def in_order(items: Iterable[T], work: Callable[[T, Event], R], jobs: int) -> Iterator[tuple[T, R]]:
    """Do `work` on items in `jobs` threads; the results come in the order of the items.

    No more than two items a thread are taken in advance, so that memory stays bounded. Threads and
    not processes: the network computes outside of Python's lock, and they share its weights.

    Parameters
    ----------
    items : iterable
    work : callable
        Gets an item, and an event that is set when the work is called off; it should then raise
        :class:`Stopped` soon.
    jobs : int

    Yields
    ------
    item, result
    """
    stop = Event()
    waiting: deque[tuple[T, Future[R]]] = deque()
    pool = ThreadPoolExecutor(jobs, "vqrna-scan", initializer=torch.set_num_threads, initargs=(1,))
    try:
        for item in items:
            waiting.append((item, pool.submit(work, item, stop)))
            while waiting and (len(waiting) >= 2 * jobs or waiting[0][1].done()):
                done, future = waiting.popleft()
                yield done, future.result()
        while waiting:
            done, future = waiting.popleft()
            yield done, future.result()
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Let torch use one thread in every worker while the body runs.

    Sums come out the same then, however many workers there are.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def checked_jobs(jobs: int | None, device: torch.device) -> int:
    """Give the number of threads: as asked for, or what fits the machine.

    Raises
    ------
    UsageError
        If it is below 1.
    """
    if jobs is not None:
        if jobs < 1:
            raise UsageError(f"--jobs is a number of threads from 1 on, not {jobs}")
        return jobs
    if device.type != "cpu":
        return 2  # one computes while the other picks out calls
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(MOST, cores or 1))


class Engine(Protocol):
    """Scores units, wherever."""

    in_order: bool
    """Whether parts come in the order of the units."""

    @property
    def jobs(self) -> int:
        """How many units are scored at a time."""

    @property
    def device(self) -> str:
        """What the network computes on, as torch names it."""

    def run(
        self, waiting: Iterator[Unit], advance: Callable[[int], None]
    ) -> Iterator[tuple[int, Part]]:
        """Score units.

        Parameters
        ----------
        waiting : iterator of Unit
        advance : callable
            Is told how many nt more are done.

        Yields
        ------
        number, part
            Of a unit.
        """


@dataclass(frozen=True, eq=False)
class Threads:
    """Threads of this process.

    Parameters
    ----------
    model : Model
    settings : Settings
    jobs : int
    """

    model: Model
    settings: Settings
    jobs: int
    in_order = True

    @property
    def device(self) -> str:
        """That of the model."""
        return str(self.model.device)

    def run(
        self, waiting: Iterator[Unit], advance: Callable[[int], None]
    ) -> Iterator[tuple[int, Part]]:
        """Score units in threads (see :class:`Engine`)."""
        lock = Lock()

        def work(unit: Unit, stop: Event) -> Part:
            def tell(nt: int) -> None:
                if stop.is_set():
                    raise Stopped
                with lock:
                    advance(nt)

            return score_unit(self.model, unit, self.settings, tell)

        with one_thread_each():
            for unit, part in in_order(waiting, work, self.jobs):
                yield unit.number, part


ENGINES = ("threads", "ray")


def check_engine(name: str, address: str | None = None) -> str:
    """Give the name back if there is such an engine.

    Raises
    ------
    UsageError
        If there is none, or it has no use for an address.
    """
    if name not in ENGINES:
        raise UsageError(f"unknown engine '{name}' (known: {', '.join(ENGINES)})")
    if address and name != "ray":
        raise UsageError("--address is that of a Ray cluster: it needs --engine ray")
    return name


@contextmanager
def open_engine(
    name: str,
    source: Source,
    model: Model,
    settings: Settings,
    *,
    jobs: int | None = None,
    device: str = "auto",
    address: str | None = None,
) -> Iterator[Engine]:
    """Have an engine while the body runs.

    Parameters
    ----------
    name : str
        Of `ENGINES`.
    source : Source
    model : Model
        On the device that threads use; for Ray on any.
    settings : Settings
    jobs : int, optional
        Threads or actors; what fits if not given.
    device : str
        What Ray's actors compute on: ``auto``, ``cpu`` or ``cuda``.
    address : str, optional
        Of a Ray cluster (see :func:`vqrna.runtime.ray_cluster.ray_cluster`).

    Raises
    ------
    UsageError
        If the engine is unknown, cannot read this source, or Ray is not installed.
    DataError
        If the cluster cannot be reached.
    """
    if check_engine(name, address) == "threads":
        yield Threads(model, settings, checked_jobs(jobs, model.device))
        return
    from vqrna.prediction.ray_engine import Ray, check_source
    from vqrna.runtime.ray_cluster import ray_cluster

    check_source(source)
    with ray_cluster(address, jobs, device) as cluster:
        yield Ray(cluster, source, model, settings)
