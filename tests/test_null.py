import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqrna.null import EXACT, NullSketch


def sample(n: int, seed: int = 0, ties: bool = False) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(size=n)
    return np.round(drawn, 1 if ties else 12).astype(np.float32)


def brute(null: np.ndarray, x: np.ndarray) -> np.ndarray:
    return (null[None, :] >= np.asarray(x, dtype=np.float32)[:, None]).sum(axis=1)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("n", [1, 7, EXACT - 1, EXACT, EXACT + 1, 5_000, 60_000])
def test_counts_are_exact_at_the_top_and_on_the_safe_side_below(n, ties):
    null = sample(n, ties=ties)
    sketch = NullSketch.of(null, nt=10 * n)
    asked = np.concatenate([null[:500], sample(500, seed=1), [-9.0, 9.0]])
    true, told = brute(null, asked), sketch.at_least(asked)
    top = true < min(EXACT, n)
    assert (told[top] == true[top]).all()
    assert (told >= true).all()
    assert (told <= np.floor(true * 1.03) + 1).all() or ties
    assert told.max() <= n


def test_a_large_null_is_kept_in_few_numbers():
    sketch = NullSketch.of(sample(1_000_000), nt=1)
    assert len(sketch.values) < 800
    assert sketch.values.dtype == np.float32
    assert (np.diff(sketch.values) <= 0).all()
    assert (np.diff(sketch.ranks) > 0).all()
    assert sketch.ranks[-1] == sketch.count == 1_000_000


def test_p_values_by_hand():
    sketch = NullSketch.of(np.array([1.0, 2.0, 3.0, 4.0]), nt=100)
    asked = np.array([5.0, 4.0, 3.5, 1.0, 0.0])
    assert sketch.at_least(asked).tolist() == [0, 1, 1, 4, 4]
    np.testing.assert_allclose(sketch.p_value(asked), [0.2, 0.4, 0.4, 1, 1])
    assert sketch.floor == sketch.p_value(np.array(99.0)) == 0.2


def test_shapes_are_kept():
    sketch = NullSketch.of(sample(50), nt=100)
    assert sketch.p_value(np.zeros((3, 4))).shape == (3, 4)
    assert sketch.p_value(np.array(0.0)).shape == ()


def test_p_values_of_the_null_itself_are_even_or_larger():
    sketch = NullSketch.of(sample(20_000), nt=1)
    p = sketch.p_value(sample(20_000, seed=5))
    for level in (0.001, 0.01, 0.1, 0.5):
        assert (p <= level).mean() == pytest.approx(level, rel=0.2, abs=5e-4)


@settings(max_examples=60)
@given(st.integers(1, 3_000), st.floats(0, 60), st.booleans(), st.integers(0, 20))
def test_a_threshold_respects_its_bound(n, per_kb, ties, seed):
    null = sample(n, seed, ties)
    nt = 50_000
    sketch = NullSketch.of(null, nt)
    threshold = sketch.threshold(per_kb)
    reached = int((null >= threshold).sum())
    assert reached / nt * 1000 <= per_kb
    assert sketch.calls_per_kb(threshold) <= per_kb or threshold == -np.inf
    if threshold > -np.inf and not ties:  # and gives nothing away: 3 % and one of rounding
        assert reached >= per_kb * nt / 1000 / 1.03 - 2


def test_thresholds_by_hand():
    sketch = NullSketch.of(np.array([1.0, 2.0, 2.0, 3.0]), nt=1000)
    assert sketch.threshold(0) == pytest.approx(3, abs=1e-5)
    assert sketch.threshold(0) > 3
    assert 2 < sketch.threshold(1) < 2.001
    assert 2 < sketch.threshold(2) < 2.001  # two of the three would be a tie
    assert 1 < sketch.threshold(3) < 1.001
    assert sketch.threshold(4) == -np.inf
    assert sketch.calls_per_kb(2.0) == 3


def test_an_empty_null_says_nothing():
    sketch = NullSketch.of(np.empty(0), nt=0)
    assert sketch.p_value(np.array([0.0, 9.0])).tolist() == [1, 1]
    assert sketch.threshold(0.05) == -np.inf
    assert np.isnan(sketch.calls_per_kb(0.0))
