"""Several files that appear together, whole, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

from vqrna.runtime.files import atomic_path, write_error

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
