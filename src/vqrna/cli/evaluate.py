"""`vqrna evaluate`: measure how well a model separates modified from unmodified windows."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vqrna.cli.exits import say
from vqrna.cli.options import (
    DataFolder,
    Device,
    ModelPath,
    Resamples,
    Seed,
    Split,
    TypesInData,
    folder_option,
    option,
)
from vqrna.cli.tables import MISSING, new_console, new_table, report_files, with_interval

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
    studies: Annotated[
        Path | None,
        option(
            "Studies that the model was trained on, for overlaps: DIR/STUDY/train/.", metavar="DIR"
        ),
    ] = None,
    model: ModelPath = None,
    modifications: TypesInData = None,
    out: Annotated[Path | None, folder_option("Folder for table, scores and curves.")] = None,
    json: Annotated[bool, option("Print JSON only.", names=("--json",))] = False,
    masked: Annotated[
        bool, option("Also measure with masked flanks.", names=("--masked/--no-masked",))
    ] = True,
    full: Annotated[
        bool,
        option(
            "Also measure localisation, calibration, precision at low prevalence, false "
            "calls and confusion between modifications.",
            names=("--full",),
        ),
    ] = False,
    localisation: Annotated[
        int | None,
        option(
            "Scan at most N modified windows per modification (implies --full).",
            default="all",
            metavar="N",
            min=1,
        ),
    ] = None,
    resamples: Resamples = 1000,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Measure a model on labelled windows, with 95 % intervals.

    Metrics are reported for all windows and for those that overlap no window in
    DIR/train, against each set of negatives. Intervals resample clusters of
    overlapping windows. --full is described in docs/evaluation.md.
    """
    from vqrna.data.benchmark import benchmark_modifications, load_benchmark
    from vqrna.evaluation import FLANKS
    from vqrna.evaluation import evaluate as run
    from vqrna.evaluation.report import write_report
    from vqrna.model.weights import load_model
    from vqrna.modifications import modifications as find
    from vqrna.runtime.files import results_directory

    # Report an unusable folder before the work
    with nullcontext() if out is None else results_directory(out):
        there = benchmark_modifications(data)
        wanted = find(modifications, there) if modifications and there else None
        windows = load_benchmark(data, split, wanted, on_missing=lambda line: say("note", line))
        loaded = load_model(model, device=device)
        result = run(
            loaded,
            windows,
            split=split,
            reference=_training_windows(data, split, studies),
            masks=FLANKS if masked else FLANKS[:1],
            full=full or localisation is not None,
            limit=localisation,
            resamples=resamples,
            seed=seed,
            show_progress=True,
        )
        if result.unknown:
            say("note", f"{', '.join(result.unknown)}: not predicted by this model, skipped")
        written = [] if out is None else write_report(result, loaded.modifications, out)
    if json:
        from json import dumps

        typer.echo(dumps(result.to_json(), allow_nan=False))
        return

    show(result)
    if result.positions is not None:
        show_positions(result.positions)
    report_files(written)


def _training_windows(data: Path, split: str, studies: Path | None) -> Windows | None:
    """Read the training windows, for overlaps; None with a note if there are none."""
    from vqrna.data.benchmark import find_files, load_benchmark
    from vqrna.data.studies import pool, read_studies

    if split == "train":
        say("note", "evaluating training windows: non_overlapping is not reported")
        return None
    if not find_files(data, "train"):
        say("note", f"{data / 'train'} has no windows: non_overlapping is not reported")
        return None
    main = load_benchmark(data, "train", on_missing=lambda line: None)
    if studies is None:
        return main
    return pool(main, read_studies(studies, main.modifications, on_missing=lambda line: None))


_MEANS = {"mean": "mean", "mean9": "mean 9"}

_WIDTH = 100

_FLANKS = {"none": "nothing masked", "both": "both flanks"}

_WINDOWS = {"all": "All windows", "non_overlapping": "Windows that overlap no training window"}


