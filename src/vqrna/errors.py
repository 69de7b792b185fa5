"""Errors that are reported to the user as one line, with the exit codes of the commands."""

from __future__ import annotations

from os import PathLike


class VqrnaError(Exception):
    """Base of the errors that are reported as one line."""

    exit_code = 1


class DataError(VqrnaError):
    """The user's data are invalid (exit 1).

    Parameters
    ----------
    message : str
        The error, without its place.
    file : path-like, optional
        File with the error (``-`` is standard input).
    record : str, optional
        Name of the FASTA record or table row.
    line : int, optional
        1-based line in the file.
    """

    exit_code = 1

    def __init__(
        self,
        message: str,
        *,
        file: str | PathLike[str] | None = None,
        record: str | None = None,
        line: int | None = None,
    ) -> None:
        place = []
        if file is not None:
            place.append("standard input" if str(file) == "-" else str(file))
        if record is not None:
            place.append(f"record '{record}'")
        if line is not None:
            place.append(f"line {line}")
        super().__init__(": ".join([", ".join(place), message]) if place else message)


class UsageError(VqrnaError):
    """The command or call is invalid, such as an unknown name or a value out of range (exit 2)."""

    exit_code = 2
