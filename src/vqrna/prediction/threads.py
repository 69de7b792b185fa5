"""Work on units in threads, and give the results in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import TypeVar

import torch

from vqrna.errors import UsageError

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
