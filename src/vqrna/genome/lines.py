"""Go through the lines of a text file so that what is wrong with one is told with its number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from os import PathLike

from vqrna.data.text_files import open_text
from vqrna.errors import DataError

_SHOWN = 40


class LineError(Exception):
    """What is wrong with the line that was read last."""


@contextmanager
def lines_of(path: str | PathLike[str]) -> Iterator[Iterator[bytes]]:
    """Open a file, plain or gzipped, and give its lines.

    Raises
    ------
    DataError
        As :func:`vqrna.data.text_files.open_text`; and with file and line, in place of a `LineError`
        that the body raises.
    """
    number = 0

    def counted(lines: Iterable[bytes]) -> Iterator[bytes]:
        nonlocal number
        for number, line in enumerate(lines, start=1):  # noqa: B007 (told below)
            yield line

    try:
        with open_text(path) as lines:
            yield counted(lines)
    except LineError as error:
        raise DataError(str(error), file=path, line=number) from None


def whole(field: bytes, what: str) -> int:
    """Read a whole number.

    Raises
    ------
    LineError
        If it is none.
    """
    word = field.strip()
    if not word.removeprefix(b"-").isdigit() or len(word) > 15:
        raise LineError(f"{what} '{shown(field)}' is no whole number")
    return int(word)


def shown(field: bytes) -> str:
    """Give a field as it is shown in a message."""
    return field.decode("utf-8", "replace")[:_SHOWN]
