import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from vqrna.stats.null_distribution import EXACT, FEWEST, TRUSTED, NullDistribution


def sample(n: int, seed: int = 0, ties: bool = False) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(size=n)
    return np.round(drawn, 1 if ties else 12).astype(np.float32)


def brute(null: np.ndarray, x: np.ndarray) -> np.ndarray:
    return (null[None, :] >= np.asarray(x, dtype=np.float32)[:, None]).sum(axis=1)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("n", [1, 7, EXACT - 1, EXACT, EXACT + 1, 5_000, 60_000])
def test_counts_are_exact_at_the_top_and_on_the_safe_side_below(n, ties):
    null = sample(n, ties=ties)
    sketch = NullDistribution.from_logits(null, nt=10 * n)
    asked = np.concatenate([null[:500], sample(500, seed=1), [-9.0, 9.0]])
    true, told = brute(null, asked), sketch.at_least(asked)
    top = true < min(EXACT, n)
    assert (told[top] == true[top]).all()
    assert (told >= true).all()
    assert (told <= np.floor(true * 1.03) + 1).all() or ties
    assert told.max() <= n


def test_a_large_null_is_kept_in_few_numbers():
    sketch = NullDistribution.from_logits(sample(1_000_000), nt=1)
    assert len(sketch.values) < 800
    assert sketch.values.dtype == np.float32
    assert (np.diff(sketch.values) <= 0).all()
    assert (np.diff(sketch.ranks) > 0).all()
    assert sketch.ranks[-1] == sketch.count == 1_000_000


def test_p_values_by_hand():
    sketch = NullDistribution.from_logits(np.array([1.0, 2.0, 3.0, 4.0]), nt=100)
    asked = np.array([5.0, 4.0, 3.5, 1.0, 0.0])
    assert sketch.at_least(asked).tolist() == [0, 1, 1, 4, 4]
    np.testing.assert_allclose(sketch.p_value(asked), [0.2, 0.4, 0.4, 1, 1])
    assert sketch.floor == sketch.p_value(np.array(99.0)) == 0.2


def test_shapes_are_kept():
    sketch = NullDistribution.from_logits(sample(50), nt=100)
    assert sketch.p_value(np.zeros((3, 4))).shape == (3, 4)
    assert sketch.p_value(np.array(0.0)).shape == ()


def test_p_values_of_the_null_itself_are_even_or_larger():
    sketch = NullDistribution.from_logits(sample(20_000), nt=1)
    p = sketch.p_value(sample(20_000, seed=5))
    for level in (0.001, 0.01, 0.1, 0.5):
        assert (p <= level).mean() == pytest.approx(level, rel=0.2, abs=5e-4)


@settings(max_examples=60)
@example(48, 0.96, False, 0)
@given(st.integers(1, 3_000), st.floats(0, 60), st.booleans(), st.integers(0, 20))
def test_a_threshold_respects_its_bound(n, per_kb, ties, seed):
    null = sample(n, seed, ties)
    nt = 50_000
    sketch = NullDistribution.from_logits(null, nt)
    threshold = sketch.threshold(per_kb)
    reached = int((null >= threshold).sum())
    bound = per_kb * (1 + 1e-12)  # 48 / 50,000 * 1,000 is more than 0.96 in doubles
    assert reached / nt * 1000 <= bound
    assert sketch.calls_per_kb(threshold) <= bound or threshold == -np.inf
    if threshold > -np.inf and not ties:  # and gives nothing away: 3 % and one of rounding
        assert reached >= per_kb * nt / 1000 / 1.03 - 2


def test_thresholds_by_hand():
    sketch = NullDistribution.from_logits(np.array([1.0, 2.0, 2.0, 3.0]), nt=1000)
    assert sketch.threshold(0) == pytest.approx(3, abs=1e-5)
    assert sketch.threshold(0) > 3
    assert 2 < sketch.threshold(1) < 2.001
    assert 2 < sketch.threshold(2) < 2.001  # two of the three would be a tie
    assert 1 < sketch.threshold(3) < 1.001
    assert sketch.threshold(4) == -np.inf
    assert sketch.calls_per_kb(2.0) == 3


@pytest.mark.parametrize(("nt", "enough"), [(0, False), (39_999, False), (40_000, True)])
def test_a_bound_takes_a_null_in_which_it_allows_a_call(nt, enough):
    assert NullDistribution.from_logits(np.zeros(10), nt).supports(0.025) == enough


