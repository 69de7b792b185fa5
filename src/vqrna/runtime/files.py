"""Files that are whole or not there: safe writing, with one clear line when it fails.

Several files that appear together, whole, or not at all.
"""

from __future__ import annotations

import errno
import os
import shutil
import socket
import stat
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from vqrna.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


_MARK = ".part-"

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

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path to write to, which takes the place of `path` when all went well.

    The temporary file lies in the same folder and ends like `path`, so that writers which go by
    the ending (``.gz``, ``.png``) do the right thing. On any error, Ctrl-C included, it is
    removed and an older file at `path` stays as it was. What a killed process (SIGKILL) left is
    removed by the next writer of the same file. Devices and pipes are written in place.

    Parameters
    ----------
    path : path-like
        The file to write; its folder must exist.

    Yields
    ------
    pathlib.Path
        Where to write. The body must create the file and close it.

    Raises
    ------
    DataError
        If `path` cannot be written: a folder, no permission, a full disk.
    """
    final = Path(os.path.realpath(path))  # write what a link points to; keep the link
    if not _replaceable(final, path):
        with _errors_told(path, final):
            yield final
        return
    prefix = f"{_MARK}{socket.gethostname()}-"
    temporary = final.with_name(f"{prefix}{os.getpid()}-{final.name[-120:]}")
    _sweep(final, prefix)
    try:
        with _errors_told(path, temporary):
            yield temporary
            _settle(temporary, final)
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a whole text file (UTF-8, Unix line ends), or none.

    Raises
    ------
    DataError
        As :func:`atomic_path`.
    """
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="\n") as file,
    ):
        file.write(text)


def write_table(
    path: str | os.PathLike[str],
    table: pd.DataFrame,
    head: Sequence[str] = (),
    *,
    separator: str = "\t",
    digits: int = 5,
) -> None:
    """Write a table whole or not at all, below lines that tell where it comes from.

    Parameters
    ----------
    path : path-like
    table : pandas.DataFrame
        Without its index.
    head : sequence of str
        Lines at the head, such as :func:`vqrna.runtime.provenance.header_lines` gives.
    separator : str
    digits : int
        Significant digits of numbers.

    Raises
    ------
    DataError
        As :func:`atomic_path`.
    """
    rows = table.to_csv(
        sep=separator, index=False, lineterminator="\n", float_format=f"%.{digits}g"
    )
    write_text(path, "\n".join([*head, rows]))


def write_arrays(path: str | os.PathLike[str], **arrays: np.ndarray | np.generic) -> None:
    """Write arrays as ``.npz`` that is loaded without pickle, whole or not at all.

    The same arrays give the same bytes.

    Raises
    ------
    DataError
        As :func:`atomic_path`.
    """
    import numpy

    with atomic_path(path) as temporary, temporary.open("wb") as file:
        numpy.savez_compressed(file, allow_pickle=False, **arrays)


def output_directory(path: str | os.PathLike[str]) -> Path:
    """Make sure that a folder for results is there and can be written to.

    Raises
    ------
    DataError
        If it is a file, cannot be made, or cannot be written to.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        words = "is a file, but a folder is wanted for the results"
        raise DataError(words, file=folder) from error
    except OSError as error:
        raise write_error(error, folder) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DataError(_REASONS[errno.EACCES], file=folder)
    return folder


@contextmanager
def results_directory(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Make sure of a folder for results as :func:`output_directory`; undo that on any error.

    Folders that were made for it are removed again if the body fails and has left nothing there.

    Raises
    ------
    DataError
        If it is a file, cannot be made, or cannot be written to.
    """
    made = [place for place in (Path(path), *Path(path).parents) if not place.exists()]
    try:
        yield output_directory(path)
    except BaseException:
        for place in made:
            with suppress(OSError):  # something lies there, and stays
                place.rmdir()
        raise


def write_error(error: OSError, path: str | os.PathLike[str]) -> DataError:
    """Turn the system's error about writing `path` into one clear line."""
    reason = _REASONS.get(error.errno or 0, f"cannot write: {error.strerror or error}")
    return DataError(reason, file=path)


@contextmanager
def _errors_told(path: str | os.PathLike[str], temporary: Path) -> Iterator[None]:
    """Tell errors about writing `temporary` as errors of `path`; let all others through."""
    try:
        yield
    except OSError as error:
        ours = error.filename is None or Path(os.fsdecode(error.filename)) == temporary
        if error.errno in _FULL or (ours and error.errno in _REASONS):
            raise write_error(error, path) from error
        raise
    except DataError:
        raise
    except Exception as error:
        # Compiled writers (safetensors, torch) wrap the system's error in their own.
        if "No space left" in str(error):
            raise DataError(_REASONS[errno.ENOSPC], file=path) from error
        raise


