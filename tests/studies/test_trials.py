"""Trials without training: what is told, pruned, tried again, left out, and when it stops."""

import dataclasses
import errno
import os
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest

from vqrna import config as configs
from vqrna.errors import DataError
from vqrna.studies import read_search
from vqrna.studies import trial as trials
from vqrna.studies.optuna_storage import (
    CHOSEN,
    GRACE,
    RETRIES,
    WORKER,
    enqueue_grid,
    fail_ended_trials,
    fail_unclaimed_trials,
    has_ended,
    new_worker,
    open_storage,
    open_study,
    register_worker,
    retry_interrupted,
    retry_of,
    unclaimed_trials,
)
from vqrna.studies.search_results import draw, importance, trials_table, write_results
from vqrna.studies.trial import WorkerTask, run_trials
from vqrna.training import from_benchmark

EPOCHS = 4
GONE = new_worker().replace(f":{os.getpid()}:", ":999999:")
"""Name of a process that has ended."""


@pytest.fixture
def trained(monkeypatch):
    """Put a made-up training in place of the real one; gives the configurations it got."""
    seen = []

    def train_network(train, valid, out, config, *, on_epoch, resume, device, calibrate):
        seen.append(config)
        level = -np.log10(config.training.learning_rate)  # 1 to 3: lower rates are better
        history = []
        for epoch in range(1, config.training.epochs + 1):
            mean = {"auroc": 0.5 + 0.1 * level + 0.01 * epoch, "acc": 0.5, "mcc": 0, "loss": 1}
            history.append({"epoch": epoch, "valid": {"mean": mean}})
            (out / "history.csv").write_text("epoch\n")
            (out / trials.CHECKPOINT).write_text("state")
            on_epoch(history)

    monkeypatch.setattr(trials, "train_network", train_network)
    return seen


@pytest.fixture
def search(search_file):
    text = (
        "[search]\ntrials = 9\nstartup = 4\n[training]\nepochs = 4\n"
        "[space]\nlearning_rate = { low = 1e-3, high = 1e-1, log = true }\nseed = [0, 1]\n"
    )
    return read_search(search_file(text))


@pytest.fixture
def task(search, data, tmp_path):
    return WorkerTask(
        search, f"sqlite:///{tmp_path}/s.db", "id", str(data), ("Am",), str(tmp_path), 9
    )


def study_of(task, heartbeat=False):
    return open_study(open_storage(task.url, heartbeat), task.search, task.identity)


def changed(task, **settings):
    new = dataclasses.replace(task.search.settings, **settings)
    search = dataclasses.replace(task.search, settings=new)
    return dataclasses.replace(task, search=search, limit=new.trials)


def test_hopeless_trials_are_pruned_and_the_best_is_found(task, trained, tmp_path):
    run_trials(task, new_worker())
    study = study_of(task)
    result = write_results(study, task.search, tmp_path)
    table = pd.read_csv(tmp_path / "trials.csv")
    assert list(table["trial"]) == list(range(9))
    assert set(table["state"]) == {"complete", "pruned"}
    whole, pruned = table[table["state"] == "complete"], table[table["state"] == "pruned"]
    assert (whole["epochs"] == EPOCHS).all()
    assert (pruned["epochs"] < EPOCHS).all()
    assert (pruned["epochs"] == 1).any()
    assert (whole["best_epoch"] == EPOCHS).all()
    best = whole.loc[whole["value"].idxmax()]
    assert best["learning_rate"] == pytest.approx(whole["learning_rate"].min())
    assert best["value"] == pytest.approx(0.54 - 0.1 * np.log10(best["learning_rate"]), abs=1e-5)
    assert result.number == best["trial"]
    kept = configs.load(tmp_path / "config.toml")
    assert kept.training.learning_rate == pytest.approx(best["learning_rate"], rel=1e-5)
    assert kept.training.epochs == EPOCHS
    folder = trials.trial_folder(tmp_path, int(best["trial"]))
    assert configs.load(folder / "config.toml") == kept == result.config
    assert sorted(p.name for p in folder.iterdir()) == ["config.toml", "history.csv", "output.log"]
    shares = importance(study, task.search)
    assert next(iter(shares)) == "learning_rate"
    assert sum(shares.values()) == pytest.approx(1)
    pictures = draw(study, task.search, tmp_path)
    assert {p.stem for p in pictures} == {"history", "importance", "slices"}
    assert all(p.with_suffix(".svg").exists() for p in pictures)


