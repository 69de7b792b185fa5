"""A prediction that was killed goes on to the same bytes, wherever the kill came."""

import dataclasses
import json
import os
import signal
import subprocess
import sys

import pytest

from seeded import calling_model, files_in, letters, write_fasta
from vqrna.errors import DataError
from vqrna.predicting import make_settings, parts, predict_files
from vqrna.predicting.parts import Part, PartStore
from vqrna.trained import TrainedModel
from vqrna.weights import save_model

RECORDS = {f"r{i}": letters(60 + i, seed=i) for i in range(12)}
CHUNK = 1100
PARTS = 6  # two records each

DRIVER = """
import os, signal, sys
import vqrna.files, vqrna.predicting.parts as parts
from vqrna.cli import main
from vqrna.trained import TrainedModel

parts.CHUNK = {chunk}
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
    monkeypatch.setattr(parts, "CHUNK", CHUNK)


@pytest.fixture
def words(tmp_path):
    """A command that predicts; its folder is ``out``."""
    fasta = write_fasta(tmp_path / "in.fa", RECORDS)
    save_model(calling_model(), tmp_path / "m.safetensors")
    there = ["--model", tmp_path / "m.safetensors", "--out", tmp_path / "out"]
    return [str(w) for w in ("predict", fasta, "--all-sites", "--device", "cpu", *there)]


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def whole(words, out, vqrna_main):
    """What the command writes when nothing stops it."""
    assert vqrna_main(*words).code == 0
    data = (out / "sites.tsv").read_bytes()
    (out / "sites.tsv").unlink()
    out.rmdir()
    return data


@pytest.fixture
def scans(monkeypatch):
    """Count how many sequences the model reads; Ctrl-C at a chosen one."""
    counted = {"done": 0, "stop_at": None}
    real = TrainedModel.scan

    def scan(*arguments, **more):
        if counted["done"] == counted["stop_at"]:
            raise KeyboardInterrupt
        counted["done"] += 1
        return real(*arguments, **more)

    monkeypatch.setattr(TrainedModel, "scan", scan)
    return counted


def killed_at(words, place: str, name: str, call: int, number: str = "SIGKILL"):
    program = DRIVER.format(chunk=CHUNK, place=place, name=name, call=call, signal=number)
    return subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("place", "name", "call", "left"),
    [
        ("TrainedModel", "scan", 6, 12 - 4),  # in the middle of the third part
        ("parts", "write_text", 6, 12 - 4),  # between the lines and the counts of the third part
        ("vqrna.files", "_settle", 2 * PARTS + 1, 0),  # when the whole file gets its name
        ("PartStore", "clear", 1, 0),  # when it has it
    ],
)
def test_wherever_it_is_killed_it_goes_on(
    words, whole, out, vqrna_main, scans, place, name, call, left
):
    place = {"PartStore": "parts.PartStore"}.get(place, place)
    died = killed_at(words, place, name, call)
    assert died.returncode == -signal.SIGKILL
    finished = name == "clear"
    assert (out / "sites.tsv").exists() == finished
    seen = [p.name for p in out.iterdir() if not p.name.startswith(".")]
    assert seen == (["sites.tsv"] if finished else [])
    if finished:
        assert (out / "sites.tsv").read_bytes() == whole

    scans["done"] = 0
    assert vqrna_main(*words).code == 0
    assert scans["done"] == left
    assert (out / "sites.tsv").read_bytes() == whole
    assert files_in(out) == ["sites.tsv"]


def test_ctrl_c_says_that_it_goes_on_from_there(words, whole, out, vqrna_main, scans):
    died = killed_at(words, "TrainedModel", "scan", 6, "SIGINT")
    assert died.returncode == 130
    assert died.stderr == (
        "vqrna: stopped: interrupted; "
        "what is finished is kept: the same command goes on from there\n"
    )
    (folder,) = [p.name for p in out.iterdir()]
    assert files_in(out) == [
        f"{folder}/{n:06d}.{kind}" for n in range(2) for kind in ("json", "tsv")
    ]  # and no temporary file
    scans["done"] = 0
    assert vqrna_main(*words).code == 0
    assert scans["done"] == 12 - 4
    assert (out / "sites.tsv").read_bytes() == whole


def test_ctrl_c_before_anything_is_finished_leaves_nothing(words, out, vqrna_main, scans):
    scans["stop_at"] = 1
    stopped = vqrna_main(*words)
    assert (stopped.code, stopped.err) == (130, "vqrna: stopped: interrupted\n")
    assert not out.exists()


def test_ctrl_c_may_come_again_and_again(words, whole, out, vqrna_main, scans):
    for last in (3, 3, 5):  # each time with the parts of the time before
        scans["done"], scans["stop_at"] = 0, last
        assert vqrna_main(*words).code == 130
    scans["done"], scans["stop_at"] = 0, None
    assert vqrna_main(*words).code == 0
    assert scans["done"] == 12 - 2 - 2 - 4
    assert (out / "sites.tsv").read_bytes() == whole


@pytest.fixture
def fasta(tmp_path):
    return write_fasta(tmp_path / "in.fa", RECORDS)


def work(fasta, out, model=None, **settings) -> bytes:
    model = model or calling_model()
    settings = make_settings(model.modifications, **settings)
    done = predict_files([fasta], out, model, settings, show_progress=False)
    return done.path.read_bytes()


@pytest.fixture
def stopped(fasta, out, scans):
    """A run that was stopped when five of six parts were there."""
    scans["stop_at"] = 10
    with pytest.raises(KeyboardInterrupt):
        work(fasta, out, threshold=0.5)
    scans["done"], scans["stop_at"] = 0, None
    return scans


def test_parts_of_the_same_run_are_taken(stopped, fasta, out):
    work(fasta, out, threshold=0.5)
    assert stopped["done"] == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"threshold": 0.5000000001},
        {"confidence": "low"},
        {"threshold": 0.5, "all_sites": True},
        {"threshold": 0.5, "prior": {"Am": 0.000300000001}},
        {"threshold": 0.5, "modifications": "Am,m6A,Psi"},
    ],
)
def test_parts_of_other_settings_are_not_taken(stopped, fasta, out, tmp_path, changed):
    found = work(fasta, out, **changed)
    assert stopped["done"] == 12
    assert found == work(fasta, tmp_path / "fresh", **changed)
    assert files_in(out) == ["sites.tsv"]  # the others' parts are removed, too


@pytest.mark.parametrize("name", ["beef", ""], ids=["another", "never saved"])
def test_parts_of_another_model_are_not_taken(stopped, fasta, out, name):
    other = dataclasses.replace(calling_model(1), hash=name)
    stopped["done"] = 0
    work(fasta, out, other, threshold=0.5)
    assert stopped["done"] == 12


def test_a_model_that_was_never_saved_leaves_no_parts(fasta, out, scans):
    scans["stop_at"] = 10
    with pytest.raises(KeyboardInterrupt):
        work(fasta, out, dataclasses.replace(calling_model(), hash=""))
    assert not out.exists()


def test_parts_of_a_changed_input_are_not_taken(stopped, fasta, out):
    before = fasta.stat()
    text = fasta.read_text()
    fasta.write_text(text[:-2] + ("A" if text[-2] != "A" else "C") + "\n")
    os.utime(fasta, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert fasta.stat().st_size == before.st_size
    work(fasta, out, threshold=0.5)
    assert stopped["done"] == 12


def test_parts_of_another_size_are_not_taken(stopped, fasta, out, monkeypatch):
    monkeypatch.setattr(parts, "CHUNK", CHUNK + 1)
    work(fasta, out, threshold=0.5)
    assert stopped["done"] == 12


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("000001.json", "{"),
        ("000001.json", "[]"),
        ("000001.json", '{"bytes": 1}'),
        ("000001.json", json.dumps({"bytes": 0, "what": 1})),
        ("000001.tsv", "half a li"),
        ("000001.tsv", None),
    ],
)
def test_a_broken_part_is_made_again(stopped, fasta, out, tmp_path, name, text):
    (folder,) = out.iterdir()
    if text is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(text)
    found = work(fasta, out, threshold=0.5)
    assert stopped["done"] == 2 + 2
    assert found == work(fasta, tmp_path / "fresh", threshold=0.5)


def test_a_fault_in_the_input_removes_the_parts(stopped, fasta, out):
    with fasta.open("a") as file:
        file.write(">wrong\nMEEPQ\n")
    with pytest.raises(DataError, match="record 'wrong', line 26"):
        work(fasta, out, threshold=0.5)
    assert files_in(out) == []


def test_a_store_gives_back_what_it_was_given(tmp_path):
    store = PartStore(tmp_path, "key")
    assert store.read(0) is None
    given = [Part([3, 1], [[1, 0, 0], [0, 2, 1]], 100, 4), Part([0, 0], [[0] * 3] * 2, 0, 1)]
    for number, (part, text) in enumerate(zip(given, ("Ψ one\n", ""), strict=True)):
        store.write(number, text, part)
        assert store.read(number) == part
    with (tmp_path / "all").open("wb") as file:
        store.copy(2, file)
    assert (tmp_path / "all").read_text() == "Ψ one\n"
    candidates, calls, nt, records = parts.totals(given, 2)
    assert (candidates.tolist(), calls.tolist()) == ([3, 1], [[1, 0, 0], [0, 2, 1]])
    assert (nt, records) == (100, 5)
    store.clear()
    assert files_in(tmp_path) == ["all"]
