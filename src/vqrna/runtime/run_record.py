"""What a run records of its inputs, for ``run.json``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SkippedInput:
    """Lines or records of an input file that were skipped for one reason."""

    file: str
    reason: str  # Such as ``end beyond the sequence``
    count: int
    first_line: int | None = None  # Line of the first one, from 1; None if lines have no meaning
