"""`vqrna evaluate`: how well a model tells modified windows from unmodified ones.

Evaluations on the terminal: a value and its interval below it, 80 columns wide.

Full evaluations on the terminal: a row a type of what a balanced test does not show.
"""

from __future__ import annotations

import math
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vqrna.cli.exits import say
from vqrna.cli.options import DataFolder, Device, ModelPath, Split, TypesInData

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console
    from rich.table import Table

    from vqrna.data.windows import Windows
    from vqrna.evaluation import Evaluation
    from vqrna.evaluation.position_evaluation import PositionEvaluation


def evaluate(
    data: DataFolder,
    split: Split = "valid",
    model: ModelPath = None,
    modifications: TypesInData = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write table, scores and curves here."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
    masked: Annotated[
        bool, typer.Option("--masked/--no-masked", help="Score with masked flanks, too.")
    ] = True,
    full: Annotated[
        bool,
        typer.Option(
            "--full",
            help="Also scan windows: localisation, calibration, prevalence, false calls, mix-ups.",
        ),
    ] = False,
    localisation: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Scan at most N modified windows a type (implies --full).",
            show_default="all",
        ),
    ] = None,
    resamples: Annotated[
        int, typer.Option(metavar="N", min=0, help="Bootstrap resamples for the intervals.")
    ] = 1000,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of the resampling.")] = 0,
    device: Device = "auto",
) -> None:
    """Measure a model on labelled windows, with 95 % intervals.

    On all windows and on those that overlap none in DIR/train, against each set
    of negatives. Intervals resample clusters of overlapping windows. --full adds
    what a balanced test does not show (docs/evaluation.md).
    """
    from vqrna.data.benchmark import benchmark_modifications, load_benchmark
    from vqrna.evaluation import FLANKS
    from vqrna.evaluation import evaluate as run
    from vqrna.evaluation.report import write_report
    from vqrna.model.weights import load_model
    from vqrna.modifications import modifications as find
    from vqrna.runtime.files import results_directory

    # A folder that cannot be is better told now than after the work
    with nullcontext() if out is None else results_directory(out):
        there = benchmark_modifications(data)
        wanted = find(modifications, there) if modifications and there else None
        windows = load_benchmark(data, split, wanted, on_missing=lambda line: say("note", line))
        loaded = load_model(model, device=device)
        found = run(
            loaded,
            windows,
            split=split,
            reference=_training_windows(data, split),
            masks=FLANKS if masked else FLANKS[:1],
            full=full or localisation is not None,
            limit=localisation,
            resamples=resamples,
            seed=seed,
            show_progress=True,
        )
        if found.unknown:
            say("note", f"the model does not tell {', '.join(found.unknown)}: left out")
        written = [] if out is None else write_report(found, loaded.modifications, out)
    if json:
        from json import dumps

        typer.echo(dumps(found.to_json(), allow_nan=False))
        return

    show(found)
    if found.positions is not None:
        show_positions(found.positions)
    for path in written:
        typer.echo(f"wrote {path}")


def _training_windows(data: Path, split: str) -> Windows | None:
    """Read the windows that others may overlap; say so where that cannot be told."""
    from vqrna.data.benchmark import find_files, load_benchmark

    if split == "train":
        say("note", "these are the training windows: every one overlaps itself")
        return None
    if not find_files(data, "train"):
        say("note", f"{data / 'train'} holds no windows: non_overlapping cannot be told")
        return None
    return load_benchmark(data, "train", on_missing=lambda line: None)


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
    from vqrna.evaluation.results import flagged

    counts = flagged(evaluation.scores)
    told = {"in_training": "were in the training", "ood": "are unlike the training windows"}
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


_NARROWEST_POSITIONS = 100


def show_positions(found: PositionEvaluation) -> None:
    """Print two tables: where and how sure; and what is called at the default tier."""
    from rich.console import Console

    from vqrna.stats.tiers import DEFAULT_TIER

    console = Console(highlight=False)
    console.width = max(console.width, _NARROWEST_POSITIONS)
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
    from vqrna.model.protocol import NEAR

    place = _of(tables["localisation"], windows=windows)
    sure = _of(tables["calibration"], windows=windows, calibration="cross-fitted")
    grid = _positions_grid(
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
    grid = _positions_grid(
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


def _positions_grid(*titles: str) -> Table:
    from rich.table import Table

    grid = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="cyan")
    grid.add_column("", no_wrap=True)
    for title in titles:
        grid.add_column(title, justify="right")
    return grid
