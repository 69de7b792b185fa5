"""Sites as tab-separated text."""

from __future__ import annotations

from typing import Any

import pandas as pd

COLUMNS = (
    "sequence",
    "position",
    "base",
    "modification",
    "score",
    "probability",
    "p_value",
    "call",
    "flags",
)
"""Columns of a table of sites; ``position`` is 1-based."""

NOTHING = "."
"""What stands for no call and no flags, so that no column is ever empty."""

_FORMATS = {"score": "{:.6f}", "probability": "{:.4g}", "p_value": "{:.4g}"}


def header() -> str:
    """Give the line of column names."""
    return "\t".join(COLUMNS) + "\n"


def lines(sites: pd.DataFrame) -> str:
    """Write sites as text, a line a row, without the header.

    Parameters
    ----------
    sites : pandas.DataFrame
        With `COLUMNS`.
    """
    if sites.empty:
        return ""
    written = []
    for column in COLUMNS:
        values: list[Any] = sites[column].tolist()
        if column in _FORMATS:
            form = _FORMATS[column].format
            written.append(["nan" if x != x else form(x) for x in values])
        else:
            written.append([str(x) or NOTHING for x in values])
    return "".join("\t".join(row) + "\n" for row in zip(*written, strict=True))
