"""Write the parts of a scan to files: q-values, filters, formats, and what was scanned."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

import vqrna
from vqrna.errors import UsageError
from vqrna.files import atomic_path, write_text
from vqrna.formats import FORMATS, Description, writers
from vqrna.formats.description import PROGRAM
from vqrna.formats.text import bed_name
from vqrna.predicting.prediction import Prediction, Totals, summarise
from vqrna.provenance import facts, lines_of
from vqrna.scanning import Parts, Settings, Source
from vqrna.sites import Sites
from vqrna.trained import Model

SCANNED = "scanned.bed"
RUN = "run.json"


@dataclass(frozen=True)
class Output:
    """Which files are wanted, and what they say of themselves.

    Parameters
    ----------
    formats : tuple of str
        Of :data:`vqrna.formats.FORMATS`.
    organism, assembly, annotation : str
        For the head of bedRMod.
    by_transcript : bool
        Whether the table of sites by transcript is wanted, too.
    """

    formats: tuple[str, ...] = ("tsv",)
    organism: str = ""
    assembly: str = ""
    annotation: str = ""
    by_transcript: bool = False

    def __post_init__(self) -> None:
        """Refuse a format that is not known."""
        for name in self.formats:
            if name not in FORMATS:
                raise UsageError(f"unknown format '{name}' (known: {', '.join(FORMATS)})")

    def told(self) -> dict[str, object]:
        """Give it as plain values."""
        return asdict(self)


def parse_formats(texts: Sequence[str] | None) -> tuple[str, ...]:
    """Read formats as the command line gives them: ``tsv,bed``, or repeated."""
    names = [part.strip().lower() for text in texts or ("tsv",) for part in text.split(",")]
    return tuple(dict.fromkeys(names))


def write_results(
    parts: Parts,
    folder: Path,
    source: Source,
    model: Model,
    settings: Settings,
    output: Output,
    command: str,
    run: Mapping[str, object],
) -> Prediction:
    """Turn finished parts into the files that are wanted.

    Parameters
    ----------
    parts : Parts
        All of them.
    folder : pathlib.Path
    source : Source
        What was scanned.
    model : Model
    settings : Settings
    output : Output
    command : str
        How the result was made, without what has no bearing on it.
    run : mapping
        How it was made here and now; kept in ``run.json`` alone, since it may differ where the
        result does not.

    Returns
    -------
    Prediction
        Without its sites.
    """
    total = Totals.of(parts, len(settings.modifications))
    told = facts(model.hash, command, **settings.told(), **source.told(), **total.facts(settings))
    notes: list[str] = []

    def sequences() -> Iterator[tuple[str, int]]:
        known = source.sequences()
        return _scanned_lengths(parts) if known is None else known

    def description(prefix: str) -> Description:
        return Description(
            facts={PROGRAM: vqrna.__version__, **told},
            modifications=settings.modifications,
            sequences=sequences,
            organism=output.organism,
            assembly=output.assembly,
            annotation=output.annotation,
            prefix=prefix,
            stranded=source.stranded,
        )

    rows = with_q_values(parts.sites(), total, settings)
    with writers(output.formats, folder, description("sites")) as out:
        out.write(source.none())  # tells the columns where nothing is found
        for block in total.counted(source.arranged(rows)):
            out.write(block)
    paths = list(out.paths)
    notes += out.notes
    if output.by_transcript:
        rows = with_q_values(parts.sites(), total, settings)
        with writers(("tsv",), folder, description("transcripts")) as out:
            out.write(source.none(by_transcript=True))
            for block in source.by_transcript(rows):
                out.write(block)
        paths += out.paths
        notes += out.notes
    spans = source.scanned()
    _write_scanned(parts.spans() if spans is None else spans, folder / SCANNED, told)
    how = {
        "vqrna": vqrna.__version__,
        "model": model.hash,
        **run,
        "sequences": total.records,
        "nt": total.nt,
        "near_ties": total.near_ties,
        "tokens": total.tokens,
        "files": [*(path.name for path in paths), SCANNED],
    }
    _remove_older(folder, {*(path.name for path in paths), SCANNED})
    write_text(folder / RUN, json.dumps(how, indent=1) + "\n")
    return Prediction(
        None,
        summarise(model, settings, total),
        total.nt,
        total.records,
        tuple(paths),
        empty_records=total.empty,
        unreachable=unreachable(model, settings, total),
        notes=tuple(notes),
        in_genome=source.stranded,
        near_ties=(total.near_ties, total.tokens),
    )


def with_q_values(found: Iterator[Sites], total: Totals, settings: Settings) -> Iterator[Sites]:
    """Give sites their q-values, and take back the calls that are beyond the rate asked for."""
    known = total.p_values.q_values()
    for block in found:
        block = block.replace(q_value=known.of(block.p_value, block.kind))
        if settings.fdr is not None:
            passed = block.q_value <= settings.fdr
            block = block.replace(tier=np.where(passed, block.tier, 0).astype(np.uint8))
            if not settings.all_sites:
                block = block.take(passed)
        if len(block):
            yield block


def unreachable(model: Model, settings: Settings, total: Totals) -> tuple[str, ...]:
    """Say for which types no q-value could be as small as asked for, and why."""
    if settings.fdr is None or not model.off_site:
        return ()
    nulls = [model.off_site[column] for column in settings.columns]
    found = total.p_values.q_values().unreachable(settings.fdr, [null.floor for null in nulls])
    return tuple(
        each.told(settings.modifications[each.kind].symbol, nulls[each.kind].count, settings.fdr)
        for each in found
    )


def _scanned_lengths(parts: Parts) -> Iterator[tuple[str, int]]:
    """Give names and lengths of sequences that were scanned whole; of one name, the longest."""
    for name, group in groupby(parts.spans(), key=lambda span: span[0]):
        yield name, max(stop for _, _, stop, _ in group)


def _remove_older(folder: Path, written: Collection[str]) -> None:
    """Remove files of the scan before that this one did not replace: they would seem to be of it.

    Which they are tells its ``run.json``.
    """
    try:
        listed = json.loads((folder / RUN).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    for name in listed if isinstance(listed, list) else ():
        ours = isinstance(name, str) and re.fullmatch(r"(sites|transcripts)\.[\w.]+", name)
        if ours and name not in written:
            (folder / name).unlink(missing_ok=True)


def _write_scanned(
    spans: Iterator[tuple[str, int, int, bool]], path: Path, told: Mapping[str, str]
) -> None:
    """Write which stretches were scanned, as BED6."""
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="\n") as file,
    ):
        file.writelines(f"{line}\n" for line in lines_of(told))
        for name, start, stop, reverse in spans:
            file.write(f"{bed_name(name)}\t{start}\t{stop}\t.\t0\t{'-' if reverse else '+'}\n")
