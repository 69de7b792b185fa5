"""`vqrna serve` as a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

START = 120.0


class Serve:
    """A running server; may be killed and started again on the same folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = self.folder / "log"
        command = [sys.executable, "-m", "vqrna", "serve", "--port", "0", "--data",
                   str(self.folder / "data"), "--submissions-per-minute", "100000",
                   "--requests-per-minute", "100000"]  # fmt: skip
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                command, stdout=out, stderr=out, env=os.environ | {"PYTHONUNBUFFERED": "1"}
            )
        end = time.monotonic() + START
        while time.monotonic() < end:
            text = log.read_text(errors="replace")
            if match := re.search(r"vqrna is at (http://\S+)", text):
                self.url = match[1]
                if self.ready():
                    return
            assert self.process.poll() is None, text
            time.sleep(0.1)
        raise AssertionError(log.read_text(errors="replace"))

    def ready(self) -> bool:
        try:
            state = requests.get(f"{self.url}/health", timeout=5).json()
            return state["answers_questions"] and state["workers"] == state["expected_workers"]
        except requests.RequestException:
            return False

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def worker_pids(self) -> list[int]:
        import sqlite3

        connection = sqlite3.connect(self.folder / "data" / "jobs.sqlite")
        try:
            rows = connection.execute("SELECT value FROM facts WHERE name LIKE 'process worker-%'")
            return [int(row[0].partition(" ")[0]) for row in rows]
        finally:
            connection.close()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()


@contextmanager
def server_process(folder: Path) -> Iterator[Serve]:
    serve = Serve(folder)
    try:
        serve.start()
        yield serve
    finally:
        serve.stop()
