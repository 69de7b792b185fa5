"""Read FASTA as the world writes it, one record at a time.

Why an own reader: pysam, dnaio and pyfaidx are quick, but none of them tells on which line of the
file a wrong letter stands, and that line is what a user needs to mend the file.
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
_PROTEIN_ONLY = "EFILPQJOZ"


@dataclass(frozen=True, eq=False)
class FastaRecord:
    """One sequence of a FASTA file.

    Parameters
    ----------
    name : str
        First word of the header; ``unnamed_3`` for a third record without one. Names may repeat.
    description : str
        What follows the first word.
    tokens : np.ndarray, shape (S,), uint8
        The sequence (see :func:`vqrna.sequence.encode`); may be empty.
    line : int
        1-based line of the header.
    file : str
        The file as the user named it, ``-`` for standard input.
    """

    name: str
    description: str
    tokens: np.ndarray
    line: int
    file: str

    @property
    def header(self) -> str:
        """Name and description as they stood after ``>``."""
        return f"{self.name} {self.description}".rstrip()


def read_fasta(path: str | PathLike[str]) -> Iterator[FastaRecord]:
    """Read the records of a FASTA file, one at a time.

    Plain, gzip and bgzip; any line width and line end; upper and lower case; U and T; IUPAC
    ambiguity, ``*`` and gaps, which keep their position as ambiguous tokens. Blank lines, lines
    that begin with ``;``, white space inside sequence lines and a byte-order mark are passed over.

    Parameters
    ----------
    path : path-like
        A file, or ``-`` for standard input.

    Yields
    ------
    FastaRecord
        One at a time: no more than one sequence is held in memory.

    Raises
    ------
    DataError
        With file, record and line, if a letter is no nucleotide code, or if the file is missing,
        a directory, empty, binary, cut short, or no FASTA at all.
    """
    file = str(path)
    with open_text(path) as lines:
        yield from _records(lines, file)


class _Sequence:
    """The sequence of the record being read, encoded block by block."""

    def __init__(self, file: str, record: str) -> None:
        self.file, self.record = file, record
        self.encoded = bytearray()  # grows in place: a chromosome is never there twice
        self.lines: list[bytes] = []
        self.numbers: list[int] = []
        self.waiting = 0

    def add(self, line: bytes, number: int) -> None:
        """Take one line; its number is kept until its letters are known to be good."""
        self.lines.append(line)
        self.numbers.append(number)
        self.waiting += len(line)
        if self.waiting >= _BLOCK:
            self.encode()

    def encode(self) -> None:
        """Turn the waiting lines into tokens."""
        try:
            self.encoded += encode(b"".join(self.lines).translate(None, _BLANKS)).data
        except DataError:
            raise self.blame() from None
        self.lines, self.numbers, self.waiting = [], [], 0

    def blame(self) -> DataError:
        """Find the first wrong letter among the waiting lines."""
        allowed = bytes(code for code in range(256) if _is_allowed(code))
        for line, number in zip(self.lines, self.numbers, strict=True):
            rest = line.lstrip(allowed)
            if rest:
                letter = rest[:4].decode("utf-8", "replace")[0]
                column = len(line) - len(rest) + 1
                hint = "; is this a protein?" if letter.upper() in _PROTEIN_ONLY else ""
                message = f"{letter!r} (column {column}) is not a nucleotide letter{hint}"
                return DataError(message, file=self.file, record=self.record, line=number)
        raise AssertionError("encode() refused letters that it allows one by one")

    def tokens(self) -> np.ndarray:
        """Return the whole sequence."""
        self.encode()
        return np.frombuffer(self.encoded, dtype=np.uint8)


def _is_allowed(code: int) -> bool:
    """Tell whether a byte may stand in a sequence line."""
    if code in _BLANKS:
        return True
    try:
        encode(bytes([code]))
    except DataError:
        return False
    return True


def _records(lines: Iterable[bytes], file: str) -> Iterator[FastaRecord]:
    """Group lines into records."""
    sequence: _Sequence | None = None
    name, description, start, count = "", "", 0, 0
    for number, line in enumerate(lines, 1):
        first = line[0]
        if first <= 32 or number == 1:  # white space or control; the first line may carry a mark
            line = (line.removeprefix(_BOM) if number == 1 else line).lstrip(_BLANKS)
            if not line:
                continue
            first = line[0]
        if first == _HEADER:
            if sequence is not None:
                yield FastaRecord(name, description, sequence.tokens(), start, file)
            count += 1
            words = line[1:].decode("utf-8", "replace").split(None, 1)
            name = words[0] if words else f"unnamed_{count}"
            description = words[1].strip() if len(words) > 1 else ""
            sequence, start = _Sequence(file, name), number
        elif first == _COMMENT:
            continue
        elif sequence is None:
            raise DataError(
                "no FASTA: the first record must begin with '>'", file=file, line=number
            )
        else:
            sequence.add(line, number)
    if sequence is None:
        raise DataError("holds no FASTA record", file=file)
    yield FastaRecord(name, description, sequence.tokens(), start, file)
