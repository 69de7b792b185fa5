"""How far along is it: a bar on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

INTERVAL = 10.0
"""Seconds between two plain lines."""


class Bar:
    """What a loop tells of its progress; this one tells it to nobody.

    Attributes
    ----------
    done : int
        How much is done so far.
    """

    def __init__(self) -> None:
        self.done = 0

    def advance(self, amount: int = 1) -> None:
        """Count `amount` more units as done."""
        self.done += amount

    def note(self, text: str) -> None:
        """Show a short text beside the bar in place of the last one."""

    def say(self, line: str) -> None:
        """Print a line that stays, above the bar."""

    def close(self) -> None:
        """Show the end of it."""


class PlainBar(Bar):
    """Lines on stderr, at most one every `INTERVAL` seconds."""

    def __init__(self, total: int | None, what: str, unit: str) -> None:
        super().__init__()
        self.total, self.what, self.unit = total, what, unit
        self.text = ""
        self.start = self.last = time.monotonic()
        self.told = False

    def advance(self, amount: int = 1) -> None:
        """Count, and print a line if the last one is long ago."""
        super().advance(amount)
        now = time.monotonic()
        if now - self.last >= INTERVAL:
            self.last, self.told = now, True
            self._print()

    def note(self, text: str) -> None:
        """Keep the text for the next line."""
        self.text = text

    def say(self, line: str) -> None:
        """Print the line."""
        print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Print how it ended, if lines were printed on the way."""
        if self.told:
            self._print()

    def _print(self) -> None:
        amount = f"{self.done:,}" + (f" of {self.total:,}" if self.total else "")
        share = f" ({self.done / self.total:.0%})" if self.total else ""
        seconds = time.monotonic() - self.start
        speed = f", {self.done / seconds:,.3g} {self.unit}/s" if seconds > 0 else ""
        if self.total and 0 < self.done < self.total:
            speed += f", {duration(seconds * (self.total / self.done - 1))} to go"
        text = f"  {self.text}" if self.text else ""
        print(f"{self.what}: {amount} {self.unit}{share}{speed}{text}", file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """Tell a time as people do: ``40 s``, ``12 min``, ``3 h 20 min``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


class RichBar(Bar):
    """A bar drawn by rich."""

    def __init__(self, display: Progress, task: TaskID) -> None:
        super().__init__()
        self.display, self.task = display, task

    def advance(self, amount: int = 1) -> None:
        """Count and move the bar."""
        super().advance(amount)
        self.display.advance(self.task, amount)

    def note(self, text: str) -> None:
        """Show a text beside the bar."""
        self.display.update(self.task, note=text)

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self.display.console.print(line, markup=False, highlight=False)


@contextmanager
def progress(total: int | None, what: str, *, unit: str = "", show: bool = True) -> Iterator[Bar]:
    """Show the progress of a loop on stderr.

    Parameters
    ----------
    total : int or None
        How many units there are; None where that is not known.
    what : str
        What is being done, such as ``predicting``.
    unit : str
        What is counted, such as ``nt``.
    show : bool
        False keeps silent.

    Yields
    ------
    Bar
        With the methods ``advance(n)``, ``note(text)`` and ``say(line)``.
    """
    if not show:
        yield Bar()
    elif sys.stderr.isatty():
        with _display(unit) as display:
            yield RichBar(display, display.add_task(what, total=total, note=""))
    else:
        bar = PlainBar(total, what, unit)
        yield bar
        bar.close()


def _display(unit: str) -> Progress:
    """Lay out the columns of a rich bar."""
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
            of = f"/{task.total:,.0f}" if task.total else ""
            speed = f" {task.speed:,.0f}/s" if task.speed else ""
            return Text(f"{task.completed:,.0f}{of} {unit}{speed}", style="progress.data.speed")

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        Amount(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", style="dim", markup=False),
        console=Console(stderr=True),
    )
