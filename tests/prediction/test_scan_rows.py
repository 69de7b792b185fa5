"""Tiles share rows, and every position still sees its own window and nothing else."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tiny import random_tokens
from vqrna.prediction.tiles import STEP, TILE, pieces, rows
from vqrna.region import Region
from vqrna.sequence import AMBIGUOUS


def laid(stretches, half, positions=TILE, **more):
    cut = [piece for s in stretches for piece in pieces(s, half)]
    return cut, list(rows(cut, half, positions, **more))


def window_at(stretch: Region, at: int, half: int) -> np.ndarray:
    padded = np.pad(stretch.tokens, half, constant_values=AMBIGUOUS)
    return padded[at : at + 2 * half + 1]


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 30), st.integers(0, 30)), max_size=12),
    st.integers(0, 12),
    st.booleans(),
)
def test_every_position_sees_its_window(shapes, half, cut):
    stretches = [
        Region(f"s{i}", random_tokens(1, left + n + right, seed=i)[0], left, left + n)
        for i, (n, left, right) in enumerate(shapes)
    ]
    made, found = laid(stretches, half, cut=cut)
    seen = [np.zeros(p.stretch.stop - p.stretch.start, dtype=int) for p in made]
    for row in found:
        for place in row.places:
            stretch = made[place.piece].stretch
            seen[place.piece][place.begin : place.begin + place.count] += 1
            for i in range(place.count):
                window = row.tokens[place.column + i : place.column + i + 2 * half + 1]
                at = stretch.start + place.begin + i
                assert (window == window_at(stretch, at, half)).all()
    assert all((count == 1).all() for count in seen)


def test_rows_are_of_one_width_but_the_last():
    stretches = [Region.whole(f"s{i}", random_tokens(1, 900, seed=i)[0]) for i in range(60)]
    _, found = laid(stretches, 250)
    assert [len(row.tokens) for row in found[:-1]] == [TILE + 500] * (len(found) - 1)
    assert (len(found[-1].tokens) - 500) % STEP == 0
    assert len(laid(stretches, 250, cut=False)[1][-1].tokens) == TILE + 500
    (short,) = laid(stretches[:1], 250)[1]
    assert len(short.tokens) == 1024 + 500


def test_neighbours_share_what_is_empty_between_them():
    stretches = [Region.whole(f"s{i}", random_tokens(1, 100, seed=i)[0]) for i in range(200)]
    _, found = laid(stretches, 250)
    assert len(found[0].places) == (TILE + 500 - 250) // 350
    inside = [Region("g", random_tokens(1, 600, seed=i)[0], 250, 350) for i in range(20)]
    (row,) = laid(inside, 250)[1]
    assert [place.column for place in row.places] == [600 * i for i in range(20)]


def test_nothing_makes_no_row():
    assert laid([], 10)[1] == []
    assert laid([Region.whole("none", np.empty(0, np.uint8))], 10)[1] == []
