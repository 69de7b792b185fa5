from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqrna.data.benchmark import load_benchmark
from vqrna.data.overlap import clusters, largest_share, needed, overlapping, overlapping_groups
from vqrna.errors import UsageError
from vqrna.sequence import AMBIGUOUS, recentre


def pieces(row: np.ndarray, shared: int) -> set[bytes]:
    """All clean pieces of a window, the slow and plain way."""
    cut = (row[i : i + shared] for i in range(len(row) - shared + 1))
    return {piece.tobytes() for piece in cut if AMBIGUOUS not in piece}


def random_windows(seed: int, n: int, length: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, size=(n, length)).astype(np.uint8)


def test_sixty_shared_bases_overlap_and_fifty_nine_do_not() -> None:
    windows = random_windows(0, 3, 1001)
    windows[1, 300:360] = windows[0, 640:700]  # anywhere in the centre, at any shift
    windows[2, 400:459] = windows[0, 500:559]
    windows[2, 459] = (windows[0, 559] + 1) % 4
    windows[2, 399] = (windows[0, 499] + 1) % 4
    assert clusters(windows).tolist() == [0, 0, 1]
    assert overlapping(windows[1:], windows[:1]).tolist() == [True, False]


def test_only_the_central_501_count() -> None:
    windows = random_windows(1, 3, 1001)
    windows[1, :300] = windows[0, :300]  # 50 of them lie in the centre
    windows[2, 691:] = windows[0, 691:]  # 60 of them do
    assert clusters(windows).tolist() == [0, 1, 0]
    assert clusters(windows[:, 250:751]).tolist() == [0, 1, 0]


def test_an_ambiguous_letter_breaks_a_match() -> None:
    windows = random_windows(2, 2, 501)
    windows[1, 100:200] = windows[0, 100:200]
    windows[:, 150] = AMBIGUOUS
    assert clusters(windows).tolist() == [0, 1]


def test_clusters_reach_over_others_and_are_numbered_as_they_come() -> None:
    windows = random_windows(3, 4, 501)
    windows[0, :80] = windows[2, -80:]
    windows[2, :80] = windows[3, -80:]
    assert clusters(windows).tolist() == [0, 1, 0, 0]


def test_windows_too_short_to_share_are_linked_only_if_identical() -> None:
    windows = random_windows(4, 3, 19)
    windows[2] = windows[0]
    assert clusters(windows).tolist() == [0, 1, 0]
    assert overlapping(windows, windows).tolist() == [False] * 3


@pytest.mark.parametrize(("length", "shared"), [(51, 20), (101, 33), (179, 59), (181, 60)])
def test_short_windows_overlap_by_a_third(length: int, shared: int) -> None:
    """Tiles of one region share less than 60 nt, and are no less the same region."""
    assert needed(length) == shared
    region = random_windows(5, 1, 3 * length)[0]
    near, far = length - shared, length - shared + 1
    two = np.stack([region[:length], region[near : near + length]])
    assert clusters(two).tolist() == [0, 0]
    assert overlapping(two[:1], two[1:]).tolist() == [True]
    assert clusters(np.stack([region[:length], region[far : far + length]])).tolist() == [0, 1]


def test_a_short_window_overlaps_the_long_one_that_it_is_from() -> None:
    long = random_windows(6, 2, 1001)
    assert overlapping(long[:1, 475:526], long).tolist() == [True]
    assert overlapping(random_windows(7, 1, 51), long).tolist() == [False]


@pytest.mark.parametrize("beside", ["a longer window", "padding alone"])
def test_short_windows_overlap_whatever_stands_beside_them(beside: str) -> None:
    """Piled up with one long window, tiles of one region are as long as they were."""
    region = random_windows(8, 1, 3000)[0]
    tiles = np.stack([region[i : i + 41] for i in range(0, 210, 21)])  # 20 nt are shared
    windows = recentre(tiles, 501)
    if beside == "a longer window":
        windows = np.concatenate([windows, random_windows(9, 1, 501)])
    group = np.arange(len(windows)) % 2
    assert clusters(windows).tolist() == [0] * 10 + [1] * (len(windows) - 10)
    assert overlapping(windows[:5], windows[5:]).tolist() == [False] * 4 + [True]
    flags = overlapping_groups(windows, group)
    assert flags[np.arange(10), 1 - group[:10]].all()
    assert not flags[10:].any()


