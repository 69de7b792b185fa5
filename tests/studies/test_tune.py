"""Whole searches with processes of their own: killed, crashed, joined, shown, on Ray."""

import dataclasses
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import closing, suppress
from pathlib import Path

import pandas as pd
import pytest

from tiny_search import SEARCH, TINY
from vqrna import config as configs
from vqrna.studies import read_search
from vqrna.studies import search as searching
from vqrna.studies.optuna_storage import new_worker, open_storage, open_study
from vqrna.studies.search_results import write_results
from vqrna.studies.trial import WorkerTask, run_trials
from vqrna.training import WindowSource, from_benchmark

LONG = TINY.replace("epochs = 2", "epochs = 20").replace("[training]", "[training]\npatience = 99")


@pytest.fixture
def tune(vqrna_main, data, tmp_path):
    """Run ``vqrna tune``."""

    def call(config, *arguments, out=tmp_path / "out"):
        fixed = ("--data", data, "--modifications", "Am", "--device", "cpu", "--threads", 1)
        return vqrna_main("tune", "--config", config, "--out", out, *fixed, *arguments)

    return call


def running_trials(out):
    """Processes of the running trials that have reported an epoch, by number; quick to call."""
    query = """
        SELECT number, value_json FROM trials JOIN trial_user_attributes USING (trial_id)
        WHERE state = 'RUNNING' AND key = 'worker'
        AND trial_id IN (SELECT trial_id FROM trial_intermediate_values)
    """
    try:
        with closing(sqlite3.connect(f"file:{out / 'study.db'}?mode=ro", uri=True)) as database:
            rows = database.execute(query).fetchall()
    except sqlite3.OperationalError:  # no study yet, or it is being written
        return {}
    processes = {number: process_of(json.loads(worker)) for number, worker in rows}
    return {number: pid for number, pid in processes.items() if pid}


