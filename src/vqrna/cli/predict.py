"""`vqrna predict`: from sequences or a genome to modified sites."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vqrna.cli.canonical import canonical
from vqrna.cli.exits import say
from vqrna.cli.prediction_input import is_stream, open_source, refuse_in_stream
from vqrna.cli.prediction_tables import show_prediction, show_unmeasured
from vqrna.errors import UsageError

_WHERE = {"out", "formats", "plot", "by_transcript"}
_ASIDE = {"jobs", "engine", "address", "shard", "resume", "device"} | _WHERE
"""What has no bearing on a row: heads of files leave it out, and ``run.json`` has it all."""

_CALLS = "What is called"
_GENOME = "In a genome"
_FILES = "Files"
_RUNNING = "How it runs"


def predict(
    typed: typer.Context,
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
            help="Threads, or actors of Ray.",
            show_default="one a core; threads up to 8",
            rich_help_panel=_RUNNING,
        ),
    ] = None,
    device: Annotated[
        str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.", rich_help_panel=_RUNNING)
    ] = "auto",
    engine: Annotated[
        str,
        typer.Option(
            help="threads, or ray: many cores, GPUs and machines.", rich_help_panel=_RUNNING
        ),
    ] = "threads",
    address: Annotated[
        str | None,
        typer.Option(
            help="Ray cluster to use: HOST:PORT of its head, or auto for this machine's.",
            show_default="one of its own",
            rich_help_panel=_RUNNING,
        ),
    ] = None,
    fast: Annotated[
        bool,
        typer.Option(
            "--fast",
            help="Read the codes in bfloat16: quicker, but scores move a little (docs/speed.md).",
            rich_help_panel=_RUNNING,
        ),
    ] = False,
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
    from vqrna.prediction import Shard, check_engine, open_engine, parse_priors

    check_engine(engine, address)
    in_genome = regions is not None or gtf is not None
    part = None if shard is None else Shard.of(shard)
    if out == "-":
        refuse_in_stream(
            plot=plot,
            shard=shard,
            fdr=fdr,
            formats=formats,
            gtf=by_transcript,
            engine=engine != "threads",
        )
    if plot and any(path == "-" or is_stream(Path(path)) for path in fasta):
        raise UsageError("--plot needs files: standard input and pipes can be read only once")
    if plot and (in_genome or part):
        raise UsageError("--plot draws the records of a FASTA file, not a genome or a shard")
    if not in_genome and (by_transcript or unspliced or context != "genome"):
        raise UsageError("--context, --unspliced and --by-transcript need --regions or --gtf")
    priors = parse_priors(prior)

    from vqrna.model.weights import load_model
    from vqrna.prediction import Output, draw_first, make_settings, parse_formats, predict_files

    output = Output(parse_formats(formats), organism, assembly, annotation, by_transcript)
    loaded = load_model(model, device if engine == "threads" else "cpu")
    settings = make_settings(
        loaded.modifications,
        modifications=modifications,
        confidence=confidence,
        threshold=threshold,
        prior=priors,
        all_sites=all_sites,
        fdr=fdr,
        precision="fast" if fast else "float32",
    )
    if threshold is None and not all_sites:
        show_unmeasured(settings, loaded.tiers)
    source = open_source(fasta, loaded, settings, regions, gtf, context, unspliced)
    with open_engine(
        engine, source, loaded, settings, jobs=jobs, device=device, address=address
    ) as chosen:
        found = predict_files(
            source,
            out,
            loaded,
            settings,
            output=output,
            model_path=model,
            engine=chosen,
            shard=part,
            fresh=not resume,
            command=canonical(typed, _ASIDE),
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
            verb = "is" if left_out == 1 else "are"
            say("note", f"{left_out} of the first sequences {verb} empty or too long to draw")
