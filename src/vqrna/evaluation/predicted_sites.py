"""The sites that a scan found, block by block, from any of the files that hold them.

What a file of results tells of itself in its head.

Known sites: what a user's BED or bedRMod says is modified.

What a scan went over: `scanned.bed`, which lies beside its results.
"""

from __future__ import annotations

import csv
import io
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from vqrna.data.text_files import open_text
from vqrna.errors import DataError, UsageError
from vqrna.formats.text import bed_name
from vqrna.genome.bed import LineError, blocks_of, fields_of, interval_of, lines_of, strand_of
from vqrna.modifications import MODIFICATIONS, Modification, modification
from vqrna.stats.tiers import TIERS

Facts = dict[str, str]


_BEDRMOD = "#vqrna_"


def fact_of(line: str) -> Facts:
    """Read a ``# name: value`` line, or ``#vqrna_name=value`` of bedRMod; nothing from others."""
    if line.startswith(_BEDRMOD):
        name, sign, value = line.removeprefix(_BEDRMOD).partition("=")
        name = name.replace("_", " ")
    else:
        name, sign, value = line.removeprefix("# ").partition(":")
    return {name.strip(): value.strip()} if sign and line.startswith("#") else {}


def candidates_of(facts: Mapping[str, str]) -> dict[str, int] | None:
    """Give the number of candidates of each type; None where it is not told."""
    found = {}
    for word in facts.get("candidates", "").split():
        symbol, _, number = word.replace("=", ":").rpartition(":")  # bedRMod knows one = a line
        if not number.isdigit():
            return None
        found[symbol] = int(number)
    return found or None


def all_sites(facts: Mapping[str, str]) -> bool:
    """Tell whether every candidate has a row, called or not."""
    return facts.get("reported", "").startswith("all candidate")


def lowest_tier(facts: Mapping[str, str]) -> int | None:
    """Give the lowest tier, as an index, that is called; None where that is not told."""
    words = facts.get("called", "").split()
    if words[:1] == ["score"]:
        return 0
    return TIERS.index(words[1]) if len(words) > 1 and words[1] in TIERS else None


def types_of(symbols: Sequence[str]) -> tuple[Modification, ...]:
    """Give the types we know and, after them, those of a user's own that a scan was made for."""
    own = []
    for symbol in symbols:
        try:
            modification(symbol)
        except UsageError:
            own.append(Modification(symbol, symbol, "N"))
    return MODIFICATIONS + tuple(own)


STRANDS = {"+": False, "-": True, ".": False, "": False}
"""Whether a strand is the reverse one; where it is not told, it is taken as the forward one."""

NOT_DATA = ("#", "track", "browser")
"""How lines of a BED file begin that hold no site."""

STRIDE = 1 << 34
"""Longer than any sequence: a place in a genome as one number is group x STRIDE + position."""

_NAME, _STRAND = 3, 5  # columns


@dataclass(frozen=True, eq=False)
class KnownSites:
    """Sites that are known to be modified, each once.

    Attributes
    ----------
    names : tuple of str
        Of the sequences that have any.
    sequence : np.ndarray, shape (N,), int64
        Which of `names`.
    position : np.ndarray, shape (N,), int64
        0-based.
    reverse : np.ndarray, shape (N,), bool
    modification_index : np.ndarray, shape (N,), int64
        Which of the modifications that were asked for.
    repeated, strandless, unknown : int
        Lines that tell a site again; sites without a strand; lines whose name is no type, which
        are left out.
    """

    names: tuple[str, ...]
    sequence: np.ndarray
    position: np.ndarray
    reverse: np.ndarray
    modification_index: np.ndarray
    repeated: int = 0
    strandless: int = 0
    unknown: int = 0

    def __len__(self) -> int:
        return len(self.position)

    def take(self, rows: np.ndarray) -> KnownSites:
        """Give some of the sites, by mask; the counts of lines are those of all."""
        columns = (
            self.sequence[rows],
            self.position[rows],
            self.reverse[rows],
            self.modification_index[rows],
        )
        return KnownSites(self.names, *columns, self.repeated, self.strandless, self.unknown)


def read_known(
    path: str | PathLike[str],
    modifications: Sequence[Modification],
    only: Modification | None = None,
) -> KnownSites:
    """Read known sites from BED (three columns or more) or bedRMod, plain or gzipped.

    Parameters
    ----------
    path : path-like
    modifications : sequence of Modification
        The types that the name column may tell: by symbol, alias or MODOMICS short name.
    only : Modification, optional
        Take sites of this type only: all but those whose name is another type.

    Raises
    ------
    DataError
        If a line is no site of one nt, or no name is a type.
    """
    file = str(path)
    types = _Types(modifications, only)
    ids: dict[str, int] = {}
    rows = array("q")  # sequence, position, strand, type of one site after the other
    strandless = unknown = 0
    with open_text(path) as lines:
        for number, raw in enumerate(lines, start=1):
            text = raw.decode("utf-8", "replace").rstrip("\r\n")
            if not text.strip() or text.startswith(NOT_DATA):
                continue
            cells = text.split("\t") if "\t" in text else text.split()
            start = _start(cells, file, number)
            strand = cells[_STRAND].strip() if len(cells) > _STRAND else ""
            if strand not in STRANDS:
                raise DataError(f"the strand is + or -, not '{strand}'", file=file, line=number)
            kind = types.find(cells[_NAME].strip() if len(cells) > _NAME else "")
            if kind is None:
                unknown += 1
                continue
            strandless += strand in (".", "")
            sequence = ids.setdefault(bed_name(cells[0]), len(ids))
            rows.extend((sequence, start, STRANDS[strand], kind))
    if not rows:
        raise DataError(types.nothing(unknown), file=file)
    columns = np.frombuffer(rows, dtype=np.int64).reshape(-1, 4)
    each, index = np.unique(columns, axis=0, return_index=True)
    sequence, position, reverse, kind_of = columns[np.sort(index)].T
    return KnownSites(
        tuple(ids),
        sequence,
        position,
        reverse.astype(bool),
        kind_of,
        repeated=len(columns) - len(each),
        strandless=strandless,
        unknown=unknown,
    )


