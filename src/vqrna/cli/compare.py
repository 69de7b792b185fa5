"""`vqrna compare`: how well predicted sites agree with known ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vqrna.cli.exits import say

if TYPE_CHECKING:
    from vqrna.evaluation import Agreement


_NARROWEST = 110
"""Columns; a table of large numbers goes over the edge of the terminal rather than be cut."""


def compare(
    sites: Annotated[
        Path,
        typer.Argument(
            help="What 'vqrna predict' wrote: TSV, Parquet, BED or bedRMod.",
            metavar="SITES",
            show_default=False,
        ),
    ],
    known: Annotated[
        Path,
        typer.Argument(
            help="Known sites: BED (column 4 names the type) or bedRMod, plain or gzip.",
            metavar="BED",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for table and picture.")],
    modification: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Type of sites whose name is none.", show_default=False),
    ] = None,
    within: Annotated[
        int, typer.Option(metavar="N", help="A known site is found by a call up to N nt away.")
    ] = 0,
    scanned: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="BED of what was scanned.",
            show_default="scanned.bed beside SITES",
        ),
    ] = None,
) -> None:
    """Compare predicted sites with known ones: precision, recall and enrichment.

    By type and tier, with 95 % intervals. Sites that nobody has found yet count
    as false, so that precision is a lower bound; recall is too good where the
    model was trained on the known sites.
    """
    from vqrna.evaluation import compare as run
    from vqrna.evaluation import write_agreement_report
    from vqrna.runtime.files import results_directory

    with results_directory(out):  # a folder that cannot be is better told now than after the work
        found = run(
            sites,
            known,
            modification=modification,
            within=within,
            scanned=scanned,
            show_progress=True,
        )
        written = write_agreement_report(found, out)
    _show(found)
    for note in found.notes:
        say("note", note)
    for path in written:
        typer.echo(f"wrote {path}")


def _show(found: Agreement) -> None:
    """Close with the table, a row a type and tier."""
    from rich.console import Console
    from rich.table import Table

    grid = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("type", "called as"):
        grid.add_column(title)
    for title in ("called", "known", "found", "precision", "recall", "enrichment", "p-value"):
        grid.add_column(title, justify="right")
    last = ""
    for row in found.table.to_dict("records"):
        first = row["modification"] != last
        last = row["modification"]
        above = " +" if row["tier"] in ("low", "medium") else ""
        grid.add_row(
            f"[bold]{last}[/]" if first else "",
            row["tier"] + above,
            *(f"{row[name]:,}" for name in ("called", "known", "found")),
            _with_interval(row, "precision", "{:.3f}"),
            _with_interval(row, "recall", "{:.3f}"),
            _with_interval(row, "enrichment", "{:,.3g}"),
            _p_value(row["p_value"]),
            style=None if row["found"] else "dim",
        )
    console = Console(highlight=False)
    console.width = max(console.width, _NARROWEST)
    console.print(grid)
    console.print("[dim]Beside a value: its 95 % interval. +: or a higher tier.[/]")


def _p_value(p: float) -> str:
    from vqrna.evaluation.known_sites import SMALLEST

    if p != p:
        return "–"
    return f"<{SMALLEST:.0e}" if p <= SMALLEST else f"{p:.1e}"


def _with_interval(row: dict, name: str, form: str) -> str:
    value, low, high = (row[name + end] for end in ("", "_low", "_high"))
    if value != value:
        return "–"
    return f"{form.format(value)} [dim]{form.format(low)}–{form.format(high)}[/]"
