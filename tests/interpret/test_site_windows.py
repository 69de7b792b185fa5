import gzip

import numpy as np
import pytest

from vqrna.data.names import NameRule
from vqrna.errors import DataError
from vqrna.interpret import centred_windows, windows_at_sites
from vqrna.modifications import modification
from vqrna.sequence import decode

M6A, M6AM = modification("m6A"), modification("m6Am")
HEAD = "# vqrna 0\nsequence\tposition\tstrand\tbase\tmodification\n"


def write(path, text):
    path.write_text(text)
    return path


def test_records_are_windows_about_their_centre(tmp_path):
    file = write(tmp_path / "a.fa", ">one x\nGGACU\n>two\nCCGGACUUU\n>three\nGGCCU\n")
    found = centred_windows([file], M6A, 5)
    assert [decode(w) for w in found.tokens] == ["GGACU", "GGACU"]
    assert found.names == ("one", "two")
    assert found.positions.tolist() == [2, 4]
    assert found.left_out == 1
    assert [decode(w) for w in centred_windows([file], M6A, 7).tokens] == ["NGGACUN", "CGGACUU"]


def test_what_was_done_to_the_windows_is_told(tmp_path):
    text = ">a\nGGACU\n>b\nGAC\n>c\nCCGGACUUU\n>d\nCGGACUU\n>e\n>f\nGGCCU\n"
    found = centred_windows([write(tmp_path / "a.fa", text)], M6A, 5)
    assert found.names == ("a", "b", "c", "d")
    assert found.remarks() == [
        "1 window without letters: left out",
        "1 window that cannot carry the modification in the centre: left out",
        "1 window shorter than 5 nt: padded with ambiguous letters",
        "2 windows longer than 5 nt: cut to the central 5",
    ]
    assert centred_windows([write(tmp_path / "b.fa", ">a\nGGACU\n")], M6A, 5).remarks() == []


def test_the_context_of_a_type_counts(tmp_path):
    file = write(tmp_path / "a.fa", ">one\nGGACU\n>two\nUCAGG\n")
    assert centred_windows([file], M6AM, 5).names == ("two",)


def test_a_record_of_even_length_is_told(tmp_path):
    file = write(tmp_path / "a.fa", ">one\nGGAC\n")
    with pytest.raises(DataError, match="odd length"):
        centred_windows([file], M6A, 5)


def test_nothing_to_explain_is_told(tmp_path):
    file = write(tmp_path / "a.fa", ">one\nGGGGG\n")
    with pytest.raises(DataError, match=r"no window has a site of m6A \(A\) in its centre"):
        centred_windows([file], M6A, 5)


def test_windows_are_cut_around_sites(tmp_path):
    fasta = write(tmp_path / "a.fa", ">s\nACGGACUAGG\n>t\nGGUCC\n>u\nGGG\n")
    table = write(
        tmp_path / "sites.tsv",
        f"{HEAD}s\t5\t+\tA\tm6A\ns\t1\t+\tA\tm6A\ns\t8\t+\tA\tAm\nt\t3\t-\tA\tm6A\n",
    )
    found = windows_at_sites([fasta], table, M6A, 5)
    assert [decode(w) for w in found.tokens] == ["GGACU", "NNACG", "GGACC"]
    assert found.names == ("s", "s", "t")
    assert found.positions.tolist() == [4, 0, 2]


def test_names_are_compared_after_they_are_cut(tmp_path):
    fasta = write(tmp_path / "a.fa", ">s.1|x\nACGGACUAGG\n>t.2|y\nGGUCC\n")
    table = write(tmp_path / "sites.tsv", f"{HEAD}s.9\t5\t+\tA\tm6A\nt\t3\t-\tA\tm6A\n")
    found = windows_at_sites([fasta], table, M6A, 5, NameRule("|", True))
    assert [decode(w) for w in found.tokens] == ["GGACU", "GGACC"]
    assert found.names == ("s.1|x", "t.2|y")
    words = r"record 's\.9'.*not in .*a\.fa; names match with --name-until '\|' --ignore-version"
    with pytest.raises(DataError, match=words):
        windows_at_sites([fasta], table, M6A, 5)
    fasta.write_text(fasta.read_text() + ">s.2|z\nGGACU\n")
    with pytest.raises(DataError, match=r"a\.fa: 's\.1\|x' and 's\.2\|z' are both 's' with"):
        windows_at_sites([fasta], table, M6A, 5, NameRule("|", True))


def test_a_packed_table_without_strands(tmp_path):
    fasta = write(tmp_path / "a.fa", ">s\nACGGACUAGG\n")
    table = tmp_path / "sites.tsv.gz"
    table.write_bytes(gzip.compress(b"modification\tposition\tsequence\nm6A\t5\ts\n"))
    assert np.array_equal(windows_at_sites([fasta], table, M6A, 3).positions, [4])


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("x\t1\t+\tA\tm6A\n", "record 'x'.*line 3.*the sequence is not in"),
        ("s\t11\t+\tA\tm6A\n", r"position 11 is beyond the end \(10 nt\)"),
        ("s\t0\t+\tA\tm6A\n", "invalid position '0'"),
        ("s\t1.5\t+\tA\tm6A\n", "invalid position '1.5'"),
        ("s\t\u00b2\t+\tA\tm6A\n", "invalid position '\u00b2'"),
        ("s\t5\n", "line 3.*cut short"),
        ("s\t5\t+\tA\tAm\n", "there are no sites of m6A"),
        ("s\t3\t+\tG\tm6A\n", "no window has a site of m6A"),
    ],
)
def test_what_is_wrong_with_a_table_is_told(tmp_path, row, words):
    fasta = write(tmp_path / "a.fa", ">s\nACGGACUAGG\n")
    table = write(tmp_path / "sites.tsv", HEAD + row)
    with pytest.raises(DataError, match=words):
        windows_at_sites([fasta], table, M6A, 5)


def test_a_table_without_its_columns_is_told(tmp_path):
    fasta = write(tmp_path / "a.fa", ">s\nACGGACUAGG\n")
    table = write(tmp_path / "a.bed", "chr1\t5\t6\n")
    with pytest.raises(DataError, match="missing column sequence, position, modification"):
        windows_at_sites([fasta], table, M6A, 5)


def test_only_called_rows_count_and_each_site_once(tmp_path):
    fasta = write(tmp_path / "a.fa", ">x\nGGACUGGACU\n")
    head = "sequence\tposition\tstrand\tmodification\tcall\n"
    rows = "x\t3\t+\t21891\tlow\nx\t3\t+\tm6A\tlow\nx\t8\t+\tm6A\t.\n"
    table = write(tmp_path / "sites.tsv", head + rows)
    found = windows_at_sites([fasta], table, M6A, 5)
    assert found.positions.tolist() == [2]
    assert found.remarks() == [
        "rows of sites that are not called, left out: 1",
        "rows of sites that are repeated, left out: 1",
    ]
    write(table, head + "x\t8\t+\tm6A\t.\n")
    with pytest.raises(DataError, match="there are no called sites of m6A"):
        windows_at_sites([fasta], table, M6A, 5)
    write(table, head + "x\t8\tminus\tm6A\tlow\n")
    with pytest.raises(DataError, match="line 2: invalid strand 'minus'"):
        windows_at_sites([fasta], table, M6A, 5)
