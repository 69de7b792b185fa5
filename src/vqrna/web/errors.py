"""Errors of requests: an HTTP status and one line for the user."""

from __future__ import annotations

import errno
import sqlite3

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
