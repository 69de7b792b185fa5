"""Where training windows come from."""

import numpy as np
import pytest

from tiny import planted, random_tokens
from vqrna.data.overlap import overlapping
from vqrna.errors import DataError, UsageError
from vqrna.sequence import decode
from vqrna.training import WindowSource, from_benchmark, from_fasta, from_table


def fasta(path, tokens):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f">w{i}\n{decode(row)}\n" for i, row in enumerate(tokens)))
    return path


@pytest.fixture
def benchmark(tmp_path):
    """Am whole; Cm without positives in valid; a type of one's own, whole."""
    windows = planted(20)
    for split, seed in (("train", 0), ("valid", 1)):
        windows = planted(20, seed=seed)
        for label in (0, 1):
            rows = windows.tokens[windows.labels[:, 0] == label]
            fasta(tmp_path / split / f"1-{label}.fasta", rows)
            fasta(tmp_path / split / f"mine-{label}.fasta", rows[:, 1:-1])
            if (split, label) != ("valid", 1):
                fasta(tmp_path / split / f"2-{label}.fasta", rows)
    return tmp_path


def test_types_that_are_not_whole_are_left_out_with_a_notice(benchmark):
    notices: list[str] = []
    source = from_benchmark(benchmark, None, notices.append)
    for windows in (source.train, source.valid):
        assert [m.symbol for m in windows.modifications] == ["Am", "mine"]
        assert windows.labels.shape[1] == windows.negative_set.shape[1] == 2
        assert (windows.labels >= 0).any(axis=1).all()
    assert any("2-1.fasta" in line for line in notices)


def test_types_can_be_chosen(benchmark):
    source = from_benchmark(benchmark, ["Am"])
    assert [m.symbol for m in source.train.modifications] == ["Am"]
    assert len(source.train) == 20
    assert sorted(source.train.labels[:, 0]) == [0] * 10 + [1] * 10
    with pytest.raises(UsageError, match="unknown modification 'm9Z'"):
        from_benchmark(benchmark, ["m9Z"])


@pytest.mark.filterwarnings("ignore:.*no such file")
def test_where_no_type_is_whole_there_is_nothing_to_learn(benchmark, tmp_path):
    with pytest.raises(DataError, match="no modification has modified and unmodified windows"):
        from_benchmark(benchmark, ["Cm"])
    with pytest.raises(DataError, match="not a folder"):
        from_benchmark(tmp_path / "nowhere")


def test_windows_of_ones_own_are_divided_without_a_leak(tmp_path):
    transcript = random_tokens(1, 4000)[0]
    starts = np.arange(0, 3800, 40)  # neighbours share 61 of 101 nt
    tokens = np.stack([transcript[s : s + 101] for s in starts])
    alone = random_tokens(200, 101, seed=1)
    alone[:, 50] = 0
    positives = fasta(tmp_path / "pos.fa", np.concatenate([tokens[:20], alone[:100]]))
    negatives = fasta(tmp_path / "neg.fa", alone[100:])
    source = from_fasta(positives, negatives, "Am", seed=0)
    assert len(source.train) + len(source.valid) == 220
    assert not overlapping(source.valid.tokens, source.train.tokens).any()
    assert len(source.valid) == pytest.approx(33, abs=8)
    for windows in (source.train, source.valid):
        assert set(windows.labels[:, 0]) == {0, 1}
    again = from_fasta(positives, negatives, "Am", seed=0)
    assert (again.train.tokens == source.train.tokens).all()
    other = from_fasta(positives, negatives, "Am", seed=1)
    assert (
        other.train.tokens.shape != source.train.tokens.shape
        or (other.train.tokens != source.train.tokens).any()
    )


def test_a_table_with_types_of_ones_own(tmp_path):
    rows = ["sequence\tmodification\tlabel"]
    for m, name in enumerate(("ownC", "Am")):
        for i, row in enumerate(random_tokens(40, 61, seed=m)):
            row[30] = 1 - m
            rows.append(f"{decode(row)}\t{name}\t{i % 2}")
    (tmp_path / "own.tsv").write_text("\n".join(rows) + "\n")
    source = from_table(tmp_path / "own.tsv", seed=0)
    assert [m.symbol for m in source.train.modifications] == ["ownC", "Am"]
    assert source.train.modifications == source.valid.modifications
    assert source.train.modifications[0].base == "C"
    labels = np.concatenate([source.train.labels, source.valid.labels])
    assert ((labels == -1).sum(axis=1) == 1).all()  # unknown for the other type, not negative
    assert (labels == 1).sum(axis=0).tolist() == [20, 20]


def test_windows_that_hang_together_cannot_be_divided(tmp_path):
    transcript = random_tokens(1, 400)[0]
    tokens = np.stack([transcript[s : s + 101] for s in range(0, 200, 10)])
    positives = fasta(tmp_path / "pos.fa", tokens)
    negatives = fasta(tmp_path / "neg.fa", random_tokens(4, 101, seed=1))
    with pytest.raises(DataError, match="no split without leaks"):
        from_fasta(positives, negatives, "Am", seed=0)


def test_one_type_of_a_source():
    windows = planted(10, symbols=("Am", "Cm"))
    one = WindowSource(windows, windows).only(1)
    assert [m.symbol for m in one.train.modifications] == ["Cm"]
    assert len(one.train) == len(one.valid) == 10
    assert (one.train.labels >= 0).all()
