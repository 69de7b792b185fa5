"""A run that was killed goes on to the same bytes, wherever the kill came."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from tiny import planted, tiny, tiny_paper
from vqrna.config import Config, load
from vqrna.errors import DataError, UsageError
from vqrna.model.weights import FILE_NAME
from vqrna.runtime.provenance import running
from vqrna.training import checkpoint, epoch, loop, report, teacher
from vqrna.training.loop import TrainingResult, train_network

OURS = tiny(epochs=4, learning_rate=1e-2, off_site_weight=0.3)
RANKED = tiny(epochs=3, length=151, shuffled_weight=0.1)
PAPER = tiny_paper(epochs=3)


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the program handles it."""


def work(folder: Path, config: Config = OURS, resume: bool = False) -> TrainingResult:
    """Train on windows with some room beside the site."""
    train, valid = planted(48, 101), planted(32, 101, seed=1)
    return train_network(
        train, valid, folder, config, resume=resume, device="cpu", show_progress=False
    )


def files(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def history(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "history.csv").drop(columns="seconds")


def same(one: Path, two: Path) -> None:
    for name in (FILE_NAME, "train.log", "config.toml"):
        assert (one / name).read_bytes() == (two / name).read_bytes(), name
    pd.testing.assert_frame_equal(history(one), history(two))
    assert sorted(files(one)) == sorted(files(two))


def dies_at(monkeypatch, module, name: str, call: int, after: bool = False) -> None:
    """Let the `call`-th call (from 1) of a function be the last thing that happens."""
    real, calls = getattr(module, name), []

    def dying(*args, **kwargs):
        calls.append(1)
        if len(calls) < call:
            return real(*args, **kwargs)
        if after:
            real(*args, **kwargs)
        raise Killed

    monkeypatch.setattr(module, name, dying)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Folders of runs that nothing interrupted, made once each."""
    made: dict[str, Path] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "write_curves", lambda folder, table: None)
        for name, config in (("ours", OURS), ("ranked", RANKED), ("paper", PAPER)):
            made[name] = tmp_path_factory.mktemp(name)
            work(made[name], config)
    return made


MOMENTS = {
    "in the first epoch": (epoch, "train_step", 2, False),
    "in the third epoch": (epoch, "train_step", 8, False),
    "while it validates": (loop, "validate", 2, False),
    "before the best weights": (loop, "save_model", 2, False),
    "between best weights and checkpoint": (checkpoint, "write", 2, False),
    "between checkpoint and history": (checkpoint, "write", 3, True),
    "after the last checkpoint": (checkpoint, "write", 4, True),
    "between history and log": (report, "write_log", 4, False),
    "while it measures the model": (loop, "calibrate_model", 1, False),
    "after all": (loop, "calibrate_model", 1, True),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_wherever_it_dies_it_ends_the_same(tmp_path, no_curves, monkeypatch, whole, moment):
    with pytest.MonkeyPatch.context() as patch:
        dies_at(patch, *MOMENTS[moment])
        with pytest.raises(Killed):
            work(tmp_path)
    assert FILE_NAME not in files(tmp_path)
    work(tmp_path, resume=True)
    same(tmp_path, whole["ours"])


def test_it_may_die_again_and_again(tmp_path, no_curves, whole):
    for attempt in range(3):
        with pytest.MonkeyPatch.context() as patch:
            dies_at(patch, loop, "_next_epoch", 2)
            with pytest.raises(Killed):
                work(tmp_path, resume=True)
        assert len(history(tmp_path)) == attempt + 1
    work(tmp_path, resume=True)
    same(tmp_path, whole["ours"])


@pytest.mark.parametrize("moment", ["in the third epoch", "while it validates"])
def test_ranks_among_decoys_resume_too(tmp_path, no_curves, whole, moment):
    with pytest.MonkeyPatch.context() as patch:
        dies_at(patch, *MOMENTS[moment])
        with pytest.raises(Killed):
            work(tmp_path, RANKED)
    work(tmp_path, RANKED, resume=True)
    same(tmp_path, whole["ranked"])
    assert (history(tmp_path)["loss_ranking"] > 0).all()


def test_the_published_network_goes_on_too(tmp_path, no_curves, whole):
    with pytest.MonkeyPatch.context() as patch:
        dies_at(patch, loop, "_next_epoch", 3)
        with pytest.raises(Killed):
            work(tmp_path, PAPER)
    work(tmp_path, PAPER, resume=True)
    same(tmp_path, whole["paper"])


def test_a_real_kill(tmp_path, no_curves, whole):
    program = (
        "from pathlib import Path; import sys; sys.path[:0] = sys.argv[2:]\n"
        "import test_resume as t\n"
        "t.report.write_curves = lambda folder, table: None\n"
        "t.work(Path(sys.argv[1]))\n"
    )
    here = Path(__file__).parent
    words = [sys.executable, "-c", program, tmp_path, here, here.parent]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + 120
        while not (tmp_path / "history.csv").exists() and process.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.002)
        process.kill()
        _, err = process.communicate()
    assert process.returncode == -signal.SIGKILL, err
    work(tmp_path, resume=True)
    same(tmp_path, whole["ours"])


def test_a_finished_run_can_be_asked_to_go_on(tmp_path, no_curves, whole):
    work(tmp_path)
    before = files(tmp_path)
    work(tmp_path, resume=True)
    assert files(tmp_path) == before


def test_resume_without_a_checkpoint_begins(tmp_path, no_curves, whole):
    work(tmp_path / "new", resume=True)
    same(tmp_path / "new", whole["ours"])


def test_without_resume_a_run_is_not_touched(whole):
    before = files(whole["ours"])
    with pytest.raises(UsageError, match="holds a training run: add --resume, or choose another"):
        work(whole["ours"])
    assert files(whole["ours"]) == before


@pytest.mark.parametrize("changes", [{"seed": 5}, {"learning_rate": 1e-4}, {"epochs": 9}])
def test_another_run_does_not_go_on_here(whole, changes):
    from vqrna.config import replace

    before = files(whole["ours"])
    with pytest.raises(DataError, match="other settings or data; choose another --out") as raised:
        work(whole["ours"], replace(OURS, **changes), resume=True)
    assert len(str(raised.value).splitlines()) == 1
    assert files(whole["ours"]) == before


def test_other_data_do_not_go_on_here(whole):
    train, valid = planted(48, 101, seed=9), planted(32, 101, seed=1)
    with pytest.raises(DataError, match="other settings or data"):
        train_network(train, valid, whole["ours"], OURS, resume=True, show_progress=False)


def of_other_sets(windows):
    """The unmodified windows are no random ones any more."""
    return dataclasses.replace(
        windows,
        negative_sets=("random", "hard"),
        negative_set=np.where(windows.labels == 0, 1, -1).astype(np.int8),
    )


def of_other_context(windows):
    (kind,) = windows.modifications
    return dataclasses.replace(
        windows, modifications=(dataclasses.replace(kind, context="NA", offset=1),)
    )


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (of_other_sets, ["train"]),
        (of_other_sets, ["valid"]),
        (of_other_context, ["train", "valid"]),
    ],
)
def test_other_negatives_or_contexts_do_not_go_on_here(whole, change, parts):
    before = files(whole["ours"])
    windows = {"train": planted(48, 101), "valid": planted(32, 101, seed=1)}
    windows |= {part: change(windows[part]) for part in parts}
    with pytest.raises(DataError, match="other settings or data"):
        train_network(**windows, out=whole["ours"], config=OURS, resume=True, show_progress=False)
    assert files(whole["ours"]) == before


@pytest.mark.parametrize(
    "damage",
    [
        "empty", "text", "truncated", "no facts", "a tensor less",
        "a list", "a word", "a word for a number", "another number", "a bit of a tensor",
    ],
)  # fmt: skip
def test_a_damaged_checkpoint_is_rejected(tmp_path, no_curves, whole, damage):
    path = tmp_path / checkpoint.FILE_NAME
    data = (whole["ours"] / checkpoint.FILE_NAME).read_bytes()
    if damage in ("empty", "text", "truncated"):
        path.write_bytes({"empty": b"", "text": b"hello", "truncated": data[:-100]}[damage])
    else:
        path.write_bytes(data)
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if damage == "no facts":
            metadata = {}
        elif damage == "a list":
            metadata = {"vqrna-checkpoint": "[]"}
        elif damage == "a word":
            metadata = {"vqrna-checkpoint": '"text"'}
        elif damage == "a word for a number":
            facts = json.loads(metadata["vqrna-checkpoint"]) | {"epoch": "one"}
            metadata = {"vqrna-checkpoint": json.dumps(facts)}
        elif damage == "another number":
            facts = json.loads(metadata["vqrna-checkpoint"]) | {"epoch": 1}
            metadata = {"vqrna-checkpoint": json.dumps(facts)}
        elif damage == "a bit of a tensor":
            weight = tensors["optimizer.0.exp_avg"].view(torch.int32)
            weight[(0,) * weight.ndim] ^= 1 << 20
        else:
            tensors.pop("network.quantizer.usage")
        save_file(tensors, path, metadata)
    with pytest.raises(DataError, match=r"checkpoint\.safetensors: the checkpoint is damaged"):
        work(tmp_path, resume=True)


@pytest.mark.parametrize("name", [checkpoint.FILE_NAME, teacher.FILE_NAME])
def test_a_pipe_in_place_of_a_file_does_not_block(tmp_path, no_curves, name):
    os.mkfifo(tmp_path / name)
    config = dataclasses.replace(OURS, training=dataclasses.replace(OURS.training, teacher="trees"))
    with pytest.raises(DataError, match=rf"{name}: is not a regular file"):
        work(tmp_path, config, resume=True)


def test_the_first_command_is_the_one_that_is_told(tmp_path, no_curves):
    with pytest.MonkeyPatch.context() as patch, running(["train", "--seed", "1"]):
        dies_at(patch, loop, "_next_epoch", 2)
        with pytest.raises(Killed):
            work(tmp_path)
    with running(["train", "--seed", "1", "--resume"]):
        model = work(tmp_path, resume=True).model
    assert model.training["command"] == "vqrna train --seed 1"


def test_what_a_run_leaves(whole):
    left = {"best.safetensors", "checkpoint.safetensors", "config.toml", "history.csv",
            "model.safetensors", "train.log"}  # fmt: skip
    assert set(files(whole["ours"])) == left
    assert load(whole["ours"] / "config.toml") == OURS
    table = history(whole["ours"])
    assert table["epoch"].tolist() == [1, 2, 3, 4]
    terms = ["loss", "loss_classification", "loss_quantization", "loss_reconstruction"]
    assert np.isfinite(table[[*terms, "perplexity", "valid_auroc"]]).all(axis=None)
    assert table["codes_used"].between(1, 16).all()
    with safe_open(whole["ours"] / checkpoint.FILE_NAME, framework="pt") as file:
        facts = json.loads(next(iter(file.metadata().values())))
    assert facts["epoch"] == 4
    assert os.access(whole["ours"] / FILE_NAME, os.R_OK)
