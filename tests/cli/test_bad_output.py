"""Where results cannot be written: one clear line, and what was there stays as it was."""

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from seeded import files_in, letters, write_fasta
from vqrna.runtime import files

not_root = pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")


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


FILES = ["run.json", "scanned.bed", "sequences.tsv", "sites.tsv"]


@pytest.mark.parametrize("call", [1, 2, 4, 5, 6])
def test_a_disk_that_fills_up_under_predict(
    vqrna_main, fasta, model, out, tmp_path, monkeypatch, call
):
    """Two or three parts, then the sites, what was scanned, and how; finished parts are kept."""
    words = ("predict", fasta, "--all-sites", "--model", model, "--out")
    monkeypatch.setattr("vqrna.prediction.tiles.PIECE", 150)
    old = tmp_path / "old"
    assert vqrna_main(*words, old).code == 0
    before = (old / "sites.tsv").read_bytes()
    real = files._rename
    for place in (out, old):
        left = iter([False] * (call - 1) + [True])

        def rename(*paths, left=left):
            if next(left):
                raise OSError(errno.ENOSPC, "No space left on device")
            real(*paths)

        monkeypatch.setattr(files, "_rename", rename)
        done = vqrna_main(*words, place)
        assert (done.code, done.out) == (1, "")
        (line,) = done.err.splitlines()
        assert line.startswith(f"vqrna: error: {place}")
        assert "the disk is full" in line
        assert ("finished parts are kept" in line) == (call > 1)
    assert [name for name in files_in(old) if not name.startswith(".vqrna-parts-")] == FILES
    assert (old / "sites.tsv").read_bytes() == before
    monkeypatch.setattr(files, "_rename", real)
    assert vqrna_main(*words, out).code == 0
    assert (out / "sites.tsv").read_bytes() == before
    assert files_in(out) == FILES


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
    message = "vqrna: error: standard output: cannot write: the disk is full\n"
    assert (done.returncode, done.stderr) == (1, message)


def test_a_table_needs_standard_output(fasta, model):
    program = "import os; os.close(1); from vqrna.cli import run; run()"
    command = [sys.executable, "-c", program, "predict", fasta, "--model", model, "--out", "-"]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    message = "vqrna: error: standard output is closed: --out - needs it\n"
    assert (done.returncode, done.stderr) == (1, message)


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)], ids=str)
def test_closed_standard_streams(fasta, model, tmp_path, closed):
    """As ``>&-`` does: the results are complete, and nothing is printed into them."""
    expected = tmp_path / "expected"
    words = ["predict", fasta, "--all-sites", "--model", model, "--jobs", "1", "--out"]
    program = f"""
import os, sys
for descriptor in {closed}:
    os.close(descriptor)
    setattr(sys, ("stdin", "stdout", "stderr")[descriptor], None)
from vqrna.cli import run
run()
"""
    outs = expected, tmp_path / "closed"
    for code, out in zip(("from vqrna.cli import run; run()", program), outs, strict=True):
        command = [sys.executable, "-c", code, *map(str, [*words, out])]
        assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    for name in ("sites.tsv", "scanned.bed"):
        written, wanted = ((out / name).read_text() for out in reversed(outs))
        assert written.replace(str(outs[1]), "") == wanted.replace(str(outs[0]), "")


@pytest.mark.skipif(sys.platform == "darwin", reason="file names must be UTF-8 there")
def test_paths_that_are_not_utf_8(vqrna_main, fasta, model, tmp_path):
    odd = tmp_path / os.fsdecode(b"a\xff")
    odd.mkdir()
    moved = fasta.rename(odd / os.fsdecode(b"in\xfe.fa"))
    formats = "tsv,parquet,bed,bedrmod,bedgraph,bigwig"
    words = ("predict", moved, "--all-sites", "--model", model, "--format", formats)
    done = vqrna_main(*words, "--out", odd / "out")
    assert done.code == 0, done.err
    assert pd.read_parquet(io.BytesIO((odd / "out/sites.parquet").read_bytes())).shape[0] > 100
    assert "in\\udcfe.fa" in (odd / "out" / "scanned.bed").read_text(encoding="utf-8")
    done = vqrna_main(*words, "--shard", "1/1", "--out", odd / "shard")
    assert done.code == 0, done.err
    assert vqrna_main("join", odd / "shard").code == 0
    assert files_in(odd / "shard") == files_in(odd / "out")


def test_the_output_does_not_replace_the_input(vqrna_main, fasta, model, tmp_path):
    out = tmp_path / "out"
    assert vqrna_main("predict", fasta, "--model", model, "--out", out).code == 0
    moved = fasta.rename(out / "sites.tsv")
    text = moved.read_text()
    done = vqrna_main("predict", moved, "--model", model, "--out", out)
    assert (done.code, moved.read_text()) == (2, text)
    assert done.err.count("would replace the input") == 1
