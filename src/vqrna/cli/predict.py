"""`vqrna predict`: from sequences or a genome to modified sites."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vqrna.cli.exits import say
from vqrna.cli.prediction_tables import show_prediction, show_unmeasured
from vqrna.errors import UsageError

if TYPE_CHECKING:
    from vqrna.scanning import Settings, Source
    from vqrna.trained import Model

_CALLS = "What is called"
_GENOME = "In a genome"
_FILES = "Files"
_RUNNING = "How it runs"


def predict(
    fasta: Annotated[
        list[str],
        typer.Argument(
            help="FASTA files, plain, gzip or bgzip; - is standard input. "
            "With --regions or --gtf, one genome.",
            metavar="FASTA...",
            show_default=False,
        ),
    ],
    out: Annotated[
        str,
        typer.Option(
            help="Folder for the results, or - for a table on standard output.",
            rich_help_panel=_FILES,
        ),
    ],
    modifications: Annotated[
        list[str] | None,
        typer.Option(
            help="Types, comma-separated or repeated.",
            show_default="all of the model",
            rich_help_panel=_CALLS,
        ),
    ] = None,
    confidence: Annotated[
        str,
        typer.Option(
            help="Lowest tier that is called: low, medium or high.", rich_help_panel=_CALLS
        ),
    ] = "medium",
    threshold: Annotated[
        float | None,
        typer.Option(
            help="Lowest score that is called, in place of a tier.",
            show_default=False,
            rich_help_panel=_CALLS,
        ),
    ] = None,
    fdr: Annotated[
        float | None,
        typer.Option(
            help="Call only sites with a q-value up to this, over all candidates of a type.",
            show_default=False,
            rich_help_panel=_CALLS,
        ),
    ] = None,
    prior: Annotated[
        list[str] | None,
        typer.Option(
            help="Share of candidates that is modified: 0.001, or m6A=0.002,Psi=0.001.",
            show_default="the documented ones",
            rich_help_panel=_CALLS,
        ),
    ] = None,
    all_sites: Annotated[
        bool,
        typer.Option(
            "--all-sites",
            help="Report every candidate, called or not.",
            rich_help_panel=_CALLS,
        ),
    ] = False,
    model: Annotated[
        Path | None,
        typer.Option(
            help="Weights file or folder of a training run.",
            show_default="the shipped",
            rich_help_panel=_CALLS,
        ),
    ] = None,
    regions: Annotated[
        Path | None,
        typer.Option(
            help="Scan only these regions (BED) of the genome, on their strand.",
            show_default=False,
            rich_help_panel=_GENOME,
        ),
    ] = None,
    gtf: Annotated[
        Path | None,
        typer.Option(
            "--gtf",
            "--gff",
            help="Scan the transcripts of this annotation (GTF or GFF3).",
            show_default=False,
            rich_help_panel=_GENOME,
        ),
    ] = None,
    context: Annotated[
        str,
        typer.Option(
            help="What the model sees around a site: genome or transcript.",
            rich_help_panel=_GENOME,
        ),
    ] = "genome",
    unspliced: Annotated[
        bool,
        typer.Option("--unspliced", help="Scan introns, too.", rich_help_panel=_GENOME),
    ] = False,
    by_transcript: Annotated[
        bool,
        typer.Option(
            "--by-transcript",
            help="Also write transcripts.tsv, a row a transcript and site.",
            rich_help_panel=_GENOME,
        ),
    ] = False,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            help="tsv, parquet, bed, bedrmod, bedgraph, bigwig; comma-separated or repeated.",
            show_default="tsv",
            rich_help_panel=_FILES,
        ),
    ] = None,
    organism: Annotated[
        str,
        typer.Option(
            help="NCBI taxonomy number, for the head of bedRMod.",
            show_default=False,
            rich_help_panel=_FILES,
        ),
    ] = "",
    assembly: Annotated[
        str,
        typer.Option(
            help="Name of the assembly, for the head of bedRMod.",
            show_default=False,
            rich_help_panel=_FILES,
        ),
    ] = "",
    annotation: Annotated[
        str,
        typer.Option(
            help="Source and version of the annotation, for the head of bedRMod.",
            show_default=False,
            rich_help_panel=_FILES,
        ),
    ] = "",
    plot: Annotated[
        bool,
        typer.Option(
            "--plot", help="Draw the first sequences (PNG and SVG).", rich_help_panel=_FILES
        ),
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            help="Threads.",
            show_default="one a core, up to 8",
            rich_help_panel=_RUNNING,
        ),
    ] = None,
    device: Annotated[
        str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.", rich_help_panel=_RUNNING)
    ] = "auto",
    shard: Annotated[
        str | None,
        typer.Option(
            help="Do the i-th of n parts of the work, as 1/8; then vqrna join.",
            show_default=False,
            rich_help_panel=_RUNNING,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume/--fresh",
            help="Go on from what a stopped run has finished, or begin anew.",
            rich_help_panel=_RUNNING,
        ),
    ] = True,
) -> None:
    """Say which bases are modified, and how sure that is.

    Every candidate base is scored for each modification that it can carry.
    'score' is calibrated where half of all candidates are modified,
    'probability' at a realistic prior; 'p_value' is the share of positions not
    known to be modified that score as high, 'q_value' the false discovery rate
    among all that score as high. 'vqrna model info' tells what the tiers mean.

    Stopped runs go on where they were: the same command again is enough.
    """
    from vqrna.scanning import Shard, parse_priors

    in_genome = regions is not None or gtf is not None
    part = None if shard is None else Shard.of(shard)
    if out == "-":
        _refuse_in_stream(plot=plot, shard=shard, fdr=fdr, formats=formats, gtf=by_transcript)
    if plot and any(path == "-" or _is_stream(Path(path)) for path in fasta):
        raise UsageError("--plot needs files: standard input and pipes can be read only once")
    if plot and (in_genome or part):
        raise UsageError("--plot draws the records of a FASTA file, not a genome or a shard")
    if not in_genome and (by_transcript or unspliced or context != "genome"):
        raise UsageError("--context, --unspliced and --by-transcript need --regions or --gtf")
    priors = parse_priors(prior)

    from vqrna.predicting import Output, draw_first, make_settings, parse_formats, predict_files
    from vqrna.weights import load_model

    output = Output(parse_formats(formats), organism, assembly, annotation, by_transcript)
    loaded = load_model(model, device)
    settings = make_settings(
        loaded.modifications,
        modifications=modifications,
        confidence=confidence,
        threshold=threshold,
        prior=priors,
        all_sites=all_sites,
        fdr=fdr,
    )
    if threshold is None and not all_sites:
        show_unmeasured(settings, loaded.tiers)
    source = _source(fasta, loaded, settings, regions, gtf, context, unspliced)
    found = predict_files(
        source,
        out,
        loaded,
        settings,
        output=output,
        model_path=model,
        jobs=jobs,
        shard=part,
        fresh=not resume,
    )
    if found is None:
        typer.echo(f"shard {shard} is done; when all are: vqrna join {out}")
        return
    show_prediction(found, to_stderr=out == "-")
    if plot:
        written, left_out = draw_first(fasta, Path(out), loaded, settings)
        for path in written:
            typer.echo(f"wrote {path}")
        if left_out:
            say("note", f"{left_out} of the first sequences are empty or too long to draw")


def _source(
    fasta: list[str],
    model: Model,
    settings: Settings,
    regions: Path | None,
    annotation: Path | None,
    context: str,
    unspliced: bool,
) -> Source:
    """Open what is to be scanned."""
    from vqrna.scanning import FastaSource

    if regions is None and annotation is None:
        return FastaSource(tuple(fasta))
    if len(fasta) != 1 or fasta[0] == "-":
        raise UsageError("--regions and --gtf need one genome, in a file")
    from vqrna.genome import open_genome
    from vqrna.sequence import centre

    source = open_genome(
        fasta[0],
        regions=regions,
        annotation=annotation,
        context=context,
        unspliced=unspliced,
        flank=centre(model.length),
        kinds=settings.modifications,
    )
    for note in source.notes:
        say("note", note)
    return source


def _refuse_in_stream(**wanted: object) -> None:
    """Say which options a table on standard output cannot serve."""
    names = {"plot": "--plot", "shard": "--shard", "fdr": "--fdr", "gtf": "--by-transcript"}
    for key, name in names.items():
        if wanted[key]:
            raise UsageError(f"{name} needs a folder: --out cannot be -")
    if wanted["formats"] and wanted["formats"] != ["tsv"]:
        raise UsageError("standard output takes tsv alone: for other formats give --out a folder")


def _is_stream(path: Path) -> bool:
    """Tell whether this is a pipe or device, such as ``<(zcat a.fa.gz)`` or ``/dev/stdin``."""
    return path.exists() and not path.is_file() and not path.is_dir()
