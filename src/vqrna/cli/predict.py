"""`vqrna predict`: from sequences or a genome to modified sites.

One way to write a command, whatever way it was typed.

What `vqrna predict` scans, and what it cannot do with it.

How a prediction is told on the terminal.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vqrna.cli.exits import say
from vqrna.errors import UsageError
from vqrna.runtime.provenance import typed

if TYPE_CHECKING:
    from vqrna.model import Model
    from vqrna.prediction import Prediction, Settings, Source
    from vqrna.stats.tiers import Tiers


def canonical(context: typer.Context, aside: Collection[str]) -> str:
    """Write a command with its options in the order of the help, those at their default left out.

    Parameters
    ----------
    context : typer.Context
        Of the command that runs.
    aside : collection of str
        Names of parameters to leave out: those that say where, by whom or with how many workers a
        thing is done, and so have no bearing on what comes out.

    Returns
    -------
    str
        The same for all ways to ask for the same, so that it may stand in the heads of files.
    """
    words, options = context.command_path.split()[1:], list[str]()
    for parameter in context.command.params:
        name = parameter.name
        value = context.params.get(name or "")
        if not name or name in aside or value is None:
            continue
        values = [str(each) for each in value] if isinstance(value, list | tuple) else [str(value)]
        if parameter.param_type_name == "argument":
            words += values
        elif isinstance(value, bool):
            if value != parameter.default:
                options.append(parameter.opts[0] if value else parameter.secondary_opts[0])
        elif value != parameter.default:
            for each in values:
                options += [parameter.opts[0], each]
    return typed([*words, *options])


def open_source(
    fasta: list[str],
    model: Model,
    settings: Settings,
    regions: Path | None,
    annotation: Path | None,
    context: str,
    unspliced: bool,
) -> Source:
    """Open what is to be scanned."""
    from vqrna.prediction import FastaSource

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


def refuse_in_stream(**wanted: object) -> None:
    """Say which options a table on standard output cannot serve."""
    names = {
        "plot": "--plot",
        "shard": "--shard",
        "fdr": "--fdr",
        "gtf": "--by-transcript",
        "engine": "--engine ray",
    }
    for key, name in names.items():
        if wanted[key]:
            raise UsageError(f"{name} needs a folder: --out cannot be -")
    if wanted["formats"] and wanted["formats"] != ["tsv"]:
        raise UsageError("standard output takes tsv alone: for other formats give --out a folder")


def is_stream(path: Path) -> bool:
    """Tell whether this is a pipe or device, such as ``<(zcat a.fa.gz)`` or ``/dev/stdin``."""
    return path.exists() and not path.is_file() and not path.is_dir()


MOST_PATHS = 5
"""More files than these are counted, not named."""


def show_unmeasured(settings: Settings, tiers: Tiers) -> None:
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
    symbols = [m.symbol for m in settings.modifications]
    without = tiers.missing(settings.columns, symbols).get(settings.confidence)
    if without:
        say(
            "note",
            f"{', '.join(without)}: too little was measured of this model for the tier "
            f"{settings.confidence}, and nothing is called; --confidence low calls more",
        )


def show_prediction(found: Prediction, *, to_stderr: bool = False) -> None:
    """Close with what was found, a row a modification, and what was odd."""
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
            *("-" if rate != rate else f"{rate:.3f}" for rate in rates),
            style=None if row["called"] else "dim",
        )
    console = Console(stderr=to_stderr)
    what = "stretch of the genome" if found.in_genome else "sequence"
    if found.records != 1:
        what = "stretches of the genome" if found.in_genome else "sequences"
    console.print(f"{found.records:,} {what}, {found.nt:,} nt", highlight=False)
    console.print(table)
    console.print(
        "per kb: calls in 1,000 nt; by chance: calls in 1,000 nt of shuffled sequence",
        style="dim",
        highlight=False,
    )
    ties, tokens = found.near_ties
    if ties:
        told = f"{ties:,} of {tokens:,} codes were nearly tied and settled in double precision"
        console.print(told, style="dim", highlight=False)
    written = [str(path) for path in found.paths]
    if len(written) > MOST_PATHS:
        written = [f"{len(written)} files to {found.paths[0].parent}"]
    for words in written:
        console.print(f"wrote {words}", highlight=False, markup=False, soft_wrap=True)
    if found.repeated_names:
        count = f"{found.repeated_names:,} of {found.records:,} records"
        verb = "repeats" if found.repeated_names == 1 else "repeat"
        say("note", f"{count} {verb} a name: their sites cannot be told apart")
    if found.empty_records:
        verb = "is" if found.empty_records == 1 else "are"
        say("note", f"{found.empty_records:,} of {found.records:,} records {verb} empty")
    for words in (*found.unreachable, *found.notes):
        say("note", words)


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
    from vqrna.prediction import Shard, engine_class, open_engine, parse_priors

    engine_type = engine_class(engine, address)
    in_genome = regions is not None or gtf is not None
    part = None if shard is None else Shard.of(shard)
    if out == "-":
        refuse_in_stream(
            plot=plot,
            shard=shard,
            fdr=fdr,
            formats=formats,
            gtf=by_transcript,
            engine=not engine_type.in_order,
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
    loaded = load_model(model, device if engine_type.local else "cpu")
    if not loaded.scans_densely:
        say("note", "this model is scanned window by window, which is slow")
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
