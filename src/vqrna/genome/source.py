"""A genome with its regions or transcripts as something to be scanned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from vqrna.errors import UsageError
from vqrna.genome.annotation import read_annotation
from vqrna.genome.bed import read_bed
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
from vqrna.genome.regions import (
    Pieces,
    covered_intervals,
    cut_pieces,
    genome_regions,
    transcript_regions,
)
from vqrna.genome.transcripts import (
    AnnotationRecords,
    Transcripts,
    TranscriptStarts,
    build_transcripts,
)
from vqrna.modifications import MODIFICATIONS, Modification
from vqrna.region import Region
from vqrna.sites import Sites

CONTEXTS = ("genome", "transcript")
"""What the model sees around a site: the genome, or the transcript by itself."""


@dataclass(frozen=True, eq=False)
class GenomeSource:
    """What is scanned of a genome; made by :func:`open_genome`.

    It holds no open file and can be pickled; every method that gives sequence opens the genome
    anew, and gives the same in the same order every time.

    Attributes
    ----------
    genome : Genome
    transcripts : Transcripts
        Transcripts and regions; each one block where they are taken unspliced.
    context : str
        One of `CONTEXTS`.
    unspliced : bool
    flank : int
        Nt of genomic context on both sides.
    kinds : tuple of str
        Symbols of the scan's modifications, as `Sites.modification_index` counts them.
    first_base_only : tuple of str
        Those of `kinds` that occur only at the first base of a transcript.
    regions, annotation : pathlib.Path or None
        The files.
    notes : tuple of str
        What a user should be told once.
    """

    genome: Genome
    transcripts: Transcripts
    context: str
    unspliced: bool
    flank: int
    kinds: tuple[str, ...]
    first_base_only: tuple[str, ...]
    regions: Path | None
    annotation: Path | None
    notes: tuple[str, ...]

    again = True
    """It can be read as often as it is wanted."""

    stranded = True
    """Sites lie on both strands."""

    def stretches(self) -> Iterator[Region]:
        """Give all stretches, in order of the genome.

        Named by chromosome in context ``genome``; by transcript in context ``transcript``, but
        for the one-base stretches of annotated first bases, which are named by chromosome.
        """
        if self._genomic:
            return genome_regions(self.genome, self.transcripts, self.flank, self.first_base_only)
        return transcript_regions(
            self.genome, self.transcripts, self.flank, self.kinds, self.first_base_only
        )

    def count(self) -> tuple[int, int]:
        """Give the number of stretches and of nt evaluated in them, without reading sequence."""
        if self._genomic:
            pieces = self._pieces()
            return len(pieces), int((pieces.stops - pieces.starts).sum())
        extra = len(TranscriptStarts.of(self.transcripts).offsets) if self.first_base_only else 0
        return len(self.transcripts) + extra, int(self.transcripts.lengths.sum()) + extra

    def total(self) -> int:
        """Count the positions to be evaluated."""
        return self.count()[1]

    def scanned(self) -> Iterator[tuple[str, int, int, bool]]:
        """Give the intervals that count: chromosome, start, stop (0-based), whether reverse.

        In the order of the main table, + before -, joined where they touch.
        """
        lines = covered_intervals(self.transcripts)
        places, reverse = split_strand(lines[:, 0])
        order = np.lexsort((reverse, places))
        starts = position_of(places[order])
        stops = starts + (lines[:, 1] - lines[:, 0])[order]
        chromosomes = chromosome_of(places[order]).tolist()
        names = (self.genome.names[number] for number in chromosomes)
        return zip(names, starts.tolist(), stops.tolist(), reverse[order].tolist(), strict=True)

    def inputs(self) -> tuple[Path, ...]:
        """Give the files that the result follows from."""
        return tuple(
            path for path in (self.genome.path, self.regions, self.annotation) if path is not None
        )

    def told(self) -> dict[str, str]:
        """Give the settings that the result follows from, for the heads of files."""
        told = {"genome": self.genome.path.name}
        if self.regions is not None:
            told["regions"] = self.regions.name
        if self.annotation is not None:
            told["annotation"] = self.annotation.name
        told["context"] = self.context
        told["transcripts"] = "unspliced" if self.unspliced else "spliced"
        return told

    def spec(self) -> dict[str, Any]:
        """Give what :func:`open_genome` makes the same source from, as JSON can hold it."""
        files = {"genome": self.genome.path, "regions": self.regions, "annotation": self.annotation}
        return {
            **{name: str(path.resolve()) for name, path in files.items() if path is not None},
            "context": self.context,
            "unspliced": self.unspliced,
            "flank": self.flank,
            "kinds": list(self.kinds),
            "first_base_only": list(self.first_base_only),
        }

    def sequences(self) -> Iterator[tuple[str, int]]:
        """Give names and lengths of all chromosomes, in the genome's order."""
        return zip(self.genome.names, self.genome.lengths, strict=True)

    def transcript_sequences(self) -> Iterator[tuple[str, int]]:
        """Give names and lengths of the transcripts, in the order of the table by transcript."""
        names, lengths = self.transcripts.names.tolist(), self.transcripts.lengths.tolist()
        return zip(names, lengths, strict=True)

    def arranged(self, found: Iterator[Sites]) -> Iterator[Sites]:
        """Turn sites as scanned into the main table: a row a site of the genome and type.

        In the genome's order: chromosome, position, + before -, kind. A row has all from where
        its score is highest (of equals, the transcript first by name) and five columns more:
        ``lowest_score`` among the rows given, ``transcript`` (of the highest) and its ``gene``,
        ``transcripts``, the number of those that hold the site, and ``reported_in``, the number
        of those in which it is among the rows given.

        Parameters
        ----------
        found : iterator of Sites
            In the order of :meth:`stretches`, cut anywhere; whatever was filtered out is missing.
        """
        return collapse_to_genome(
            self._located(found, by_place=True),
            self.genome,
            self.transcripts,
            self._restricted,
            genomic=self._genomic,
        )

    def by_transcript(self, found: Iterator[Sites]) -> Iterator[Sites]:
        """Turn sites as scanned into the table by transcript: a row a transcript, site and type.

        In the order of :meth:`transcript_sequences`, then position and kind. Positions count from
        the transcript's 5' end; columns more: ``chromosome``, ``genome_position`` (1-based),
        ``genome_strand`` and ``gene``.

        Parameters
        ----------
        found : iterator of Sites
            As for :meth:`arranged`.
        """
        unfolder = TranscriptTable(self.genome, self.transcripts, self._restricted)
        parts = self._located(found, by_place=False)
        if self._genomic:
            return unfolder.rows_from_genome(parts)
        return unfolder.rows_from_transcripts(parts, TranscriptStarts.of(self.transcripts))

    def none(self, *, by_transcript: bool = False) -> Sites:
        """Give no sites, with the columns of the main table or of that by transcript."""
        return Sites.none(TRANSCRIPT_COLUMNS if by_transcript else GENOME_COLUMNS)

    @property
    def _genomic(self) -> bool:
        return self.context == "genome"

    @property
    def _restricted(self) -> np.ndarray:
        return np.array([kind in self.first_base_only for kind in self.kinds], dtype=bool)

    def _pieces(self) -> Pieces:
        return cut_pieces(self.transcripts, self.flank)

    def _located(self, found: Iterator[Sites], *, by_place: bool) -> Iterator[LocatedSites]:
        """Find the places of rows, and before what no later row comes: a place or transcript."""
        if self._genomic:
            return locate_in_genome(found, self.genome, self._pieces().windows)
        beginnings = TranscriptStarts.of(self.transcripts)
        parts = locate_in_transcripts(found, self.genome, self.transcripts, beginnings)
        if not by_place:
            return parts
        starts = self.transcripts.starts
        return (replace(part, low=starts[part.low]) for part in parts)


