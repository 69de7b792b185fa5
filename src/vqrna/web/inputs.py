"""Read the sequences that a user hands over, within the limits of the server."""

from __future__ import annotations

import hashlib
import os
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vqrna.data.fasta import read_fasta
from vqrna.errors import DataError
from vqrna.sequence import AMBIGUOUS
from vqrna.web.errors import RequestError
from vqrna.web.options import INPUT
from vqrna.web.settings import Limits

UNNAMED = "sequence"
"""Name of a pasted sequence without a header."""

_GZIP = b"\x1f\x8b"
_MOST_MEMBERS = 10_000
"""Parts of a gzip file: bgzip has one for each 64 kB, so this is far above any sensible input."""

_LONGEST_NAME = 300
_BLOCK = 1 << 16
_LINE = re.compile(r"line (\d+)")
_BARE = re.compile(rb"[A-Za-z*.~\-\s]+")


@dataclass(frozen=True)
class InputRecord:
    """One sequence of an input."""

    name: str
    length: int  # nt
    ambiguous: int  # Letters that are not A, C, G, U or T
    tokens: np.ndarray | None = None  # (length,), uint8; only where they were requested


@dataclass(frozen=True)
class Checked:
    """An input that can be predicted."""

    records: tuple[InputRecord, ...]
    notes: tuple[str, ...]  # What is ignored or unusual, in sentences

    @property
    def nt(self) -> int:
        """Number of letters."""
        return sum(record.length for record in self.records)


class InputFile:
    """Receive an input in blocks and write it to a file, decompressed.

    Raises RequestError (413) when a limit is exceeded, before more is read.

    Parameters
    ----------
    path : pathlib.Path
        A new file that only its owner can read.

    Attributes
    ----------
    added_header : bool
        Whether the input was letters only, so that a header line was put before them.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        self._limits = limits
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        self._head = b""
        self._unzip: zlib._Decompress | None = None
        self._members = 1
        self._first = b""  # Bytes of the decompressed text
        self._started = False
        self._written = 0
        self._digest = hashlib.sha256()
        self.added_header = False

    @property
    def digest(self) -> str:
        """SHA-256 of what was written."""
        return self._digest.hexdigest()

    def write(self, block: bytes) -> None:
        """Add a block."""
        if not self._started:
            self._head += block
            if len(self._head) < _BLOCK:
                return
            block = self._start()
        self._write(block)

    def close(self) -> None:
        """Write the rest; raises RequestError (400) if gzip data are damaged or incomplete."""
        try:
            if not self._started:
                self._write(self._start())
            if self._unzip is not None and not self._unzip.eof:
                raise RequestError(400, "the gzip file is incomplete: upload it again")
        finally:
            self._file.close()

    def abort(self) -> None:
        """Close the file without a check."""
        self._file.close()

    def _start(self) -> bytes:
        self._started = True
        head, self._head = self._head, b""
        if head.startswith(_GZIP):
            self._unzip = zlib.decompressobj(wbits=31)
            return head
        text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        if text and text[:1] not in b">;" and _BARE.fullmatch(text):
            self._put(f">{UNNAMED}\n".encode())
            self.added_header = True
            return text
        return head

    def _write(self, block: bytes) -> None:
        if self._unzip is None:
            self._put(block)
            return
        while block:
            if self._unzip.eof:  # bgzip and joined files have several members
                rest = block.lstrip(b"\0")
                if not rest:
                    return
                self._members += 1
                if self._members > _MOST_MEMBERS:
                    raise RequestError(
                        400,
                        f"the gzip file has more than {_MOST_MEMBERS:,} parts: compress it anew",
                    )
                self._unzip, block = zlib.decompressobj(wbits=31), rest
            try:
                self._put(self._unzip.decompress(block, _BLOCK))
            except zlib.error:
                raise RequestError(400, "the gzip file is damaged: upload it again") from None
            block = self._unzip.unconsumed_tail or self._unzip.unused_data

    def _put(self, data: bytes) -> None:
        self._written += len(data)
        if self._written > self._limits.upload_bytes:
            raise too_large(self._limits)
        if len(self._first) < len(_GZIP):
            self._first += data[: len(_GZIP)]
            if self._first.startswith(_GZIP):  # the reader would decompress it without limits
                raise RequestError(400, "the file is compressed twice: decompress it once")
        self._digest.update(data)
        self._file.write(data)


def too_large(limits: Limits) -> RequestError:
    """Return the error of an input that is too large."""
    return RequestError(
        413,
        f"the input is larger than {limits.upload_bytes / 1e6:g} MB: submit it in parts, or use "
        "'vqrna predict' on your computer, which has no limit",
    )


def check_input(
    path: Path, limits: Limits, *, keep_tokens: bool = False, added_header: bool = False
) -> Checked:
    """Read all records of an input.

    Raises RequestError (400, 413) with record and line if the input is invalid or too large.

    Parameters
    ----------
    keep_tokens : bool
        Whether to return the sequences.
    added_header : bool
        Whether the first line was added: the lines in messages are those of the user's text.
    """
    records: list[InputRecord] = []
    names: set[str] = set()
    empty, nt = 0, 0
    try:
        for record in read_fasta(path):
            length = len(record.tokens)
            nt += length
            if nt > limits.nt:
                raise RequestError(
                    413,
                    f"more than {limits.nt:,} nt: submit fewer sequences, or use "
                    "'vqrna predict' on your computer, which has no limit",
                )
            if len(records) == limits.records:
                raise RequestError(
                    413,
                    f"more than {limits.records:,} records: submit them in parts, or use "
                    "'vqrna predict' on your computer, which has no limit",
                )
            if len(record.name) > _LONGEST_NAME:
                raise RequestError(
                    400,
                    f"line {record.line}: the name is longer than {_LONGEST_NAME} characters; "
                    "put a space after the first word",
                )
            if record.name in names:
                raise RequestError(
                    400,
                    f"line {record.line}: another record is named '{record.name}' as well; "
                    "rename one of them",
                )
            names.add(record.name)
            empty += length == 0
            ambiguous = int((record.tokens == AMBIGUOUS).sum())
            kept = record.tokens.copy() if keep_tokens else None
            records.append(InputRecord(record.name, length, ambiguous, kept))
    except DataError as error:
        message = _without_path(str(error), path)
        if added_header:
            message = _LINE.sub(lambda match: f"line {int(match[1]) - 1}", message, count=1)
        raise RequestError(400, message) from None
    if not nt:
        raise RequestError(400, "the records have no letters: paste a sequence below the header")
    return Checked(tuple(records), tuple(_notes(records, empty)))


def _without_path(message: str, path: Path) -> str:
    """Replace the file of the server in a message."""
    if message.startswith(f"{path}: "):  # without a line: 'is binary, not text'
        message = f"the input {message.removeprefix(f'{path}: ')}"
    return message.removeprefix(f"{path}, ").replace(str(path), INPUT)


def _notes(records: Iterable[InputRecord], empty: int) -> Iterable[str]:
    ambiguous = sum(record.ambiguous for record in records)
    if ambiguous:
        verb = "letter is" if ambiguous == 1 else "letters are"
        yield f"{ambiguous:,} {verb} not A, C, G, U or T: no site is predicted there"
    short = sum(0 < record.length < 51 for record in records)
    if short:
        noun = "record is" if short == 1 else "records are"
        yield f"{short:,} {noun} shorter than 51 nt: sites so near an end are not called"
    if empty:
        noun = "record is" if empty == 1 else "records are"
        yield f"{empty:,} {noun} empty and ignored"
