"""Predict modified sites of sequences in memory, or from files to a folder."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any

from vqrna.data.names import NameRule
from vqrna.data.sequences import Sequences
from vqrna.errors import UsageError
from vqrna.formats import tsv
from vqrna.formats.text import table_name
from vqrna.model import Model
from vqrna.model.weights import load_model
from vqrna.modifications import Names
from vqrna.prediction.engines import Engine, ThreadEngine, resolve_jobs
from vqrna.prediction.output import SCANNED, SEQUENCES, Output, write_results
from vqrna.prediction.parts import Part, Parts, PartStore
from vqrna.prediction.prediction import Prediction, Totals, make_prediction
from vqrna.prediction.resumable import resumable_run
from vqrna.prediction.scan import Shard, Tally, scan, scan_units
from vqrna.prediction.selection import reported_blocks, sites_of
from vqrna.prediction.settings import Settings, make_settings
from vqrna.prediction.shards import make_plan, run_key
from vqrna.prediction.source import FastaSource, Source, as_source
from vqrna.runtime.progress import progress
from vqrna.runtime.provenance import command_line
from vqrna.runtime.streams import writing_table
from vqrna.segments import Block, sequence_table
from vqrna.sites import concat_sites

Input = str | PathLike[str]


def predict(
    sequences: Sequences,
    *,
    model: Model | Input | None = None,
    modifications: Names | None = None,
    confidence: str | None = None,
    threshold: float | None = None,
    min_probability: float | None = None,
    prior: float | Mapping[str, float] | None = None,
    all_sites: bool = False,
    fdr: float | None = None,
    top: int | None = None,
    name_until: str = "",
    ignore_version: bool = False,
    device: str = "auto",
    jobs: int | None = None,
    show_progress: bool = False,
) -> Prediction:
    """Predict the modified sites of sequences, in memory.

    For a genome, see :func:`predict_files` (docs/genome.md has an example).

    Parameters
    ----------
    sequences : path, text, mapping, table or iterable
        A FASTA file (plain or gzipped; ``-`` is standard input) or a list of them; a dict of name
        to sequence; ``(name, sequence)`` pairs; a pandas Series with the names as index, or a
        DataFrame with the columns ``name`` and ``sequence``; FASTA or Biopython records; or one
        sequence as text, which is named ``sequence``. Letters are checked as in a FASTA file.
    model : Model or path, optional
        The shipped one if not given.
    modifications : str, Modification, or sequence of these, optional
        Such as ``"m6A,Psi"`` or ``["a", "17802"]``; all of the model if not given.
    confidence : {"low", "medium", "high"}, optional
        Lowest tier that is called; ``vqrna model info`` describes the tiers. By default
        ``medium``, or no tier where `threshold`, `min_probability` or `top` is set.
    threshold : float, optional
        Lowest score that is called.
    min_probability : float, optional
        Lowest probability that is called.
    prior : float or mapping of str to float, optional
        Assumed fraction of candidates that are modified, for all modifications or by symbol.
    all_sites : bool
        Report candidates that are not called, too.
    fdr : float, optional
        Largest q-value that is called.
    top : int, optional
        Number of sites of each sequence and modification that are called: the most probable ones,
        of any tier or none. With other limits, the most probable of those that these leave.
    name_until : str
        Cut names of sequences at the first occurrence of this text, such as ``|``.
    ignore_version : bool
        Drop versions from names of sequences: ENST00000257408.4 becomes ENST00000257408.
    device : str
        Device for a model that is loaded: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    jobs : int, optional
        Number of threads; one per core, up to 8, if not given.
    show_progress : bool

    Returns
    -------
    Prediction
        ``sites``, ``summary`` and notes. The columns of ``sites``, one row a site:

        - ``sequence`` : str, name of the sequence.
        - ``position`` : int, in nt from the 5' end; the first base is 1.
        - ``strand`` : str, ``+``: sequences are scanned as they are.
        - ``base`` : str, the base at the site: A, C, G, U or N.
        - ``modification`` : str, symbol of the type, such as ``m6A``.
        - ``score`` : float, 0 to 1; calibrated for equal numbers of modified and unmodified bases.
        - ``probability`` : float, 0 to 1; that the base is modified, given `prior`.
        - ``p_value`` : float, 0 to 1; share of unmodified positions that score as high.
        - ``q_value`` : float, 0 to 1; false discovery rate of this score and higher ones.
        - ``call`` : str, tier of the call: ``low``, ``medium``, ``high``; ``threshold`` if another
          limit calls a site of no tier; empty without a call.
        - ``warnings`` : str, comma-separated cautions, such as ``ood``; empty without any.

    Raises
    ------
    DataError
        If a file or sequence is invalid.
    UsageError
        If a setting or the type of `sequences` is invalid.

    Examples
    --------
    >>> import vqrna
    >>> prediction = vqrna.predict({"mine": "GGACU" * 30}, all_sites=True)
    >>> prediction.sites.head()  # doctest: +SKIP
    """
    loaded = model if isinstance(model, Model) else load_model(model, device)
    settings = make_settings(
        loaded.modifications,
        modifications=modifications,
        confidence=confidence,
        threshold=threshold,
        min_probability=min_probability,
        prior=prior,
        all_sites=all_sites,
        fdr=fdr,
        top=top,
    )
    source, tally = as_source(sequences, NameRule(name_until, ignore_version)), Tally()
    engine = ThreadEngine(loaded, settings, resolve_jobs(jobs, loaded.device))
    total = Totals(len(settings.modifications))
    parts: list[Part] = []
    with progress(None, "predicting", unit="nt", show=show_progress) as bar:
        for part in scan(scan_units(source, loaded, settings), engine, bar, tally=tally):
            assert part is not None  # without a store
            total.add(part)
            parts.append(part)
    blocks = list(reported_blocks(parts, total, settings, source.tables))
    sites = concat_sites(total.count_calls(sites_of(blocks)))
    rows = source.tables.sequence_rows(block.called_segments() for block in blocks)
    return make_prediction(
        loaded,
        settings,
        total,
        sites.table(settings.modifications),
        notes=source.reading_notes,
        repeated_names=tally.repeated_names,
        sequences=sequence_table(rows, settings.modifications),
    )


def predict_files(
    source: Source | Sequence[Input],
    out: Input,
    model: Model,
    settings: Settings,
    *,
    output: Output | None = None,
    model_path: Input | None = None,
    jobs: int | None = None,
    engine: Engine | None = None,
    shard: Shard | None = None,
    fresh: bool = False,
    command: str | None = None,
    show_progress: bool = True,
) -> Prediction | None:
    """Predict from files to a folder, or to standard output (``-``).

    Finished parts are kept in the folder until the scan is complete: after a kill, Ctrl-C or a
    full disk the same call resumes, and writes the same bytes. It starts over for standard input
    and pipes, which cannot be read twice, and for a model that was never saved, which cannot be
    recognised.

    Parameters
    ----------
    source : Source, or sequence of path
        FASTA files (``-`` is standard input), or a genome.
    out : path-like or ``-``
    model : Model
    settings : Settings
    output : Output, optional
        Files to write; ``sites.tsv`` if not given.
    model_path : path, optional
        File that `model` was loaded from, for :func:`vqrna.prediction.join`; the shipped one if
        not given.
    jobs : int, optional
        Number of threads; one per core, up to 8, if not given.
    engine : Engine, optional
        Engine to use instead of threads.
    shard : Shard, optional
        Score only its units, and keep the parts for ``vqrna join``.
    fresh : bool
        Ignore the parts of an earlier run.
    command : str, optional
        Command for the header lines of files; the one that was typed if not given.
    show_progress : bool

    Returns
    -------
    Prediction, or None
        None for a shard.

    Raises
    ------
    DataError
        If an input is missing or invalid, or `out` cannot be written.
    UsageError
        If options contradict each other.
    """
    if not str(out):
        raise UsageError("--out is empty (expected a folder, or - for standard output)")
    if isinstance(source, Sequence):
        source = FastaSource(tuple(str(file) for file in source))
    output = output or Output()
    engine = engine or ThreadEngine(model, settings, resolve_jobs(jobs, model.device))
    if str(out) == "-":
        if not engine.in_order:
            raise UsageError(f"--engine {engine.name} needs a folder: --out cannot be -")
        return _stream(source, model, settings, engine, show_progress)
    resumable = bool(model.hash) and source.rereadable
    if shard is not None and not resumable:
        raise UsageError("--shard needs files that can be read again and a saved model")
    command = command or command_line()
    start, tally = time.monotonic(), Tally()
    key = run_key(source, model, settings, engine.device) if resumable else None
    outputs = ("sites.tsv", "transcripts.tsv", SEQUENCES, SCANNED)
    with resumable_run(PartStore, out, key, outputs, shard=shard, fresh=fresh) as store:
        total = source.count_positions()
        with progress(total, "predicting", unit="nt", show=show_progress) as bar:
            units = scan_units(source, model, settings)
            for _ in scan(units, engine, bar, shard=shard, store=store, tally=tally):
                pass
            if shard is not None:
                for line in (*tally.notes, *source.reading_notes):
                    bar.say(f"vqrna: note: {line}")
                if not tally.origins:
                    bar.say(f"vqrna: note: {shard.describe_empty(tally.units)}")
        run: dict[str, Any] = {
            "command": command_line(),
            "device": engine.device,
            "jobs": engine.jobs,
            "engine": engine.name,
            "parts": tally.units,
            "resumed": tally.resumed,
            "recomputed": {"damaged": tally.damaged, "changed": tally.changed},
            "seconds": round(time.monotonic() - start, 1),
        }
        if shard is not None:
            plan = make_plan(source, model, settings, output, command, tally, model_path)
            plan |= {"run": run, "shard": [shard.index, shard.count]}
            store.write_plan(plan, shard.index, shard.count)
            return None
        parts = Parts([store] * tally.units)
        prediction = write_results(
            parts, store.folder, source, model, settings, output, command, run
        )
    # Regions of a chromosome share its name
    repeated = 0 if source.tables.stranded else tally.repeated_names
    notes = (*tally.notes, *prediction.notes)
    return replace(prediction, repeated_names=repeated, notes=notes)


def _stream(
    source: Source, model: Model, settings: Settings, engine: Engine, show_progress: bool
) -> Prediction:
    """Write sites to standard output during the scan; q-values are known only after it."""
    if settings.fdr is not None:
        raise UsageError("--fdr needs the whole scan: --out must be a folder")
    total, tally = Totals(len(settings.modifications)), Tally()
    escaped: set[str] = set()
    tables, modifications = source.tables, settings.modifications
    text = tsv.column_line(tables.main_columns)
    count = source.count_positions()
    with writing_table(), progress(count, "predicting", unit="nt", show=show_progress) as bar:

        def scanned() -> Iterator[Block]:
            for part in scan(scan_units(source, model, settings), engine, bar, tally=tally):
                assert part is not None  # without a store
                total.add(part)
                yield part.block

        top = settings.top
        blocks = scanned() if top is None else tables.best_blocks(scanned(), top)
        for block in total.count_calls(tables.main_rows(sites_of(blocks), top)):
            escaped.update(name for name in set(block.sequence) if table_name(name) != name)
            sys.stdout.write(text + tsv.lines(block, modifications))  # no header before an error
            text = ""
        sys.stdout.write(text)
        sys.stdout.flush()
    escaped_note = (
        (f"sequence names with control characters, escaped: {len(escaped):,}",) if escaped else ()
    )
    return make_prediction(
        model,
        settings,
        total,
        notes=source.reading_notes + escaped_note,
        repeated_names=0 if tables.stranded else tally.repeated_names,
        skipped=source.skipped,
        in_genome=tables.stranded,
        distinct=source.describe().get("context") == "genome",
    )
