"""How a prediction is told on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vqrna.cli.exits import say

if TYPE_CHECKING:
    from vqrna.prediction import Prediction, Settings
    from vqrna.stats.tiers import Tiers

MOST_PATHS = 5
"""More files than these are counted, not named."""


def show_unmeasured(settings: Settings, tiers: Tiers) -> None:
    """Say of which types nothing can be called, such as those of weights that were converted."""
    measured = tiers.measured[settings.columns]
    names = [
        m.symbol for m, known in zip(settings.modifications, measured, strict=True) if not known
    ]
    if names:
        say(
            "note",
            f"{', '.join(names)}: this model has no confidence tiers and calls nothing; "
            "--threshold or --all-sites shows its scores",
        )
    symbols = [m.symbol for m in settings.modifications]
    without = tiers.missing(settings.columns, symbols).get(settings.confidence)
    if without:
        say(
            "note",
            f"{', '.join(without)}: too little was measured of this model for the tier "
            f"{settings.confidence}, and nothing is called; --confidence low calls more",
        )


def show_prediction(found: Prediction, *, to_stderr: bool = False) -> None:
    """Close with what was found, a row a modification, and what was odd."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("type")
    table.add_column("on")
    titles = ("candidates", "called", "low", "medium", "high", "per kb", "by chance")
    for title in titles:
        table.add_column(title, justify="right")
    for row in found.summary.to_dict("records"):
        counts = (row[key] for key in ("candidates", "called", "low", "medium", "high"))
        rates = (row[key] for key in ("calls_per_kb", "chance_per_kb"))
        table.add_row(
            row["modification"],
            row["base"],
            *(f"{count:,}" for count in counts),
            *("-" if rate != rate else f"{rate:.3f}" for rate in rates),
            style=None if row["called"] else "dim",
        )
    console = Console(stderr=to_stderr)
    what = "stretch of the genome" if found.in_genome else "sequence"
    if found.records != 1:
        what = "stretches of the genome" if found.in_genome else "sequences"
    console.print(f"{found.records:,} {what}, {found.nt:,} nt", highlight=False)
    console.print(table)
    console.print(
        "per kb: calls in 1,000 nt; by chance: calls in 1,000 nt of shuffled sequence",
        style="dim",
        highlight=False,
    )
    ties, tokens = found.near_ties
    if ties:
        told = f"{ties:,} of {tokens:,} codes were nearly tied and settled in double precision"
        console.print(told, style="dim", highlight=False)
    written = [str(path) for path in found.paths]
    if len(written) > MOST_PATHS:
        written = [f"{len(written)} files to {found.paths[0].parent}"]
    for words in written:
        console.print(f"wrote {words}", highlight=False, markup=False, soft_wrap=True)
    if found.repeated_names:
        count = f"{found.repeated_names:,} of {found.records:,} records"
        verb = "repeats" if found.repeated_names == 1 else "repeat"
        say("note", f"{count} {verb} a name: their sites cannot be told apart")
    if found.empty_records:
        verb = "is" if found.empty_records == 1 else "are"
        say("note", f"{found.empty_records:,} of {found.records:,} records {verb} empty")
    for words in (*found.unreachable, *found.notes):
        say("note", words)
