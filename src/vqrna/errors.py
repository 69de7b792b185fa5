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
    requirement, place = _installed_from(extra)
    return f"install it with pip install {requirement}{place}"


def _installed_from(extra: str) -> tuple[str, str]:
    """Return what pip has to install, quoted, and where: as this package was installed."""
    import json
    import shlex
    from importlib import metadata
    from pathlib import Path
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    clone = f"'.[{extra}]'", " in the folder of the repository"
    try:
        text = metadata.distribution("vqrna").read_text("direct_url.json")
        origin = json.loads(text) if text else {}
        url = str(origin.get("url", ""))
        file = Path(url2pathname(urlsplit(url).path)) if url.startswith("file:") else None
    except (metadata.PackageNotFoundError, OSError, ValueError, AttributeError):
        return clone  # for example run from a folder that is not installed
    if "dir_info" in origin:
        return clone
    if "archive_info" in origin and file is not None and file.is_file():
        return shlex.quote(f"{file}[{extra}]"), ""
    if "archive_info" in origin and file is None:
        return shlex.quote(f"vqrna[{extra}] @ {url}"), ""
    # From an index, or from a file that is gone: pip keeps the vqrna that is installed
    return f"'vqrna[{extra}]'", ""
