"""Write the parts of a scan to files, with q-values and a BED file of the scanned intervals."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from vqrna._version import __version__
from vqrna.errors import UsageError
from vqrna.formats import FORMATS, Description, text, writers
from vqrna.formats.description import PROGRAM
from vqrna.model import Model
from vqrna.prediction.parts import Parts
from vqrna.prediction.prediction import Prediction, Totals, make_prediction
from vqrna.prediction.selection import reported_blocks, sites_of
from vqrna.prediction.settings import Settings
from vqrna.prediction.source import Source
from vqrna.prediction.tier_notes import tier_notes
from vqrna.runtime.files import output_files, write_text
from vqrna.runtime.provenance import facts, lines_of
from vqrna.runtime.run_record import FILE_NAME, read_run_record, run_record, to_json
from vqrna.segments import Block, SequenceRows, sequence_table
from vqrna.sites import Sites
from vqrna.stats.tiers import PROBABILITIES, TIERS

SCANNED = "scanned.bed"

SEQUENCES = "sequences.tsv"
"""Table with one row a sequence."""

PICTURES = "tracks"
"""Subfolder of the pictures."""

_OUTPUT_NAME = re.compile(rf"(sites|transcripts|sequences)\.[\w.]+|{PICTURES}/[\w.-]+\.(png|svg)")


@dataclass(frozen=True)
class Output:
    """The files to write, and the metadata in their headers."""

    formats: tuple[str, ...] = ("tsv",)  # Names in :data:`vqrna.formats.FORMATS`
    # organism, assembly, annotation: For the header of bedRMod; the organism is an NCBI taxonomy
    # number
    organism: str = ""
    assembly: str = ""
    annotation: str = ""
    by_transcript: bool = False  # Whether to write the table of sites by transcript, too

    def __post_init__(self) -> None:
        """Check formats and organism."""
        for name in self.formats:
            if name not in FORMATS:
                raise UsageError(f"unknown format '{name}' (known: {', '.join(FORMATS)})")
        if self.organism and not (self.organism.isascii() and self.organism.isdigit()):
            raise UsageError(
                f"invalid organism '{self.organism}' (expected an NCBI taxonomy number, such as "
                "9606 for human)"
            )

    def to_dict(self) -> dict[str, object]:
        """Return the fields as plain values."""
        return asdict(self)


def parse_formats(texts: Sequence[str] | None) -> tuple[str, ...]:
    """Parse formats of the command line: ``tsv,bed``, or repeated options."""
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
    """Write the output files of a scan.

    Parameters
    ----------
    command : str
        The command, without options that do not affect the result.
    run : mapping
        Details of this run, written to ``run.json`` only, since they may differ for the same
        result: ``command`` as it was typed, ``seconds`` and further ones.

    Returns
    -------
    Prediction
        Without sites.
    """
    tables, total = source.tables, Totals(len(settings.modifications))
    for part in parts:
        total.add(part)
    header = facts(
        model.hash, command, **settings.describe(), **source.describe(), **total.facts(settings)
    )

    def sequences() -> Iterator[tuple[str, int]]:
        lengths = tables.sequence_lengths()
        return _scanned_lengths(parts) if lengths is None else lengths

    def description(prefix: str) -> Description:
        return Description(
            facts={PROGRAM: __version__, **header},
            modifications=settings.modifications,
            sequences=sequences,
            organism=output.organism,
            assembly=output.assembly,
            annotation=output.annotation,
            prefix=prefix,
            stranded=tables.stranded,
        )

    def reported() -> Iterator[Block]:
        return reported_blocks(parts, total, settings, tables)

    with output_files(folder) as files:
        with writers(output.formats, folder, description("sites"), files) as out:
            out.write(Sites.empty(tables.main_columns))  # sets the columns if there are no sites
            for block in total.count_calls(tables.main_rows(sites_of(reported()), settings.top)):
                out.write(block)
        if output.by_transcript:
            with writers(("tsv",), folder, description("transcripts"), files) as out:
                out.write(Sites.empty(tables.transcript_columns))
                for block in tables.transcript_rows(sites_of(reported()), settings.top):
                    out.write(block)
        with files.open(SEQUENCES) as file:
            called = None
            if settings.top is not None and tables.stranded:
                called = tables.transcript_rows(sites_of(reported()), settings.top)
            segments = (block.called_segments() for block in reported())
            summaries = tables.sequence_rows(segments, called)
            file.writelines(_sequence_lines(summaries, settings))
        paths = list(files.paths)
        with files.open(SCANNED) as file:
            intervals = tables.intervals()
            spans = parts.spans() if intervals is None else intervals
            file.writelines(_bed_lines(spans, header))
        prediction = make_prediction(
            model,
            settings,
            total,
            paths=tuple(paths),
            notes=(*source.reading_notes, *files.notes),
            skipped=source.skipped,
            in_genome=tables.stranded,
            distinct=source.describe().get("context") == "genome",
        )
        record = run_record(
            "predict",
            [*(path.name for path in paths), SCANNED],
            model=model.hash,
            settings={**settings.to_dict(), **source.describe()},
            results={
                **run,
                "scan_command": command,
                "sequences": total.records,
                "nt": total.nt,
                "calls": prediction.calls(),
                "tiers": dict(zip(TIERS, PROBABILITIES, strict=True)),
                "near_ties": total.near_ties,
                "tokens": total.tokens,
            },
            skipped=source.skipped,
            notes=(
                *source.notes,
                *tier_notes(model, settings),
                *prediction.unreachable,
                *prediction.ood_notes,
                *prediction.notes,
            ),
        )
        with files.open(FILE_NAME) as file:
            file.write(to_json(record, folder).encode())
        stale = _previous_files(folder)
        for name in stale:
            files.remove(name)
    if any(name.startswith(f"{PICTURES}/") for name in stale):
        with suppress(OSError):  # it has other files
            (folder / PICTURES).rmdir()
    return prediction


def _sequence_lines(rows: Iterable[SequenceRows], settings: Settings) -> Iterator[bytes]:
    """Yield the table by sequence as tab-separated text, the column names first."""
    header = True
    for block in rows:
        columns = block.columns(settings.modifications)
        if header:
            yield _header_line(columns)
        yield bytes(text.lines([text.plain_column(values) for values in columns.values()]))
        header = False
    if header:
        yield _header_line(map(str, sequence_table([], settings.modifications).columns))


def _header_line(names: Iterable[str]) -> bytes:
    """Return a line of column names."""
    return ("\t".join(names) + "\n").encode()


def _scanned_lengths(parts: Parts) -> Iterator[tuple[str, int]]:
    """Yield names and lengths of the scanned sequences, repeated names as often as they occur."""
    last, length = None, 0
    for name, start, stop, _ in parts.spans():
        if last is not None and (name != last or start == 0):
            yield last, length
            length = 0
        last, length = name, max(length, stop)
    if last is not None:
        yield last, length


def record_pictures(folder: Path, pictures: Sequence[Path]) -> None:
    """Add pictures to the ``run.json`` of a folder, so that the next scan there removes them."""
    record = read_run_record(folder)
    if record and pictures:
        names = [path.relative_to(folder).as_posix() for path in pictures]
        write_text(folder / FILE_NAME, to_json(record | {"pictures": names}, folder))


def _previous_files(folder: Path) -> list[str]:
    """Return the names of the files of the previous scan: they would seem to be of this one."""
    record = read_run_record(folder)
    previous = record.get("previous")
    if record.get("subcommand") != "predict" and isinstance(previous, dict):
        record = previous.get("predict", record)
    listed = [record.get("files"), record.get("pictures")]
    names = [name for each in listed if isinstance(each, list) for name in each]
    return [name for name in names if isinstance(name, str) and _OUTPUT_NAME.fullmatch(name)]


def _bed_lines(
    spans: Iterator[tuple[str, int, int, bool]], header: Mapping[str, str]
) -> Iterator[bytes]:
    """Yield the scanned intervals as lines of BED6."""
    for line in lines_of(header):
        yield f"{line}\n".encode()
    for name, start, stop, reverse in spans:
        strand = "-" if reverse else "+"
        yield f"{text.bed_name(name)}\t{start}\t{stop}\t.\t0\t{strand}\n".encode()
