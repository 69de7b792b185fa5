"""The input files of the running command, which its output must not replace."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from vqrna.errors import UsageError

_Identity = tuple[int, int]

_INPUTS: ContextVar[frozenset[_Identity]] = ContextVar("inputs", default=frozenset())

_REPLACEABLE = ("--out", "--config")
"""Options whose files may be replaced: those of results, and settings that are stored again."""


@contextmanager
def protecting_inputs(arguments: Sequence[str]) -> Iterator[None]:
    """Refuse to replace the files that a command line names, until the body ends."""
    token = _INPUTS.set(frozenset(_identities(arguments)))
    try:
        yield
    finally:
        _INPUTS.reset(token)


def refuse_input(path: str | os.PathLike[str]) -> None:
    """Raise UsageError if a file that is to be written or removed is an input of the command."""
    if _INPUTS.get() and _identity(path) in _INPUTS.get():
        raise UsageError(f"the output would replace the input {os.fspath(path)}: set another --out")


def refuse_inputs(folder: Path, names: Sequence[str]) -> None:
    """Raise UsageError, before the work, if one of the files in a folder is an input."""
    for name in names:
        refuse_input(folder / name)


def _identities(arguments: Sequence[str]) -> Iterator[_Identity]:
    before = ""
    for word in arguments:
        name, sign, value = word.partition("=")
        is_option = word.startswith("--")
        option = name if is_option else before
        before = word if is_option and not sign else ""
        identity = None if option in _REPLACEABLE else _identity(value if is_option else word)
        if identity is not None:
            yield identity


def _identity(path: str | os.PathLike[str]) -> _Identity | None:
    """Return device and number of a regular file; None for anything else."""
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None
