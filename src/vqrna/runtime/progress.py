"""Progress of a loop on stderr: rich's bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

INTERVAL = 10.0
"""Seconds between two plain lines."""


class Bar:
    """Progress of a loop; this one is not shown.

    Attributes
    ----------
    done : int
        Finished units.
    """

    def __init__(self) -> None:
        self.done = 0

    def advance(self, amount: int = 1) -> None:
        """Count `amount` more units as done."""
        self.done += amount

    def note(self, text: str) -> None:
        """Replace the short text beside the bar."""

    def say(self, line: str) -> None:
        """Print a line that stays, above the bar."""


class _PlainBar(Bar):
    """Lines on stderr, at most one every `INTERVAL` seconds; nothing for short work."""

    def __init__(self, total: int | None, what: str, unit: str) -> None:
        super().__init__()
        self.total, self.what, self.unit, self.text = total, what, unit, ""
        self.start = self.last = time.monotonic()
        self.printed: int | None = None  # Finished units of the last line; None before the first

    def advance(self, amount: int = 1) -> None:
        super().advance(amount)
        now = time.monotonic()
        if now - self.last >= INTERVAL:
            self.last = now
            self.print()
        elif self.done == self.total:
            self.finish()  # now, as other lines may follow before the end

    def note(self, text: str) -> None:
        self.text = text

    def say(self, line: str) -> None:
        with suppress(OSError, ValueError):  # stderr may be closed
            print(line, file=sys.stderr, flush=True)

    def finish(self) -> None:
        """Print the last line, unless the work is short or the line is printed already."""
        if self.printed not in (None, self.done):
            self.print()

    def print(self) -> None:
        self.printed = self.done
        amount = f"{self.done:,}" + (f" of {self.total:,}" if self.total else "")
        share = f" ({self.done / self.total:.0%})" if self.total else ""
        seconds = time.monotonic() - self.start
        rate = self.done / seconds if seconds > 0 else 0
        digits = f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"
        speed = f", {digits} {self.unit}/s" if rate else ""
        if self.total and 0 < self.done < self.total:
            speed += f", {duration(seconds * (self.total / self.done - 1))} to go"
        text = f"  {self.text}" if self.text else ""
        self.say(f"{self.what}: {amount} {self.unit}{share}{speed}{text}")


class _RichBar(Bar):
    def __init__(self, display: Progress, task: TaskID) -> None:
        super().__init__()
        self.display, self.task = display, task

    def advance(self, amount: int = 1) -> None:
        super().advance(amount)
        self.display.advance(self.task, amount)

    def note(self, text: str) -> None:
        self.display.update(self.task, note=text)

    def say(self, line: str) -> None:
        self.display.console.print(line, markup=False, highlight=False)


def duration(seconds: float) -> str:
    """Format a time: ``40 s``, ``12 min``, ``3 h 20 min``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


@contextmanager
def progress(total: int | None, what: str, *, unit: str = "", show: bool = True) -> Iterator[Bar]:
    """Show the progress of a loop on stderr.

    Parameters
    ----------
    total : int or None
        Number of units; None if unknown.
    what : str
        Description, such as ``predicting``.
    unit : str
        Such as ``nt``.

    Yields
    ------
    Bar
    """
    if not show or sys.stderr is None or sys.stderr.closed:
        yield Bar()
    elif sys.stderr.isatty():
        with _display(unit) as display:
            yield _RichBar(display, display.add_task(what, total=total, note=""))
    else:
        bar = _PlainBar(total, what, unit)
        yield bar
        bar.finish()


def _display(unit: str) -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Amount(ProgressColumn):
        def render(self, task) -> Text:  # type: ignore[no-untyped-def]
            total = f"/{task.total:,.0f}" if task.total else ""
            speed = f" {task.speed:,.0f}/s" if task.speed else ""
            return Text(f"{task.completed:,.0f}{total} {unit}{speed}", style="progress.data.speed")

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        Amount(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", style="dim", markup=False),
        console=Console(stderr=True),
    )
