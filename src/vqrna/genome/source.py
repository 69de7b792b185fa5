"""Scan a genome: which regions are read of it, and which rows its sites become.

:class:`GenomeSource` reads the regions, :class:`GenomeTables` turns scanned sites into rows of the
main table and of the table by transcript.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from vqrna.data.names import WHOLE_NAMES, NameRule
from vqrna.errors import UsageError
from vqrna.genome.annotation import read_annotation
from vqrna.genome.bed import read_bed
from vqrna.genome.best_sites import best_of_transcripts
from vqrna.genome.coordinates import chromosome_of, position_of, split_strand
from vqrna.genome.fasta import Genome
from vqrna.genome.liftover import (
    GENOME_COLUMNS,
    TRANSCRIPT_COLUMNS,
    LocatedSites,
    TranscriptTable,
    collapse_to_genome,
    locate_in_genome,
    locate_in_transcripts,
)
from vqrna.genome.regions import covered_intervals, cut_pieces, genome_regions, transcript_regions
from vqrna.genome.sequence_table import GenomeSequenceTable, with_calls
from vqrna.genome.skipping import SkippedFeatures
from vqrna.genome.transcripts import (
    AnnotationRecords,
    Transcripts,
    TranscriptStarts,
    build_transcripts,
    numbering_notes,
)
from vqrna.modifications import MODIFICATIONS, Modification, symbol_of
from vqrna.region import Region
from vqrna.runtime.run_record import SkippedInput
from vqrna.segments import Block, Segments, SequenceRows, best_of_sequences
from vqrna.sites import Sites

CONTEXTS = ("genome", "transcript")
"""What the model sees around a site: the genome, or the transcript by itself."""


@dataclass(frozen=True, eq=False)
class GenomeTables:
    """Turns sites as they were scanned into the rows of the output tables.

    Scanned sites come in the order of :meth:`GenomeSource.regions`, in blocks of any size; those
    that were filtered out before are missing.
    """

    genome: Genome
    transcripts: Transcripts
    context: str  # One of `CONTEXTS`
    flank: int  # Nt of genomic context on both sides
    # (M,), bool: Which of the scan's modifications occur only at the first base of a transcript
    first_base_only: np.ndarray

    stranded: ClassVar[bool] = True
    main_columns: ClassVar[Mapping[str, type]] = GENOME_COLUMNS
    transcript_columns: ClassVar[Mapping[str, type]] = TRANSCRIPT_COLUMNS

    def best_blocks(self, scanned: Iterator[Block], top: int) -> Iterator[Block]:
        """Keep the best sites of each transcript, if these are scanned one by one.

        In a scanned genome, transcripts share sites: the rows of the tables are selected instead.
        """
        return scanned if self._genomic else best_of_sequences(scanned, top)

    def main_rows(self, scanned: Iterator[Sites], top: int | None = None) -> Iterator[Sites]:
        """Return the rows of the main table: one for each site of the genome and modification.

        Sorted by chromosome, position, strand (+ before -) and modification. A row has the values
        of the transcript with the highest score (of equal scores, the first by name) and five more
        columns: ``lowest_score`` among the scanned rows, ``transcript`` (that of the highest) and
        its ``gene``, ``transcripts``, the number of those that contain the site, and
        ``reported_in``, the number of those in which it is among the scanned rows. With `top`,
        "among the scanned rows" is "among the `top` most probable sites of its modification".
        """
        if self._genomic:
            located = self._in_genome(scanned, top)
        else:
            starts = self.transcripts.starts
            parts = self._in_transcripts(scanned)
            located = (replace(part, low=starts[part.low]) for part in parts)
        return collapse_to_genome(
            located, self.genome, self.transcripts, self.first_base_only, genomic=self._genomic
        )

    def transcript_rows(self, scanned: Iterator[Sites], top: int | None = None) -> Iterator[Sites]:
        """Return the rows of the table by transcript: one a transcript, site and modification.

        Sorted by transcript, position and modification. Positions count from the 5' end of the
        transcript; further columns: ``chromosome``, ``genome_position`` (1-based),
        ``genome_strand`` and ``gene``.
        """
        table = TranscriptTable(self.genome, self.transcripts, self.first_base_only)
        if self._genomic:
            return table.rows_from_genome(self._in_genome(scanned, top), top)
        starts = TranscriptStarts.of(self.transcripts)
        return table.rows_from_transcripts(self._in_transcripts(scanned), starts)

    def sequence_rows(
        self, scanned: Iterator[Segments], called: Iterator[Sites] | None = None
    ) -> Iterator[SequenceRows]:
        """Return a row for each transcript or region, sorted as `transcripts`.

        A base counts in each transcript that contains it. Further columns: ``transcript_id``,
        ``gene``, ``chromosome`` and ``strand``.
        """
        table = GenomeSequenceTable(self.genome, self.transcripts, self.first_base_only)
        if self._genomic:
            rows = table.rows_from_genome(scanned)
        else:
            rows = table.rows_from_transcripts(scanned)
        return rows if called is None else with_calls(rows, called)

    def sequence_lengths(self) -> Iterator[tuple[str, int]]:
        """Return names and lengths of all chromosomes, in the order of the genome."""
        return zip(self.genome.names, self.genome.lengths, strict=True)

    def intervals(self) -> Iterator[tuple[str, int, int, bool]]:
        """Return the evaluated intervals: chromosome, start, stop (0-based), whether reverse.

        Sorted like the main table; intervals that touch are joined.
        """
        lines = covered_intervals(self.transcripts)
        offsets, reverse = split_strand(lines[:, 0])
        order = np.lexsort((reverse, offsets))
        starts = position_of(offsets[order])
        stops = starts + (lines[:, 1] - lines[:, 0])[order]
        chromosomes = chromosome_of(offsets[order]).tolist()
        names = (self.genome.names[number] for number in chromosomes)
        return zip(names, starts.tolist(), stops.tolist(), reverse[order].tolist(), strict=True)

    @property
    def _genomic(self) -> bool:
        return self.context == "genome"

    def _in_genome(self, scanned: Iterator[Sites], top: int | None) -> Iterator[LocatedSites]:
        windows = cut_pieces(self.transcripts, self.flank).windows
        located = locate_in_genome(scanned, self.genome, windows)
        if top is None:
            return located
        return best_of_transcripts(located, self.transcripts, self.first_base_only, top)

    def _in_transcripts(self, scanned: Iterator[Sites]) -> Iterator[LocatedSites]:
        starts = TranscriptStarts.of(self.transcripts)
        return locate_in_transcripts(scanned, self.genome, self.transcripts, starts)


@dataclass(frozen=True, eq=False)
class GenomeSource:
    """Regions of a genome to be scanned; made by :func:`open_genome`.

    It holds no open file and can be pickled. Each call of :meth:`regions` opens the genome again
    and yields the same regions in the same order.
    """

    genome: Genome
    transcripts: Transcripts  # Transcripts and regions; each one block where they are unspliced
    context: str  # One of `CONTEXTS`
    unspliced: bool
    flank: int  # Nt of genomic context on both sides
    # Symbols of the scan's modifications, in the order of `Sites.modification_index`
    symbols: tuple[str, ...]
    # Those of `symbols` that occur only at the first base of a transcript
    first_base_only: tuple[str, ...]
    regions_path: Path | None
    annotation_path: Path | None
    notes: tuple[str, ...]  # Notes for the user
    # Features that were skipped, by file and reason
    skipped: tuple[SkippedInput, ...] = ()

    rereadable: ClassVar[bool] = True
    reading_notes: ClassVar[tuple[str, ...]] = ()

    @property
    def tables(self) -> GenomeTables:
        """Output tables of its sites."""
        restricted = np.array([s in self.first_base_only for s in self.symbols], dtype=bool)
        return GenomeTables(self.genome, self.transcripts, self.context, self.flank, restricted)

    def regions(self) -> Iterator[Region]:
        """Yield all regions, in the order of the genome.

        They are named by chromosome in context ``genome``, and by transcript in context
        ``transcript``, where the one-base regions of annotated first bases keep the chromosome's.
        """
        if self.context == "genome":
            return genome_regions(self.genome, self.transcripts, self.flank, self.first_base_only)
        return transcript_regions(
            self.genome, self.transcripts, self.flank, self.symbols, self.first_base_only
        )

    def count_positions(self) -> int:
        """Count the positions to be evaluated, without reading sequence."""
        if self.context == "genome":
            pieces = cut_pieces(self.transcripts, self.flank)
            return int((pieces.stops - pieces.starts).sum())
        extra = len(TranscriptStarts.of(self.transcripts).offsets) if self.first_base_only else 0
        return int(self.transcripts.lengths.sum()) + extra

    def inputs(self) -> tuple[Path, ...]:
        """Return the files that the result depends on."""
        paths = (self.genome.path, self.regions_path, self.annotation_path)
        return tuple(path for path in paths if path is not None)

    def describe(self) -> dict[str, str]:
        """Return the settings that the result depends on, for the header lines of files."""
        names = {"genome": self.genome.path.name}
        if self.regions_path is not None:
            names["regions"] = self.regions_path.name
        if self.annotation_path is not None:
            names["annotation"] = self.annotation_path.name
        if self.genome.rule != WHOLE_NAMES:
            names["names"] = self.genome.rule.options()
        spliced = "unspliced" if self.unspliced else "spliced"
        return names | {"context": self.context, "transcripts": spliced}

    def spec(self) -> dict[str, Any]:
        """Return the arguments with which :func:`open_genome` makes the same source, for JSON."""
        files = {
            "genome": self.genome.path,
            "regions": self.regions_path,
            "annotation": self.annotation_path,
        }
        return {
            **{name: str(path.resolve()) for name, path in files.items() if path is not None},
            "context": self.context,
            "unspliced": self.unspliced,
            "flank": self.flank,
            "modifications": list(self.symbols),
            "first_base_only": list(self.first_base_only),
            "name_until": self.genome.rule.until,
            "ignore_version": self.genome.rule.ignore_version,
        }


def _anywhere(first_base_only: Sequence[str], types: Sequence[Modification | str]) -> str:
    """Describe where modifications of first bases are predicted if the first base is unknown."""
    contexts = {
        m.symbol: m.context for m in (*MODIFICATIONS, *types) if isinstance(m, Modification)
    }
    places = [
        f"{symbol} is predicted at every {contexts.get(symbol, 'base that can carry it')}"
        for symbol in first_base_only
    ]
    return f"; as the first base is not known, {' and '.join(places)}" if places else ""


def open_genome(
    genome: str | PathLike[str],
    *,
    regions: str | PathLike[str] | None = None,
    annotation: str | PathLike[str] | None = None,
    context: str = "genome",
    unspliced: bool = False,
    flank: int = 250,
    modifications: Sequence[Modification | str] = MODIFICATIONS,
    first_base_only: Sequence[str] | None = None,
    strict: bool = False,
    name_until: str = "",
    ignore_version: bool = False,
) -> GenomeSource:
    """Read what is to be scanned of a genome, and check it.

    Parameters
    ----------
    genome : path-like
        FASTA, plain or bgzip; its index (``.fai``) is written if missing.
    regions : path-like, optional
        BED file; with twelve columns its regions are transcripts.
    annotation : path-like, optional
        GTF or GFF3 file; one of `regions` and `annotation`, or both, are needed.
    context : str
        One of `CONTEXTS`.
    unspliced : bool
        Keep the introns of transcripts.
    flank : int
        Nt of genomic context on both sides of the evaluated positions: half a window.
    modifications : sequence of Modification or str
        Modifications of the scan, in order; an unknown name is that of a user-defined one.
    first_base_only : sequence of str, optional
        Symbols of those that occur only at the first base of a transcript; by default, taken from
        the modifications.
    strict : bool
        Raise DataError for features that cannot be used, which are skipped and counted otherwise.
    name_until : str
        Cut names of sequences at the first occurrence of this text, in all files.
    ignore_version : bool
        Drop versions from names of sequences, in all files: ENST1.4 becomes ENST1.

    Raises
    ------
    DataError
        If a file is missing or invalid, or nothing in it fits the genome.
    UsageError
        If neither regions nor an annotation are given, or the context is unknown.
    """
    if context not in CONTEXTS:
        raise UsageError(f"unknown context '{context}' (known: {', '.join(CONTEXTS)})")
    if regions is None and annotation is None:
        raise UsageError("a genome needs regions (BED) or an annotation (GTF, GFF3)")
    symbols = tuple(map(symbol_of, modifications))
    if first_base_only is None:
        types = [m for m in (*MODIFICATIONS, *modifications) if isinstance(m, Modification)]
        restricted = {m.symbol: m.first_base_only for m in types}
        first_base_only = [symbol for symbol in symbols if restricted.get(symbol)]
    opened = Genome.open(genome, NameRule(name_until, ignore_version))
    records = AnnotationRecords()
    notes: list[str] = []
    if opened.unnamed:
        notes.append(f"{opened.path.name}: records without a name, left out: {opened.unnamed:,}")
    skipped: tuple[SkippedInput, ...] = ()
    if annotation is not None:
        counts = SkippedFeatures(annotation, strict=strict)
        anywhere = _anywhere(first_base_only, modifications)
        records, lines = read_annotation(annotation, opened, counts, anywhere)
        notes += (f"{Path(annotation).name}: {line}" for line in lines)
        skipped += counts.inputs()
    if regions is not None:
        counts = SkippedFeatures(regions, strict=strict)
        more, lines = read_bed(regions, opened, counts)
        records.extend(more)
        notes += (f"{Path(regions).name}: {line}" for line in lines)
        skipped += counts.inputs()
    transcripts = build_transcripts(records, opened)
    notes += numbering_notes(records, transcripts, unspliced)
    return GenomeSource(
        opened,
        transcripts.unspliced(opened) if unspliced else transcripts,
        context,
        unspliced,
        flank,
        symbols,
        tuple(first_base_only),
        None if regions is None else Path(regions),
        None if annotation is None else Path(annotation),
        tuple(notes),
        skipped,
    )
