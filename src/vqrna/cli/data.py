"""`vqrna data`: download, check and split data sets in the benchmark layout."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vqrna.cli.exits import say
from vqrna.cli.options import Seed, folder_option, option
from vqrna.cli.tables import new_console, new_table

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from vqrna.data.check import CheckReport
    from vqrna.data.split import SplitReport
    from vqrna.data.windows import WindowSet


app = typer.Typer(
    help="Download, check and split data sets.", no_args_is_help=True, rich_markup_mode="rich"
)


@app.command()
def fetch(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for the data.")],
    modifications: Annotated[
        list[str] | None,
        option(
            "Modifications, such as m6A,Psi.",
            names=("--modifications", "-m"),
            default="all",
            metavar="LIST",
        ),
    ] = None,
    splits: Annotated[
        list[str] | None, option("Splits, of train,valid,test.", default="all", metavar="LIST")
    ] = None,
    base: Annotated[str | None, option("URL of the folder with train, valid and test.")] = None,
    checksums: Annotated[
        Path | None, option("Verify the files against this output of sha256sum.")
    ] = None,
) -> None:
    """Download the public data set.

    Complete files are not downloaded again, interrupted ones are continued.
    DIR/SHA256SUMS holds the checksums; later runs verify them.
    """
    from vqrna.data.benchmark import SPLITS
    from vqrna.data.fetch import HOME, fetch_data
    from vqrna.modifications import modifications as find

    named = [split.strip() for text in splits or () for split in text.split(",") if split.strip()]
    report = fetch_data(
        directory,
        base=base or HOME,
        modifications=find(modifications) if modifications else None,
        splits=named or SPLITS,
        checksums=checksums,
    )
    for row in report.with_status("missing").itertuples():
        say("warning", f"{row.file}: {row.detail}")
    failed = report.with_status("failed")
    for row in failed.itertuples():
        say("error", f"{row.file}: {row.detail}")
    counts = report.files["status"].value_counts()
    states = [
        f"{counts[s]} {s}" for s in ("fetched", "present", "missing", "failed") if s in counts
    ]
    size = report.files["bytes"].sum() / 1e6
    typer.echo(f"{directory}: {', '.join(states)} ({size:.1f} MB)")
    if len(failed):
        raise typer.Exit(1)


@app.command()
def check(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="A data set in the benchmark layout.")
    ],
) -> None:
    """Summarise a data set and report its problems.

    Counts, lengths, central bases, ambiguous letters, duplicates, overlaps
    between splits. The exit code is 1 if a file is missing or broken.
    """
    from vqrna.data.check import check_data

    report = check_data(directory, show_progress=True)
    print_check(report)
    for problem in report.problems:
        say("warning", problem)
    if report.problems:
        raise typer.Exit(1)


@app.command()
def split(
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="SOURCE",
            help="Data set in the benchmark layout (its splits are joined first), or table "
            "with columns sequence, modification and label.",
        ),
    ] = None,
    *,
    out: Annotated[Path, folder_option("New folder for the splits.")],
    positives: Annotated[
        Path | None, option("Instead of SOURCE: FASTA of modified windows.")
    ] = None,
    negatives: Annotated[
        Path | None, option("With --positives: FASTA of unmodified windows.")
    ] = None,
    modifications: Annotated[
        list[str] | None,
        option(
            "Modifications to keep, such as m6A,Psi; with --positives, the name of the "
            "modification.",
            names=("--modifications", "-m"),
            default="all",
            metavar="LIST",
        ),
    ] = None,
    valid: Annotated[float, option("Share of the windows for validation.")] = 0.1,
    test: Annotated[float, option("Share of the windows for the test.")] = 0.1,
    seed: Seed = 0,
    max_cluster: Annotated[float, option("Maximum share of all windows in one cluster.")] = 0.05,
) -> None:
    """Split windows into train, valid and test without overlap.

    Windows that share 60 contiguous nt within the central 501 stay together,
    across modifications and classes. Each modification and class is split in
    the same proportions.
    """
    from vqrna.data.split import split_data

    sets = _read_source(source, positives, negatives, modifications)
    fractions = (1 - valid - test, valid, test)
    report = split_data(
        sets, out, fractions=fractions, seed=seed, max_cluster=max_cluster, show_progress=True
    )
    print_split(report)


def _read_source(
    source: Path | None,
    positives: Path | None,
    negatives: Path | None,
    modifications: list[str] | None,
) -> list[WindowSet]:
    """Read the windows to split from the given source."""
    from vqrna.data.benchmark import select_modifications
    from vqrna.data.split import read_all_splits
    from vqrna.data.user_files import fasta_sets, table_sets
    from vqrna.errors import UsageError
    from vqrna.modifications import modifications as find

    if positives is not None and negatives is not None and source is None:
        if not modifications or len(modifications) != 1 or "," in modifications[0]:
            raise UsageError("--positives and --negatives need exactly one --modifications NAME")
        return fasta_sets(positives, negatives, modifications[0])
    if source is None or positives is not None or negatives is not None:
        raise UsageError("give either SOURCE or both --positives and --negatives")
    if source.is_dir():
        wanted = select_modifications(source, modifications) if modifications else None
        return read_all_splits(source, wanted, lambda line: say("warning", line))
    sets = table_sets(source)
    if not modifications:
        return sets
    there = tuple(dict.fromkeys(s.modification for s in sets))
    symbols = {m.symbol for m in find(modifications, there)}
    return [s for s in sets if s.modification.symbol in symbols]


_FILE = ("split", "modification", "label", "negatives")
_COUNTS = ("odd_letters", "repeated", "other_split", "other_label", "other_type")
_HEADINGS = (
    "windows",
    "length",
    "site",
    "odd",
    "twice",
    "other\nsplit",
    "other\nlabel",
    "other\ntype",
)
_LEGEND = (
    "odd: letters other than ACGUT. twice: repeated in the file. other split, label, type: also "
    "present there. overlap: 60 identical contiguous nt within the central 501. "
    "!: the modification does not occur on this base."
)
_NONE = "[dim]·[/]"


def print_check(report: CheckReport) -> None:
    """Print a table per split, one row per file, and the clusters of all windows."""
    console = new_console(markup=True)
    for split, files in report.files.groupby("split", sort=False):
        overlaps = report.overlaps[report.overlaps["split"] == split]
        against = list(dict.fromkeys(overlaps["against"]))
        shares = {
            (*(row[key] for key in _FILE), row["against"]): f"{row['share']:.0%}"
            for row in overlaps.to_dict("records")
        }
        headings = [*_HEADINGS, *(f"overlap\n{name}" for name in against)]
        table = new_table(("type", "class"), headings, str(split))
        for row in files.to_dict("records"):
            place = tuple(row[key] for key in _FILE)
            table.add_row(
                row["modification"],
                _class(row),
                f"{row['windows']:,}",
                _length(row),
                _site(row),
                *(f"{row[key]:,}" if row[key] else _NONE for key in _COUNTS),
                *(shares.get((*place, name), _NONE) for name in against),
            )
        console.print(table)
        console.print()
    console.print(
        f"{report.n_windows:,} windows ({report.n_distinct:,} distinct) in {report.n_clusters:,} "
        f"clusters of overlapping windows; the largest holds {report.largest_cluster:.1%}."
    )
    console.print(_LEGEND, style="dim")


def print_split(report: SplitReport) -> None:
    """Print the split of each modification and the similarity left between splits."""
    console = new_console()
    splits = ("train", "valid", "test")
    table = new_table(("type", "class"), splits)
    for row in report.counts.to_dict("records"):
        counts = (f"{row[split]:,}" for split in splits)
        table.add_row(row["modification"], _class(row), *counts)
    console.print(table)
    split = report.split
    console.print(
        f"\n{len(split.cluster):,} windows in {split.n_clusters:,} clusters; "
        f"the largest holds {split.largest:,} ({split.largest_share:.2%}).\n"
    )
    if len(report.remaining):
        console.print(_remaining(report.remaining))
    console.print(f"wrote {report.directory}", soft_wrap=True)


def _remaining(remaining: pd.DataFrame) -> Table:
    """Return the share of windows that still share a piece with another split, by its length."""
    pairs = list(dict.fromkeys(zip(remaining["split"], remaining["against"], strict=True)))
    table = new_table(("shared",), [f"{ours}\nwith {theirs}" for ours, theirs in pairs])
    for shared, rows in remaining.groupby("shared_nt"):
        table.add_row(f"{shared} nt or more", *(f"{share:.1%}" for share in rows["share"]))
    return table


def _class(row: Mapping[Any, Any]) -> str:
    """Return ``modified`` or the name of the negatives."""
    return "modified" if row["label"] == 1 else str(row["negatives"])


def _length(row: Mapping[Any, Any]) -> str:
    """Format the range of lengths and the number of windows of even length."""
    short, long = row["shortest"], row["longest"]
    even = f"\n({row['even']} even)" if row["even"] else ""
    return (f"{short}" if short == long else f"{short}-{long}") + even


def _site(row: Mapping[Any, Any]) -> str:
    """Format the central bases: one letter, or the share of each; ``!`` marks a wrong base."""
    counts = {base: row[f"site_{base}"] for base in ("A", "C", "G", "U", "other")}
    total = sum(counts.values())
    there = sorted((base for base in counts if counts[base]), key=lambda base: -counts[base])
    wrong = "[bold red]![/] " if row["wrong_site"] else ""
    if len(there) == 1:
        return wrong + there[0]
    return wrong + " ".join(f"{base} {counts[base] / total:.0%}" for base in there)
