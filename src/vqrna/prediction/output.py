"""Write the parts of a scan to files: q-values, filters, formats, and what was scanned."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from vqrna._version import __version__
from vqrna.errors import UsageError
from vqrna.formats import FORMATS, Description, writers
from vqrna.formats.description import PROGRAM
from vqrna.formats.text import bed_name
from vqrna.model import Model
from vqrna.prediction.parts import Parts
from vqrna.prediction.prediction import Prediction, Totals, summarise
from vqrna.prediction.settings import Settings
from vqrna.prediction.source import Source
from vqrna.runtime.files import output_files, translate_errors, write_text
from vqrna.runtime.provenance import facts, lines_of
from vqrna.sites import Sites

SCANNED = "scanned.bed"
RUN = "run.json"

PICTURES = "tracks"
"""Folder of the pictures of a scan, in that of its files."""

_OURS = re.compile(rf"(sites|transcripts)\.[\w.]+|{PICTURES}/[\w.-]+\.(png|svg)")


@dataclass(frozen=True)
class Output:
    """Which files are wanted, and what they say of themselves.

    Parameters
    ----------
    formats : tuple of str
        Of :data:`vqrna.formats.FORMATS`.
    organism, assembly, annotation : str
        For the head of bedRMod; the organism is a taxonomy number.
    by_transcript : bool
        Whether the table of sites by transcript is wanted, too.
    """

    formats: tuple[str, ...] = ("tsv",)
    organism: str = ""
    assembly: str = ""
    annotation: str = ""
    by_transcript: bool = False

    def __post_init__(self) -> None:
        """Refuse a format that is not known, and an organism that is no number."""
        for name in self.formats:
            if name not in FORMATS:
                raise UsageError(f"unknown format '{name}' (known: {', '.join(FORMATS)})")
        if self.organism and not (self.organism.isascii() and self.organism.isdigit()):
            raise UsageError(
                "--organism is an NCBI taxonomy number, such as 9606 for human, "
                f"not '{self.organism}'"
            )

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

    def sequences() -> Iterator[tuple[str, int]]:
        known = source.sequences()
        return _scanned_lengths(parts) if known is None else known

    def description(prefix: str) -> Description:
        return Description(
            facts={PROGRAM: __version__, **told},
            modifications=settings.modifications,
            sequences=sequences,
            organism=output.organism,
            assembly=output.assembly,
            annotation=output.annotation,
            prefix=prefix,
            stranded=source.stranded,
        )

    with output_files(folder) as files:
        rows = with_q_values(parts.sites(), total, settings)
        with writers(output.formats, folder, description("sites"), files) as out:
            out.write(source.none())  # tells the columns where nothing is found
            for block in total.counted(source.arranged(rows)):
                out.write(block)
        if output.by_transcript:
            rows = with_q_values(parts.sites(), total, settings)
            with writers(("tsv",), folder, description("transcripts"), files) as out:
                out.write(source.none(by_transcript=True))
                for block in source.by_transcript(rows):
                    out.write(block)
        paths = list(files.paths)
        with translate_errors(folder / SCANNED), files.open(SCANNED) as file:
            spans = source.scanned()
            file.writelines(_bed_lines(parts.spans() if spans is None else spans, told))
        how = {
            "vqrna": __version__,
            "model": model.hash,
            **run,
            "sequences": total.records,
            "nt": total.nt,
            "near_ties": total.near_ties,
            "tokens": total.tokens,
            "files": [*(path.name for path in paths), SCANNED],
        }
        with translate_errors(folder / RUN), files.open(RUN) as file:
            file.write(f"{json.dumps(how, indent=1)}\n".encode())
        older = _older(folder)
        for name in older:
            files.remove(name)
    if any(name.startswith(f"{PICTURES}/") for name in older):
        with suppress(OSError):  # something else lies there, too
            (folder / PICTURES).rmdir()
    return Prediction(
        None,
        summarise(model, settings, total),
        total.nt,
        total.records,
        tuple(paths),
        empty_records=total.empty,
        unreachable=unreachable(model, settings, total),
        notes=tuple(files.notes),
        in_genome=source.stranded,
        near_ties=(total.near_ties, total.tokens),
    )


def with_q_values(found: Iterator[Sites], total: Totals, settings: Settings) -> Iterator[Sites]:
    """Give sites their q-values, and take back the calls that are beyond the rate asked for."""
    known = total.p_values.q_values()
    for block in found:
        block = block.replace(q_value=known.of(block.p_value, block.modification_index))
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
        each.told(
            settings.modifications[each.modification_index].symbol,
            nulls[each.modification_index].count,
            settings.fdr,
        )
        for each in found
    )


def _scanned_lengths(parts: Parts) -> Iterator[tuple[str, int]]:
    """Give names and lengths of sequences that were scanned whole; of one name, the longest."""
    for name, group in groupby(parts.spans(), key=lambda span: span[0]):
        yield name, max(stop for _, _, stop, _ in group)


def note_pictures(folder: Path, pictures: Sequence[Path]) -> None:
    """Add pictures of a scan to its ``run.json``, so that the next scan there removes them."""
    told = _run(folder)
    if told and pictures:
        names = [path.relative_to(folder).as_posix() for path in pictures]
        write_text(folder / RUN, json.dumps(told | {"pictures": names}, indent=1) + "\n")


def _run(folder: Path) -> dict[str, object]:
    """Read the ``run.json`` of a folder; nothing where there is none."""
    try:
        told = json.loads((folder / RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _older(folder: Path) -> list[str]:
    """Name the files of the scan before: what is not replaced would seem to be of this one."""
    told = _run(folder)
    listed = [told.get("files"), told.get("pictures")]
    names = [name for each in listed if isinstance(each, list) for name in each]
    return [name for name in names if isinstance(name, str) and _OURS.fullmatch(name)]


def _bed_lines(
    spans: Iterator[tuple[str, int, int, bool]], told: Mapping[str, str]
) -> Iterator[bytes]:
    """Write which stretches were scanned, as BED6."""
    for line in lines_of(told):
        yield f"{line}\n".encode()
    for name, start, stop, reverse in spans:
        strand = "-" if reverse else "+"
        yield f"{bed_name(name)}\t{start}\t{stop}\t.\t0\t{strand}\n".encode()
