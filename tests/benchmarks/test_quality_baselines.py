"""Baselines of the benchmark of quality, by hand where a hand can."""

import math

import numpy as np
import pytest
from benchmarks.quality import baselines
from benchmarks.quality.features import cpg, pieces

from tiny import planted, random_tokens
from vqrna.data.features import FeatureSet, kmer_counts, one_hot
from vqrna.data.windows import Windows
from vqrna.modifications import modifications
from vqrna.sequence import encode
from vqrna.stats.metrics import ranking
from vqrna.training.teacher import examples


def windows_of(sequences, labels, symbols=("Am",), hard=()):
    """Windows of letters, with labels (N, M) and the rows whose negatives are hard."""
    labels = np.array(labels, dtype=np.int8).reshape(len(sequences), -1)
    negative_set = np.where(labels == 0, 0, -1).astype(np.int8)
    negative_set[list(hard)] *= 0
    negative_set[list(hard)] += np.where(labels[list(hard)] == 0, 1, -1).astype(np.int8)
    return Windows(
        np.stack([encode(s) for s in sequences]),
        labels,
        negative_set,
        ("random", "hard"),
        tuple(str(i) for i in range(len(sequences))),
        modifications(list(symbols)),
    )


def auroc(labels, scores):
    return float(ranking(np.asarray(labels), scores, np.ones((1, len(labels))))[0][0])


def test_one_hot_by_hand():
    assert one_hot(np.stack([encode("CAN")])).astype(int).tolist() == [
        [0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
    ]


def test_kmers_by_hand():
    counts = kmer_counts(np.stack([encode("ACACN"), encode("UUUUU")]), 2)
    assert counts.shape == (2, 16)
    assert counts[0].nonzero()[0].tolist() == [1, 4]  # AC twice, CA once, nothing across N
    assert counts[0, [1, 4]].tolist() == [2, 1]
    assert counts[1, 15] == 4


def test_kmers_are_those_of_a_plain_count():
    tokens = random_tokens(5, 40, ambiguous=0.1)
    counts = kmer_counts(tokens, 3)
    for row, found in zip(tokens, counts, strict=True):
        plain = np.zeros(64)
        for i in range(38):
            if (row[i : i + 3] < 4).all():
                plain[row[i] * 16 + row[i + 1] * 4 + row[i + 2]] += 1
        assert found.tolist() == plain.tolist()


def test_features_look_at_the_middle():
    tokens = random_tokens(3, 101)
    features = FeatureSet(5, ((1, 7), (2, 9)))
    assert features.length == 9
    found = features.of(tokens)
    assert found.shape == (3, 5 * 4 + 4 + 16)
    assert found[:, 20:24].sum(axis=1).tolist() == [7, 7, 7]
    changed = tokens.copy()
    changed[:, :40] = 0
    assert (features.of(changed) == found).all()


def test_cpg_by_hand():
    assert cpg(np.stack([encode("CGCGA"), encode("GCCUA")])).tolist() == [2, 0]
    assert cpg(np.stack([encode("CGACG")]), 3).tolist() == [0]


def test_a_matrix_by_hand():
    # Modified: the base before the site is C, C, G; unmodified: U, U. The site is A always.
    data = windows_of(["CAU", "CAU", "GAU", "UAU", "UAU"], [1, 1, 1, 0, 0])
    model = baselines.fit_matrix(data, [0], 0, length=3)
    found = model.of_type(np.stack([encode(s) for s in ("CAU", "UAU", "AAU", "NAN")]), "Am")
    # One pseudo-count a base: 3 + 4 modified, 2 + 4 unmodified windows.
    site, after = math.log((4 / 7) / (3 / 6)), math.log((4 / 7) / (3 / 6))
    before = {"C": (3 / 7) / (1 / 6), "U": (1 / 7) / (3 / 6), "A": (1 / 7) / (1 / 6)}
    expected = [math.log(before[b]) + site + after for b in "CUA"] + [site]
    assert found == pytest.approx(expected)
    assert model.logits(data.tokens).shape == (5, 1)


def test_the_memoriser_by_hand():
    rng = np.random.default_rng(0)
    known, other, new = ("".join(rng.choice(list("ACGU"), 41)) for _ in range(3))
    data = windows_of([known, other], [1, 0])
    model = baselines.fit_memoriser(data, [0], 0)
    mixed = known[:20] + known[20:36] + new[36:]  # the first 36 nt are known: 6 pieces of 31
    found = model.of_type(np.stack([encode(s) for s in (known, other, new, mixed)]), "Am")
    assert found == pytest.approx([math.log(12), -math.log(12), 0, math.log(7)])


def test_pieces_have_a_number_of_their_own_each():
    number, window = pieces(np.stack([encode("ACGUA"), encode("ACNUA")]), 2)
    assert window.tolist() == [0, 0, 0, 0, 1, 1]
    assert number[4] == number[0]  # AC
    assert number[5] == number[3]  # UA
    assert len(np.unique(number)) == 4
    assert len(pieces(np.stack([encode("ACG")]), 31)[0]) == 0


def test_cpg_learns_its_direction():
    data = windows_of(["AUAUA", "CGAUA"], [1, 0])
    model = baselines.fit_cpg(data, [0], 0)
    found = model.of_type(data.tokens, "Am")
    assert found[0] > found[1]


def test_negatives_of_other_types_join_where_they_fit():
    data = windows_of(
        ["UAU", "UAU", "UAU", "UCU", "UAU", "UAU"],
        # Am modified; Am not; m1A not; Cm not; m1A modified; m1A not, of a hard set
        [[1, -1, -1], [0, -1, -1], [-1, -1, 0], [-1, 0, -1], [-1, -1, 1], [-1, -1, 0]],
        ("Am", "Cm", "m1A"),
        hard=[5],
    )
    rows, labels, weights = examples(data, 0, elsewhere=0.3)
    assert rows.tolist() == [0, 1, 2]
    assert labels.tolist() == [1, 0, 0]
    assert weights.tolist() == [1, 1, 0.3]
    assert examples(data, 0)[0].tolist() == [0, 1]


@pytest.mark.parametrize("fit", [baselines.fit_logistic, baselines.fit_trees])
def test_a_planted_motif_is_learned(fit):
    data = planted(200, 51, symbols=("Am", "Um"))
    new = planted(200, 51, seed=1, symbols=("Am", "Um"))
    more = {"rounds": 20} if fit is baselines.fit_trees else {}
    model = fit(data, [0, 1], 0, **more)
    for column, symbol in enumerate(("Am", "Um")):
        rows = np.flatnonzero(new.labels[:, column] >= 0)
        found = model.of_type(new.tokens[rows], symbol)
        assert auroc(new.labels[rows, column], found) > 0.95
        assert model.logits(new.tokens)[rows, column] == pytest.approx(found)


def test_trees_repeat_with_their_seed():
    data = planted(100, 51)
    first, again, other = (baselines.fit_trees(data, [0], s, rounds=5) for s in (1, 1, 2))
    assert (first.logits(data.tokens) == again.logits(data.tokens)).all()
    assert (first.logits(data.tokens) != other.logits(data.tokens)).any()
