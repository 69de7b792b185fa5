"""Studies that crash, fill the disk, are killed and go on: every cell by a process of its own."""

import errno
import json
import signal
import subprocess
import sys
import time

import pytest

from hand_cells import TOML, write_data
from tiny import tiny
from vqrna import config as configs
from vqrna.errors import DataError, UsageError
from vqrna.runtime.lock import folder_lock
from vqrna.studies import CellStore, cell, plan, run_cell
from vqrna.studies.ablations import plan_ablations
from vqrna.studies.cell import ERROR_NAME, Task, attempt
from vqrna.studies.estimate import estimate_study
from vqrna.studies.lengths import plan_lengths
from vqrna.studies.plan import CELLS, run_plan
from vqrna.training import from_benchmark

FAULTY = '''"""A worker that fares badly with some cells."""
import json, os, resource, signal, sys
task = json.load(open(sys.argv[1]))
if task["identity"]["variant"] == "101 nt":
    os.kill(os.getpid(), signal.SIGSEGV)
if task["identity"]["variant"] == "151 nt":
    resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))
from vqrna.studies.cell import main
sys.exit(main(sys.argv[1:]))
'''


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("study") / "data")


@pytest.fixture
def quick(monkeypatch):
    """Without curves, which take longer than all the rest."""
    from vqrna.training import report

    monkeypatch.setattr(report, "write_curves", lambda folder, table: None)


def planned(data, lengths=(51, 101, 151), epochs=1):
    return plan_lengths(from_benchmark(data), data, tiny(epochs=epochs), lengths)


