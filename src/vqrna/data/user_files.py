"""Read windows of the user: a FASTA file of positives and one of negatives, or a table."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from typing import Any

import numpy as np

from vqrna.data.fasta import FastaRecord, read_fasta
from vqrna.data.text_files import open_text
from vqrna.data.windows import (
    NEGATIVE,
    POSITIVE,
    RANDOM,
    SET_NAME,
    Windows,
    WindowSet,
    merge,
    stack,
)
from vqrna.errors import DataError, UsageError
from vqrna.modifications import MOST_MODIFICATIONS, SYMBOL, Modification
from vqrna.modifications import modification as known_modification
from vqrna.sequence import AMBIGUOUS, centre, decode, encode

AGREEMENT = 0.99
"""Share of the positives with the same central base, from which on it is the type's base."""

_SET = re.compile(SET_NAME)
_LABELS = {
    **dict.fromkeys(("1", "1.0", "true", "yes", "pos", "positive", "modified"), POSITIVE),
    **dict.fromkeys(("0", "0.0", "false", "no", "neg", "negative", "unmodified"), NEGATIVE),
}
_NEEDED = ("sequence", "modification", "label")


def own_modification(symbol: str, positives: np.ndarray) -> Modification:
    """Return a user-defined type, made from its modified sites.

    Raises UsageError if the symbol is invalid.

    Parameters
    ----------
    symbol : str
        A letter, then letters, digits and ``. + ' - _``; it is used in file names.
    positives : np.ndarray, shape (N, L), uint8
        Windows around modified sites.

    Returns
    -------
    Modification
        Its context is the central base of at least 99 % of the positives, or ``N``.
    """
    if not re.fullmatch(SYMBOL, symbol):
        raise UsageError(
            f"'{symbol}' cannot name a modification "
            "(expected a letter, then letters, digits or . + ' - _)"
        )
    bases = positives[:, centre(positives.shape[1])]
    counts = np.bincount(bases, minlength=AMBIGUOUS + 1)[:AMBIGUOUS]
    best = int(counts.argmax())
    agreed = len(bases) > 0 and counts[best] >= AGREEMENT * len(bases)
    context = decode(np.array([best], dtype=np.uint8)) if agreed else "N"
    return Modification(symbol=symbol, name=symbol, context=context)


def load_windows_fasta(
    positives: str | PathLike[str], negatives: str | PathLike[str], modification: Modification | str
) -> Windows:
    """Read windows of one type: a FASTA file of modified sites and one of unmodified sites.

    Raises DataError if a file cannot be read, or a window has an even length.

    Parameters
    ----------
    positives, negatives : path-like
        FASTA files of windows with the site in the centre.
    modification : Modification or str
        A known type, or the symbol of a user-defined one.
    """
    return merge(fasta_sets(positives, negatives, modification))


def fasta_sets(
    positives: str | PathLike[str], negatives: str | PathLike[str], modification: Modification | str
) -> list[WindowSet]:
    """Read windows as :func:`load_windows_fasta`, without merging them."""
    modified, unmodified = list(read_fasta(positives)), list(read_fasta(negatives))
    m = _type_of(modification, modified) if isinstance(modification, str) else modification
    return [
        WindowSet(stack(records), tuple(r.header for r in records), m, label)
        for label, records in ((NEGATIVE, unmodified), (POSITIVE, modified))
    ]


def load_table(path: str | PathLike[str]) -> Windows:
    """Read windows from a table with the columns ``sequence``, ``modification`` and ``label``.

    The table has a header and tabs or commas; it may be gzipped. ``label`` is 1 or 0 (or
    ``positive``, ``true`` and similar words). Two more columns are optional: ``name``, and
    ``negatives``, the name of the set of a row with label 0.

    Raises DataError: with file and line, if a column or value is missing or invalid.
    """
    return merge(table_sets(path))