def process_of(worker):
    """Process with the name of the worker among its arguments."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if worker.encode() in (folder / "cmdline").read_bytes().split(b"\0"):
                return int(folder.name)
    return None


def wait_for(condition, seconds=200):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.01)
    raise AssertionError("it did not happen")


def test_a_search_from_the_command_line(tune, search_file, tmp_path):
    done = tune(search_file(), "--port", 0)
    assert done.code == 0, done.err
    out = tmp_path / "out"
    table = pd.read_csv(out / "trials.csv")
    assert set(table["state"]) <= {"complete", "pruned"}
    assert len(table) == 3
    best = table.sort_values("value").iloc[-1]
    assert f"  learning_rate = {best['learning_rate']:.4g}" in done.out
    config = configs.load(out / "config.toml")
    assert config.model.width == 8
    assert config.training.learning_rate == pytest.approx(best["learning_rate"], rel=1e-5)
    assert "live page: http://127.0.0.1:" in done.err
    for name in ("history", "slices"):
        assert (out / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (out / f"{name}.svg").exists()
    for trial in table["trial"]:
        log = (out / "trials" / f"{trial:04d}" / "output.log").read_text()
        assert "validation AUROC" in log
    again = tune(search_file())
    assert again.code == 0
    assert "resuming: 3 of 3 trials are done" in again.err
    assert pd.read_csv(out / "trials.csv").equals(table)


def test_what_is_killed_goes_on(tune, search_file, data, tmp_path):
    out = tmp_path / "out"
    text = SEARCH.replace("trials = 3", "trials = 2\npruner = 'none'") + LONG
    command = [
        sys.executable, "-c", "from vqrna.cli import run; run()", "tune", "--config",
        search_file(text), "--data", data, "--modifications", "Am", "--out", out, "--device",
        "cpu", "--threads", "1",
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        found = wait_for(lambda: running_trials(out))
        process.send_signal(signal.SIGKILL)
    number, worker = next(iter(found.items()))

    def ended():
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            return True
        return False

    wait_for(ended)  # who trains ends with who started it
    checkpoint = out / "trials" / f"{number:04d}" / "checkpoint.safetensors"
    assert checkpoint.exists()
    done = tune(search_file(text))
    assert done.code == 0, done.err
    assert "interrupted trials are retried" in done.err
    table = pd.read_csv(out / "trials.csv").set_index("trial")
    assert sorted(table["state"]) == ["complete", "complete", "interrupted"]
    assert table.loc[number, "state"] == "interrupted"
    (again,) = table.index[table["retry_of"] == number]
    assert table.loc[again, "learning_rate"] == table.loc[number, "learning_rate"]
    assert table.loc[again, "epochs"] == 20
    assert not checkpoint.exists()
    log = (out / "trials" / f"{again:04d}" / "output.log").read_text()
    assert log.count("epoch 1/20: loss") == 1  # it went on from the checkpoint


def test_a_trial_that_dies_takes_nobody_along(tune, search_file, tmp_path):
    out = tmp_path / "out"
    text = SEARCH.replace("trials = 3", "trials = 2\npruner = 'none'") + LONG
    killed = []

    def kill_the_first():
        found = wait_for(lambda: running_trials(out))
        number, worker = next(iter(found.items()))
        killed.append(number)
        os.kill(worker, signal.SIGKILL)

    thread = threading.Thread(target=kill_the_first)
    thread.start()
    done = tune(search_file(text))
    thread.join()
    assert done.code == 0, done.err
    table = pd.read_csv(out / "trials.csv").set_index("trial")
    assert table.loc[killed[0], "state"] == "failed"
    assert table.loc[killed[0], "error"] == "its process died: killed by SIGKILL (out of memory?)"
    assert sorted(table["state"]) == ["complete", "failed"]
    assert f"trial {killed[0]}: failed: its process died" in done.err


def test_processes_join_one_study(search_file, data, tmp_path):
    text = SEARCH.replace("trials = 3", "trials = 2") + TINY
    storage = f"sqlite:///{tmp_path}/shared.db"
    command = [
        sys.executable, "-c", "from vqrna.cli import run; run()", "tune", "--config",
        str(search_file(text)), "--data", str(data), "--modifications", "Am", "--device", "cpu",
        "--threads", "1", "--storage", storage, "--out",
    ]  # fmt: skip
    outs = [tmp_path / "one", tmp_path / "two"]
    both = [
        subprocess.Popen([*command, str(out)], stderr=subprocess.PIPE, text=True) for out in outs
    ]
    for process in both:
        _, said = process.communicate()
        assert process.returncode == 0, said
    tables = [pd.read_csv(out / "trials.csv") for out in outs]
    whole = max(tables, key=lambda t: t["state"].isin(["complete", "pruned"]).sum())
    assert len(whole) == 2
    assert whole["state"].isin(["complete", "pruned"]).all()
    folders = [{p.name for p in (out / "trials").glob("*")} for out in outs if out.exists()]
    assert {int(name) for names in folders for name in names} == set(whole["trial"])


def test_a_database_that_cannot_be_opened_leaves_no_folder(tune, search_file, tmp_path):
    done = tune(search_file(), "--storage", f"sqlite:///{tmp_path}/nowhere/a.db")
    assert done.code in (1, 2)
    assert "nowhere/a.db" in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "out").exists()


def test_a_dry_run_trains_nothing(tune, search_file, tmp_path):
    done = tune(search_file(), "--dry-run", "--trials", 50, "--jobs", 2)
    assert done.code == 0, done.err
    assert "48 training and 24 validation windows" in done.out
    assert "0.001 to 0.1, logarithmic" in done.out
    assert "only if optimizer is adamw" in done.out
    assert "50 trials" in done.out
    assert "2 at once" in done.out
    assert not (tmp_path / "out").exists()


def test_a_published_experiment_runs(nni_file, data, tmp_path):
    """On a network of the published kind, as small as it gets."""
    space = {
        "lr": {"_type": "choice", "_value": [1e-3, 1e-4]},
        "batch_size": {"_type": "choice", "_value": [16, 32]},
        "data_index": {"_type": "choice", "_value": [4]},
        "loss1": {"_type": "uniform", "_value": [0, 1]},
    }
    lines = (
        "maxTrialNum: 1\ntrialConcurrency: 1\nmaxExecDuration: 24h\n"
        "trainingServicePlatform: local\ntuner: {builtinTunerName: TPE, "
        "classArgs: {optimize_mode: maximize}}\n"
        f"trial: {{command: touch {tmp_path}/executed, codeDir: ., gpuNum: 0}}\n"
    )
    search = read_search(nni_file(space, lines), length=51, epochs=1)
    url = f"sqlite:///{tmp_path}/s.db"
    assert search.modifications == ("Um",)
    run_trials(WorkerTask(search, url, "id", str(data), ("Um",), str(tmp_path), 1), new_worker())
    study = open_study(open_storage(url), search, "id")
    result = write_results(study, search, tmp_path)
    assert list(result.table["state"]) == ["complete"]
    assert not (tmp_path / "executed").exists()
    kept = configs.load(tmp_path / "config.toml")
    assert kept.model.architecture == "paper"
    assert kept.training.learning_rate in (1e-3, 1e-4)


def test_a_live_page_shows_the_study(tmp_path, data, search_file):
    search = read_search(search_file())
    url = f"sqlite:///{tmp_path}/s.db"
    study = open_study(open_storage(url), search, "id")
    study.enqueue_trial({"learning_rate": 0.01})
    with searching.reserve_port(0) as server, searching.serve_page(server, url, 1) as address:
        base = address.partition("/dashboard")[0]
        assert b"<html" in urllib.request.urlopen(address, timeout=30).read().lower()
        told = json.load(urllib.request.urlopen(f"{base}/api/studies/1", timeout=30))
        assert told["objective_names"] == ["validation auroc"]
        assert [trial["state"] for trial in told["trials"]] == ["Waiting"]
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(address, timeout=5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ray_makes_trials_too(tune, search_file, tmp_path, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setenv("PYTHONWARNINGS", "ignore")
    done = tune(search_file(), "--engine", "ray", "--jobs", 1, "--trials", 2)
    assert done.code == 0, done.err
    table = pd.read_csv(tmp_path / "out" / "trials.csv")
    assert table["state"].isin(["complete", "pruned"]).all()
    assert len(table) == 2
    assert (tmp_path / "out" / "trials" / "0000" / "output.log").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ((), 2, "--config and --data are required"),
        (("--serve",), 1, "no search"),
        (("--serve", "--dry-run"), 2, "--serve shows an existing search"),
        (("--address", "auto"), 2, "--address needs --engine ray"),
        (("--config", "SEARCH", "--data", "none"), 1, "none"),
        (("--config", "none.toml", "--data", "DATA"), 1, "none.toml: no such file"),
        (("--config", "SEARCH", "--data", "DATA", "--modifications", "Xm"), 2, "Xm"),
        (("--config", "SEARCH", "--data", "DATA", "--engine", "slurm"), 2, "engine 'slurm'"),
        (("--config", "SEARCH", "--data", "DATA", "--storage", "a.db"), 2, "is a URL such as"),
        (("--config", "SEARCH", "--data", "DATA", "--storage", "no://x"), 1, "database"),
        (("--config", "SEARCH", "--data", "DATA", "--trials", "0"), 2, "--trials"),
    ],
)
def test_a_wrong_call_is_told_in_one_line(
    vqrna_main, search_file, data, tmp_path, arguments, code, told
):
    names = {"SEARCH": search_file(), "DATA": data}
    words = [names.get(word, word) for word in arguments]
    done = vqrna_main("tune", "--out", tmp_path / "new" / "out", *words)
    assert done.code == code
    (line,) = [x for x in done.err.splitlines() if not x.startswith("vqrna: note:")]
    assert line.startswith("vqrna: error: ")
    assert told in line
    assert "unexpected" not in line
    assert done.out == ""


def test_another_search_needs_another_folder(tune, search_file, tmp_path):
    (tmp_path / "out").mkdir()
    record = {"identity": "x", "search": {}}
    (tmp_path / "out" / "search.json").write_text(json.dumps(record))
    done = tune(search_file())
    assert done.code == 1
    assert "search.json: the record is damaged" in done.err


def test_a_busy_port_is_told_before_any_work(tune, search_file, tmp_path):
    with searching.reserve_port(0) as server:
        done = tune(search_file(), "--port", server.server_port)
    assert done.code == 1
    assert f"port {server.server_port} is in use: choose another --port" in done.err
    assert not (tmp_path / "out").exists()


def test_a_search_knows_its_negatives_and_contexts(search_file, data, tmp_path, monkeypatch):
    source = from_benchmark(data, ["Am"])
    (kind,) = source.train.modifications
    other_sets = dataclasses.replace(source.valid, negative_sets=("random", "hard"))
    other_type = dataclasses.replace(kind, context="AN")
    other_context = dataclasses.replace(source.train, modifications=(other_type,))

    class ToldError(Exception):
        """Ends a search where it tells its identity."""

    def keep(folder, record):
        raise ToldError(record.identity)

    monkeypatch.setattr(searching, "write_record", keep)
    found = []
    for each in (
        source,
        WindowSource(source.train, source.valid),
        WindowSource(source.train, other_sets),
        WindowSource(other_context, source.valid),
    ):
        with pytest.raises(ToldError) as told:
            searching.tune(read_search(search_file()), each, data, tmp_path / "out", device="cpu")
        found.append(str(told.value))
    assert found[0] == found[1]
    assert len(set(found)) == 3
