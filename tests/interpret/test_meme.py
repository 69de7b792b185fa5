import numpy as np
import pytest

from vqrna.errors import DataError
from vqrna.interpret.discovery import Motif
from vqrna.interpret.meme import MemeMotif, meme_text, read_meme

EVEN = np.full(4, 0.25)


def motif(counts, offsets=(-2, -2, 5), windows=(0, 1, 1)):
    counts = np.array(counts, dtype=float)
    return Motif("m6A_1", counts, np.zeros_like(counts), np.array(windows), np.array(offsets), EVEN)


DRACH = motif([[3, 4, 8, 0, 3], [0, 0, 0, 8, 3], [3, 4, 0, 0, 0], [2, 0, 0, 0, 2]])


ENTRY = MemeMotif(DRACH.name, DRACH.consensus, DRACH.frequencies, 3)


def test_properties_of_a_motif():
    assert DRACH.consensus == "DRACH"
    assert DRACH.width == 5
    assert DRACH.sites == 2
    assert DRACH.usual_offset == (-2, pytest.approx(2 / 3))
    assert DRACH.frequencies.sum(axis=0) == pytest.approx(np.ones(5))
    # Eight of eight with one pseudo-count: (8 + 1/4) / 9
    f = np.array([8.25, 0.25, 0.25, 0.25]) / 9
    assert DRACH.bits[:, 2].sum() == pytest.approx((f * np.log2(f / 0.25)).sum())
    assert DRACH.bits[0, 2] > 1.2


def test_what_is_written_can_be_read(tmp_path):
    path = tmp_path / "a.meme"
    path.write_text(meme_text([ENTRY], EVEN, ["# vqrna 1"]))
    text = path.read_text()
    assert text.startswith("MEME version 4\n")
    assert "ALPHABET= ACGU\n" in text
    assert "MOTIF m6A_1 DRACH\n" in text
    assert "letter-probability matrix: alength= 4 w= 5 nsites= 3 E= 0\n" in text
    [(name, matrix)] = read_meme(path).items()
    assert name == "m6A_1 DRACH"
    assert matrix == pytest.approx(DRACH.frequencies, abs=1e-5)


def test_biopython_reads_it(tmp_path):
    motifs = pytest.importorskip("Bio.motifs")
    path = tmp_path / "a.meme"
    path.write_text(meme_text([ENTRY], EVEN))
    with path.open() as file:
        assert motifs.parse(file, "minimal")[0].name == "m6A_1"


def test_dna_letters_and_other_lines_are_understood(tmp_path):
    path = tmp_path / "a.meme"
    path.write_text(
        "\nMEME version 5.4\nALPHABET= ACGT\nstrands: + -\nMOTIF one\n\n"
        "letter-probability matrix: alength= 4 w= 2 nsites= 20\n"
        " 0.5  0.5 0 0 \n0 0 1 0\nURL http://x.org\n\nMOTIF two x y\n"
        "log-odds matrix: alength= 4 w= 1\n1 2 3 4\n"
        "letter-probability matrix: w= 1\n0.251 0.25 0.25 0.25\n"
    )
    found = read_meme(path)
    assert list(found) == ["one", "two x"]
    assert found["one"].tolist() == [[0.5, 0], [0.5, 0], [0, 1], [0, 0]]
    assert found["two x"].sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty|not a MEME"),
        (">a\nACGU\n", "not a MEME file"),
        (
            "MEME version 4\nALPHABET= ACDEFGHIKLMNPQRSTVWY\n",
            "invalid alphabet ACDEFGHIKLMNPQRSTVWY",
        ),
        ("MEME version 4\n", "no motif has a letter-probability matrix"),
        ("MEME version 4\nMOTIF a\nletter-probability matrix: alength= 4\n", "width w="),
        ("MEME version 4\nMOTIF a\nletter-probability matrix: w= 2\n0 0 0 1\n", "1 of 2 rows"),
        (
            "MEME version 4\nMOTIF a\nletter-probability matrix: w= 1\n0 0 1\n",
            "line 4.*expected four frequencies",
        ),
        ("MEME version 4\nMOTIF a\nletter-probability matrix: w= 1\n0 0 0.4 0\n", "not sum to 1"),
        (f"MEME version 4\nletter-probability matrix: w= {'9' * 5000}\n", "line 2.*width w="),
        (
            f"MEME version 4\nletter-probability matrix: alength= {'4' * 5000} w= 1\n",
            "line 2.*width",
        ),
        (f"MEME version 4\nletter-probability matrix: w= 1\n{'1' * 5000} 0 0 0\n", "line 3.*four"),
    ],
)
def test_malformed_files_raise_one_line(tmp_path, text, words):
    path = tmp_path / "a.meme"
    path.write_text(text)
    with pytest.raises(DataError, match=words):
        read_meme(path)


def test_motifs_of_one_name_are_all_kept(tmp_path):
    path = tmp_path / "twice.meme"
    rows = ("1 0 0 0", "0 1 0 0", "0 0 0 1")
    told = "".join(
        f"MOTIF same\nletter-probability matrix: alength= 4 w= 1\n{row}\n" for row in rows
    )
    path.write_text(f"MEME version 4\nALPHABET= ACGT\n{told}")
    found = read_meme(path)
    assert {name: int(matrix.argmax()) for name, matrix in found.items()} == {
        "same": 0,
        "same (2)": 1,
        "same (3)": 3,
    }