def open_genome(
    genome: str | PathLike[str],
    *,
    regions: str | PathLike[str] | None = None,
    annotation: str | PathLike[str] | None = None,
    context: str = "genome",
    unspliced: bool = False,
    flank: int = 250,
    kinds: Sequence[Modification | str] = MODIFICATIONS,
    first_base_only: Sequence[str] | None = None,
) -> GenomeSource:
    """Read and check all that says what of a genome is scanned.

    Parameters
    ----------
    genome : path-like
        FASTA, plain or bgzip; its index (``.fai``) is made where it is missing.
    regions : path-like, optional
        BED file; with twelve columns its regions are transcripts.
    annotation : path-like, optional
        GTF or GFF3 file; one of `regions` and `annotation`, or both, are needed.
    context : str
        One of `CONTEXTS`.
    unspliced : bool
        Take transcripts with their introns.
    flank : int
        Nt of genomic context on both sides of what is evaluated: half a window.
    kinds : sequence of Modification or str
        What is looked for, in the scan's order; a symbol stands for the known type.
    first_base_only : sequence of str, optional
        Symbols of those that occur only at the first base of a transcript; by default, as the
        types say.

    Raises
    ------
    DataError
        If a file is missing, wrong or does not fit the genome.
    UsageError
        If neither regions nor an annotation are given, or the context is unknown.
    """
    if context not in CONTEXTS:
        raise UsageError(f"unknown context '{context}' (known: {', '.join(CONTEXTS)})")
    if regions is None and annotation is None:
        raise UsageError("a genome needs regions (BED) or an annotation (GTF, GFF3)")
    symbols = tuple(kind if isinstance(kind, str) else kind.symbol for kind in kinds)
    if first_base_only is None:
        types = [m for m in (*MODIFICATIONS, *kinds) if isinstance(m, Modification)]
        restricted = {m.symbol: m.first_base_only for m in types}
        first_base_only = [symbol for symbol in symbols if restricted.get(symbol)]
    opened = Genome.open(genome)
    gathered = AnnotationRecords()
    notes: list[str] = []
    if annotation is not None:
        gathered, notes = read_annotation(annotation, opened)
    if regions is not None:
        gathered.extend(read_bed(regions, opened))
    transcripts = build_transcripts(gathered, opened)
    return GenomeSource(
        opened,
        transcripts.unspliced() if unspliced else transcripts,
        context,
        unspliced,
        flank,
        symbols,
        tuple(first_base_only),
        None if regions is None else Path(regions),
        None if annotation is None else Path(annotation),
        tuple(notes),
    )
