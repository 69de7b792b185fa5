"""Whatever is wrong with the input: one clear line, an exit code, and nothing left behind."""

import gzip
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from seeded import files_in, letters, write_fasta


def missing(path):
    return "no such file"


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
    return "the file is truncated"


def protein(path):
    path.write_text(f">dna\n{'ACGU' * 30}\n>my_protein x\nACGU\nMEEPQSDPSV\n")
    return "record 'my_protein', line 5: 'E' (column 2) is not a nucleotide letter"


def no_fasta(path):
    path.write_text("ACGU\n")
    return "line 1: not FASTA"


WRONG_FILES = [missing, folder, empty, binary, cut_short, protein, no_fasta]


@pytest.mark.parametrize("wrong", WRONG_FILES)
def test_a_wrong_file_to_predict(fails, wrong, model, out, tmp_path):
    told = [tmp_path / "x.fa", wrong(tmp_path / "x.fa")]
    words = ("predict", tmp_path / "x.fa", "--model", model, "--out")
    fails(1, *words, out, told=told)
    fails(1, *words, "-", told=told)


@pytest.mark.parametrize("wrong", WRONG_FILES)
def test_older_results_stay(fails, vqrna_main, wrong, model, fasta, tmp_path):
    words = ("--model", model, "--out", tmp_path / "old")
    assert vqrna_main("predict", fasta, *words).code == 0
    before = (tmp_path / "old" / "sites.tsv").read_bytes()
    wrong(tmp_path / "x.fa")
    fails(1, "predict", fasta, tmp_path / "x.fa", *words, told=tmp_path / "x.fa")
    assert files_in(tmp_path / "old") == ["run.json", "scanned.bed", "sequences.tsv", "sites.tsv"]
    assert (tmp_path / "old" / "sites.tsv").read_bytes() == before


@pytest.mark.parametrize("command", ["evaluate", "train", "data split"])
@pytest.mark.parametrize("wrong", WRONG_FILES[2:])
def test_a_wrong_file_in_a_data_set(fails, wrong, model, data, out, command):
    path = data / "valid" / "8-1.fasta"
    path.unlink()
    told = [path, wrong(path)]
    words = {
        "evaluate": ["evaluate", "--data", data, "--model", model, "--out", out],
        "train": ["train", "--data", data, "--length", 101, "--out", out],
        "data split": ["data", "split", data, "--out", out],
    }[command]
    fails(1, *words, told=told)


@pytest.mark.parametrize("wrong", WRONG_FILES[2:])
def test_data_check_goes_on_past_a_wrong_file(vqrna_main, wrong, data):
    path = data / "valid" / "8-1.fasta"
    path.unlink()
    told = wrong(path)
    done = vqrna_main("data", "check", data)
    assert done.code == 1
    assert [told in line for line in done.err.splitlines() if str(path) in line] == [True]
    assert "Traceback" not in done.err


@pytest.mark.parametrize("wrong", WRONG_FILES)
def test_a_wrong_file_of_one_s_own(fails, wrong, data, out, tmp_path):
    told = [tmp_path / "x.fa", wrong(tmp_path / "x.fa")]
    own = ["--positives", tmp_path / "x.fa", "--negatives", data / "valid" / "8-0.fasta"]
    fails(1, "train", *own, "--name", "m6A", "--length", 101, "--out", out, told=told)
    fails(1, "train", "--table", tmp_path / "x.fa", "--out", out, told=tmp_path / "x.fa")


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
    fails(2, *words, told="length must be one of")


def test_an_unknown_preset(fails, data, out):
    words = ["train", "--data", data, "--out", out, "--preset", "papre"]
    fails(2, *words, told="unknown preset 'papre' (known: vqrna, paper)")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--confidence", "sure"], "unknown confidence 'sure' (known: low, medium, high)"),
        (["--threshold", "2"], "invalid threshold 2"),
        (["--threshold", "high"], "Invalid value for '--threshold'"),
        (["--prior", "0"], "expected between 0 and 1"),
        (["--prior", "m6A=much"], "invalid prior 'm6A=much'"),
        (["--prior", "0.1,0.2"], "--prior is given twice for all modifications"),
        (["--prior", "m6A=0.1", "--prior", " m6A=0.1"], "--prior is given twice for m6A"),
        (["--prior", "m6A=0.1,a=0.2"], "the prior of m6A is given twice (the second time as 'a')"),
        (["--prior", "=0.1"], "invalid prior '=0.1'"),
        (["--organism", "human"], "expected an NCBI taxonomy number"),
        (["--organism", "96²"], "invalid organism '96²'"),
        (["--prior", "m9Z=0.1"], "unknown modification 'm9Z'"),
        (["--modifications", ""], "no modification in"),
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
    return "the weights file is truncated or damaged"


def garbled(path, whole):
    path.write_bytes(whole[:20] + b"\xff" * 40 + whole[60:])
    return "the weights file is truncated or damaged"


def changed(path, whole):
    """One bit of one number, which safetensors does not notice."""
    path.write_bytes(whole[:-2000] + bytes([whole[-2000] ^ 64]) + whole[-1999:])
    return "the weights are damaged: the checksum of the tensors does not match"


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
    return "is not a weights file (.safetensors)"


def no_bytes(path, whole):
    path.touch()
    return "the weights file is empty"


def no_file(path, whole):
    return "no such file"


def no_model(path, whole):
    path.mkdir()
    return "contains no model"


WRONG_WEIGHTS = [
    corrupt, garbled, changed, foreign, pickled, torch_pickled, text, no_bytes, no_file, no_model
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
