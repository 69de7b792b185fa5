"""Further studies beside the main data set."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tiny import planted, random_tokens
from vqrna.data.benchmark import file_name
from vqrna.data.studies import (
    Study,
    balanced_rows,
    overlaps_training,
    pool,
    pooled_clusters,
    read_studies,
)
from vqrna.data.windows import MAIN, NEGATIVE, POSITIVE, UNKNOWN, Windows
from vqrna.errors import DataError
from vqrna.modifications import modifications
from vqrna.sequence import decode, recentre

AM, CM, M1A = modifications(["Am", "Cm", "m1A"])


def write_study(folder, modification, positive, negative):
    """Write a study with the same windows in train and valid."""
    for split in ("train", "valid"):
        (folder / split).mkdir(parents=True, exist_ok=True)
        for label, tokens in ((1, positive), (0, negative)):
            records = [f">{label}.{i}\n{decode(row)}\n" for i, row in enumerate(tokens)]
            (folder / split / file_name(modification, label)).write_text("".join(records))


def labelled(tokens, positive, types=(AM, CM)):
    """Windows of the first type: modified, the others its random negatives."""
    labels = np.full((len(tokens), len(types)), UNKNOWN, dtype=np.int8)
    labels[:, 0] = np.where(positive, POSITIVE, NEGATIVE)
    negative_set = np.where(labels == NEGATIVE, 0, -1).astype(np.int8)
    names = tuple(f"w{i}" for i in range(len(tokens)))
    return Windows(tokens, labels, negative_set, ("random",), names, types)


def with_base(tokens):
    tokens = tokens.copy()
    tokens[:, tokens.shape[1] // 2] = 0
    return tokens


@pytest.fixture
def short():
    return with_base(random_tokens(12, 41, seed=1))


def test_labels_are_in_the_columns_of_the_main_data(tmp_path, short):
    write_study(tmp_path / "s1", AM, short[:4], short[4:])
    (study,) = read_studies(tmp_path, (CM, AM))
    assert study.name == "s1"
    assert study.train.length == 41
    assert (study.train.labels[:, 0] == UNKNOWN).all()
    assert (study.train.labels[:, 1] == POSITIVE).sum() == 4
    assert (study.train.labels[:, 1] == NEGATIVE).sum() == 8
    assert study.types() == [1]


@pytest.mark.parametrize(
    ("names", "types", "message"),
    [(None, (CM,), "no windows of Cm"), (["s2"], (AM,), r"no study 's2' \(available: s1\)")],
    ids=["other-types", "unknown-name"],
)
def test_studies_without_windows_are_refused(tmp_path, short, names, types, message):
    write_study(tmp_path / "s1", AM, short[:4], short[4:])
    with pytest.raises(DataError, match=message):
        read_studies(tmp_path, types, names)


def test_folders_without_studies_are_refused(tmp_path):
    (tmp_path / "train").mkdir()
    with pytest.raises(DataError, match="no study"):
        read_studies(tmp_path, (AM,))


def test_pooled_windows_keep_their_source_and_negatives(short):
    main = labelled(with_base(random_tokens(10, 101)), np.arange(10) < 5)
    study = Study("s-1", labelled(short, np.arange(12) < 4), labelled(short, np.arange(12) < 4))
    pooled = pool(main, [study])
    assert pooled.source.tolist() == [MAIN] * 10 + [0] * 12
    assert pooled.negative_sets == ("random", "s-1")
    assert pooled.length == 101
    negative = pooled.negative_set[:, 0]
    assert (negative[:10] == np.where(np.arange(10) < 5, -1, 0)).all()
    assert (negative[10:] == np.where(np.arange(12) < 4, -1, 1)).all()
    assert pooled.conflicts == 0
    assert np.array_equal(recentre(pooled.tokens[10:], 41), short)


def test_sites_of_any_source_are_negatives_of_none(short):
    site = short[0]
    main_tokens = with_base(random_tokens(6, 101))
    main_tokens[5, 30:71] = site  # a random negative of the main data
    main = labelled(main_tokens, np.arange(6) < 3)
    study = Study("s", labelled(short, np.arange(12) < 4), labelled(short, np.arange(12) < 4))
    pooled = pool(main, [study])
    assert pooled.conflicts == 1
    assert len(pooled) == 6 + 12 - 1
    negatives = pooled.tokens[(pooled.labels == NEGATIVE).any(axis=1)]
    assert not (recentre(negatives, 41) == site).all(axis=1).any()


def test_many_studies_keep_their_negatives_apart(short):
    """More studies than a type of 8 bits has numbers, and an integer has bits."""
    main = labelled(with_base(random_tokens(10, 101)), np.arange(10) < 5)
    windows = with_base(random_tokens(4 * 130, 41, seed=5)).reshape(130, 4, 41)
    windows[128, 3] = windows[129, 0]  # a negative at a modified site of another study
    parts = [labelled(each, np.arange(4) < 2) for each in windows]
    pooled = pool(main, [Study(f"s{i}", part, part) for i, part in enumerate(parts)])
    assert pooled.conflicts == 1
    assert len(pooled) == 10 + 4 * 130 - 1
    for i in range(130):
        negative = (pooled.source == i) & (pooled.labels[:, 0] == NEGATIVE)
        assert {pooled.negative_sets[n] for n in pooled.negative_set[negative, 0]} == {f"s{i}"}
        assert negative.sum() == (1 if i == 128 else 2)


def test_a_contradiction_within_one_source_stays_as_it_was(short):
    twice = np.concatenate([short[:2], short[:2]])
    twice[2:, 0] = (twice[2:, 0] + 1) % 4  # other windows with the same site
    main = labelled(with_base(random_tokens(6, 101)), np.arange(6) < 3)
    study = Study("s", labelled(twice, np.arange(4) < 2), labelled(twice, np.arange(4) < 2))
    assert pool(main, [study]).conflicts == 0


@pytest.mark.parametrize(
    ("main_positive", "study_positive", "each"),
    [(20, 4, 8), (20, 2, 6), (3, 4, 3)],
    ids=["all-of-the-larger-class", "three-repeats", "as-many-as-the-main-data"],
)
def test_each_draw_of_a_study_is_balanced(short, main_positive, study_positive, each):
    n = 2 * main_positive
    main = labelled(with_base(random_tokens(n, 101)), np.arange(n) < main_positive)
    of_study = labelled(short, np.arange(12) < study_positive)
    pooled = pool(main, [Study("s", of_study, of_study)])
    draws = [balanced_rows(pooled, np.random.default_rng(seed)) for seed in range(30)]
    for rows in draws:
        labels = pooled.labels[rows, 0]
        assert (pooled.source[rows] == 0).all()
        assert (labels == POSITIVE).sum() == (labels == NEGATIVE).sum() == each
        assert np.bincount(rows).max() <= 3
    assert len(np.unique(np.concatenate(draws))) == 12  # all windows have their turn


def test_a_study_may_have_as_many_windows_as_the_usual_type_of_the_main_data(short):
    """Not only as many as the main data have of its own type, where these are few."""
    main = labelled(with_base(random_tokens(28, 101)), np.arange(28) < 14)
    labels = main.labels.copy()
    labels[4:, 1] = labels[4:, 0]
    labels[4:, 0] = UNKNOWN  # four windows of the first type, all modified but for one
    labels[3, 0] = NEGATIVE
    main = dataclasses.replace(main, labels=labels)
    of_study = labelled(short, np.arange(12) < 6)
    rows = balanced_rows(pool(main, [Study("s", of_study, of_study)]), np.random.default_rng(0))
    assert len(rows) == 2 * 5  # the median of 1 and 10 is 5; the study has 6 of each


def test_short_and_long_windows_with_one_site_share_a_cluster(short):
    long = with_base(random_tokens(4, 301))
    long[0, 130:171] = short[3]
    main = labelled(long, np.arange(4) < 2)
    study = Study("s", labelled(short, np.arange(12) < 4), labelled(short, np.arange(12) < 4))
    cluster = pooled_clusters(pool(main, [study]))
    assert cluster[0] == cluster[4 + 3]
    assert len(np.unique(cluster)) == len(cluster) - 1


def test_the_digest_depends_on_the_sources():
    main = planted(n=40, symbols=("Am",))
    study = Study("s", main.take(slice(0, 20)), main.take(slice(20, 40)))
    pooled = pool(main, [study])
    other = dataclasses.replace(pooled, source=pooled.source[::-1].copy())
    assert pooled.digest != other.digest


@pytest.mark.parametrize(
    ("start", "length", "overlaps"),
    [(0, 41, True), (0, 40, False), (200, 41, True)],
    ids=["whole-site", "one-letter-less", "beside-the-centre"],
)
def test_a_short_window_overlaps_with_all_of_its_letters(short, start, length, overlaps):
    main = labelled(with_base(random_tokens(4, 301)), np.arange(4) < 2)
    study = Study("s", labelled(short, np.arange(12) < 4), labelled(short, np.arange(12) < 4))
    query = random_tokens(3, 301, seed=9)
    query[1, start : start + length] = short[0, :length]
    expected = [False, overlaps, False]
    assert overlaps_training(query, pool(main, [study])).tolist() == expected
