"""Jobs: side by side, alone in their end, and never longer than who started them."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from vqrna.errors import DataError, UsageError
from vqrna.runtime import jobs
from vqrna.runtime.jobs import ProcessJob, run_job, run_jobs

PROGRAM = '''"""What jobs do."""
import os, sys, time
what = sys.argv[1]
print("doing", what, os.environ["OMP_NUM_THREADS"])
if what == "read":
    print(sys.stdin.read())
if what == "fail":
    print("vqrna: error: it is broken", file=sys.stderr)
    sys.exit(1)
if what == "segfault":
    import ctypes
    ctypes.string_at(0)
if what == "sleep":
    open(sys.argv[2], "w").write(str(os.getpid()))
    time.sleep(60)
'''


@pytest.fixture
def job(tmp_path, monkeypatch):
    (tmp_path / "done_by_jobs.py").write_text(PROGRAM)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def make(*words: str) -> ProcessJob:
        return ProcessJob(words[0], "done_by_jobs", words, tmp_path / "logs" / f"{words[0]}.log")

    return make


def gone(pid: int, seconds: float = 10) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        stat = Path(f"/proc/{pid}/stat")
        try:
            os.kill(pid, 0)
            if stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z":
                return True  # its new parent has not looked yet
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def pid_in(file: Path) -> int:
    until = time.monotonic() + 30
    while not (file.exists() and file.read_text()):
        assert time.monotonic() < until
        time.sleep(0.02)
    return int(file.read_text())


def test_each_ends_alone_and_says_why(job):
    found = {o.job.name: o for o in run_jobs(map(job, ["fail", "segfault", "well"]), 2)}
    assert set(found) == {"fail", "segfault", "well"}
    assert found["well"].ok
    assert found["well"].reason == ""
    assert found["well"].job.log.read_text() == "doing well 1\n"
    assert (found["fail"].code, found["fail"].reason) == (1, "vqrna: error: it is broken")
    assert found["segfault"].code == -signal.SIGSEGV
    assert found["segfault"].reason == "killed by SIGSEGV"


def test_jobs_are_taken_only_when_there_is_room(job):
    taken = []

    def late():
        for name in ("well", "fail"):
            taken.append(name)
            yield job(name)

    outcomes = run_jobs(late(), 1)
    next(outcomes)
    assert taken == ["well"]
    assert next(outcomes).job.name == "fail"
    assert next(outcomes, None) is None


def test_who_stops_asking_stops_the_jobs(job, tmp_path):
    files = [tmp_path / "pid"]
    outcomes = run_jobs([job("sleep", str(files[0])), job("well")], 2)
    assert next(outcomes).job.name == "well"
    pid = pid_in(files[0])
    outcomes.close()
    assert gone(pid)


def test_a_killed_parent_takes_its_jobs_along(job, tmp_path):
    file = tmp_path / "pid"
    made = job("sleep", str(file))
    program = (
        "from pathlib import Path\nfrom vqrna.runtime.jobs import ProcessJob, run_job\n"
        f"job = ProcessJob('sleep', 'done_by_jobs', {made.arguments!r}, Path({str(made.log)!r}))\n"
        "run_job(job)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program]) as parent:
        pid = pid_in(file)
        parent.kill()
    assert gone(pid)


def test_one_job_can_be_waited_for(job):
    assert run_job(job("well")).ok


def test_a_job_reads_its_input(job):
    text = "two\nlines, and more than a pipe holds: " + "x" * 100_000
    made = dataclasses.replace(job("read"), input=text)
    assert run_job(made).ok
    assert made.log.read_text() == f"doing read 1\n{text}\n"


def test_a_job_whose_machine_was_lost_runs_again_once(job, monkeypatch):
    started = []

    class Losing:
        size, machines, running = 1, 1, 0

        def start(self, job):
            started.append(job.name)
            self.running = 1

        def ended(self):
            if not self.running:
                return []
            self.running = 0
            return [jobs.ProcessOutcome(job(started[-1]), 1, 0.0, "Ray: gone", lost=True)]

    @contextmanager
    def open_pool(*arguments, **options):
        yield Losing()

    monkeypatch.setattr(jobs, "open_pool", open_pool)
    outcomes = list(run_jobs(map(job, ["well", "fail"])))
    assert started == ["well", "well", "fail", "fail"]
    assert [(o.job.name, o.lost) for o in outcomes] == [("well", True), ("fail", True)]


def test_a_lost_job_that_cannot_start_again_leaves_the_others(job, monkeypatch):
    class Failing:
        size, machines, running = 1, 1, 0
        started: ClassVar[list[str]] = []

        def start(self, job):
            if job.name in self.started:
                raise DataError("the disk is full")
            self.started.append(job.name)
            self.running = 1

        def ended(self):
            if not self.running:
                return []
            self.running = 0
            return [jobs.ProcessOutcome(job(self.started[-1]), 1, 0.0, "Ray: gone", lost=True)]

    @contextmanager
    def open_pool(*arguments, **options):
        yield Failing()

    monkeypatch.setattr(jobs, "open_pool", open_pool)
    outcomes = list(run_jobs(map(job, ["well", "fail"])))
    assert [(o.job.name, o.reason) for o in outcomes] == [
        ("well", "the disk is full"), ("fail", "the disk is full"),
    ]  # fmt: skip


def test_what_cannot_be_is_told(job, tmp_path):
    with pytest.raises(UsageError, match="unknown engine 'x'"):
        next(run_jobs([], engine="x"))
    with pytest.raises(UsageError, match="invalid number of processes 0"):
        next(run_jobs([], 0))
    (tmp_path / "logs").write_text("a file")
    assert "is a file" in next(run_jobs([job("well")], 1)).reason
    assert "is a file" in run_job(job("well")).reason


@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ray_runs_them_too(job, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setenv("PYTHONWARNINGS", "ignore")
    found = {o.job.name: o for o in run_jobs(map(job, ["fail", "well"]), 1, engine="ray")}
    assert found["well"].ok
    assert found["fail"].reason == "vqrna: error: it is broken"
