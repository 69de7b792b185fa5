"""Read FASTA files, one record at a time.

pysam, dnaio and pyfaidx are fast, but none reports the line of an invalid letter, which a user
needs to correct the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from os import PathLike

import numpy as np

from vqrna.data.text_files import open_text
from vqrna.errors import DataError
from vqrna.sequence import encode

_BLOCK = 1 << 20
_BLANKS = b" \t\r\n\v\f"
_BOM = b"\xef\xbb\xbf"
_HEADER, _COMMENT = ord(">"), ord(";")
INVALID_UTF8 = "backslashreplace"
"""How names show bytes that are not UTF-8, so that different names stay different: ``\\xe9``."""

_PROTEIN_ONLY = "EFILPQJOZ"


@dataclass(frozen=True, eq=False)
class FastaRecord:
    """One sequence of a FASTA file.

    Attributes
    ----------
    name : str
        First word of the header; ``unnamed_3`` for a third record without one. Names may
        repeat.
    description : str
        Rest of the header.
    tokens : np.ndarray, shape (S,), uint8
        The sequence (see :func:`vqrna.sequence.encode`); may be empty.
    line : int, optional
        1-based line of the header; None in memory.
    file : str, optional
        The file as the user named it, ``-`` for standard input; None in memory.
    gapped : bool
        Whether a letter was ``-``, as in an alignment. Gaps count as positions.
    """

    name: str
    description: str
    tokens: np.ndarray
    line: int | None
    file: str | None
    gapped: bool = False

    @property
    def header(self) -> str:
        """Name and description, as after ``>``."""
        return f"{self.name} {self.description}".rstrip()


def read_fasta(path: str | PathLike[str]) -> Iterator[FastaRecord]:
    """Read the records of a FASTA file, one at a time.

    The file may be plain, gzip or bgzip, with any line width and line end, upper and lower case, U
    and T, IUPAC ambiguity, ``*`` and gaps, which become ambiguous tokens. Blank lines, lines that
    begin with ``;``, white space inside sequence lines and a byte-order mark are ignored.

    Parameters
    ----------
    path : path-like
        A file, or ``-`` for standard input.

    Yields
    ------
    FastaRecord
        Only one sequence is held in memory.

    Raises
    ------
    DataError
        With file, record and line, if a letter is not a nucleotide code, or if the file is missing,
        a directory, empty, binary, truncated, or not FASTA.
    """
    file = str(path)
    with open_text(path) as lines:
        yield from _records(lines, file)


def protein_hint(letter: str) -> str:
    """Return the end of a message about a letter that is in proteins only; else nothing."""
    return "; is this a protein?" if letter.upper() in _PROTEIN_ONLY else ""


class _Sequence:
    """The sequence of the record being read, encoded block by block."""

    def __init__(self, file: str, name: str) -> None:
        self.file, self.name = file, name
        self.encoded = bytearray()  # grows in place: a chromosome is never held twice
        self.lines: list[bytes] = []
        self.numbers: list[int] = []
        self.waiting = 0
        self.gapped = False

    def add(self, line: bytes, number: int) -> None:
        self.lines.append(line)
        self.numbers.append(number)
        self.waiting += len(line)
        if self.waiting >= _BLOCK:
            self.encode()

    def encode(self) -> None:
        self.encoded += self.waiting_tokens().data
        self.lines, self.numbers, self.waiting = [], [], 0

    def waiting_tokens(self) -> np.ndarray:
        """Encode the waiting lines."""
        letters = b"".join(self.lines)
        self.gapped |= b"-" in letters
        try:
            return encode(letters, _BLANKS)
        except DataError:
            raise self.error() from None

    def error(self) -> DataError:
        """Locate the first invalid letter among the waiting lines."""
        allowed = bytes(code for code in range(256) if _is_allowed(code))
        for line, number in zip(self.lines, self.numbers, strict=True):
            rest = line.lstrip(allowed)
            if rest:
                letter = rest[:4].decode("utf-8", "replace")[0]
                column = len(line) - len(rest) + 1
                message = f"{letter!r} (column {column}) is not a nucleotide letter"
                message += protein_hint(letter)
                return DataError(message, file=self.file, record=self.name, line=number)
        raise AssertionError("encode() rejected letters that it accepts one by one")

    def tokens(self) -> np.ndarray:
        if not self.encoded:
            return self.waiting_tokens()  # most sequences are short: no second copy
        self.encode()
        return np.frombuffer(self.encoded, dtype=np.uint8)

    def record_at(self, line: int, description: str) -> FastaRecord:
        """Return the record whose header is in a line."""
        tokens = self.tokens()
        return FastaRecord(self.name, description, tokens, line, self.file, self.gapped)


def _is_allowed(code: int) -> bool:
    if code in _BLANKS:
        return True
    try:
        encode(bytes([code]))
    except DataError:
        return False
    return True


def _records(lines: Iterable[bytes], file: str) -> Iterator[FastaRecord]:
    sequence: _Sequence | None = None
    name, description, start, count = "", "", 0, 0
    for number, line in enumerate(lines, 1):
        first = line[0]
        if (
            first <= 32 or number == 1
        ):  # white space or control; the first line may have a byte-order mark
            line = (line.removeprefix(_BOM) if number == 1 else line).lstrip(_BLANKS)
            if not line:
                continue
            first = line[0]
        if first == _HEADER:
            if sequence is not None:
                yield sequence.record_at(start, description)
            count += 1
            # At ASCII white space, like samtools: the same names as from an index
            words = line[1:].split(None, 1)
            name = words[0].decode("utf-8", INVALID_UTF8) if words else f"unnamed_{count}"
            description = words[1].decode("utf-8", "replace").strip() if words[1:] else ""
            sequence, start = _Sequence(file, name), number
        elif first == _COMMENT:
            continue
        elif sequence is None:
            raise DataError(
                "not FASTA: the first record must begin with '>'", file=file, line=number
            )
        else:
            sequence.add(line, number)
    if sequence is None:
        raise DataError("holds no FASTA record", file=file)
    yield sequence.record_at(start, description)
