"""Any part of a genome, through its index."""

import gzip
import os
import pickle

import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_genome import CHR1, CHR2, other_strand, rna, write, write_genome

from vqrna.data.names import NameRule
from vqrna.errors import DataError, UsageError
from vqrna.genome import fasta
from vqrna.genome.fasta import Chromosomes, Genome, reverse_complement
from vqrna.sequence import decode, encode


def read(genome: Genome, chromosome: int, start: int, stop: int) -> str:
    with genome.reader() as reader:
        return decode(reader.tokens(chromosome, start, stop))


def test_names_lengths_and_letters(tmp_path):
    path = write_genome(tmp_path)
    genome = Genome.open(path)
    assert genome.names == ("chr1", "chr2")
    assert genome.lengths == (30, 10)
    assert (tmp_path / "genome.fa.fai").read_text().startswith("chr1\t30\t17\t7\t8\n")
    assert read(genome, 0, 0, 30) == rna(CHR1)
    assert read(genome, 1, 0, 10) == "ACGUNACGUN"  # lower case, R
    assert read(pickle.loads(pickle.dumps(genome)), 0, 4, 8) == "AGUA"


def test_what_is_beyond_the_ends_is_cut(tmp_path):
    genome = Genome.open(write_genome(tmp_path))
    assert read(genome, 1, -5, 3) == "ACG"
    assert read(genome, 1, 8, 99) == "UN"
    assert read(genome, 1, 10, 12) == ""


@settings(max_examples=40)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 9), st.integers(1, 3))
def test_parts_across_chunks(tmp_path_factory, start, stop, chunk, kept):
    genome = Genome.open(write_genome(tmp_path_factory.mktemp("genome")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fasta, "_CHUNK", chunk)
        patch.setattr(fasta, "_KEPT", kept)
        assert read(genome, 0, start, stop) == rna(CHR1)[start:stop]


def test_the_reverse_complement_is_rna_and_keeps_what_is_ambiguous():
    assert decode(reverse_complement(encode("AACGTnr"))) == "NNACGUU"
    assert decode(reverse_complement(encode(CHR1))) == other_strand(CHR1)


def test_bgzip(tmp_path):
    plain = write_genome(tmp_path)
    path = tmp_path / "genome.fa.gz"
    pysam.tabix_compress(str(plain), str(path))
    genome = Genome.open(path)
    assert (tmp_path / "genome.fa.gz.gzi").exists()
    assert read(genome, 0, 3, 29) == rna(CHR1[3:29])
    (tmp_path / "genome.fa.gz.gzi").unlink()
    assert read(Genome.open(path), 1, 0, 3) == "ACG"


def test_gzip_is_refused(tmp_path):
    path = tmp_path / "genome.fa.gz"
    path.write_bytes(gzip.compress(write_genome(tmp_path).read_bytes()))
    with pytest.raises(DataError, match=r"genome\.fa\.gz: is compressed with gzip.*use bgzip"):
        Genome.open(path)


def test_a_folder_that_cannot_be_written_to(tmp_path, monkeypatch):
    path = write_genome(tmp_path)
    monkeypatch.setattr(fasta.os, "access", lambda *_: False)
    with pytest.raises(DataError, match=r"no index \(\.fai\) and its folder is not writable"):
        Genome.open(path)


def test_an_older_index_that_fits_is_used(tmp_path):
    path = write_genome(tmp_path)
    Genome.open(path)
    os.utime(f"{path}.fai", (1, 1))
    assert Genome.open(path).lengths == (30, 10)


def test_an_older_index_that_does_not_fit_is_told(tmp_path):
    path = write_genome(tmp_path)
    Genome.open(path)
    write_genome(tmp_path, {"chr1": CHR1[:20], "chr2": CHR2})
    os.utime(f"{path}.fai", (1, 1))
    words = r"genome\.fa\.fai: is older than genome\.fa and does not fit it: remove it"
    with pytest.raises(DataError, match=words):
        Genome.open(path)


def test_a_newer_index_of_another_file_is_told(tmp_path):
    path = write_genome(tmp_path)
    write(tmp_path, "genome.fa.fai", "chr1\t3000\t17\t7\t8\n")
    genome = Genome.open(path)
    with pytest.raises(DataError, match=r"remove the \.fai"):
        read(genome, 0, 0, 3000)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("ACGT\n", "does not begin with '>'"),
        (">a\nACG\nACGTA\nAC\n", "all lines of a sequence but its last must be equally long"),
        (">a\n>b\n", "cannot be indexed"),
    ],
)
def test_what_is_no_genome(tmp_path, text, words):
    with pytest.raises(DataError, match=words) as error:
        Genome.open(write(tmp_path, "genome.fa", text))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("block", [1, 5, 1 << 24])
