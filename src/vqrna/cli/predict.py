"""`vqrna predict`: predict modified sites in sequences or in a genome."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vqrna.cli.exits import say
from vqrna.cli.options import (
    CALLING,
    GENOME,
    OUTPUT,
    RUN,
    Address,
    CallingModel,
    Device,
    Engine,
    Formats,
    GenomeContext,
    IgnoreVersion,
    NameUntil,
    Priors,
    Resume,
    ShardOfRun,
    Workers,
    option,
)
from vqrna.cli.scan_summary import show_prediction
from vqrna.cli.tables import plural, report_files
from vqrna.errors import UsageError
from vqrna.runtime.provenance import typed
from vqrna.runtime.run_record import skipped_notes

if TYPE_CHECKING:
    from vqrna.model import Model
    from vqrna.prediction import Settings, Source

_OUTPUT_ONLY = {"out", "formats", "plot", "by_transcript"}
_NOT_IN_FILES = {"jobs", "engine", "address", "shard", "resume", "device", "strict"} | _OUTPUT_ONLY
"""Options without effect on any row: left out of the command in file headers, kept in run.json."""


def canonical(context: typer.Context, exclude: Collection[str]) -> str:
    """Return the command with its options in the order of the help, without defaults.

    Equivalent command lines give the same text, so that file headers do not depend on how a
    command was typed.
    Parameters in `exclude` have no effect on the results and are left out.
    """
    words, options = context.command_path.split()[1:], list[str]()
    for parameter in context.command.params:
        name = parameter.name
        value = context.params.get(name or "")
        if not name or name in exclude or value is None:
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
    strict: bool,
    name_until: str,
    ignore_version: bool,
) -> Source:
    """Open the sequences, or the regions of a genome, to scan."""
    from vqrna.data.names import NameRule
    from vqrna.prediction import FastaSource

    if regions is None and annotation is None:
        return FastaSource(tuple(fasta), NameRule(name_until, ignore_version))
    if len(fasta) != 1 or fasta[0] == "-":
        raise UsageError("--regions and --gtf need exactly one FASTA file (not standard input)")
    from vqrna.genome import open_genome
    from vqrna.sequence import centre

    source = open_genome(
        fasta[0],
        regions=regions,
        annotation=annotation,
        context=context,
        unspliced=unspliced,
        flank=centre(model.length),
        modifications=settings.modifications,
        strict=strict,
        name_until=name_until,
        ignore_version=ignore_version,
    )
    for note in source.notes:
        say("note", note)
    return source


def refuse_in_stream(options: Mapping[str, bool], formats: list[str] | None) -> None:
    """Raise UsageError for an option that is set but needs an output folder."""
    for name, is_set in options.items():
        if is_set:
            raise UsageError(f"{name} needs an output folder, not --out -")
    if formats and formats != ["tsv"]:
        raise UsageError("standard output can only be tsv; other formats need an output folder")


def is_stream(path: Path) -> bool:
    """Return whether a path is a pipe or device, such as ``<(zcat a.fa.gz)`` or ``/dev/stdin``."""
    return path.exists() and not path.is_file() and not path.is_dir()


def show_uncalled(settings: Settings, model: Model) -> None:
    """Note the modifications of which no site can be called at the wanted confidence."""
    from vqrna.prediction.tier_notes import tier_notes

    for line in tier_notes(model, settings):
        say("note", line)


def predict(
    typed: typer.Context,
    fasta: Annotated[
        list[str],
        typer.Argument(
            help="FASTA files, plain, gzip or bgzip; - for standard input. "
            "One genome with --regions or --gtf.",
            metavar="FASTA...",
            show_default=False,
        ),
    ],
    out: Annotated[
        str,
        option(
            "Folder for the results, or - for a table on standard output.", OUTPUT, metavar="DIR"
        ),
    ],
    modifications: Annotated[
        list[str] | None,
        option(
            "Modifications, comma-separated or repeated: m6A,Psi, or codes such as a,17802.",
            CALLING,
            default="all of the model",
            metavar="LIST",
        ),
    ] = None,
    confidence: Annotated[
        str | None,
        option(
            "Lowest tier to report: low, medium or high.",
            CALLING,
            default="medium; none with --threshold, --min-probability or --top",
            metavar="TIER",
        ),
    ] = None,
    threshold: Annotated[
        float | None, option("Report sites with at least this score.", CALLING)
    ] = None,
    min_probability: Annotated[
        float | None, option("Report sites with at least this probability.", CALLING)
    ] = None,
    fdr: Annotated[
        float | None,
        option(
            "Report only sites with at most this q-value (and of tier medium, unless --confidence "
            "or another limit is set).",
            CALLING,
        ),
    ] = None,
    top: Annotated[
        int | None,
        option(
            "Report the N most probable sites of each sequence (or transcript) and modification, "
            "of any tier or none; with other limits, of the sites that these leave.",
            CALLING,
            metavar="N",
        ),
    ] = None,
    prior: Priors = None,
    all_sites: Annotated[
        bool, option("Report every candidate, called or not.", CALLING, names=("--all-sites",))
    ] = False,
    model: CallingModel = None,
    regions: Annotated[
        Path | None,
        option("Scan only these regions of the genome, on their strand.", GENOME, metavar="BED"),
    ] = None,
    gtf: Annotated[
        Path | None,
        option(
            "Scan the transcripts of this annotation (GTF or GFF3).",
            GENOME,
            names=("--gtf", "--gff"),
            metavar="FILE",
        ),
    ] = None,
    context: GenomeContext = "genome",
    unspliced: Annotated[
        bool, option("Scan introns as well.", GENOME, names=("--unspliced",))
    ] = False,
    by_transcript: Annotated[
        bool,
        option(
            "Also write transcripts.tsv, one row per site and transcript.",
            GENOME,
            names=("--by-transcript",),
        ),
    ] = False,
    strict: Annotated[
        bool,
        option(
            "Stop at features of regions and annotation that cannot be used, instead of skipping "
            "and counting them.",
            GENOME,
            names=("--strict",),
        ),
    ] = False,
    name_until: NameUntil = "",
    ignore_version: IgnoreVersion = False,
    formats: Formats = None,
    organism: Annotated[str, option("NCBI taxonomy number, for the bedRMod header.", OUTPUT)] = "",
    assembly: Annotated[str, option("Name of the assembly, for the bedRMod header.", OUTPUT)] = "",
    annotation: Annotated[
        str, option("Source and version of the annotation, for the bedRMod header.", OUTPUT)
    ] = "",
    plot: Annotated[
        bool, option("Plot the first six sequences (PNG and SVG).", OUTPUT, names=("--plot",))
    ] = False,
    jobs: Workers = None,
    device: Device = "auto",
    engine: Engine = "threads",
    address: Address = None,
    fast: Annotated[
        bool,
        option(
            "Compute the classifier in bfloat16 on devices where this is faster; scores change "
            "slightly (docs/speed.md).",
            RUN,
            names=("--fast",),
        ),
    ] = False,
    shard: ShardOfRun = None,
    resume: Resume = True,
) -> None:
    """Predict modified sites in RNA sequences.

    Every base that can carry a modification is scored for it. 'score' is
    calibrated for equal numbers of modified and unmodified bases, 'probability'
    for a realistic prior. 'p_value' is the share of unmodified positions that
    score at least as high, 'q_value' the false discovery rate. 'vqrna model
    info' describes the tiers.

    An interrupted run continues when the same command is repeated.
    """
    from vqrna.prediction import Shard, engine_class, open_engine, parse_priors

    engine_type = engine_class(engine, address)
    in_genome = regions is not None or gtf is not None
    part = None if shard is None else Shard.parse(shard)
    if out == "-":
        needing_folder = {
            "--plot": plot,
            "--shard": shard is not None,
            "--fdr": fdr is not None,
            "--by-transcript": by_transcript,
            "--engine ray": not engine_type.in_order,
        }
        refuse_in_stream(needing_folder, formats)
    if plot and any(path == "-" or is_stream(Path(path)) for path in fasta):
        raise UsageError("--plot needs files: standard input and pipes can only be read once")
    if plot and (in_genome or part):
        raise UsageError(
            "--plot needs FASTA records: it cannot be combined with a genome or --shard"
        )
    if not in_genome and (by_transcript or unspliced or strict or context != "genome"):
        raise UsageError(
            "--context, --unspliced, --by-transcript and --strict need --regions or --gtf"
        )
    priors = parse_priors(prior)

    from vqrna.model.weights import load_model
    from vqrna.prediction import (
        FIRST,
        FastaSource,
        Output,
        draw_first,
        make_settings,
        parse_formats,
        predict_files,
    )
    from vqrna.runtime.devices import choose_device, fast_bfloat16

    output = Output(parse_formats(formats), organism, assembly, annotation, by_transcript)
    loaded = load_model(model, device if engine_type.local else "cpu")
    if not loaded.scans_densely:
        say("note", "this model is scanned window by window, which is slow")
    if fast and engine_type.local:
        name = choose_device(device).name
        fast = fast_bfloat16(name)
        if not fast:
            say("note", f"--fast is ignored: this {name} computes bfloat16 slower than float32")
    settings = make_settings(
        loaded.modifications,
        modifications=modifications,
        confidence=confidence,
        threshold=threshold,
        min_probability=min_probability,
        prior=priors,
        all_sites=all_sites,
        fdr=fdr,
        top=top,
        precision="fast" if fast else "float32",
    )
    source = open_source(
        fasta,
        loaded,
        settings,
        regions,
        gtf,
        context,
        unspliced,
        strict,
        name_until,
        ignore_version,
    )
    with open_engine(
        engine, source, loaded, settings, jobs=jobs, device=device, address=address
    ) as chosen:
        result = predict_files(
            source,
            out,
            loaded,
            settings,
            output=output,
            model_path=model,
            engine=chosen,
            shard=part,
            fresh=not resume,
            command=canonical(typed, _NOT_IN_FILES),
        )
    if result is None:
        typer.echo(
            f"shard {shard} is finished; when all are, run: vqrna join {out} "
            "(and the folders of the other shards, if they differ)"
        )
        for note in skipped_notes(source.skipped):
            say("note", note)
        return
    show_prediction(result, to_stderr=out == "-")
    if not all_sites:
        show_uncalled(settings, loaded)
    if plot and isinstance(source, FastaSource):
        written, left_out = draw_first(source, Path(out), loaded, settings)
        report_files(written)
        if result.records > FIRST:
            say("note", f"plotted the first {FIRST} of {result.records:,} sequences")
        if left_out:
            say("note", f"{plural(left_out, 'sequence')} not plotted: empty or too long")
