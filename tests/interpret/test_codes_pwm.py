"""What codes read, by hand; and as motifs that another program understands."""

import shutil
import subprocess

import numpy as np
import pytest

from vqrna.interpret.meme import meme_text, read_meme
from vqrna.interpret.pwm import code_matrices
from vqrna.sequence import AMBIGUOUS, encode


def found(weights=None):
    """Code 0 reads GGACU, code 1 anything, code 2 nothing."""
    rng = np.random.default_rng(0)
    seen = rng.integers(0, 4, (400, 2, 5)).astype(np.uint8)
    seen[:, 0] = encode("GGACU")
    seen[:40, 0, 1] = 0
    seen[0, 0, 0] = AMBIGUOUS
    return code_matrices(np.tile([0, 1], (400, 1)), seen, 3, weights)


def test_counts_by_hand():
    codes = np.array([[1, 0], [1, 1]])
    seen = np.array([[encode("AC"), encode("GU")], [encode("AN"), encode("CC")]])
    twice = code_matrices(codes, seen, 2, np.array([1.0, 0.5]))
    assert twice.counts[0].T.tolist() == [[0, 0, 1, 0], [0, 0, 0, 1]]
    assert twice.counts[1].T.tolist() == [[1.5, 0.5, 0, 0], [0, 1.5, 0, 0]]
    assert twice.sites.tolist() == [1, 3]
    # 1.5 A, 2 C, 1 G, 1 U and one more of each
    assert twice.background == pytest.approx(np.array([2.5, 3, 2, 2]) / 9.5)


def test_letters():
    read = found()
    assert read.consensus(0) == "GGACU"
    assert read.consensus(1) == ""
    assert read.consensus(2) == ""
    assert read.frequencies.sum(axis=1) == pytest.approx(1)
    assert read.frequencies[0, 2, 1] == pytest.approx(0.9, abs=0.01)


def test_information_is_the_relative_entropy():
    read = found()
    f, b = read.frequencies[0, :, 4], read.background
    assert read.information[0, :, 4].sum() == pytest.approx((f * np.log2(f / b)).sum())
    assert read.information[1].sum(axis=0).max() < 0.1


def as_meme(codes, told=("# vqrna",)):
    read = found()
    return meme_text(read.motifs(codes), read.background, told)


def test_the_motif_file_line_by_line():
    text = as_meme([0, 2, 1], ["# vqrna", "# model: beef"])
    lines = text.splitlines()
    assert lines[0] == "MEME version 4"
    assert "# model: beef" in lines
    assert "ALPHABET= ACGU" in lines
    assert [line for line in lines if line.startswith("MOTIF")] == [
        "MOTIF code_0 GGACU",
        "MOTIF code_1 N",
    ]
    at = lines.index("MOTIF code_0 GGACU")
    assert lines[at + 1] == "letter-probability matrix: alength= 4 w= 5 nsites= 400 E= 0"
    rows = np.array([list(map(float, line.split())) for line in lines[at + 2 : at + 7]])
    assert rows.sum(axis=1) == pytest.approx(1, abs=1e-9)
    assert "ACGU"[rows[2].argmax()] == "A"


def test_our_reader_of_motifs_reads_them(tmp_path):
    path = tmp_path / "a.meme"
    path.write_text(as_meme([0, 1]))
    read = read_meme(path)
    assert list(read) == ["code_0 GGACU", "code_1 N"]
    assert read["code_0 GGACU"] == pytest.approx(found().frequencies[0], abs=1e-6)


def test_meme_itself_reads_the_motifs(tmp_path):
    program = shutil.which("meme2meme")
    if program is None:
        pytest.skip("needs meme2meme of the MEME suite")
    path = tmp_path / "a.meme"
    path.write_text(as_meme([0, 1]))
    done = subprocess.run([program, path], capture_output=True, text=True, check=True)
    assert done.stdout.count("MOTIF") == 2
