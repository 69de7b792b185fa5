"""Bring the public data set from its home: checked, resumable, file by file."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from vqrna.data.benchmark import SPLITS, file_name
from vqrna.data.checksums import SUMS, read_checksums, write_checksums
from vqrna.data.download import Missing, Refused, Unreachable, download
from vqrna.errors import DataError, UsageError
from vqrna.modifications import MODIFICATIONS, Modification
from vqrna.runtime.files import output_directory, write_error
from vqrna.runtime.progress import progress

if TYPE_CHECKING:
    import pandas as pd
    from pooch import Pooch

    from vqrna.runtime.progress import Bar

HOME = "https://raw.githubusercontent.com/1gao2/VQ-RNA/main/data"
"""Where the public data set lives. It states no licence; it is fetched, never passed on."""

_PUBLIC = tuple(m for m in MODIFICATIONS if m.index is not None and m.index <= 10)
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
