"""The jobs of a server in SQLite: states, queues, leases and expiry.

A job is *queued*, *running*, *done*, *failed*, *cancelled* or *expired*. A worker that takes a job
gets a lease; only the holder of the lease can report progress or finish the job, so a job that was
given to another worker after a crash cannot be finished twice.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ACTIVE = ("queued", "running")
ENDED = ("done", "failed", "cancelled", "expired")
STATUSES = (*ACTIVE, *ENDED)

SMALL, LARGE = "small", "large"

RETRY_DELAY = 30.0
"""Seconds until a job that met a full disk is tried again."""

DISK_ATTEMPTS = 20
"""Starts of a job that met a full disk."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT UNIQUE NOT NULL,
    status TEXT NOT NULL,
    queue TEXT NOT NULL,
    options TEXT NOT NULL,
    records INTEGER NOT NULL,
    nt INTEGER NOT NULL,
    address TEXT NOT NULL,
    key TEXT UNIQUE,
    created REAL NOT NULL,
    started REAL,
    ended REAL,
    not_before REAL NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    progress REAL NOT NULL DEFAULT 0,
    lease TEXT NOT NULL DEFAULT '',
    cancel INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS by_status ON jobs (status, queue, number);
CREATE TABLE IF NOT EXISTS questions (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    question TEXT NOT NULL,
    created REAL NOT NULL,
    lease TEXT NOT NULL DEFAULT '',
    attempts INTEGER NOT NULL DEFAULT 0,
    answer TEXT
);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


@dataclass(frozen=True)
class StoredJob:
    """A job as the store has it; times are seconds since 1970."""

    number: int
    id: str
    status: str
    queue: str
    options: dict[str, Any]
    records: int
    nt: int
    created: float
    started: float | None
    ended: float | None
    attempts: int
    progress: float
    lease: str
    error: str

    @property
    def is_active(self) -> bool:
        """Whether the job waits or runs."""
        return self.status in ACTIVE


@dataclass(frozen=True)
class Question:
    """A short computation that a request waits for."""

    number: int
    kind: str
    content: dict[str, Any]


