"""Predict the effects of variants, in memory or from a file to a folder."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from vqrna._version import __version__
from vqrna.errors import DataError, UsageError
from vqrna.genome.fasta import Chromosomes
from vqrna.model import Model
from vqrna.model.weights import load_model
from vqrna.prediction.engines import resolve_jobs
from vqrna.prediction.resumable import resumable_run
from vqrna.prediction.scan import Shard
from vqrna.runtime.files import output_files
from vqrna.runtime.progress import Bar, progress
from vqrna.runtime.provenance import command_line, facts
from vqrna.runtime.run_record import (
    FILE_NAME,
    SkippedInput,
    record_of_file,
    run_record,
    skipped_notes,
    to_json,
)
from vqrna.runtime.streams import writing_table
from vqrna.variation.null import NullTable, groups_of, sample_null
from vqrna.variation.output import (
    COLUMNS,
    LARGEST,
    RECORD_COLUMNS,
    VCF_NAME,
    EffectWriter,
    VariantTotals,
    annotated_lines,
    effect_table,
    record_table,
    with_records,
    write_vcf,
)
from vqrna.variation.parts import VariantPart
from vqrna.variation.pictures import VariantPictures, is_picture, write_pictures
from vqrna.variation.result import VariantEffects
from vqrna.variation.settings import (
    MAX_LENGTH,
    MIN_DELTA,
    MIN_PROBABILITY,
    NULL_VARIANTS,
    VariantSettings,
    make_variant_settings,
)
from vqrna.variation.store import StoredParts, VariantStore, input_digests, run_key
from vqrna.variation.track_source import TrackSource, open_tracks
from vqrna.variation.units import VariantEngine, VariantThreads, VariantUnit, cut_units
from vqrna.variation.vcf import VcfFile, open_vcf

Input = str | PathLike[str]


def variants(
    vcf: Input,
    *,
    fasta: Input | None = None,
    gtf: Input | None = None,
    transcripts: Input | None = None,
    context: str = "genome",
    model: Model | Input | None = None,
    modifications: str | Sequence[str] | None = None,
    prior: float | Mapping[str, float] | None = None,
    min_delta: float = MIN_DELTA,
    min_probability: float = MIN_PROBABILITY,
    max_length: int = MAX_LENGTH,
    null_variants: int = NULL_VARIANTS,
    seed: int = 0,
    strict: bool = False,
    name_until: str = "",
    ignore_version: bool = False,
    device: str = "auto",
    jobs: int | None = None,
    show_progress: bool = False,
) -> VariantEffects:
    """Predict which modification sites variants create, remove or change, in memory.

    Parameters
    ----------
    vcf : path
        VCF or BCF, plain or compressed; ``-`` is standard input.
    fasta : path, optional
        The genome that the VCF refers to; without `gtf` both strands are evaluated.
    gtf : path, optional
        Annotation (GTF or GFF3): only its exons are evaluated.
    transcripts : path, optional
        Transcripts that the VCF refers to, in place of a genome.
    context : {"genome", "transcript"}
        With `gtf`, what the model sees around a site.
    model : Model or path, optional
        The shipped one if not given.
    modifications : str or sequence of str, optional
        Such as ``"m6A,Psi"``; all of the model if not given.
    prior : float or mapping of str to float, optional
        Assumed fraction of candidates that are modified, for all modifications or by symbol.
    min_delta : float
        Least change of a probability that is reported.
    min_probability : float
        Least probability of a site, for the classes gain and loss.
    max_length : int
        Longest REF or ALT in nt.
    null_variants : int
        Random variants of each kind for the p-values; 0 for none.
    seed : int
        Of the random variants.
    strict : bool
        Raise DataError for features of the annotation that cannot be used; else they are skipped.
    name_until : str
        Cut names of sequences at the first occurrence of this text, in all files.
    ignore_version : bool
        Drop versions from names of sequences, in all files: ENST1.4 becomes ENST1.
    device : str
        Device for a model that is loaded: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    jobs : int, optional
        Number of threads; one per core, up to 8, if not given.
    show_progress : bool

    Returns
    -------
    VariantEffects

    Raises
    ------
    DataError
        If a file is invalid.
    UsageError
        If a setting is invalid.

    Examples
    --------
    >>> import vqrna
    >>> result = vqrna.variants("my.vcf", fasta="genome.fa", gtf="genes.gtf")  # doctest: +SKIP
    >>> result.effects.sort_values("delta").head()  # doctest: +SKIP
    """
    loaded = model if isinstance(model, Model) else load_model(model, device)
    settings = make_variant_settings(
        loaded.modifications,
        modifications=modifications,
        prior=prior,
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
    engine = VariantThreads(source, loaded, settings, resolve_jobs(jobs, loaded.device))
    with open_vcf(vcf) as file:
        total = _count_records(file, source)
        with progress(total, "variants", unit="records", show=show_progress) as bar:
            scored = list(engine.run(cut_units(file.records()), bar.advance))
    parts = [part for _, part in scored]
    null = _null(parts, source, loaded, settings, engine.jobs, show_progress)
    totals = VariantTotals()
    effects, records = [], []
    for unit, part in scored:
        totals.add(part, settings)
        effects.append(effect_table(part, unit.records, settings, null.p_values(part)))
        records.append(record_table(part, unit.records))
    return VariantEffects(
        pd.concat(effects, ignore_index=True) if effects else pd.DataFrame(columns=list(COLUMNS)),
        pd.concat(records, ignore_index=True)
        if records
        else pd.DataFrame(columns=list(RECORD_COLUMNS)),
        totals.table(settings),
        dict(totals.verdicts),
        dict(totals.reasons),
        notes=_notes(source, totals),
        largest=totals.largest,
        pictures=VariantPictures(
            source, loaded, settings, tuple(r for unit, _ in scored for r in unit.records)
        ),
    )


def annotate(
    vcf: Input,
    out: Input,
    source: TrackSource,
    model: Model,
    settings: VariantSettings,
    *,
    formats: Sequence[str] = ("tsv",),
    model_path: Input | None = None,
    jobs: int | None = None,
    engine: VariantEngine | None = None,
    shard: Shard | None = None,
    fresh: bool = False,
    command: str | None = None,
    plot: int = 0,
    show_progress: bool = True,
) -> VariantEffects | None:
    """Predict the effects of the variants of a file, and write tables and an annotated VCF.

    Finished parts are kept in the folder until the run is complete: after a kill the same call
    resumes, and writes the same bytes.

    Parameters
    ----------
    vcf : path or ``-``
        VCF or BCF.
    out : path-like or ``-``
        Folder, or standard output, to which only the VCF is written.
    source : TrackSource
    model : Model
    settings : VariantSettings
    formats : sequence of str
        Of the table of effects: :data:`vqrna.variation.output.FORMATS`.
    model_path : path, optional
        File that `model` was loaded from, for joining shards; the shipped one if not given.
    jobs : int, optional
        Number of threads; one per core, up to 8, if not given.
    engine : VariantEngine, optional
        Engine to use instead of threads.
    shard : Shard, optional
        Score only its units, and keep the parts for ``vqrna join``.
    fresh : bool
        Ignore the parts of an earlier run.
    command : str, optional
        Command for the files; the one that was typed if not given.
    plot : int
        Number of records to draw: those that change a probability most, at most
        :data:`vqrna.variation.output.LARGEST`.
    show_progress : bool

    Returns
    -------
    VariantEffects, or None
        Without tables; None for a shard.

    Raises
    ------
    DataError
        If an input is missing or invalid, or `out` cannot be written.
    UsageError
        If options contradict each other.
    """
    if not str(out):
        raise UsageError("--out is empty (expected a folder, or - for standard output)")
    if not 0 <= plot <= LARGEST:
        raise UsageError(f"invalid --plot {plot} (expected 0 to {LARGEST})")
    if plot and (shard is not None or str(out) == "-"):
        raise UsageError("--plot needs a whole run and an output folder")
    engine = engine or VariantThreads(source, model, settings, resolve_jobs(jobs, model.device))
    command = command or command_line()
    with open_vcf(vcf) as file:
        total = _count_records(file, source)  # rejects a malformed file before the work
        if str(out) == "-":
            header = facts(model.hash, command, **settings.describe(), **source.describe())
            return _stream(file, source, settings, engine, total, header, show_progress)
        if shard is not None and (not model.hash or file.path != Path(str(vcf))):
            raise UsageError("--shard needs a file that can be read again and a saved model")
        digests = input_digests(file, source)
        key = run_key(digests, source, model, settings, engine.device) if model.hash else None
        outputs = (VCF_NAME, "variants.tsv", "records.tsv")
        with resumable_run(VariantStore, out, key, outputs, shard=shard, fresh=fresh) as store:
            start = time.monotonic()
            with progress(total, "variants", unit="records", show=show_progress) as bar:
                count, resumed = _fill(store, cut_units(file.records()), engine, bar, shard)
            run: dict[str, Any] = {
                "device": engine.device, "jobs": engine.jobs, "engine": engine.name,
                "parts": count, "resumed": resumed,
                "seconds": round(time.monotonic() - start, 1),
            }  # fmt: skip
            if shard is not None:
                plan = {
                    "vqrna": __version__, "command": command, "units": count,
                    "model": {
                        "path": None if model_path is None else str(Path(model_path).resolve()),
                        "hash": model.hash,
                    },
                    "settings": settings.to_dict(), "source": source.spec(),
                    "vcf": str(Path(str(vcf)).resolve()), "digests": digests,
                    "formats": list(formats), "run": run,
                }  # fmt: skip
                plan |= {"shard": [shard.index, shard.count]}
                store.write_plan(plan, shard.index, shard.count)
                return None
            return write_results(
                StoredParts([store] * count), store.folder, file, source, model, settings, formats,
                command, run, jobs=engine.jobs, plot=plot, show_progress=show_progress,
            )  # fmt: skip


def _count_records(vcf: VcfFile, source: TrackSource) -> int:
    """Count the records; raises DataError if none is on a known sequence, as with chr1 and 1."""
    first, count, known = None, 0, False
    for record in vcf.records():
        first, count = first or record, count + 1
        known = known or source.chromosome(record.chrom) is not None
    if first is not None and not known:
        reason = Chromosomes(source.genome).missing_message(first.chrom.encode())
        raise DataError(f"no record can be scored; the first: {reason}", file=vcf.shown)
    return count


def _fill(
    store: VariantStore,
    units: Iterator[VariantUnit],
    engine: VariantEngine,
    bar: Bar,
    shard: Shard | None,
) -> tuple[int, int]:
    """Score the units that are missing; return the number of units, and of finished ones."""
    count = resumed = 0

    def missing() -> Iterator[VariantUnit]:
        nonlocal count, resumed
        for unit in units:
            count += 1
            if shard is not None and not shard.holds(unit.number):
                continue
            if store.has(unit.number, unit.digest):
                resumed += 1
                bar.advance(len(unit.records))
                continue
            yield unit

    for unit, part in engine.run(missing(), bar.advance):
        store.write_variants(unit.number, part, unit.digest)
    return count, resumed


def _null(
    parts: Sequence[VariantPart] | StoredParts,
    source: TrackSource,
    model: Model,
    settings: VariantSettings,
    jobs: int,
    show_progress: bool,
) -> NullTable:
    if not settings.null_variants:
        return NullTable({})
    groups = groups_of(iter(parts))
    return sample_null(groups, source, model, settings, jobs=jobs, show_progress=show_progress)


def write_results(
    parts: StoredParts,
    folder: Path,
    vcf: VcfFile,
    source: TrackSource,
    model: Model,
    settings: VariantSettings,
    formats: Sequence[str],
    command: str,
    run: Mapping[str, Any],
    *,
    jobs: int = 1,
    plot: int = 0,
    show_progress: bool = False,
) -> VariantEffects:
    """Write the output files of a run.

    Parameters
    ----------
    command : str
        The command, without options that do not affect the result.
    run : mapping
        Details of this run, written to ``run.json`` only, since they may differ for the same
        result.
    """
    null = _null(parts, source, model, settings, jobs, show_progress)
    totals = VariantTotals()
    header = facts(model.hash, command, **settings.describe(), **source.describe())
    with output_files(folder) as files:
        writer = EffectWriter(files, formats, settings, header)
        for part, records in with_records(iter(parts), vcf):
            totals.add(part, settings)
            writer.write(part, records, null)
        write_vcf(files, vcf, iter(parts), settings, header)
        if plot:
            wanted = totals.largest[:plot]
            drawn = {r.number: r for r in vcf.records() if r.number in set(wanted)}
            ordered = tuple(drawn[number] for number in wanted)
            write_pictures(files, VariantPictures(source, model, settings, ordered), show_progress)
        notes = (*_notes(source, totals), *files.notes)
        names = [path.name for path in files.paths]
        record = run_record(
            "variants",
            names,
            model=model.hash,
            settings={**settings.to_dict(), **source.describe()},
            results={
                **run,
                "scan_command": command,
                "verdicts": dict(totals.verdicts),
                "effects": totals.table(settings).set_index("modification").to_dict("index"),
            },
            skipped=[
                *source.skipped,
                *(SkippedInput(vcf.shown, *each) for each in totals.reasons.items()),
            ],
            notes=notes,
        )
        for name in _previous_files(folder):
            files.remove(name)
        with files.open(FILE_NAME) as file:
            file.write(to_json(record, folder).encode())
        paths = tuple(path for path in files.paths if path.name != FILE_NAME)
    return VariantEffects(
        None,
        None,
        totals.table(settings),
        dict(totals.verdicts),
        dict(totals.reasons),
        paths,
        notes,
    )


def _previous_files(folder: Path) -> list[str]:
    """Return the names of files of an earlier run here that this one may not replace."""
    listed = record_of_file(folder / "records.tsv").get("files", [])
    tables = ("variants.tsv", "variants.parquet")
    return [name for name in listed if name in tables or is_picture(name)]


def _notes(source: TrackSource, totals: VariantTotals) -> tuple[str, ...]:
    notes = [*source.notes, *skipped_notes(source.skipped)]
    unknown = totals.reasons["unknown sequence"]
    if unknown:
        notes.append(
            f"alleles on sequences that are not in {source.genome.path.name}: {unknown:,} (it has "
            f"{source.genome.names[0]}{', ...' if len(source.genome.names) > 1 else ''}: the names "
            "must be the same; --name-until and --ignore-version cut them)"
        )
    if totals.left_out:
        notes.append(
            "records that cross an exon end of some transcripts, which are left out (left_out in "
            f"records.tsv), and are scored on others: {totals.left_out:,}"
        )
    return tuple(notes)


def _stream(
    vcf: VcfFile,
    source: TrackSource,
    settings: VariantSettings,
    engine: VariantEngine,
    total: int,
    header: Mapping[str, str],
    show_progress: bool,
) -> VariantEffects:
    """Write the annotated VCF to standard output during the run."""
    if not engine.in_order:
        raise UsageError(f"--engine {engine.name} needs a folder: --out cannot be -")
    totals = VariantTotals()
    with writing_table(), progress(total, "variants", unit="records", show=show_progress) as bar:

        def scored() -> Iterator[VariantPart]:
            for _, part in engine.run(cut_units(vcf.records()), bar.advance):
                totals.add(part, settings)
                yield part

        for line in annotated_lines(vcf, scored(), settings, header):
            sys.stdout.buffer.write(line)
        sys.stdout.flush()
    return VariantEffects(
        None, None, totals.table(settings), dict(totals.verdicts), dict(totals.reasons),
        notes=_notes(source, totals),
    )  # fmt: skip
