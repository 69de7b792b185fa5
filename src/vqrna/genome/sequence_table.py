"""The table by sequence of a genome: one row a transcript, from segments of the scan."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np

from vqrna.genome.coordinates import chromosome_of, expand_ranges, genome_offset, strand_offset
from vqrna.genome.fasta import Genome
from vqrna.genome.transcripts import Transcripts
from vqrna.segments import Segments, SequenceRows, concat_segments, whole_sequences
from vqrna.sites import Sites

BATCH = 1 << 11
"""Most transcripts of a block of rows."""


class GenomeSequenceTable:
    """Make a row for each transcript, in coordinates of the transcript.

    Parameters
    ----------
    genome : Genome
    transcripts : Transcripts
    first_base_only : np.ndarray, shape (K,), bool
        Which of the scan's modifications occur only at the first base of a transcript.
    """

    def __init__(
        self, genome: Genome, transcripts: Transcripts, first_base_only: np.ndarray
    ) -> None:
        self._chromosomes = np.array(genome.names, dtype=object)
        self._numbers = {name: i for i, name in enumerate(genome.names)}
        self._transcripts = transcripts
        self._first_base_only = first_base_only
        self._first_bases = transcripts.first_bases
        self._on = chromosome_of(transcripts.starts)

    def rows_from_genome(self, scanned: Iterable[Segments]) -> Iterator[SequenceRows]:
        """Add up the segments of each transcript, chromosome by chromosome."""
        waiting: list[Segments] = []
        for block in scanned:
            opens = np.flatnonzero(block.sequence[1:] != block.sequence[:-1]) + 1
            edges = [0, *opens.tolist(), len(block)]
            for low, high in pairwise(edges):
                if low == high:
                    continue
                if waiting and waiting[0].sequence[0] != block.sequence[low]:
                    yield from self._chromosome(concat_segments(waiting))
                    waiting = []
                waiting.append(block.take(slice(low, high)))
        if waiting:
            yield from self._chromosome(concat_segments(waiting))

    def rows_from_transcripts(self, scanned: Iterable[Segments]) -> Iterator[SequenceRows]:
        """Add the first bases, which were scanned in the genome, to transcripts scanned alone."""
        numbers = {name: i for i, name in enumerate(self._transcripts.names.tolist())}
        first_bases: dict[int, Segments] = {}

        def spliced() -> Iterator[Segments]:
            for block in scanned:
                genomic = np.array([name in self._numbers for name in block.sequence], dtype=bool)
                for row in np.flatnonzero(genomic).tolist():
                    base = block.take(slice(row, row + 1))
                    offset = genome_offset(self._numbers[base.sequence[0]], base.start)
                    first_bases[int(strand_offset(offset, base.reverse)[0])] = base
                yield block.take(~genomic)

        for rows in whole_sequences(spliced()):
            number = np.array([numbers[name] for name in rows.sequence.tolist()], dtype=np.int64)
            added, first = list[Segments](), list[int]()
            for row, at in enumerate(self._first_bases[number].tolist()):
                first.append(len(added))
                added.append(rows.take(slice(row, row + 1)))
                if at in first_bases and self._transcripts.known[number[row]]:
                    base = first_bases[at]
                    known = base.position >= 0
                    added.append(base.replace(position=np.where(known, 0, -1)))
            combined = concat_segments(added).combine(np.array(first, dtype=np.int64))
            yield self._rows(combined, number, combined.position)

    def _chromosome(self, segments: Segments) -> Iterator[SequenceRows]:
        """Yield the rows of the transcripts of a chromosome, from all of its segments."""
        transcripts = self._transcripts
        chromosome = self._numbers[segments.sequence[0]]
        at = strand_offset(genome_offset(chromosome, segments.start), segments.reverse)
        order = np.argsort(at, kind="stable")
        at = at[order]
        numbers = np.flatnonzero(self._on == chromosome)
        for begin in range(0, len(numbers), BATCH):
            number = numbers[begin : begin + BATCH]
            owner, block = expand_ranges(transcripts.first[number], transcripts.first[number + 1])
            low, high = (
                np.searchsorted(
                    at,
                    strand_offset(
                        transcripts.blocks[block, side], transcripts.reverse[number[owner]]
                    ),
                )
                for side in (0, 1)
            )
            of, index = expand_ranges(low, high)
            rows = segments.take(order[index])
            transcript = number[owner[of]]
            other = (at[index] != self._first_bases[transcript]) & transcripts.known[transcript]
            rows = _without(rows, other[:, None] & self._first_base_only)
            position = self._positions(block[of], chromosome, rows.position)
            first = np.searchsorted(owner[of], np.arange(len(number)))
            combined = rows.replace(position=position).combine(first, position)
            yield self._rows(combined, number, combined.position)

    def _positions(self, block: np.ndarray, chromosome: int, position: np.ndarray) -> np.ndarray:
        """Convert positions on a chromosome (R, K) to those of transcripts; -1 stays."""
        result = np.full_like(position, -1)
        row, k = np.nonzero(position >= 0)
        offset = genome_offset(chromosome, position[row, k])
        result[row, k] = self._transcripts.transcript_positions(block[row], offset)[1]
        return result

    def _rows(self, segments: Segments, number: np.ndarray, position: np.ndarray) -> SequenceRows:
        transcripts = self._transcripts
        row, k = np.nonzero(position >= 0)
        position = position.copy()
        position[row, k] = transcripts.numbered(number[row], position[row, k])
        reverse = transcripts.reverse[number]
        return SequenceRows(
            segments.replace(sequence=transcripts.names[number], position=position),
            transcripts.lengths[number],
            {
                "transcript_id": transcripts.identifiers[number],
                "gene": transcripts.genes[number],
                "chromosome": self._chromosomes[self._on[number]],
                "strand": np.where(reverse, "-", "+").astype(object),
            },
        )


def with_calls(blocks: Iterable[SequenceRows], called: Iterator[Sites]) -> Iterator[SequenceRows]:
    """Replace the calls of transcripts by those of their rows in the table by transcript.

    Parameters
    ----------
    blocks : iterable of SequenceRows
    called : iterator of Sites
        Rows of the table by transcript, in the same order of transcripts.
    """
    waiting = Sites.empty()
    for rows in blocks:
        names = rows.segments.sequence
        number = {name: n for n, name in enumerate(names.tolist())}
        calls = np.zeros_like(rows.segments.calls)
        while True:
            of = np.array([number.get(name, -1) for name in waiting.sequence.tolist()], np.int64)
            own = (of >= 0) & (waiting.tier > 0)
            np.add.at(calls, (of[own], waiting.modification_index[own], waiting.tier[own] - 1), 1)
            waiting = waiting.take(of < 0)
            if len(waiting):
                break
            following = next(called, None)
            if following is None:
                break
            waiting = following
        yield dataclasses.replace(rows, segments=rows.segments.replace(calls=calls))


def _without(segments: Segments, hidden: np.ndarray) -> Segments:
    """Return segments (R) without the modifications (K) that are hidden: (R, K), bool."""
    return segments.replace(
        expected=np.where(hidden, 0, segments.expected),
        calls=np.where(hidden[..., None], 0, segments.calls),
        **{
            name: np.where(hidden, -1, getattr(segments, name))
            for name in ("probability", "score", "position")
        },
    )
