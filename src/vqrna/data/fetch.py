"""Fetch the public data set: files with SHA-256 checksums, resumed after a broken connection.

pooch compares checksums and puts whole files into their place. The transfer itself is done here,
because pooch's downloader starts from the first byte after each fault, retries what cannot succeed
(a missing file, another checksum), and keeps nothing when it is interrupted. Here, what arrived
stays in ``DIR/.partial`` and is continued if the server confirms (by ETag or date) that its file is
still the same. ``DIR/SHA256SUMS`` holds the checksum of each file, because the server publishes
none: a later run compares with the first download.
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
from vqrna.modifications import MODIFICATIONS, Names, as_modifications
from vqrna.runtime.files import output_directory, write_error, write_text
from vqrna.runtime.progress import progress
from vqrna.runtime.run_record import write_run_record

if TYPE_CHECKING:
    import pandas as pd
    from pooch import Pooch
    from requests import Response

    from vqrna.runtime.progress import Bar

HOME = "https://raw.githubusercontent.com/1gao2/VQ-RNA/main/data"
"""Where the public data set is published. It states no licence; it is fetched, never passed on."""

SUMS = "SHA256SUMS"
"""File beside the data with the checksum of each file, as ``sha256sum`` writes it."""

ATTEMPTS = 4
"""Number of attempts after faults of the connection, each resuming the one before."""

PAUSE = 1.0
"""Seconds before the second attempt; doubled before each later one."""

_PUBLIC = tuple(m for m in MODIFICATIONS if m.index in range(1, 11))  # HOME has no others
_PARTIAL = ".partial"
_LINE = re.compile(r"(?P<sum>[0-9a-fA-F]{64}) [ *](?P<name>.+)")
_TIMEOUT = (10, 30)  # seconds to connect, and to wait for the next bytes
_CHUNK = 1 << 13  # what a broken connection loses at most
_BUSY = {408, 425, 429, 500, 502, 503, 504}
_NO_CONNECTION = {
    "NameResolutionError": "the server's name cannot be resolved; is there a network?",
    "Name or service not known": "the server's name cannot be resolved; is there a network?",
    "Network is unreachable": "the network is unreachable",
    "Connection refused": "the server refuses the connection",
    "CERTIFICATE_VERIFY_FAILED": "the server's certificate cannot be verified",
    "ProxyError": "the proxy refuses the connection",
    "ConnectTimeoutError": "the server does not answer; is there a network?",
}
"""Faults that another attempt would not mend, by a part of the text of requests' error."""


@dataclass(frozen=True, eq=False)
class FetchReport:
    """The outcome of :func:`fetch_data`."""

    directory: Path
    # A row for each file: ``file, status, bytes, sha256, detail``. The status is ``fetched``,
    # ``present`` (already there with the right checksum), ``missing`` (not on the server) or
    # ``failed`` (`detail` has the reason; an older file stays as it was).
    files: pd.DataFrame

    def with_status(self, status: str) -> pd.DataFrame:
        """Return the files of one status."""
        return self.files[self.files["status"] == status]


