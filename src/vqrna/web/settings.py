"""Settings of a server and the limits that keep it usable."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from vqrna.errors import UsageError

LEAST_WORKERS = 2
"""One worker takes small jobs only, so that large ones cannot keep all of them busy."""


@dataclass(frozen=True)
class Limits:
    """What a server accepts.

    Raises
    ------
    UsageError
        If a limit is not positive.
    """

    upload_bytes: int = 20_000_000  # Size of an input, before and after decompression
    nt: int = 2_000_000  # Letters of all records of a job
    records: int = 1000  # Records of a job
    small_nt: int = 50_000  # Largest job of the queue of small ones
    queue: int = 200  # Jobs that wait, of all users
    jobs_per_address: int = 20  # Jobs of one address that wait or run
    requests_per_minute: int = 600  # Of one address
    submissions_per_minute: int = 60  # Jobs, explanations and variants of one address
    streams: int = 400  # Open event streams
    streams_per_address: int = 20
    variants: int = 50  # Variants of one request
    request_seconds: float = 60.0  # To receive a request, to answer it, and to send each block
    job_seconds: float = 3600.0  # Running time of a job
    attempts: int = 3  # Starts of a job whose worker was killed
    days: float = 14.0  # Until the files of a job are deleted

    def __post_init__(self) -> None:
        """Check the values."""
        for each in dataclasses.fields(self):
            if not getattr(self, each.name) > 0:
                name = each.name.replace("_", "-")
                raise UsageError(f"invalid limit {name} (expected a positive number)")


@dataclass(frozen=True)
class ServerSettings:
    """Where a server listens, where it keeps its files, and its limits.

    Raises
    ------
    UsageError
        If a value is out of range.
    """

    data: Path  # Jobs and their files
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = LEAST_WORKERS  # Processes that run jobs
    token: str = ""  # Required from every client if not empty
    model: str = ""  # Weights; the shipped ones if empty
    allowed_hosts: tuple[str, ...] = ()  # Further host names that requests may be addressed to
    root_path: str = ""  # Path of the page behind a proxy, such as ``/vqrna``
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        """Check the values."""
        if self.workers < LEAST_WORKERS:
            raise UsageError(
                f"invalid number of workers {self.workers} (expected {LEAST_WORKERS} or more: "
                "one is kept for small jobs)"
            )
        if not 0 <= self.port <= 65535:
            raise UsageError(f"invalid port {self.port} (expected 0 to 65535)")
        if self.root_path and not (self.root_path.startswith("/") and self.root_path[-1] != "/"):
            raise UsageError(
                f"invalid --root-path '{self.root_path}' (expected a path such as /vqrna)"
            )
        if self.token and (len(self.token) < 8 or not self.token.isascii()):
            raise UsageError("--token is too short (expected at least 8 ASCII characters)")

    @property
    def jobs(self) -> Path:
        """Folder with one folder for each job."""
        return self.data / "jobs"

    @property
    def database(self) -> Path:
        """SQLite file of the jobs."""
        return self.data / "jobs.sqlite"

    @property
    def logs(self) -> Path:
        """Folder of the workers' logs."""
        return self.data / "logs"

    def to_json(self) -> str:
        """Return the settings for a worker, without the token."""
        values = dataclasses.asdict(self) | {"data": str(self.data), "token": ""}
        return json.dumps(values)

    @classmethod
    def from_json(cls, text: str) -> ServerSettings:
        """Read what :meth:`to_json` wrote."""
        values = json.loads(text)
        values["data"] = Path(values["data"])
        values["allowed_hosts"] = tuple(values["allowed_hosts"])
        values["limits"] = Limits(**values["limits"])
        return cls(**values)


def default_data() -> Path:
    """Return the folder of jobs that is used if none is given."""
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "vqrna"


def default_workers() -> int:
    """Return the number of workers that is used if none is given: one per core, at most 4."""
    return max(LEAST_WORKERS, min(os.cpu_count() or 1, 4))
