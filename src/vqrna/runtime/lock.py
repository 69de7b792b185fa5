"""Locks of output folders: two runs never write to one at the same time.

A lock is a hidden file with the process, the machine and the command of its holder, and a lock of
the operating system on it (``flock``), which ends with the process. The file of a killed process
is therefore taken over at once, from other machines, too, where the file system supports it.
Elsewhere the process number decides, and a lock of another machine has to be removed by hand.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from vqrna.errors import DataError
from vqrna.runtime.files import write_error
from vqrna.runtime.processes import is_alive, process_namespace, start_time
from vqrna.runtime.provenance import command_line

try:
    import fcntl
except ImportError:  # not on this system
    fcntl = None  # type: ignore[assignment]

_NAME = ".vqrna-lock"
_ATTEMPTS = 5
_LARGEST = 1 << 16
_UNSUPPORTED = {errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK, errno.EINVAL}


@contextmanager
def folder_lock(folder: Path, share: str | None = None) -> Iterator[None]:
    """Hold the lock of a folder while the body runs.

    Parameters
    ----------
    folder : pathlib.Path
        Must exist.
    share : str, optional
        Part of the folder's work, such as ``2-of-8``. Runs with different shares may work in the
        folder at the same time; one without a share excludes all others.

    Raises
    ------
    DataError
        If another process holds the lock: names process, machine and command. If the lock file
        cannot be written.
    """
    own = folder / (_NAME if share is None else f"{_NAME}-{share}")
    descriptor = _acquire(own)
    try:
        for other in [folder / _NAME] if share is not None else sorted(folder.glob(f"{_NAME}-*")):
            if _is_held(other):
                raise _held(other)
            if share is None:
                other.unlink(missing_ok=True)  # left by a killed process
        yield
    finally:
        with suppress(OSError):
            own.unlink()
        os.close(descriptor)


def _acquire(path: Path) -> int:
    """Lock a file and write the holder into it; return its descriptor."""
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(0.02 * attempt)  # another run may be looking whether it is held
        descriptor = _open(path)
        try:
            locked = _flock(descriptor)
            if locked is None:
                locked = _ended(path)
            # The last holder may have removed the file since it was opened
            if locked and _is_same(descriptor, path):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, _holder())
                return descriptor
        except OSError as error:
            os.close(descriptor)
            raise write_error(error, path.parent) from error
        os.close(descriptor)
    raise _held(path)


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    for _ in range(2):
        try:
            descriptor = os.open(path, flags, 0o666)
        except OSError as error:
            if path.is_symlink():
                path.unlink()
                continue
            raise write_error(error, path.parent) from error
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return descriptor
        os.close(descriptor)
        path.unlink()  # a pipe or device
    raise DataError("cannot write a lock file in this folder", file=path.parent)


def _flock(descriptor: int, shared: bool = False) -> bool | None:
    """Lock a file; return False if another process holds it, None if that cannot be known."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            return None
        raise
    return True


def _is_held(path: Path) -> bool:
    """Return whether another process holds a lock, without taking it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return False
    try:
        locked = _flock(descriptor, shared=True)
        return not (_ended(path) if locked is None else locked)
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _is_same(descriptor: int, path: Path) -> bool:
    with suppress(OSError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False


def _holder() -> bytes:
    holder = {
        "pid": os.getpid(),
        "start": start_time(os.getpid()),
        "host": socket.gethostname(),
        "namespace": process_namespace(),
        "command": command_line(),
    }
    return json.dumps(holder).encode()


def _read(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        if path.is_file():
            with path.open("rb") as file:
                holder = json.loads(file.read(_LARGEST))
            if isinstance(holder, dict) and isinstance(holder.get("pid"), int):
                return holder
    return {}


def _ended(path: Path) -> bool:
    """Return whether the process in a lock file is known to have ended."""
    holder = _read(path)
    if not holder:
        return True  # its writer was killed
    if not _is_here(holder):
        return False
    pid, start = holder["pid"], holder.get("start")
    return not is_alive(pid) or (start is not None and start != start_time(pid))


def _is_here(holder: Mapping[str, Any]) -> bool:
    here = (socket.gethostname(), process_namespace())
    return (holder.get("host"), holder.get("namespace")) == here


def _held(path: Path) -> DataError:
    holder = _read(path)
    who = "another run"
    if holder:
        who = f"process {holder.get('pid')} on {holder.get('host')} ({holder.get('command')})"
    message = f"{who} is writing to this folder: wait for it, or choose another folder"
    if holder and not _is_here(holder):
        message += f"; if it has ended, remove {path.name}"
    return DataError(message, file=path.parent)
