from __future__ import annotations

import gzip
import io
import struct
import sys
import time
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqrna.data.fasta import read_fasta
from vqrna.errors import DataError
from vqrna.sequence import decode

BGZIP_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def bgzip(text: bytes) -> bytes:
    """Compress as bgzip does: members that tell their size, an empty one last."""
    packer = zlib.compressobj(wbits=-15)
    body = packer.compress(text) + packer.flush()
    size = 18 + len(body) + 8
    head = struct.pack("<4BI2BH2BHH", 31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, size - 1)
    return head + body + struct.pack("<II", zlib.crc32(text), len(text)) + BGZIP_END


def write(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path) -> list[tuple[str, str, str, int]]:
    return [(r.name, r.description, decode(r.tokens), r.line) for r in read_fasta(path)]


def refused(path: Path | str) -> str:
    with pytest.raises(DataError) as caught:
        list(read_fasta(path))
    return str(caught.value)


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    return tmp_path / "in.fa"


@pytest.mark.parametrize(
    "text",
    [
        ">a\nACGU\n>b\nGG\n",
        ">a\nACGU\n>b\nGG",
        ">a\r\nACGU\r\n>b\r\nGG\r\n",
        "\n\n>a\nAC\n\nGU\n\n>b\nG\nG\n\n",
        "\ufeff>a\nacgt\n>b\ngg\n",
        "; a comment\n>a\nACGT\n;another\n>b\nGG\n",
        "  >a\n AC GU \n>b\n\tG G\n",
    ],
    ids=["plain", "no-last-newline", "crlf", "blank-lines", "bom", "comments", "white-space"],
)
def test_reads_fasta_as_the_world_writes_it(fasta: Path, text: str) -> None:
    assert [row[:3] for row in read(write(fasta, text))] == [("a", "", "ACGU"), ("b", "", "GG")]


@pytest.mark.parametrize("pack", [gzip.compress, bgzip], ids=["gzip", "bgzip"])
def test_compression_is_told_by_content_not_by_name(fasta: Path, pack) -> None:
    assert read(write(fasta, pack(b">a\nAC\n"))) == [("a", "", "AC", 1)]


def test_gzip_members_one_after_another_are_one_file(fasta: Path) -> None:
    write(fasta, gzip.compress(b">a\nAC", mtime=0) + gzip.compress(b"GU\n>b\nA\n", mtime=0))
    assert [row[2] for row in read(fasta)] == ["ACGU", "A"]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_reads_standard_input(monkeypatch: pytest.MonkeyPatch, pack) -> None:
    stream = io.TextIOWrapper(io.BufferedReader(io.BytesIO(pack(b">a b\nACGT\n"))))
    monkeypatch.setattr(sys, "stdin", stream)
    (record,) = read_fasta("-")
    assert (record.name, record.file, decode(record.tokens)) == ("a", "-", "ACGU")


def test_reads_standard_input_that_cannot_peek(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b">a\nA\n")))
    assert [r.name for r in read_fasta("-")] == ["a"]


def test_empty_standard_input_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(b""))))
    assert refused("-") == "standard input: is empty"


def test_ambiguity_and_gaps_keep_their_position(fasta: Path) -> None:
    assert read(write(fasta, ">a\nANRYC*-.~xG\n"))[0][2] == "ANNNCNNNNNG"


def test_names_end_at_ascii_white_space_as_in_samtools(fasta: Path) -> None:
    fasta.write_text(">a\u2028b\u00a0c d\u2028e \nACGU\n>x\ty\nA\n", "utf-8")
    records = [(x.name, x.description) for x in read_fasta(fasta)]
    assert records == [("a\u2028b\u00a0c", "d\u2028e"), ("x", "y")]


def test_names_that_are_not_utf_8_stay_different(fasta: Path) -> None:
    fasta.write_bytes(b">caf\xe9 \xe9\nA\n>caf\xe8\nC\n>caf\xc3\xa9\nC\n")
    assert [r.name for r in read_fasta(fasta)] == [r"caf\xe9", r"caf\xe8", "café"]


