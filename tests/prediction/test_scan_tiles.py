"""Sequences are cut the same way every time, and nothing is lost or seen twice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiny import random_tokens
from vqrna.prediction import tiles as cutting
from vqrna.prediction.tiles import TILE, cut_pieces, cut_units
from vqrna.region import Region


def stretch(length: int, name: str = "a", **more) -> Region:
    return Region(name, random_tokens(1, length, seed=length)[0], 0, length, **more)


@given(
    st.integers(1, 500), st.integers(0, 60), st.integers(0, 60), st.integers(0, 40), st.booleans()
)
def test_each_position_is_in_one_piece_with_its_context(length, left, right, reach, reverse):
    tokens = random_tokens(1, left + length + right, seed=length)[0]
    wanted = np.arange(length) % 3 == 0
    only = {"m6Am": np.array([left, left + length - 1])}
    whole = Region("a", tokens, left, left + length, 1000, reverse, wanted, only)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "PIECE", 64)
        found = list(cut_pieces(whole, reach))
    assert [p.opens for p in found] == [True] + [False] * (len(found) - 1)
    numbers, letters, marks, allowed = [], [], [], []
    for piece in found:
        s = piece.region
        count = s.stop - s.start
        assert piece.region.before + len(s.tokens) + piece.region.after == len(tokens)
        assert (s.tokens == tokens[piece.region.before : piece.region.before + len(s.tokens)]).all()
        assert s.start + piece.region.before == left + 64 * found.index(piece)
        assert s.start >= min(reach, s.start + piece.region.before)
        assert len(s.tokens) - s.stop >= min(reach, len(s.tokens) - s.stop + piece.region.after)
        numbers += [s.first + (-i if reverse else i) for i in range(count)]
        letters += s.tokens[s.start : s.stop].tolist()
        marks += s.wanted.tolist()
        allowed += [at + piece.region.before for at in s.only["m6Am"] if s.start <= at < s.stop]
    assert numbers == [1000 + (-i if reverse else i) for i in range(length)]
    assert letters == tokens[left : left + length].tolist()
    assert marks == wanted.tolist()
    assert sorted(set(allowed)) == sorted(set(only["m6Am"].tolist()))


def test_tiles_are_on_a_fixed_grid():
    (piece,) = cut_pieces(stretch(2 * TILE + 7), 10)
    assert list(piece.tiles()) == [(0, TILE), (TILE, TILE), (2 * TILE, 7)]
    assert list(next(cut_pieces(stretch(1), 10)).tiles()) == [(0, 1)]
    assert list(next(cut_pieces(stretch(0), 10)).tiles()) == []


def test_units_hold_about_as_much_work_and_all_of_it(monkeypatch):
    monkeypatch.setattr(cutting, "PIECE", 5000)
    lengths = [10, 20, 12_000, 0, 5000, 3, 700, 700, 700, 700]
    regions = [stretch(n, f"s{i}") for i, n in enumerate(lengths)]
    made = list(cut_units(regions, 20, 20))
    assert [unit.number for unit in made] == list(range(len(made)))
    assert sum(unit.nt for unit in made) == sum(lengths)
    names = [p.region.name for unit in made for p in unit.pieces if p.opens]
    assert names == [f"s{i}" for i in range(len(lengths))]
    assert all(unit.nt <= 2 * 5000 for unit in made)


def numbered(count: int, length: int) -> list[Region]:
    """As many different sequences."""
    tokens = random_tokens(count, length, seed=1)
    return [Region.whole(f"s{i}", row) for i, row in enumerate(tokens)]


def test_many_short_sequences_make_a_unit_before_their_letters_do():
    """Each is evaluated with its context, which is work."""
    made = list(cut_units(numbered(2000, 100), 250, 250))
    assert len(made) == 3  # of 262,144 columns, 351 a sequence
    assert len({unit.nt for unit in made[:-1]}) == 1


def test_repeated_short_sequences_are_less_work_but_some():
    regions = numbered(50, 6)
    made = list(cut_units((regions[i % 50] for i in range(20_000)), 250, 250))
    assert [len(unit.pieces) for unit in made] == [6611, 6899, 6490]
    assert all(unit.nt == 6 * len(unit.pieces) for unit in made)


def test_what_is_remembered_of_short_sequences_is_bounded(monkeypatch):
    monkeypatch.setattr(cutting, "REMEMBERED", 60)
    monkeypatch.setattr(cutting, "PIECE", 10_000)
    regions = numbered(11, 6)
    again = list(cut_units((regions[i % 10] for i in range(1000)), 250, 250))
    never = list(cut_units((regions[i % 11] for i in range(1000)), 250, 250))
    assert len(again) < 6 < len(never)


def test_units_follow_from_the_sequences_before_them_alone():
    lengths = [300, 90_000, 300_000, 10, 400_000]
    long = list(cut_units((stretch(n) for n in lengths), 250, 250))
    short = list(cut_units((stretch(n) for n in lengths[:4]), 250, 250))
    for one, other in zip(long, short[:-1], strict=False):
        assert [p.region.start for p in one.pieces] == [p.region.start for p in other.pieces]
        assert one.nt == other.nt
