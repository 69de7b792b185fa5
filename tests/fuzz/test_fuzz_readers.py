"""Generated documents for every reader, a few of each; ``make fuzz`` reads many more."""

import json
import warnings

import pytest
from benchmarks.fuzz_table import RESULTS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fuzz import run
from tests.fuzz.documents import Document
from tests.fuzz.readers import READERS, Reader
from tests.fuzz.run import FuzzError, Tally, check, document_of, run_isolated, warm_up, write

from vqrna.errors import DataError
from vqrna.genome.fasta import Genome

SLOW = {"weights", "pickled weights", "sites (TSV)", "genome and index"}


@pytest.mark.parametrize("name", READERS)
def test_readers_accept_or_reject_in_one_line(tmp_path_factory, name):
    reader = READERS[name]
    warm_up(name)  # imports are not the reader's time

    @settings(
        max_examples=15 if name in SLOW else 30,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.randoms(use_true_random=False).map(reader.generate))
    def read(document):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            check(reader, document, write(document, tmp_path_factory.mktemp("document")))

    read()


def test_a_document_is_known_by_its_number():
    reader = READERS["GTF"]
    assert document_of(reader, 7) == document_of(reader, 7) != document_of(reader, 8)


def broken(read, compare=lambda document, value, path: None):
    return Reader("broken", "none", lambda r: Document({"a": b"x"}, 1), read, compare)


def raise_error(error):
    raise error


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (lambda path: int("x"), "test_fuzz_readers.py.*ValueError"),
        (lambda path: sum(range(10**6)), r"took \d"),
        (lambda path: raise_error(DataError("no")), "a valid document is refused: no"),
    ],
    ids=["exception", "slow", "refused"],
)
def test_what_a_reader_must_not_do_is_a_failure(tmp_path, monkeypatch, read, words):
    monkeypatch.setattr(run, "SECONDS", 0.001)
    reader = broken(read)
    document = reader.generate(None)
    with pytest.raises(FuzzError, match=words):
        check(reader, document, write(document, tmp_path))


def differ(document, value, path):
    assert value == 2


def test_a_value_that_differs_is_a_failure(tmp_path):
    reader = broken(lambda path: 1, differ)
    document = reader.generate(None)
    with pytest.raises(FuzzError, match="differs from the other reading"):
        check(reader, document, write(document, tmp_path))


def test_a_chunk_runs_in_a_child_process():
    warm_up("MEME")
    tally = run_isolated("MEME", range(20))
    assert isinstance(tally, Tally)
    assert (tally.inputs, tally.accepted + tally.rejected, tally.failures) == (20, 20, [])


def test_kept_results_have_no_failures():
    results = json.loads(RESULTS.read_text())
    assert set(results) <= set(READERS)
    assert {name: row["failures"] for name, row in results.items() if row["failures"]} == {}


@pytest.mark.parametrize("letter", [b"\xb1", b"\x01", "é".encode()])
def test_letters_that_htslib_skips_are_refused(tmp_path, letter):
    path = tmp_path / "g.fa"
    path.write_bytes(b">chr1 \xc3\xa9\nACGU" + letter + b"ACG\n")
    with pytest.raises(DataError, match=r"record 'chr1', line 2: .* is not a nucleotide letter"):
        Genome.open(path)
    path.write_bytes(b">chr1 \xc3\xa9\nACGUACG\n")
    assert Genome.open(path).lengths == (7,)


def test_an_index_with_an_impossible_length_is_refused(tmp_path):
    path = tmp_path / "g.fa"
    path.write_text(">chr1\nACGU\n")
    (tmp_path / "g.fa.fai").write_text("chr1\t" + "9" * 200 + "\t6\t4\t5\n")
    with pytest.raises(DataError, match=r"an invalid length|through its index"):
        Genome.open(path)
