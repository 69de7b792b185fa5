"""Variants on Ray: the bytes of threads, also when a worker dies or the run is interrupted."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from genes import results, write_inputs

from vqrna.variation import units

pytest.importorskip("ray", reason="needs the extra: pip install '.[ray]'")
psutil = pytest.importorskip("psutil")

UNIT = 9
DRIVER = f"""
import sys
from vqrna.cli import main
from vqrna.variation import units

units.UNIT = {UNIT}
sys.exit(main(sys.argv[1:]))
"""
"""A process of its own, which starts and stops Ray."""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return write_inputs(tmp_path_factory.mktemp("inputs"), 12, 480)


@pytest.fixture
def whole(inputs, vqrna_main, tmp_path, monkeypatch):
    """The files of a run with threads."""
    monkeypatch.setattr(units, "UNIT", UNIT)
    out = tmp_path / "threads"
    assert vqrna_main("variants", inputs[0], *inputs[1], "--out", out, "--jobs", 1).code == 0
    return results(out)


@pytest.fixture
def on_ray(inputs, tmp_path):
    """Start a run on Ray."""

    def start(name, *more):
        command = ["variants", str(inputs[0]), *inputs[1], "--out", str(tmp_path / name)]
        command += ["--engine", "ray", "--jobs", "2", *more]
        environment = {k: v for k, v in os.environ.items() if k != "RAY_ADDRESS"}
        return subprocess.Popen(
            [sys.executable, "-c", DRIVER, *command], env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    return start


def wait_for_parts(folder, process, count):
    end = time.monotonic() + 200
    while (
        len(list(folder.glob(".vqrna-variants-*/[0-9]*.part"))) < count
        and process.poll() is None
        and time.monotonic() < end
    ):
        time.sleep(0.01)
    assert process.poll() is None


def scorers(process):
    """Workers of the run that score units."""
    return [
        child for child in psutil.Process(process.pid).children(recursive=True)
        if child.is_running() and "Scorer" in " ".join(child.cmdline())
    ]  # fmt: skip


def test_ray_writes_the_bytes_of_threads(on_ray, whole, tmp_path):
    process = on_ray("ray")
    out, err = process.communicate(timeout=400)
    assert process.returncode == 0, err
    assert "records:" in out
    assert results(tmp_path / "ray") == whole
    run = json.loads((tmp_path / "ray" / "run.json").read_text())
    assert (run["engine"], run["jobs"]) == ("ray", 2)


def test_a_worker_that_dies_changes_nothing(on_ray, whole, tmp_path):
    process = on_ray("ray")
    wait_for_parts(tmp_path / "ray", process, 2)
    alive = scorers(process)
    assert alive
    alive[0].kill()
    _, err = process.communicate(timeout=400)
    assert process.returncode == 0, err
    assert results(tmp_path / "ray") == whole


def test_an_interrupted_run_resumes_with_threads(on_ray, whole, inputs, vqrna_main, tmp_path):
    process = on_ray("ray")
    wait_for_parts(tmp_path / "ray", process, 2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=400)
    assert process.returncode == 130, err
    assert "the same command resumes" in err
    done = vqrna_main("variants", inputs[0], *inputs[1], "--out", tmp_path / "ray", "--jobs", 1)
    assert done.code == 0
    assert json.loads((tmp_path / "ray" / "run.json").read_text())["resumed"] >= 1
    assert results(tmp_path / "ray") == whole


def test_standard_output_needs_threads(vqrna_main, inputs):
    done = vqrna_main("variants", inputs[0], *inputs[1], "--engine", "ray", "--out", "-")
    assert done.code == 2
    assert "need an output folder" in done.err
