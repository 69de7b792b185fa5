"""Errors of requests: an HTTP status and one line for the user."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from vqrna.config import plain_reason
from vqrna.errors import VqrnaError


class RequestError(VqrnaError):
    """A request cannot be served.

    Parameters
    ----------
    status : int
        HTTP status.
    message : str
        What is wrong and what to do.
    retry_after : int, optional
        Seconds after which another attempt may succeed.
    """

    def __init__(self, status: int, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


def is_disk_full(error: BaseException | None) -> bool:
    """Return whether an error, or what caused it, is a full disk or a used-up quota."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if isinstance(error, sqlite3.OperationalError) and "full" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


_EXPECTED = {
    "float": "a number such as 0.05",
    "int": "a whole number",
    "bool": "true or false",
    "string": "text",
    "list": "a list",
    "dict": "an object",
}
_FIELDS = {
    "top": "number of top sites",
    "min_probability": "probability",
    "fdr": "false discovery rate",
}
"""Names of fields in messages where they are not those of the request."""
_SHOWN = 40


def validation_message(errors: Sequence[Mapping[str, Any]], skip: int = 0) -> str:
    """Return the first of the errors of pydantic in one line.

    Parameters
    ----------
    errors : sequence of mapping
        As ``ValidationError.errors()`` returns them.
    skip : int
        Parts of the place that users do not know, such as ``body``.
    """
    first = errors[0]
    place = ".".join(str(part) for part in first["loc"][skip:])
    kind, message = str(first["type"]), plain_reason(first)
    if kind == "extra_forbidden":
        return f"unknown field '{place[:100]}'"
    if kind == "missing" and place:
        return f"missing field '{place}'"
    if kind == "value_error":
        return message
    if kind == "int_from_float":
        kind = "int_type"
    name, _, failure = kind.partition("_")
    if place and failure in ("parsing", "type") and name in _EXPECTED:
        value = first.get("input")
        shown = f" '{value[:_SHOWN]}'" if isinstance(value, str) else ""
        return f"invalid {_FIELDS.get(place, place)}{shown} (expected {_EXPECTED[name]})"
    return f"{place}: {message}" if place else message
