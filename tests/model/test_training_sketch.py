"""A sketch of training windows knows its sites again, and hardly ever another."""

import numpy as np
import pytest

from tiny import random_tokens
from vqrna.model.training_sketch import BESIDE, BITS, STEP, WORD, TrainingSketch, _minimisers
from vqrna.sequence import AMBIGUOUS, encode

TRAIN = random_tokens(1500, 501, seed=1)
EXTENT = WORD + STEP - 1


@pytest.fixture(scope="module")
def sketch():
    return TrainingSketch.of(TRAIN)


def test_the_minimisers_are_those_of_every_run_of_words():
    """Words by their letters, and the smallest hash of each run by hand."""
    tokens = random_tokens(1, 120, seed=3)[0]
    tokens[70] = AMBIGUOUS
    smallest, whole = _minimisers(tokens)
    assert len(smallest) == len(whole) == 120 - EXTENT + 1
    assert whole.tolist() == [not at <= 70 < at + EXTENT for at in range(len(whole))]
    alone = {}  # the hash of a word: that of the only word left where all others are the same
    for at in range(70 - WORD + 1):
        word = tokens[at : at + WORD]
        alone[at] = _minimisers(np.concatenate([word, np.tile(word, 3)]))[0]
    runs = [smallest[at] for at in range(70 - EXTENT + 1)]
    assert len(set(runs)) < len(runs)  # neighbours share theirs
    for value in runs:
        assert any(value in hashes for hashes in alone.values())


def test_every_training_site_is_known_again(sketch):
    assert sketch.windows == 1500
    assert sketch.holds(TRAIN).all()
    assert sketch.holds(TRAIN[:, 200:301]).all()


@pytest.mark.parametrize("shift", [-BESIDE, -17, 1, 33, BESIDE])
def test_so_is_every_site_within_the_central_101_nt_of_one(sketch, shift):
    centre = 250 + shift
    assert sketch.holds(TRAIN[:, centre - BESIDE : centre + BESIDE + 1]).all()


def test_unrelated_sites_are_known_in_less_than_one_of_a_thousand(sketch):
    sequence = random_tokens(1, 200_000, seed=2)[0]
    assert sketch.near(sequence, np.arange(len(sequence))).mean() < 1e-3


def test_shuffled_windows_are_not_known(sketch):
    shuffled = np.random.default_rng(0).permuted(TRAIN, axis=1)
    assert sketch.holds(shuffled).mean() < 1e-3


def test_one_other_base_at_the_site_does_no_harm(sketch):
    changed = TRAIN.copy()
    changed[:, 250] = (changed[:, 250] + 1) % 4
    assert sketch.holds(changed).mean() > 0.95


def test_a_copy_with_every_tenth_base_changed_is_another_sequence(sketch):
    changed = TRAIN.copy()
    changed[:, ::10] = (changed[:, ::10] + 1) % 4
    assert not sketch.holds(changed).any()


def test_both_sides_of_a_site_that_are_of_other_sequence_make_it_unknown(sketch):
    """Far from the site, the same sequence is no reason."""
    flanks = TRAIN.copy()
    flanks[:, 200:301] = random_tokens(len(TRAIN), 101, seed=5)
    assert sketch.holds(flanks).mean() < 1e-3


def test_windows_one_by_one_and_sites_of_one_sequence_agree(sketch):
    sequence = np.concatenate([TRAIN[3], random_tokens(1, 400, seed=6)[0], TRAIN[8, :300]])
    sites = np.arange(250, len(sequence) - 250)
    windows = np.lib.stride_tricks.sliding_window_view(sequence, 501)[sites - 250]
    found = sketch.near(sequence, sites)
    assert found.tolist() == sketch.holds(windows).tolist()
    assert 80 < found.sum() < 300


def test_ambiguous_and_short_neighbourhoods_are_told_by_what_is_left(sketch):
    half = TRAIN.copy()
    half[:, 260:] = AMBIGUOUS  # 60 nt upstream are enough
    assert sketch.holds(half).all()
    nothing = TRAIN.copy()
    nothing[:, 210:290:10] = AMBIGUOUS
    assert not sketch.holds(nothing).any()
    assert not sketch.near(TRAIN[0, 240:262], np.arange(22)).any()
    assert sketch.near(TRAIN[0], np.empty(0, dtype=int)).tolist() == []
    assert sketch.near(TRAIN[0, 200:301], np.array([0, 50, 100])).tolist()[1]


def test_it_takes_few_bits_and_knows_how_many_words_it_holds(sketch):
    assert len(sketch.bits) == -(-sketch.words * BITS // 8)
    per_window = sketch.words / sketch.windows
    assert per_window == pytest.approx((201 - WORD + 1) * 2 / (STEP + 1), rel=0.1)
    again = TrainingSketch.of(np.concatenate([TRAIN[::-1], TRAIN]))
    assert again.words == sketch.words
    assert np.array_equal(again.bits, sketch.bits)


def test_windows_too_short_for_a_word_leave_an_empty_sketch():
    empty = TrainingSketch.of(random_tokens(5, 21))
    assert (empty.words, empty.windows) == (0, 5)
    assert not empty.holds(TRAIN).any()


@pytest.mark.parametrize("repeat", ["A", "GU"])
def test_repeats_of_one_or_two_letters_are_no_evidence(repeat):
    """A training window with poly(A) does not make every poly(A) tail a training site."""
    long = encode((repeat * 501)[:501])
    train = np.stack([long, *TRAIN[:50]])
    sketch = TrainingSketch.of(train)
    assert not sketch.near(np.tile(long, 2)[:800], np.arange(800)).any()
    assert sketch.holds(train[1:]).all()
    beside = np.concatenate([train[1, :250], long[:251]])  # the site at the end of a real sequence
    assert sketch.near(beside, np.array([230]))[0]
