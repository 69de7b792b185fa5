"""Unlabelled negatives: where they are drawn, and that the network learns from them."""

import dataclasses

import numpy as np
import pytest

from tiny import planted, tiny
from vqrna.data.windows import Windows
from vqrna.modifications import modifications
from vqrna.sequence import AMBIGUOUS, decode, encode, recentre
from vqrna.training import train_network
from vqrna.training.negatives import (
    OFF_SITE,
    SHUFFLED,
    NegativeRows,
    UnlabelledNegatives,
    other_type_negatives,
)

SETTINGS = tiny(off_site_weight=1.0, shuffled_weight=1.0, unlabelled_share=0.25).training


def draw(windows, rows, config=SETTINGS, seed: int = 0, length: int = 51) -> NegativeRows:
    source = UnlabelledNegatives.from_windows(windows, length, config)
    return source.draw(np.asarray(rows), np.random.default_rng(seed))


@pytest.fixture
def windows():
    return planted(32, 201, symbols=("Am", "Cm"))


def places(window: np.ndarray, within: np.ndarray) -> list[int]:
    """Where the centre of one sequence stands in another."""
    text, found = decode(within), decode(window)
    return [i + len(found) // 2 for i in range(len(text)) if text.startswith(found, i)]


def test_nothing_is_prepared_where_nothing_is_wanted(windows):
    config = tiny(off_site_weight=0.0, shuffled_weight=0.0).training
    assert UnlabelledNegatives.from_windows(windows, 51, config) is None


def test_off_site_negatives_stand_beside_modified_sites(windows):
    seen = set()
    for seed in range(30):
        rows = np.random.default_rng(seed).permutation(64)[:16]
        drawn = draw(windows, rows, seed=seed)
        tokens = drawn.tokens[drawn.terms[OFF_SITE]]
        negative = drawn.negative[drawn.terms[OFF_SITE]]
        modified = [row for row in rows if (windows.labels[row] == 1).any()][:4]
        assert len(tokens) == len(negative) == len(modified)
        for window, against, row in zip(tokens, negative, modified, strict=True):
            (m,) = np.flatnonzero(against)
            assert windows.labels[row, m] == 1
            (at,) = places(window, windows.tokens[row])
            assert windows.tokens[row, at] == encode("AC"[m])[0]
            assert 25 <= at < 201 - 25  # the whole window is there
            assert at != 100
            seen.add(at)
    assert len(seen) > 40


def test_known_sites_are_no_negatives(windows):
    """Only the second known site of the type is there beside the first, and is never drawn."""
    tokens = windows.tokens[[1, 3]].copy()
    tokens[tokens == 0] = 2  # no A but the two
    tokens[:, 100] = 0
    tokens[1, 20:] = tokens[0, :-20]  # the site of the first is at 120 of the second
    tokens[1, 100] = 0
    tokens[0, 80] = 0  # as it stands there, too
    both = dataclasses.replace(
        windows.take([1, 3]), tokens=tokens, labels=np.array([[1, -1], [1, -1]], dtype=np.int8)
    )
    for seed in range(5):
        drawn = draw(both, [0, 1], seed=seed)
        assert drawn.terms[OFF_SITE] == slice(0, 0)
    alone = both.take([1])
    (at,) = places(draw(alone, [0]).tokens[0], alone.tokens[0])
    assert at == 120


def test_the_site_is_no_negative_even_among_ambiguous_letters(windows):
    """A site that cannot be recognised elsewhere is still known where it is central."""
    tokens = windows.tokens[[1]].copy()
    tokens[tokens == 0] = 2
    tokens[0, 100], tokens[0, 105] = 0, AMBIGUOUS
    one = dataclasses.replace(windows.take([1]), tokens=tokens)
    assert draw(one, [0]).terms[OFF_SITE] == slice(0, 0)


def test_shuffled_windows_count_against_all_that_their_centre_could_carry(windows):
    rows = np.arange(16)
    drawn = draw(windows, rows)
    tokens = drawn.tokens[drawn.terms[SHUFFLED]]
    assert len(tokens) == 4  # a quarter of the batch
    sources = recentre(windows.tokens[rows[-4:]], 51)
    assert (np.sort(tokens, axis=1) == np.sort(sources, axis=1)).all()
    assert (tokens != sources).any(axis=1).all()
    expected = tokens[:, [25]] == [[0, 1]]  # A for Am, C for Cm
    assert (drawn.negative[drawn.terms[SHUFFLED]] == expected).all()


@pytest.mark.parametrize(
    ("off_site", "shuffled", "names"),
    [(1.0, 0.0, {OFF_SITE}), (0.0, 1.0, {SHUFFLED}), (1.0, 1.0, {OFF_SITE, SHUFFLED})],
)
def test_only_what_weighs_is_drawn(windows, off_site, shuffled, names):
    config = tiny(off_site_weight=off_site, shuffled_weight=shuffled).training
    drawn = draw(windows, np.arange(16), config)
    assert set(drawn.terms) == names
    assert sum(part.stop - part.start for part in drawn.terms.values()) == len(drawn.tokens)
    assert drawn.tokens.shape[1] == 51
    assert drawn.negative.shape == (len(drawn.tokens), 2)


def test_a_batch_without_modified_windows_has_none_beside(windows):
    drawn = draw(windows, np.arange(0, 32, 2))
    assert drawn.terms[OFF_SITE] == slice(0, 0)
    assert len(drawn.tokens) == 4


@pytest.mark.parametrize("weights", [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0)])
def test_windows_as_long_as_the_model_in_small_batches(tmp_path, no_curves, weights):
    config = tiny(epochs=1, batch_size=4, off_site_weight=weights[0], shuffled_weight=weights[1])
    windows = planted(10)
    result = train_network(windows, windows, tmp_path, config, device="cpu", show_progress=False)
    names = ("loss_off_site", "loss_shuffled")
    terms = [name for name, weight in zip(names, weights, strict=True) if weight]
    assert (result.history[terms] >= 0).all(axis=None)
    assert np.isfinite(result.history["loss"]).all()


