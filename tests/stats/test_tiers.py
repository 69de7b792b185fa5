import numpy as np
import pytest

from vqrna.errors import UsageError
from vqrna.stats.tiers import DEFAULT_TIER, PROBABILITIES, TIERS, reached_tiers, tier_index


def test_tiers_are_counted_from_the_lowest():
    probability = np.array([[0.0, 0.0199], [0.02, 0.0999], [0.1, 0.3332], [0.3333, 1.0]])
    assert reached_tiers(probability).tolist() == [[0, 0], [1, 1], [2, 2], [3, 3]]
    assert reached_tiers(np.array(PROBABILITIES)).tolist() == [1, 2, 3]


def test_an_unknown_probability_reaches_no_tier():
    assert reached_tiers(np.array([np.nan])).tolist() == [0]


def test_names():
    assert [tier_index(name) for name in TIERS] == [0, 1, 2]
    assert DEFAULT_TIER in TIERS
    with pytest.raises(UsageError, match=r"unknown confidence 'sure' \(known: low, medium, high\)"):
        tier_index("sure")
