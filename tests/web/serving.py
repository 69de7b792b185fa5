"""A server in this process with the shipped model, whose jobs a test runs when it wants."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from starlette.testclient import TestClient

import vqrna
from vqrna.model import Model
from vqrna.web.app import create_app
from vqrna.web.server import Server
from vqrna.web.settings import Limits, ServerSettings
from vqrna.web.worker import ANY, JobWorker, QuestionWorker

DEMO_FILE = Path(__file__).parents[2] / "examples" / "demo.fasta"

DEMO = DEMO_FILE.read_text()


@cache
def shipped():
    torch.set_num_threads(1)
    return vqrna.load_model(None, "cpu")


@dataclass
class Running:
    """A server without worker processes."""

    server: Server
    client: TestClient
    worker: JobWorker
    model: Model

    def submit(self, fasta: str = DEMO, **options: Any) -> str:
        answer = self.client.post("/api/jobs", json={"fasta": fasta, **options})
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    def finished(self, fasta: str = DEMO, **options: Any) -> str:
        id = self.submit(fasta, **options)
        while self.worker.step():
            pass
        assert self.status(id)["status"] == "done", self.status(id)
        return id

    def status(self, id: str) -> dict[str, Any]:
        return self.client.get(f"/api/jobs/{id}").json()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Answer questions in a thread."""
        stop = threading.Event()
        worker = QuestionWorker(self.server.store, self.model, "questions")

        def loop() -> None:
            while not stop.is_set():
                if not worker.step():
                    time.sleep(0.005)
            self.server.store.close()

        thread = threading.Thread(target=loop)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


@contextmanager
def serving(
    folder: Path, limits: Limits | None = None, used: Model | None = None, **settings: Any
) -> Iterator[Running]:
    used = used or shipped()
    limits = limits or Limits(requests_per_minute=10**6, submissions_per_minute=10**6)
    chosen = ServerSettings(folder / "data", limits=limits, **settings)
    before = os.umask(0o077)  # as 'vqrna serve' and its workers do
    server = Server(chosen, used)
    client = TestClient(
        create_app(server),
        base_url="http://localhost:8000",
        raise_server_exceptions=False,
        root_path=chosen.root_path,
    )
    worker = JobWorker(chosen, server.store, used, "worker", ANY)
    yield Running(server, client, worker, used)
    client.close()
    server.stop()
    os.umask(before)
