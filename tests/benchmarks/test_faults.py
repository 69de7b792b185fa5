"""The benchmark of faults: it disturbs runs, completes them, and detects what was lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.faults.commands import COMMANDS, content
from benchmarks.faults.kills import Reference, Tally, difference, partial_files

PREDICT = COMMANDS[0]


@pytest.fixture
def finished(tmp_path: Path) -> tuple[Path, Reference]:
    """A folder with results, and their digests."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "sites.tsv").write_text("sequence\tposition\nr1\t5\n")
    (out / "run.json").write_text('{"calls": 1, "seconds": 2.5}')
    return out, Reference(content(out), 1.0, 100)


def test_results_differ_only_if_their_content_does(finished):
    out, expected = finished
    assert difference(out, expected) == ""
    (out / "run.json").write_text('{"calls": 1, "seconds": 7.0}')  # the time may differ
    assert difference(out, expected) == ""
    (out / "run.json").write_text('{"calls": 2, "seconds": 2.5}')
    assert difference(out, expected) == "different: run.json"
    (out / "run.json").unlink()
    (out / "more.tsv").write_text("")
    assert difference(out, expected) == "different: more.tsv, run.json"


def test_a_partial_result_of_an_interrupted_run_is_found(finished):
    out, expected = finished
    assert partial_files(out, PREDICT, expected) == ""
    (out / ".sites.tsv.tmp").write_text("sequ")  # hidden while it is written
    assert partial_files(out, PREDICT, expected) == ""
    (out / "sites.tsv").write_text("sequ")
    assert partial_files(out, PREDICT, expected) == "sites.tsv is incomplete"
    (out / "sites.tsv").unlink()
    (out / "other.tsv").write_text("")
    assert partial_files(out, PREDICT, expected) == "other.tsv is not a result"


def test_a_tally_counts_tries_and_losses():
    tally = Tally("kill -9", "predict")
    tally.add("", 3)
    tally.add("sites.tsv is incomplete", 2)
    row = tally.to_dict()
    assert (row["tried"], row["survived"], row["lost"]) == (5, 3, 2)


@pytest.mark.serial
@pytest.mark.skipif(not hasattr(os, "fork"), reason="runs commands in forks")
def test_killed_and_damaged_scans_are_completed(root):
    words = ["predict", "--count", "2", "--faults", "kill -9", "damaged parts", "--again"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.faults", *words],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "kill -9: predict: 2 tried, 0 lost" in done.stdout
    assert "damaged parts: predict: " in done.stdout


def test_an_interrupted_search_has_the_result_of_another(tmp_path):
    """Numbers of trials, times and interrupted trials differ; values do not."""
    header = "trial,state,value,epochs,seconds,learning_rate,retry_of\n"
    rows = {
        "plain": "0,complete,0.84,2,5.6,0.0125,\n1,complete,0.75,2,2.3,0.0146,\n",
        "killed": "0,interrupted,,,5.1,0.0125,\n1,complete,0.84,2,4.2,0.0125,0\n"
        "2,complete,0.75,2,2.1,0.0146,\n",
        "other": "0,complete,0.84,2,5.6,0.0125,\n1,complete,0.74,2,2.3,0.0146,\n",
    }
    contents = {}
    for number, (name, lines) in enumerate(rows.items()):
        out = tmp_path / name
        out.mkdir()
        (out / "study.db").write_bytes(b"")
        (out / "trials.csv").write_text(header + lines)
        (out / "config.toml").write_text(f"# trial {number} of a search\nseed = 0\n")
        contents[name] = content(out)
    assert contents["plain"] == contents["killed"]
    assert contents["plain"] != contents["other"]
