"""Full evaluations on the terminal: a row a type of what a balanced test does not show."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from vqrna.evaluation.examination import Examination

_NARROWEST = 100


def show_examination(found: Examination) -> None:
    """Print two tables: where and how sure; and what is called at the default tier."""
    from rich.console import Console

    from vqrna.stats.tiers import DEFAULT_TIER

    console = Console(highlight=False)
    console.width = max(console.width, _NARROWEST)
    tables = found.tables()
    apart = "non_overlapping" in set(tables["localisation"]["windows"])
    windows = "non_overlapping" if apart else "all"
    told = "windows that overlap no training window" if apart else "all windows"
    console.print(f"\n[bold]Localisation and calibration[/] ({told})")
    console.print(_where(tables, windows))
    console.print(
        "[dim]Sites among the other candidates within 250 nt, and among the nearest; calibration "
        "cross-fitted, ECE bias-corrected.[/]"
    )
    console.print(f"\n[bold]Where few positions are modified[/] ({told}; {DEFAULT_TIER} or higher)")
    console.print(_rare(tables, windows, DEFAULT_TIER))
    console.print(
        "[dim]Unmodified: the other candidates within 250 nt. Calls per kb: of sequence beside "
        "known sites, and shuffled.[/]"
    )


def _where(tables: dict[str, pd.DataFrame], windows: str) -> Table:
    """Lay out ranks and calibration."""
    from vqrna.evaluation.localisation import NEAR

    place = _of(tables["localisation"], windows=windows)
    sure = _of(tables["calibration"], windows=windows, calibration="cross-fitted")
    grid = _grid(
        "n",
        "AUROC in window",
        "median %",
        "ranked first",
        f"within {NEAR} nt",
        "ECE",
        "slope",
        "Brier",
    )
    for symbol in dict.fromkeys([*place["modification"], *sure["modification"]]):
        n = _of(place, modification=symbol)["n"]
        grid.add_row(
            f"[bold]{symbol}[/]",
            "" if n.empty else str(n.iloc[0]),
            _cell(place, 3, modification=symbol, metric="auroc"),
            _cell(place, 1, modification=symbol, metric="percentile"),
            _cell(place, 2, modification=symbol, metric="first"),
            _cell(place, 2, modification=symbol, metric="auroc_near"),
            _cell(sure, 3, modification=symbol, metric="ece"),
            _cell(sure, 2, modification=symbol, metric="slope"),
            _cell(sure, 3, modification=symbol, metric="brier"),
        )
    return grid


def _rare(tables: dict[str, pd.DataFrame], windows: str, tier: str) -> Table:
    """Lay out what prevalence does to precision, and false calls."""
    rare = _of(tables["prevalence"], windows=windows)
    false = _of(tables["false_calls"], tier=tier)
    grid = _grid(
        "recall",
        "precision at prior",
        "AUPRC 1:10",
        "1:100",
        "1:1000, guarded",
        "per kb",
        "shuffled",
    )
    for symbol in dict.fromkeys(rare["modification"]):
        of_type = {"modification": symbol}
        grid.add_row(
            f"[bold]{symbol}[/]",
            _cell(rare, 2, **of_type, metric="recall", at=tier),
            _cell(rare, 3, **of_type, metric="precision", at=tier),
            _cell(rare, 2, **of_type, metric="auprc", at="1:10"),
            _cell(rare, 2, **of_type, metric="auprc", at="1:100"),
            _cell(rare, 3, **of_type, metric="auprc_guarded", at="1:1000"),
            _cell(false, 2, **of_type, sequence="off-centre"),
            _cell(false, 3, **of_type, sequence="shuffled"),
        )
    return grid


def _of(table: pd.DataFrame, **which: str) -> pd.DataFrame:
    """Pick the rows that have these values."""
    for column, wanted in which.items():
        table = table[table[column] == wanted]
    return table


def _cell(table: pd.DataFrame, digits: int, **which: str) -> str:
    """Write a value and its interval below it; nothing where it was not measured."""
    rows = _of(table, **which)
    if rows.empty:
        return ""
    value, low, high = (float(x) for x in rows.iloc[0][["value", "low", "high"]])
    if value != value:  # nan
        return "–"
    bounds = f"{low:.{digits}f}–{high:.{digits}f}" if low == low else ""
    return f"{value:.{digits}f}\n[dim]{bounds}[/]"


def _grid(*titles: str) -> Table:
    from rich.table import Table

    grid = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="cyan")
    grid.add_column("", no_wrap=True)
    for title in titles:
        grid.add_column(title, justify="right")
    return grid
