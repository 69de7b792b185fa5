"""Checksums of files, as `sha256sum` writes and reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from os import PathLike
from pathlib import PurePosixPath

from vqrna.data.text_files import open_text
from vqrna.errors import DataError
from vqrna.runtime.files import write_text

SUMS = "SHA256SUMS"
"""File beside the data with the checksum of each file."""

_LINE = re.compile(r"(?P<sum>[0-9a-fA-F]{64}) [ *](?P<name>.+)")


def read_checksums(path: str | PathLike[str]) -> dict[str, str]:
    """Read checksums: a line for each file, 64 hexadecimal digits, two blanks and its name.

    Returns
    -------
    dict of str to str
        From the file's name (``train/1-0.fasta``) to its SHA-256.

    Raises
    ------
    DataError
        With file and line, if a line is not like that.
    """
    sums = {}
    with open_text(path) as lines:
        for number, raw in enumerate(lines, 1):
            line = raw.decode("utf-8", "replace").strip()
            if not line or line.startswith("#"):
                continue
            match = _LINE.fullmatch(line)
            if match is None:
                message = "no line of sha256sum: 64 hexadecimal digits, two blanks, a file's name"
                raise DataError(message, file=path, line=number)
            sums[str(PurePosixPath(match["name"]))] = match["sum"].lower()
    return sums


def write_checksums(path: str | PathLike[str], sums: Mapping[str, str]) -> None:
    """Write checksums so that ``sha256sum -c`` understands them.

    Raises
    ------
    DataError
        If the file cannot be written.
    """
    write_text(path, "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())))