def _replaceable(final: Path, path: str | os.PathLike[str]) -> bool:
    """Refuse what cannot become a file, before any work is done; False for devices and pipes."""
    try:
        mode = final.stat().st_mode
    except FileNotFoundError:
        if not final.parent.is_dir():
            raise DataError(_REASONS[errno.ENOENT], file=path) from None
        mode = None
    except OSError as error:
        raise write_error(error, path) from error
    if mode is not None and stat.S_ISDIR(mode):
        raise DataError(_REASONS[errno.EISDIR], file=path)
    if mode is not None and not os.access(final, os.W_OK):
        raise DataError("cannot write: the file is write-protected", file=path)
    if mode is not None and not stat.S_ISREG(mode):
        return False
    if not os.access(final.parent, os.W_OK | os.X_OK):
        raise DataError(_REASONS[errno.EACCES], file=path)
    return True


def _settle(temporary: Path, final: Path) -> None:
    """Push the bytes to the disk and give the file its name."""
    with temporary.open("rb") as file:
        os.fsync(file.fileno())  # some disks tell only here that they are full
    if final.exists():
        shutil.copymode(final, temporary)
    temporary.replace(final)


def _sweep(final: Path, prefix: str) -> None:
    """Remove what writers of the same file left that were killed on this machine."""
    with suppress(OSError):
        for left in final.parent.glob(f"{_MARK}*"):
            owner, _, name = left.name.removeprefix(prefix).partition("-")
            if name == final.name[-120:] and owner.isdigit() and not _alive(int(owner)):
                left.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


_T = TypeVar("_T")

_PROBE = 1 << 16


class Output:
    """The files that are being written to a folder; see :func:`together`.

    Attributes
    ----------
    folder : pathlib.Path
    paths : list of pathlib.Path
        Files that will be there, in the order they were asked for.
    notes : list of str
        One line each on what could not be done, for the user.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.paths: list[Path] = []
        self.notes: list[str] = []
        self._stack = stack
        self._temporary: list[Path] = []
        self._gone: list[Path] = []

    def path(self, name: str) -> Path:
        """Give the temporary path of a new file, which must be there and closed at the end."""
        final = self.folder / name
        temporary = self._stack.enter_context(atomic_path(final))
        self.paths.append(final)
        self._temporary.append(temporary)
        return temporary

    def enter(self, context: AbstractContextManager[_T]) -> _T:
        """Close something when all is done or has failed, before its file gets its name."""
        return self._stack.enter_context(context)

    def open(self, name: str) -> BinaryIO:
        """Open a new file, which is closed at the end."""
        return self.enter(self.path(name).open("wb", buffering=1 << 20))

    def remove(self, name: str) -> None:
        """Let an older file of this name go when the new ones appear: it would not fit to them."""
        self._gone.append(self.folder / name)

    def settle(self) -> None:
        """Push all files to the disk: some disks tell only here that they are full."""
        for final, temporary in zip(self.paths, self._temporary, strict=True):
            with writing(final), temporary.open("rb") as file:
                os.fsync(file.fileno())

    def sweep(self) -> None:
        """Remove the older files that were named for it."""
        for path in self._gone:
            if path not in self.paths:
                with suppress(OSError):
                    path.unlink()


@contextmanager
def together(folder: Path) -> Iterator[Output]:
    """Write several files that take their names at the end, all of them or none.

    On any error the temporary files are removed, and older files are as they were.

    Parameters
    ----------
    folder : pathlib.Path
        Must exist.

    Raises
    ------
    DataError
        If a file cannot be written.
    """
    with ExitStack() as stack:
        output = Output(folder, stack)
        yield output
        output.settle()
        with _undone_on_error(output.paths):
            stack.close()  # here files take their names
    output.sweep()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Tell the system's errors about writing `path` as one clear line.

    Raises
    ------
    DataError
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:  # pysam keeps the reason to itself: ask the disk
            probe(path)
        raise write_error(error, path) from error


def probe(path: Path) -> None:
    """Write a little beside `path`, so that the disk tells what is wrong with it."""
    probe = path.with_name(f".part-probe-{os.getpid()}")
    try:
        with probe.open("wb") as file:
            file.write(bytes(_PROBE))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise write_error(error, path) from error
    finally:
        with suppress(OSError):
            probe.unlink()


@contextmanager
def _undone_on_error(paths: Sequence[Path]) -> Iterator[None]:
    """Bring back what was at `paths` if the body fails when it has replaced some of them."""
    older: list[tuple[Path, Path | None, int]] = []
    try:
        for number, path in enumerate(paths):
            final = Path(os.path.realpath(path))
            kept = final.with_name(f".part-older-{os.getpid()}-{number}")
            with suppress(OSError):
                kept.unlink()
            inode = final.stat().st_ino if final.exists() else 0
            try:
                os.link(final, kept)
                older.append((final, kept, inode))
            except OSError:  # nothing there, or a file system without links
                older.append((final, None, inode))
        yield
    except BaseException:
        for final, link, inode in older:
            replaced = final.exists() and final.stat().st_ino != inode
            with suppress(OSError):
                if replaced and link is not None:
                    link.replace(final)
                elif replaced and not inode:
                    final.unlink()
        raise
    finally:
        for _, link, _ in older:
            if link is not None:
                with suppress(OSError):
                    link.unlink()
