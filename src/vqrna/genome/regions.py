"""Make the stretches to be scanned, of a genome or of its transcripts one by one.

Cut what is to be scanned of a genome into pieces, each strand once, in an order to be merged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vqrna.genome.coordinates import (
    chromosome_of,
    key_of,
    overlapping,
    place_on,
    position_of,
    spread,
    union,
)
from vqrna.genome.fasta import Genome, Reader, reverse_complement
from vqrna.genome.transcripts import Transcripts, TranscriptStarts
from vqrna.region import Region

WINDOW = 1 << 17
"""Nt of a window, at most: the sites of a window are put in order together."""


@dataclass(frozen=True, eq=False)
class Pieces:
    """Pieces of strands, window by window: forward ones rising, then reverse ones falling.

    Windows are disjoint and rise along the genome, so that no site of a later window lies before
    one of an earlier window. A piece is a run of wanted intervals (exons) with little between.

    Attributes
    ----------
    starts, stops : np.ndarray, shape (P,), int64
        Places.
    reverse : np.ndarray, shape (P,), bool
    wanted : np.ndarray, shape (W, 2), int64
        Intervals of places that count, by piece, rising within each.
    first : np.ndarray, shape (P + 1,), int64
        Those of piece i are ``wanted[first[i]:first[i + 1]]``.
    windows : np.ndarray, shape (N,), int64
        First place of each window.
    """

    starts: np.ndarray
    stops: np.ndarray
    reverse: np.ndarray
    wanted: np.ndarray
    first: np.ndarray
    windows: np.ndarray

    def __len__(self) -> int:
        return len(self.starts)


def strands(transcripts: Transcripts, which: np.ndarray | slice = slice(None)) -> np.ndarray:
    """Join the blocks of transcripts, by strand.

    Parameters
    ----------
    transcripts : Transcripts
    which : np.ndarray or slice
        Of which transcripts.

    Returns
    -------
    np.ndarray, shape (M, 2), int64
        Keys, rising, disjoint.
    """
    numbers = np.arange(len(transcripts))[which]
    owner, index = spread(transcripts.first[numbers], transcripts.first[numbers + 1])
    reverse = transcripts.reverse[numbers][owner]
    blocks = transcripts.blocks[index]
    return union(key_of(blocks[:, 0], reverse), key_of(blocks[:, 1], reverse))


def cut(transcripts: Transcripts, flank: int) -> Pieces:
    """Cut the blocks of all transcripts into pieces.

    A piece costs the model its length and `flank` on both sides. Two exons are one piece where
    what lies between them is no longer than the two flanks that this saves.

    Parameters
    ----------
    transcripts : Transcripts
    flank : int
        Nt of context.
    """
    lines = strands(transcripts)
    places, backward = place_on(lines[:, 0])
    stops = places + lines[:, 1] - lines[:, 0]
    borders = _windows(union(places, stops))
    # Cut each interval where a window ends.
    low, high = overlapping(borders, places, stops)
    line, number = spread(low, high)
    starts = np.maximum(places[line], borders[number, 0])
    stops = np.minimum(stops[line], borders[number, 1])
    reverse = backward[line]
    order = np.lexsort((starts, reverse, number))
    starts, stops, reverse, number = (x[order] for x in (starts, stops, reverse, number))
    opens = np.ones(len(starts), dtype=bool)
    opens[1:] = (
        (number[1:] != number[:-1])
        | (reverse[1:] != reverse[:-1])
        | (starts[1:] - stops[:-1] > 2 * flank)
    )
    first = np.append(np.flatnonzero(opens), len(starts))
    begin, end = starts[first[:-1]], stops[first[1:] - 1]
    back = reverse[first[:-1]]
    order = np.lexsort((np.where(back, -begin, begin), back, number[first[:-1]]))
    _, index = spread(first[order], first[order + 1])
    counts = np.diff(first)[order]
    return Pieces(
        begin[order],
        end[order],
        back[order],
        np.stack([starts[index], stops[index]], axis=1),
        np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)]),
        borders[:, 0],
    )


def _windows(intervals: np.ndarray) -> np.ndarray:
    """Lay windows over sorted, disjoint intervals; only what is longer than a window is cut."""
    found: list[tuple[int, int]] = []
    low = high = None
    for start, stop in intervals.tolist():
        if low is not None and stop - low <= WINDOW:
            high = stop
            continue
        if low is not None and high is not None:
            found.append((low, high))
        while stop - start > WINDOW:
            found.append((start, start + WINDOW))
            start += WINDOW
        low, high = start, stop
    if low is not None and high is not None:
        found.append((low, high))
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def genome_stretches(
    genome: Genome,
    transcripts: Transcripts,
    pieces: Pieces,
    flank: int,
    first_base_only: Sequence[str],
) -> Iterator[Region]:
    """Give the pieces of a genome with their genomic neighbourhood.

    Parameters
    ----------
    genome : Genome
    transcripts : Transcripts
    pieces : Pieces
        From :func:`vqrna.genome.regions.cut`.
    flank : int
        Nt of context on both sides, as far as the chromosome reaches.
    first_base_only : sequence of str
        Symbols of the scan's modifications that occur only at the first base of a transcript.
    """
    restricted = bool(first_base_only) and bool(transcripts.known.any())
    beginnings = TranscriptStarts.of(transcripts).keys
    free = strands(transcripts, ~transcripts.known)
    starts, stops = key_of(pieces.starts, pieces.reverse), key_of(pieces.stops, pieces.reverse)
    low, high = np.searchsorted(beginnings, starts), np.searchsorted(beginnings, stops)
    free_low, free_high = overlapping(free, starts, stops)
    with genome.reader() as reader:
        for i in range(len(pieces)):
            reverse = bool(pieces.reverse[i])
            blocks = pieces.wanted[pieces.first[i] : pieces.first[i + 1]]
            start, stop = int(pieces.starts[i]), int(pieces.stops[i])
            found = _genomic(reader, genome, start, stop, reverse, flank)
            wanted = None
            if len(blocks) > 1:
                wanted = _mask(blocks, start, stop, reverse)
            only: dict[str, np.ndarray] = {}
            if restricted:
                at = _mask(free[free_low[i] : free_high[i]], starts[i], stops[i], reverse)
                if not (at if wanted is None else at | ~wanted).all():
                    ends = place_on(beginnings[low[i] : high[i]])[0]
                    at[stop - 1 - ends if reverse else ends - start] = True
                    only = dict.fromkeys(first_base_only, found.start + np.flatnonzero(at))
            yield replace(found, wanted=wanted, only=only)


def transcript_stretches(
    genome: Genome,
    transcripts: Transcripts,
    flank: int,
    kinds: Sequence[str],
    first_base_only: Sequence[str],
) -> Iterator[Region]:
    """Give each transcript as a sequence of its own.

    The first base of a transcript has no sequence before it there. Where a type occurs only at
    first bases, each is a stretch of one base in its genomic neighbourhood, given once for all
    transcripts that begin there, before the first of them.

    Parameters
    ----------
    genome : Genome
    transcripts : Transcripts
    flank : int
        Nt of context on both sides of a first base.
    kinds : sequence of str
        Symbols of the scan's modifications.
    first_base_only : sequence of str
        Those that occur only at the first base of a transcript.
    """
    restricted = bool(first_base_only)
    beginnings = TranscriptStarts.of(transcripts)
    opens = np.zeros(len(transcripts), dtype=bool)
    opens[beginnings.owners[beginnings.first[:-1]]] = True
    nowhere = np.empty(0, dtype=np.int64)
    with genome.reader() as reader:
        for i in range(len(transcripts)):
            reverse = bool(transcripts.reverse[i])
            blocks = transcripts.blocks[transcripts.first[i] : transcripts.first[i + 1]]
            known = restricted and bool(transcripts.known[i])
            if known and opens[i]:
                at = int(blocks[-1, 1] - 1 if reverse else blocks[0, 0])
                found = _genomic(reader, genome, at, at + 1, reverse, flank)
                at_start = np.array([found.start])
                only = {kind: at_start if kind in first_base_only else nowhere for kind in kinds}
                yield replace(found, only=only)
            tokens = spliced(reader, blocks, reverse)
            yield Region(
                transcripts.names[i],
                tokens,
                0,
                len(tokens),
                only=dict.fromkeys(first_base_only, nowhere) if known else {},
            )


def spliced(reader: Reader, blocks: np.ndarray, reverse: bool) -> np.ndarray:
    """Read blocks of a chromosome, put together, 5' to 3'.

    Parameters
    ----------
    reader : Reader
    blocks : np.ndarray, shape (B, 2), int64
        Places, rising.
    reverse : bool

    Returns
    -------
    np.ndarray, shape (nt,), uint8
    """
    chromosome = int(chromosome_of(blocks[0, 0]))
    parts = [reader.tokens(chromosome, *block) for block in position_of(blocks).tolist()]
    tokens = np.concatenate(parts)
    return reverse_complement(tokens) if reverse else tokens


def _genomic(
    reader: Reader, genome: Genome, start: int, stop: int, reverse: bool, flank: int
) -> Region:
    """Read places [start, stop) and what lies around them, on their strand."""
    places = np.array([start, stop - 1])
    chromosome = int(chromosome_of(places)[0])
    low, high = position_of(places).tolist()
    high += 1
    left = max(0, low - flank)
    right = min(genome.lengths[chromosome], high + flank)
    tokens = reader.tokens(chromosome, left, right)
    begin = right - high if reverse else low - left
    beyond = left, genome.lengths[chromosome] - right
    before, after = reversed(beyond) if reverse else beyond
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
    """Mark what intervals cover of [start, stop), 5' to 3'."""
    mask = np.zeros(stop - start, dtype=bool)
    for low, high in (np.clip(intervals, start, stop) - start).tolist():
        mask[low:high] = True
    return mask[::-1].copy() if reverse else mask
