"""`vqrna train`, end to end on a tiny configuration, and every way to call it wrongly."""

import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from tiny import fresh, planted, tiny
from vqrna.config import load
from vqrna.model.weights import load_model, save_model
from vqrna.sequence import decode

TOML = """\
[model]
length = 51
codebook_size = 16
code_dim = 8
stem_width = 8
width = 8
head_width = 8
region_width = 8

[training]
epochs = 2
batch_size = 16
precision = "float32"
"""


def fasta(path, tokens):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f">w{i}\n{decode(row)}\n" for i, row in enumerate(tokens)))


@pytest.fixture
def data(tmp_path):
    """The benchmark layout with Am and Cm."""
    folder = tmp_path / "data"
    for split, n, seed in (("train", 32, 0), ("valid", 16, 1)):
        windows = planted(n, seed=seed, symbols=("Am", "Cm"))
        for m in range(2):
            for label in (0, 1):
                rows = windows.tokens[windows.labels[:, m] == label]
                fasta(folder / split / f"{m + 1}-{label}.fasta", rows)
    return folder


@pytest.fixture
def train(vqrna_main, tmp_path, monkeypatch):
    """Run ``vqrna train`` with a tiny configuration, and without pictures, which take longest."""
    from vqrna.training import report

    monkeypatch.setattr(report, "write_curves", lambda folder, table: None)
    (tmp_path / "tiny.toml").write_text(TOML)

    def call(*arguments, out=tmp_path / "run"):
        config = ("--config", tmp_path / "tiny.toml")
        return vqrna_main("train", "--out", out, *config, "--device", "cpu", *arguments)

    return call


def one_line(done, code):
    assert done.code == code
    assert done.out == ""
    (line,) = done.err.splitlines()
    assert line.startswith("vqrna: error: ")
    return line


