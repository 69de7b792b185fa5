"""Evaluations on the terminal: a value and its interval below it, 80 columns wide."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console
    from rich.table import Table

    from vqrna.evaluation import Evaluation

_MEANS = {"mean": "mean", "mean9": "mean 9"}

_NARROWEST = 100
"""Columns; a table of large numbers goes over the edge of the terminal rather than be cut."""

_FLANKS = {"none": "nothing masked", "both": "both flanks"}

_WINDOWS = {"all": "All windows", "non_overlapping": "Windows that overlap no training window"}


def show(evaluation: Evaluation) -> None:
    """Print a table for each set of windows and of negatives, and one for the masked flanks."""
    from rich.console import Console

    from vqrna.evaluation import KEPT, NINE

    console = Console(highlight=False)
    console.width = max(console.width, _NARROWEST)
    table = evaluation.table
    console.print(f"[bold]Model {evaluation.model} on {evaluation.split}[/]")
    unmasked = table[table["flanks"] == "none"]
    for (windows, negatives), rows in unmasked.groupby(["windows", "negatives"], sort=False):
        console.print(f"\n[bold]{_WINDOWS[str(windows)]}, {negatives} negatives[/]")
        console.print(_measures(rows))
    if table["flanks"].nunique() > 1:
        first = table["negatives"].iloc[0]
        rows = table[(table["windows"] == "all") & (table["negatives"] == first)]
        console.print(
            f"\n[bold]AUROC, flanks masked beyond {KEPT} nt[/] (all windows, {first} negatives)"
        )
        console.print(_masked(rows[rows["metric"] == "auroc"]))
    show_flags(console, evaluation)
    console.print("\n[dim]Below a value: its 95 % interval. Below a type: positives/negatives.[/]")
    if "mean9" in set(table["modification"]):
        console.print(f"[dim]mean 9: over {', '.join(NINE)}.[/]")


def show_flags(console: Console, evaluation: Evaluation) -> None:
    """Say how many windows are flagged, if the model can tell."""
    from vqrna.evaluation.flags import flagged

    counts = flagged(evaluation.scores)
    told = {"in_training": "were in the training", "unlike": "are unlike the training windows"}
    words = [f"{counts[name]:,} {what}" for name, what in told.items() if counts[name] is not None]
    if words:
        console.print(f"\nOf {counts['windows']:,} windows {', '.join(words)}.")


def _measures(rows: pd.DataFrame) -> Table:
    """Lay out all measures, one type a row."""
    from vqrna.stats.metrics import TITLES

    grid = _grid()
    for title in TITLES.values():
        grid.add_column(title, justify="right")
    for (symbol, n_pos, n_neg), of_type in rows.groupby(
        ["modification", "n_pos", "n_neg"], sort=False
    ):
        below = "" if symbol in _MEANS else f"{n_pos}/{n_neg}"
        by_metric = of_type.set_index("metric").loc[list(TITLES), ["value", "low", "high"]]
        grid.add_row(
            f"{_name(symbol)}\n[dim]{below}[/]",
            *(
                f"{_short(value, 3)}\n[dim]{_range(low, high)}[/]"
                for value, low, high in by_metric.itertuples(index=False)
            ),
        )
    return grid


def _masked(rows: pd.DataFrame) -> Table:
    """Lay out one measure for every kind of mask."""
    grid = _grid()
    for flanks in rows["flanks"].unique():
        grid.add_column(_FLANKS.get(flanks, flanks), justify="right")
    for symbol, of_type in rows.groupby("modification", sort=False):
        grid.add_row(
            _name(symbol),
            *(
                f"{_short(value, 3)} [dim]{_range(low, high)}[/]"
                for value, low, high in of_type[["value", "low", "high"]].itertuples(index=False)
            ),
        )
    return grid


def _name(symbol: object) -> str:
    return f"[bold]{_MEANS.get(str(symbol), symbol)}[/]"


def _grid() -> Table:
    from rich.table import Table

    grid = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="cyan")
    grid.add_column("", no_wrap=True)
    return grid


def _short(value: float, digits: int) -> str:
    """Write .950 for 0.950, and 1.00 for 1.000: no room is taken by what says nothing."""
    if math.isnan(value):
        return "–"
    text = f"{value:.{digits}f}"
    if text.startswith("1."):
        return text[: digits + 1]
    return text.replace("0.", ".", 1)


def _range(low: float, high: float) -> str:
    return "" if math.isnan(low) else f"{_short(low, 2)}–{_short(high, 2)}"
