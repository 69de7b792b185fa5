"""The sites that a scan found, block by block, from any of the files that hold them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from vqrna.data.text_files import open_text
from vqrna.errors import DataError, UsageError
from vqrna.evaluation.heads import Facts, fact_of
from vqrna.evaluation.known import NOT_DATA, STRANDS
from vqrna.formats.text import bed_name
from vqrna.modifications import Modification, modification
from vqrna.stats.tiers import TIERS

ROWS = 500_000
"""Rows that are held in memory at once."""

_PARQUET = b"PAR1"
_NEEDED = ("sequence", "position", "modification", "call")
_BED = ("sequence", "start", "stop", "modification", "score", "strand", "thick", "thicker", "color")
_BY_TRANSCRIPT = "genome_position"  # a column of that table alone
_TEXT = ("sequence", "strand", "modification", "call")
_NOTHING = "."
_REACHED = "reached"  # some tier, of a file that does not tell which
_CALLS = {_NOTHING: 0, _REACHED: 1} | {tier: i for i, tier in enumerate(TIERS, start=1)}


class Block(NamedTuple):
    """Some sites.

    Attributes
    ----------
    names : tuple of str
        Of sequences, as they are written in BED.
    sequence : np.ndarray, shape (N,), int64
        Which of `names`.
    position : np.ndarray, shape (N,), int64
        0-based.
    reverse : np.ndarray, shape (N,), bool
    kind : np.ndarray, shape (N,), int64
        Which of the modifications.
    tier : np.ndarray, shape (N,), int64
        0 for no call, 1 ``low``, 2 ``medium``, 3 ``high``; always 1 in a file without tiers.
    """

    names: tuple[str, ...]
    sequence: np.ndarray
    position: np.ndarray
    reverse: np.ndarray
    kind: np.ndarray
    tier: np.ndarray


@dataclass(frozen=True)
class FoundSites:
    """A file with the sites of a scan: TSV, BED9 or bedRMod, plain or gzipped, or Parquet.

    Attributes
    ----------
    path : pathlib.Path
    facts : Facts
        From its head.
    tiers : bool
        Whether it tells which tier a site reaches; BED and bedRMod do not.
    first : int or None
        Line of the first site; None in Parquet.
    """

    path: Path
    facts: Facts
    tiers: bool
    first: int | None = None

    @classmethod
    def open(cls, path: str | PathLike[str]) -> FoundSites:
        """Look at the head of a file.

        Raises
        ------
        DataError
            If the file is missing, of none of the kinds, or the table by transcript.
        """
        place = Path(path)
        if str(path) == "-" or (place.exists() and not (place.is_file() or place.is_dir())):
            raise DataError("is read twice, so it has to be a file and no pipe", file=path)
        if _is_parquet(place):
            return cls(place, _parquet_facts(_parquet(place)), tiers=True)
        facts: Facts = {}
        with open_text(place) as stream:
            text = _Text(stream, place)
        if _BY_TRANSCRIPT in text.columns:
            words = "is the table by transcript: give the main table, such as sites.tsv"
            raise DataError(words, file=path)
        for line in text.head:
            facts.update(fact_of(line))
        first = len(text.head) + (1 if text.columns[: len(_BED)] == _BED else 2)
        return cls(place, facts, tiers="call" in text.columns, first=first)

    def blocks(self, modifications: Sequence[Modification]) -> Iterator[Block]:
        """Read the sites, `ROWS` at a time.

        Parameters
        ----------
        modifications : sequence of Modification
            The types there may be.

        Raises
        ------
        DataError
            If a row is broken, or its type is none of them.
        """
        tables = _parquet_tables if _is_parquet(self.path) else _text_tables
        for table in tables(self.path):
            yield self._block(table, modifications)

    def _block(self, table: pd.DataFrame, modifications: Sequence[Modification]) -> Block:
        """Turn words into numbers, each different one once."""

        def kind_of(name: str) -> int:
            return modifications.index(modification(name, tuple(modifications)))

        names = tuple(bed_name(str(name)) for name in table["sequence"].cat.categories)
        return Block(
            names,
            table["sequence"].cat.codes.to_numpy(np.int64),
            table["position"].to_numpy(np.int64),
            self._each(table, "strand", STRANDS.__getitem__).astype(bool),
            self._each(table, "modification", kind_of),
            self._each(table, "call", _CALLS.__getitem__),
        )

    def _each(self, table: pd.DataFrame, column: str, number: Callable[[str], int]) -> np.ndarray:
        codes = table[column].cat.codes.to_numpy()
        numbers = np.zeros(len(table[column].cat.categories), dtype=np.int64)
        for code, word in enumerate(table[column].cat.categories):
            try:
                numbers[code] = number(str(word))
            except (KeyError, UsageError) as error:
                told = f"{error} is no {column}" if isinstance(error, KeyError) else str(error)
                rows = table.index[codes == code]
                line = self.first + int(rows[0]) if self.first and len(rows) else None
                raise DataError(told, file=self.path, line=line) from None
        return numbers[codes] if len(table) else numbers[:0]


def _is_parquet(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_PARQUET)) == _PARQUET


def _parquet(path: Path) -> Any:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    try:
        file = ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"is no whole Parquet file ({error})", file=path) from None
    missing = [name for name in _NEEDED if name not in file.schema_arrow.names]
    if missing:
        raise DataError(f"has no column '{missing[0]}'", file=path)
    return file


def _parquet_facts(file: Any) -> Facts:
    metadata = file.schema_arrow.metadata or {}
    return {key.decode(): value.decode("utf-8", "replace") for key, value in metadata.items()}


def _parquet_tables(path: Path) -> Iterator[pd.DataFrame]:
    import pyarrow as pa

    file = _parquet(path)
    columns = [name for name in (*_NEEDED, "strand") if name in file.schema_arrow.names]
    try:
        for batch in file.iter_batches(batch_size=ROWS, columns=columns):
            yield _ready(batch.to_pandas(), "position")
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"is no whole Parquet file ({error})", file=path) from None


class _Text:
    """A table of sites as text: the head is read, the rows are there to be read.

    Attributes
    ----------
    head : list of str
    columns : tuple of str
        As the header of a TSV names them, or those of BED.
    rows : io.BufferedReader
    """

    def __init__(self, stream: io.BufferedReader, path: Path) -> None:
        self.head: list[str] = []
        line = b""
        for line in stream:
            if not line.decode("utf-8", "replace").startswith(NOT_DATA):
                break
            self.head.append(line.decode("utf-8", "replace").strip())
            line = b""
        self.columns: tuple[str, ...] = _BED
        cells = _cells(line)
        if cells[0] == _NEEDED[0]:
            self.columns = tuple(cells)
            missing = [name for name in _NEEDED if name not in cells]
            if missing:
                raise DataError(f"has no column '{missing[0]}'", file=path)
            line = stream.readline()
            if len(_cells(line)) > len(cells):
                raise DataError("the rows have more cells than there are columns", file=path)
        elif line:
            if len(cells) < len(_BED) or not (cells[1] + cells[2]).isdigit():
                words = "is no table of sites: TSV, Parquet, BED (nine columns) or bedRMod is read"
                raise DataError(words, file=path)
            more = range(len(_BED) + 1, len(cells) + 1)
            self.columns += tuple(f"column {number}" for number in more)
        self.rows = io.BufferedReader(_After(line, stream))


class _After(io.RawIOBase):
    """A line that was read already, and what comes after it."""

    def __init__(self, line: bytes, stream: io.BufferedReader) -> None:
        super().__init__()
        self.line, self.stream = line, stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self.line[: len(buffer)] or self.stream.read1(len(buffer))
        self.line = self.line[len(part) :]
        buffer[: len(part)] = part
        return len(part)


def _cells(line: bytes) -> list[str]:
    return line.decode("utf-8", "replace").rstrip("\r\n").split("\t")


def _text_tables(path: Path) -> Iterator[pd.DataFrame]:
    with open_text(path) as stream:
        text = _Text(stream, path)
        place = "position" if "position" in text.columns else "start"
        words = [name for name in _TEXT if name in text.columns]
        try:
            for table in pd.read_csv(
                text.rows,
                sep="\t",
                names=list(text.columns),
                usecols=[place, *words],
                dtype={place: "int64"} | dict.fromkeys(words, "category"),
                na_filter=False,
                quoting=csv.QUOTE_NONE,
                chunksize=ROWS,
                encoding_errors="replace",
            ):
                yield _ready(table, place)
        except pd.errors.EmptyDataError:
            return  # a scan that found nothing
        except (pd.errors.ParserError, ValueError, OverflowError) as error:
            raise DataError(f"is no whole table of sites: {error}", file=path) from None


def _ready(table: pd.DataFrame, place: str) -> pd.DataFrame:
    """Bring a table of any kind to the same columns, with positions from 0."""
    if place == "position":
        table = table.assign(position=table["position"] - 1)
    else:
        table = table.assign(position=table["start"], call=_REACHED)
    if "strand" not in table:
        table = table.assign(strand="+")  # what is not told is the strand that was given
    for name in ("sequence", "strand", "modification", "call"):
        column = table[name]
        if column.dtype != "category" or column.isna().any():
            table[name] = column.astype(object).fillna(_NOTHING).astype("category")
    return table