def test_from_data_to_a_model(vqrna_main, data, tmp_path):
    (tmp_path / "tiny.toml").write_text(TOML)
    done = vqrna_main(
        "train", "--data", data, "--out", tmp_path / "run", "--seed", "3",
        "--config", tmp_path / "tiny.toml", "--device", "cpu", "--threads", "1",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "validation AUROC" in done.err
    assert (
        "note: probabilities and confidence tiers need at least 20 modified validation windows; "
        "not calibrated: Am (8), Cm (8)\n" in done.err
    )
    assert f"wrote {tmp_path / 'run'}" in done.out
    for words in ("Am", "Cm", "mean", "AUROC"):
        assert words in done.out
    left = {p.name for p in (tmp_path / "run").iterdir()}
    assert left == {
        "best.safetensors", "checkpoint.safetensors", "config.toml", "curves.png", "curves.svg",
        "history.csv", "model.safetensors", "run.json", "train.log",
    }  # fmt: skip
    config = load(tmp_path / "run" / "config.toml")
    assert (config.training.seed, config.model.length) == (3, 51)
    assert len(pd.read_csv(tmp_path / "run" / "history.csv")) == 2
    model = load_model(tmp_path / "run", "cpu")
    assert [m.symbol for m in model.modifications] == ["Am", "Cm"]
    assert model.training["command"].startswith("vqrna train --data ")


def test_types_and_epochs_can_be_chosen(train, data, tmp_path):
    done = train("--data", data, "--modifications", "Cm", "--epochs", "1", "--batch-size", "8")
    assert done.code == 0, done.err
    model = load_model(tmp_path / "run", "cpu")
    assert [m.symbol for m in model.modifications] == ["Cm"]
    assert model.config.training.epochs == 1
    assert model.config.training.batch_size == 8


def test_one_network_each(train, data, tmp_path):
    assert train("--data", data, "--one-each", "--epochs", "1").code == 0
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == ["Am", "Cm", "run.json"]


def test_the_published_preset_leaves_the_published_weights(vqrna_main, data, tmp_path):
    done = vqrna_main(
        "train", "--data", data, "--out", tmp_path / "run", "--preset", "paper", "--length", "51",
        "--modifications", "Am", "--epochs", "1", "--device", "cpu",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert (tmp_path / "run" / "Am" / "model.pth").exists()
    assert load_model(tmp_path / "run", "cpu").models[0].config.training.batch_size == 32


def test_a_missing_file_is_named_and_the_rest_goes_on(train, data, tmp_path):
    (data / "train" / "2-1.fasta").unlink()
    done = train("--data", data, "--epochs", "1")
    assert done.code == 0
    assert "vqrna: note: " in done.err
    assert "2-1.fasta" in done.err
    assert [m.symbol for m in load_model(tmp_path / "run", "cpu").modifications] == ["Am"]


def test_windows_of_ones_own(train, tmp_path):
    windows = planted(80, 61)
    for label in (0, 1):
        fasta(tmp_path / f"{label}.fa", windows.tokens[windows.labels[:, 0] == label])
    done = train(
        "--positives", tmp_path / "1.fa", "--negatives", tmp_path / "0.fa", "--name", "ownC"
    )
    assert done.code == 0, done.err
    (kind,) = load_model(tmp_path / "run", "cpu").modifications
    assert (kind.symbol, kind.base) == ("ownC", "A")
    rows = [
        f"{decode(row)},mine,{label}"
        for row, label in zip(windows.tokens, windows.labels[:, 0], strict=True)
    ]
    (tmp_path / "own.csv").write_text("\n".join(["sequence,modification,label", *rows]))
    done = train("--table", tmp_path / "own.csv", "--epochs", "1", out=tmp_path / "other")
    assert done.code == 0, done.err
    assert load_model(tmp_path / "other", "cpu").modifications[0].symbol == "mine"


def test_windows_of_ones_own_that_are_too_short_are_told(train, tmp_path):
    windows = planted(80, 61)
    for label in (0, 1):
        fasta(tmp_path / f"{label}.fa", windows.tokens[windows.labels[:, 0] == label])
    files = ("--positives", tmp_path / "1.fa", "--negatives", tmp_path / "0.fa", "--name", "ownC")
    done = train(*files, "--epochs", "1", "--length", "81")
    assert done.code == 0, done.err
    assert "vqrna: note: " in done.err
    assert "--length 61 fits them best" in done.err
    fasta(tmp_path / "off.fa", np.roll(windows.tokens[windows.labels[:, 0] == 1], 1, axis=1))
    done = train("--positives", tmp_path / "off.fa", *files[2:5], "m1A", out=tmp_path / "two")
    assert "modified m1A have no A in the centre" in one_line(done, 1)


def test_it_begins_with_other_weights(train, data, tmp_path):
    save_model(fresh(tiny()), tmp_path / "start.safetensors")
    assert train("--data", data, "--from", tmp_path / "start.safetensors").code == 0
    save_model(fresh(tiny(width=16)), tmp_path / "other.safetensors")
    done = train("--data", data, "--from", tmp_path / "other.safetensors", out=tmp_path / "two")
    assert "the weights to start from belong to another network" in one_line(done, 1)


def test_a_run_is_not_overwritten_but_goes_on(train, data, tmp_path):
    assert train("--data", data).code == 0
    before = {p.name: p.read_bytes() for p in (tmp_path / "run").iterdir()}
    line = one_line(train("--data", data), 2)
    assert "holds a training run: add --resume, or choose another --out" in line
    other = one_line(train("--data", data, "--resume", "--seed", "9"), 1)
    assert "is from a run with other settings or data; choose another --out" in other
    assert {p.name: p.read_bytes() for p in (tmp_path / "run").iterdir()} == before
    assert train("--data", data, "--resume").code == 0
    again = {p.name: p.read_bytes() for p in (tmp_path / "run").iterdir()}
    assert again["model.safetensors"] == before["model.safetensors"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--preset", "big"], 2, "unknown preset 'big' (known: vqrna, paper)"),
        (["--length", "500"], 2, "model: length must be odd"),
        (["--length", "1003"], 2, "model.length: "),
        (["--length", "49"], 2, "model.length: "),
        (["--preset", "paper", "--length", "601"], 2, "length must be one of"),
        (["--length", "long"], 2, "Invalid value for '--length'"),
        (["--batch-size", "1"], 2, "training.batch_size: "),
        (["--learning-rate", "0"], 2, "training.learning_rate: "),
        (["--epochs", "0"], 2, "training.epochs: "),
        (["--seed", "20000000000000"], 2, "training.seed: "),
        (["--modifications", "m9Z"], 2, "unknown modification 'm9Z'"),
        (["--device", "tpu"], 2, "unknown device 'tpu'"),
        (["--table", "x.tsv"], 2, "give exactly one source"),
        (["--name", "Am"], 2, "give exactly one source"),
        (["--from", "no.safetensors"], 1, "no.safetensors: no such file"),
    ],
)
def test_a_wrong_call_is_one_line(vqrna_main, data, tmp_path, arguments, code, words):
    out = tmp_path / "run"
    done = vqrna_main("train", "--data", data, "--out", out, *arguments)
    assert words in one_line(done, code)
    assert not list(out.glob("*"))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "give exactly one source"),
        (["--data", "nowhere"], 1, "nowhere: "),
        (["--table", "nowhere.tsv"], 1, "nowhere.tsv: "),
        (["--positives", "a.fa"], 2, "--positives, --negatives and --name must be given together"),
        (["--table", "a.tsv", "--modifications", "Am"], 2, "--modifications needs --data"),
        (["--positives", "a.fa", "--negatives", "b.fa", "--name", "m6A"], 1, "a.fa: "),
    ],
)
def test_data_that_are_not_there_are_one_line(vqrna_main, tmp_path, arguments, code, words):
    done = vqrna_main("train", "--out", tmp_path / "run", *arguments)
    assert words in one_line(done, code)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "no such file"),
        ("[training]\nepoch = 3\n", "training.epoch: unknown setting"),
        ("not toml", "not valid TOML"),
    ],
)
def test_a_wrong_configuration_is_one_line(vqrna_main, data, tmp_path, text, words):
    path = tmp_path / "wrong.toml"
    if text is not None:
        path.write_text(text)
    done = vqrna_main("train", "--data", data, "--out", tmp_path / "run", "--config", path)
    assert words in one_line(done, 1)


def test_an_output_that_cannot_be_one_is_told(train, data, tmp_path):
    (tmp_path / "file").write_text("mine")
    done = train("--data", data, out=tmp_path / "file")
    assert "is a file, but results need a folder" in one_line(done, 1)
    assert (tmp_path / "file").read_text() == "mine"


def test_ctrl_c_ends_it_in_one_line(data, tmp_path):
    out = tmp_path / "run"
    long = ["--epochs", "400", "--data", data]
    words = [sys.executable, "-c", "from vqrna.cli import run; run()", "train", "--out", out]
    words += [*long, "--config", tmp_path / "tiny.toml", "--device", "cpu"]
    (tmp_path / "tiny.toml").write_text(TOML)
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + 120
        while not (out / "history.csv").exists() and process.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "vqrna: stopped: interrupted"
    assert "Traceback" not in err
    assert not list(out.glob(".part-*"))
    assert "epoch 1/400" in err
    assert (out / "checkpoint.safetensors").exists()