class Store:
    """Jobs in a SQLite file, which all processes of a server share.

    Parameters
    ----------
    path : pathlib.Path
        Created if it does not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        connection = self._connection
        connection.executescript(_SCHEMA)
        connection.execute(
            "INSERT OR IGNORE INTO facts VALUES ('salt', ?)", (secrets.token_hex(16),)
        )
        (self._salt,) = connection.execute("SELECT value FROM facts WHERE name='salt'").fetchone()

    @property
    def _connection(self) -> sqlite3.Connection:
        """Connection of this thread; every statement is a transaction."""
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self._path, timeout=20, isolation_level=None)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA secure_delete=ON")
            self._local.connection = connection
        return connection

    def close(self) -> None:
        """Close the connection of this thread."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    def _one(self, statement: str, *values: object) -> sqlite3.Row | None:
        row = self._connection.execute(statement, values).fetchone()
        assert row is None or isinstance(row, sqlite3.Row)
        return row

    def _change(self, statement: str, *values: object) -> int:
        """Run a statement; return the number of changed rows."""
        return self._connection.execute(statement, values).rowcount

    def hash_address(self, address: str) -> str:
        """Return what is stored in place of a network address."""
        return hashlib.sha256(f"{self._salt}{address}".encode()).hexdigest()[:16]

    # Submission

    def submit(
        self,
        id: str,
        options: dict[str, Any],
        *,
        records: int,
        nt: int,
        queue: str,
        address: str,
        key: str | None = None,
    ) -> StoredJob:
        """Add a job; with a `key` that was used before, return the job of that time.

        Parameters
        ----------
        key : str, optional
            Chosen by the client for one submission, so that a repeated request adds one job.
        """
        self._connection.execute(
            "INSERT INTO jobs (id, status, queue, options, records, nt, address, key, created) "
            "VALUES (?, 'queued', ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
            (
                id,
                queue,
                json.dumps(options),
                records,
                nt,
                self.hash_address(address),
                key,
                time.time(),
            ),
        )
        job = self.get(id) or (self.with_key(key) if key else None)
        assert job is not None
        return job

    def get(self, id: str) -> StoredJob | None:
        """Return a job, or None."""
        return _job(self._one("SELECT * FROM jobs WHERE id=?", id))

    def with_key(self, key: str) -> StoredJob | None:
        """Return the job that was submitted with a key, or None."""
        return _job(self._one("SELECT * FROM jobs WHERE key=?", key))

    def position(self, job: StoredJob) -> int | None:
        """Return the place of a waiting job in its queue, from 1; None if it does not wait."""
        if job.status != "queued":
            return None
        row = self._one(
            "SELECT count(*) FROM jobs WHERE status='queued' AND queue=? AND number<=?",
            job.queue,
            job.number,
        )
        return max(1, row[0]) if row else None

    def count(self, status: str, *, queue: str | None = None, address: str | None = None) -> int:
        """Count jobs of a status, of one queue or one address."""
        statement, values = "SELECT count(*) FROM jobs WHERE status=?", [status]
        if queue is not None:
            statement, values = f"{statement} AND queue=?", [*values, queue]
        if address is not None:
            values = [*values, self.hash_address(address)]
            statement += " AND address=?"
        row = self._one(statement, *values)
        return row[0] if row else 0

    def counts(self) -> dict[tuple[str, str], int]:
        """Count jobs by status and queue."""
        rows = self._connection.execute("SELECT status, queue, count(*) FROM jobs GROUP BY 1, 2")
        return {(row[0], row[1]): row[2] for row in rows}

    # Workers

    def claim(self, worker: str, queues: Sequence[str]) -> StoredJob | None:
        """Give the next waiting job to a worker, from the first of `queues` that has one."""
        now = time.time()
        for queue in queues:
            row = self._one(
                "UPDATE jobs SET status='running', lease=?, started=?, attempts=attempts+1 "
                "WHERE number = (SELECT number FROM jobs WHERE status='queued' AND queue=? "
                "AND not_before<=? ORDER BY number LIMIT 1) AND status='queued' RETURNING *",
                f"{worker}/{secrets.token_hex(8)}",
                now,
                queue,
                now,
            )
            if row is not None:
                return _job(row)
        return None

    def report(self, job: StoredJob, progress: float) -> str:
        """Record progress; return ``go``, ``cancel``, or ``lost`` if another worker has the job."""
        row = self._one(
            "UPDATE jobs SET progress=? WHERE id=? AND lease=? AND status='running' "
            "RETURNING cancel",
            progress,
            job.id,
            job.lease,
        )
        if row is None:
            return "lost"
        return "cancel" if row[0] else "go"

    def finish(self, job: StoredJob, status: str = "done", error: str = "") -> bool:
        """End a running job; return False if another worker has it."""
        return bool(
            self._change(
                "UPDATE jobs SET status=?, error=?, ended=?, progress=CASE WHEN ?='done' THEN 1 "
                "ELSE progress END, lease='' WHERE id=? AND lease=? AND status='running'",
                status,
                error,
                time.time(),
                status,
                job.id,
                job.lease,
            )
        )

    def postpone(self, job: StoredJob, reason: str) -> bool:
        """Queue a job again that could not be finished now, such as after a full disk."""
        if job.attempts >= DISK_ATTEMPTS:
            return self.finish(job, "failed", reason)
        return bool(
            self._change(
                "UPDATE jobs SET status='queued', lease='', error=?, not_before=? "
                "WHERE id=? AND lease=? AND status='running'",
                reason,
                time.time() + RETRY_DELAY,
                job.id,
                job.lease,
            )
        )

    def requeue(self, attempts: int, worker: str | None = None) -> int:
        """Queue the running jobs of a worker that ended again, or of all workers.

        Parameters
        ----------
        attempts : int
            Jobs that were started as often as this fail instead.
        worker : str, optional
            Name of the worker.

        Returns
        -------
        int
            Number of jobs that were queued again.
        """
        own = "" if worker is None else f"{worker}/"
        where = "status='running' AND substr(lease, 1, ?)=?"
        self._change(
            f"UPDATE jobs SET status='cancelled', ended=?, lease='' WHERE {where} AND cancel=1",
            time.time(),
            len(own),
            own,
        )
        self._change(
            f"UPDATE jobs SET status='failed', ended=?, lease='', error=? WHERE {where} "
            "AND attempts>=?",
            time.time(),
            f"the worker was killed {attempts} times while it ran this job (too large for the "
            "memory of the server?)",
            len(own),
            own,
            attempts,
        )
        return self._change(
            f"UPDATE jobs SET status='queued', lease='' WHERE {where}", len(own), own
        )

    def overdue(self, seconds: float) -> list[StoredJob]:
        """Return running jobs that were started more than `seconds` ago."""
        rows = self._connection.execute(
            "SELECT * FROM jobs WHERE status='running' AND started<?", (time.time() - seconds,)
        )
        return [job for row in rows if (job := _job(row))]

    # End of jobs

    def cancel(self, id: str) -> str:
        """Cancel a job; return its status, still ``running`` until its worker stops."""
        if self._change(
            "UPDATE jobs SET status='cancelled', ended=? WHERE id=? AND status='queued'",
            time.time(),
            id,
        ):
            return "cancelled"
        self._change("UPDATE jobs SET cancel=1 WHERE id=? AND status='running'", id)
        job = self.get(id)
        return job.status if job else "expired"

    def expire(self, id: str, reason: str) -> bool:
        """Mark an ended job as expired; its files are deleted by the caller."""
        return bool(
            self._change(
                "UPDATE jobs SET status='expired', error=? WHERE id=? AND status IN "
                "('done', 'failed', 'cancelled')",
                reason,
                id,
            )
        )

    def old(self, days: float) -> list[str]:
        """Return ended jobs, not yet expired, that ended more than `days` ago."""
        rows = self._connection.execute(
            "SELECT id FROM jobs WHERE status IN ('done', 'failed', 'cancelled') AND ended<?",
            (time.time() - days * 86400,),
        )
        return [row[0] for row in rows]

    def forget(self, days: float) -> int:
        """Delete the rows of expired jobs that ended more than `days` ago."""
        limit = time.time() - days * 86400
        return self._change("DELETE FROM jobs WHERE status='expired' AND ended<?", limit)

    def ids(self) -> set[str]:
        """Return the identifiers of all jobs that may have files."""
        rows = self._connection.execute("SELECT id FROM jobs WHERE status!='expired'")
        return {row[0] for row in rows}

    # Facts

    def fact(self, name: str) -> str | None:
        """Return a fact about the server, or None."""
        row = self._one("SELECT value FROM facts WHERE name=?", name)
        return row[0] if row else None

    def set_fact(self, name: str, value: str) -> None:
        """Store a fact about the server."""
        self._change("INSERT OR REPLACE INTO facts VALUES (?, ?)", name, value)

    # Questions

    def ask(self, kind: str, content: dict[str, Any]) -> int:
        """Add a question; return its number."""
        cursor = self._connection.execute(
            "INSERT INTO questions (kind, question, created) VALUES (?, ?, ?)",
            (kind, json.dumps(content), time.time()),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def waiting_questions(self) -> int:
        """Count questions without an answer."""
        row = self._one("SELECT count(*) FROM questions WHERE answer IS NULL")
        return row[0] if row else 0

    def take_question(self, worker: str) -> Question | None:
        """Give the next question to a worker."""
        row = self._one(
            "UPDATE questions SET lease=?, attempts=attempts+1 WHERE number = (SELECT number FROM "
            "questions WHERE lease='' AND answer IS NULL ORDER BY number LIMIT 1) RETURNING *",
            worker,
        )
        return Question(row["number"], row["kind"], json.loads(row["question"])) if row else None

    def answer(self, number: int, answer: dict[str, Any]) -> None:
        """Store the answer to a question, and delete the question itself."""
        self._change(
            "UPDATE questions SET answer=?, question='' WHERE number=?", json.dumps(answer), number
        )

    def collect(self, number: int) -> dict[str, Any] | None:
        """Return and delete an answer; None if there is no answer yet."""
        row = self._one(
            "DELETE FROM questions WHERE number=? AND answer IS NOT NULL RETURNING answer", number
        )
        return json.loads(row[0]) if row else None

    def drop_question(self, number: int) -> None:
        """Delete a question that is no longer waited for."""
        with suppress(sqlite3.Error):
            self._change("DELETE FROM questions WHERE number=?", number)

    def release_questions(self, attempts: int) -> None:
        """Queue the questions of a worker that ended again; delete those that stopped it before."""
        refusal = json.dumps({"status": 500, "error": "the computation failed"})
        self._change(
            "UPDATE questions SET answer=?, question='' WHERE lease!='' AND answer IS NULL "
            "AND attempts>=?",
            refusal,
            attempts,
        )
        self._change("UPDATE questions SET lease='' WHERE lease!='' AND answer IS NULL")

    def drop_old_questions(self, seconds: float) -> None:
        """Delete questions and answers that nobody collected."""
        self._change("DELETE FROM questions WHERE created<?", time.time() - seconds)


def new_id() -> str:
    """Return an identifier that cannot be guessed: 192 random bits."""
    return secrets.token_urlsafe(24)


def _job(row: sqlite3.Row | None) -> StoredJob | None:
    if row is None:
        return None
    names = [name for name in StoredJob.__dataclass_fields__ if name != "options"]
    return StoredJob(options=json.loads(row["options"]), **{name: row[name] for name in names})
