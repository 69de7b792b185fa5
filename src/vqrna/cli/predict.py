"""`vqrna predict`: from FASTA files to a table of modified sites."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vqrna.cli.exits import say
from vqrna.errors import UsageError

if TYPE_CHECKING:
    from vqrna.predicting import Prediction, Settings
    from vqrna.tiers import Tiers


def predict(
    fasta: Annotated[
        list[str],
        typer.Argument(
            help="FASTA files, plain, gzip or bgzip; - is standard input.",
            metavar="FASTA...",
            show_default=False,
        ),
    ],
    out: Annotated[str, typer.Option(help="Folder for sites.tsv, or - for standard output.")],
    modifications: Annotated[
        list[str] | None,
        typer.Option(help="Types, comma-separated or repeated.", show_default="all of the model"),
    ] = None,
    confidence: Annotated[
        str, typer.Option(help="Lowest tier that is called: low, medium or high.")
    ] = "medium",
    threshold: Annotated[
        float | None,
        typer.Option(help="Lowest score that is called, in place of a tier.", show_default=False),
    ] = None,
    prior: Annotated[
        list[str] | None,
        typer.Option(
            help="Share of candidates that is modified: 0.001, or m6A=0.002,Psi=0.001.",
            show_default="the documented ones",
        ),
    ] = None,
    all_sites: Annotated[
        bool, typer.Option("--all-sites", help="Report every candidate, called or not.")
    ] = False,
    model: Annotated[
        Path | None,
        typer.Option(help="Weights file or folder of a training run.", show_default="the shipped"),
    ] = None,
    plot: Annotated[
        bool, typer.Option("--plot", help="Draw the first sequences (PNG and SVG).")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
) -> None:
    """Say which bases of the sequences are modified, and how sure that is.

    Every candidate base is scored for each modification that it can carry.
    'score' is calibrated where half of all candidates are modified,
    'probability' at a realistic prior; 'p_value' is the share of positions not
    known to be modified that score as high. 'vqrna model info' tells what the
    tiers mean.
    """
    from vqrna.predicting import make_settings, parse_priors

    if out == "-" and plot:
        raise UsageError("--plot needs a folder: --out cannot be -")
    if plot and any(path == "-" or _is_stream(Path(path)) for path in fasta):
        raise UsageError("--plot needs files: standard input and pipes can be read only once")
    priors = parse_priors(prior)

    from vqrna.predicting import draw_first, predict_files
    from vqrna.weights import load_model

    loaded = load_model(model, device)
    settings = make_settings(
        loaded.modifications,
        modifications=modifications,
        confidence=confidence,
        threshold=threshold,
        prior=priors,
        all_sites=all_sites,
    )
    if threshold is None and not all_sites:
        _tell_unmeasured(settings, loaded.tiers)
    found = predict_files(fasta, out, loaded, settings)
    _show(found, to_stderr=out == "-")
    if found.repeated_names:
        count = f"{found.repeated_names:,} of {found.records:,}"
        say("note", f"{count} records repeat a name: their sites cannot be told apart")
    if found.empty_records:
        say("note", f"{found.empty_records:,} of {found.records:,} records are empty")
    if plot:
        written, left_out = draw_first(fasta, Path(out), loaded, settings)
        for path in written:
            typer.echo(f"wrote {path}")
        if left_out:
            say("note", f"{left_out} of the first sequences are empty or too long to draw")


def _tell_unmeasured(settings: Settings, tiers: Tiers) -> None:
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


def _is_stream(path: Path) -> bool:
    """Tell whether this is a pipe or device, such as ``<(zcat a.fa.gz)`` or ``/dev/stdin``."""
    return path.exists() and not path.is_file() and not path.is_dir()


def _show(found: Prediction, *, to_stderr: bool) -> None:
    """Close with what was found, a row a modification."""
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
            *(f"{rate:.3f}" for rate in rates),
            style=None if row["called"] else "dim",
        )
    console = Console(stderr=to_stderr)
    what = "sequence" if found.records == 1 else "sequences"
    console.print(f"{found.records:,} {what}, {found.nt:,} nt", highlight=False)
    console.print(table)
    console.print(
        "per kb: calls in 1,000 nt; by chance: calls in 1,000 nt of shuffled sequence",
        style="dim",
        highlight=False,
    )
    if found.path is not None:
        console.print(f"wrote {found.path}", highlight=False, markup=False, soft_wrap=True)
