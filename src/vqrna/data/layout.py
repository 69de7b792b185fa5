"""Write windows in the benchmark layout: a whole new folder, or nothing."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

import numpy as np

from vqrna.data.benchmark import SPLITS, file_name
from vqrna.data.windows import WindowSet
from vqrna.errors import DataError
from vqrna.runtime.files import output_directory, write_error
from vqrna.runtime.provenance import header_lines
from vqrna.sequence import decode

NOTE = "SPLIT.txt"
"""Tells beside the data how they were divided."""


def write_layout(
    sets: Sequence[WindowSet],
    split: np.ndarray,
    out: str | PathLike[str],
    facts: Mapping[str, str],
) -> Path:
    """Write ``OUT/{train,valid,test}/K-{0,1}.fasta.gz`` and a note of how they came to be.

    Headers are kept; letters become RNA, ambiguous ones ``N``.

    Parameters
    ----------
    sets : sequence of WindowSet
    split : np.ndarray, shape (N,), int
        Index into :data:`vqrna.data.benchmark.SPLITS` for each window of the sets in turn.
    out : path-like
        A folder that is not there yet, or empty.
    facts : mapping
        What to tell in the note.

    Raises
    ------
    DataError
        If the folder holds something, or cannot be written.
    """
    content: dict[str, list[str]] = {}
    start = 0
    for s in sets:
        for tokens, name, part in zip(s.tokens, s.names, split[start:], strict=False):
            file = f"{SPLITS[part]}/{file_name(s.modification, s.label, s.negatives)}.gz"
            content.setdefault(file, []).append(f">{name}\n{decode(tokens)}\n")
        start += len(s)
    with _new_folder(Path(out)) as folder:
        for file, records in content.items():
            (folder / file).parent.mkdir(exist_ok=True)
            # No time and no name in the gzip header: the same windows give the same bytes.
            packed = gzip.compress("".join(records).encode(), mtime=0)
            (folder / file).write_bytes(packed)
        (folder / NOTE).write_text("\n".join(header_lines(**facts)) + "\n", encoding="utf-8")
    return Path(out)


def check_new(out: str | PathLike[str]) -> None:
    """Refuse a folder that holds something, before any work is done.

    Raises
    ------
    DataError
        If it does, or is a file.
    """
    folder = Path(out)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError("is there already: name a folder that is not, or is empty", file=folder)


@contextmanager
def _new_folder(final: Path) -> Iterator[Path]:
    """Give a folder to write to, beside `final`, that takes its place when all went well."""
    check_new(final)
    parent = output_directory(final.absolute().parent)
    # No process number in the name: the next run removes what a killed one left behind.
    temporary = parent / f".part-{final.name}"
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        yield temporary
        temporary.replace(final)  # an empty folder may be replaced
    except OSError as error:
        raise write_error(error, final) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
