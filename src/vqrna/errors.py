"""What can go wrong with a user's input, each as one clear line with its exit code."""

from __future__ import annotations

from os import PathLike


class VqrnaError(Exception):
    """Base of every error that is told to a user as one line.

    Attributes
    ----------
    exit_code : int
        What the command line exits with.
    """

    exit_code = 1


class DataError(VqrnaError):
    """Something in the user's data is wrong (exit 1).

    Parameters
    ----------
    message : str
        What is wrong, without the place.
    file : path-like, optional
        The file it was found in (``-`` stands for standard input).
    record : str, optional
        The name of the FASTA record or table row.
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
    """The command or call itself is wrong: an unknown name, an impossible value (exit 2)."""

    exit_code = 2