class _Types:
    """Finds the type that a name tells; remembers one that told none."""

    def __init__(self, modifications: Sequence[Modification], only: Modification | None) -> None:
        self.all = tuple(modifications)
        self.only = None if only is None else self.all.index(only)
        self.known: dict[str, int | None] = {}
        self.example = ""

    def find(self, name: str) -> int | None:
        if name not in self.known:
            self.known[name] = self._type(name)
        kind = self.known[name]
        if kind is None:
            self.example = self.example or name
            return self.only
        return kind if self.only in (None, kind) else None

    def _type(self, name: str) -> int | None:
        if not name or name.isdigit():  # a number is no name here, though one on the command line
            return None
        try:
            return self.all.index(modification(name, self.all))
        except UsageError:
            return None

    def nothing(self, left_out: int) -> str:
        """Say why there are no sites."""
        if not left_out:
            return "holds no sites"
        if self.only is not None:
            return f"holds no sites of {self.all[self.only].symbol}"
        if self.example in ("", "."):
            return "does not tell the types of its sites: name one with --modification"
        told = f"names in column 4, such as '{self.example}', are no types of modification"
        return f"{told}: name one with --modification"


def _start(cells: Sequence[str], file: str, line: int) -> int:
    """Give the position of a site, which is one nt wide."""
    if len(cells) < 3:
        words = f"a line of BED has 3 columns or more, this one has {len(cells)}"
        raise DataError(words, file=file, line=line)
    try:
        start, stop = int(cells[1]), int(cells[2])
    except ValueError:
        words = f"'{cells[1]}' and '{cells[2]}' are no start and end"
        raise DataError(words, file=file, line=line) from None
    if not 0 <= start < STRIDE:
        raise DataError(f"the start is {start}", file=file, line=line)
    if stop - start != 1:
        words = f"a known site is one nt wide, this one {stop - start}"
        raise DataError(words, file=file, line=line)
    return start


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
    modification_index : np.ndarray, shape (N,), int64
        Which of the modifications.
    tier : np.ndarray, shape (N,), int64
        0 for no call, 1 ``low``, 2 ``medium``, 3 ``high``; always 1 in a file without tiers.
    """

    names: tuple[str, ...]
    sequence: np.ndarray
    position: np.ndarray
    reverse: np.ndarray
    modification_index: np.ndarray
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


NAME = "scanned.bed"


@dataclass(frozen=True, eq=False)
class Scanned:
    """Stretches that were scanned.

    Attributes
    ----------
    names : dict of str to int
        The sequences, numbered.
    starts : np.ndarray, shape (N,), int64
        Where a stretch begins, rising; each sequence and strand is a group of its own.
    stops : np.ndarray, shape (N,), int64
        How far the stretches reach that begin there or before.
    facts : Facts
        From the head of the file.
    """

    names: dict[str, int]
    starts: np.ndarray
    stops: np.ndarray
    facts: Facts

    def holds(self, known: KnownSites) -> np.ndarray:
        """Tell which known sites, shape (N,), lie in what was scanned."""
        number = np.array([self.names.get(name, -1) for name in known.names], dtype=np.int64)
        sequence = number[known.sequence]
        place = (2 * sequence + known.reverse) * STRIDE + known.position
        before = np.searchsorted(self.starts, place, side="right")
        reached = np.concatenate([[0], self.stops])[before]
        return (sequence >= 0) & (reached > place)


def read_scanned(path: str | PathLike[str]) -> Scanned:
    """Read which stretches were scanned, as `vqrna predict --regions` reads them.

    A line without a strand holds both, and of twelve columns the blocks count.

    Raises
    ------
    DataError
        If the file is missing, or a line is no stretch.
    """
    names: dict[str, int] = {}
    facts: Facts = {}
    starts: list[int] = []
    stops: list[int] = []
    with lines_of(path) as lines:
        for line in lines:
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            if text.startswith(NOT_DATA) or not text.strip():
                facts.update(fact_of(text))
                continue
            fields = fields_of(line)
            start, stop = interval_of(fields)
            if stop >= STRIDE:
                raise LineError(f"end {stop} is beyond any sequence's")
            strand, blocks = strand_of(fields), blocks_of(fields, start, stop)
            name = bed_name(fields[0].decode("utf-8", "replace"))
            number = names.setdefault(name, len(names))
            for reverse in (0, 1) if not strand else (int(strand < 0),):
                group = (2 * number + reverse) * STRIDE
                starts += (group + block[0] for block in blocks)
                stops += (group + block[1] for block in blocks)
    first = np.array(starts, dtype=np.int64)
    order = np.argsort(first, kind="stable")
    reach = np.maximum.accumulate(np.array(stops, dtype=np.int64)[order]) if starts else first
    return Scanned(names, first[order], reach, facts)
