"""q-values are those of Benjamini and Hochberg, whatever the parts a scan is made in."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from vqrna.sites import round_significant
from vqrna.stats.fdr import PValueCounts


def counted(p, modification_index=0, types: int = 1) -> PValueCounts:
    counts = PValueCounts(types)
    counts.add(np.asarray(p, dtype=float), modification_index)
    return counts


def q_of(p) -> list[float]:
    p = np.asarray(p, dtype=float)
    return counted(p).q_values().lookup(p, 0).tolist()


P_VALUES = st.one_of(
    st.floats(1e-9, 1),
    st.sampled_from([1e-8, 2.5e-8, 0.001, 0.01, 0.05, 0.5, 1.0]),
    st.integers(0, 12).map(lambda e: 10.0**-e),
    st.integers(0, 7).map(lambda e: 9.9996 * 10.0 ** (-1 - e)),
)


def test_by_hand():
    # ranks 1 to 4 of 4: 4 x 0.01 / 1, 4 x 0.02 / 2, 4 x 0.03 / 3, 4 x 0.5 / 4
    assert q_of([0.01, 0.5, 0.02, 0.03]) == [0.04, 0.5, 0.04, 0.04]
    # equal p-values have the rank of the last
    assert q_of([0.01, 0.01, 0.04, 1]) == [0.02, 0.02, 0.05333, 1]
    assert q_of([0.9]) == [0.9]
    assert q_of([]) == []


@given(st.lists(P_VALUES, min_size=1, max_size=200))
def test_it_is_benjamini_and_hochberg_on_the_rounded_p_values(p):
    rounded = round_significant(np.array(p))
    expected = round_significant(false_discovery_control(rounded, method="bh"))
    np.testing.assert_array_equal(q_of(rounded), expected)
    np.testing.assert_array_equal(q_of(p), expected)  # it rounds what was not rounded


def test_many_p_values_at_once():
    p = round_significant(np.random.default_rng(0).uniform(size=300_000) ** 3)
    expected = round_significant(false_discovery_control(p))
    np.testing.assert_array_equal(q_of(p), expected)


@given(st.lists(st.floats(5e-324, 1), min_size=1, max_size=50))
def test_rounding_is_that_of_the_tables(p):
    p = np.array(p)
    places = counted(p)
    rounded = round_significant(p)
    if (rounded > 1e-300).all():
        told = places.to_json()
        assert told == counted(rounded).to_json()
        assert len(told["places"]) == len(np.unique(rounded))


@settings(max_examples=50)
@given(
    st.lists(st.tuples(P_VALUES, st.integers(0, 2)), max_size=60),
    st.lists(st.integers(0, 60), max_size=5),
)
def test_parts_in_any_order_give_the_same(rows, cuts):
    p = np.array([row[0] for row in rows], dtype=float)
    kind = np.array([row[1] for row in rows], dtype=np.uint8)
    parts = np.split(np.arange(len(p)), np.sort(np.minimum(cuts, len(p))).astype(int))
    merged = PValueCounts(3)
    for part in reversed(parts):
        on_disk = json.dumps(counted(p[part], kind[part], 3).to_json())
        merged.merge(PValueCounts.from_json(json.loads(on_disk)))
    whole = counted(p, kind, 3)
    assert merged.to_json() == whole.to_json()
    assert merged.candidates.tolist() == np.bincount(kind, minlength=3).tolist()
    np.testing.assert_array_equal(
        merged.q_values().lookup(p, kind), whole.q_values().lookup(p, kind)
    )


def test_types_know_nothing_of_one_another():
    p, kind = np.array([0.01, 0.02, 0.02, 0.5]), np.array([0, 1, 0, 1])
    q = counted(p, kind, 2).q_values().lookup(p, kind)
    assert q.tolist() == [0.02, 0.04, 0.02, 0.5]


def test_without_a_p_value_there_is_no_q_value():
    p = np.array([0.01, np.nan, 0.04])
    counts = counted(p)
    assert counts.candidates.tolist() == [2]
    np.testing.assert_array_equal(counts.q_values().lookup(p, 0), [0.02, np.nan, 0.04])
    assert np.isnan(counted([np.nan] * 3).q_values().lookup(np.array([np.nan]), 0)).all()


@given(st.lists(P_VALUES, min_size=1, max_size=100))
def test_q_values_rise_with_p_values_and_are_no_lower_nor_above_1(p):
    p = np.sort(round_significant(np.array(p)))
    q = np.array(q_of(p))
    assert (np.diff(q) >= 0).all()
    assert (q <= 1).all()
    assert (q >= p).all()
    np.testing.assert_array_equal(q, round_significant(q))


def test_memory_is_bounded_by_the_digits():
    counts = PValueCounts(1)
    rng = np.random.default_rng(0)
    for _ in range(5):
        counts.add(rng.uniform(0.001, 1, 100_000), 0)
    told = counts.to_json()
    assert len(told["places"]) <= 3 * 9_000 + 1
    assert sum(told["counts"]) == 500_000


@pytest.mark.parametrize("p", [0.0, -0.1, 1.01, np.inf])
def test_what_is_no_p_value_is_refused(p):
    with pytest.raises(ValueError, match="above 0"):
        counted([0.5, p])


def test_what_was_not_counted_has_no_q_value():
    q_values = counted([0.5, 0.01], [0, 1], 2).q_values()
    for p, kind in ((0.51, 0), (0.01, 0), (0.5, 1)):
        with pytest.raises(ValueError, match="not among"):
            q_values.lookup(np.array([p]), kind)
    with pytest.raises(ValueError, match="cannot add"):
        PValueCounts(2).merge(PValueCounts(3))


def even(n: int, lowest: list[float]) -> np.ndarray:
    """`n` p-values as chance gives them, the lowest replaced."""
    p = (np.arange(n) + 0.5) / n
    p[: len(lowest)] = lowest
    return p


@pytest.mark.parametrize(
    ("lowest", "told"),
    [
        ([], 0.1),  # 1e-6 x 100,000 candidates
        ([1e-6], 0.1),
        ([1e-6] * 2, None),  # two sites there: 0.05
        ([1e-5] * 21, None),  # 1e-5 x 100,000 / 21 = 0.048: the floor is not needed
        ([1e-5] * 19, 0.05263),
    ],
)
def test_a_null_that_is_too_small_is_told(lowest, told):
    q_values = counted(even(100_000, lowest)).q_values()
    found = q_values.unreachable(0.05, [1e-6])
    if told is None:
        assert found == []
        return
    (only,) = found
    assert (only.modification_index, only.candidates) == (0, 100_000)
    assert only.lowest == pytest.approx(told, rel=1e-3)
    line = only.describe("m6A", 9_999, 0.05)
    assert line == (
        f"m6A: a null of 9,999 positions cannot support a q-value below {told:.2g} "
        "over 100,000 candidates: --fdr 0.05 filters out everything"
    )


def test_types_without_a_null_or_candidates_are_not_blamed_on_it():
    counts = counted(even(1_000, []), 1, 3)
    found = counts.q_values().unreachable(0.01, [1e-4, 1e-4, np.nan])
    assert [each.modification_index for each in found] == [1]
    assert found[0].lowest == pytest.approx(0.1)
    # the scores are to blame here, not the null
    assert counts.q_values().unreachable(0.01, [1e-9] * 3) == []