def test_a_study_survives_a_crash_and_a_full_disk_and_goes_on(data, tmp_path, monkeypatch):
    (tmp_path / "faulty_worker.py").write_text(FAULTY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    out = tmp_path / "out"
    cells = list(planned(data).cells())
    with monkeypatch.context() as patch:
        patch.setattr(plan, "WORKER", "faulty_worker")
        failures = run_plan(cells, data, out, jobs=2, resamples=20, show_progress=False)
    found = {f.identity.variant: f.reason for f in failures}
    assert found["101 nt"] == "killed by SIGSEGV"
    assert "the file would be larger than the system allows" in found["151 nt"]
    store = CellStore(out / CELLS)
    kept = store.all()
    assert [cell.identity.variant for cell in kept] == ["51 nt"]
    assert kept[0].identity == cells[0]
    folder = failures[0].folder
    assert json.loads((folder / "task.json").read_text())["identity"]["variant"] in found
    before = store.path(cells[0]).stat().st_mtime_ns

    assert run_plan(cells[:2], data, out, resamples=20, show_progress=False) == []
    assert {cell.identity.variant for cell in store.all()} == {"51 nt", "101 nt"}
    assert store.path(cells[0]).stat().st_mtime_ns == before  # what is there is not made again
    run = out / "runs" / cells[1].name
    left = {file.name for file in run.iterdir()}
    assert {"config.toml", "train.log", "log.txt", "history.csv"} <= left
    assert "checkpoint.safetensors" not in left


def test_a_killed_study_goes_on_from_its_checkpoint_to_the_same_end(data, tmp_path, quick):
    out, epochs = tmp_path / "out", 4
    (tmp_path / "tiny.toml").write_text(TOML)
    command = [
        sys.executable, "-c", "import vqrna.cli; vqrna.cli.run()", "lengths", "--data", str(data),
        "--lengths", "51", "--epochs", str(epochs), "--config", str(tmp_path / "tiny.toml"),
        "--resamples", "20", "--out", str(out), "--device", "cpu",
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as study:
        until = time.monotonic() + 120
        while not list(out.glob("runs/*/history.csv")):  # comes after the checkpoint
            assert time.monotonic() < until
            assert study.poll() is None
            time.sleep(0.01)
        study.send_signal(signal.SIGKILL)
    assert not list(out.glob("cells/*"))
    run = next(out.glob("runs/*"))
    until = time.monotonic() + 20
    while True:  # the worker ends with the study; its lock is free then
        try:
            with folder_lock(run):
                break
        except DataError:
            assert time.monotonic() < until
            time.sleep(0.05)
    assert len((run / "history.csv").read_text().splitlines()) - 1 < epochs

    subprocess.run(command, check=True, capture_output=True)
    (cell,) = CellStore(out / CELLS).all()
    assert len((run / "history.csv").read_text().splitlines()) - 1 == epochs
    source = from_benchmark(data)
    store = CellStore(tmp_path / "whole")
    whole = run_cell(cell.identity, source, tmp_path / "w", store, resamples=20)
    assert whole.scores == cell.scores
    assert cell.command.startswith("vqrna lengths --data data --lengths 51")
    assert "/" not in cell.command


def test_one_network_each_is_a_cell_too(data, tmp_path, quick):
    source = from_benchmark(data)
    made = plan_ablations(source, data, tiny(epochs=1), ["one-each", "no-quantizer"])
    assert [v.name for v in made.variants] == [
        "full",
        "no quantiser",
        "one network per modification",
    ]
    identity = list(made.cells())[2]
    cell = run_cell(identity, source, tmp_path / "run", CellStore(tmp_path), resamples=10)
    assert {p.name for p in (tmp_path / "run").iterdir() if p.is_dir()} == {"Am", "Cm"}
    assert set(cell.more["best_epoch"]) == {"Am", "Cm"}
    value, low, high = cell.score("mean")
    assert low <= value <= high
    assert len(cell.scores[0]["resampled_auroc"]) == 10


def test_why_an_attempt_failed_is_kept_until_one_does_not(tmp_path):
    from hand_cells import cell

    made = cell()
    store, place = CellStore(tmp_path / "cells"), tmp_path / "run"

    def broken():
        raise ZeroDivisionError("of all things")

    with pytest.raises(ZeroDivisionError):
        attempt(made.identity, place, store, broken)
    assert "of all things" in (place / ERROR_NAME).read_text()
    with folder_lock(place), pytest.raises(DataError, match="is writing to this folder"):
        attempt(made.identity, place, store, lambda: made)
    assert attempt(made.identity, place, store, lambda: made) == made
    assert not (place / ERROR_NAME).exists()
    assert attempt(made.identity, place, store, broken) == made  # not made again


def test_a_file_system_without_locks_can_hold_cells(tmp_path, monkeypatch):
    from hand_cells import cell

    def refuse(*_):
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    made = cell()
    assert attempt(made.identity, tmp_path, CellStore(tmp_path / "cells"), lambda: made) == made


def test_the_time_of_a_study_is_measured(data, tmp_path, quick):
    made = planned(data, (51, 101), epochs=3)
    store = CellStore(tmp_path)
    first, second = estimate_study(made, store, resamples=10, show_progress=False)
    assert not first.finished
    assert "measured" in first.source
    assert 0 < first.seconds < 600
    cell = run_cell(first.identity, made.source, tmp_path / "run", store, resamples=10)
    two = plan_lengths(made.source, data, tiny(epochs=3), (51,), (0, 1))
    there, other = estimate_study(two, store, resamples=10, show_progress=False)
    assert there.finished
    assert other.seconds == cell.seconds
    assert other.source == "time of seed 0"
    assert second.identity.variant == "101 nt"


def test_ablations_are_those_that_change_something(data):
    source = from_benchmark(data)
    names = [v.name for v in plan_ablations(source, data, tiny()).variants]
    assert names[0] == "full"
    assert {"no quantiser", "no reconstruction loss", "one network per modification"} <= set(names)
    assert {"64 codes", "context of 201 nt"} <= set(names)
    assert "context of 51 nt" not in names  # it has that already
    with pytest.raises(UsageError, match="'context-51' changes nothing here"):
        plan_ablations(source, data, tiny(), ["context-51"])
    with pytest.raises(UsageError, match="'x' is unknown"):
        plan_ablations(source, data, tiny(), ["x"])
    single = plan_ablations(source.only(0), data, tiny())
    assert "one network per modification" not in [v.name for v in single.variants]


def test_lengths_that_cannot_be_are_refused(data):
    source = from_benchmark(data)
    for lengths, words in (
        ([], "is empty"),
        ([51, 51], "holds 51 twice"),
        ([52], "must be odd"),
        ([201], "the windows are 151 nt long"),
    ):
        with pytest.raises(UsageError, match=words):
            plan_lengths(source, data, tiny(), lengths)


def test_other_data_are_noticed(data, tmp_path, capsys):
    (identity,) = planned(data, (51,)).cells()
    other = write_data(tmp_path / "other", n=16)
    places = (str(other), str(tmp_path / "cells"), str(tmp_path / "run"))
    task = Task(identity, *places, device="cpu", resamples=5, command="").write()
    assert cell.main([str(task)]) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"vqrna: error: {other}: ")
    assert "windows have changed since the study began" in told
    assert told.count("\n") == 1


def test_a_damaged_cell_ends_the_study_in_one_line(data, tmp_path):
    made = list(planned(data, (51,)).cells())
    store = CellStore(tmp_path / CELLS)
    store.folder.mkdir()
    store.path(made[0]).write_text("{")
    with pytest.raises(DataError, match="the cell is damaged"):
        run_plan(made, data, tmp_path, show_progress=False)


def test_configs_of_cells_differ_in_their_variant_only(data):
    made = plan_lengths(from_benchmark(data), data, tiny(), (51, 101), (0, 1)).cells()
    assert [(i.variant, i.seed) for i in made] == [
        ("51 nt", 0), ("101 nt", 0), ("51 nt", 1), ("101 nt", 1)
    ]  # fmt: skip
    first = next(iter(made))
    assert first.config["model"] == configs.to_dict(tiny())["model"]