def test_nothing_is_pruned_while_it_warms_up(task, trained):
    warm = changed(task, warmup=3)
    run_trials(warm, new_worker())
    table = trials_table(study_of(warm), warm.search.space)
    assert set(table[table["state"] == "pruned"]["epochs"]) == {3}


def test_the_same_seed_gives_the_same_search_however_often_it_stops(task, trained, tmp_path):
    run_trials(task, new_worker())
    whole, trained[:] = list(trained), []
    again = dataclasses.replace(task, url=f"sqlite:///{tmp_path}/t.db", out=str(tmp_path / "t"))
    for limit in (2, 5, 9):
        run_trials(dataclasses.replace(again, limit=limit), new_worker())
    assert trained == whole
    rates = {config.training.learning_rate for config in trained}
    assert len(rates) == 9  # and no draw comes twice
    other = changed(dataclasses.replace(task, url=f"sqlite:///{tmp_path}/u.db"), seed=1)
    trained.clear()
    run_trials(other, new_worker())
    assert trained[0] != whole[0]


def test_a_trial_that_fails_is_told_and_counted(task, trained, monkeypatch, tmp_path):
    real = trials.train_network

    def sometimes(train, valid, out, config, **more):
        if config.training.seed == 1:
            print("about to fail")
            raise ValueError("no such luck")
        if config.training.learning_rate > 0.03:
            raise DataError("training has diverged")
        real(train, valid, out, config, **more)

    monkeypatch.setattr(trials, "train_network", sometimes)
    run_trials(task, new_worker())
    table = trials_table(study_of(task), task.search.space)
    failed = table[table["state"] == "failed"]
    assert len(table) == 9
    assert set(failed["error"]) == {"ValueError: no such luck", "training has diverged"}
    number = int(failed[failed["seed"] == 1]["trial"].iloc[0])
    log = (trials.trial_folder(tmp_path, number) / "output.log").read_text()
    assert "about to fail" in log
    assert "no such luck" in log
    assert draw(study_of(task), task.search, tmp_path)  # failed ones do not hinder the pictures


def test_a_full_disk_stops_the_search_and_the_trial_is_tried_again(task, trained, monkeypatch):
    run_trials(dataclasses.replace(task, url=task.url + "2"), new_worker())
    whole = [(config.training.learning_rate, config.training.seed) for config in trained]
    trained.clear()
    real = trials.train_network

    def full(train, valid, out, config, **more):
        if len(trained) == 2:
            raise DataError("cannot write: the disk is full") from OSError(errno.ENOSPC, "")
        real(train, valid, out, config, **more)

    monkeypatch.setattr(trials, "train_network", full)
    with pytest.raises(DataError, match="cannot write: the disk is full"):
        run_trials(task, new_worker())
    states = [t.state.name for t in study_of(task).trials]
    assert states == ["COMPLETE", "COMPLETE", "FAIL"]
    monkeypatch.setattr(trials, "train_network", real)
    run_trials(task, new_worker())
    got = [(config.training.learning_rate, config.training.seed) for config in trained]
    assert got == whole  # as if it had never stopped
    table = trials_table(study_of(task), task.search.space)
    assert table["state"].tolist()[2:4] == ["interrupted", "complete"]


