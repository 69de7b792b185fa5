"""`vqrna variants`: predict which sites the variants of a VCF create, remove or change."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vqrna.cli.exits import say
from vqrna.cli.options import (
    CALLING,
    GENOME,
    OUTPUT,
    Address,
    CallingModel,
    Device,
    Engine,
    GenomeContext,
    IgnoreVersion,
    NameUntil,
    Priors,
    Resume,
    ShardOfRun,
    Workers,
    option,
)
from vqrna.cli.predict import canonical
from vqrna.cli.tables import new_console, new_table, plural
from vqrna.errors import UsageError

if TYPE_CHECKING:
    from vqrna.model import Model
    from vqrna.variation import TrackSource, VariantEffects, VariantSettings

_NOT_IN_FILES = {"jobs", "engine", "address", "shard", "resume", "device", "strict", "out",
                 "plot"}  # fmt: skip
"""Options without effect on the result."""


def open_variant_engine(
    name: str,
    source: TrackSource,
    model: Model,
    settings: VariantSettings,
    jobs: int | None,
    device: str,
    address: str | None,
) -> AbstractContextManager[Any]:
    """Return a context manager of the running engine: threads or ray."""
    from vqrna.prediction import resolve_jobs

    if name == "ray":
        from vqrna.variation.ray_engine import VariantRay

        return VariantRay.open(source, model, settings, jobs=jobs, device=device, address=address)
    from vqrna.variation.units import VariantThreads

    return nullcontext(VariantThreads(source, model, settings, resolve_jobs(jobs, model.device)))


def show_effects(result: VariantEffects, *, to_stderr: bool = False) -> None:
    """Print verdicts, effects by modification and class, files and notes."""
    console = new_console(stderr=to_stderr)
    count = sum(result.verdicts.values())
    verdicts = ", ".join(f"{n:,} {verdict}" for verdict, n in sorted(result.verdicts.items()))
    console.print(f"{plural(count, 'record')}: {verdicts or 'none'}")
    if result.reasons:
        reasons = sorted(result.reasons.items(), key=lambda item: (-item[1], item[0]))
        words = ", ".join(f"{reason} {n:,}" for reason, n in reasons)
        console.print(f"skipped alleles: {words}", soft_wrap=True)
    classes = [name for name in result.summary.columns if name != "modification"]
    table = new_table(("modification",), classes)
    for row in result.summary.to_dict("records"):
        counts = [int(row[name]) for name in classes]
        table.add_row(
            row["modification"], *(f"{n:,}" for n in counts), style=None if any(counts) else "dim"
        )
    console.print(table)
    for path in result.paths:
        console.print(f"wrote {path}", soft_wrap=True)
    for note in result.notes:
        say("note", note)


def variants(
    typed: typer.Context,
    vcf: Annotated[
        str,
        typer.Argument(
            help="VCF or BCF, plain or compressed; - for standard input.",
            metavar="VCF",
            show_default=False,
        ),
    ],
    out: Annotated[
        str,
        option(
            "Folder for the results, or - for the annotated VCF on standard output.",
            OUTPUT,
            metavar="DIR",
        ),
    ],
    fasta: Annotated[
        Path | None, option("Genome that the VCF refers to.", GENOME, metavar="FASTA")
    ] = None,
    gtf: Annotated[
        Path | None,
        option(
            "Annotation (GTF or GFF3): evaluate only exons, on their strand.",
            GENOME,
            names=("--gtf", "--gff"),
            default="both strands of the genome",
            metavar="FILE",
        ),
    ] = None,
    transcripts: Annotated[
        Path | None,
        option(
            "Transcripts that the VCF refers to, in place of a genome.", GENOME, metavar="FASTA"
        ),
    ] = None,
    context: GenomeContext = "genome",
    strict: Annotated[
        bool,
        option(
            "Stop at features of the annotation that cannot be used, instead of skipping and "
            "counting them.",
            GENOME,
            names=("--strict",),
        ),
    ] = False,
    name_until: NameUntil = "",
    ignore_version: IgnoreVersion = False,
    modifications: Annotated[
        list[str] | None,
        option(
            "Modifications, comma-separated or repeated.",
            CALLING,
            default="all of the model",
            metavar="LIST",
        ),
    ] = None,
    min_delta: Annotated[
        float, option("Smallest change of a probability to report.", CALLING)
    ] = 0.02,
    min_probability: Annotated[
        float,
        option(
            "Lowest probability of a site, for the classes gain and loss; by default that of the "
            "calls of predict (medium).",
            CALLING,
        ),
    ] = 0.1,
    prior: Priors = None,
    max_length: Annotated[
        int, option("Skip alleles with a longer REF or ALT (nt).", CALLING, metavar="N")
    ] = 1000,
    null_variants: Annotated[
        int,
        option("Random variants of each kind for the p-values; 0 for none.", CALLING, metavar="N"),
    ] = 500,
    seed: Annotated[int, option("Random seed of these variants.", CALLING, metavar="N")] = 0,
    model: CallingModel = None,
    formats: Annotated[
        list[str] | None,
        option(
            "Formats of the table of effects: tsv, parquet.",
            OUTPUT,
            names=("--format",),
            default="tsv",
            metavar="LIST",
        ),
    ] = None,
    plot: Annotated[
        int,
        option(
            "Draw the N records (at most 100) that change a probability most.", OUTPUT, metavar="N"
        ),
    ] = 0,
    jobs: Workers = None,
    device: Device = "auto",
    engine: Engine = "threads",
    address: Address = None,
    shard: ShardOfRun = None,
    resume: Resume = True,
) -> None:
    """Predict the sites that variants of a VCF create, remove or change.

    Both sequences are predicted and compared through the alignment of the
    allele. 'class' is gain or loss if the probability crosses --min-probability,
    else strengthened or weakened. 'p_value' is the share of positions that a
    random variant of the same kind, at the same distance, changes as much.

    An interrupted run continues when the same command is repeated.
    """
    from vqrna.prediction import Shard, engine_class, parse_priors

    engine_type = engine_class(engine, address)
    part = None if shard is None else Shard.parse(shard)
    if out == "-" and (part or formats or not engine_type.in_order):
        raise UsageError("--shard, --format and --engine ray need an output folder, not --out -")
    priors = parse_priors(prior)

    from vqrna.model.weights import load_model
    from vqrna.variation import annotate, make_variant_settings, open_tracks
    from vqrna.variation.output import parse_variant_formats

    names = parse_variant_formats(formats)
    loaded = load_model(model, device if engine_type.local else "cpu")
    if not loaded.scans_densely:
        say("note", "this model is evaluated window by window, which is slow")
    settings = make_variant_settings(
        loaded.modifications,
        modifications=modifications,
        prior=priors,
        min_delta=min_delta,
        min_probability=min_probability,
        max_length=max_length,
        null_variants=null_variants,
        seed=seed,
    )
    source = open_tracks(
        settings.modifications,
        fasta=fasta,
        transcripts=transcripts,
        gtf=gtf,
        context=context,
        strict=strict,
        name_until=name_until,
        ignore_version=ignore_version,
    )
    with open_variant_engine(engine, source, loaded, settings, jobs, device, address) as chosen:
        result = annotate(
            vcf,
            out,
            source,
            loaded,
            settings,
            formats=names,
            model_path=model,
            engine=chosen,
            shard=part,
            fresh=not resume,
            command=canonical(typed, _NOT_IN_FILES),
            plot=plot,
        )
    if result is None:
        typer.echo(
            f"shard {shard} is finished; when all are, run: vqrna join {out} "
            "(and the folders of the other shards, if they differ)"
        )
        return
    show_effects(result, to_stderr=out == "-")
