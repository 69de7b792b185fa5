"""Convert columns of numbers and names to lines of text, many at a time.

Names stay as they are where a format can hold them. Elsewhere a character is written as in GFF3
and in web addresses (``%20`` for a blank), so that different names stay different.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from vqrna.sites import DECIMALS, DIGITS

EMPTY = "."
"""Written where a site has no call, no warnings or no name, so that no cell is empty."""

NAN = "nan"
"""Written for unknown numbers."""

_IN_TABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_IN_BED = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff#\"\s]|\A(?i:t(?=rack)|b(?=rowser)|c(?=hrom\Z))")


def table_name(name: str) -> str:
    """Escape what a cell of a table cannot hold: control characters, such as tab and line end."""
    return _escape(name, _IN_TABLE) or EMPTY


def table_cell(name: str) -> str:
    """Return :func:`table_name` as a cell; with ``"`` in it, quoted as in CSV (RFC 4180)."""
    cell = table_name(name)
    return '"' + cell.replace('"', '""') + '"' if '"' in cell else cell


def bed_name(name: str) -> str:
    """Escape what BED and similar formats cannot hold: white space, control characters, # and ".

    Also the first letter of names that begin like a ``track`` or ``browser`` line.
    """
    return _escape(name, _IN_BED) or EMPTY


def read_bed_name(name: str) -> str:
    """Return the name that :func:`bed_name` wrote."""
    return unquote(name) if "%" in name else name


def _escape(name: str, forbidden: re.Pattern[str]) -> str:
    """Escape the forbidden characters and, in names with one of them, each ``%``."""
    if not forbidden.search(name):
        return name
    return re.sub(f"{forbidden.pattern}|%", _escaped, name)


def _escaped(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogatepass"))


def names(values: np.ndarray, bed: bool = False) -> pa.Array:
    """Convert names with :func:`table_cell` or, for BED, :func:`bed_name`.

    Parameters
    ----------
    values : np.ndarray, shape (N,), object
        Strings; None and nan become `EMPTY`.
    """
    safe = bed_name if bed else table_cell
    codes, unique = pd.factorize(values)
    return choices([*map(safe, map(str, unique.tolist())), EMPTY], codes)


def choices(words: Sequence[str], codes: np.ndarray) -> pa.Array:
    """Return the word of each code; negative codes select the last one.

    Parameters
    ----------
    codes : np.ndarray, shape (N,), int
    """
    codes = np.asarray(codes, dtype=np.int64)
    codes = np.where(codes < 0, len(words) - 1, codes)
    return pa.array(words, pa.string()).take(pa.array(codes))


def integers(values: np.ndarray) -> pa.Array:
    """Convert whole numbers; shape (N,)."""
    return pa.array(np.asarray(values, dtype=np.int64)).cast(pa.string())


def decimals(values: np.ndarray) -> pa.Array:
    """Convert numbers to `DECIMALS` decimals; nan becomes `NAN`.

    Parameters
    ----------
    values : np.ndarray, shape (N,), float
        Their absolute values are below 10 to the power of 12.
    """
    values = np.asarray(values, dtype=np.float64)
    known = ~np.isnan(values)
    scaled = np.rint(np.where(known, values, 0.0) * 10**DECIMALS).astype(np.int64)
    whole, part = np.divmod(np.abs(scaled), 10**DECIMALS)
    padded = pc.utf8_lpad(integers(part), DECIMALS, "0")
    text = pc.binary_join_element_wise(integers(whole), padded, ".")
    negative = scaled < 0
    if negative.any():
        text = pc.binary_join_element_wise(choices(["-", ""], np.where(negative, 0, 1)), text, "")
    return text if known.all() else pc.if_else(pa.array(known), text, NAN)


def significant(values: np.ndarray) -> pa.Array:
    """Convert numbers, shape (N,), to `DIGITS` significant digits; nan becomes `NAN`."""
    codes, unique = pd.factorize(np.asarray(values, dtype=np.float64))
    form = f"%.{DIGITS}g"
    return choices([*(form % value for value in unique.tolist()), NAN], codes)


def plain_column(values: np.ndarray | pd.api.extensions.ExtensionArray) -> pa.Array:
    """Convert a column by its type, numbers as Python writes them; unknown ones become `NAN`.

    Parameters
    ----------
    values : array, shape (N,)
        Names, whole numbers, whole numbers of which some are missing, or fractions.
    """
    if isinstance(values, pd.arrays.IntegerArray):
        known = ~np.asarray(values.isna())
        text = integers(values.to_numpy(dtype=np.int64, na_value=0))
        return text if known.all() else pc.if_else(pa.array(known), text, NAN)
    values = np.asarray(values)
    if values.dtype.kind in "iu":
        return integers(values)
    if values.dtype.kind == "f":
        codes, unique = pd.factorize(values)
        return choices([*map(repr, unique.tolist()), NAN], codes)
    return names(values)


def extra_column(name: str, values: np.ndarray) -> pa.Array:
    """Convert a further column by its type.

    Parameters
    ----------
    name : str
        Column name; fractions are written as scores are if ``score`` is in it.
    values : np.ndarray, shape (N,)
        Names, whole numbers, fractions or booleans.
    """
    kind = values.dtype.kind
    if kind == "b":
        return choices(("false", "true"), values)
    if kind in "iu":
        return integers(values)
    if kind == "f":
        return decimals(values) if "score" in name else significant(values)
    return names(values)


def lines(columns: Sequence[pa.Array]) -> memoryview:
    """Join columns to tab-separated lines in UTF-8, with line ends.

    Parameters
    ----------
    columns : sequence of pyarrow.Array
        Strings without nulls, equally many in each column.
    """
    rows = pc.binary_join_element_wise(*columns, "\t")
    ended = pc.binary_join_element_wise(rows, "", "\n")
    if not len(ended):
        return memoryview(b"")
    _, offsets, data = ended.buffers()
    end = np.frombuffer(offsets, dtype=np.int32, count=ended.offset + len(ended) + 1)
    return memoryview(data)[int(end[ended.offset]) : int(end[-1])]
