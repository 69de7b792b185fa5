"""`vqrna motifs`: saturation mutagenesis and the motifs in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vqrna.cli.exits import say
from vqrna.cli.options import OUTPUT, ModelPath, OneType, Palette
from vqrna.cli.tables import plural, report_files


def motifs(
    fasta: Annotated[
        list[str],
        typer.Argument(
            help="Windows with the site in the centre (odd length), plain or gzip; with "
            "--sites, sequences of any length.",
            metavar="FASTA...",
            show_default=False,
        ),
    ],
    modification: OneType,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the results.")],
    sites: Annotated[
        Path | None,
        typer.Option(
            metavar="TABLE",
            help="Sites in the sequences: sites.tsv from vqrna predict.",
            show_default=False,
        ),
    ] = None,
    model: ModelPath = None,
    convention: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="projected (observed base) or hypothetical (every base).",
        ),
    ] = "projected",
    paper: Annotated[
        bool,
        typer.Option(
            "--paper",
            help="As published: change of the probability, averaged before the absolute value.",
        ),
    ] = False,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="LIST",
            help="Attributions as npz, tsv; comma-separated or repeated.",
            show_default="both",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Known motifs (MEME format) to compare with.", show_default=False
        ),
    ] = None,
    palette: Palette = "types",
) -> None:
    """Show which bases a prediction depends on, and the motifs they form.

    Every base of every window is replaced by every other base (saturation
    mutagenesis); the change of the log-odds is its importance. Segments (seqlets)
    that are more important than chance are clustered into motifs.
    """
    from vqrna.interpret.files import parse_formats
    from vqrna.interpret.run import explain
    from vqrna.model.weights import load_model

    wanted = parse_formats(formats)
    result = explain(
        fasta,
        load_model(model, device="cpu"),
        modification,
        out,
        sites=sites,
        convention=convention,
        paper=paper,
        formats=wanted,
        known=compare,
        palette=palette,
        show_progress=True,
    )
    for line in result.windows.remarks():
        say("note", line)
    if result.few_known:
        say("note", f"p-values are unreliable with only {result.few_known} known motifs")
    typer.echo(f"{plural(len(result.windows), 'window')}, {plural(result.seqlets, 'seqlet')}")
    for motif in result.motifs:
        offset, share = motif.usual_offset
        typer.echo(
            f"{motif.name:<8} {motif.consensus:<16} in {motif.sites:,} windows, "
            f"{share:.0%} at {offset:+d} from the site"
        )
    report_files(result.written)
