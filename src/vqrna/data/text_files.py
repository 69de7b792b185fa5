"""Open what a user names: a file, plain or gzipped, or standard input, as a stream of bytes."""

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
# An empty block that bgzip writes last, so that a cut at a block's edge can be told.
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

    Compression is told by the first bytes, not by the name, so that it works on a pipe too.

    Parameters
    ----------
    path : path-like
        A file, or ``-`` for standard input.

    Yields
    ------
    io.BufferedReader
        Yields lines when iterated over. The body should do nothing but read: its errors of
        reading are told as errors of this file.

    Raises
    ------
    DataError
        If the file is missing, a directory, unreadable, empty, binary, compressed in another
        way, or broken in the middle; also when the latter shows only while it is read.
    """
    file = str(path)
    raw = _open_raw(file)
    try:
        yield _decompressed(raw, file)
    except EOFError:
        raise DataError(
            "the gzip stream ends too early: the file is cut short", file=file
        ) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"the gzip stream is damaged ({error})", file=file) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", file=file) from None
    finally:
        if file != "-":
            raw.close()


def _open_raw(file: str) -> io.BufferedReader:
    """Open the bytes as they are stored."""
    if file == "-":
        stream = sys.stdin.buffer
        # A stand-in for standard input, as in a notebook or a test, may not be able to peek.
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
    """Look at the first bytes, and put a decompressor in front where it is needed."""
    start = raw.peek(_PEEK)
    if not start:
        raise DataError("is empty", file=file)
    for magic, kind in _FOREIGN.items():
        if start.startswith(magic):
            raise DataError(f"is compressed with {kind}: only gzip and bgzip are read", file=file)
    text = raw
    if start.startswith(_GZIP):
        if start[12:14] == b"BC" and file != "-" and not _ends_whole(Path(file)):
            raise DataError("bgzip's last block is missing: the file is cut short", file=file)
        # GzipFile's own readline is Python; a buffer in front reads lines in C.
        text = io.BufferedReader(
            cast(io.RawIOBase, gzip.GzipFile(fileobj=cast(BinaryIO, raw))), _BUFFER
        )
        start = text.peek(_PEEK)
        if not start:
            raise DataError("is empty (a gzip file of nothing)", file=file)
    if b"\0" in start:
        raise DataError("is binary, not text", file=file)
    if b"\r" in start and b"\n" not in start and start.rstrip(b"\r").count(b"\r"):
        raise DataError("has bare carriage returns as line ends (old Mac): convert it", file=file)
    return text


def _ends_whole(path: Path) -> bool:
    """Tell whether a bgzip file ends with its end block; what is no plain file is not judged."""
    if not path.is_file():
        return True
    size = path.stat().st_size
    with path.open("rb") as handle:
        handle.seek(max(0, size - len(_BGZIP_END)))
        return handle.read() == _BGZIP_END
