"""What training leaves behind to flag input, on windows of a language of their own."""

import dataclasses

import numpy as np
import pytest

from tiny import fresh, planted, tiny, tiny_paper
from vqrna.model.weights import load_model, save_model
from vqrna.sequence import encode, recentre
from vqrna.training.nulls import FALSE_FLAGS, with_flags

WORDS = [encode(word) for word in ("GAUUAC", "CCGUAG", "UGCAAU", "AAGGCU", "CUUCGA", "GUCAUG")]
LENGTH = 201


def spoken(n, seed):
    """Windows of random words in a row, as labelled windows."""
    rng = np.random.default_rng(seed)
    words = rng.integers(0, len(WORDS), (n, LENGTH // 6 + 2))
    start = rng.integers(0, 6, n)
    rows = [
        np.concatenate([WORDS[w] for w in row])[s:] for row, s in zip(words, start, strict=True)
    ]
    windows = planted(n, LENGTH, seed)
    return dataclasses.replace(windows, tokens=np.stack([row[:LENGTH] for row in rows]))


TRAIN, VALID, OTHERS = spoken(600, 1), spoken(700, 2), spoken(500, 3)


@pytest.fixture(scope="module")
def model():
    config = tiny(length=LENGTH, codebook_size=32)
    return with_flags(fresh(config, ["Am"]), TRAIN, VALID, show_progress=False)


def ood(model, tokens):
    return model.flags(np.asarray(tokens, dtype=np.uint8))["ood"].mean()


def test_other_windows_of_the_language_are_hardly_ever_unlike(model):
    assert ood(model, VALID.tokens) <= FALSE_FLAGS
    assert ood(model, OTHERS.tokens) <= 3 * FALSE_FLAGS


def test_nor_are_short_ones(model):
    """Letters hidden from somewhere on."""
    cut = OTHERS.tokens.copy()
    cut[:, 140:] = 4
    assert ood(model, cut) <= 3 * FALSE_FLAGS


def test_shuffled_and_random_windows_are(model):
    rng = np.random.default_rng(0)
    assert ood(model, rng.permuted(OTHERS.tokens, axis=1)) > 0.9
    assert ood(model, rng.integers(0, 4, (200, LENGTH))) > 0.9


def test_repeats_are(model):
    homopolymers = np.repeat(np.arange(4)[:, None], LENGTH, axis=1)
    words = np.stack([np.resize(word, LENGTH) for word in WORDS])
    assert ood(model, homopolymers) == 1
    assert ood(model, words) == 1


def test_the_sites_of_the_training_are_known_again_and_no_others(model):
    """Of random windows: six words alone say much the same everywhere."""
    made = with_flags(model, planted(300, 201, 5), dataclasses.replace(VALID), show_progress=False)
    assert made.flags(planted(300, 201, 5).tokens)["in_training"].all()
    assert not made.flags(planted(300, 201, 6).tokens)["in_training"].any()
    assert made.sketch.windows == 300


def test_the_same_seed_gives_the_same_tables(model, tmp_path):
    again = with_flags(
        dataclasses.replace(model, familiarity=None), TRAIN, VALID, show_progress=False
    )
    names = [save_model(m, tmp_path / "a.safetensors").hash for m in (model, again)]
    assert names[0] == names[1]
    loaded = load_model(tmp_path / "a.safetensors", "cpu")
    assert ood(loaded, OTHERS.tokens) == ood(model, OTHERS.tokens)


def test_networks_as_published_get_the_sketch_alone():
    made = with_flags(
        fresh(tiny_paper(), ["Am"]), planted(20), planted(8, seed=3), show_progress=False
    )
    assert made.familiarity is None
    assert made.sketch.windows == 20
    assert list(made.flags(planted(20).tokens)) == ["in_training"]


def test_whatever_is_longer_than_the_training_windows_is_unlike():
    """Windows of 101 nt, padded to 201: nothing was learned of what has more letters."""
    config = tiny(length=LENGTH, codebook_size=32)
    short = [dataclasses.replace(w, tokens=w.tokens[:, 50:151]) for w in (TRAIN, VALID)]
    made = with_flags(fresh(config, ["Am"]), *short, show_progress=False)
    assert ood(made, OTHERS.tokens) == 1
    assert ood(made, recentre(OTHERS.tokens[:, 50:151], LENGTH)) <= 3 * FALSE_FLAGS


def test_windows_with_ambiguous_letters_everywhere_leave_tables_that_flag_nothing():
    config = tiny(codebook_size=8)
    hidden = planted(20)
    hidden = dataclasses.replace(hidden, tokens=np.full_like(hidden.tokens, 4))
    made = with_flags(fresh(config, ["Am"]), hidden, hidden, show_progress=False)
    told = made.flags(planted(20).tokens)
    assert not told["ood"].any()
    assert not told["in_training"].any()
