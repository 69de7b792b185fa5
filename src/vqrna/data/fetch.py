"""Bring the public data set from its home: checked, resumable, file by file.

Checksums of files, as `sha256sum` writes and reads them.

Bring one file over HTTP, going on where an earlier attempt stopped.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from vqrna.data.benchmark import SPLITS, file_name
from vqrna.data.text_files import open_text
from vqrna.errors import DataError, UsageError
from vqrna.modifications import MODIFICATIONS, Modification
from vqrna.runtime.files import output_directory, write_error, write_text
from vqrna.runtime.progress import progress

if TYPE_CHECKING:
    import pandas as pd
    from pooch import Pooch
    from requests import Response

    from vqrna.runtime.progress import Bar


SUMS = "SHA256SUMS"
"""File beside the data with the checksum of each file."""

_LINE = re.compile(r"(?P<sum>[0-9a-fA-F]{64}) [ *](?P<name>.+)")


def read_checksums(path: str | PathLike[str]) -> dict[str, str]:
    """Read checksums: a line for each file, 64 hexadecimal digits, two blanks and its name.

    Returns
    -------
    dict of str to str
        From the file's name (``train/1-0.fasta``) to its SHA-256.

    Raises
    ------
    DataError
        With file and line, if a line is not like that.
    """
    sums = {}
    with open_text(path) as lines:
        for number, raw in enumerate(lines, 1):
            line = raw.decode("utf-8", "replace").strip()
            if not line or line.startswith("#"):
                continue
            match = _LINE.fullmatch(line)
            if match is None:
                message = "no line of sha256sum: 64 hexadecimal digits, two blanks, a file's name"
                raise DataError(message, file=path, line=number)
            sums[str(PurePosixPath(match["name"]))] = match["sum"].lower()
    return sums


def write_checksums(path: str | PathLike[str], sums: Mapping[str, str]) -> None:
    """Write checksums so that ``sha256sum -c`` understands them.

    Raises
    ------
    DataError
        If the file cannot be written.
    """
    write_text(path, "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())))


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


HOME = "https://raw.githubusercontent.com/1gao2/VQ-RNA/main/data"
"""Where the public data set lives. It states no licence; it is fetched, never passed on."""

_PUBLIC = tuple(m for m in MODIFICATIONS if m.index in range(1, 11))  # HOME has no others
_PARTIAL = ".partial"


@dataclass(frozen=True, eq=False)
class FetchReport:
    """What was brought.

    Parameters
    ----------
    directory : pathlib.Path
    files : pandas.DataFrame
        A row for each file: ``file, status, bytes, sha256, detail``. The status is ``fetched``,
        ``present`` (it was there, whole), ``missing`` (the server has none) or ``failed``
        (`detail` says why; an older file stays as it was).
    """

    directory: Path
    files: pd.DataFrame

    def with_status(self, status: str) -> pd.DataFrame:
        """Return the files of one status."""
        return self.files[self.files["status"] == status]


def fetch_data(
    directory: str | PathLike[str],
    *,
    base: str = HOME,
    modifications: Sequence[Modification] | None = None,
    splits: Sequence[str] = SPLITS,
    checksums: str | PathLike[str] | None = None,
    show_progress: bool = True,
) -> FetchReport:
    """Fetch the public data set in the benchmark layout.

    A file that is there and whole is not fetched again; one that was cut short is continued where
    it stopped, if the server can do that. The SHA-256 of what came is written to
    ``DIR/SHA256SUMS``; a later run checks against it, so that a file that changed, here or on
    the server, is told.

    Parameters
    ----------
    directory : path-like
        Where to put it; made if it is not there.
    base : str
        Address of the folder that holds ``train``, ``valid`` and ``test``.
    modifications : sequence of Modification, optional
        The ten types of the public data set if not given.
    splits : sequence of str
        Some of ``train``, ``valid``, ``test``.
    checksums : path-like, optional
        What to check the files against: lines of ``sha256sum``. Goes before ``DIR/SHA256SUMS``.
    show_progress : bool
        Whether to show a bar.

    Raises
    ------
    DataError
        If the server cannot be reached (what came so far stays, and the next run goes on there),
        it has none of the files, or `directory` cannot be written.
    UsageError
        If the address or a split is impossible.
    """
    import pandas as pd
    import pooch

    unknown = [split for split in splits if split not in SPLITS]
    if unknown:
        raise UsageError(f"unknown split '{unknown[0]}' (known: {', '.join(SPLITS)})")
    if not base.startswith(("http://", "https://")):
        raise UsageError(f"'{base}' is no address: it must begin with http:// or https://")
    wanted = {} if checksums is None else read_checksums(checksums)
    folder = output_directory(directory)
    sums = read_checksums(folder / SUMS) if (folder / SUMS).exists() else {}
    names = [
        f"{split}/{file_name(m, label)}"
        for split in splits
        for m in (_PUBLIC if modifications is None else modifications)
        for label in (0, 1)
    ]
    known = {name: wanted.get(name) or sums.get(name) for name in names}
    store = pooch.create(path=folder, base_url=base.rstrip("/") + "/", registry=known)
    rows = []
    with _quiet_pooch(), progress(len(names), "fetching", unit="files", show=show_progress) as bar:
        for name in names:
            bar.note(name)
            row = _fetch_one(store, name, bar)
            rows.append(row)
            if row["sha256"] and sums.get(name) != row["sha256"]:
                sums[name] = str(row["sha256"])
                write_checksums(folder / SUMS, sums)  # each time: a kill loses no finished work
            bar.advance()
    report = FetchReport(folder, pd.DataFrame(rows))
    if set(report.files["status"]) == {"missing"}:
        raise DataError(f"has none of the files asked for, such as {names[0]}", file=base)
    return report


def _fetch_one(store: Pooch, name: str, bar: Bar) -> dict[str, object]:
    """Make sure that one file is there and whole."""
    import pooch

    folder = Path(store.path)
    path = folder / name
    before = path.stat().st_mtime_ns if path.exists() else None
    partial = folder / _PARTIAL / name.replace("/", "_")
    row: dict[str, object] = {"file": name, "status": "", "bytes": 0, "sha256": "", "detail": ""}

    def bring(url: str, target: str, _: object) -> None:
        partial.parent.mkdir(exist_ok=True)
        download(url, partial, lambda n, of: bar.note(f"{name} {_megabytes(n, of)}"))
        partial.replace(target)  # pooch compares the checksum, then puts it into its place

    try:
        store.fetch(name, downloader=bring)
    except Missing:
        return row | {"status": "missing", "detail": "the server has no such file"}
    except Refused as error:
        return row | {"status": "failed", "detail": str(error)}
    except Unreachable as error:
        _remove_empty(path.parent)
        message = f"{error}; the same command goes on where this one stopped"
        raise DataError(message, file=store.get_url(name)) from None
    except ValueError:  # how pooch tells that the checksum is another
        detail = f"what came does not have the checksum {store.registry[name]}"
        return row | {"status": "failed", "detail": detail}
    except OSError as error:
        raise write_error(error, path) from error
    finally:
        _remove_empty(folder / _PARTIAL)
    status = "present" if before == path.stat().st_mtime_ns else "fetched"
    digest = pooch.file_hash(str(path))
    return row | {"status": status, "bytes": path.stat().st_size, "sha256": digest}


def _megabytes(n: int, of: int | None) -> str:
    """Say how much of a file has come."""
    return f"{n / 1e6:.1f}" + (f" of {of / 1e6:.1f}" if of else "") + " MB"


def _remove_empty(folder: Path) -> None:
    """Remove a folder that holds nothing."""
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


@contextmanager
def _quiet_pooch() -> Iterator[None]:
    """Keep pooch from printing a line for each file."""
    import pooch

    logger: logging.Logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
