"""Finished parts of a prediction on disk, so that a killed run loses none of them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import BinaryIO

import numpy as np

import vqrna
from vqrna.data.fasta import FastaRecord, read_fasta
from vqrna.files import write_error, write_text

CHUNK = 1 << 18
"""Records are put together to parts of at least so many nt."""

RECORD = 512
"""Work that a record takes beside its length, in nt: the context on both sides of it."""

_PREFIX = ".vqrna-parts-"


@dataclass(frozen=True)
class Part:
    """What the sites of some records add up to; their lines lie in a file.

    Attributes
    ----------
    candidates, calls : list
        Counts (see :class:`vqrna.predicting.sites.Called`).
    nt, records : int
        How much sequence and how many records.
    """

    candidates: list[int]
    calls: list[list[int]]
    nt: int
    records: int


class PartStore:
    """A hidden folder of parts inside the folder of the results.

    Its name follows from model, settings and input files: another run never takes them for its own.

    Parameters
    ----------
    folder : pathlib.Path
        Of the results.
    key : str
        From :func:`key_of`.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder
        self.place = folder / f"{_PREFIX}{key}"

    def read(self, number: int) -> Part | None:
        """Give a finished part, or None if it has to be made."""
        try:
            counts = json.loads(self._path(number, "json").read_text(encoding="utf-8"))
            whole = self._path(number, "tsv").stat().st_size == counts.pop("bytes")
            return Part(**counts) if whole else None
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError, AttributeError):
            return None  # not ours, or broken: make it again

    def write(self, number: int, text: str, part: Part) -> None:
        """Keep a finished part; its counts come last and say that it is whole."""
        try:
            self.place.mkdir(exist_ok=True)
        except OSError as error:
            raise write_error(error, self.folder) from error
        write_text(self._path(number, "tsv"), text)
        counts = vars(part) | {"bytes": len(text.encode())}
        write_text(self._path(number, "json"), json.dumps(counts))

    def copy(self, count: int, file: BinaryIO) -> None:
        """Write the lines of the first `count` parts to a file, one part after another."""
        for number in range(count):
            with self._path(number, "tsv").open("rb") as lines:
                shutil.copyfileobj(lines, file)

    def clear(self) -> None:
        """Remove all parts, those that other runs left in this folder included."""
        for place in self.folder.glob(f"{_PREFIX}*"):
            shutil.rmtree(place, ignore_errors=True)

    def _path(self, number: int, kind: str) -> Path:
        return self.place / f"{number:06d}.{kind}"


def key_of(model_hash: str, told: dict[str, str], inputs: Sequence[str | PathLike[str]]) -> str:
    """Name a prediction by what its result follows from.

    Parameters
    ----------
    model_hash : str
    told : dict of str to str
        From :meth:`vqrna.predicting.settings.Settings.told`.
    inputs : sequence of path-like
        Files, known by place, size and time of change.

    Returns
    -------
    str
        12 hexadecimal digits.
    """
    seen: list[object] = [vqrna.__version__, model_hash, told, CHUNK, RECORD]
    for path in inputs:
        stat = Path(path).stat()
        seen.append([str(Path(path).resolve()), stat.st_size, stat.st_mtime_ns])
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:12]


def chunks(records: Iterable[FastaRecord]) -> Iterator[list[FastaRecord]]:
    """Put records together until they are `CHUNK` nt of work; the same records, the same chunks."""
    chunk: list[FastaRecord] = []
    nt = 0
    for record in records:
        chunk.append(record)
        nt += len(record.tokens) + RECORD
        if nt >= CHUNK:
            yield chunk
            chunk, nt = [], 0
    if chunk:
        yield chunk


class Watch:
    """Counts what is odd about records on their way.

    Attributes
    ----------
    repeated_names, empty_records : int
    """

    def __init__(self) -> None:
        self.repeated_names = self.empty_records = 0
        self._names: set[str] = set()

    def over(self, records: Iterable[FastaRecord]) -> Iterator[FastaRecord]:
        """Hand on the records, one at a time."""
        for record in records:
            self.repeated_names += record.name in self._names
            self._names.add(record.name)
            self.empty_records += not len(record.tokens)
            yield record


def records_of(inputs: Sequence[str | PathLike[str]]) -> Iterator[FastaRecord]:
    """Read the records of several files, one at a time."""
    for path in inputs:
        yield from read_fasta(path)


def totals(parts: Sequence[Part], kinds: int) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Add up parts.

    Parameters
    ----------
    parts : sequence of Part
    kinds : int
        Number of modifications K.

    Returns
    -------
    candidates : np.ndarray, shape (K,), int64
    calls : np.ndarray, shape (K, 3), int64
    nt, records : int
    """
    candidates = np.zeros(kinds, dtype=np.int64)
    calls = np.zeros((kinds, 3), dtype=np.int64)
    for part in parts:
        candidates += np.array(part.candidates, dtype=np.int64)
        calls += np.array(part.calls, dtype=np.int64)
    return candidates, calls, sum(p.nt for p in parts), sum(p.records for p in parts)
