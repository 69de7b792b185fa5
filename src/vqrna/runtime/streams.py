"""Standard input, output and error, which a caller may have closed (``>&-``)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from vqrna.errors import DataError
from vqrna.runtime.files import write_error

_closed: set[str] = set()
"""Names of the streams that were closed when the program began."""


def open_closed_streams() -> None:
    """Open the null device where standard input, output or error is closed.

    Otherwise the first file that is opened takes its place, and libraries print into that file.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:  # closed: the next file gets this number, because lower ones are open
            os.open(os.devnull, os.O_RDWR)
            _closed.add(name)
        if getattr(sys, name) is None:
            mode = "r" if descriptor == 0 else "w"
            stream = open(descriptor, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)


@contextmanager
def writing_table() -> Iterator[None]:
    """Name standard output in errors of a command that writes its table there.

    Raises DataError if standard output is closed or cannot be written.
    """
    if "stdout" in _closed:
        raise DataError("standard output is closed: --out - needs it")
    with naming_stdout():
        yield


@contextmanager
def naming_stdout() -> Iterator[None]:
    """Raise DataError for a failed write of standard output; a closed pipe is not one."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.filename is not None:
            raise
        raise write_error(error, "standard output") from error
