"""Metrics in the text format of Prometheus."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily

from vqrna._version import __version__
from vqrna.web.limits import Streams
from vqrna.web.store import Store

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 5, 10, 30)


class Observed(Protocol):
    """What the metrics read of a server."""

    store: Store
    streams: Streams

    def waiting(self) -> int:
        """Return the number of requests that wait for a worker."""

    def workers(self) -> int:
        """Return the number of running processes for jobs."""


class Metrics:
    """Counters of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "vqrna_requests_total",
            "Requests by route, method and status",
            ["route", "method", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "vqrna_request_seconds",
            "Duration of requests by route",
            ["route"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.submitted = Counter(
            "vqrna_jobs_submitted_total", "Accepted jobs", ["queue"], registry=self.registry
        )
        self.rejected = Counter(
            "vqrna_jobs_rejected_total", "Rejected jobs", ["status"], registry=self.registry
        )
        self.restarts = Counter(
            "vqrna_worker_restarts_total", "Workers that ended", registry=self.registry
        )
        info = Gauge("vqrna_info", "Version", ["version"], registry=self.registry)
        info.labels(__version__).set(1)

    def observe(self, server: Observed) -> None:
        """Add what is read at the time of a request for metrics."""
        self.registry.register(_State(server))

    def text(self) -> bytes:
        """Return all metrics."""
        return generate_latest(self.registry)


class _State:
    """Jobs, workers, streams and memory."""

    def __init__(self, server: Observed) -> None:
        self._server = server

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Yield the metrics."""
        server = self._server
        jobs = GaugeMetricFamily("vqrna_jobs", "Jobs", labels=["status", "queue"])
        for (status, queue), count in sorted(server.store.counts().items()):
            jobs.add_metric([status, queue], count)
        yield jobs
        for name, text, value in (
            ("vqrna_questions", "Requests that wait for a worker", server.waiting()),
            ("vqrna_workers", "Running workers for jobs", server.workers()),
            ("vqrna_streams", "Open event streams", server.streams.total),
            ("vqrna_memory_bytes", "Resident memory of the server", resident_bytes()),
        ):
            yield GaugeMetricFamily(name, text, value=value)


def resident_bytes(pid: int | str = "self") -> int:
    """Return the resident memory of a process; 0 where the system does not report it."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
