"""Sequences as Python users have them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pysam
import pytest
from Bio.Seq import Seq
from Bio.SeqRecord import SeqRecord

from vqrna.data.fasta import FastaRecord, read_fasta
from vqrna.data.sequences import paths_of, read_sequences
from vqrna.errors import DataError, UsageError, VqrnaError
from vqrna.sequence import decode, encode

GIVEN = {"t1": "ACGUACGUNA", "t2": "ggactt"}
EXPECTED = [("t1", "ACGUACGUNA"), ("t2", "GGACUU")]


def read(sequences):
    return [(record.name, decode(record.tokens)) for record in read_sequences(sequences)]


@pytest.fixture
def fasta(tmp_path):
    path = tmp_path / "two.fa"
    path.write_text("".join(f">{name} words\n{letters}\n" for name, letters in GIVEN.items()))
    return path


def bio_records():
    return [SeqRecord(Seq(letters), id=name) for name, letters in GIVEN.items()]


FORMS = {
    "dict": lambda: GIVEN,
    "pairs": lambda: list(GIVEN.items()),
    "pairs as lists": lambda: [[name, letters] for name, letters in GIVEN.items()],
    "generator of pairs": lambda: iter(GIVEN.items()),
    "Series": lambda: pd.Series(GIVEN),
    "Series of objects": lambda: pd.Series(GIVEN, dtype=object),
    "DataFrame": lambda: pd.DataFrame(
        {"length": [10, 6], "sequence": list(GIVEN.values()), "name": list(GIVEN)}
    ),
    "SeqRecords": bio_records,
    "generator of SeqRecords": lambda: iter(bio_records()),
    "dict of SeqRecords": lambda: {record.id: record for record in bio_records()},
    "dict of Seqs": lambda: {record.id: record.seq for record in bio_records()},
    "FastaRecords": lambda: [
        FastaRecord(name, "", encode(letters), None, None) for name, letters in GIVEN.items()
    ],
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_holds_the_same_sequences(form):
    assert read(FORMS[form]()) == EXPECTED


def test_files_are_read_by_path(fasta, monkeypatch):
    monkeypatch.chdir(fasta.parent)
    for given in (fasta, str(fasta), [fasta], "two.fa", ("two.fa",)):
        assert read(given) == EXPECTED
    assert read(["two.fa", fasta]) == EXPECTED * 2
    assert read(read_fasta(fasta)) == EXPECTED
    assert read([*bio_records(), fasta, ("t3", "A")]) == [*EXPECTED, *EXPECTED, ("t3", "A")]
    with pysam.FastxFile(str(fasta)) as opened:
        assert read(opened) == EXPECTED
    assert paths_of(["two.fa", fasta]) == ("two.fa", str(fasta))
    assert paths_of(GIVEN) is None


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("ACGU" * 100, "ACGU" * 100),
        ("acgtn", "ACGUN"),
        (" ACGU\nACGU\n", "ACGUACGU"),
        ("ACGU" * 5 + "RYKM-", "ACGU" * 5 + "NNNNN"),
    ],
)
def test_text_that_is_a_sequence_is_named_sequence(text, letters):
    assert read(text) == [("sequence", letters)]


def test_a_sequence_of_biopython_is_named_sequence():
    assert read(Seq("ACGU")) == [("sequence", "ACGU")]


def test_a_protein_is_not_repeated_in_the_message():
    for given in ("MKVLAAGIEF" * 20, ["MKVLAAGIEF" * 20], "MKVLAAGIEF" * 500):
        with pytest.raises(DataError, match=r"MKVLAAGIEFMKVLAAGIEFMKVLAAGIEF\.\.\.: no such file"):
            read(given)


@pytest.mark.parametrize("text", ["data", "two", "runs/acgu", "ACGU.fa", "acguacguacguacguacgu.fa"])
def test_other_text_is_a_path(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        read(text)


def test_a_sequence_that_is_also_a_file_is_not_guessed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("ACGU").write_text(">a\nGGG\n")
    with pytest.raises(
        UsageError, match=r"'ACGU' is a file and also a sequence: use pathlib\.Path"
    ):
        read("ACGU")
    assert read(Path("ACGU")) == [("a", "GGG")]
    assert read({"sequence": "ACGU"}) == [("sequence", "ACGU")]


def test_names_may_be_numbers_or_missing():
    assert read({1: "A", np.int64(2): "C"}) == [("1", "A"), ("2", "C")]
    assert read(pd.Series(["A", "C"])) == [("0", "A"), ("1", "C")]
    assert read([("", "A"), (" ", "C"), ("my name", "G")]) == [
        ("unnamed_1", "A"),
        ("unnamed_2", "C"),
        ("my name", "G"),
    ]


LONG = "ACGU" * 1000


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"a": LONG + "E"}, "record 'a': 'E' at position 4001 is not a.*is this a protein"),
        ({"a": "AC é"}, "record 'a': 'é' at position 3 is not a nucleotide letter"),
        (LONG + "!", "record 'sequence': '!' at position 4001"),
        ({"a": None}, "record 'a': the sequence is missing"),
        (pd.Series({"a": "ACGU", "b": float("nan")}), "record 'b': the sequence is missing"),
        ([("a\tb", "ACGU")], "record 'a b': the name of a sequence must not contain"),
        (SeqRecord(Seq(None, 10), id="x"), "record 'x': the sequence has no letters"),
        ([(LONG, "NM_1")], r"is it the name\? Pairs are \(name, sequence\)"),
    ],
)
def test_invalid_sequences_are_reported_with_their_name(given, message):
    with pytest.raises(DataError, match=message) as error:
        read(given)
    assert LONG[:40] not in str(error.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "of type NoneType: expected a path, a list of paths, a dict"),
        (5, "of type int: expected"),
        (LONG.encode(), "of type bytes: expected"),
        (np.zeros(4), "of type ndarray: expected"),
        ([LONG], r"'(ACGU){7}AC\.\.\.' is a sequence without a name: use a dict"),
        (("name", LONG), "is a sequence without a name"),
        (f">a\n{LONG}", r"'>a.*' is FASTA text: write it to a file"),
        ("", "the sequence is empty"),
        ([5], "item 1 is of type int: expected"),
        ([("a", "A"), ("a", "b", "c")], "item 2 is of type tuple: expected"),
        ({"a": 5}, "sequence 'a' must be text or Biopython's Seq, not int"),
        ({"a": ["A"]}, "sequence 'a' must be text or Biopython's Seq, not list"),
        ({(1, 2): "A"}, "name of sequence 1 must be text or a number, not tuple"),
        (pd.DataFrame({"name": ["a"]}), r"no column 'sequence' \(columns: name\)"),
    ],
    ids=lambda x: None if isinstance(x, str) else type(x).__name__,
)  # fmt: skip
def test_other_types_are_reported_with_the_accepted_forms(given, message):
    with pytest.raises(UsageError, match=f"(?s){message}") as error:
        read(given)
    assert LONG[:40] not in str(error.value)
    assert len(str(error.value)) < 450


def test_no_error_is_that_of_another_library():
    for given in (object(), [object()], {"a": object()}, [[]], [("a",)], [b"x"], {b"a": "A"}):
        with pytest.raises(VqrnaError):
            read(given)


def test_a_name_with_half_a_surrogate_pair_is_refused():
    """It could not be written to a file."""
    with pytest.raises(DataError, match=r"'a\?': the name of sequence 2 is not valid Unicode text"):
        list(read_sequences([("b", "ACGU"), ("a\ud800", "ACGU")]))
