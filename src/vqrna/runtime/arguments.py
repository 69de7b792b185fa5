"""Check numbers and paths that a Python caller passes."""

from __future__ import annotations

import os
from numbers import Integral, Real

from vqrna.errors import UsageError


def real_number(value: object, name: str) -> float:
    """Return a number, also one of numpy; raises UsageError for anything else."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise UsageError(f"invalid {name} {value!r:.50} (expected a number)")
    return float(value)


def integer(value: object, name: str) -> int:
    """Return a whole number, also one of numpy; raises UsageError for anything else."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise UsageError(f"invalid {name} {value!r:.50} (expected a whole number)")
    return int(value)


def file_path(value: object, name: str) -> str | os.PathLike[str]:
    """Return a path; raises UsageError for anything else."""
    if isinstance(value, str | os.PathLike):
        return value
    raise UsageError(f"{name} must be a path, not {type(value).__name__}")