def test_an_empty_null_says_nothing():
    sketch = NullDistribution.from_logits(np.empty(0), nt=0)
    assert sketch.p_value(np.array([0.0, 9.0])).tolist() == [1, 1]
    assert sketch.threshold(0.05) == -np.inf
    assert np.isnan(sketch.calls_per_kb(0.0))


SHAPES = {
    "normal": stats.norm(),
    "exponential": stats.expon(),
    "heavy": stats.t(5),
    "bounded": stats.beta(2, 3),
}


def drawn(name: str, n: int = 20_000, seed: int = 0) -> NullDistribution:
    logits = SHAPES[name].rvs(n, random_state=seed)
    return NullDistribution.from_logits(logits, nt=4 * n)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("seed", range(5))
def test_a_tail_goes_on_where_the_counted_p_values_end(name, seed):
    sketch = drawn(name, seed=seed)
    top, start = float(sketch.values[0]), sketch.tail.start
    assert start >= top
    smallest = 1 / (sketch.count + 1)
    just_above = start + np.array([1e-5, 1e-4])
    np.testing.assert_allclose(sketch.p_value(just_above), smallest, rtol=2e-3)
    assert sketch.p_value(np.array(top)) == 2 * smallest  # it is counted itself
    x = np.append(np.linspace(top - 1, top + 60, 5_000), 1e4)
    p = sketch.p_value(x)
    assert (np.diff(p) <= 0).all()
    counted = (sketch.at_least(x) + 1) / (sketch.count + 1)
    np.testing.assert_array_equal(p[x < start], counted[x < start])
    assert (p[x > start + 0.01] < smallest).all()
    assert p.min() == p[-1] == sketch.floor == smallest / TRUSTED


def test_a_tail_is_a_generalised_pareto_distribution_that_never_ends():
    for name in SHAPES:
        tail = drawn(name).tail
        x = tail.start + np.array([-1.0, 0, 0.1, 1, 10, 1e6])
        expected = stats.genpareto.sf(x, tail.shape, loc=tail.start, scale=tail.scale)
        np.testing.assert_allclose(tail.beyond(x), expected, rtol=1e-9)
        assert tail.shape > 0
        assert tail.beyond(x)[-1] > 0


@pytest.mark.parametrize("name", ["normal", "exponential", "heavy"])
def test_a_tail_errs_on_the_safe_side_but_not_by_more_than_it_has_to(name):
    n = 20_000
    asked = 1 / (10 * n)  # ten times rarer than what was seen
    x = np.array(SHAPES[name].isf(asked))
    found = np.array([float(drawn(name, n, seed).p_value(x)) for seed in range(40)]) / asked
    assert np.median(found) > 1
    assert np.mean(found < 0.5) < 0.15
    assert (found >= 1).mean() > (0.6 if name == "heavy" else 0.95)
    if name == "exponential":
        assert np.median(found) < 7  # it would be 10 without a tail


@pytest.mark.parametrize(
    "logits",
    [
        np.random.default_rng(0).normal(size=FEWEST - 1),
        np.ones(FEWEST),
        np.round(np.random.default_rng(0).normal(size=FEWEST), 1),
        np.append(np.random.default_rng(0).normal(size=FEWEST), np.inf),
        np.empty(0),
    ],
    ids=["small", "all equal", "few values", "endless", "empty"],
)
def test_what_says_nothing_of_a_tail_has_none(logits):
    sketch = NullDistribution.from_logits(logits, nt=10_000)
    assert sketch.tail is None
    assert sketch.floor == 1 / (len(logits) + 1)
    above = np.isinf(logits).sum()
    assert sketch.p_value(np.array([1e6])) == (1 + above) / (len(logits) + 1)


def test_counts_and_thresholds_know_no_tail():
    sketch = drawn("exponential")
    assert sketch.at_least(np.array([1e3])) == 0
    assert sketch.calls_per_kb(1e3) == 0
    assert sketch.threshold(0) == pytest.approx(float(sketch.values[0]), rel=1e-6)


def test_a_position_without_a_logit_stays_one_of_many():
    assert drawn("normal").p_value(np.array([np.nan])).tolist() == [1.0]


def test_shapes_are_kept_with_a_tail():
    sketch = drawn("normal")
    assert sketch.p_value(np.full((3, 4), 99.0)).shape == (3, 4)
    assert sketch.p_value(np.array(99.0)).shape == ()
    assert sketch.p_value(np.array(99.0)) == sketch.floor


def test_threads_and_copies_have_the_same_tail():
    x = np.linspace(2, 9, 1_000)
    expected = drawn("normal").p_value(x)
    shared = drawn("normal")
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: shared.p_value(x), range(32)):
            np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(shared)).p_value(x), expected)
