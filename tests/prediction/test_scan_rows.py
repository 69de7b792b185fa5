"""Tiles share rows, and every position still sees its own window and nothing else."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tiny import random_tokens
from vqrna.prediction.tiles import STEP, TILE, cut_pieces, fill_rows
from vqrna.region import Region
from vqrna.sequence import AMBIGUOUS


def laid(regions, half, positions=TILE, **more):
    cut = [piece for s in regions for piece in cut_pieces(s, half)]
    return cut, list(fill_rows(cut, half, positions, **more))


def window_at(region: Region, at: int, half: int) -> np.ndarray:
    padded = np.pad(region.tokens, half, constant_values=AMBIGUOUS)
    return padded[at : at + 2 * half + 1]


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 30), st.integers(0, 30)), max_size=12),
    st.integers(0, 12),
    st.booleans(),
)
def test_every_position_sees_its_window(shapes, half, cut):
    regions = [
        Region(f"s{i}", random_tokens(1, left + n + right, seed=i)[0], left, left + n)
        for i, (n, left, right) in enumerate(shapes)
    ]
    made, found = laid(regions, half, cut=cut)
    seen = [np.zeros(p.count, dtype=int) for p in made]
    for row in found:
        for tile in row.tiles:
            region = made[tile.piece].region
            seen[tile.piece][tile.start : tile.start + tile.count] += 1
            for i in range(tile.count):
                window = row.tokens[tile.column + i : tile.column + i + 2 * half + 1]
                at = region.start + tile.start + i
                assert (window == window_at(region, at, half)).all()
    assert all((count == 1).all() for count in seen)


def test_rows_are_of_one_width_but_the_last():
    regions = [Region.whole(f"s{i}", random_tokens(1, 900, seed=i)[0]) for i in range(60)]
    _, found = laid(regions, 250)
    assert [len(row.tokens) for row in found[:-1]] == [TILE + 500] * (len(found) - 1)
    assert (len(found[-1].tokens) - 500) % STEP == 0
    assert len(laid(regions, 250, cut=False)[1][-1].tokens) == TILE + 500
    (short,) = laid(regions[:1], 250)[1]
    assert len(short.tokens) == 1024 + 500


def test_neighbours_share_what_is_empty_between_them():
    regions = [Region.whole(f"s{i}", random_tokens(1, 100, seed=i)[0]) for i in range(200)]
    _, found = laid(regions, 250)
    assert len(found[0].tiles) == (TILE + 500 - 250) // 350
    inside = [Region("g", random_tokens(1, 600, seed=i)[0], 250, 350) for i in range(20)]
    (row,) = laid(inside, 250)[1]
    assert [tile.column for tile in row.tiles] == [600 * i for i in range(20)]


def test_nothing_makes_no_row():
    assert laid([], 10)[1] == []
    assert laid([Region.whole("none", np.empty(0, np.uint8))], 10)[1] == []
