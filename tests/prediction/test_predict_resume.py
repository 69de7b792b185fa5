"""A prediction that was killed goes on to the same bytes, wherever the kill came."""

import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from seeded import calling_model, files_in, letters, write_fasta
from vqrna.errors import DataError
from vqrna.model import TrainedModel
from vqrna.model.weights import save_model
from vqrna.prediction import make_settings, predict_files, tiles

RECORDS = {f"r{i}": letters(60 + i, seed=i) for i in range(12)}
PIECE = 150  # of columns: two records a part, each some 65 positions and their context
PARTS = 6
FILES = ["run.json", "scanned.bed", "sequences.tsv", "sites.tsv"]

DRIVER = """
import os, signal, sys
import vqrna.runtime.files
from vqrna.cli import main
from vqrna.prediction import PartStore, tiles
from vqrna.model import TrainedModel

tiles.PIECE = {piece}
place, name, left = {place}, {name!r}, {call}
real = getattr(place, name)

def last(*arguments, **more):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.{signal})
    return real(*arguments, **more)

setattr(place, name, last)
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(tiles, "PIECE", PIECE)


@pytest.fixture
def words(tmp_path):
    """A command that predicts; its folder is ``out``."""
    fasta = write_fasta(tmp_path / "in.fa", RECORDS)
    save_model(calling_model(), tmp_path / "m.safetensors")
    there = ["--model", tmp_path / "m.safetensors", "--out", tmp_path / "out", "--jobs", 1]
    return [str(w) for w in ("predict", fasta, "--all-sites", "--device", "cpu", *there)]


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def whole(words, out, vqrna_main):
    """What the command writes when nothing stops it."""
    assert vqrna_main(*words).code == 0
    data = (out / "sites.tsv").read_bytes()
    for name in files_in(out):
        (out / name).unlink()
    out.rmdir()
    return data


@pytest.fixture
def scans(monkeypatch):
    """Count how many rows the model reads, one a part; Ctrl-C at a chosen one."""
    counted = {"done": 0, "stop_at": None}
    real = TrainedModel.scan_batch

    def scan(*arguments, **more):
        if counted["done"] == counted["stop_at"]:
            raise KeyboardInterrupt
        counted["done"] += 1
        return real(*arguments, **more)

    monkeypatch.setattr(TrainedModel, "scan_batch", scan)
    return counted


def killed_at(words, place: str, name: str, call: int, number: str = "SIGKILL"):
    program = DRIVER.format(piece=PIECE, place=place, name=name, call=call, signal=number)
    return subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("place", "name", "call", "left"),
    [
        (
            "TrainedModel",
            "scan_batch",
            4,
            (PARTS - 3, PARTS - 2),
        ),  # in the middle of the fourth part
        (
            "vqrna.runtime.files",
            "_rename",
            3,
            (PARTS - 3, PARTS - 2),
        ),  # when the third part gets its name
        ("vqrna.runtime.files", "_rename", PARTS + 1, (0, 0)),  # when the sites do
        ("PartStore", "clear", 1, (0, 0)),  # when all is there
    ],
)
def test_wherever_it_is_killed_it_goes_on(
    words, whole, out, vqrna_main, scans, place, name, call, left
):
    died = killed_at(words, place, name, call)
    assert died.returncode == -signal.SIGKILL
    finished = name == "clear"
    assert (out / "sites.tsv").exists() == finished
    seen = sorted(p.name for p in out.iterdir() if not p.name.startswith("."))
    assert seen == (FILES if finished else [])
    if finished:
        assert (out / "sites.tsv").read_bytes() == whole

    scans["done"] = 0
    assert vqrna_main(*words).code == 0
    assert left[0] <= scans["done"] <= left[1]
    assert (out / "sites.tsv").read_bytes() == whole
    assert files_in(out) == FILES


def test_ctrl_c_says_that_it_goes_on_from_there(words, whole, out, vqrna_main, scans):
    died = killed_at(words, "TrainedModel", "scan_batch", 4, "SIGINT")
    assert died.returncode == 130
    assert died.stderr == (
        "vqrna: stopped: interrupted; finished parts are kept: the same command resumes the run\n"
    )
    kept = files_in(out)
    assert 2 <= len(kept) <= 3
    assert all(name.endswith(f"{n:07d}.part") for n, name in enumerate(kept))  # no temporary file
    scans["done"] = 0
    assert vqrna_main(*words).code == 0
    assert scans["done"] == PARTS - len(kept)
    assert (out / "sites.tsv").read_bytes() == whole


def test_ctrl_c_before_anything_is_finished_leaves_nothing(words, out, vqrna_main, scans):
    scans["stop_at"] = 0
    stopped = vqrna_main(*words)
    assert (stopped.code, stopped.err) == (130, "vqrna: stopped: interrupted\n")
    assert not out.exists()


def test_ctrl_c_may_come_again_and_again(words, whole, out, vqrna_main, scans):
    for last in (2, 1):  # each time with the parts of the time before
        scans["done"], scans["stop_at"] = 0, last
        assert vqrna_main(*words).code == 130
    scans["done"], scans["stop_at"] = 0, None
    assert vqrna_main(*words).code == 0
    assert scans["done"] <= PARTS - 2
    assert (out / "sites.tsv").read_bytes() == whole


def test_fresh_begins_anew(words, whole, out, vqrna_main, scans):
    scans["stop_at"] = 5
    assert vqrna_main(*words).code == 130
    scans["done"], scans["stop_at"] = 0, None
    assert vqrna_main(*words, "--fresh").code == 0
    assert scans["done"] == PARTS
    assert (out / "sites.tsv").read_bytes() == whole


@pytest.fixture
def fasta(tmp_path):
    return write_fasta(tmp_path / "in.fa", RECORDS)


def predict(fasta, out):
    model = calling_model()
    settings = make_settings(model.modifications, threshold=0.5)
    return predict_files([fasta], out, model, settings, jobs=1, show_progress=False)


def work(fasta, out, model=None, **settings) -> bytes:
    model = model or calling_model()
    settings = make_settings(model.modifications, **settings)
    done = predict_files([fasta], out, model, settings, jobs=1, show_progress=False)
    return done.path.read_bytes()


@pytest.fixture
def stopped(fasta, out, scans):
    """A run that was stopped when four or five of six parts were there."""
    scans["stop_at"] = 5
    with pytest.raises(KeyboardInterrupt):
        work(fasta, out, threshold=0.5)
    scans["kept"] = len(files_in(out))
    assert scans["kept"] in (4, 5)
    scans["done"], scans["stop_at"] = 0, None
    return scans


def test_parts_of_the_same_run_are_taken(stopped, fasta, out):
    work(fasta, out, threshold=0.5)
    assert stopped["done"] == PARTS - stopped["kept"]


@pytest.mark.parametrize(
    "changed",
    [
        {"threshold": 0.5000000001},
        {"confidence": "low"},
        {"threshold": 0.5, "fdr": 0.9},
        {"threshold": 0.5, "all_sites": True},
        {"threshold": 0.5, "prior": {"Am": 0.000300000001}},
        {"threshold": 0.5, "modifications": "Am,m6A,Psi"},
    ],
)
def test_parts_of_other_settings_are_not_taken(stopped, fasta, out, tmp_path, changed):
    found = work(fasta, out, **changed)
    assert stopped["done"] == PARTS
    assert found == work(fasta, tmp_path / "fresh", **changed)
    assert files_in(out) == FILES  # the others' parts are removed, too


@pytest.mark.parametrize("name", ["beef", ""], ids=["another", "never saved"])
def test_parts_of_another_model_are_not_taken(stopped, fasta, out, name):
    other = dataclasses.replace(calling_model(1), hash=name)
    stopped["done"] = 0
    work(fasta, out, other, threshold=0.5)
    assert stopped["done"] == PARTS


def test_a_model_that_was_never_saved_leaves_no_parts(fasta, out, scans):
    scans["stop_at"] = 5
    with pytest.raises(KeyboardInterrupt):
        work(fasta, out, dataclasses.replace(calling_model(), hash=""))
    assert not out.exists()


def test_only_parts_of_changed_sequences_are_computed_again(stopped, fasta, out, tmp_path):
    before = fasta.stat()
    text = fasta.read_text()
    fasta.write_text(text.replace(RECORDS["r3"], RECORDS["r3"][::-1]))
    os.utime(fasta, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert fasta.stat().st_size == before.st_size
    done = predict(fasta, out)
    assert stopped["done"] == PARTS - stopped["kept"] + 1
    assert done.notes == (
        "resumed: 4 of 6 parts were kept from an earlier run",
        "1 kept part was of other sequences (the input has changed, or files were renamed): "
        "computed again",
    )
    assert done.path.read_bytes() == work(fasta, tmp_path / "fresh", threshold=0.5)


def test_renamed_parts_are_computed_again(stopped, fasta, out, tmp_path):
    (folder,) = out.iterdir()
    names = [folder / f"{number:07d}.part" for number in (0, 1)]
    names[0].rename(folder / "aside")
    names[1].rename(names[0])
    (folder / "aside").rename(names[1])
    done = predict(fasta, out)
    assert stopped["done"] == PARTS - stopped["kept"] + 2
    assert done.notes[1].startswith("2 kept parts were of other sequences")
    assert done.path.read_bytes() == work(fasta, tmp_path / "fresh", threshold=0.5)


@pytest.mark.parametrize(
    "damage",
    ["bit of the line", "bit of the arrays", "longer", "empty", "pipe", "device", "folder"],
)
def test_a_damaged_part_is_computed_again_in_the_same_run(stopped, fasta, out, tmp_path, damage):
    (folder,) = out.iterdir()
    part = folder / "0000001.part"
    data = bytearray(part.read_bytes())
    part.unlink()
    if damage.startswith("bit"):
        data[20 if damage == "bit of the line" else len(data) // 2] ^= 1
        part.write_bytes(data)
    elif damage == "longer":
        part.write_bytes(data + b"0")
    elif damage == "empty":
        part.touch()
    elif damage == "pipe":
        os.mkfifo(part)
    elif damage == "device":
        part.symlink_to("/dev/zero")
    else:
        part.mkdir()
        (part / "file").touch()
    done = predict(fasta, out)
    assert stopped["done"] == PARTS - stopped["kept"] + 1
    assert done.notes == (
        "resumed: 4 of 6 parts were kept from an earlier run",
        "1 kept part was damaged: computed again",
    )
    assert json.loads((out / "run.json").read_text())["recomputed"] == {"damaged": 1, "changed": 0}
    assert done.path.read_bytes() == work(fasta, tmp_path / "fresh", threshold=0.5)


def test_parts_of_another_size_are_not_taken(stopped, fasta, out, monkeypatch):
    monkeypatch.setattr(tiles, "PIECE", PIECE + 1)
    work(fasta, out, threshold=0.5)
    assert stopped["done"] == PARTS


@pytest.mark.parametrize("damage", ["cut", "other", "gone"])
def test_a_broken_part_is_made_again(stopped, fasta, out, tmp_path, damage):
    (folder,) = out.iterdir()
    part = folder / "0000001.part"
    if damage == "gone":
        part.unlink()
    else:
        part.write_bytes(part.read_bytes()[:-30] if damage == "cut" else b"{}")
    found = work(fasta, out, threshold=0.5)
    assert stopped["done"] == PARTS - stopped["kept"] + 1
    assert found == work(fasta, tmp_path / "fresh", threshold=0.5)


def test_a_fault_in_the_input_is_told_before_any_work(stopped, fasta, out):
    with fasta.open("a") as file:
        file.write(">wrong\nMEEPQ\n")
    with pytest.raises(DataError, match="record 'wrong', line 26"):
        work(fasta, out, threshold=0.5)
    assert stopped["done"] == 0
    assert not (out / "sites.tsv").exists()


def test_a_second_run_in_the_same_folder_is_refused(fasta, out, scans, monkeypatch):
    calling_model()  # made now: it scans, too
    real = TrainedModel.scan_batch
    errors = []

    def scan(*arguments, **more):
        if not errors:
            with pytest.raises(DataError) as refused:
                predict(fasta, out)
            errors.append(refused.value)
        return real(*arguments, **more)

    monkeypatch.setattr(TrainedModel, "scan_batch", scan)
    predict(fasta, out)
    host = socket.gethostname()
    assert str(errors[0]) == (
        f"{out}: process {os.getpid()} on {host} (called from Python) is writing to this folder: "
        "wait for it, or choose another folder"
    )
    assert files_in(out) == FILES
