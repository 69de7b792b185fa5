"""`vqrna data`: fetch, check and split data sets in the benchmark layout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vqrna.cli.exits import say

if TYPE_CHECKING:
    from vqrna.data.windows import WindowSet

app = typer.Typer(
    help="Fetch, check and split data sets.", no_args_is_help=True, rich_markup_mode="rich"
)

Modifications = Annotated[
    list[str] | None,
    typer.Option(
        "--modifications", "-m", help="Types such as m6A,Psi; all that are there if not given."
    ),
]


@app.command()
def fetch(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to put the data.")],
    modifications: Modifications = None,
    splits: Annotated[
        list[str] | None,
        typer.Option("--splits", help="Some of train,valid,test; all if not given."),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(help="Address of the folder that holds train, valid and test."),
    ] = None,
    checksums: Annotated[
        Path | None,
        typer.Option(help="Check the files against these lines of sha256sum."),
    ] = None,
) -> None:
    """Fetch the public data set from its home.

    What is there and whole is not fetched again; what was cut short goes on
    where it stopped. The SHA-256 of what came is kept in DIR/SHA256SUMS, and
    later runs check against it.
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
    told = [f"{counts[s]} {s}" for s in ("fetched", "present", "missing", "failed") if s in counts]
    size = report.files["bytes"].sum() / 1e6
    typer.echo(f"{directory}: {', '.join(told)} ({size:.1f} MB)")
    if len(failed):
        raise typer.Exit(1)


@app.command()
def check(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="A data set in the benchmark layout.")
    ],
) -> None:
    """Tell what is in a data set, and what is wrong with it.

    Counts, lengths, central bases, odd letters, duplicates, overlaps between
    splits. Exits with 1 if a file is missing or broken.
    """
    from vqrna.cli.data_tables import print_check
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
            help="A data set in the benchmark layout, whose splits are joined first, "
            "or a table with the columns sequence, modification and label.",
        ),
    ] = None,
    *,
    out: Annotated[Path, typer.Option(help="New folder to write to.")],
    positives: Annotated[
        Path | None, typer.Option(help="Instead of SOURCE: FASTA of modified sites.")
    ] = None,
    negatives: Annotated[
        Path | None, typer.Option(help="With --positives: FASTA of unmodified sites.")
    ] = None,
    modifications: Modifications = None,
    valid: Annotated[float, typer.Option(help="Share of the windows for validation.")] = 0.1,
    test: Annotated[float, typer.Option(help="Share of the windows for the test.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Another seed gives another split.")] = 0,
    max_cluster: Annotated[
        float, typer.Option(help="Share of all windows that one cluster must stay under.")
    ] = 0.05,
) -> None:
    """Divide windows into train, valid and test without a leak.

    Windows that share 60 contiguous nt within the central 501 stay together,
    over all types and both classes. Each type and class is divided in the same
    proportions.
    """
    from vqrna.cli.data_tables import print_split
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
    """Read the windows to divide from wherever the user has them."""
    from vqrna.data.benchmark import select_modifications
    from vqrna.data.split import read_all_splits
    from vqrna.data.user_files import fasta_sets, table_sets
    from vqrna.errors import UsageError
    from vqrna.modifications import modifications as find

    if positives is not None and negatives is not None and source is None:
        if not modifications or len(modifications) != 1 or "," in modifications[0]:
            raise UsageError("--positives and --negatives need one type: --modifications NAME")
        return fasta_sets(positives, negatives, modifications[0])
    if source is None or positives is not None or negatives is not None:
        raise UsageError("give either SOURCE, or both --positives and --negatives")
    if source.is_dir():
        wanted = select_modifications(source, modifications) if modifications else None
        return read_all_splits(source, wanted, lambda line: say("warning", line))
    sets = table_sets(source)
    if not modifications:
        return sets
    there = tuple(dict.fromkeys(s.modification for s in sets))
    symbols = {m.symbol for m in find(modifications, there)}
    return [s for s in sets if s.modification.symbol in symbols]
