"""The file of a finished part: its arrays, behind a line that says what they belong to.

The line holds the run, the number of the part, a digest of the sequences that it was computed
from, the size of the rest and a digest of everything. A part that was renamed, belongs to other
sequences, or has one changed bit is recognised before it is used.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import BinaryIO

import numpy as np

from vqrna.runtime.files import atomic_path

_MAGIC = "vqrna-part-2"
_LONGEST_LINE = 512
_BLOCK = 1 << 20


class PartState(Enum):
    """What is at the place of a part."""

    MISSING = "missing"
    COMPLETE = "complete"
    DAMAGED = "damaged"
    OTHER = "other"  # a complete part of another run, number or sequence


def write_part(
    path: Path, key: str, number: int, origin: str, arrays: Mapping[str, np.ndarray]
) -> None:
    """Write the arrays of a part, completely or not at all.

    Parameters
    ----------
    key : str
        Identifier of the run.
    number : int
        Number of the part.
    origin : str
        Digest of the sequences that it was computed from.
    """
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    data = buffer.getbuffer()
    prefix = f"{_MAGIC} {key} {number} {origin or '-'} {len(data)}"
    digest = _new_digest(prefix)
    digest.update(data)
    _remove_unless_regular(path)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(f"{prefix} {digest.hexdigest()}\n".encode())
        file.write(data)


def check_part(path: Path, key: str, number: int, origin: str | None) -> PartState:
    """Read a file once and return whether it is the complete part of this name.

    Parameters
    ----------
    origin : str or None
        See :func:`write_part`; None accepts any.
    """
    try:
        with _open_regular(path) as file:
            return _check(file, key, number, origin)
    except FileNotFoundError:
        return PartState.MISSING
    except (OSError, ValueError):
        return PartState.DAMAGED


def read_part(path: Path, key: str, number: int) -> dict[str, np.ndarray]:
    """Return the arrays of a part.

    Raises FileNotFoundError if it is missing, ValueError if it is not the complete part of this
    name.
    """
    with _open_regular(path) as file:
        if _check(file, key, number, None) is not PartState.COMPLETE:
            raise ValueError("not the part that belongs here")
        file.seek(0)
        file.readline(_LONGEST_LINE)
        with np.load(io.BytesIO(file.read()), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}


def _open_regular(path: Path) -> BinaryIO:
    """Open a regular file; ValueError for pipes and devices, which may never end."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("not a regular file")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _check(file: BinaryIO, key: str, number: int, origin: str | None) -> PartState:
    line = file.readline(_LONGEST_LINE)
    words = line.decode("ascii", "replace").split()
    if len(words) != 6 or words[0] != _MAGIC:
        return PartState.DAMAGED
    prefix = line[: line.rindex(b" ")].decode("ascii", "replace")
    if words[4] != str(os.fstat(file.fileno()).st_size - len(line)):
        return PartState.DAMAGED
    digest = _new_digest(prefix)
    while block := file.read(_BLOCK):
        digest.update(block)
    if line != f"{prefix} {digest.hexdigest()}\n".encode():
        return PartState.DAMAGED
    own = words[1:3] == [key, str(number)] and origin in (None, words[3])
    return PartState.COMPLETE if own else PartState.OTHER


def _new_digest(prefix: str) -> hashlib.blake2b:
    return hashlib.blake2b(prefix.encode(), digest_size=16)


def _remove_unless_regular(path: Path) -> None:
    """Remove a pipe, link or folder at the place of a part: it could not be replaced."""
    with suppress(OSError):
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            shutil.rmtree(path)
        elif not stat.S_ISREG(mode):
            path.unlink()
