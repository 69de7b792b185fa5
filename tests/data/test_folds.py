"""Folds for cross-validation: nothing overlaps across them, and every type is divided evenly."""

import numpy as np
import pytest

from tiny import planted, random_tokens
from vqrna.data.overlap import clusters, overlapping
from vqrna.data.split import hold_back, make_folds
from vqrna.data.windows import Windows
from vqrna.errors import DataError, UsageError
from vqrna.modifications import modifications


@pytest.fixture(scope="module")
def windows() -> Windows:
    """600 windows of 201 nt, of which every third is shifted by 100 nt or less from another."""
    made = planted(200, 201, symbols=("Am", "Cm", "Um"))
    tokens = made.tokens.copy()
    source = random_tokens(200, 401, seed=1)
    for i in range(200):
        tokens[3 * i] = source[i, :201]
        tokens[3 * i + 1] = source[i, 1 + i // 2 : 202 + i // 2]  # up to 100 nt apart
    return Windows(
        tokens, made.labels, made.negative_set, made.negative_sets, made.names, made.modifications
    )


def test_no_window_overlaps_one_of_another_fold(windows):
    found = make_folds(windows, 5)
    assert len(np.unique(found.cluster)) == 400  # 200 pairs and 200 alone
    for fold in range(5):
        train, held = found.rows(fold)
        assert set(train) | set(held) == set(range(600))
        assert not set(train) & set(held)
        assert not overlapping(windows.tokens[held], windows.tokens[train]).any()


def test_every_type_and_class_is_divided_evenly(windows):
    fold = make_folds(windows, 5).fold
    for column in range(3):
        for label in (0, 1):
            counts = np.bincount(fold[windows.labels[:, column] == label], minlength=5)
            assert counts.sum() == 100
            assert counts.max() - counts.min() <= 2


def test_a_window_of_several_types_counts_for_each():
    one = planted(40, 61, symbols=("Am", "Um"))
    labels = one.labels.copy()
    labels[:40, 1] = 0  # all windows of Am are known to be no Um
    negative_set = np.where(labels == 0, 0, -1).astype(np.int8)
    both = Windows(one.tokens, labels, negative_set, ("random",), one.names, one.modifications)
    fold = make_folds(both, 4).fold
    for column in range(2):
        for label in (0, 1):
            counts = np.bincount(fold[labels[:, column] == label], minlength=4)
            assert counts.max() - counts.min() <= 1, (column, label)


def test_there_may_be_many_folds():
    tokens = random_tokens(300, 101)
    labels = (np.arange(300) % 2).astype(np.int8)[:, None]
    negative_set = np.where(labels == 0, 0, -1).astype(np.int8)
    names = tuple(map(str, range(300)))
    kinds = modifications(["m6A"])
    many = Windows(tokens, labels, negative_set, ("random",), names, kinds)
    fold = make_folds(many, 150, cluster=np.arange(300)).fold
    assert np.bincount(fold).tolist() == [2] * 150


def test_a_seed_repeats_and_another_divides_otherwise(windows):
    first, again, other = (make_folds(windows, 5, seed=s).fold for s in (3, 3, 4))
    assert (first == again).all()
    assert (first != other).any()


def test_known_clusters_are_taken_as_they_are(windows):
    cluster = clusters(windows.tokens)
    assert (make_folds(windows, cluster=cluster).fold == make_folds(windows).fold).all()
    doubled = make_folds(windows, cluster=cluster * 2)  # numbers with gaps
    assert (doubled.fold == make_folds(windows).fold).all()


def test_what_is_held_back_overlaps_nothing_that_is_kept(windows):
    found = make_folds(windows, 5)
    train, _ = found.rows(0)
    part = windows.take(train)
    held = hold_back(part, found.cluster[train], 0.25)
    assert 0.2 < held.mean() < 0.3
    assert not overlapping(part.tokens[held], part.tokens[~held]).any()


def test_impossible_wishes_are_told(windows):
    with pytest.raises(UsageError, match="two folds or more"):
        make_folds(windows, 1)
    with pytest.raises(UsageError, match="between 0 and 1"):
        hold_back(windows, np.arange(600), 1.0)
    with pytest.raises(
        DataError, match="2 clusters of overlapping windows are too few for 5 folds"
    ):
        make_folds(windows, cluster=np.arange(600) % 2)
