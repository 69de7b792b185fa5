"""Rates of requests by address, and whether another job is accepted."""

from __future__ import annotations

import math
import shutil
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from vqrna.web.errors import RequestError
from vqrna.web.settings import Limits, ServerSettings
from vqrna.web.store import ACTIVE, Store

_MOST_ADDRESSES = 10_000

FREE_BYTES = 200_000_000
"""Below this free space no job is accepted, so that running ones can finish."""


class RateLimiter:
    """Token buckets by address: `per_minute` requests on average, a sixth of them at once.

    Parameters
    ----------
    per_minute : int
    """

    def __init__(self, per_minute: int) -> None:
        self._rate = per_minute / 60
        self._size = max(10.0, per_minute / 6)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, address: str) -> None:
        """Count a request; raises RequestError (429) if there were too many."""
        now = time.monotonic()
        with self._lock:
            level, last = self._buckets.get(address, (self._size, now))
            level = min(self._size, level + (now - last) * self._rate)
            accepted = level >= 1
            self._buckets[address] = level - accepted, now
            self._buckets.move_to_end(address)
            if len(self._buckets) > _MOST_ADDRESSES:
                self._buckets.popitem(last=False)  # its last request is the longest ago
        if not accepted:
            wait = math.ceil((1 - level) / self._rate)
            raise RequestError(429, f"too many requests: try again in {wait} s", retry_after=wait)


class Streams:
    """Count open event streams."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """Number of open streams."""
        return self._open.total()

    @contextmanager
    def open(self, address: str) -> Iterator[None]:
        """Count a stream while the body runs; raises RequestError (429) if too many are open."""
        own = self._open[address] >= self._limits.streams_per_address
        if own or self.total >= self._limits.streams:
            raise RequestError(
                429, "too many open event streams: ask for the status instead", retry_after=5
            )
        self._open[address] += 1
        try:
            yield
        finally:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]


def admit(store: Store, settings: ServerSettings, address: str) -> None:
    """Check that another job can be queued.

    Raises RequestError: 429 for too many jobs of the address, 503 for a full queue, 507 for a full
    disk.
    """
    limits = settings.limits
    own = sum(store.count(status, address=address) for status in ACTIVE)
    if own >= limits.jobs_per_address:
        raise RequestError(
            429,
            f"{own} of your jobs {'is' if own == 1 else 'are'} waiting or running, the most at a "
            "time: wait for one to finish, or cancel one",
            retry_after=30,
        )
    if store.count("queued") >= limits.queue:
        raise RequestError(
            503, "the queue of this server is full: try again in a minute", retry_after=60
        )
    if shutil.disk_usage(settings.data).free < FREE_BYTES:
        raise RequestError(
            507, "the disk of this server is almost full: try again later", retry_after=600
        )
