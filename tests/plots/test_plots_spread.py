"""Labels keep their order and distance and move as little as they can."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from vqrna.plots.style import spread


def test_what_has_room_stays():
    np.testing.assert_allclose(spread([10, 30, 80], 15, 0, 100), [10, 30, 80])


def test_a_pair_moves_apart_about_its_middle():
    np.testing.assert_allclose(spread([50, 52], 10, 0, 100), [46, 56])


def test_the_edge_holds():
    np.testing.assert_allclose(spread([1, 2], 10, 0, 100), [0, 10])
    np.testing.assert_allclose(spread([99, 99], 10, 0, 100), [90, 100])


def test_too_many_stand_evenly():
    np.testing.assert_allclose(spread([1, 1, 1], 60, 0, 100), [0, 50, 100])


@pytest.mark.parametrize("places", [[], [120]])
def test_none_and_one(places):
    np.testing.assert_allclose(spread(places, 10, 0, 100), np.clip(places, 0, 100))


@given(st.lists(st.floats(0, 100), min_size=1, max_size=12).map(sorted))
def test_moves_are_the_least_that_keep_the_gap(places):
    gap = 5
    found = spread(places, gap, 0, 100)
    assert (np.diff(found) >= gap - 1e-9).all()
    assert found.min() >= -1e-9
    assert found.max() <= 100 + 1e-9
    steps = gap * np.arange(len(places))
    fit = IsotonicRegression(y_min=0, y_max=100 - steps[-1]).fit_transform(
        np.arange(len(places)), np.array(places) - steps
    )
    np.testing.assert_allclose(found, fit + steps, atol=1e-6)