def table_sets(path: str | PathLike[str]) -> list[WindowSet]:
    """Read a table as :func:`load_table`, without merging windows."""
    groups: dict[tuple[str, int, str], list[FastaRecord]] = {}
    for symbol, label, negatives, record in _rows(path):
        groups.setdefault((symbol, label, negatives), []).append(record)
    types: dict[str, Modification] = {}
    for symbol in dict.fromkeys(symbol for symbol, _, _ in groups):
        try:
            types[symbol] = _type_of(symbol, groups.get((symbol, POSITIVE, RANDOM), []))
        except UsageError as error:
            line = min(rows[0].line or 0 for key, rows in groups.items() if key[0] == symbol)
            raise DataError(str(error), file=path, line=line) from None
    return [
        WindowSet(stack(rows), tuple(r.name for r in rows), types[symbol], label, negatives)
        for (symbol, label, negatives), rows in groups.items()
    ]


def _type_of(symbol: str, positives: list[FastaRecord]) -> Modification:
    try:
        return known_modification(symbol)
    except UsageError:
        return own_modification(symbol, stack(positives))


def _rows(path: str | PathLike[str]) -> Iterator[tuple[str, int, str, FastaRecord]]:
    """Yield modification, label, set of negatives and window of each row."""
    file = str(path)
    with open_text(path) as raw, _decoded(raw) as text:
        header = text.readline()
        delimiter = "\t" if "\t" in header else ","
        try:
            cells = next(csv.reader([header], delimiter=delimiter))
        except (csv.Error, StopIteration) as error:
            raise DataError(f"the header cannot be read ({error})", file=file, line=1) from None
        columns = [name.strip().lower() for name in cells]
        missing = [name for name in _NEEDED if name not in columns]
        if missing:
            message = f"the table has no column '{missing[0]}' (needed: {', '.join(_NEEDED)})"
            raise DataError(message, file=file, line=1)
        used = (*_NEEDED, "name", "negatives")
        repeated = [name for name in used if columns.count(name) > 1]
        if repeated:
            message = f"the table has several columns '{repeated[0]}'"
            raise DataError(message, file=file, line=1)
        counts: Counter[str] = Counter()
        reader = csv.reader(text, delimiter=delimiter)
        for line, cells in _complete_rows(reader, file):
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(columns):
                message = f"the row has {len(cells)} cells, the header {len(columns)}"
                raise DataError(message, file=file, line=line)
            row = dict(zip(columns, (cell.strip() for cell in cells), strict=True))
            label = _LABELS.get(row["label"].lower())
            if label is None:
                raise DataError(
                    f"invalid label '{row['label']}' (expected 1 or 0)", file=file, line=line
                )
            if not row["modification"]:
                raise DataError("the modification is empty", file=file, line=line)
            try:
                tokens = encode(row["sequence"])
            except DataError as error:
                raise DataError(str(error), file=file, line=line) from None
            negatives = row.get("negatives") or RANDOM if label == NEGATIVE else RANDOM
            if not _SET.fullmatch(negatives):
                message = (
                    f"'{negatives}' cannot name a set of negatives "
                    "(expected a letter or _, then letters, digits, _ or .)"
                )
                raise DataError(message, file=file, line=line)
            counts[row["modification"]] += 1
            if len(counts) > MOST_MODIFICATIONS:
                message = f"more than {MOST_MODIFICATIONS} modifications: is the column right?"
                raise DataError(message, file=file, line=line)
            name = row.get("name") or f"{row['modification']}_{counts[row['modification']]}"
            record = FastaRecord(name, "", tokens, line, file)
            yield row["modification"], label, negatives, record
    if not counts:
        raise DataError("the table has no rows", file=file)


@contextmanager
def _decoded(raw: io.BufferedReader) -> Iterator[io.TextIOWrapper]:
    text = io.TextIOWrapper(raw, "utf-8-sig", "replace", newline="")
    try:
        yield text
    finally:
        text.detach()  # closing it would close the standard input of the process


def _complete_rows(reader: Any, file: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows below the header with their lines; a row must be on one line."""
    while True:
        line = reader.line_num + 2
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise DataError(f"the row cannot be read ({error})", file=file, line=line) from None
        if cells is None:
            return
        if reader.line_num + 1 > line:
            raise DataError("a quote is not closed", file=file, line=line)
        yield line, cells
