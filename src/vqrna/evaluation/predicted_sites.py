"""The sites in a table that `vqrna predict` wrote, block by block.

TSV, BED and bedRMod (plain or gzipped) and Parquet are read. Facts about the scan, such as the
number of candidates of each type, are in the header of a file or, for a table, in ``run.json``
beside it. Tables of development versions before 1.0 have them in ``#`` lines.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from vqrna.data.text_files import open_text
from vqrna.errors import DataError, UsageError
from vqrna.formats.text import read_bed_name
from vqrna.modifications import MODIFICATIONS, MOST_MODIFICATIONS, Modification, modification
from vqrna.runtime.run_record import record_of_file
from vqrna.runtime.whole_numbers import whole_number
from vqrna.stats.tiers import BY_THRESHOLD, TIERS

Facts = dict[str, str]

STRANDS = {"+": False, "-": True, ".": False, "*": False, "": False}
"""Whether a strand is the reverse one; a missing strand (``*`` in R) counts as the forward one."""

_HEADS = ("track", "browser")
_MARKS = ("#", *_HEADS)

ROWS = 500_000
"""Rows held in memory at once."""

STRIDE = 1 << 34
"""Longer than any sequence: a genome position as one number is group * STRIDE + position."""

_BEDRMOD = "#vqrna_"
_PARQUET = b"PAR1"
_NEEDED = ("sequence", "position", "modification", "call")
_BED = ("sequence", "start", "stop", "modification", "score", "strand", "thick", "thicker", "color")
_BY_TRANSCRIPT = "genome_position"  # a column of that table only
_TEXT = ("sequence", "strand", "modification", "call")
_NOT_CALLED = "."
_REACHED = "reached"  # a tier, in a file that does not say which

LEVELS = (BY_THRESHOLD, *TIERS)
"""Labels of called sites, rising; in a :class:`SiteRows` they are counted from 1."""

_CALLS = {_NOT_CALLED: 0, _REACHED: 1} | {level: i for i, level in enumerate(LEVELS, start=1)}


def has_no_site(line: str) -> bool:
    """Return whether a line of BED is empty, a comment, or for a genome browser."""
    if line.startswith(_MARKS):  # most lines are decided by this
        return line.startswith("#") or line.split(None, 1)[0] in _HEADS
    return not line.strip()


def fact_of(line: str) -> Facts:
    """Return the fact in a ``# name: value`` line, or ``#vqrna_name=value`` of bedRMod; else {}."""
    if line.startswith(_BEDRMOD):
        name, sign, value = line.removeprefix(_BEDRMOD).partition("=")
        name = name.replace("_", " ")
    else:
        name, sign, value = line.removeprefix("# ").partition(":")
    return {name.strip(): value.strip()} if sign and line.startswith("#") else {}


def facts_of_record(record: Mapping[str, Any]) -> Facts:
    """Return the facts in a ``run.json``, as a header holds them; empty if it is not of a scan."""
    settings, calls = record.get("settings"), record.get("calls")
    if not isinstance(settings, dict) or not isinstance(calls, dict):
        return {}
    facts = {name: value for name, value in settings.items() if isinstance(value, str)}
    if isinstance(record.get("model"), str):
        facts["model"] = record["model"]
    counts = {
        symbol: row.get("candidates") for symbol, row in calls.items() if isinstance(row, dict)
    }
    return facts | {"candidates": " ".join(f"{symbol}={n}" for symbol, n in counts.items())}


def candidates_of(facts: Mapping[str, str]) -> dict[str, int] | None:
    """Return the number of candidates of each type; None if the facts do not hold it."""
    candidates = {}
    for word in facts.get("candidates", "").split():
        symbol, _, number = word.replace("=", ":").rpartition(":")  # bedRMod allows one = per line
        count = whole_number(number)
        if count is None:
            return None
        candidates[symbol] = count
    return candidates or None


def all_sites(facts: Mapping[str, str]) -> bool:
    """Return whether every candidate has a row, called or not."""
    return facts.get("reported", "").startswith("all candidate")


def lowest_tier(facts: Mapping[str, str]) -> int | None:
    """Return the index in `LEVELS` of the lowest call; None if the facts do not hold it."""
    words = facts.get("called", "").split()
    if words[:1] in (["score"], ["probability"], ["q-value"]):
        return 0
    return LEVELS.index(words[1]) if len(words) > 1 and words[1] in TIERS else None


def types_of(symbols: Sequence[str], file: str | PathLike[str]) -> tuple[Modification, ...]:
    """Return the known types and, after them, the user-defined types among those of a file.

    Raises DataError if there are more than `MOST_MODIFICATIONS`.
    """
    if len(symbols) > MOST_MODIFICATIONS:
        message = f"lists {len(symbols):,} modifications (expected at most {MOST_MODIFICATIONS})"
        raise DataError(message, file=file)
    own = []
    for symbol in symbols:
        try:
            modification(symbol)
        except UsageError:
            own.append(Modification(symbol, symbol, "N"))
    return MODIFICATIONS + tuple(own)