def test_a_repeated_name_is_told(tmp_path, monkeypatch, block):
    monkeypatch.setattr(fasta, "_BLOCK", block)
    path = write(tmp_path, "genome.fa", ">a x\nACGT\n>b>\nAC\n>a y\nGGGG\n")
    words = r"genome\.fa, record 'a', line 5: has the name of an earlier sequence"
    for _ in range(2):  # no index is left of it
        with pytest.raises(DataError, match=words):
            Genome.open(path)
    write(tmp_path, "genome.fa", ">a x\nACGT\n>b>\nAC\n>c y\nGGGG\n")
    assert Genome.open(path).names == ("a", "b>", "c")


def test_names_are_cut_and_records_are_read_by_their_own(tmp_path):
    path = write(tmp_path, "tx.fa", ">E1.4|g x\nACGT\n>E2.1|h\nGGCC\n")
    genome = Genome.open(path, NameRule("|", ignore_version=True))
    assert genome.names == ("E1", "E2")
    assert read(genome, 1, 0, 4) == "GGCC"
    assert Chromosomes(genome).number(b"E2.7|z") == 1
    write(tmp_path, "two.fa", ">E1.4\nACGT\n>E1.5\nGGCC\n")
    with pytest.raises(DataError, match=r"'E1.4' and 'E1.5' are both 'E1' with --ignore-version"):
        Genome.open(tmp_path / "two.fa", NameRule(ignore_version=True))


@pytest.mark.parametrize(
    ("name", "option"),
    [
        (b"E1.4", "; they match with --name-until '|'"),
        (b"E1.9", "; they match with --name-until '|' --ignore-version"),
        (b"E2", ""),
    ],
)
def test_an_unknown_name_proposes_how_it_would_match(tmp_path, name, option):
    genome = Genome.open(write(tmp_path, "tx.fa", ">E1.4|g x\nACGT\n"))
    chromosomes = Chromosomes(genome)
    assert chromosomes.number(name) is None
    assert chromosomes.missing_message(name).endswith(f"(which has E1.4|g){option}")


def test_records_without_a_name_are_left_out(tmp_path):
    genome = Genome.open(write(tmp_path, "genome.fa", ">\nAAAA\n>b\nGGCC\n"))
    assert (genome.names, genome.lengths, genome.unnamed) == (("b",), (4,), 1)
    assert read(genome, 0, 0, 4) == "GGCC"
    with pytest.raises(DataError, match="has no record with a name"):
        Genome.open(write(tmp_path, "none.fa", ">\nAAAA\n"))


def test_a_name_that_is_not_utf_8_is_reported_with_its_line(tmp_path):
    path = tmp_path / "genome.fa"
    path.write_bytes(b">a\nACGT\n>caf\xe9 x\nACGT\n")
    with pytest.raises(DataError, match=r"genome.fa, line 3: the name b'caf\\xe9' is not UTF-8"):
        Genome.open(path)


def test_a_pipe_or_device_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(DataError, match="is a pipe or device, but a genome needs random"):
            Genome.open(path)


def test_a_missing_file_a_folder_and_standard_input(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        Genome.open(tmp_path / "none.fa")
    with pytest.raises(DataError, match="is a directory"):
        Genome.open(tmp_path)
    with pytest.raises(UsageError, match="standard input"):
        Genome.open("-")


def test_a_letter_that_is_none_is_told_with_its_place(tmp_path, monkeypatch):
    monkeypatch.setattr(fasta, "_CHUNK", 4)
    genome = Genome.open(write_genome(tmp_path, {"a": "ACGTACGT", "b": "ACGTAC!TE"}))
    with pytest.raises(DataError, match=r"record 'b', line 5: '!' at position 7 is not a nucl"):
        read(genome, 1, 0, 9)
    zipped = tmp_path / "zipped.fa.gz"
    text = ">a\nACGT\nACG\n>b b\nACGT\nAC!T\n"
    pysam.tabix_compress(str(write(tmp_path, "plain.fa", text)), str(zipped))
    with pytest.raises(DataError, match=r"record 'b', line 6: '!' at position 7 is not a nucl"):
        read(Genome.open(zipped), 1, 0, 8)
    assert read(genome, 1, 0, 4) == "ACGU"