def fetch_data(
    directory: str | PathLike[str],
    *,
    base: str = HOME,
    modifications: Names | None = None,
    splits: Sequence[str] = SPLITS,
    checksums: str | PathLike[str] | None = None,
    show_progress: bool = True,
) -> FetchReport:
    """Fetch the public data set in the benchmark layout.

    Files that are already there with the right checksum are skipped, partial ones are continued.
    The SHA-256 of each file is written to ``DIR/SHA256SUMS``; a later run compares with it, so
    that a file that changed, here or on the server, is reported.

    Raises DataError if the server cannot be reached (a later run resumes), it has none of the
    files, or `directory` cannot be written. Raises UsageError if the address or a split is invalid.

    Parameters
    ----------
    directory : path-like
        Target folder; created if missing.
    base : str
        Address of the folder that holds ``train``, ``valid`` and ``test``.
    modifications : str, Modification, or sequence of these, optional
        The ten types of the public data set by default.
    splits : sequence of str
        Some of ``train``, ``valid``, ``test``.
    checksums : path-like, optional
        Expected checksums, as lines of ``sha256sum``; they override ``DIR/SHA256SUMS``.
    """
    import pandas as pd
    import pooch

    unknown = [split for split in splits if split not in SPLITS]
    if unknown:
        raise UsageError(f"unknown split '{unknown[0]}' (known: {', '.join(SPLITS)})")
    if not base.startswith(("http://", "https://")):
        raise UsageError(f"'{base}' is not an address (expected http://... or https://...)")
    wanted = {} if checksums is None else read_checksums(checksums)
    folder = output_directory(directory)
    sums = read_checksums(folder / SUMS) if (folder / SUMS).exists() else {}
    names = [
        f"{split}/{file_name(m, label)}"
        for split in splits
        for m in (_PUBLIC if modifications is None else as_modifications(modifications))
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
        raise DataError(f"has none of the requested files, such as {names[0]}", file=base)
    states = report.files["status"]
    write_run_record(
        folder,
        "data fetch",
        [*report.files["file"][states.isin(["fetched", "present"])], SUMS],
        settings={"base": base, "splits": list(splits)},
        results={"states": {str(name): int(n) for name, n in states.value_counts().items()}},
    )
    return report


def read_checksums(path: str | PathLike[str]) -> dict[str, str]:
    """Read checksums as ``sha256sum`` writes them.

    Raises DataError: with file and line, if a line is invalid.

    Returns
    -------
    dict of str to str
        From the file's name (``train/1-0.fasta``) to its SHA-256.
    """
    sums = {}
    with open_text(path) as lines:
        for number, raw in enumerate(lines, 1):
            line = raw.decode("utf-8", "replace").strip()
            if not line or line.startswith("#"):
                continue
            match = _LINE.fullmatch(line)
            if match is None:
                message = "invalid checksum (expected 64 hexadecimal digits, two blanks, file name)"
                raise DataError(message, file=path, line=number)
            sums[str(PurePosixPath(match["name"]))] = match["sum"].lower()
    return sums


def write_checksums(path: str | PathLike[str], sums: Mapping[str, str]) -> None:
    """Write checksums for ``sha256sum -c``; DataError if the file cannot be written."""
    write_text(path, "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())))


class MissingError(Exception):
    """The server has no such file."""


class RefusedError(Exception):
    """The server refuses the file, or sends something else."""


class UnreachableError(Exception):
    """The server cannot be reached, or the connection breaks again and again."""


class _BusyError(Exception):
    """The server asks to come again later."""


def download(url: str, path: Path, seen: Callable[[int, int | None], object]) -> None:
    """Download a FASTA file, continuing what is already at `path`.

    Raises MissingError, RefusedError, UnreachableError.

    Parameters
    ----------
    path : pathlib.Path
        Keeps what arrived if the connection breaks, or at Ctrl-C. A file beside it keeps the
        version (ETag or date) that the server reported.
    seen : callable
        Is called with the bytes so far and their total, if the server sends it.
    """
    from requests import exceptions

    fault = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE * 2 ** (attempt - 1))
        fault = "the connection broke"
        try:
            if _attempt(url, path, seen):
                _version_file(path).unlink(missing_ok=True)
                _check_fasta(path)
                return
        except exceptions.ConnectionError as error:
            for sign, words in _NO_CONNECTION.items():
                if sign in str(error):
                    raise UnreachableError(f"cannot be fetched: {words}") from None
        except exceptions.Timeout:
            fault = "the server did not answer in time"
        except exceptions.ChunkedEncodingError:
            pass
        except exceptions.RequestException as error:
            raise RefusedError(f"the address is invalid ({type(error).__name__})") from None
        except _BusyError as error:
            fault = str(error)
    raise UnreachableError(f"cannot be fetched: {fault} ({ATTEMPTS} attempts)")


def _attempt(url: str, path: Path, seen: Callable[[int, int | None], object]) -> bool:
    """Download the missing part of a file; return whether it is complete now."""
    import requests

    # Uncompressed: a part of a compressed answer cannot be requested.
    headers = {"Accept-Encoding": "identity"}
    version_file = _version_file(path)
    have = path.stat().st_size if path.exists() and version_file.exists() else 0
    if have:
        version = version_file.read_text(encoding="utf-8")
        headers |= {"Range": f"bytes={have}-", "If-Range": version}
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
        _check_status(answer)
        status, part = answer.status_code, answer.headers.get("Content-Range", "")
        resumed = status == 206 and part.startswith(f"bytes {have}-")
        if status == 416 or (status == 206 and not resumed):
            version_file.unlink(missing_ok=True)  # complete, or another file: start again
            return False
        version = answer.headers.get("ETag", "")
        if not version or version.startswith("W/"):
            version = answer.headers.get("Last-Modified", "")
        if version:
            version_file.write_text(version, encoding="utf-8")
        else:
            version_file.unlink(missing_ok=True)
        size = have if resumed else 0
        length = answer.headers.get("Content-Length", "")
        total = size + int(length) if length.isdecimal() else None
        with path.open("ab" if resumed else "wb") as file:
            for chunk in answer.iter_content(_CHUNK):
                file.write(chunk)
                size += len(chunk)
                seen(size, total)
    return total is None or size == total


def _check_status(answer: Response) -> None:
    status = answer.status_code
    words = f"the server answers {status} {answer.reason}".rstrip()
    if status in (404, 410):
        raise MissingError
    if status in _BUSY:
        raise _BusyError(words)
    if status not in (200, 206, 416):
        raise RefusedError(words)


def _check_fasta(path: Path) -> None:
    """Reject other content, such as the login page of a network."""
    with path.open("rb") as file:
        start = file.read(64).lstrip()
    if not start.startswith((b">", b";")):
        path.unlink()
        raise RefusedError("the answer is not FASTA (does this network need a login?)")


def _version_file(path: Path) -> Path:
    return path.with_name(path.name + ".version")


def _fetch_one(store: Pooch, name: str, bar: Bar) -> dict[str, object]:
    """Make sure that one file is complete; return its row of the report."""
    import pooch

    folder = Path(store.path)
    path = folder / name
    before = path.stat().st_mtime_ns if path.exists() else None
    partial = folder / _PARTIAL / name.replace("/", "_")
    row: dict[str, object] = {"file": name, "status": "", "bytes": 0, "sha256": "", "detail": ""}

    def note(size: int, total: int | None) -> None:
        bar.note(f"{name} {size / 1e6:.1f}" + (f" of {total / 1e6:.1f}" if total else "") + " MB")

    def to_target(url: str, target: str, _: object) -> None:
        partial.parent.mkdir(exist_ok=True)
        download(url, partial, note)
        partial.replace(target)  # pooch compares the checksum, then puts it into its place

    try:
        store.fetch(name, downloader=to_target)
    except MissingError:
        return row | {"status": "missing", "detail": "the server has no such file"}
    except RefusedError as error:
        return row | {"status": "failed", "detail": str(error)}
    except UnreachableError as error:
        _remove_empty(path.parent)
        message = f"{error}; run the same command again to resume"
        raise DataError(message, file=store.get_url(name)) from None
    except ValueError:  # pooch: another checksum
        detail = f"the file on the server does not have the checksum {store.registry[name]}"
        return row | {"status": "failed", "detail": detail}
    except OSError as error:
        raise write_error(error, path) from error
    finally:
        _remove_empty(folder / _PARTIAL)
    status = "present" if before == path.stat().st_mtime_ns else "fetched"
    digest = pooch.file_hash(str(path))
    return row | {"status": status, "bytes": path.stat().st_size, "sha256": digest}


def _remove_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


@contextmanager
def _quiet_pooch() -> Iterator[None]:
    """Keep pooch from logging a line for each file."""
    import pooch

    logger: logging.Logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
