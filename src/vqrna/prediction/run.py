"""Predict modified sites: of sequences in memory, or from files to a folder."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any

from vqrna.data.fasta import FastaRecord
from vqrna.errors import UsageError
from vqrna.formats import tsv
from vqrna.model import Model
from vqrna.model.weights import load_model
from vqrna.prediction.engines import Engine, ThreadEngine, resolve_jobs
from vqrna.prediction.output import Output, unreachable, with_q_values, write_results
from vqrna.prediction.parts import Parts, PartStore
from vqrna.prediction.prediction import Prediction, Totals, summarise
from vqrna.prediction.scan import Shard, Tally, scan, scan_units
from vqrna.prediction.settings import Settings, make_settings
from vqrna.prediction.shards import key_of, plan_of
from vqrna.prediction.source import FastaSource, Source, source_of
from vqrna.runtime.files import results_directory
from vqrna.runtime.progress import progress
from vqrna.runtime.provenance import command_line, facts, lines_of
from vqrna.sites import Sites, joined
from vqrna.stats.tiers import DEFAULT_TIER

Input = str | PathLike[str]


def predict(
    sequences: Input | Sequence[Input] | Mapping[str, str] | Iterable[FastaRecord],
    *,
    model: Model | Input | None = None,
    modifications: str | Sequence[str] | None = None,
    confidence: str = DEFAULT_TIER,
    threshold: float | None = None,
    prior: float | Mapping[str, float] | None = None,
    all_sites: bool = False,
    fdr: float | None = None,
    device: str = "auto",
    jobs: int | None = None,
    show_progress: bool = False,
) -> Prediction:
    """Predict the modified sites of sequences, in memory.

    Parameters
    ----------
    sequences : path, list of paths, mapping of name to sequence, or records
        FASTA files (plain or gzipped; ``-`` is standard input), or letters.
    model : Model or path, optional
        The shipped one if not given.
    modifications : str or sequence of str, optional
        Which types, such as ``"m6A,Psi"``; all that the model tells if not given.
    confidence : {"medium", "low", "high"}
        Lowest tier that is called; ``vqrna model info`` tells what the tiers mean.
    threshold : float, optional
        Lowest score that is called, in place of the tiers.
    prior : float or mapping of str to float, optional
        Assumed share of candidates that is modified, for all types or by type.
    all_sites : bool
        Report the candidates that are not called, too.
    fdr : float, optional
        Largest q-value that is called.
    device : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``; for a model that has to be loaded.
    jobs : int, optional
        Threads; as many as there are cores, up to 8, if not given.
    show_progress : bool

    Returns
    -------
    Prediction

    Raises
    ------
    DataError
        If a file or sequence is wrong.
    UsageError
        If a setting is.

    Examples
    --------
    >>> import vqrna
    >>> found = vqrna.predict({"mine": "GGACU" * 30}, all_sites=True)
    >>> found.sites.head()  # doctest: +SKIP
    """
    loaded = model if isinstance(model, Model) else load_model(model, device)
    settings = make_settings(
        loaded.modifications,
        modifications=modifications,
        confidence=confidence,
        threshold=threshold,
        prior=prior,
        all_sites=all_sites,
        fdr=fdr,
    )
    source, tally = source_of(sequences), Tally()
    engine = ThreadEngine(loaded, settings, resolve_jobs(jobs, loaded.device))
    total = Totals(len(settings.modifications))
    parts = []
    with progress(None, "predicting", unit="nt", show=show_progress) as bar:
        for part in scan(scan_units(source, loaded, settings), engine, bar, tally=tally):
            assert part is not None  # there is no store to keep it
            total.add(part)
            parts.append(part.sites)
    whole = joined(total.counted(with_q_values(iter(parts), total, settings)))
    return Prediction(
        whole.table(settings.modifications),
        summarise(loaded, settings, total),
        total.nt,
        total.records,
        repeated_names=tally.repeated_names,
        empty_records=total.empty,
        unreachable=unreachable(loaded, settings, total),
        near_ties=(total.near_ties, total.tokens),
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
    """Predict from files to files in the folder OUT, or to standard output (``-``).

    Finished parts are kept in the folder until all is done: the same call after a kill, Ctrl-C or
    a full disk goes on where it stopped, to the same bytes. Standard input and pipes cannot be
    read twice, and a model that was never saved cannot be recognised: there it begins anew.

    Parameters
    ----------
    source : Source, or sequence of path
        FASTA files, ``-`` being standard input; or a genome.
    out : path-like or ``-``
    model : Model
    settings : Settings
    output : Output, optional
        Which files; ``sites.tsv`` if not given.
    model_path : path, optional
        Where `model` was loaded from, for whoever joins shards; the shipped one if not given.
    jobs : int, optional
        Threads; as many as there are cores, up to 8, if not given.
    engine : Engine, optional
        What to use in place of threads.
    shard : Shard, optional
        Make only its parts, and leave them to ``vqrna join``.
    fresh : bool
        Begin anew even where parts are left of the same scan.
    command : str, optional
        What the heads of files tell of how they were made; the command as it was typed if not
        given.
    show_progress : bool

    Returns
    -------
    Prediction, or None
        None for a shard.

    Raises
    ------
    DataError
        If an input is missing or wrong, or `out` cannot be written.
    UsageError
        If what is asked for cannot go together.
    """
    if not str(out):
        raise UsageError("--out names no folder")
    if isinstance(source, Sequence):
        source = FastaSource(tuple(str(file) for file in source))
    output = output or Output()
    engine = engine or ThreadEngine(model, settings, resolve_jobs(jobs, model.device))
    if str(out) == "-":
        if not engine.in_order:
            raise UsageError("parts of this engine come in any order: give --out a folder")
        return _stream(source, model, settings, engine, command, show_progress)
    again = bool(model.hash) and source.again
    if shard is not None and not again:
        raise UsageError("a shard needs files that can be read again and a model that was saved")
    command = command or command_line()
    begun, tally = time.monotonic(), Tally()
    with results_directory(out) as folder:
        key = key_of(source, model, settings, engine.device) if again else f"once-{os.getpid()}"
        store = PartStore(folder, key)
        if fresh and shard is not None:
            store.drop(shard.holds)  # those of the other shards may be at work, or done
        elif fresh:
            store.clear()
        try:
            total = source.total()
            with progress(total, "predicting", unit="nt", show=show_progress) as bar:
                units = scan_units(source, model, settings)
                for _ in scan(units, engine, bar, shard=shard, store=store, tally=tally):
                    pass
            run: dict[str, Any] = {
                "command": command_line(),
                "device": engine.device,
                "jobs": engine.jobs,
                "engine": engine.name,
                "parts": tally.units,
                "resumed": tally.resumed,
                "seconds": round(time.monotonic() - begun, 1),
            }
            if shard is not None:
                plan = plan_of(source, model, settings, output, command, tally, model_path)
                store.keep_plan(plan | {"run": run}, shard.index)
                return None
            parts = Parts([store] * tally.units)
            found = write_results(parts, folder, source, model, settings, output, command, run)
        except BaseException as error:
            if not again:
                store.remove()
            elif store.kept():
                error.add_note("what is finished is kept: the same command goes on from there")
            raise
        store.clear()
    if source.stranded:  # exons of a chromosome share its name
        return found
    return replace(found, repeated_names=tally.repeated_names)


def _stream(
    source: Source,
    model: Model,
    settings: Settings,
    engine: Engine,
    command: str | None,
    show_progress: bool,
) -> Prediction:
    """Write sites to standard output as they come; q-values would have to wait for the last."""
    if settings.fdr is not None:
        raise UsageError("--fdr needs the whole scan: give --out a folder")
    head = lines_of(facts(model.hash, command, **settings.told(), **source.told()))
    total, tally = Totals(len(settings.modifications)), Tally()
    kinds = settings.modifications
    text = "".join(f"{line}\n" for line in head) + tsv.column_line(source.none().extra)
    with progress(source.total(), "predicting", unit="nt", show=show_progress) as bar:

        def found() -> Iterator[Sites]:
            for part in scan(scan_units(source, model, settings), engine, bar, tally=tally):
                assert part is not None  # there is no store to keep it
                total.add(part)
                yield part.sites

        for block in total.counted(source.arranged(found())):
            sys.stdout.write(text + tsv.lines(block, kinds))  # no head above a fault
            text = ""
    sys.stdout.write(text)
    sys.stdout.flush()
    summary = summarise(model, settings, total)
    return Prediction(
        None,
        summary,
        total.nt,
        total.records,
        repeated_names=0 if source.stranded else tally.repeated_names,
        empty_records=total.empty,
        in_genome=source.stranded,
        near_ties=(total.near_ties, total.tokens),
    )
