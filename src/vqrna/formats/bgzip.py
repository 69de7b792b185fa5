"""Write text compressed in blocks (bgzip) with its index (tabix), for genome browsers."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from vqrna.runtime.files import OutputFiles, probe, translate_errors, write_error

if TYPE_CHECKING:
    import pysam

TABIX_REACH = 1 << 29
"""Positions from here on do not fit into a .tbi index and need a .csi index."""


class BgzipWriter:
    """Write a compressed BED-like file and its index.

    Parameters
    ----------
    output : OutputFiles
    name : str
        File name; ends in ``.gz``.
    head : str
        First lines, which the index skips.

    Raises
    ------
    DataError
        Here and below, if the file cannot be written.
    """

    def __init__(self, output: OutputFiles, name: str, head: str) -> None:
        self.path = output.folder / name
        self._output = output
        self._skip = head.count("\n")
        self._temporary = output.path(name)
        with translate_errors(self.path):
            self._file = output.enter(_opened(self._temporary))
        self.write(head.encode())

    def write(self, text: bytes | memoryview) -> None:
        """Write UTF-8 text."""
        with _quiet(), translate_errors(self.path):
            self._file.write(bytes(text))

    def finish(self, end: int) -> None:
        """Close the file and index it; if the order of its rows prevents that, add a note.

        Parameters
        ----------
        end : int
            Greatest end of a row, which determines the type of the index.
        """
        with _quiet(), translate_errors(self.path):
            self._file.close()
        ending, other = (".csi", ".tbi") if end > TABIX_REACH else (".tbi", ".csi")
        name = self.path.name + ending
        index = self._temporary.with_name(f"{name}-new")
        self._output.remove(self.path.name + other)
        if self._write_index(index, csi=ending == ".csi"):
            index.replace(self._output.path(name))
        else:
            self._output.remove(name)

    def _write_index(self, index: Path, *, csi: bool) -> bool:
        """Write the index; return False if the order of the rows prevents that."""
        import pysam

        try:
            with _quiet():
                pysam.tabix_index(
                    str(self._temporary),
                    seq_col=0,
                    start_col=1,
                    end_col=2,
                    zerobased=True,
                    line_skip=self._skip,
                    csi=csi,
                    index=str(index),
                    force=True,
                )
        except OSError as error:
            probe(self.path)
            reason = _unsorted_reason(self._temporary, self._skip)
            if reason is None:
                raise write_error(error, self.path) from error
            self._output.notes.append(f"{self.path.name} has no index: {reason}")
            return False
        return True


def _unsorted_reason(path: Path, skip: int) -> str | None:
    """Return why a file cannot be indexed: the first sequence whose rows are out of order."""
    seen: set[bytes] = set()
    name, last = b"", -1
    with gzip.open(path, "rb") as lines:
        for number, line in enumerate(lines):
            if number < skip:
                continue
            now, start, _ = line.split(b"\t", 2)
            if now != name and now in seen:
                return f"several sequences are named '{now.decode()}'"
            if now == name and int(start) < last:
                return f"the rows of '{now.decode()}' are not sorted (is the name used twice?)"
            seen.add(now)
            name, last = now, int(start)
    return None


@contextmanager
def _opened(path: Path) -> Iterator[pysam.BGZFile]:
    """Open a file; an error on closing it must not hide an earlier one."""
    import pysam

    file = pysam.BGZFile(str(path), "wb", None)
    try:
        yield file
    finally:
        with _quiet(), suppress(OSError):
            file.close()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the C library from printing its errors, which we report."""
    import pysam

    before = pysam.set_verbosity(0)
    try:
        yield
    finally:
        pysam.set_verbosity(before)
