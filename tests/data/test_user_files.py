from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
import pytest

from vqrna.data.user_files import load_table, load_windows_fasta, own_modification
from vqrna.errors import DataError, UsageError
from vqrna.modifications import modification
from vqrna.sequence import decode, encode


def write(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def test_a_pair_of_fasta_files_of_a_known_type(tmp_path: Path) -> None:
    positives = write(tmp_path / "p.fa", ">a x\nCAG\n>b\nUAU\n")
    negatives = write(tmp_path / "n.fa", ">c\nGAG\n")
    windows = load_windows_fasta(positives, negatives, "m6A")
    assert windows.modifications == (modification("m6A"),)
    assert dict(zip(windows.names, windows.labels[:, 0].tolist(), strict=True)) == {
        "a x": 1,
        "b": 1,
        "c": 0,
    }


def test_a_type_of_one_s_own_takes_its_base_from_its_positives(tmp_path: Path) -> None:
    positives = write(tmp_path / "p.fa", ">a\nACG\n>b\nUCU\n")
    negatives = write(tmp_path / "n.fa", ">c\nGAG\n")
    (own,) = load_windows_fasta(positives, negatives, "ownC").modifications
    assert (own.symbol, own.context, own.base, own.index) == ("ownC", "C", "C", None)
    given = modification("m5C")
    assert load_windows_fasta(positives, negatives, given).modifications == (given,)


@pytest.mark.parametrize(
    ("cs", "others", "context"), [(99, 1, "C"), (98, 2, "N"), (0, 0, "N"), (1, 0, "C")]
)
def test_the_base_needs_99_percent(cs: int, others: int, context: str) -> None:
    tokens = np.array([encode("ACA")] * cs + [encode("AUA")] * others, dtype=np.uint8)
    assert own_modification("x", tokens.reshape(-1, 3)).context == context


def test_ambiguous_centres_are_no_base() -> None:
    assert own_modification("x", np.stack([encode("ANA")] * 5)).context == "N"


def test_an_ambiguous_letter_is_no_candidate_of_any_base() -> None:
    kind = own_modification("x", np.stack([encode("ANA")] * 5))
    assert kind.candidates(encode("ACNGU")).tolist() == [True, True, False, True, True]


@pytest.mark.parametrize("symbol", ["", "../x", "a b", "a/b", "1x", "-x", "a\n"])
def test_symbols_that_cannot_be_file_names_are_refused(symbol: str) -> None:
    with pytest.raises(UsageError, match="cannot name a modification"):
        own_modification(symbol, np.empty((0, 3), dtype=np.uint8))


@pytest.mark.parametrize("name", ["t.tsv", "t.tsv.gz"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_reads_a_table(tmp_path: Path, name: str, end: str) -> None:
    lines = [
        "name\tSequence\tmodification\tlabel\tnegatives\textra",
        "one\tcag\tm6A\t1\t\t",
        "two\tGAG\tm6A\tnegative\thard\t",
        "",
        "\tGAG\tPsi\t0\t\t",
        "\tUCU\townC\tTrue\t\tz",
    ]
    windows = load_table(write(tmp_path / name, end.join(lines)))
    assert [m.symbol for m in windows.modifications] == ["m6A", "Psi", "ownC"]
    assert windows.modifications[2].context == "C"
    assert [decode(row) for row in windows.tokens] == ["CAG", "GAG", "UCU"]
    assert windows.labels.tolist() == [[1, -1, -1], [0, 0, -1], [-1, -1, 1]]
    assert windows.names == ("one", "two", "ownC_1")
    assert windows.negative_sets[windows.negative_set[1, 0]] == "hard"


def test_reads_commas_quotes_and_a_mark(tmp_path: Path) -> None:
    text = '\ufeffsequence,modification,label\n"CAG",m6A,1\nGAG,m6A,0\n'
    assert load_table(write(tmp_path / "t.csv", text)).labels.tolist() == [[1], [0]]


def test_a_type_written_in_two_ways_is_one(tmp_path: Path) -> None:
    text = "sequence,modification,label\nCUG,Psi,1\nGUG,Ψ,0\nCUU,pseudouridine,1\n"
    windows = load_table(write(tmp_path / "t.csv", text))
    assert windows.labels.tolist() == [[1], [0], [1]]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sequence,label\nA,1\n", "line 1: the table has no column 'modification'"),
        ("sequence,modification,label\n", "the table has no rows"),
        ("sequence,modification,label\nCAG,m6A,1\n\nCAG,m6A,2\n", "line 4: invalid label '2'"),
        ("sequence,modification,label\nCEG,m6A,1\n", "line 2: 'E' at position 2 is not a nucl"),
        ("sequence," + "a" * 200_000 + "\n", "line 1: the header cannot be read"),
        ("sequence,Sequence,modification,label\nA,A,m6A,1\n", "several columns 'sequence'"),
        ("sequence,modification,label\nCAG,m6A\n", "line 2: the row has 2 cells, the header 3"),
        ("sequence,modification,label\nCAG,,1\n", "line 2: the modification is empty"),
        ("sequence,modification,label\nCAG,a/b,1\n", "line 2: 'a/b' cannot name a modification"),
        ("sequence,modification,label\nCAGU,m6A,1\n", "line 2: the window is 4 nt long"),
        ("sequence,modification,label,negatives\nCAG,m6A,0,a/b\n", "line 2: 'a/b' cannot name a s"),
        ("sequence,modification,label,negatives\nCAG,m6A,0,9\n", "line 2: '9' cannot name a set"),
        ("sequence,modification,label,negatives\nCAG,m6A,0,a-b\n", "line 2: 'a-b' cannot name a s"),
        ('sequence,modification,label\nCAG,m6A,1\n"CAG,m6A,1\nGAG,m6A,0\n', "line 3: a quote is"),
        (
            'sequence,modification,label\n\n"CAG,m6A,1\n' + "GAG,m6A,0\n" * 15_000,
            "line 3: the row cannot be read (field larger than field limit",
        ),
        ("", "is empty"),
        (
            "sequence,modification,label\n" + "".join(f"CAG,x{n},1\n" for n in range(300)),
            "line 258: more than 256 modifications",
        ),
    ],
)
def test_bad_tables_are_told_with_their_line(tmp_path: Path, text: str, told: str) -> None:
    path = write(tmp_path / "t.csv", text)
    with pytest.raises(DataError) as caught:
        load_table(path)
    assert str(caught.value).startswith(str(path))
    assert told in str(caught.value)


@pytest.mark.parametrize("sequence", ["CAG", "C!G"])
def test_a_table_from_standard_input_leaves_it_open(
    sequence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BufferedReader(io.BytesIO(f"sequence,modification,label\n{sequence},m6A,1\n".encode()))  # type: ignore[arg-type]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(raw))
    if sequence == "CAG":
        assert len(load_table("-")) == 1
    else:
        with pytest.raises(DataError, match="line 2"):
            load_table("-")
    assert not raw.closed
