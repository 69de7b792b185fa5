"""Locks of output folders."""

import json
import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from vqrna.errors import DataError
from vqrna.runtime import lock
from vqrna.runtime.lock import folder_lock

HOLDER = """
import sys
from pathlib import Path
from vqrna.runtime.lock import folder_lock
with folder_lock(Path(sys.argv[1]), *sys.argv[2:]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Hold the lock of the folder in another process."""
    processes = []

    def start(*share):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, tmp_path, *share],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        processes.append(process)
        assert process.stdout.readline() == b"held\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture(params=[True, False], ids=["flock", "no flock"])
def system(request, monkeypatch):
    """With and without locks of the file system."""
    if not request.param:
        monkeypatch.setattr(lock, "fcntl", None)


@pytest.mark.usefixtures("system")
def test_a_held_folder_is_refused_and_its_holder_named(tmp_path, holder):
    process = holder()
    who = f"process {process.pid} on {re.escape(socket.gethostname())} .called from Python."
    with (
        pytest.raises(DataError, match=f"{who} is writing to this folder: wait for it"),
        folder_lock(tmp_path),
    ):
        pass
    process.communicate()
    assert list(tmp_path.iterdir()) == []
    with folder_lock(tmp_path):
        assert [p.name for p in tmp_path.iterdir()] == [".vqrna-lock"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("system")
def test_the_lock_of_a_killed_process_is_taken_over(tmp_path, holder):
    process = holder()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (tmp_path / ".vqrna-lock").exists()
    with folder_lock(tmp_path):
        assert json.loads((tmp_path / ".vqrna-lock").read_text())["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_shares_run_side_by_side_and_exclude_a_whole_run(tmp_path, holder):
    process = holder("1-of-2")
    with (
        folder_lock(tmp_path, "2-of-2"),
        pytest.raises(DataError, match="is writing to this folder"),
        folder_lock(tmp_path),
    ):
        pass
    with pytest.raises(DataError, match=f"process {process.pid} "), folder_lock(tmp_path, "1-of-2"):
        pass
    process.kill()
    process.wait()
    with folder_lock(tmp_path):
        assert [p.name for p in tmp_path.iterdir()] == [".vqrna-lock"]  # the stale one is removed
        with (
            pytest.raises(DataError, match=f"process {os.getpid()} "),
            folder_lock(tmp_path, "1-of-2"),
        ):
            pass


def test_a_reused_process_number_holds_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "fcntl", None)
    with folder_lock(tmp_path):
        holder = json.loads((tmp_path / ".vqrna-lock").read_text())
    (tmp_path / ".vqrna-lock").write_text(json.dumps(holder | {"start": "1"}))
    with folder_lock(tmp_path):
        pass


def test_without_flock_another_machine_is_believed(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "fcntl", None)
    with folder_lock(tmp_path):
        holder = json.loads((tmp_path / ".vqrna-lock").read_text())
    (tmp_path / ".vqrna-lock").write_text(json.dumps(holder | {"host": "node7", "pid": 1}))
    with (
        pytest.raises(DataError, match=r"process 1 on node7 .*; if it has ended, remove \.vqrna"),
        folder_lock(tmp_path),
    ):
        pass


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"pid": "x"}', b"\xff" * 100])
@pytest.mark.usefixtures("system")
def test_a_broken_lock_file_is_taken_over(tmp_path, content):
    (tmp_path / ".vqrna-lock").write_bytes(content)
    with folder_lock(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_pipe_or_device_in_its_place_is_replaced(tmp_path, kind):
    path = tmp_path / ".vqrna-lock"
    os.mkfifo(path) if kind == "pipe" else path.symlink_to("/dev/zero")
    with folder_lock(tmp_path):
        assert path.is_file()


def test_a_folder_that_cannot_be_written_is_reported(tmp_path):
    with (
        pytest.raises(DataError, match="the folder does not exist"),
        folder_lock(tmp_path / "none"),
    ):
        pass
