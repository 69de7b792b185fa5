"""`vqrna motifs`: saturation mutagenesis and the motifs in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vqrna.cli.exits import say
from vqrna.cli.options import (
    OUTPUT,
    IgnoreVersion,
    ModelPath,
    NameUntil,
    OneType,
    Palette,
    folder_option,
    option,
)
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
    out: Annotated[Path, folder_option("Folder for the results.")],
    sites: Annotated[
        Path | None,
        option("Sites in the sequences: sites.tsv from vqrna predict.", metavar="TABLE"),
    ] = None,
    name_until: NameUntil = "",
    ignore_version: IgnoreVersion = False,
    model: ModelPath = None,
    convention: Annotated[
        str, option("projected (observed base) or hypothetical (every base).", metavar="NAME")
    ] = "projected",
    paper: Annotated[
        bool,
        option(
            "As published: change of the probability, averaged before the absolute value.",
            names=("--paper",),
        ),
    ] = False,
    formats: Annotated[
        list[str] | None,
        option(
            "Attributions as npz, tsv; comma-separated or repeated.",
            OUTPUT,
            names=("--format",),
            default="both",
            metavar="LIST",
        ),
    ] = None,
    compare: Annotated[
        Path | None, option("Known motifs (MEME format) to compare with.", metavar="FILE")
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
        name_until=name_until,
        ignore_version=ignore_version,
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
