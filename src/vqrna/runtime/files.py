"""Write files that appear whole or not at all, with a one-line error when writing fails.

New files are written to a hidden folder beside their destination (``.part-...``), pushed to the
disk, and renamed into place at the end. Where several files belong together
(:func:`output_files`), the files that they replace are moved into the hidden folder first, and
moved back if a rename fails. Only renames are needed, so this works without hard links, too. A
process that is killed between two renames leaves whole files, some old and some new; one older
file may then still be in the hidden folder. The next writer in the same destination folder moves
it back before it removes what killed writers left.
"""

from __future__ import annotations

import atexit
import errno
import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from vqrna.errors import DataError
from vqrna.runtime.inputs import refuse_input
from vqrna.runtime.processes import is_alive, process_namespace

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_T = TypeVar("_T")

_OLDER = ".older"
_written_to: set[Path] = set()  # folders in which this process had hidden folders
_PROBE_SIZE = 1 << 16

_REASONS = {
    errno.ENOSPC: "cannot write: the disk is full",
    errno.EDQUOT: "cannot write: the disk quota is used up",
    errno.EFBIG: "cannot write: the file would be larger than the system allows",
    errno.EIO: "cannot write: the disk reports an input/output error",
    errno.EACCES: "cannot write: no permission",
    errno.EPERM: "cannot write: no permission",
    errno.EROFS: "cannot write: the disk is read-only",
    errno.EISDIR: "cannot write: is a folder, not a file",
    errno.ENOTDIR: "cannot write: a part of the path is a file, not a folder",
    errno.ENOENT: "cannot write: the folder does not exist",
    errno.ENAMETOOLONG: "cannot write: the name is too long",
}

_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path to write to; it is renamed to `path` if the body succeeds.

    The temporary file has the same name, in a hidden folder beside `path`, so that writers that
    choose a format by the file name work. On any error, Ctrl-C included, it is removed and an
    older file at `path` stays as it was. Devices and pipes are written in place. A symbolic link
    is kept: the file that it points to is replaced.

    Raises DataError if `path` cannot be written: a folder, no permission, a full disk; UsageError
    if it is an input of the running command.

    Parameters
    ----------
    path : path-like
        The file to write; its folder must exist.

    Yields
    ------
    pathlib.Path
        Where to write. The body must create the file and close it.
    """
    final = _destination(path)
    refuse_input(final)
    if not _is_replaceable(final, path):
        with _translate_errors(path, final):
            yield final
        return
    with temporary_folder(final.parent, path) as folder, _translate_errors(path, folder):
        temporary = folder / final.name
        yield temporary
        _flush(temporary)
        _rename(temporary, final)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file (UTF-8, Unix line ends) as :func:`atomic_path` does."""
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="\n") as file,
    ):
        file.write(text)


def write_table(
    path: str | os.PathLike[str],
    table: pd.DataFrame,
    *,
    separator: str = "\t",
    digits: int = 5,
    missing: str = "",
) -> None:
    """Write a table, first the names of its columns, as :func:`atomic_path` does.

    Parameters
    ----------
    table : pandas.DataFrame
        Without its index.
    digits : int
        Significant digits of numbers.
    missing : str
        Written for missing values.
    """
    rows = table.to_csv(
        sep=separator, index=False, lineterminator="\n", float_format=f"%.{digits}g", na_rep=missing
    )
    write_text(path, rows)


def write_arrays(path: str | os.PathLike[str], **arrays: np.ndarray | np.generic) -> None:
    """Write arrays as ``.npz`` without pickle, as :func:`atomic_path` does.

    The same arrays produce the same bytes.
    """
    import numpy

    with atomic_path(path) as temporary, temporary.open("wb") as file:
        numpy.savez_compressed(file, allow_pickle=False, **arrays)


def output_directory(path: str | os.PathLike[str]) -> Path:
    """Create a folder for results, with its parents, and check that it is writable.

    Raises DataError if it is a file, cannot be created, or cannot be written to.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise DataError("is a file, but results need a folder", file=folder) from error
    except OSError as error:
        raise write_error(error, folder) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DataError(_REASONS[errno.EACCES], file=folder)
    return folder


@contextmanager
def results_directory(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Create a folder as :func:`output_directory`; if the body fails, remove it if it is empty."""
    created = [folder for folder in (Path(path), *Path(path).parents) if not folder.exists()]
    try:
        yield output_directory(path)
    except BaseException:
        for folder in created:
            with suppress(OSError):  # not empty
                folder.rmdir()
        raise


