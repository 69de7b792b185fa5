import os
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from vqrna.errors import UsageError
from vqrna.interpret.discovery import Motif
from vqrna.interpret.meme import compare
from vqrna.sequence import encode


def sharp(letters):
    counts = np.zeros((4, len(letters)))
    counts[encode(letters), np.arange(len(letters))] = 50
    return counts


def motif(name, letters):
    counts = sharp(letters)
    return Motif(name, counts, counts, np.arange(3), np.zeros(3, int), np.full(4, 0.25))


KNOWN = {name: sharp(name) / 50 for name in ("GGACU", "UUUUU", "GUUCGA")}


def test_pairs_are_listed_best_first(monkeypatch):
    asked = {}

    def tomtom(queries, targets, **settings):
        asked.update(settings, queries=len(queries), targets=len(targets))
        p = np.array([[0.001, 0.9, 0.2], [0.5, 0.02, 1.0]])
        return p, p, np.array([[0, 1, 2], [3, 4, -5]]), np.full((2, 3), 5), np.zeros((2, 3))

    monkeypatch.setitem(sys.modules, "memelite", SimpleNamespace(tomtom=tomtom))
    table = compare([motif("a_1", "GGACU"), motif("a_2", "UUUUU")], KNOWN)
    assert asked["reverse_complement"] is False
    assert (asked["queries"], asked["targets"]) == (2, 3)
    assert table.motif.tolist() == ["a_1"] * 3 + ["a_2"] * 3
    assert table.known.tolist()[:4] == ["GGACU", "GUUCGA", "UUUUU", "UUUUU"]
    assert table.e_value[0] == pytest.approx(0.003)
    # Benjamini and Hochberg: 0.001 * 6 / 1 and 0.02 * 6 / 2
    assert table.q_value[0] == pytest.approx(0.006)
    assert table.q_value[3] == pytest.approx(0.06)
    assert table.offset.tolist()[3:] == [4, 3, -5]


def test_no_motif_gives_an_empty_table(monkeypatch):
    monkeypatch.setitem(sys.modules, "memelite", SimpleNamespace(tomtom=None))
    assert compare([], KNOWN).empty


def test_a_missing_library_is_told_in_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "memelite", None)
    with pytest.raises(UsageError, match=r"memelite: install it with pip install '\.\[motifs\]'"):
        compare([motif("a_1", "GGACU")], KNOWN)


@pytest.mark.skipif(
    "VQRNA_TOMTOM" not in os.environ, reason="compiles for a minute or two: set VQRNA_TOMTOM=1"
)
@pytest.mark.filterwarnings("ignore")
def test_the_real_one_finds_the_same_motif_and_no_other_strand():
    pytest.importorskip("memelite")
    generator = np.random.default_rng(0)
    known = dict(KNOWN)
    known["AGUCC"] = sharp("AGUCC") / 50  # the reverse complement
    for n in range(30):
        known[f"random_{n}"] = generator.dirichlet(np.full(4, 0.3), 6).T
    table = compare([motif("a_1", "AGGACUA")], known).set_index("known")
    assert table.index[0] == "GGACU"
    assert table.p_value["GGACU"] < 1e-3
    assert table.p_value["AGUCC"] > 0.05
    assert table.offset["GGACU"] == -1  # one letter before the known one
    assert table.overlap["GGACU"] == 5