def test_a_trial_whose_process_is_gone_begins_again_from_its_checkpoint(task, trained, tmp_path):
    study = study_of(task)
    lost = study.ask()
    chosen = task.search.space.suggest(lost)
    lost.set_user_attr(CHOSEN, chosen)
    lost.set_user_attr(WORKER, new_worker().replace(f":{os.getpid()}:", ":999999:"))
    folder = trials.trial_folder(tmp_path, 0)
    folder.mkdir(parents=True)
    (folder / "mark").write_text("of the first attempt")
    assert fail_ended_trials(study, has_ended) == [0]
    assert fail_ended_trials(study, has_ended) == []
    run_trials(dataclasses.replace(task, limit=1), new_worker())
    table = trials_table(study_of(task), task.search.space)
    assert list(table["state"]) == ["interrupted", "complete"]
    assert table["retry_of"].tolist()[1] == 0
    assert table["learning_rate"].tolist()[1] == chosen["learning_rate"]
    assert not folder.exists()
    assert (trials.trial_folder(tmp_path, 1) / "mark").exists()


def test_a_process_that_works_is_not_gone():
    assert not has_ended(new_worker())
    assert not has_ended("another machine:999999:abc")  # only time tells
    assert has_ended(new_worker().rpartition(":")[0].rpartition(":")[0] + ":999999:abc")
    place, _, mark = new_worker().rpartition(":")
    assert has_ended(f"{place}:1.{mark.partition('.')[2]}")  # another process with this number
    assert not has_ended(f"{place}:abc")  # named by an earlier version: only known to run


def test_silence_of_another_machine_is_mended(task, trained):
    study = study_of(task)
    lost = study.ask()
    lost.set_user_attr(CHOSEN, task.search.space.suggest(lost))
    lost.set_user_attr(WORKER, "another machine:1:abc")
    storage = study_of(task, heartbeat=True)._storage._backend
    storage.record_heartbeat(lost._trial_id)
    with storage.engine.begin() as connection:
        from sqlalchemy import text

        ago = f"datetime('now', '-{2 * GRACE} seconds')"
        connection.execute(text(f"UPDATE trial_heartbeats SET heartbeat = {ago}"))
    run_trials(dataclasses.replace(task, limit=1), new_worker())
    table = trials_table(study_of(task), task.search.space)
    assert table["state"].tolist()[0] == "interrupted"
    assert 0 in table["retry_of"].dropna().tolist()


def interrupt(task, study, **more):
    """Begin a trial in a process that ends, and record that it did."""
    trial = study.ask()
    trial.set_user_attr(CHOSEN, task.search.space.suggest(trial))
    trial.set_user_attr(WORKER, GONE)
    assert fail_ended_trials(study, has_ended, **more) == [trial.number]
    return trial


def test_a_trial_whose_machine_is_lost_again_and_again_fails(task):
    study = study_of(task)
    for _ in range(RETRIES + 1):
        interrupt(task, study, lost=True)
    assert [retry_of(t) for t in study.trials] == [None, 0, 1, 2]
    table = trials_table(study, task.search.space)
    assert table["state"].tolist() == ["interrupted"] * RETRIES + ["failed"]
    assert (
        table["error"].tolist()[-1] == "its machine was lost 4 times before the trial was complete"
    )


def test_kills_of_the_search_change_nothing(task, trained, tmp_path):
    run_trials(task, new_worker())
    whole, best = list(trained), write_results(study_of(task), task.search, tmp_path).config
    trained.clear()
    killed = dataclasses.replace(task, url=f"sqlite:///{tmp_path}/k.db", out=str(tmp_path / "k"))
    for limit in range(10):
        run_trials(dataclasses.replace(killed, limit=limit % 4), new_worker())
        interrupt(killed, study_of(killed))
    run_trials(killed, new_worker())
    assert trained == whole
    assert write_results(study_of(killed), task.search, tmp_path).config == best


def test_a_trial_that_a_live_process_may_have_begun_is_left(task):
    study = study_of(task)
    register_worker(study, GONE)
    study.ask()  # running, without process and heartbeat
    assert [t.number for t in unclaimed_trials(study)] == [0]
    register_worker(study, new_worker())
    assert fail_unclaimed_trials(study_of(task)) == []  # this process may have begun it


def test_a_trial_killed_before_its_first_record_is_ended(task, trained):
    study = study_of(task)
    register_worker(study, GONE)
    study.ask()
    assert fail_unclaimed_trials(study_of(task)) == [0]
    run_trials(task, new_worker())
    table = trials_table(study_of(task), task.search.space)
    assert table["state"].tolist()[0] == "interrupted"
    assert len(table) == 10
    assert not table["retry_of"].notna().any()  # it had no values yet


