"""`vqrna motifs`: which bases a prediction rests on, and the motifs they form."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vqrna.cli.exits import say
from vqrna.cli.options import ModelPath, OneType, Palette


def motifs(
    fasta: Annotated[
        list[str],
        typer.Argument(
            help="Windows with the site in their centre (odd length), plain or gzip; "
            "with --sites, sequences of any length.",
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
            help="Sites in the sequences: sites.tsv of vqrna predict.",
            show_default=False,
        ),
    ] = None,
    model: ModelPath = None,
    convention: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="projected (on the observed base) or hypothetical (every base).",
        ),
    ] = "projected",
    paper: Annotated[
        bool,
        typer.Option(
            "--paper",
            help="As published: changes of the sigmoid, averaged before the absolute value.",
        ),
    ] = False,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="LIST",
            help="Attributions as npz, tsv; comma-separated or repeated.",
            show_default="both",
        ),
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Known motifs (MEME) to compare with.", show_default=False
        ),
    ] = None,
    palette: Palette = "types",
) -> None:
    """Show which bases a prediction rests on, and the motifs that they form.

    Every base of every window is replaced by every other (saturation
    mutagenesis); the change of the type's log-odds is its importance. Stretches
    that matter more than chance are grouped to motifs.
    """
    from vqrna.interpret.files import parse_formats
    from vqrna.interpret.run import explain
    from vqrna.model.weights import load_model

    wanted = parse_formats(formats)
    found = explain(
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
    for line in found.windows.remarks():
        say("note", line)
    if found.few_known:
        say("note", f"p-values against as few as {found.few_known} motifs mean little")
    windows, seqlets = len(found.windows), found.seqlets
    typer.echo(
        f"{windows:,} window{'s' * (windows != 1)}, "
        f"{seqlets:,} stretch{'es' * (seqlets != 1)} that matter"
    )
    for motif in found.motifs:
        offset, share = motif.usual_offset
        typer.echo(
            f"{motif.name:<8} {motif.consensus:<16} in {motif.sites:,} windows, "
            f"{share:.0%} at {offset:+d} from the site"
        )
    for path in found.written:
        typer.echo(f"wrote {path}")
