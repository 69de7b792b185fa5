"""Facts about other processes of this machine."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def is_alive(pid: int) -> bool:
    """Return whether a process of this number exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def start_time(pid: int) -> str | None:
    """Return the start time of a process in clock ticks, on systems with /proc."""
    with suppress(OSError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return fields.rpartition(")")[2].split()[19]
    return None


def process_identity(pid: int) -> str:
    """Return number and start time of a process: the number alone may be used again."""
    return f"{pid} {start_time(pid) or ''}".rstrip()


def process_namespace() -> int:
    """Return a number that differs between containers, whose process numbers may coincide."""
    with suppress(OSError):
        return Path("/proc/self/ns/pid").stat().st_ino
    return 0
