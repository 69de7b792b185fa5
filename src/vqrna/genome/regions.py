"""Read the regions to be scanned, of a genome or of its transcripts one by one.

In a genome, transcripts overlap; :func:`cut_pieces` cuts what they cover into pieces so that each
strand is scanned once, in an order in which the sites can be sorted window by window.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vqrna.genome.coordinates import (
    chromosome_of,
    expand_ranges,
    merge_intervals,
    overlapping,
    position_of,
    split_strand,
    strand_offset,
)
from vqrna.genome.fasta import Genome, Reader, reverse_complement
from vqrna.genome.transcripts import Transcripts, TranscriptStarts
from vqrna.region import Region

WINDOW = 1 << 17
"""Longest window in nt: the sites of a window are sorted together."""


@dataclass(frozen=True, eq=False)
class Pieces:
    """Pieces of strands, window by window: forward ones ascending, then reverse ones descending.

    Windows are disjoint and sorted along the genome, so that no site of a later window comes
    before one of an earlier window. A piece is a run of covered intervals (exons) with short gaps.
    """

    # starts, stops: (P,), int64: Genome offsets
    starts: np.ndarray
    stops: np.ndarray
    reverse: np.ndarray  # (P,), bool
    # (W, 2), int64: Intervals of genome offsets whose sites are reported, by piece, sorted within
    # each
    covered: np.ndarray
    first: np.ndarray  # (P + 1,), int64: Those of piece i are ``covered[first[i]:first[i + 1]]``
    windows: np.ndarray  # (N,), int64: First genome offset of each window

    def __len__(self) -> int:
        return len(self.starts)


def covered_intervals(
    transcripts: Transcripts, selected: np.ndarray | slice = slice(None)
) -> np.ndarray:
    """Merge the blocks of transcripts, by strand.

    Parameters
    ----------
    selected : np.ndarray or slice
        Index of the transcripts to use.

    Returns
    -------
    np.ndarray, shape (M, 2), int64
        Strand offsets, sorted, disjoint.
    """
    numbers = np.arange(len(transcripts))[selected]
    owner, index = expand_ranges(transcripts.first[numbers], transcripts.first[numbers + 1])
    reverse = transcripts.reverse[numbers][owner]
    blocks = transcripts.blocks[index]
    return merge_intervals(
        strand_offset(blocks[:, 0], reverse), strand_offset(blocks[:, 1], reverse)
    )


def cut_pieces(transcripts: Transcripts, flank: int) -> Pieces:
    """Cut the blocks of all transcripts into pieces.

    The model reads each piece with `flank` on both sides. Two exons are one piece if the gap
    between them is at most as long as the two flanks that this saves.

    Parameters
    ----------
    flank : int
        Nt of context.
    """
    intervals = covered_intervals(transcripts)
    offsets, backward = split_strand(intervals[:, 0])
    stops = offsets + intervals[:, 1] - intervals[:, 0]
    windows = _windows(merge_intervals(offsets, stops))
    # Cut each interval where a window ends.
    low, high = overlapping(windows, offsets, stops)
    interval, window = expand_ranges(low, high)
    starts = np.maximum(offsets[interval], windows[window, 0])
    stops = np.minimum(stops[interval], windows[window, 1])
    reverse = backward[interval]
    order = np.lexsort((starts, reverse, window))
    starts, stops, reverse, window = (x[order] for x in (starts, stops, reverse, window))
    opens = np.ones(len(starts), dtype=bool)
    opens[1:] = (
        (window[1:] != window[:-1])
        | (reverse[1:] != reverse[:-1])
        | (starts[1:] - stops[:-1] > 2 * flank)
    )
    first = np.append(np.flatnonzero(opens), len(starts))
    begin, end = starts[first[:-1]], stops[first[1:] - 1]
    back = reverse[first[:-1]]
    order = np.lexsort((np.where(back, -begin, begin), back, window[first[:-1]]))
    _, index = expand_ranges(first[order], first[order + 1])
    counts = np.diff(first)[order]
    return Pieces(
        begin[order],
        end[order],
        back[order],
        np.stack([starts[index], stops[index]], axis=1),
        np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)]),
        windows[:, 0],
    )


def _windows(intervals: np.ndarray) -> np.ndarray:
    """Group sorted, disjoint intervals into windows; cut only intervals longer than a window."""
    windows: list[list[int]] = []
    for start, stop in intervals.tolist():
        if windows and stop - windows[-1][0] <= WINDOW:
            windows[-1][1] = stop
            continue
        while stop - start > WINDOW:
            windows.append([start, start + WINDOW])
            start += WINDOW
        windows.append([start, stop])
    return np.array(windows, dtype=np.int64).reshape(-1, 2)


def genome_regions(
    genome: Genome, transcripts: Transcripts, flank: int, first_base_only: Sequence[str]
) -> Iterator[Region]:
    """Read the pieces of a genome with their genomic context.

    Parameters
    ----------
    flank : int
        Nt of context on both sides, as far as the chromosome reaches.
    first_base_only : sequence of str
        Symbols of the scan's modifications that occur only at the first base of a transcript.
    """
    pieces = cut_pieces(transcripts, flank)
    restricted = bool(first_base_only) and bool(transcripts.known.any())
    first_bases = TranscriptStarts.of(transcripts).offsets
    free = covered_intervals(transcripts, ~transcripts.known)
    starts = strand_offset(pieces.starts, pieces.reverse)
    stops = strand_offset(pieces.stops, pieces.reverse)
    low, high = np.searchsorted(first_bases, starts), np.searchsorted(first_bases, stops)
    free_low, free_high = overlapping(free, starts, stops)
    borders = segment_borders(transcripts)
    with genome.reader() as reader:
        for i in range(len(pieces)):
            reverse = bool(pieces.reverse[i])
            blocks = pieces.covered[pieces.first[i] : pieces.first[i + 1]]
            start, stop = int(pieces.starts[i]), int(pieces.stops[i])
            circular = int(chromosome_of(pieces.starts[i])) in transcripts.circular
            region = _read_genomic(reader, genome, start, stop, reverse, flank, circular)
            wanted = _mask(blocks, start, stop, reverse) if len(blocks) > 1 else None
            only: dict[str, np.ndarray] = {}
            if restricted:
                at = _mask(free[free_low[i] : free_high[i]], starts[i], stops[i], reverse)
                if not (at if wanted is None else at | ~wanted).all():
                    ends = split_strand(first_bases[low[i] : high[i]])[0]
                    at[stop - 1 - ends if reverse else ends - start] = True
                    only = dict.fromkeys(first_base_only, region.start + np.flatnonzero(at))
            inner = borders[slice(*np.searchsorted(borders, [starts[i] + 1, stops[i]]))]
            at = split_strand(inner)[0]
            cuts = region.start + (stop - at[::-1] if reverse else at - start)
            yield replace(region, wanted=wanted, only=only, cuts=cuts)


def segment_borders(transcripts: Transcripts) -> np.ndarray:
    """Return where blocks begin and end, and both sides of annotated first bases.

    Returns
    -------
    np.ndarray, shape (B,), int64
        Strand offsets, sorted and unique.
    """
    owner = np.repeat(np.arange(len(transcripts)), np.diff(transcripts.first))
    blocks = strand_offset(transcripts.blocks, transcripts.reverse[owner][:, None])
    first_bases = TranscriptStarts.of(transcripts).offsets
    borders = np.sort(np.concatenate([blocks.ravel(), first_bases, first_bases + 1]))
    return borders[np.diff(borders, prepend=-1) > 0]


def transcript_regions(
    genome: Genome,
    transcripts: Transcripts,
    flank: int,
    symbols: Sequence[str],
    first_base_only: Sequence[str],
) -> Iterator[Region]:
    """Read each transcript as a separate sequence.

    A spliced transcript has no sequence before its first base. For modifications that occur only
    there, each first base is read as a region of one base with its genomic context, once for all
    transcripts that begin there, before the first of them.

    Parameters
    ----------
    flank : int
        Nt of context on both sides of a first base.
    symbols : sequence of str
        Symbols of the scan's modifications.
    first_base_only : sequence of str
        Those that occur only at the first base of a transcript.
    """
    starts = TranscriptStarts.of(transcripts)
    opens = np.zeros(len(transcripts), dtype=bool)
    opens[starts.owners[starts.first[:-1]]] = True
    first_bases = split_strand(transcripts.first_bases)[0]
    nowhere = np.empty(0, dtype=np.int64)
    with genome.reader() as reader:
        for i in range(len(transcripts)):
            reverse = bool(transcripts.reverse[i])
            restricted = bool(first_base_only) and bool(transcripts.known[i])
            if restricted and opens[i]:
                at = int(first_bases[i])
                circular = int(chromosome_of(first_bases[i])) in transcripts.circular
                region = _read_genomic(reader, genome, at, at + 1, reverse, flank, circular)
                only = dict.fromkeys(symbols, nowhere)
                only |= dict.fromkeys(first_base_only, np.array([region.start]))
                yield replace(region, only=only)
            tokens = read_spliced(reader, transcripts, i)
            only = dict.fromkeys(first_base_only, nowhere) if restricted else {}
            yield Region(transcripts.names[i], tokens, 0, len(tokens), only=only)


def read_spliced(reader: Reader, transcripts: Transcripts, number: int) -> np.ndarray:
    """Read the blocks of a transcript as one sequence, 5' to 3'; shape (nt,), uint8."""
    blocks = transcripts.blocks[transcripts.first[number] : transcripts.first[number + 1]]
    chromosome = int(chromosome_of(blocks[0, 0]))
    parts = [reader.tokens(chromosome, *block) for block in position_of(blocks).tolist()]
    tokens = np.roll(np.concatenate(parts), -int(transcripts.wrapped[number]))
    return reverse_complement(tokens) if transcripts.reverse[number] else tokens


def _read_circular(
    reader: Reader, chromosome: int, start: int, stop: int, length: int
) -> np.ndarray:
    """Read [start, stop) of a circular sequence, which may begin before 0 or end beyond `length`.

    Returns tokens of the forward strand, shape (stop - start,), uint8.
    """
    turns = range(start // length, (stop - 1) // length + 1)
    parts = [
        reader.tokens(chromosome, start - turn * length, stop - turn * length) for turn in turns
    ]
    return np.concatenate(parts)


def _read_genomic(
    reader: Reader, genome: Genome, start: int, stop: int, reverse: bool, flank: int, circular: bool
) -> Region:
    """Read genome offsets [start, stop) and their context, on their strand.

    The context of a circular sequence goes on across its origin.
    """
    offsets = np.array([start, stop - 1])
    chromosome = int(chromosome_of(offsets)[0])
    length = genome.lengths[chromosome]
    low, high = position_of(offsets).tolist()
    high += 1
    left, right = low - flank, high + flank
    before = after = 0
    if not circular:
        left, right = max(0, left), min(length, right)
        before, after = left, length - right
    if circular:
        tokens = _read_circular(reader, chromosome, left, right, length)
    else:
        tokens = reader.tokens(chromosome, left, right)
    begin = right - high if reverse else low - left
    if reverse:
        before, after = after, before
    return Region(
        genome.names[chromosome],
        reverse_complement(tokens) if reverse else tokens,
        begin,
        begin + high - low,
        high - 1 if reverse else low,
        reverse,
        before=before,
        after=after,
    )


def _mask(intervals: np.ndarray, start: int, stop: int, reverse: bool) -> np.ndarray:
    """Return which positions of [start, stop), 5' to 3', are in the intervals."""
    mask = np.zeros(stop - start, dtype=bool)
    for low, high in (np.clip(intervals, start, stop) - start).tolist():
        mask[low:high] = True
    return mask[::-1].copy() if reverse else mask