def test_a_trial_without_heartbeat_gets_one(task):
    from sqlalchemy import text

    study_of(task).ask()
    study = study_of(task, heartbeat=True)
    retry_interrupted(study)
    with study._storage._backend.engine.connect() as connection:
        assert len(connection.execute(text("SELECT * FROM trial_heartbeats")).all()) == 1


def test_a_point_of_a_grid_is_not_lost_by_a_kill(task, trained, search_file):
    file = search_file(
        "[search]\nsampler = 'grid'\npruner = 'none'\ntrials = 99\n[training]\nepochs = 1\n"
        "[space]\nlearning_rate = [0.1, 0.01]\nseed = { low = 0, high = 2 }\n"
    )
    grid = dataclasses.replace(task, search=read_search(file), limit=6)
    study = study_of(grid)
    register_worker(study, GONE)
    enqueue_grid(study, grid.search)
    study.ask()  # the first point, killed before its first record
    assert fail_unclaimed_trials(study) == [0]
    retry_interrupted(study)
    assert enqueue_grid(study, grid.search) == 6
    run_trials(grid, new_worker())
    got = sorted((c.training.learning_rate, c.training.seed) for c in trained)
    assert got == sorted((rate, seed) for rate in (0.1, 0.01) for seed in (0, 1, 2))


def test_a_trial_that_another_process_has_ended_is_left(task, trained, monkeypatch):
    real = trials.train_network

    def slow(*arguments, **more):
        study = study_of(task)
        if len(study.trials) == 1:
            study._storage.set_trial_state_values(1, optuna.trial.TrialState.FAIL)
        real(*arguments, **more)

    monkeypatch.setattr(trials, "train_network", slow)
    run_trials(dataclasses.replace(task, limit=2), new_worker())
    table = trials_table(study_of(task), task.search.space)
    assert table["state"].tolist() == ["interrupted", "complete", "complete"]
    assert table["retry_of"].tolist()[1] == 0


def test_retries_of_earlier_versions_are_known():
    trial = optuna.create_trial(state=optuna.trial.TrialState.WAITING, user_attrs={"retry of": 3})
    assert retry_of(trial) == 3


def test_one_too_many_is_left_out(task, trained):
    one = dataclasses.replace(task, limit=2)
    study = study_of(one)
    source = from_benchmark(one.data, one.modifications)
    objective = trials.Objective(one.search, source, Path(one.out), 2, new_worker(), "cpu")
    study.optimize(objective, n_trials=3, catch=(trials.TrialError,))
    table = trials_table(study, one.search.space)
    assert list(table["state"]) == ["complete", "complete"]
    assert len(trained) == 2


def test_a_grid_is_gone_through_in_order(task, trained, search_file):
    file = search_file(
        "[search]\nsampler = 'grid'\npruner = 'none'\ntrials = 99\n[training]\nepochs = 1\n"
        "[space]\nlearning_rate = [0.1, 0.01]\nseed = { low = 0, high = 2 }\n"
    )
    grid = dataclasses.replace(task, search=read_search(file))
    study = study_of(grid)
    assert enqueue_grid(study, grid.search) == 6
    assert enqueue_grid(study, grid.search) == 6  # not twice
    run_trials(dataclasses.replace(grid, limit=6), new_worker())
    got = [(c.training.learning_rate, c.training.seed) for c in trained]
    assert got == [(rate, seed) for rate in (0.1, 0.01) for seed in (0, 1, 2)]


@pytest.mark.parametrize("sampler", ["random", "evolution"])
@pytest.mark.parametrize("pruner", ["none", "hyperband"])
def test_other_samplers_and_pruners(task, trained, sampler, pruner):
    few = changed(task, sampler=sampler, pruner=pruner, trials=5, population=3)
    run_trials(few, new_worker())
    assert len(trials_table(study_of(few), few.search.space)) == 5


def test_an_order_survives_its_journey(task):
    assert WorkerTask.from_json(task.to_json()) == task
