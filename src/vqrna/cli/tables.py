"""Tables and summaries on the terminal, in one style."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from vqrna.modifications import Modification

MISSING = "–"
"""Shown for a value that is not available."""


def new_console(width: int = 0, *, stderr: bool = False, markup: bool = False) -> Console:
    """Return a console at least `width` columns wide: a wide table is not cut.

    With `markup`, tags such as ``[dim]`` are styles, and text of the user has to be escaped.
    """
    from rich.console import Console

    console = Console(highlight=False, stderr=stderr, markup=markup)
    console.width = max(console.width, width)
    return console


def new_table(left: Sequence[str], right: Sequence[str] = (), title: str | None = None) -> Table:
    """Return a table with text columns on the left and number columns on the right."""
    from rich.table import Table

    table = Table(
        box=None,
        header_style="bold",
        padding=(0, 1, 0, 0),
        pad_edge=False,
        title=title,
        title_justify="left",
        title_style="bold",
    )
    for heading in left:
        table.add_column(heading, no_wrap=True)
    for heading in right:
        table.add_column(heading, justify="right")
    return table


def number(value: float, form: str = ".3f") -> str:
    """Format a number; nan becomes a dash."""
    return MISSING if math.isnan(value) else format(value, form)


def amount(value: float, form: str = ".3g") -> str:
    """Format an expected number: from 100 on as a whole number, in groups of three digits."""
    return f"{value:,.0f}" if value >= 100 else format(value, form)


def with_interval(
    value: float, low: float, high: float, form: str = ".3f", separator: str = "\n"
) -> str:
    """Format a value and, dimmed behind the separator, its interval where there is one.

    The result has markup.
    """
    interval = "" if math.isnan(low) else f"{low:{form}}–{high:{form}}"
    return (
        number(value, form) if math.isnan(value) else f"{value:{form}}{separator}[dim]{interval}[/]"
    )


def plural(count: int, noun: str, plural_form: str = "") -> str:
    """Return ``1 site`` or ``2 sites``."""
    return f"{count:,} {noun if count == 1 else plural_form or noun + 's'}"


def report_files(paths: Iterable[Path], most: int | None = None) -> None:
    """Print one line a written file, or one line in all if there are more than `most`."""
    paths = list(paths)
    if most is not None and len(paths) > most:
        typer.echo(f"wrote {len(paths)} files to {paths[0].parent}")
        return
    for path in paths:
        typer.echo(f"wrote {path}")


def report_codes(summary: Iterable[tuple[Modification, int, Sequence[int]]]) -> None:
    """Print the number of significant codes and the most specific ones of each modification."""
    for modification, significant, specific in summary:
        codes = f"; most specific: {', '.join(map(str, specific[:8]))}" if specific else ""
        noun = "code" if significant == 1 else "codes"
        typer.echo(f"{modification.symbol:<5} {significant:>3} {noun} at FDR < 5 %{codes}")
