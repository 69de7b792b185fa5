"""Write text compressed in blocks (bgzip) with its index (tabix), for genome browsers."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqrna.errors import DataError
from vqrna.runtime.files import OutputFiles, probe, write_error

if TYPE_CHECKING:
    import pysam

TABIX_REACH = 1 << 29
"""Positions from here on do not fit into a .tbi index and need a .csi index."""


class BgzipWriter:
    """Write a compressed BED-like file, or a VCF, and its index.

    Parameters
    ----------
    output : OutputFiles
    name : str
        File name; ends in ``.gz``.
    head : str
        First lines, which the index skips.
    preset : str, optional
        ``vcf`` for a VCF file, whose header lines are recognised.
    """

    def __init__(
        self, output: OutputFiles, name: str, head: str, *, preset: str | None = None
    ) -> None:
        self._preset = preset
        self._path = output.folder / name
        self._output = output
        self._skip = head.count("\n")
        self._temporary = output.path(name)
        self._file = output.enter(_opened(self._temporary, self._path))
        self.write(head.encode())

    def write(self, text: bytes | memoryview) -> None:
        """Write UTF-8 text."""
        with _translate_errors(self._path):
            self._file.write(bytes(text))

    def finish(self, end: int) -> None:
        """Close the file and index it; if the order of its rows prevents that, add a note.

        Parameters
        ----------
        end : int
            Greatest end of a row, which determines the type of the index.
        """
        with _translate_errors(self._path):
            self._file.close()
        ending, other = (".csi", ".tbi") if end > TABIX_REACH else (".tbi", ".csi")
        name = self._path.name
        index = self._temporary.with_name(f"{name}{ending}-new")
        self._output.remove(name + other)
        try:
            self._write_index(index, csi=ending == ".csi")
        except DataError:
            reason = _unsorted_reason(self._temporary, self._skip, is_vcf=self._preset == "vcf")
            if reason is None:
                raise
            self._output.notes.append(f"{name} has no index: {reason}")
            self._output.remove(name + ending)
        else:
            index.replace(self._output.path(name + ending))

    def _write_index(self, index: Path, *, csi: bool) -> None:
        import pysam

        columns: dict[str, Any] = {"preset": self._preset}
        if self._preset is None:
            columns = {"seq_col": 0, "start_col": 1, "end_col": 2, "zerobased": True}
            columns["line_skip"] = self._skip
        with _translate_errors(self._path):
            pysam.tabix_index(
                str(self._temporary), csi=csi, index=str(index), force=True, **columns
            )


def _unsorted_reason(path: Path, skip: int, *, is_vcf: bool) -> str | None:
    """Return why a file cannot be indexed: the first sequence whose rows are out of order.

    The records of a VCF have the order of the input. Sites are written in order, so that those of
    one name are out of order only if several sequences have this name.
    """
    seen: set[bytes] = set()
    name, last = b"", -1
    with gzip.open(path, "rb") as lines:
        for number, line in enumerate(lines):
            if number < skip or line.startswith(b"#"):
                continue
            now, start, _ = line.split(b"\t", 2)
            apart, before = now != name and now in seen, now == name and int(start) < last
            if is_vcf and (apart or before):
                return f"the input is not sorted (first at {now.decode()}:{start.decode()})"
            if apart:
                return f"several sequences are named '{now.decode()}'"
            if before:
                return f"the rows of '{now.decode()}' are not sorted (is the name used twice?)"
            seen.add(now)
            name, last = now, int(start)
    return None


@contextmanager
def _opened(temporary: Path, path: Path) -> Iterator[pysam.BGZFile]:
    """Open a file; an error on closing it must not hide an earlier one."""
    import pysam

    with _translate_errors(path):
        file = pysam.BGZFile(str(temporary), "wb", None)
    try:
        yield file
    finally:
        with suppress(DataError), _translate_errors(path):
            file.close()


@contextmanager
def _translate_errors(path: Path) -> Iterator[None]:
    """Raise the errors of htslib as errors about writing `path`, and keep it from printing them."""
    import pysam

    verbosity = pysam.set_verbosity(0)
    try:
        yield
    except OSError as error:
        if error.errno is None:  # the library hides the reason; writing a little shows it
            probe(path.parent)
        raise write_error(error, path) from error
    finally:
        pysam.set_verbosity(verbosity)
