"""Work in threads, with results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, TypeVar

from vqrna.runtime.devices import one_torch_thread

if TYPE_CHECKING:
    import torch

T = TypeVar("T")
R = TypeVar("R")


class Stopped(Exception):  # noqa: N818  (not an error: the work was cancelled)
    """The work was cancelled."""


def map_in_order(
    items: Iterable[T], work: Callable[[T, Event], R], jobs: int
) -> Iterator[tuple[T, R]]:
    """Call `work` on items in threads; yield the results in the order of the items.

    At most two items per thread are taken in advance, so that memory stays bounded.

    Parameters
    ----------
    work : callable
        Called with an item and an event. The event is set when the work is cancelled; `work`
        should then raise :class:`Stopped` soon.
    jobs : int
        Number of threads. Each uses one thread of torch, so that results are the same for any
        number.

    Yields
    ------
    item, result
    """
    import torch

    stop = Event()
    pending: deque[tuple[T, Future[R]]] = deque()
    with one_torch_thread():
        pool = ThreadPoolExecutor(
            jobs, "vqrna-scan", initializer=torch.set_num_threads, initargs=(1,)
        )
        try:
            for item in items:
                pending.append((item, pool.submit(work, item, stop)))
                while pending and (len(pending) >= 2 * jobs or pending[0][1].done()):
                    done, future = pending.popleft()
                    yield done, future.result()
            while pending:
                done, future = pending.popleft()
                yield done, future.result()
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


def torch_jobs(device: torch.device) -> int:
    """Return the number of threads of :func:`map_in_order` that replace those of torch."""
    import torch

    return torch.get_num_threads() if device.type == "cpu" else 1
