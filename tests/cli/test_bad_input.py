"""Whatever is wrong with the input: one clear line, an exit code, and nothing left behind."""

import errno
import gzip
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from seeded import calling_model, files_in, letters, write_fasta
from tiny import random_tokens
from vqrna import files
from vqrna.sequence import decode
from vqrna.weights import save_model

not_root = pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(calling_model(), path)
    return path


@pytest.fixture
def fasta(tmp_path):
    return write_fasta(tmp_path / "in.fa", {f"r{i}": letters(300, seed=i) for i in range(3)})


@pytest.fixture
def data(tmp_path):
    """A data set in the benchmark's layout: m6A, a few windows."""
    for seed, name in enumerate(("train/8-0", "train/8-1", "valid/8-0", "valid/8-1")):
        tokens = random_tokens(12, 101, seed)
        tokens[:, 50] = 0
        path = tmp_path / "data" / f"{name}.fasta"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_fasta(path, {f"{name}:{i}": decode(t) for i, t in enumerate(tokens)})
    return tmp_path / "data"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "new" / "out"


@pytest.fixture
def fails(vqrna_main, out):
    """Run a command that must fail with one line, print nothing, and make no new folder."""

    def run(code, *words, told):
        done = vqrna_main(*words)
        lines = done.err.splitlines()
        assert len(lines) == 1, done.err
        assert lines[0].startswith("vqrna: error: ")
        for word in [told] if isinstance(told, str | Path) else told:
            assert str(word) in lines[0]
        assert "unexpected" not in lines[0]
        assert done.code == code
        assert done.out == ""
        assert not out.parent.exists()
        return lines[0]

    return run


def missing(path):
    return "there is no such file"


def folder(path):
    path.mkdir()
    return "is a directory"


def empty(path):
    path.touch()
    return "is empty"


def binary(path):
    path.write_bytes(b">a\nAC\0\1GU" + bytes(range(256)))
    return "is binary"


