"""Runs of variants that are killed, at chosen and at random moments, resume to the same bytes."""

import json
import random
import signal
import subprocess
import sys
import time

import pytest
from genes import results, write_inputs

from seeded import files_in
from vqrna.variation import units

UNIT = 9
CONTIGS, RECORDS = 12, 240
PARTS = 27  # 241 records

DRIVER = f"""
import os, signal, sys
import vqrna.runtime.files
from vqrna.cli import main
from vqrna.variation import units
from vqrna.variation.store import VariantStore

units.UNIT = {UNIT}
place, name, left = {{place}}, {{name!r}}, {{call}}
if name:
    real = getattr(place, name)

    def last(*arguments, **more):
        global left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **more)

    setattr(place, name, last)
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return write_inputs(tmp_path_factory.mktemp("inputs"), CONTIGS, RECORDS)


@pytest.fixture(autouse=True)
def small_units(monkeypatch):
    monkeypatch.setattr(units, "UNIT", UNIT)


@pytest.fixture(scope="module")
def whole(inputs, tmp_path_factory):
    """The files of a run without a kill."""
    out = tmp_path_factory.mktemp("whole")
    assert start(words(inputs, out, "--jobs", "1")).wait() == 0
    return results(out)


def words(inputs, out, *more):
    return ["variants", str(inputs[0]), *inputs[1], "--out", str(out), *more]


def start(command, place="None", name="", call=0):
    program = DRIVER.format(place=place, name=name, call=call)
    return subprocess.Popen(
        [sys.executable, "-c", program, *command],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def parts_in(out) -> int:
    return len(list(out.glob(".vqrna-variants-*/[0-9]*.part")))


@pytest.mark.parametrize(
    ("place", "name", "call", "kept"),
    [
        ("units", "score_records", 5, 4),
        ("vqrna.runtime.files", "_rename", 3, 2),  # when the third part gets its name
        ("vqrna.runtime.files", "_rename", PARTS + 1, PARTS),  # when the first table does
        ("vqrna.runtime.files", "_rename", PARTS + 3, PARTS),  # between the tables and the VCF
        ("VariantStore", "clear", 1, PARTS),  # when all files are complete
    ],
)
def test_killed_at_a_step_a_run_resumes(
    inputs, whole, vqrna_main, tmp_path, place, name, call, kept
):
    out = tmp_path / "out"
    killed = start(words(inputs, out, "--jobs", "1"), place, name, call)
    assert killed.wait() == -signal.SIGKILL
    # One part may be complete in memory only
    assert kept - 1 <= parts_in(out) <= kept
    for file, content in results(out).items():
        assert file.startswith(".") or content == whole[file]  # complete or absent
    done = vqrna_main(*words(inputs, out, "--jobs", 1))
    assert done.code == 0, done.err
    assert kept - 1 <= json.loads((out / "run.json").read_text())["resumed"] <= kept
    assert results(out) == whole
    assert not any(".vqrna-variants" in file for file in files_in(out))


@pytest.mark.parametrize(("seed", "jobs"), [(0, 1), (1, 2), (2, 3)])
def test_killed_at_random_moments_a_run_resumes(inputs, whole, vqrna_main, tmp_path, seed, jobs):
    rng, out, kills = random.Random(seed), tmp_path / "out", 0
    command = words(inputs, out, "--jobs", str(jobs))
    for least in sorted(rng.sample(range(PARTS), 3)):
        process = start(command)
        end = time.monotonic() + 200
        while parts_in(out) < least and process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(rng.random() * 0.2)
        process.kill()
        kills += process.wait() == -signal.SIGKILL
    assert kills
    done = vqrna_main(*command)
    assert done.code == 0, done.err
    assert results(out) == whole


def test_killed_shards_resume_and_join(inputs, whole, vqrna_main, tmp_path):
    out = tmp_path / "out"
    for shard in ("1/2", "2/2"):
        command = words(inputs, out, "--jobs", "1", "--shard", shard)
        assert start(command, "units", "score_records", 6).wait() == -signal.SIGKILL
        assert vqrna_main("join", out).code == 1  # incomplete
        assert vqrna_main(*command).code == 0
    assert vqrna_main("join", out).code == 0
    assert results(out) == whole
