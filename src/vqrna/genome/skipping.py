"""Features of a user's file that cannot be used: skipped and counted by reason, or an error."""

from __future__ import annotations

from os import PathLike

from vqrna.errors import DataError
from vqrna.runtime.run_record import SkippedInput


class SkippedFeatures:
    """Count the features of one file that are skipped.

    Parameters
    ----------
    file : path-like
    strict : bool
        Raise the first one as an error instead.
    """

    def __init__(self, file: str | PathLike[str], *, strict: bool = False) -> None:
        self.file = file
        self._strict = strict
        self._counts: dict[str, int] = {}
        self._lines: dict[str, int] = {}
        self._first = (0, "")
        self._noted: set[str] = set()

    def add(self, reason: str, line: int, message: str = "") -> None:
        """Count a feature; `message` is the reason with its values, `line` counts from 1.

        Raises DataError with file and line if the counter is strict.
        """
        if self._strict:
            raise DataError(message or reason, file=self.file, line=line)
        self._counts[reason] = self._counts.get(reason, 0) + 1
        self._lines[reason] = min(line, self._lines.get(reason, line))
        if not self._first[1] or line < self._first[0]:
            self._first = line, message or reason

    def set_noted(self, reason: str) -> None:
        """Mark a reason that another note to the user contains."""
        self._noted.add(reason)

    def inputs(self) -> tuple[SkippedInput, ...]:
        """Return the counts by reason, in the order of their first lines."""
        rows = sorted((line, reason) for reason, line in self._lines.items())
        file = str(self.file)
        return tuple(
            SkippedInput(file, why, self._counts[why], line, noted=why in self._noted)
            for line, why in rows
        )

    def nothing_left(self, noun: str) -> DataError:
        """Return the error for a file of which nothing can be used, such as no `noun`."""
        if not self._counts:
            return DataError(f"contains no {noun}", file=self.file)
        line, message = self._first
        count = sum(self._counts.values())
        words = f"contains no {noun} that can be used ({count:,} skipped); the first: {message}"
        return DataError(words, file=self.file, line=line)
