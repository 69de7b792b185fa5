"""The tail of a null is fitted only where a logit is above all of it."""

import numpy as np
import pytest

from vqrna.stats.null_distribution import TRUSTED, NullDistribution


@pytest.fixture
def null():
    logits = np.random.default_rng(0).normal(size=200_000)
    return NullDistribution.from_logits(logits, 200_000)


def test_floor_and_counted_p_values_need_no_fit(null):
    assert null.floor == 1 / (null.count + 1) / TRUSTED
    assert (null.p_value(null.values[:1000]) > 0).all()
    assert "tail" not in vars(null)


def test_a_logit_above_all_uses_the_fit(null):
    highest = float(null.values[0])
    one, two = null.p_value(np.array([highest, highest + 2]))
    assert null.tail is not None
    assert null.floor <= two < one


def test_a_null_of_few_values_has_no_tail():
    few = NullDistribution.from_logits(np.arange(100.0), 100)
    assert few.tail is None
    assert few.floor == 1 / 101
    assert few.p_value(np.array([1e6])) == pytest.approx(1 / 101)
