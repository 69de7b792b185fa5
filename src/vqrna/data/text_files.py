"""Open a file of the user, plain or gzipped, or standard input, as a stream of bytes."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import BinaryIO, cast

from vqrna.errors import DataError

_BUFFER = 1 << 20
_PEEK = 1 << 16
_GZIP = b"\x1f\x8b"
# The empty block that bgzip writes last; without it the file is truncated.
_BGZIP_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_FOREIGN = {
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
}


@contextmanager
def open_text(path: str | PathLike[str]) -> Iterator[io.BufferedReader]:
    """Open a text file for reading as bytes, decompressed where it is gzip or bgzip.

    Compression is recognised by the first bytes, not by the name, so that pipes work, too.

    Raises DataError if the file is missing, a directory, unreadable, empty, binary, compressed in
    another way, or damaged; also if this shows only while it is read.

    Parameters
    ----------
    path : path-like
        A file, or ``-`` for standard input.

    Yields
    ------
    io.BufferedReader
        Iterates over lines. The body should only read: its OSErrors are reported as errors of
        this file.
    """
    file = str(path)
    raw = _open_raw(file)
    try:
        yield _decompressed(raw, file)
    except EOFError:
        raise DataError(
            "the gzip stream ends too early: the file is truncated", file=file
        ) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"the gzip stream is damaged ({error})", file=file) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", file=file) from None
    finally:
        if file != "-":
            raw.close()


def _open_raw(file: str) -> io.BufferedReader:
    if file == "-":
        stream = sys.stdin.buffer
        # A replacement of standard input, as in a notebook or a test, may lack `peek`.
        return cast(
            io.BufferedReader,
            stream if hasattr(stream, "peek") else io.BufferedReader(cast(io.RawIOBase, stream)),
        )
    try:
        return cast(io.BufferedReader, Path(file).open("rb", buffering=_BUFFER))
    except FileNotFoundError:
        raise DataError("no such file", file=file) from None
    except IsADirectoryError:
        raise DataError("is a directory, not a file", file=file) from None
    except OSError as error:
        raise DataError(f"cannot be opened: {error.strerror}", file=file) from None


def _decompressed(raw: io.BufferedReader, file: str) -> io.BufferedReader:
    """Return the stream, decompressed if its first bytes are those of gzip."""
    start = raw.peek(_PEEK)
    if not start:
        raise DataError("is empty", file=file)
    for magic, name in _FOREIGN.items():
        if start.startswith(magic):
            raise DataError(
                f"is compressed with {name}: only gzip and bgzip are supported", file=file
            )
    text = raw
    if start.startswith(_GZIP):
        if start[12:14] == b"BC" and file != "-" and not _is_complete(Path(file)):
            raise DataError("the last block of bgzip is missing: the file is truncated", file=file)
        # GzipFile's own readline is Python; a buffer in front reads lines in C.
        text = io.BufferedReader(
            cast(io.RawIOBase, gzip.GzipFile(fileobj=cast(BinaryIO, raw))), _BUFFER
        )
        start = text.peek(_PEEK)
        if not start:
            raise DataError("is empty (a gzip file without content)", file=file)
    if b"\0" in start:
        raise DataError("is binary, not text", file=file)
    inner = start.rstrip(b"\r")
    if inner.count(b"\r") - inner.count(b"\r\n") > inner.count(b"\n"):
        raise DataError("has bare carriage returns as line ends (old Mac): convert it", file=file)
    return text


def _is_complete(path: Path) -> bool:
    """Return whether a bgzip file ends with its end block; True for a pipe."""
    if not path.is_file():
        return True
    size = path.stat().st_size
    with path.open("rb") as handle:
        handle.seek(max(0, size - len(_BGZIP_END)))
        return handle.read() == _BGZIP_END
