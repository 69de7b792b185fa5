"""Columns of numbers and names to lines of text, many at a time."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from vqrna.sites import DECIMALS, DIGITS

NOTHING = "."
"""What stands for no call and no flags, so that no cell is ever empty."""

NAN = "nan"
"""What stands for a number that is not known."""

_ODD = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff#\"]")
_ODD_OR_SPACE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff#\"\s]")
_TRACK = re.compile(r"(?i)\A(?=track|browser|chrom$)")


def table_name(name: str) -> str:
    """Make a name safe for tables: what would break a line or a cell, ``#`` and ``"`` become _."""
    return _ODD.sub("_", name) or NOTHING


def bed_name(name: str) -> str:
    """Make a name safe for BED and its relatives: white space, ``#`` and ``"`` become _.

    Names that begin like a ``track`` or ``browser`` line get a _ before them.
    """
    return _TRACK.sub("_", _ODD_OR_SPACE.sub("_", name), count=1) if name else NOTHING


def names(values: np.ndarray, bed: bool = False) -> pa.Array:
    """Write names, made safe for tables or for BED.

    Parameters
    ----------
    values : np.ndarray, shape (N,), object
        Of str; None and nan stand for nothing.
    bed : bool
    """
    safe = bed_name if bed else table_name
    codes, unique = pd.factorize(values)
    return words([*map(safe, map(str, unique.tolist())), NOTHING], codes)


def words(choices: Sequence[str], codes: np.ndarray) -> pa.Array:
    """Write words out of a few; code -1 is the last.

    Parameters
    ----------
    choices : sequence of str
    codes : np.ndarray, shape (N,), int
    """
    codes = np.asarray(codes, dtype=np.int64)
    codes = np.where(codes < 0, len(choices) - 1, codes)
    return pa.array(choices, pa.string()).take(pa.array(codes))


def integers(values: np.ndarray) -> pa.Array:
    """Write whole numbers, shape (N,)."""
    return pa.array(np.asarray(values, dtype=np.int64)).cast(pa.string())


def decimals(values: np.ndarray) -> pa.Array:
    """Write numbers with `DECIMALS` decimals; nan is `NAN`.

    Parameters
    ----------
    values : np.ndarray, shape (N,), float
        Not negative, below 10 to the 12.
    """
    values = np.asarray(values, dtype=np.float64)
    known = ~np.isnan(values)
    scaled = np.rint(np.where(known, values, 0.0) * 10**DECIMALS).astype(np.int64)
    whole, part = np.divmod(scaled, 10**DECIMALS)
    padded = pc.utf8_lpad(integers(part), DECIMALS, "0")
    text = pc.binary_join_element_wise(integers(whole), padded, ".")
    return text if known.all() else pc.if_else(pa.array(known), text, NAN)


def digits(values: np.ndarray) -> pa.Array:
    """Write numbers with `DIGITS` significant digits, shape (N,), float; nan is `NAN`."""
    codes, unique = pd.factorize(np.asarray(values, dtype=np.float64))
    form = f"%.{DIGITS}g"
    return words([*(form % value for value in unique.tolist()), NAN], codes)


def anything(name: str, values: np.ndarray) -> pa.Array:
    """Write a further column by its kind of values.

    Parameters
    ----------
    name : str
        Of the column: fractions are written as scores are if ``score`` is in it.
    values : np.ndarray, shape (N,)
        Names, whole numbers, fractions or truth values.
    """
    kind = values.dtype.kind
    if kind == "b":
        return words(("false", "true"), values)
    if kind in "iu":
        return integers(values)
    if kind == "f":
        return decimals(values) if "score" in name else digits(values)
    return names(values)


def lines(columns: Sequence[pa.Array]) -> memoryview:
    """Join columns to tab-separated lines in UTF-8, with line ends.

    Parameters
    ----------
    columns : sequence of pyarrow.Array
        Of strings, equally long, without nulls.
    """
    rows = pc.binary_join_element_wise(*columns, "\t")
    ended = pc.binary_join_element_wise(rows, "", "\n")
    if not len(ended):
        return memoryview(b"")
    _, offsets, data = ended.buffers()
    end = np.frombuffer(offsets, dtype=np.int32, count=ended.offset + len(ended) + 1)
    return memoryview(data)[int(end[ended.offset]) : int(end[-1])]