class OutputFiles:
    """Files that are renamed into a folder together; see :func:`output_files`.

    Attributes
    ----------
    folder : pathlib.Path
    paths : list of pathlib.Path
        Final paths, in the order in which :meth:`path` and :meth:`open` were called.
    notes : list of str
        One line for the user on each thing that could not be done.
    """

    def __init__(self, folder: Path, temporary: Path, files: ExitStack, links: ExitStack) -> None:
        self.folder = folder
        self.paths: list[Path] = []
        self.notes: list[str] = []
        self._temporary = temporary
        self._files = files
        self._links = links
        self._renames: list[tuple[Path, Path]] = []
        self._outdated: list[Path] = []

    def path(self, name: str) -> Path:
        """Return the temporary path of a new file, which the caller must create and close.

        Raises DataError if a file of this name cannot be written to the folder, UsageError if it
        is an input of the running command.
        """
        path = self.folder / name
        refuse_input(path)
        final = _destination(path)
        if not _is_replaceable(final, path) or final.parent != self._temporary.parent:
            # A device, or a link to another folder, which may be on another disk.
            temporary = self._links.enter_context(atomic_path(path))
        else:
            temporary = self._temporary / name
            self._renames.append((temporary, final))
        self.paths.append(path)
        return temporary

    def picture(self, stem: str) -> Path:
        """Return the temporary path of a picture, which is written as PNG and SVG."""
        picture = self.path(f"{stem}.png")
        self.path(f"{stem}.svg")
        return picture

    def enter(self, context: AbstractContextManager[_T]) -> _T:
        """Enter a context that is left before the files are renamed, or on failure."""
        return self._files.enter_context(context)

    def open(self, name: str) -> BinaryIO:
        """Open a new file for writing; it is closed automatically."""
        return self.enter(self.path(name).open("wb", buffering=1 << 20))

    def remove(self, name: str) -> None:
        """Delete an outdated file of this name, unless it is replaced, after the renames."""
        refuse_input(self.folder / name)
        self._outdated.append(self.folder / name)

    def _commit(self) -> None:
        for temporary, _ in self._renames:
            _flush(temporary)
        older = self._temporary / _OLDER
        older.mkdir()
        try:
            for temporary, final in self._renames:
                _rename(temporary, final, older)
        except BaseException:
            for temporary, final in self._renames:
                with suppress(OSError):
                    if (older / final.name).exists():
                        (older / final.name).replace(final)
                    elif not temporary.exists():
                        final.unlink()
            raise
        for path in self._outdated:
            if path not in self.paths:
                with suppress(OSError):
                    path.unlink()


@contextmanager
def output_files(folder: Path) -> Iterator[OutputFiles]:
    """Write several files that are renamed into `folder` together if the body succeeds.

    On any error no new file appears, and older files stay as they were.

    Raises DataError if a file cannot be written.

    Parameters
    ----------
    folder : pathlib.Path
        Must exist.
    """
    with (
        temporary_folder(Path(os.path.realpath(folder)), folder) as temporary,
        _translate_errors(folder, temporary),
        ExitStack() as links,
        ExitStack() as files,
    ):
        output = OutputFiles(folder, temporary, files, links)
        yield output
        files.close()
        output._commit()


def write_error(error: OSError, path: str | os.PathLike[str]) -> DataError:
    """Return the system's error about writing `path` as a one-line error."""
    reason = _REASONS.get(error.errno or 0, f"cannot write: {error.strerror or error}")
    return DataError(reason, file=path)


