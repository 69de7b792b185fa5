"""Changes of a valid document: cut, repeated and swapped lines and fields, odd values, bad bytes.

Everything takes a ``random.Random``, so that hypothesis draws (and shrinks) the same documents in
``make test`` as a seeded generator does in ``make fuzz``.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from random import Random

ODD_NUMBERS = (
    b"0",
    b"-1",
    b"-0",
    b"+5",
    b"1_0",
    b"1e3",
    b"1e400",
    b"nan",
    b"inf",
    b"-inf",
    b"0x10",
    b"1.5",
    b" 7",
    b"7 ",
    b"",
    b"00012",
    b"1,000",
    b"1e-320",
    b"2147483647",
    b"2147483648",
    b"4294967296",
    b"9223372036854775807",
    b"9223372036854775808",
    b"18446744073709551616",
    b"999999999999999",
    b"9" * 30,
    b"9" * 5000,
    "٣".encode(),
    "９".encode(),
    "²".encode(),
)
ODD_WORDS = (
    b"",
    b".",
    b"..",
    b"*",
    b"#",
    b"-",
    b"+",
    b"?",
    b"\0",
    b"\x1b[31m",
    b"\xff",
    b"\xe2\x82",
    b"a b",
    b'"',
    b'""',
    b"'",
    b"\\",
    b";",
    b"=",
    b",",
    b"%09",
    b"%00",
    b"%",
    b"../x",
    b"nan",
    b"NA",
    b"null",
    b"None",
    b"true",
    b"[]",
    b"{}",
    b"1",
    b"chr1",
    b"chrM",
    b"m6A",
    b"A" * 300,
    b"\t",
    b"\r",
    b" ",
    b"\x85",
    b"\xc2\x85",
    "é".encode(),
    "Ψ".encode(),
    "\u2028".encode(),
    "\ufeff".encode(),
)
ODD_LINES = (
    b"",
    b" ",
    b"\t",
    b"#",
    b"##FASTA",
    b">",
    b">x",
    b";",
    b"track name=a",
    b"browser x",
    b"# a: b",
    b"##gff-version 3",
    b"\t\t\t\t\t\t\t\t",
    b"a\tb\tc",
    b"\0",
    b"\xff\xfe",
    b"ACGU",
    b"@a",
    b"+",
)
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")


def mutated(r: Random, text: bytes, separator: bytes = b"\t") -> bytes:
    """Apply one to three changes to a text."""
    for _ in range(r.choice((1, 1, 1, 2, 3))):
        text = r.choice(CHANGES)(r, text, separator)
    return text


def _lines(
    change: Callable[[Random, list[bytes]], None],
) -> Callable[[Random, bytes, bytes], bytes]:
    """Return a change of a text from a change of its lines in place."""

    def apply(r: Random, text: bytes, separator: bytes) -> bytes:
        lines = text.split(b"\n")
        change(r, lines)
        return b"\n".join(lines)

    return apply


def _index(r: Random, items: list[bytes]) -> int:
    return r.randrange(len(items))


@_lines
def delete_line(r: Random, lines: list[bytes]) -> None:
    del lines[_index(r, lines)]


@_lines
def repeat_line(r: Random, lines: list[bytes]) -> None:
    lines.insert(_index(r, lines), r.choice(lines))


@_lines
def swap_lines(r: Random, lines: list[bytes]) -> None:
    a, b = _index(r, lines), _index(r, lines)
    lines[a], lines[b] = lines[b], lines[a]


@_lines
def insert_line(r: Random, lines: list[bytes]) -> None:
    lines.insert(_index(r, lines), r.choice(ODD_LINES))


def change_field(r: Random, text: bytes, separator: bytes) -> bytes:
    """Replace, delete, repeat or swap fields of a line."""
    lines = text.split(b"\n")
    at = _index(r, lines)
    fields = lines[at].split(separator)
    a, b = _index(r, fields), _index(r, fields)
    match r.randrange(5):
        case 0:
            del fields[a]
        case 1:
            fields.insert(a, fields[b])
        case 2:
            fields[a], fields[b] = fields[b], fields[a]
        case 3:
            fields[a] = r.choice(ODD_NUMBERS)
        case _:
            fields[a] = r.choice(ODD_WORDS)
    lines[at] = separator.join(fields)
    return b"\n".join(lines)


def change_number(r: Random, text: bytes, separator: bytes) -> bytes:
    """Replace one of the numbers, or add a little to it."""
    numbers = list(_NUMBER.finditer(text[:20_000]))
    if not numbers:
        return text
    match = r.choice(numbers)
    other = r.choice(ODD_NUMBERS)
    if match[0].isdigit() and len(match[0]) < 18 and r.random() < 0.5:
        other = str(int(match[0]) + r.choice((-1, 1, 10, 1000, 10**9))).encode()
    return text[: match.start()] + other + text[match.end() :]


def insert_bytes(r: Random, text: bytes, separator: bytes) -> bytes:
    """Insert an odd word anywhere."""
    at = r.randrange(len(text) + 1)
    return text[:at] + r.choice(ODD_WORDS) + text[at:]


def replace_byte(r: Random, text: bytes, separator: bytes) -> bytes:
    """Replace a byte by any other."""
    if not text:
        return text
    at = r.randrange(len(text))
    return text[:at] + bytes([r.randrange(256)]) + text[at + 1 :]


def delete_bytes(r: Random, text: bytes, separator: bytes) -> bytes:
    """Delete a part."""
    at = r.randrange(len(text) + 1)
    return text[:at] + text[at + r.choice((1, 2, 10, 100)) :]


def cut(r: Random, text: bytes, separator: bytes) -> bytes:
    """Cut the end."""
    return text[: r.randrange(len(text) + 1)]


def repeat_part(r: Random, text: bytes, separator: bytes) -> bytes:
    """Repeat a part some times."""
    a, b = sorted((r.randrange(len(text) + 1), r.randrange(len(text) + 1)))
    part = text[a : min(b, a + 200)]
    return text[:b] + part * r.choice((1, 2, 30)) + text[b:]


def huge_field(r: Random, text: bytes, separator: bytes) -> bytes:
    """Insert very many of one letter."""
    at = r.randrange(len(text) + 1)
    letter = r.choice((b"A", b"9", b"[", b"(", b'"', b"a.", b",", separator, b" ", b"\n", b"\xff"))
    return text[:at] + letter * r.choice((200, 1500, 1500, 20_000, 140_000)) + text[at:]


def line_ends(r: Random, text: bytes, separator: bytes) -> bytes:
    """Write other line ends, or none at the end."""
    if r.random() < 0.3:
        return text.rstrip(b"\n")
    return text.replace(b"\n", r.choice((b"\r\n", b"\r", b"\n\n", b"\n\r")))


def other_encoding(r: Random, text: bytes, separator: bytes) -> bytes:
    """Write UTF-16, or a byte-order mark."""
    if r.random() < 0.5:
        return b"\xef\xbb\xbf" + text
    return text.decode("latin-1").encode("utf-16")


CHANGES: tuple[Callable[[Random, bytes, bytes], bytes], ...] = (
    delete_line,
    repeat_line,
    swap_lines,
    insert_line,
    change_field,
    change_field,
    change_field,
    change_field,
    change_number,
    change_number,
    insert_bytes,
    insert_bytes,
    replace_byte,
    delete_bytes,
    cut,
    repeat_part,
    huge_field,
    line_ends,
    other_encoding,
)


def packed(r: Random, text: bytes) -> bytes:
    """Compress a text; sometimes the result is damaged."""
    data = gzip.compress(text, 1, mtime=0)
    match r.randrange(4):
        case 0:
            return data[: r.randrange(1, len(data))]
        case 1:
            at = r.randrange(10, len(data))
            return data[:at] + bytes([data[at] ^ (1 << r.randrange(8))]) + data[at + 1 :]
        case _:
            return data