def show(evaluation: Evaluation) -> None:
    """Print a table per set of windows and of negatives, and one for the masked flanks."""
    from rich.markup import escape

    from vqrna.data.benchmark import split_windows
    from vqrna.evaluation import KEPT, NINE

    console = new_console(_WIDTH, markup=True)
    table = evaluation.table
    split = escape(split_windows(evaluation.split))
    console.print(f"[bold]Model {evaluation.model}, {split}[/]")
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
    console.print(
        "\n[dim]Below each value: 95 % interval. Below each name: positives/negatives.[/]"
    )
    if "mean9" in set(table["modification"]):
        console.print(f"[dim]mean 9: {', '.join(NINE)}.[/]")


def show_flags(console: Console, evaluation: Evaluation) -> None:
    """Print how many windows are flagged, if the model has flags."""
    from vqrna.evaluation.results import flagged

    counts = flagged(evaluation.scores)
    titles = {"in_training": "were used in training", "ood": "are out of distribution"}
    parts = [
        f"{counts[name]:,} {text}" for name, text in titles.items() if counts[name] is not None
    ]
    if parts:
        console.print(f"\nOf {counts['windows']:,} windows, {' and '.join(parts)}.")


def _measures(rows: pd.DataFrame) -> Table:
    """Return a table of all metrics, one row per modification."""
    from vqrna.stats.metrics import TITLES

    grid = new_table(("",), tuple(TITLES.values()))
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
    """Return a table of one metric, one column per mask."""
    grid = new_table(("",), [_FLANKS.get(flanks, flanks) for flanks in rows["flanks"].unique()])
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


def _short(value: float, digits: int) -> str:
    """Format .950 for 0.950 and 1.00 for 1.000, to fit 80 columns."""
    if value != value:
        return MISSING
    text = f"{value:.{digits}f}"
    if text.startswith("1."):
        return text[: digits + 1]
    return text.replace("0.", ".", 1)


def _range(low: float, high: float) -> str:
    return "" if low != low else f"{_short(low, 2)}–{_short(high, 2)}"


def show_positions(evaluation: PositionEvaluation) -> None:
    """Print localisation and calibration, then the calls at the default tier."""
    from vqrna.stats.tiers import DEFAULT_TIER

    console = new_console(_WIDTH, markup=True)
    tables = evaluation.tables()
    apart = "non_overlapping" in set(tables["localisation"]["windows"])
    windows = "non_overlapping" if apart else "all"
    title = _WINDOWS[windows].lower()
    console.print(f"\n[bold]Localisation and calibration[/] ({title})")
    console.print(_localisation_table(tables, windows))
    console.print(
        "[dim]Rank of the site among the other candidates within 250 nt; calibration is "
        "cross-fitted, ECE bias-corrected.[/]"
    )
    console.print(f"\n[bold]Low prevalence[/] ({title}; tier {DEFAULT_TIER} or higher)")
    console.print(_prevalence_table(tables, windows, DEFAULT_TIER))
    console.print(
        "[dim]Unmodified: the other candidates within 250 nt. per kb: calls off known sites; "
        "shuffled: calls in shuffled sequence, per 1,000 nt.[/]"
    )


def _localisation_table(tables: dict[str, pd.DataFrame], windows: str) -> Table:
    from vqrna.model.protocol import NEAR

    place = _of(tables["localisation"], windows=windows)
    sure = _of(tables["calibration"], windows=windows, calibration="cross-fitted")
    grid = new_table(
        ("",),
        (
            "n",
            "AUROC in window",
            "median %",
            "ranked first",
            f"within {NEAR} nt",
            "ECE",
            "slope",
            "Brier",
        ),
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


def _prevalence_table(tables: dict[str, pd.DataFrame], windows: str, tier: str) -> Table:
    rare = _of(tables["prevalence"], windows=windows)
    false = _of(tables["false_calls"], tier=tier)
    grid = new_table(
        ("",),
        (
            "recall",
            "precision at prior",
            "AUPRC 1:10",
            "1:100",
            "1:1000, guarded",
            "per kb",
            "shuffled",
        ),
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
    """Return the rows with these values."""
    for column, wanted in which.items():
        table = table[table[column] == wanted]
    return table


def _cell(table: pd.DataFrame, digits: int, **which: str) -> str:
    """Format a value with its interval below; empty if it was not measured."""
    rows = _of(table, **which)
    if rows.empty:
        return ""
    value, low, high = (float(x) for x in rows.iloc[0][["value", "low", "high"]])
    return with_interval(value, low, high, f".{digits}f")