class SiteRows(NamedTuple):
    """Some rows of a table of sites."""

    names: tuple[str, ...]  # Names of sequences
    sequence: np.ndarray  # (N,), int64: Index into `names`
    position: np.ndarray  # (N,), int64: 0-based
    reverse: np.ndarray  # (N,), bool
    modification_index: np.ndarray  # (N,), int64
    # (N,), int64: 0 not called, else the number in `LEVELS`, from 1; always 1 in a file without
    # tiers
    tier: np.ndarray


@dataclass(frozen=True)
class PredictedSites:
    """A file with the sites of a scan."""

    path: Path
    facts: Facts  # Header of the file
    tiers: bool  # Whether rows have a tier; those of BED and bedRMod have none
    first: int | None = None  # Line of the first site; None in Parquet

    @classmethod
    def open(cls, path: str | PathLike[str]) -> PredictedSites:
        """Read the header of a file.

        Raises DataError if the file is missing, has another format, or is the table by transcript.
        """
        file = Path(path)
        if str(path) == "-" or (file.exists() and not (file.is_file() or file.is_dir())):
            raise DataError("is read twice: use a regular file, not a pipe", file=path)
        if _is_parquet(file):
            metadata = _parquet(file).schema_arrow.metadata or {}
            facts = {
                k.decode("utf-8", "replace"): v.decode("utf-8", "replace")
                for k, v in metadata.items()
            }
            return cls(file, facts, tiers=True)
        head, columns, first = _text_header(file)
        if _BY_TRANSCRIPT in columns:
            message = "is the table by transcript: use the main table, such as sites.tsv"
            raise DataError(message, file=path)
        facts = {name: value for line in head for name, value in fact_of(line).items()}
        facts = facts or facts_of_record(record_of_file(file))
        return cls(file, facts, tiers="call" in columns, first=first)

    def blocks(self, modifications: Sequence[Modification]) -> Iterator[SiteRows]:
        """Read the sites, `ROWS` at a time.

        Raises DataError if a row is invalid, or has another type.

        Parameters
        ----------
        modifications : sequence of Modification
            Types that rows can have.
        """
        tables = _parquet_tables if _is_parquet(self.path) else _text_tables
        for table in tables(self.path):
            yield self._block(table, modifications)

    def _block(self, table: pd.DataFrame, modifications: Sequence[Modification]) -> SiteRows:
        def modification_index(name: str) -> int:
            return modifications.index(modification(name, tuple(modifications)))

        # In all formats, so that a name with % is the one of a BED file of known sites
        names = tuple(read_bed_name(str(name)) for name in table["sequence"].cat.categories)
        return SiteRows(
            names,
            table["sequence"].cat.codes.to_numpy(np.int64),
            table["position"].to_numpy(np.int64),
            self._numbers(table, "strand", STRANDS.__getitem__).astype(bool),
            self._numbers(table, "modification", modification_index),
            self._numbers(table, "call", _CALLS.__getitem__),
        )

    def _numbers(
        self, table: pd.DataFrame, column: str, number: Callable[[str], int]
    ) -> np.ndarray:
        """Convert a column of words to numbers, each different word once."""
        codes = table[column].cat.codes.to_numpy()
        numbers = np.zeros(len(table[column].cat.categories), dtype=np.int64)
        for code, word in enumerate(table[column].cat.categories):
            try:
                numbers[code] = number(str(word))
            except (KeyError, UsageError) as error:
                message = (
                    str(error) if isinstance(error, UsageError) else f"invalid {column} {error}"
                )
                rows = table.index[codes == code]
                line = self.first + int(rows[0]) if self.first and len(rows) else None
                raise DataError(message, file=self.path, line=line) from None
        return numbers[codes] if len(table) else numbers[:0]


def _is_parquet(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_PARQUET)) == _PARQUET


