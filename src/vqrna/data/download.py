"""Bring one file over HTTP, going on where an earlier attempt stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from requests import Response

ATTEMPTS = 4
"""How often a connection that breaks is tried, each time going on where it stopped."""

PAUSE = 1.0
"""Seconds before the second attempt; doubled before each later one."""

_TIMEOUT = (10, 30)  # seconds to connect, and to wait for the next bytes
_CHUNK = 1 << 13  # what a broken connection loses at most
_BUSY = {408, 425, 429, 500, 502, 503, 504}

Seen = Callable[[int, int | None], object]
"""Is given the bytes that have come and, where the server tells it, how many there are."""


class Missing(Exception):  # noqa: N818 - an answer, not a fault
    """The server has no such file."""


class Refused(Exception):  # noqa: N818
    """The server does not give the file, or gives something else."""


class Unreachable(Exception):  # noqa: N818
    """There is no way to the server, or it breaks again and again."""


def download(url: str, path: Path, seen: Seen) -> None:
    """Bring a FASTA file to `path`; what of it is there already is not brought again.

    A file is continued only if the server says that it is still the same (its ETag or date is
    kept in a file beside it); otherwise it is brought from its beginning.

    Parameters
    ----------
    url : str
    path : pathlib.Path
        What has come stays there if the connection breaks, or at Ctrl-C.
    seen : callable
        Is told of the progress.

    Raises
    ------
    Missing, Refused, Unreachable
        See there.
    """
    import requests

    fault = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE * 2 ** (attempt - 1))
        try:
            if _attempt(url, path, seen):
                _mark(path).unlink(missing_ok=True)
                _check(path)
                return
            fault = "the connection broke"
        except requests.exceptions.ConnectionError as error:
            hopeless = _hopeless(error)
            if hopeless:
                raise Unreachable(f"cannot be fetched: {hopeless}") from None
            fault = "the connection broke"
        except requests.exceptions.Timeout:
            fault = "no answer in time"
        except requests.exceptions.ChunkedEncodingError:
            fault = "the connection broke"
        except requests.exceptions.RequestException as error:
            raise Refused(f"the address is impossible ({type(error).__name__})") from None
        except _Busy as error:
            fault = str(error)
    raise Unreachable(f"cannot be fetched: {fault} ({ATTEMPTS} attempts)")


class _Busy(Exception):  # noqa: N818
    """The server asks to come again later."""


def _attempt(url: str, path: Path, seen: Seen) -> bool:
    """Bring what is missing of a file; tell whether it is whole now."""
    import requests

    # As it is stored: of a compressed answer no part could be asked for.
    headers = {"Accept-Encoding": "identity"}
    mark = _mark(path)
    have = path.stat().st_size if path.exists() and mark.exists() else 0
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": mark.read_text(encoding="utf-8")}
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
        if answer.status_code == 416:  # nothing left to ask for, or another file: begin again
            mark.unlink()
            return False
        _check_status(answer)
        resumed = answer.status_code == 206 and answer.headers.get("Content-Range", "").startswith(
            f"bytes {have}-"
        )
        if answer.status_code == 206 and not resumed:
            mark.unlink(missing_ok=True)
            return False
        version = answer.headers.get("ETag", "")
        if not version or version.startswith("W/"):
            version = answer.headers.get("Last-Modified", "")
        if version:
            mark.write_text(version, encoding="utf-8")
        else:
            mark.unlink(missing_ok=True)
        start = have if resumed else 0
        told = answer.headers.get("Content-Length", "")
        total = start + int(told) if told.isdecimal() else None
        size = start
        with path.open("ab" if resumed else "wb") as file:
            for chunk in answer.iter_content(_CHUNK):
                file.write(chunk)
                size += len(chunk)
                seen(size, total)
    return total is None or size == total


def _check_status(answer: Response) -> None:
    """Turn the server's refusals into ours."""
    status = answer.status_code
    if status in (404, 410):
        raise Missing
    if status in _BUSY:
        raise _Busy(f"the server answers {status} {answer.reason}".rstrip())
    if status not in (200, 206):
        raise Refused(f"the server answers {status} {answer.reason}".rstrip())


def _check(path: Path) -> None:
    """Refuse what is no FASTA, such as the page of a network that wants a login first."""
    with path.open("rb") as file:
        start = file.read(64).lstrip()
    if not start.startswith((b">", b";")):
        path.unlink()
        raise Refused("what came is no FASTA file (a network that wants a login first?)")


def _mark(path: Path) -> Path:
    """File that keeps which version of the file on the server a partial one is of."""
    return path.with_name(path.name + ".version")


def _hopeless(error: Exception) -> str:
    """Say in plain words why there is no connection, where another attempt would not help."""
    text = str(error)
    words = {
        "NameResolutionError": "the server's name is not found; is there a network?",
        "Name or service not known": "the server's name is not found; is there a network?",
        "Network is unreachable": "there is no network",
        "Connection refused": "the server refuses the connection",
        "CERTIFICATE_VERIFY_FAILED": "the server's certificate cannot be verified",
        "ProxyError": "the proxy does not let us through",
        "ConnectTimeoutError": "the server does not answer; is there a network?",
    }
    return next((plain for sign, plain in words.items() if sign in text), "")
