"""Errors that are reported to the user as one line, with the exit codes of the commands."""

from __future__ import annotations

from os import PathLike

_LONGEST = 1500  # messages that list all settings have some 1,000 characters
_SHOWN_ENDS = 700


class VqrnaError(Exception):
    """Base of the errors that are reported as one line.

    Messages quote files of the user: characters that are not printable are escaped, and a long
    message is cut in its middle.
    """

    exit_code = 1

    def __init__(self, message: object = "") -> None:
        super().__init__(_one_line(str(message)))


def _one_line(message: str) -> str:
    if len(message) > _LONGEST:
        message = f"{message[:_SHOWN_ENDS]} ... {message[-_SHOWN_ENDS:]}"
    if message.isprintable():
        return message
    lines = " ".join(message.splitlines())
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in lines)


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


def missing_extra(extra: str) -> str:
    """Return how to install an optional part of vqrna, to follow what needs it.

    Parameters
    ----------
    extra : str
        Name of the extra in ``pyproject.toml``.
    """
    return f"install it with pip install '.[{extra}]' in the folder of the repository"
