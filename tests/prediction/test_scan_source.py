"""Sources give the same sequences every time."""

import gzip
import io
import os
import pickle
import sys

import pytest

from seeded import write_fasta
from vqrna.data.fasta import FastaRecord
from vqrna.data.names import NameRule
from vqrna.errors import DataError, VqrnaError
from vqrna.prediction import FastaSource, MemorySource, Tally, as_source
from vqrna.sequence import decode, encode

RECORDS = {"one": "ACGUN", "two": "", "three": "GGACU"}


def told(source):
    return [(s.name, decode(s.tokens[s.start : s.stop])) for s in source.regions()]


@pytest.fixture
def fasta(tmp_path):
    return write_fasta(tmp_path / "a.fa", RECORDS)


def test_files_are_read_one_after_another_and_again(fasta, tmp_path):
    zipped = tmp_path / "b.fa.gz"
    zipped.write_bytes(gzip.compress(fasta.read_bytes()))
    source = FastaSource((str(fasta), str(zipped)))
    assert told(source) == told(source) == 2 * list(RECORDS.items())
    assert source.rereadable
    assert source.count_positions() == 20
    assert told(pickle.loads(pickle.dumps(source))) == told(source)
    assert source.inputs() == (fasta, zipped)


def test_standard_input_and_pipes_cannot_be_read_again(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    assert not FastaSource((str(tmp_path / "pipe"),)).rereadable
    stdin = FastaSource(("-",))
    assert not stdin.rereadable
    assert stdin.count_positions() is None  # and nothing was read
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b">a\nAC\n")))
    assert told(stdin) == [("a", "AC")]


def test_a_missing_file_is_told_at_once(fasta, tmp_path):
    with pytest.raises(DataError, match=r"no\.fa: no such file"):
        FastaSource((str(fasta), str(tmp_path / "no.fa")))


def test_a_fault_at_the_end_of_a_file_is_told_before_the_work(tmp_path):
    wrong = write_fasta(tmp_path / "w.fa", {"a": "ACGU", "b": "ACE"})
    with pytest.raises(DataError, match="record 'b', line 4"):
        FastaSource((str(wrong),)).count_positions()


def test_memory(fasta):
    records = [FastaRecord("r", "", encode("AC"), 1, "")]
    assert told(MemorySource({"a": "ac gt\n"})) == [("a", "ACGU")]
    assert told(MemorySource([*records, fasta])) == [("r", "AC"), *RECORDS.items()]
    with pytest.raises(DataError, match="record 'b'"):
        told(MemorySource({"a": "A", "b": "E"}))


GAPPED = FastaRecord("a", "", encode("A-"), 1, "", gapped=True)


@pytest.mark.parametrize("form", [{"a": "AC-U", "b": "AA"}, [("a", "AC-U")], [GAPPED]])
def test_gaps_in_memory_are_counted_each_time(form):
    source = as_source(form)
    assert source.reading_notes == ()
    for _ in range(2):
        list(source.regions())
        (note,) = source.reading_notes
        assert "count as positions: 1 (the first: " in note


def test_a_caller_may_give_anything(fasta):
    for form in (fasta, str(fasta), [fasta], (str(fasta),)):
        assert isinstance(as_source(form), FastaSource)
        assert told(as_source(form)) == list(RECORDS.items())
    for form in (RECORDS, iter([fasta]), list(RECORDS.items())):
        assert told(as_source(form)) == list(RECORDS.items())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("x" * 999, f"{'x' * 30}...: no such file"),
        (["x" * 999], f"{'x' * 30}...: no such file"),
        ({"a": None}, "record 'a': the sequence is missing"),
        ({"a": b"ACGU"}, "sequence 'a' must be text or Biopython's Seq, not bytes"),
        ([None], "item 1 is of type NoneType: expected a path"),
        (None, "sequences of type NoneType: expected a path"),
    ],
)
def test_what_is_no_source_is_told(given, words):
    with pytest.raises(VqrnaError) as error:
        told(as_source(given))
    assert str(error.value).startswith(words)


def test_repeated_names_are_counted():
    tally = Tally()
    assert tally.repeated_names == 0
    tally.name_hashes.extend(hash(name) for name in "abcabxay")
    assert tally.repeated_names == 3


def test_names_are_cut_at_a_text(tmp_path):
    path = tmp_path / "gencode.fa"
    path.write_text(">E1.4|G1|x\nACGU\n>E2.1|G2\nGG\n>plain\nA\n")
    source = FastaSource((str(path),), NameRule("|"))
    assert [region.name for region in source.regions()] == ["E1.4", "E2.1", "plain"]
    assert source.describe() == {"names": "--name-until '|'"}
    path.write_text(">E1|G1\nACGU\n>E1|G2\nGG\n")
    with pytest.raises(DataError, match=r"'E1\|G1' and 'E1\|G2' are both 'E1' with --name-until"):
        list(source.regions())


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_names_are_cut_and_stay_distinct(tmp_path, kind):
    names = ["ENST1.2|ENSG1|", "ENST2.1|ENSG1|", "plain"]
    records = dict.fromkeys(names, "ACGU")
    given = records if kind == "memory" else write_fasta(tmp_path / "a.fa", records)
    assert [r.name for r in as_source(given, NameRule("|")).regions()] == [
        "ENST1.2",
        "ENST2.1",
        "plain",
    ]
    assert [r.name for r in as_source(given).regions()] == names
    whole = as_source(given, NameRule("|", ignore_version=True))
    assert [r.name for r in whole.regions()] == ["ENST1", "ENST2", "plain"]
    with pytest.raises(DataError, match=r"are both .ENST. with --name-until"):
        list(as_source({"ENST.1": "A", "ENST.2": "C"}, NameRule(".")).regions())