def test_the_shorter_of_two_windows_tells_how_much_they_share() -> None:
    """What short windows need is not enough among long ones, and holds in either direction."""
    windows = random_windows(10, 4, 501)
    windows[1, 200:259] = windows[0, 100:159]  # 59 nt are too few among whole windows
    windows[1, [199, 259]] = (windows[0, [99, 159]] + 1) % 4
    windows[2] = recentre(windows[0:1, 220:281], 501)  # 61 nt: a third is enough
    assert clusters(windows).tolist() == [0, 1, 0, 2]
    assert overlapping(windows[2:3], windows[:2]).tolist() == [True]
    assert overlapping(windows[:2], windows[2:3]).tolist() == [True, False]
    windows[3, :20] = windows[2, 220:240]  # linked to the short one, and so to the first
    assert clusters(windows).tolist() == [0, 1, 0, 0]
    assert overlapping(windows[3:], windows[2:3]).tolist() == [True]
    assert overlapping(windows[3:], windows[:2]).tolist() == [False]


def test_no_windows() -> None:
    nothing = np.empty((0, 501), dtype=np.uint8)
    some = random_windows(5, 2, 501)
    assert clusters(nothing).shape == (0,)
    assert overlapping(nothing, some).shape == (0,)
    assert overlapping(some, nothing).tolist() == [False, False]
    assert largest_share(clusters(nothing)) == 0


def test_query_and_reference_may_have_different_lengths() -> None:
    reference = random_windows(6, 4, 1001)
    query = np.concatenate([reference[1:2, 400:601], random_windows(7, 1, 201)])
    assert overlapping(query, reference).tolist() == [True, False]


def test_largest_share() -> None:
    assert largest_share(np.array([0, 1, 1, 2])) == 0.5


@pytest.mark.parametrize(("shared", "central"), [(0, 501), (60, 500), (60, 0)])
def test_impossible_rules_are_refused(shared: int, central: int) -> None:
    with pytest.raises(UsageError, match="invalid overlap rule"):
        clusters(random_windows(8, 2, 501), shared=shared, central=central)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1, 3, 29, 30, 31, 60, 61, 119, 120, 121]))
def test_agrees_with_sets_of_pieces(seed: int, shared: int) -> None:
    """Exact for pieces below, at and above the sizes that fit into one, two and four words."""
    rng = np.random.default_rng(seed)
    stock = rng.integers(0, 5 if seed % 3 == 0 else 4, size=400).astype(np.uint8)
    starts = rng.integers(0, len(stock) - 131, size=8)
    windows = np.stack([stock[i : i + 131] for i in starts])
    for row in windows[::2]:
        row[rng.integers(131)] = rng.integers(0, 5)
    sets = [pieces(row, shared) for row in windows]
    expected = [any(ours & theirs for theirs in sets[4:]) for ours in sets[:4]]
    assert overlapping(windows[:4], windows[4:], shared=shared).tolist() == expected
    cluster = clusters(windows, shared=shared)
    linked = np.array([[bool(a & b) or (x == y).all() for b, y in zip(sets, windows, strict=True)]
                       for a, x in zip(sets, windows, strict=True)])  # fmt: skip
    reach = np.linalg.matrix_power(linked.astype(int), len(windows)) > 0
    assert ((cluster[:, None] == cluster[None, :]) == reach).all()


@pytest.mark.slow
def test_the_real_splits_overlap_as_stated(real_benchmark: Path) -> None:
    """Some 30 to 65 % of the modified validation windows, far fewer of the others."""
    train, valid = (load_benchmark(real_benchmark, split) for split in ("train", "valid"))
    flags = overlapping(valid.tokens, train.tokens)
    for column, m in enumerate(valid.modifications):
        labels = valid.labels[:, column]
        random = (labels == 0) & (valid.negative_set[:, column] == 0)
        assert 0.1 < flags[labels == 1].mean() < 0.7, m.symbol
        assert flags[labels == 1].mean() > flags[random].mean() + 0.1, m.symbol
    cluster = clusters(np.concatenate([train.tokens, valid.tokens]))
    assert 0.02 < largest_share(cluster) < 0.05
    reached = np.isin(cluster[len(train) :], cluster[: len(train)])
    assert (reached >= flags).all()
