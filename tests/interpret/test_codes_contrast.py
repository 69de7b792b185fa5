"""Log-odds by hand, and p-values that know which windows move together."""

import numpy as np
import pytest
from scipy.stats import fisher_exact

from vqrna.interpret.contrast import PSEUDO, RAREST, contrast

AT_SITE = np.array([False, True, False])


def windows(modified, unmodified):
    """Codes and labels of windows given as tuples of codes."""
    codes = np.array([*modified, *unmodified])
    return codes, np.arange(len(codes)) < len(modified)


def test_log_odds_by_hand():
    codes, labels = windows([(0, 1, 0)] * 6 + [(0, 0, 0)] * 2, [(0, 1, 0)] + [(0, 0, 1)] * 7)
    found = contrast(codes, labels, np.arange(16), AT_SITE, 2, permutations=0)
    half = PSEUDO / 2  # the classes have as many tokens
    near = np.log((6 + half) / (2 + half)) - np.log((1 + half) / (7 + half))
    far = np.log((0 + half) / (16 + half)) - np.log((7 + half) / (9 + half))
    whole = np.log((6 + half) / (18 + half)) - np.log((8 + half) / (16 + half))
    assert found.log_odds[1] == pytest.approx([near - far, whole])
    assert found.log_odds[0] == pytest.approx(-found.log_odds[1])  # there is no third code
    assert found.at_site.tolist() == [[2, 7], [6, 1]]
    assert found.everywhere.tolist() == [[18, 16], [6, 8]]
    assert found.windows == (8, 8)
    assert np.isnan(found.p).all()


def test_what_the_whole_window_shows_is_no_feature_of_the_site():
    rng = np.random.default_rng(0)
    share = np.where(np.arange(400) < 200, 0.6, 0.3)[:, None]
    codes = (rng.random((400, 60)) < share).astype(int)  # a region rich in code 1
    at_site = np.arange(60) // 20 == 1
    found = contrast(codes, np.arange(400) < 200, np.arange(400), at_site, 2, permutations=400)
    assert found.log_odds[1, 1] == pytest.approx(np.log(0.6 / 0.4 / (0.3 / 0.7)), abs=0.1)
    assert abs(found.log_odds[1, 0]) < 0.15
    assert found.p[1, 1] == pytest.approx(1 / 401)
    assert found.p[1, 0] > 0.02


def test_the_p_value_of_single_windows_is_fishers():
    # Nothing but the token at the site differs: the permutation test is Fisher's exact one
    codes, labels = windows([(0, 1, 0)] * 9 + [(0, 2, 0)] * 6, [(0, 1, 0)] * 3 + [(0, 2, 0)] * 12)
    found = contrast(codes, labels, np.arange(30), AT_SITE, 3, permutations=20_000)
    exact = fisher_exact([[9, 6], [3, 12]]).pvalue
    assert found.p[1, 0] == pytest.approx(exact, abs=0.006)


def test_copies_of_one_window_are_one_observation():
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 2, (60, 3))
    labels = np.arange(60) % 2 == 0
    copies = np.tile([[0, 2, 0]], (30, 1))
    codes, labels = np.vstack([codes, copies]), np.append(labels, np.ones(30, dtype=bool))
    apart, together = np.arange(90), np.append(np.arange(60), np.full(30, 60))
    ps = [
        contrast(codes, labels, c, AT_SITE, 3, permutations=500).p[2, 0] for c in (apart, together)
    ]
    assert ps[0] == pytest.approx(1 / 501)
    assert ps[1] > 0.2


def test_without_a_difference_p_values_are_even():
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 60, (300, 12))
    labels = rng.random(300) < 0.5
    cluster = rng.integers(0, 150, 300)  # clusters hold both classes, too
    found = contrast(codes, labels, cluster, np.arange(12) < 5, 60, permutations=500)
    for p in found.p.T:
        assert 0.35 < np.nanmean(p) < 0.65
        assert np.nanmean(p < 0.1) < 0.25


def test_rare_codes_are_not_tested():
    codes, labels = windows([(0, 1, 0)] * (RAREST - 1) + [(0, 0, 0)] * 9, [(0, 2, 0)] * RAREST)
    found = contrast(codes, labels, np.arange(len(codes)), AT_SITE, 3, permutations=50)
    assert np.isnan(found.p[1]).all()
    assert not np.isnan(found.p[2]).any()


def test_the_same_seed_gives_the_same_numbers():
    rng = np.random.default_rng(3)
    codes, labels = rng.integers(0, 4, (80, 6)), np.arange(80) % 2 == 0
    runs = [
        contrast(codes, labels, np.arange(80), np.arange(6) < 3, 4, permutations=300, seed=s).p
        for s in (5, 5, 6)
    ]
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])
