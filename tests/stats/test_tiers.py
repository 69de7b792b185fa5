import numpy as np
import pytest

from vqrna.errors import UsageError
from vqrna.stats.tiers import DEFAULT_TIER, TIERS, Tiers, tier_index


def test_tiers_are_counted_from_the_lowest():
    tiers = Tiers(np.array([[0.0, 1.0, 2.0], [-1.0, -1.0, 5.0]]))
    logits = np.array([[-0.1, -1.1], [0.0, -1.0], [1.5, 4.9], [2.0, 9.0]])
    assert tiers.reached(logits).tolist() == [[0, 0], [1, 2], [2, 2], [3, 3]]


def test_windows_that_are_cut_have_thresholds_of_their_own():
    whole, cut = np.array([[0.0, 1.0, 2.0]]), np.array([[1.0, 2.0, 3.0]])
    logits = np.array([[1.5], [1.5], [3.0], [3.0]])
    flags = np.array([False, True, False, True])
    assert Tiers(whole, (), cut).reached(logits, flags).ravel().tolist() == [2, 1, 3, 3]
    assert Tiers(whole, (), cut).reached(logits).ravel().tolist() == [2, 2, 3, 3]
    assert Tiers(whole).reached(logits, flags).ravel().tolist() == [2, 2, 3, 3]


def test_no_logit_is_no_call():
    assert Tiers(np.zeros((1, 3))).reached(np.array([[np.nan]])).tolist() == [[0]]


def test_a_model_that_was_never_measured_calls_nothing():
    assert Tiers.none(2).reached(np.array([[1e30, 1e30]])).tolist() == [[0, 0]]


def test_names():
    assert [tier_index(name) for name in TIERS] == [0, 1, 2]
    assert DEFAULT_TIER in TIERS
    with pytest.raises(UsageError, match=r"unknown confidence 'sure' \(known: low, medium, high\)"):
        tier_index("sure")