def cut_short(path):
    whole = gzip.compress(write_fasta(path, {"a": letters(20_000)}).read_bytes())
    path.write_bytes(whole[: len(whole) // 2])
    return "the file is cut short"


def protein(path):
    path.write_text(f">dna\n{'ACGU' * 30}\n>my_protein x\nACGU\nMEEPQSDPSV\n")
    return "record 'my_protein', line 5: 'E' (column 2) is not a nucleotide letter"


def no_fasta(path):
    path.write_text("ACGU\n")
    return "line 1: no FASTA"


WRONG_FILES = [missing, folder, empty, binary, cut_short, protein, no_fasta]


@pytest.mark.parametrize("wrong", WRONG_FILES)
class TestWrongFiles:
    def test_predict(self, fails, wrong, model, out, tmp_path):
        told = wrong(tmp_path / "x.fa")
        words = ("predict", tmp_path / "x.fa", "--model", model, "--out")
        fails(1, *words, out, told=[tmp_path / "x.fa", told])
        fails(1, *words, "-", told=[tmp_path / "x.fa", told])

    def test_predict_leaves_older_results(self, fails, vqrna_main, wrong, model, fasta, tmp_path):
        words = ("--model", model, "--out", tmp_path / "old")
        assert vqrna_main("predict", fasta, *words).code == 0
        before = (tmp_path / "old" / "sites.tsv").read_bytes()
        wrong(tmp_path / "x.fa")
        fails(1, "predict", fasta, tmp_path / "x.fa", *words, told=tmp_path / "x.fa")
        assert files_in(tmp_path / "old") == ["sites.tsv"]
        assert (tmp_path / "old" / "sites.tsv").read_bytes() == before

    @pytest.mark.parametrize("command", ["evaluate", "train", "data split"])
    def test_commands_that_read_data(self, fails, wrong, model, data, out, command):
        if wrong is missing:
            pytest.skip("a type without one of its files is noted, and the others go on")
        path = data / "valid" / "8-1.fasta"
        path.unlink()
        told = wrong(path)
        if wrong is folder:
            pytest.skip("a folder is no file of the layout")
        words = {
            "evaluate": ["evaluate", "--data", data, "--model", model, "--out", out],
            "train": ["train", "--data", data, "--length", 101, "--out", out],
            "data split": ["data", "split", data, "--out", out],
        }[command]
        fails(1, *words, told=[path, told])

    def test_own_data(self, fails, wrong, data, out, tmp_path):
        told = wrong(tmp_path / "x.fa")
        own = ["--positives", tmp_path / "x.fa", "--negatives", data / "valid" / "8-0.fasta"]
        words = ["train", *own, "--name", "m6A", "--length", 101, "--out", out]
        fails(1, *words, told=[tmp_path / "x.fa", told])

    def test_table(self, fails, wrong, out, tmp_path):
        wrong(tmp_path / "x.tsv")
        fails(1, "train", "--table", tmp_path / "x.tsv", "--out", out, told=tmp_path / "x.tsv")


@pytest.mark.parametrize("words", [["evaluate"], ["train"], ["data", "check"], ["data", "split"]])
def test_a_missing_folder_of_data(fails, words, model, out, tmp_path):
    place = tmp_path / "nowhere"
    words = {
        "evaluate": ["evaluate", "--data", place, "--model", model, "--out", out],
        "train": ["train", "--data", place, "--out", out],
        "check": ["data", "check", place],
        "split": ["data", "split", place, "--out", out],
    }[words[-1]]
    fails(1, *words, told=place)


def test_a_file_in_place_of_a_folder_of_data(fails, model, out, fasta):
    fails(1, "evaluate", "--data", fasta, "--model", model, "--out", out, told=fasta)
    fails(1, "train", "--data", fasta, "--out", out, told=fasta)
    fails(1, "data", "check", fasta, told=fasta)


@pytest.mark.parametrize("command", ["predict", "evaluate", "train"])
def test_an_unknown_modification(fails, command, model, fasta, data, out):
    words = {
        "predict": ["predict", fasta, "--model", model],
        "evaluate": ["evaluate", "--data", data, "--model", model],
        "train": ["train", "--data", data],
    }[command]
    told = ["unknown modification 'm9Z' (known: ", "m6A"]
    fails(2, *words, "--out", out, "--modifications", "m9Z", told=told)
    fails(2, *words, "--out", out, "--modifications", "m6A,m9Z", told=told)


@pytest.mark.parametrize("length", [50, 100, 49, 1003, 0, -51])
def test_a_length_that_is_even_or_out_of_range(fails, length, data, out):
    words = ["train", "--data", data, "--out", out, "--length", length]
    fails(2, *words, told="length")


def test_a_length_that_the_published_network_does_not_have(fails, data, out):
    words = ["train", "--data", data, "--out", out, "--preset", "paper", "--length", 53]
    fails(2, *words, told="the paper preset knows the lengths")


def test_an_unknown_preset(fails, data, out):
    words = ["train", "--data", data, "--out", out, "--preset", "papre"]
    fails(2, *words, told="unknown preset 'papre' (known: vqrna, paper)")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--confidence", "sure"], "unknown confidence 'sure' (known: low, medium, high)"),
        (["--threshold", "2"], "the threshold is a score from 0 to 1, not 2"),
        (["--threshold", "high"], "Invalid value for '--threshold'"),
        (["--prior", "0"], "a prior lies between 0 and 1"),
        (["--prior", "m6A=much"], "'m6A=much' is no prior"),
        (["--prior", "m9Z=0.1"], "unknown modification 'm9Z'"),
        (["--modifications", ""], "names no modification"),
        (["--device", "tpu"], "unknown device 'tpu'"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_impossible_settings_of_predict(fails, model, fasta, out, options, told):
    fails(2, "predict", fasta, "--model", model, "--out", out, *options, told=told)


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def corrupt(path, whole):
    path.write_bytes(whole[: len(whole) // 2])
    return "is no whole safetensors file"


def garbled(path, whole):
    path.write_bytes(whole[:20] + b"\xff" * 40 + whole[60:])
    return "is no whole safetensors file"


def foreign(path, whole):
    save_file({"w": torch.zeros(3)}, path)
    return "these weights are not from vqrna"


def pickled(path, whole):
    path.write_bytes(pickle.dumps(Bomb(path.with_name("exploded"))))
    return "is a pickle"


def torch_pickled(path, whole):
    torch.save({"w": Bomb(path.with_name("exploded"))}, path)
    return "is a pickle"


def text(path, whole):
    path.write_text(">a\nACGU\n")
    return "is no whole safetensors file"


def no_bytes(path, whole):
    path.touch()
    return "the weights file is empty"


def no_file(path, whole):
    return "cannot read the weights: No such file"


def no_model(path, whole):
    path.mkdir()
    return "holds no model"


WRONG_WEIGHTS = [
    corrupt, garbled, foreign, pickled, torch_pickled, text, no_bytes, no_file, no_model
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG_WEIGHTS)
def test_wrong_weights(fails, wrong, model, fasta, data, out, tmp_path):
    path = tmp_path / "weights"
    told = [path, wrong(path, model.read_bytes())]
    fails(1, "predict", fasta, "--model", path, "--out", out, told=told)
    fails(1, "evaluate", "--data", data, "--model", path, "--out", out, told=told)
    fails(1, "train", "--data", data, "--from", path, "--length", 101, "--out", out, told=told)
    fails(1, "model", "info", path, told=told)
    assert not (tmp_path / "exploded").exists()


def commands_that_write(fasta, data, model, out):
    return {
        "predict": ["predict", fasta, "--model", model, "--out", out],
        "evaluate": ["evaluate", "--data", data, "--model", model, "--out", out, "--no-masked"],
        "train": ["train", "--data", data, "--length", 101, "--epochs", 1, "--out", out],
        "data split": ["data", "split", data, "--out", out, "--max-cluster", 1],
    }


WRITERS = ["predict", "evaluate", "train", "data split"]


@pytest.mark.parametrize("command", WRITERS)
def test_a_file_in_place_of_the_folder_for_results(fails, command, fasta, data, model, tmp_path):
    place = tmp_path / "taken"
    place.write_text("mine")
    fails(1, *commands_that_write(fasta, data, model, place)[command], told=place)
    assert place.read_text() == "mine"
    deep = place / "below"
    fails(1, *commands_that_write(fasta, data, model, deep)[command], told=place)


@not_root
@pytest.mark.parametrize("command", WRITERS)
def test_a_folder_that_cannot_be_written(fails, command, fasta, data, model, tmp_path):
    place = tmp_path / "closed"
    place.mkdir(mode=0o555)
    told = [place, "no permission"]
    fails(1, *commands_that_write(fasta, data, model, place)[command], told=told)
    fails(1, *commands_that_write(fasta, data, model, place / "below")[command], told=told)


@pytest.mark.parametrize("call", [1, 2, 4, 6, 7])
def test_a_disk_that_fills_up_under_predict(
    fails, vqrna_main, fasta, model, out, tmp_path, monkeypatch, call
):
    """Three parts of two files each, then the whole."""
    words = ("predict", fasta, "--all-sites", "--model", model, "--out")
    monkeypatch.setattr("vqrna.predicting.parts.CHUNK", 1)
    old = tmp_path / "old"
    assert vqrna_main(*words, old).code == 0
    before = (old / "sites.tsv").read_bytes()
    real = files._settle
    for place in (out, old):
        left = iter([False] * (call - 1) + [True])

        def settle(*paths, left=left):
            if next(left):
                raise OSError(errno.ENOSPC, "No space left on device")
            real(*paths)

        monkeypatch.setattr(files, "_settle", settle)
        fails(1, *words, place, told=[place, "the disk is full"])
    assert files_in(old) == ["sites.tsv"]
    assert (old / "sites.tsv").read_bytes() == before


@pytest.fixture
def small_disk(tmp_path):
    """A file system with room for next to nothing."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    try:
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("may not mount a small file system here")
    except FileNotFoundError:
        pytest.skip("no mount on this system")
    (place / "ballast").write_bytes(b"x" * 57_000)
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("command", WRITERS)
def test_a_full_disk(vqrna_main, command, fasta, data, model, small_disk):
    write_fasta(fasta, {"a": letters(3000)})
    done = vqrna_main(*commands_that_write(fasta, data, model, small_disk / "out")[command])
    errors = [line for line in done.err.splitlines() if line.startswith("vqrna: error: ")]
    assert len(errors) == 1, done.err
    assert "the disk is full" in errors[0]
    assert str(small_disk) in errors[0]
    assert done.code == 1
    assert "Traceback" not in done.err
    assert not [name for name in files_in(small_disk) if ".part-" in name]
    if command == "predict":
        assert files_in(small_disk) == ["ballast"]
        assert not (small_disk / "out").exists()


@needs_full
def test_a_full_disk_behind_standard_output(fasta, model):
    words = ["predict", fasta, "--all-sites", "--model", model, "--out", "-"]
    program = [sys.executable, "-c", "from vqrna.cli import run; run()", *map(str, words)]
    with open("/dev/full", "w") as full:  # noqa: PTH123  (a device)
        done = subprocess.run(program, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "vqrna: error: the disk is full\n")