@contextmanager
def _parquet_errors(path: Path) -> Iterator[None]:
    """Raise DataError for what pyarrow and pandas raise on damaged files."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, LookupError, TypeError):
        raise DataError("is damaged, or not a Parquet table of sites", file=path) from None


def _parquet(path: Path) -> Any:
    from pyarrow.parquet import ParquetFile

    with _parquet_errors(path):
        file = ParquetFile(path)
        names = file.schema_arrow.names
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise DataError(f"has no column '{missing[0]}'", file=path)
    return file


def _parquet_tables(path: Path) -> Iterator[pd.DataFrame]:
    file = _parquet(path)
    columns = [name for name in (*_NEEDED, "strand") if name in file.schema_arrow.names]
    batches = file.iter_batches(batch_size=ROWS, columns=columns)
    while True:
        with _parquet_errors(path):
            batch = next(batches, None)
            if batch is None:
                return
            table = batch.to_pandas(ignore_metadata=True)  # pandas' own may be damaged
            if table["position"].dtype.kind not in "iu":
                raise TypeError("positions must be whole numbers")
            table = _normalised(table, "position")
        _check_positions(table, path)
        yield table


def _text_header(path: Path) -> tuple[list[str], tuple[str, ...], int]:
    """Return the lines of the header, the columns, and the line of the first site."""
    head: list[str] = []
    line = b""
    with open_text(path) as stream:
        for line in stream:
            text = line.decode("utf-8", "replace")
            if not has_no_site(text):
                break
            head.append(text.strip())
            line = b""
        cells = _cells(line)
        if cells[0] == _NEEDED[0]:
            missing = [name for name in _NEEDED if name not in cells]
            if missing:
                raise DataError(f"has no column '{missing[0]}'", file=path)
            if len(_cells(stream.readline())) > len(cells):
                raise DataError("the rows have more cells than the header", file=path)
            return head, tuple(cells), len(head) + 2
        if line and (len(cells) < len(_BED) or None in map(whole_number, cells[1:3])):
            message = "is not a table of sites (TSV, Parquet, BED with nine columns, bedRMod)"
            raise DataError(message, file=path)
    more = (f"column {number}" for number in range(len(_BED) + 1, len(cells) + 1))
    return head, (*_BED, *more), len(head) + 1


def _cells(line: bytes) -> list[str]:
    return line.decode("utf-8", "replace").rstrip("\r\n").split("\t")


def _text_tables(path: Path) -> Iterator[pd.DataFrame]:
    _, columns, first = _text_header(path)
    with open_text(path) as stream:
        for _ in range(first - 1):
            stream.readline()
        position = "position" if "position" in columns else "start"
        words = [name for name in _TEXT if name in columns]
        try:
            tables = pd.read_csv(
                stream,
                sep="\t",
                names=list(columns),
                usecols=[position, *words],
                dtype={position: "str"} | dict.fromkeys(words, "category"),
                na_filter=False,
                quoting=csv.QUOTE_MINIMAL if "call" in columns else csv.QUOTE_NONE,
                chunksize=ROWS,
                skip_blank_lines=False,  # the index of a row gives its line
                encoding_errors="replace",
            )
            for rows in tables:
                table = _without_blank_lines(rows, position, words)
                table = table.assign(**{position: _positions(table[position], path, first)})
                table = _normalised(table, position)
                _check_positions(table, path, first)
                yield table
        except pd.errors.EmptyDataError:
            return  # a scan without sites
        except (pd.errors.ParserError, ValueError) as error:
            raise _damaged(str(error), path, first) from None


def _without_blank_lines(rows: pd.DataFrame, position: str, words: Sequence[str]) -> pd.DataFrame:
    blank = (rows["sequence"] == "") & (rows[position] == "")
    if not blank.any():
        return rows
    rows = rows[~blank]
    return rows.assign(**{name: rows[name].cat.remove_unused_categories() for name in words})


def _positions(column: pd.Series, path: Path, first: int) -> np.ndarray:
    """Return positions as numbers; raises DataError for text that is not a whole number.

    Parameters
    ----------
    first : int
        Line of the first site.
    """
    words = column.tolist()
    joined = "".join(words)
    plain = joined.isascii() and joined.isdigit() and all(words) and max(map(len, words)) <= 15
    if words and not plain:
        for row, word in zip(column.index, words, strict=True):
            if whole_number(word) is None:
                message = f"invalid position '{word[:40]}' (expected a whole number)"
                raise DataError(message, file=path, line=first + int(row))
    return np.array(words, dtype=np.int64)


def _damaged(words: str, path: Path, first: int) -> DataError:
    """Return pandas' error on the rows, which it counts from the first one, as our own."""
    quote = re.search(r"EOF inside string starting at row (\d+)", words)
    if quote:
        message = "a quoted name has no end"
        return DataError(message, file=path, line=first + int(quote[1]))
    return DataError("is not a complete table of sites", file=path)


def _check_positions(table: pd.DataFrame, path: Path, first: int | None = None) -> None:
    """Raise DataError for a position before the first base, or beyond any sequence."""
    wrong = ((table["position"] < 0) | (table["position"] >= STRIDE)).to_numpy()
    if wrong.any():
        row = int(np.argmax(wrong))
        name = str(table["sequence"].iloc[row])[:100]
        where = (
            "before the first base" if table["position"].iloc[row] < 0 else "beyond any sequence"
        )
        line = None if first is None else first + int(table.index[row])
        raise DataError(f"has a position {where}", file=path, record=name, line=line)


def _normalised(table: pd.DataFrame, position: str) -> pd.DataFrame:
    """Return the same columns for every format, with 0-based positions."""
    if position == "position":
        table = table.assign(position=table["position"] - 1)
    else:
        table = table.assign(position=table["start"], call=_REACHED)
    if "strand" not in table:
        table = table.assign(strand="+")  # the strand that was scanned
    for name in ("sequence", "strand", "modification", "call"):
        column = table[name]
        if column.dtype != "category" or column.isna().any():
            table[name] = column.astype(object).fillna(_NOT_CALLED).astype("category")
    return table