def test_unlabelled_negatives_lower_the_scores_off_the_sites(tmp_path, no_curves):
    windows, valid = planted(64, 201), planted(64, 201, seed=1)
    off_site = []
    for weight in (0.0, 2.0):
        settings = {"off_site_weight": weight, "shuffled_weight": 0.0, "unlabelled_share": 0.5}
        config = tiny(epochs=8, learning_rate=1e-2, **settings)
        out = tmp_path / str(weight)
        model = train_network(windows, valid, out, config, device="cpu", show_progress=False).model
        candidates = valid.tokens[0] == 0
        candidates[100] = False
        off_site.append(np.median(model.scan(valid.tokens[0])[candidates, 0]))
    assert off_site[1] < off_site[0]


def test_random_negatives_count_against_other_types_of_their_base():
    """Am, m6Am (needs BCA) and Cm, in this order of the columns; worked by hand."""
    rows = [
        ("GCA", 2, (0, -1, -1), (0, -1, -1), (False, False, True)),  # fits m6Am, not Cm
        ("GAA", 2, (0, -1, -1), (0, -1, -1), (False, False, False)),  # no BCA
        ("GCA", 2, (-1, -1, 0), (-1, -1, 0), (True, False, False)),
        ("GCA", 2, (1, -1, 0), (-1, -1, 0), (False, False, False)),  # modified
        ("GCA", 2, (1, -1, -1), (-1, -1, -1), (False, False, False)),
        ("GCA", 2, (0, -1, -1), (1, -1, -1), (False, False, False)),  # of a motif, not random
        ("GCA", 2, (0, -1, 0), (0, -1, 1), (False, False, False)),  # nothing unknown that fits
        ("NCA", 2, (0, -1, -1), (0, -1, -1), (False, False, False)),
        ("GAC", 2, (-1, 0, -1), (-1, 0, -1), (False, False, False)),
    ]  # fmt: skip
    tokens = np.zeros((len(rows), 51), dtype=np.uint8)
    for row, (letters, last, *_) in enumerate(rows):
        tokens[row, 25 - last : 26] = encode(letters)
        tokens[row, 0] = row % 4
    windows = Windows(
        tokens=tokens,
        labels=np.array([row[2] for row in rows], dtype=np.int8),
        negative_set=np.array([row[3] for row in rows], dtype=np.int8),
        negative_sets=("random", "hard"),
        names=tuple("abcdefghi"),
        modifications=modifications(["Am", "Cm", "m6Am"]),
    )
    expected = [list(row[4]) for row in rows]
    assert other_type_negatives(windows).tolist() == expected


def test_a_context_beyond_the_window_fits_nothing():
    windows = planted(8, 51, symbols=("Am", "Cm"))
    one = dataclasses.replace(
        windows, tokens=windows.tokens[:, 25:26], modifications=modifications(["Am", "m6Am"])
    )
    assert not other_type_negatives(one)[:, 1].any()


def test_negatives_of_other_types_are_a_term_of_the_loss(tmp_path, no_curves):
    windows = planted(32, symbols=("Am", "Cm"))
    windows.tokens[windows.labels[:, 1] == 0, 25] = 0  # what is drawn for Cm could be an Am, too
    for weight in (0.0, 0.5):
        config = tiny(epochs=1, other_type_weight=weight)
        out = tmp_path / str(weight)
        table = train_network(windows, windows, out, config, show_progress=False).history
        assert ("loss_other_types" in table) == (weight > 0)
        assert ("loss_other_types: " in (out / "train.log").read_text()) == (weight > 0)
    assert (table["loss_other_types"] > 0).all()
