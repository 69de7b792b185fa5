"""Predict modified sites: of sequences in memory, or from files to a folder."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TextIO

from vqrna.data.fasta import FastaRecord, read_fasta
from vqrna.errors import DataError
from vqrna.files import atomic_path, results_directory
from vqrna.formats import tsv
from vqrna.predicting.parts import Part, PartStore, Watch, chunks, key_of, records_of, totals
from vqrna.predicting.prediction import Prediction, summarise
from vqrna.predicting.settings import Settings, make_settings
from vqrna.predicting.sites import call_sites, join
from vqrna.progress import Bar, progress
from vqrna.provenance import header_lines
from vqrna.sequence import encode
from vqrna.tiers import DEFAULT_TIER
from vqrna.trained import Model
from vqrna.weights import load_model

SITES = "sites.tsv"

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
    device: str = "auto",
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
    device : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``; for a model that has to be loaded.
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
    )
    found, records = [], 0
    watch = Watch()
    with progress(None, "predicting", unit="nt", show=show_progress) as bar:
        for record in watch.over(_records(sequences)):
            found.append(call_sites(loaded, record.name, record.tokens, settings))
            bar.advance(len(record.tokens))
            records += 1
    whole = join(found, len(settings.modifications))
    summary = summarise(loaded, settings, whole.candidates, whole.calls, whole.nt)
    odd = (watch.repeated_names, watch.empty_records)
    return Prediction(whole.sites, summary, whole.nt, records, None, *odd)


def predict_files(
    inputs: Sequence[Input],
    out: Input,
    model: Model,
    settings: Settings,
    *,
    show_progress: bool = True,
) -> Prediction:
    """Predict from FASTA files to ``OUT/sites.tsv``, or to standard output (``-``).

    Finished parts are kept in the folder until all is done: the same call after a kill or Ctrl-C
    goes on where it stopped, to the same file. Any other error leaves nothing behind. Standard
    input and pipes cannot be read twice, and a model that was never saved cannot be recognised:
    there it begins anew.

    Parameters
    ----------
    inputs : sequence of path
        FASTA files; ``-`` is standard input.
    out : path-like or ``-``
    model : Model
    settings : Settings
    show_progress : bool

    Raises
    ------
    DataError
        If an input is missing or wrong, or `out` cannot be written.
    """
    for path in inputs:  # a wrong name is told before the work, wherever it stands
        if str(path) != "-" and not Path(path).exists():
            raise DataError("there is no such file", file=path)
    head = "".join(f"{line}\n" for line in header_lines(model.hash, None, **settings.told()))
    head += tsv.header()
    if str(out) == "-":
        return _stream(inputs, sys.stdout, head, model, settings, show_progress)
    with results_directory(out) as folder:
        if model.hash and all(Path(path).is_file() for path in inputs):
            return _in_parts(inputs, folder, head, model, settings, show_progress)
        path = folder / SITES
        with (
            atomic_path(path) as temporary,
            temporary.open("w", encoding="utf-8", newline="\n") as file,
        ):
            found = _stream(inputs, file, head, model, settings, show_progress)
        return replace(found, path=path)


def _in_parts(
    inputs: Sequence[Input],
    folder: Path,
    head: str,
    model: Model,
    settings: Settings,
    show_progress: bool,
) -> Prediction:
    """Make the parts that are missing, then join all of them to one file."""
    store = PartStore(folder, key_of(model.hash, settings.told(), inputs))
    parts = []
    watch = Watch()
    try:
        with progress(None, "predicting", unit="nt", show=show_progress) as bar:
            for number, chunk in enumerate(chunks(watch.over(records_of(inputs)))):
                part = store.read(number)
                if part is None:
                    text, part = _make_part(chunk, model, settings, bar)
                    store.write(number, text, part)
                else:
                    bar.advance(part.nt)
                parts.append(part)
        with atomic_path(folder / SITES) as temporary, temporary.open("wb") as file:
            file.write(head.encode())
            store.copy(len(parts), file)
    except KeyboardInterrupt as stop:
        if parts:
            stop.add_note("what is finished is kept: the same command goes on from there")
        raise
    except BaseException:
        store.clear()  # the input has to be mended, and will be another then
        raise
    store.clear()
    return _result(parts, watch, model, settings, folder / SITES)


def _stream(
    inputs: Sequence[Input],
    file: TextIO,
    head: str,
    model: Model,
    settings: Settings,
    show_progress: bool,
) -> Prediction:
    """Write sites as they come."""
    parts: list[Part] = []
    watch = Watch()
    with progress(None, "predicting", unit="nt", show=show_progress) as bar:
        for chunk in chunks(watch.over(records_of(inputs))):
            text, part = _make_part(chunk, model, settings, bar)
            file.write(text if parts else head + text)  # no head above a fault in the first lines
            parts.append(part)
    file.flush()
    return _result(parts, watch, model, settings, None)


def _make_part(
    chunk: Sequence[FastaRecord], model: Model, settings: Settings, bar: Bar
) -> tuple[str, Part]:
    """Predict the sites of some records: as lines of the file, and counted."""
    found = []
    for record in chunk:
        found.append(call_sites(model, record.name, record.tokens, settings))
        bar.advance(len(record.tokens))
    whole = join(found, len(settings.modifications))
    part = Part(whole.candidates.tolist(), whole.calls.tolist(), whole.nt, len(chunk))
    return tsv.lines(whole.sites), part


def _result(
    parts: Sequence[Part], watch: Watch, model: Model, settings: Settings, path: Path | None
) -> Prediction:
    candidates, calls, nt, records = totals(parts, len(settings.modifications))
    summary = summarise(model, settings, candidates, calls, nt)
    odd = (watch.repeated_names, watch.empty_records)
    return Prediction(None, summary, nt, records, path, *odd)


def _records(
    sequences: Input | Sequence[Input] | Mapping[str, str] | Iterable[FastaRecord],
) -> Iterable[FastaRecord]:
    """Read records from whatever the caller has."""
    if isinstance(sequences, str | PathLike):
        yield from read_fasta(sequences)
    elif isinstance(sequences, Mapping):
        for name, letters in sequences.items():
            try:
                yield FastaRecord(name, "", encode("".join(letters.split())), 0, "")
            except DataError as error:
                raise DataError(str(error), record=name) from None
    else:
        for each in sequences:
            if isinstance(each, FastaRecord):
                yield each
            else:
                yield from read_fasta(each)
