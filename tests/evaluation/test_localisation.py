"""Where a site ranks among the positions beside it: by hand, and with a scorer that knows."""

import numpy as np
import pytest

from tiny import fresh, random_tokens, tiny
from vqrna.data.windows import Windows
from vqrna.errors import DataError
from vqrna.evaluation.localisation import (
    among_near,
    localise,
    ranked,
    weighted_mean,
    weighted_median,
    within_window,
)
from vqrna.evaluation.positions import (
    Neighbours,
    dense,
    known_sites,
    neighbours,
    sites_of,
    window_by_window,
)
from vqrna.modifications import modification, modifications
from vqrna.sequence import encode

AM = modification("Am")


def windows_of(tokens, labels, symbols=("Am", "m6Am")):
    tokens = np.asarray(tokens, dtype=np.uint8)
    labels = np.asarray(labels, dtype=np.int8)
    return Windows(
        tokens,
        labels,
        np.where(labels == 0, 0, -1),
        ("random",),
        tuple(f"w{i}" for i in range(len(tokens))),
        modifications(list(symbols)),
    )


def planted(n=20, length=401, seed=0):
    """Windows with A in their centres, modified for Am."""
    tokens = random_tokens(n, length, seed)
    tokens[:, length // 2] = 0
    return windows_of(tokens, np.tile([1, -1], (n, 1)))


def near(scores, is_decoy):
    scores, is_decoy = np.array(scores, dtype=float), np.array(is_decoy, dtype=bool)
    return Neighbours(AM, np.arange(len(scores)), scores, is_decoy)


def test_ranks_of_hand_made_windows():
    is_decoy = [[1, 1, 0, 1, 1]] * 4 + [[0, 0, 0, 0, 0]]
    scores = [
        [1, 2, 9, 3, 4],  # above all
        [1, 2, 3, 3, 4],  # above two, level with one, below one
        [5, 5, 5, 5, 5],  # level with four
        [7, 7, 3, 7, 7],  # below all
        [1, 1, 9, 1, 1],  # nothing to compare
    ]
    decoys, auroc, first = within_window(near(scores, is_decoy))
    assert decoys.tolist() == [4, 4, 4, 4, 0]
    np.testing.assert_allclose(auroc, [1, 2.5 / 4, 0.5, 0, np.nan])
    np.testing.assert_allclose(first, [1, 0, 1 / 5, 0, np.nan])


def test_the_nearest_decoys_are_looked_at_apart():
    is_decoy = [[1, 1, 0, 1, 1], [1, 1, 0, 1, 1], [1, 0, 0, 0, 1]]
    scores = [[9, 1, 5, 9, 9], [1, 9, 5, 9, 1], [1, 9, 5, 9, 1]]
    found = near(scores, is_decoy)
    decoys, auroc = among_near(found, 1)
    assert decoys.tolist() == [2, 2, 0]
    np.testing.assert_allclose(auroc, [0.5, 0, np.nan])
    np.testing.assert_allclose(among_near(found, 2)[1], within_window(found)[1])
    # The mean is over the windows that have a decoy so near
    is_decoy = np.zeros((3, 61), dtype=bool)
    is_decoy[0, [45, 60]] = is_decoy[1, [15, 60]] = is_decoy[2, 0] = True
    scores = np.zeros((3, 61))
    scores[:, 30], scores[0, 45] = 1, 2
    scores[1, 60] = 9
    table = ranked([near(scores, is_decoy)], np.arange(3), resamples=0)
    assert table.value("Am", "auroc_near", "all").value == 0.5
    counts = table.table.set_index("metric")[["n", "decoys"]]
    assert counts.loc["auroc_near"].tolist() == [2, 1]
    assert counts.loc["auroc"].tolist() == [3, 5 / 3]
    assert table.value("Am", "auroc", "all").value == pytest.approx((0.5 + 0.5 + 1) / 3)


def test_what_is_no_decoy_is_never_read():
    scores = [[np.nan, 2, 3, 99, 1]]
    decoys, auroc, first = within_window(near(scores, [[0, 1, 0, 0, 1]]))
    assert (decoys[0], auroc[0], first[0]) == (2, 1, 1)


def test_decoys_have_base_and_context_and_are_not_annotated():
    tokens = encode("CAGCACAUCAGAACA")[None]
    known = np.zeros((1, 15), dtype=bool)
    known[0, 9] = True
    got = neighbours(np.zeros((1, 15)), tokens, AM, known)
    assert np.flatnonzero(got.is_decoy[0]).tolist() == [1, 4, 6, 11, 12, 14]
    # Of BCA only: A at 5 follows AC, A at 10 is annotated
    known[0] = np.arange(15) == 10
    got = neighbours(
        np.zeros((1, 15)), encode("GCAACAUUGCAGGCA")[None], modification("m6Am"), known
    )
    assert np.flatnonzero(got.is_decoy[0]).tolist() == [2, 14]


def test_a_context_rule_sees_beyond_the_scored_positions():
    tokens = encode("UUGCAGGACAUUUUU")[None]
    known = np.zeros((1, 15), dtype=bool)
    got = neighbours(np.zeros((1, 7)), tokens, modification("m6Am"), known)  # positions 4 to 10
    assert np.flatnonzero(got.is_decoy[0]).tolist() == [0]


def test_scores_of_another_shape_are_an_error():
    tokens, known = random_tokens(2, 21), np.zeros((2, 21), dtype=bool)
    for shape in ((2, 20), (3, 21), (21,)):
        with pytest.raises(DataError, match="scores of positions have the shape"):
            neighbours(np.zeros(shape), tokens, AM, known)


def test_sites_of_other_windows_are_known():
    long = random_tokens(1, 601, seed=3)[0]
    long[[300, 330]] = 0
    tokens = np.stack([long[100:501], long[130:531]])  # centres at 300 and 330
    windows = windows_of(tokens, [[1, -1], [-1, 1]])
    sites = known_sites(windows, reach=100)
    assert np.flatnonzero(sites[0]).tolist() == [100, 130]
    assert np.flatnonzero(sites[1]).tolist() == [70, 100]
    alone = known_sites(windows.take([0]), reach=100)
    assert np.flatnonzero(alone[0]).tolist() == [100]
    assert (known_sites(windows.take([0]), [windows], reach=100) == sites[:1]).all()


def test_the_draw_of_windows_follows_the_seed():
    windows = planted(50)
    drawn = sites_of(windows, AM, 10, seed=1)
    assert len(drawn) == 10
    assert (np.diff(drawn) > 0).all()
    assert (sites_of(windows, AM, 10, seed=1) == drawn).all()
    assert (sites_of(windows, AM, 10, seed=2) != drawn).any()
    assert len(sites_of(windows, AM, 80)) == 50
    assert not len(sites_of(windows, modification("Psi")))


def test_a_scorer_that_knows_ranks_first_and_one_that_does_not_is_at_chance():
    windows = planted(60)

    def knows(tokens, kind):
        return (np.arange(201) == 100) * np.ones((len(tokens), 1))

    best = localise(knows, windows, reach=100, resamples=20)
    assert best.value("Am", "auroc", "all") == (1, 1, 1)
    assert best.value("Am", "percentile", "all") == (100, 100, 100)
    value, low, high = best.value("Am", "first", "all")
    assert value == high == 1
    assert low == pytest.approx(0.94, abs=0.003)  # Wilson's bound for 60 of 60
    rng = np.random.default_rng(0)
    random = localise(lambda t, m: rng.random((len(t), 201)), windows, reach=100, resamples=200)
    _, low, high = random.value("Am", "auroc", "all")
    assert low < 0.5 < high
    assert 0.05 < high - low < 0.3
    level = localise(lambda t, m: np.zeros((len(t), 201)), windows, reach=100, resamples=0)
    assert level.value("Am", "auroc", "all").value == 0.5
    assert set(level.table["windows"]) == {"all"}


def test_windows_that_overlap_training_windows_are_told_apart():
    windows = planted(12)
    rng = np.random.default_rng(0)
    noise = rng.random((12, 201))
    row = {window.tobytes(): i for i, window in enumerate(windows.tokens)}

    def score(tokens, kind):
        return noise[[row[window.tobytes()] for window in tokens]]

    found = localise(score, windows, reference=windows.take(slice(5)), reach=100, resamples=10)
    assert found.ranks["non_overlapping"].sum() == 7
    apart = found.ranks[found.ranks["non_overlapping"].astype(bool)]
    assert found.value("Am").value == pytest.approx(apart["auroc"].mean())
    median = found.value("Am", "percentile").value
    assert median == pytest.approx(100 * apart["auroc"].median())


def test_the_mean_is_over_types_not_windows():
    tokens = random_tokens(30, 401)
    tokens[:, 198:201] = encode("GCA")
    labels = np.full((30, 2), -1)
    labels[:25, 0] = labels[25:, 1] = 1
    windows = windows_of(tokens, labels)
    rng = np.random.default_rng(1)
    found = localise(lambda t, m: rng.random((len(t), 201)), windows, reach=100, resamples=10)
    each = [found.value(symbol, "auroc", "all").value for symbol in ("Am", "m6Am")]
    assert found.value("mean", "auroc", "all").value == pytest.approx(np.mean(each))
    with pytest.raises(KeyError):
        found.value("mean9", "auroc", "all")


def test_weighted_means_and_medians_are_those_of_repeated_values():
    rng = np.random.default_rng(0)
    values, weights = rng.random(9).round(1), rng.integers(0, 4, (30, 9))
    weights[0] = 0
    mean, median = weighted_mean(values, weights), weighted_median(values, weights)
    for i, row in enumerate(weights[1:], start=1):
        assert mean[i] == pytest.approx(np.repeat(values, row).mean())
        assert median[i] == pytest.approx(np.median(np.repeat(values, row)))
    assert np.isnan([mean[0], median[0]]).all()


def test_dense_and_window_by_window_agree():
    model = fresh(tiny(length=51), ("Am", "m6Am"))
    windows = planted(6)

    def score(cut, kind):
        return model.logits(cut)[:, 0 if kind is AM else 1]

    ways = dense(model, 60), window_by_window(score, 51, 60)
    one, other = (localise(way, windows, reach=60, resamples=0).ranks for way in ways)
    assert (one["decoys"] == other["decoys"]).all()
    np.testing.assert_allclose(one["auroc"], other["auroc"], atol=0.02)
    tokens = windows.tokens[:2]
    scores = [way(tokens, AM) for way in ways]
    there = ~np.isnan(scores[1])
    assert there[:, 60].all()
    assert 0.15 < there.mean() < 0.35
    np.testing.assert_allclose(scores[0][there], scores[1][there], atol=1e-5)
