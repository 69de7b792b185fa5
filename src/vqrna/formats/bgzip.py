"""Text compressed in blocks (bgzip) and its index (tabix), as genome browsers read them."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pysam

from vqrna.runtime.files import Output, probe, write_error, writing

TABIX_REACH = 1 << 29
"""Positions from here on are beyond a tabix index (.tbi) and need the newer kind (.csi)."""


class Bgzip:
    """A compressed BED-like file and its index.

    Parameters
    ----------
    output : Output
    name : str
        Of the file; ends in ``.gz``.
    head : str
        First lines, whatever they are; the index leaves them out.

    Raises
    ------
    DataError
        Here and below, if the file cannot be written.
    """

    def __init__(self, output: Output, name: str, head: str) -> None:
        self.path = output.folder / name
        self._output = output
        self._skip = head.count("\n")
        self._temporary = output.path(name)
        with writing(self.path):
            self._file = output.enter(_opened(self._temporary))
        self.write(head.encode())

    def write(self, text: bytes | memoryview) -> None:
        """Write text, in UTF-8."""
        with _quiet(), writing(self.path):
            self._file.write(bytes(text))

    def finish(self, end: int) -> None:
        """Close the file and index it; if that cannot be, say so in the notes of the output.

        Parameters
        ----------
        end : int
            Greatest end of a row, which decides on the kind of index.
        """
        with _quiet(), writing(self.path):
            self._file.close()
        ending, other = (".csi", ".tbi") if end > TABIX_REACH else (".tbi", ".csi")
        index = self._temporary.with_name(self._temporary.name + ending + "-new")
        self._output.remove(self.path.name + other)
        try:
            if self._indexed(index, ending == ".csi"):
                index.replace(self._output.path(self.path.name + ending))
            else:
                self._output.remove(self.path.name + ending)
        finally:
            with suppress(OSError):
                index.unlink()

    def _indexed(self, index: Path, csi: bool) -> bool:
        """Write the index; False if the order of the rows does not allow one."""
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
            wrong = _out_of_order(self._temporary, self._skip)
            if wrong is None:
                raise write_error(error, self.path) from error
            self._output.notes.append(f"{self.path.name} has no index: {wrong}")
            return False
        return True


def _out_of_order(path: Path, skip: int) -> str | None:
    """Tell why a file cannot be indexed: the first sequence that is not in one rising run."""
    seen: set[bytes] = set()
    name, last = b"", -1
    with gzip.open(path, "rb") as lines:
        for number, line in enumerate(lines):
            if number < skip:
                continue
            now, start, _ = line.split(b"\t", 2)
            if now != name and now in seen:
                return f"'{now.decode()}' occurs more than once among the names of the sequences"
            if now == name and int(start) < last:
                return f"the rows of '{now.decode()}' go back (is the name there twice?)"
            seen.add(now)
            name, last = now, int(start)
    return None


@contextmanager
def _opened(path: Path) -> Iterator[pysam.BGZFile]:
    """Open a file; when something has failed, closing it must not hide what."""
    file = pysam.BGZFile(str(path), "wb", None)
    try:
        yield file
    finally:
        with _quiet(), suppress(OSError):
            file.close()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the C library from printing: what fails is told by us."""
    before = pysam.set_verbosity(0)
    try:
        yield
    finally:
        pysam.set_verbosity(before)
