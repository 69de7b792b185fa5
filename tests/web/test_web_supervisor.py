"""The supervisor of the workers, with a pool that starts no processes."""

import signal
import sqlite3
import subprocess
import time
from contextlib import contextmanager, nullcontext

import pytest

from vqrna.errors import DataError
from vqrna.runtime import jobs
from vqrna.runtime.jobs import ProcessJob, ProcessOutcome, run_job
from vqrna.runtime.processes import process_identity
from vqrna.web import supervisor as supervisors
from vqrna.web.settings import Limits, ServerSettings
from vqrna.web.store import SMALL, Store, new_id
from vqrna.web.supervisor import Supervisor


class Pool:
    """Starts fail as often as asked; workers end when a test says so."""

    def __init__(self):
        self.failures, self.started, self.waiting = 0, [], []
        self.refused = set()

    def start(self, program):
        if self.failures or program.name in self.refused:
            self.failures = max(0, self.failures - 1)
            raise DataError("cannot start a process: Resource temporarily unavailable")
        self.started.append(program)

    def end(self, name):
        (program,) = [p for p in self.started if p.name == name]
        self.started.remove(program)
        self.waiting.append(ProcessOutcome(program, 1, 0.1))

    def ended(self):
        outcomes, self.waiting = self.waiting, []
        return outcomes


@pytest.fixture
def pool(monkeypatch):
    pool = Pool()

    @contextmanager
    def opened(size):
        yield pool

    monkeypatch.setattr(supervisors, "open_pool", opened)
    monkeypatch.setattr(supervisors, "_TICK", 0.01)
    monkeypatch.setattr(supervisors, "_BACKOFF", (0.0, 0.05))
    return pool


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "jobs.sqlite")
    yield store
    store.close()


@pytest.fixture
def start(tmp_path, store, pool):
    settings = ServerSettings(tmp_path, workers=2, limits=Limits())
    settings.jobs.mkdir()
    running = []

    def call():
        running.append(Supervisor(settings, store, lambda: None))
        running[0].start()
        return running[0]

    yield call
    for each in running:
        each.stop()


def wait_until(happened):
    end = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)


def names(pool):
    return sorted(program.name for program in pool.started)


ALL = ["questions", "worker-1", "worker-2"]


def test_workers_that_cannot_be_started_are_tried_again(start, pool):
    pool.failures = 4
    start()
    wait_until(lambda: names(pool) == ALL)


@pytest.mark.parametrize("lost", ["questions", "worker-2"])
def test_the_supervisor_knows_which_processes_run(start, pool, lost):
    supervisor = start()
    wait_until(lambda: supervisor.running == set(ALL))
    pool.refused.add(lost)
    pool.end(lost)
    wait_until(lambda: supervisor.running == set(ALL) - {lost})


def test_the_job_of_a_lost_worker_is_queued_when_the_disk_has_room(start, store, pool, monkeypatch):
    start()
    wait_until(lambda: names(pool) == ALL)
    id = store.submit(new_id(), {}, records=1, nt=10, queue=SMALL, address="1.2.3.4", key=None).id
    assert store.claim("worker-1", (SMALL,)).id == id
    requeue, full = store.requeue, [True, True, True]

    def failing(*arguments):
        if full:
            full.pop()
            raise sqlite3.OperationalError("database or disk is full")
        return requeue(*arguments)

    monkeypatch.setattr(store, "requeue", failing)
    pool.end("worker-1")
    wait_until(lambda: names(pool) == ALL)
    assert not full
    assert store.get(id).status == "queued"


@pytest.mark.parametrize("reused", [False, True])
def test_an_overdue_worker_is_killed_but_no_other_process_with_its_number(tmp_path, store, reused):
    settings = ServerSettings(tmp_path, workers=2, limits=Limits(job_seconds=0.01))
    store.submit(new_id(), {}, records=1, nt=10, queue=SMALL, address="1.2.3.4", key=None)
    job = store.claim("worker-1", (SMALL,))
    store._change("UPDATE jobs SET started=1")
    with subprocess.Popen(["sleep", "60"]) as process:
        identity = process_identity(process.pid)
        store.set_fact("process worker-1", f"{process.pid} 1" if reused else identity)
        Supervisor(settings, store, lambda: None)._kill_overdue()
        assert store.get(job.id).status == "failed"
        with pytest.raises(subprocess.TimeoutExpired) if reused else nullcontext():
            assert process.wait(0.5 if reused else 20) == -signal.SIGKILL
        process.kill()


def test_a_process_that_cannot_be_started_is_not_blamed_on_its_log(tmp_path, monkeypatch):
    monkeypatch.setattr(jobs.sys, "executable", str(tmp_path / "no-python"))
    outcome = run_job(ProcessJob("a", "vqrna.web.worker", (), tmp_path / "a.log"))
    assert "no-python: cannot start a process: No such file" in outcome.reason
