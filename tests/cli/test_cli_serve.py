"""`vqrna serve`: options that cannot be used end before anything is started."""

import os
import socket
import subprocess
import sys

import pytest

from vqrna.errors import missing_extra

pytest.importorskip("fastapi", reason="needs vqrna[web]")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--workers", "1"], 2, "2 or more"),
        (["--port", "70000"], 2, "65535"),
        (["--token", "short"], 2, "at least 8"),
        (["--root-path", "vqrna/"], 2, "expected a path such as /vqrna"),
        (["--max-queue", "0"], 2, "max-queue"),
        (["--days", "nan"], 2, "days"),
        (["--host", "999.1.1.1"], 1, "try another --host"),
        (["--model", "missing.safetensors"], 1, "missing.safetensors"),
    ],
    ids=["workers", "port", "token", "root-path", "queue", "days", "host", "model"],
)
def test_bad_options(vqrna_main, tmp_path, words, code, message):
    done = vqrna_main("serve", "--data", tmp_path / "data", "--port", "0", *words)
    assert done.code == code, done.err
    assert message in done.err
    assert "Traceback" not in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert not (tmp_path / "data" / "jobs.sqlite").exists()


@pytest.mark.parametrize("name", ["data", "data/jobs"])
def test_a_file_in_place_of_a_folder(vqrna_main, tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.touch()
    done = vqrna_main("serve", "--data", tmp_path / "data", "--port", "0")
    assert done.code == 1
    assert done.err == f"vqrna: error: {path}: is a file, but jobs need a folder\n"


def test_a_port_in_use(vqrna_main, tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = vqrna_main("serve", "--data", tmp_path, "--port", port)
    assert done.code == 1
    assert f"port {port}" in done.err
    assert "try another --port" in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_files_are_readable_by_their_owner_only(vqrna_main, tmp_path, monkeypatch):
    modes = []

    def run(server, sockets):
        path = tmp_path / "data" / "jobs.sqlite"
        modes.append(path.stat().st_mode & 0o777)

    monkeypatch.setattr("uvicorn.Server.run", run)
    monkeypatch.setattr("vqrna.web.logs.configure_logs", lambda: None)
    before = os.umask(0o022)
    try:
        done = vqrna_main("serve", "--data", tmp_path / "data", "--port", "0")
        assert done.code == 0, done.err
        assert modes == [0o600]
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)


@pytest.mark.parametrize("package", ["uvicorn", "fastapi", "jinja2"])
def test_a_missing_extra(tmp_path, package):
    # In a process of its own: other tests hold modules that this import would replace
    program = (
        f"import sys; sys.modules[{package!r}] = None; from vqrna.cli import main; "
        f"sys.exit(main(['serve', '--data', {str(tmp_path)!r}]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.endswith(f"needs the package '{package}': {missing_extra('web')}\n")
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_help_has_all_groups_and_no_web_package_is_loaded(vqrna_main):
    done = vqrna_main("serve", "--help")
    assert done.code == 0
    for option in ("--host", "--port", "--workers", "--token", "--max-nt", "--days"):
        assert option in done.out