def probe(folder: Path) -> None:
    """Write a little to a folder; raises DataError if the disk is full or failing."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_PROBE_SIZE))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise write_error(error, folder) from error


def probe_file(path: str | os.PathLike[str]) -> None:
    """Check that a file can be written, before long work for it.

    Raises DataError if its folder is missing, full or read-only, or a folder has its name.
    """
    final = _destination(path)
    if _is_replaceable(final, path):
        probe(final.parent)


@contextmanager
def _translate_errors(path: str | os.PathLike[str], temporary: Path) -> Iterator[None]:
    """Raise errors about `temporary`, or files in it, as errors of `path`; pass others on."""
    try:
        yield
    except OSError as error:
        failed = None if error.filename is None else Path(os.fsdecode(error.filename))
        own = failed is None or failed == temporary or temporary in failed.parents
        if error.errno in _DISK_ERRORS or (own and error.errno in _REASONS):
            raise write_error(error, path) from error
        raise
    except DataError as error:
        if str(temporary) in str(error):  # a writer that was given the temporary path
            raise DataError(str(error).replace(str(temporary), os.fspath(path))) from error
        raise
    except Exception as error:
        # Compiled writers (safetensors, torch) wrap the system's error in their own.
        if "No space left" in str(error):
            raise DataError(_REASONS[errno.ENOSPC], file=path) from error
        raise


def _destination(path: str | os.PathLike[str]) -> Path:
    """Return where to write: the target of a link, but a pipe or device as it is.

    ``/dev/stdout`` and ``/dev/fd/N`` of a pipe resolve to a name that cannot be opened.
    """
    with suppress(OSError):
        mode = Path(path).stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            return Path(path)
    return Path(os.path.realpath(path))


def _is_replaceable(final: Path, path: str | os.PathLike[str]) -> bool:
    """Return False for devices and pipes; raise if `final` cannot become a file."""
    try:
        mode = final.stat().st_mode
    except FileNotFoundError:
        if not final.parent.is_dir():
            raise DataError(_REASONS[errno.ENOENT], file=path) from None
        mode = None
    except OSError as error:
        raise write_error(error, path) from error
    if mode is not None:
        if stat.S_ISDIR(mode):
            raise DataError(_REASONS[errno.EISDIR], file=path)
        if not os.access(final, os.W_OK):
            raise DataError("cannot write: the file is write-protected", file=path)
        if not stat.S_ISREG(mode):
            return False
    if not os.access(final.parent, os.W_OK | os.X_OK):
        raise DataError(_REASONS[errno.EACCES], file=path)
    return True


@contextmanager
def temporary_folder(folder: Path, path: str | os.PathLike[str]) -> Iterator[Path]:
    """Create a hidden folder in `folder` and remove it afterwards, and those of killed writers."""
    prefix = _temporary_prefix()
    with suppress(OSError):
        for left in folder.glob(f"{prefix}*"):
            owner = left.name.removeprefix(prefix).partition("-")[0]
            if owner.isdigit() and not is_alive(int(owner)):
                _remove_temporary(left)
    _written_to.add(folder.resolve())
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}-", dir=folder))
    except OSError as error:
        raise write_error(error, path) from error
    try:
        yield temporary
    finally:
        _remove_temporary(temporary)


def _temporary_prefix() -> str:
    return f".part-{socket.gethostname()}-{process_namespace()}-"


@atexit.register
def _remove_interrupted() -> None:
    """Remove hidden folders of this process.

    There are some only if Ctrl-C came between their creation and the code that removes them, or
    while they were removed.
    """
    for folder in _written_to:
        with suppress(OSError):
            for left in folder.glob(f"{_temporary_prefix()}{os.getpid()}-*"):
                _remove_temporary(left)


def _remove_temporary(temporary: Path) -> None:
    """Remove a hidden folder; move an older file back if its name is not taken."""
    with suppress(OSError):
        for kept in (temporary / _OLDER).glob("*"):
            final = temporary.parent / kept.name
            if not final.exists():
                kept.rename(final)
        shutil.rmtree(temporary)


def _flush(path: Path) -> None:
    """Push a file to the disk: some report only then that they are full."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _rename(temporary: Path, final: Path, older: Path | None = None) -> None:
    """Rename a file into place; keep the permissions of the older one, or move that to `older`."""
    if final.exists():
        shutil.copymode(final, temporary)
        if older is not None:
            final.rename(older / final.name)
    temporary.replace(final)