def test_headers_empty_records_and_duplicate_names(fasta: Path) -> None:
    write(fasta, ">a  one two \nA\n>\n>a\nC\n>  b c\n")
    assert read(fasta) == [
        ("a", "one two", "A", 1),
        ("unnamed_2", "", "", 3),
        ("a", "", "C", 4),
        ("b", "c", "", 6),
    ]
    assert [r.header for r in read_fasta(fasta)] == ["a one two", "unnamed_2", "a", "b c"]


@given(
    st.lists(st.text("ACGUTNacgutn-", max_size=40), min_size=1, max_size=5),
    st.integers(1, 50),
    st.sampled_from(["\n", "\r\n"]),
)
def test_wrapping_and_line_ends_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, sequences: list[str], width: int, end: str
) -> None:
    path = tmp_path_factory.mktemp("wrap") / "in.fa"
    lines = []
    for i, sequence in enumerate(sequences):
        lines.append(f">{i}")
        lines += [sequence[j : j + width] for j in range(0, len(sequence), width)]
    write(path, "".join(line + end for line in lines))
    told = str.maketrans("Tacgutn-", "UACGUUNN")
    assert [row[2] for row in read(path)] == [s.translate(told) for s in sequences]


def test_a_wrong_letter_is_told_with_record_line_and_column(fasta: Path) -> None:
    write(fasta, ">good\nACGT\n\n>bad one\nACGT\nAC GTE\n")
    assert refused(fasta) == (
        f"{fasta}, record 'bad', line 6: 'E' (column 6) is not a nucleotide letter; "
        "is this a protein?"
    )


def test_the_line_of_a_wrong_letter_is_right_after_a_megabyte(fasta: Path) -> None:
    lines = ["ACGTACGT" * 10] * 40_000
    lines[30_000] = "ACGT1"
    message = refused(write(fasta, ">long\n" + "\n".join(lines)))
    assert (
        message == f"{fasta}, record 'long', line 30002: '1' (column 5) is not a nucleotide letter"
    )


def test_a_letter_beyond_ascii_is_shown_as_it_is(fasta: Path) -> None:
    assert "line 2: 'Ψ' (column 2) is not" in refused(write(fasta, ">a\nAΨA\n"))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (gzip.compress(b"", mtime=0), "is empty (a gzip file without content)"),
        (b"\n  \n;x\n", "holds no FASTA record"),
        (b"\nACGT\n", "line 2: not FASTA: the first record must begin with '>'"),
        (b"\x7fELF\x00\x00", "is binary, not text"),
        (b"BZh91AY", "is compressed with bzip2: only gzip and bgzip are supported"),
        (">a\nAC\n".encode("utf-16"), "is binary, not text"),
        (b">a\rACGT\r>b\rA\r", "bare carriage returns"),
        (b">a\rACGT\r>b\rA\r\n", "bare carriage returns"),
        (gzip.compress(b">a\n" + b"ACGT" * 99, mtime=0)[:-9], "the file is truncated"),
        (bgzip(b">a\nACGT\n")[:-28], "the last block of bgzip is missing: the file is truncated"),
        (gzip.compress(b">a\nACGT\n", mtime=0)[:-8] + b"\0" * 8, "the gzip stream is damaged"),
    ],
)
def test_bad_files_are_named_in_one_line(fasta: Path, content: bytes, told: str) -> None:
    message = refused(write(fasta, content))
    assert message.startswith(str(fasta))
    assert told in message
    assert "\n" not in message


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    assert refused(tmp_path / "no.fa") == f"{tmp_path / 'no.fa'}: no such file"
    assert refused(tmp_path) == f"{tmp_path}: is a directory, not a file"


def test_records_before_a_broken_one_are_given(fasta: Path) -> None:
    reader = read_fasta(write(fasta, ">a\nAC\n>b\nE\n"))
    assert next(reader).name == "a"
    with pytest.raises(DataError):
        next(reader)


def test_is_fast(fasta: Path) -> None:
    line = b"ACGTACGTAC" * 8 + b"\n"
    write(fasta, b">a\n" + line * 250_000)
    start = time.perf_counter()
    (record,) = read_fasta(fasta)
    # Measured 150 MB/s; a tenth of it is asked for, so that a busy machine passes.
    assert len(record.tokens) / (time.perf_counter() - start) > 15e6
