"""What is accepted as input, and within which limits."""

import gzip

import pytest

from vqrna.web.errors import RequestError
from vqrna.web.inputs import InputFile, check_input
from vqrna.web.settings import Limits


def receive(tmp_path, data: bytes, limits: Limits | None = None, block: int = 1000):
    limits = limits or Limits()
    path = tmp_path / f"input-{len(list(tmp_path.iterdir()))}"
    file = InputFile(path, limits)
    try:
        for start in range(0, len(data), block):
            file.write(data[start : start + block])
    finally:
        file.close()
    return path, check_input(path, limits, added_header=file.added_header)


def test_records_letters_and_what_is_ignored(tmp_path):
    data = b">one x\nACGU\nnnNT\n>two\n" + b"A" * 60 + b"\n>three\n"
    path, checked = receive(tmp_path, data)
    assert [(r.name, r.length, r.ambiguous) for r in checked.records] == [
        ("one", 8, 3),
        ("two", 60, 0),
        ("three", 0, 0),
    ]
    assert checked.nt == 68
    assert len(checked.notes) == 3
    assert path.read_bytes() == data
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("members", [1, 3])
def test_gzip_is_decompressed(tmp_path, members):
    parts = [f">r{n}\n{'ACGU' * 2000}\n".encode() for n in range(members)]
    path, checked = receive(tmp_path, b"".join(map(gzip.compress, parts)))
    assert len(checked.records) == members
    assert path.read_bytes() == b"".join(parts)


def test_letters_without_a_header_get_one(tmp_path):
    path, checked = receive(tmp_path, b"  acgu\nACGT\n")
    assert [(r.name, r.length) for r in checked.records] == [("sequence", 8)]
    assert path.read_bytes().startswith(b">sequence\n")


@pytest.mark.parametrize(
    ("data", "status", "message"),
    [
        (b">a\nACQ\n", 400, "record 'a', line 2: 'Q' (column 3)"),
        (b"ACGU\nACQ\n", 400, "line 2: 'Q'"),
        (b">a\nAC\n>a\nGU\n", 400, "line 3: another record is named 'a'"),
        (b">a\n>b\n", 400, "no letters"),
        (b"", 400, "empty"),
        (gzip.compress(b">a\nACGU\n")[:-9], 400, "incomplete"),
        (gzip.compress(b">a\nACGU\n")[:12] + b"xxxxxxxxxxxxxxxx", 400, "damaged"),
        (b">" + b"x" * 400 + b"\nAC\n", 400, "longer than 300"),
        (b">a\n" + b"A" * 1001, 413, "more than 1,000 nt"),
        (b">a\nA\n>b\nA\n>c\nA\n", 413, "more than 2 records"),
        (gzip.compress(b">a\n" + b"A" * 10**6), 413, "larger than 0.1 MB"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", 400, "the input is binary"),
        (gzip.compress(gzip.compress(b">a\nACGU\n")), 400, "compressed twice"),
        (gzip.compress(b"") + gzip.compress(gzip.compress(b">a\nA\n")), 400, "compressed twice"),
        (gzip.compress(b"") * 10_001, 400, "more than 10,000 parts"),
    ],
    ids=range(15),
)
def test_a_bad_input_has_one_clear_line(tmp_path, data, status, message):
    limits = Limits(upload_bytes=100_000, nt=1000, records=2)
    with pytest.raises(RequestError) as error:
        receive(tmp_path, data, limits)
    assert error.value.status == status
    assert message in str(error.value)
    assert str(tmp_path) not in str(error.value)
    assert "\n" not in str(error.value)
