"""Matches of called and known sites are those that independent programs find."""

import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from small_scan import KINDS
from vqrna.evaluation.known_sites import KnownSites, read_known
from vqrna.evaluation.matching import Matches
from vqrna.evaluation.predicted_sites import SiteRows

NAMES = ("a", "b", "c")

PLACES = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 15), st.booleans(), st.integers(0, 1)),
    max_size=25,
    unique=True,
)


def known_of_arrays(names, sequence, position, reverse, kind) -> KnownSites:
    lines = np.arange(1, len(kind) + 1)
    return KnownSites(names, sequence, position, reverse, kind, file="known.bed", line=lines)


def known_of(rows) -> KnownSites:
    sequence, position, reverse, kind = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    return known_of_arrays(NAMES, sequence, position, reverse.astype(bool), kind)


def block_of(rows, tiers) -> SiteRows:
    sequence, position, reverse, kind = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    tier = np.array(tiers, dtype=np.int64)[: len(rows)]
    return SiteRows(NAMES, sequence, position, reverse.astype(bool), kind, tier)


def most_pairs(known, called, within: int, kind: int) -> int:
    """As many pairs as there can be, by another algorithm."""
    known = [row for row in known if row[3] == kind]
    called = [row for row in called if row[3] == kind]
    if not known or not called:
        return 0
    near = [
        [k[0] == c[0] and k[2] == c[2] and abs(k[1] - c[1]) <= within for c in called]
        for k in known
    ]
    return int((maximum_bipartite_matching(csr_matrix(near)) >= 0).sum())


@given(PLACES, PLACES, st.lists(st.integers(0, 3), min_size=25, max_size=25), st.integers(0, 4))
def test_as_many_pairs_as_there_can_be(known, called, tiers, within):
    matches = Matches(known_of(known), 2, within)
    half = len(called) // 2
    matches.add(block_of(called[:half], tiers[:half]))
    matches.add(block_of(called[half:], tiers[half:]))
    for tier in (1, 2, 3):
        reached = [row for row, t in zip(called, tiers, strict=False) if t >= tier]
        expected = [most_pairs(known, reached, within, kind) for kind in (0, 1)]
        assert matches.matched(tier).tolist() == expected
        counted = matches.called[:, tier:].sum(axis=1).tolist()
        assert counted == [sum(row[3] == kind for row in reached) for kind in (0, 1)]
    assert matches.known().tolist() == [sum(row[3] == kind for row in known) for kind in (0, 1)]
    met = set(known) & set(called)
    assert matches.with_row().tolist() == [sum(row[3] == kind for row in met) for kind in (0, 1)]


@pytest.mark.skipif(shutil.which("bedtools") is None, reason="needs bedtools")
def test_it_finds_what_bedtools_finds(tmp_path):
    rng = np.random.default_rng(0)

    def draw(n: int) -> list[tuple[int, int, int]]:
        columns = (rng.integers(0, 3, n), rng.integers(0, 5_000, n), rng.integers(0, 2, n))
        return sorted(set(zip(*(column.tolist() for column in columns), strict=True)))

    known, called = draw(3_000), draw(4_000)
    for name, rows in (("known", known), ("called", called)):
        (tmp_path / f"{name}.bed").write_text(
            "".join(
                f"{NAMES[s]}\t{at}\t{at + 1}\tm6A\t0\t{'+-'[reverse]}\n" for s, at, reverse in rows
            )
        )
    sites = read_known(tmp_path / "known.bed", KINDS)
    matches = Matches(sites, len(KINDS), 0)
    matches.add(block_of([(*row, 0) for row in called], [2] * len(called)))
    command = ["bedtools", "intersect", "-u", "-s", "-a", "known.bed", "-b", "called.bed"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert matches.matched(1).tolist() == [len(done.stdout.splitlines()), 0]
    assert matches.matched(1)[0] > 300
    assert matches.matched(3).tolist() == [0, 0]


def test_places_far_out_and_many_sequences_stay_apart():
    names = tuple(f"s{i}" for i in range(1_000_000))
    sequence = np.array([0, 999_998, 999_999, 999_999])
    position = np.array([0, 4_000_000_000, 0, 4_000_000_000])
    reverse, kind = np.array([True, False, False, True]), np.array([1, 0, 0, 1])
    matches = Matches(known_of_arrays(names, sequence, position, reverse, kind), 12, 1000)
    tier = np.array([1, 1, 1, 1])
    moved = position + np.array([5, -5, 1000, 1001])
    matches.add(SiteRows(names, sequence, moved, reverse, kind, tier))
    assert matches.matched(1)[:2].tolist() == [2, 1]
