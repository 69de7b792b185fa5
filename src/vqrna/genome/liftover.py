"""Convert scanned sites to the output tables: one row a site of the genome, or of a transcript.

Sites are located in the genome (:func:`locate_in_genome`, :func:`locate_in_transcripts`), kept
until no later row can belong to the same site or transcript (:func:`flush_complete`), and then
converted, by :func:`collapse_to_genome` to the main table or by :class:`TranscriptTable`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from vqrna.genome.coordinates import (
    chromosome_of,
    expand_ranges,
    genome_offset,
    position_of,
    strand_offset,
)
from vqrna.genome.fasta import Genome
from vqrna.genome.transcripts import Coverage, Transcripts, TranscriptStarts
from vqrna.sites import Sites, best_rows, concat_sites

BATCH = 1 << 17
"""Rows are processed in batches of at least this size; larger if few of them are complete."""

GENOME_COLUMNS: dict[str, type] = {
    "lowest_score": np.float64,
    "transcript": object,
    "transcripts": np.int64,
    "reported_in": np.int64,
    "gene": object,
}
"""Additional columns of the main table, and their types."""

TRANSCRIPT_COLUMNS: dict[str, type] = {
    "transcript_id": object,
    "chromosome": object,
    "genome_position": np.int64,
    "genome_strand": object,
    "gene": object,
}
"""Additional columns of the table by transcript, and their types."""


@dataclass(frozen=True, eq=False)
class LocatedSites:
    """Sites and their location in the genome."""

    sites: Sites  # As scanned
    offset: np.ndarray  # (N,), int64: Genome offset
    reverse: np.ndarray  # (N,), bool: Strand of the genome
    # (N,), int64: Number of the transcript that was scanned; -1 if it was the genome
    owner: np.ndarray
    # (N,), int64: Number of transcripts that the row represents; not used where `owner` is -1
    weight: np.ndarray
    # (N,), int64: Lower bound for all later rows in the order of the table: a genome offset or the
    # number of a transcript. Never falls.
    low: np.ndarray

    def __len__(self) -> int:
        return len(self.offset)

    @property
    def strand_offset(self) -> np.ndarray:
        """Genome offset and strand in one; shape (N,), int64."""
        return strand_offset(self.offset, self.reverse)

    def take(self, rows: np.ndarray) -> LocatedSites:
        """Return rows by indices or mask."""
        columns = (self.offset, self.reverse, self.owner, self.weight, self.low)
        return LocatedSites(self.sites.take(rows), *(column[rows] for column in columns))


def concat_located(parts: list[LocatedSites]) -> LocatedSites:
    """Concatenate located sites; one part at least."""
    if len(parts) == 1:
        return parts[0]
    columns = ("offset", "reverse", "owner", "weight", "low")
    arrays = [np.concatenate([getattr(part, name) for part in parts]) for name in columns]
    return LocatedSites(concat_sites(part.sites for part in parts), *arrays)


def locate_in_genome(
    scanned: Iterable[Sites], genome: Genome, windows: np.ndarray
) -> Iterator[LocatedSites]:
    """Locate sites of :func:`vqrna.genome.regions.genome_regions`; `low` is their window.

    Parameters
    ----------
    windows : np.ndarray, shape (W,), int64
        First genome offset of each window (see :class:`vqrna.genome.regions.Pieces`).
    """
    numbers = {name: i for i, name in enumerate(genome.names)}
    for sites in scanned:
        if len(sites):
            offset = genome_offset(_look_up(sites.sequence, numbers), sites.position)
            window = np.searchsorted(windows, offset, side="right") - 1
            owner = np.full(len(sites), -1, dtype=np.int64)
            weight = np.zeros(len(sites), dtype=np.int64)
            yield LocatedSites(sites, offset, sites.reverse, owner, weight, windows[window])


def locate_in_transcripts(
    scanned: Iterable[Sites], genome: Genome, transcripts: Transcripts, starts: TranscriptStarts
) -> Iterator[LocatedSites]:
    """Locate sites of :func:`vqrna.genome.regions.transcript_regions`.

    `low` is the number of the transcript that was scanned; for a first base, of the one that
    follows it.
    """
    numbers = {name: i for i, name in enumerate(transcripts.names.tolist())}
    numbers.update((name, -1 - i) for i, name in enumerate(genome.names))
    for sites in scanned:
        if not len(sites):
            continue
        number = _look_up(sites.sequence, numbers)
        spliced = number >= 0
        owner = np.where(spliced, number, -1)
        offset, reverse = genome_offset(-1 - number, sites.position), sites.reverse.copy()
        offset[spliced] = transcripts.genome_offsets(owner[spliced], sites.position[spliced])
        reverse[spliced] = transcripts.reverse[owner[spliced]]
        low = owner.copy()
        index = starts.index(strand_offset(offset[~spliced], reverse[~spliced]))
        low[~spliced] = starts.owners[starts.first[index]]
        weight = np.ones(len(sites), dtype=np.int64)
        yield LocatedSites(sites, offset, reverse, owner, weight, low)


def _look_up(names: np.ndarray, numbers: Mapping[str, int]) -> np.ndarray:
    """Return the number of each name, shape (N,), int64; equal names are in runs."""
    opens = np.flatnonzero(np.concatenate([[True], names[1:] != names[:-1]]))
    values = np.array([numbers[name] for name in names[opens].tolist()], dtype=np.int64)
    return np.repeat(values, np.diff(np.append(opens, len(names))))


def flush_complete(
    parts: Iterable[LocatedSites],
    complete: Callable[[LocatedSites, int], np.ndarray],
    select: Callable[[LocatedSites], LocatedSites] = lambda pool: pool,
) -> Iterator[LocatedSites]:
    """Yield rows as soon as no later row can belong to the same site or transcript.

    Parameters
    ----------
    complete : callable
        Returns which rows are complete, shape (N,), bool, from the rows and the last `low`.
    select : callable, optional
        Returns the rows to keep of those that wait, and of the last ones.
    """
    waiting: list[LocatedSites] = []
    count, limit = 0, BATCH
    for part in parts:
        waiting.append(part)
        count += len(part)
        if count < limit:
            continue
        pool = select(concat_located(waiting))
        done = complete(pool, int(part.low[-1]))
        if done.any():
            yield pool.take(done)
            pool = pool.take(~done)
        waiting, count = [pool], len(pool)
        limit = max(BATCH, 2 * count)
    if count:
        yield select(concat_located(waiting))


def collapse_to_genome(
    parts: Iterable[LocatedSites],
    genome: Genome,
    transcripts: Transcripts,
    first_base_only: np.ndarray,
    *,
    genomic: bool,
) -> Iterator[Sites]:
    """Collapse the rows of each site, strand and modification to one, sorted.

    Parameters
    ----------
    parts : iterable of LocatedSites
        `low` is a genome offset.
    first_base_only : np.ndarray, shape (M,), bool
        Which of the scan's modifications occur only at the first base of a transcript.
    genomic : bool
        Whether the genome was scanned, and not each transcript separately.
    """
    table = _GenomeTable(genome, transcripts, first_base_only, genomic)
    for pool in flush_complete(parts, lambda pool, low: pool.offset < low):
        yield table.rows(pool)


class _GenomeTable:
    def __init__(
        self, genome: Genome, transcripts: Transcripts, first_base_only: np.ndarray, genomic: bool
    ) -> None:
        self._chromosomes = np.array(genome.names, dtype=object)
        self._transcripts = transcripts
        self._first_base_only = first_base_only
        self._coverage = Coverage.of(transcripts, np.ones(len(transcripts), dtype=bool))
        # Regions are not restricted to first bases; scanned separately, they have own rows.
        self._unrestricted = Coverage.of(transcripts, ~transcripts.known & genomic)
        self._starts = TranscriptStarts.of(transcripts)

    def rows(self, pool: LocatedSites) -> Sites:
        """Return one row for each site of a pool with all rows of these sites."""
        transcript, weight = self._transcript(pool)
        ranks = np.append(self._transcripts.ranks, -1)
        sites = pool.sites
        keys = (pool.offset, pool.reverse, sites.modification_index)
        order = np.lexsort((ranks[transcript], -sites.score, *reversed(keys)))
        opens = np.zeros(len(order), dtype=bool)
        opens[:1] = True
        for key in keys:
            opens[1:] |= key[order][1:] != key[order][:-1]
        first = np.flatnonzero(opens)
        best = order[first]
        offset, transcript = pool.offset[best], transcript[best]
        names = np.append(self._transcripts.identifiers, "")
        genes = np.append(self._transcripts.genes, "")
        rows = sites.take(best)
        return rows.replace(
            sequence=self._chromosomes[chromosome_of(offset)],
            position=position_of(offset),
            reverse=pool.reverse[best],
            extra={
                **rows.extra,
                "lowest_score": np.fmin.reduceat(sites.score[order], first),
                "transcript": names[transcript],
                "transcripts": self._coverage.at(pool.strand_offset[best])[0],
                "reported_in": np.add.reduceat(weight[order], first),
                "gene": genes[transcript],
            },
        )

    def _transcript(self, pool: LocatedSites) -> tuple[np.ndarray, np.ndarray]:
        """Return the transcript to name in each row, and the number of those that it represents."""
        transcript, weight = pool.owner.copy(), pool.weight.copy()
        restricted = (pool.owner < 0) & self._first_base_only[pool.sites.modification_index]
        free = (pool.owner < 0) & ~restricted
        offsets = pool.strand_offset
        weight[free], transcript[free] = self._coverage.at(offsets[free])
        weight[restricted], transcript[restricted] = self._at_first_base(offsets[restricted])
        return transcript, weight

    def _at_first_base(self, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Count transcripts that begin at strand offsets, and regions there; return the first."""
        starts = self._starts
        depth, region = self._unrestricted.at(offsets)
        index = starts.index(offsets)
        begins = index >= 0
        best = np.full(len(offsets), -1, dtype=np.int64)
        best[begins] = starts.best[index[begins]]
        depth[begins] += starts.first[index[begins] + 1] - starts.first[index[begins]]
        # One of the two may be missing (-1); the rank of -1 is beyond all others.
        ranks = np.append(self._transcripts.ranks, len(self._transcripts))
        return depth, np.where(ranks[best] <= ranks[region], best, region)


def copies_in_transcripts(
    pool: LocatedSites, transcripts: Transcripts, first_base_only: np.ndarray, numbers: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield a copy of each site for each transcript that contains it, whole transcripts at a time.

    Parameters
    ----------
    pool : LocatedSites
        Sites of a genome.
    first_base_only : np.ndarray, shape (M,), bool
        Which of the scan's modifications occur only at the first base of a transcript.
    numbers : np.ndarray, shape (T,), int64
        Transcripts, ascending.

    Yields
    ------
    row, number, position : np.ndarray, shape (R,), int64
        Row of the pool, number of the transcript, and position along its bases in the genome;
        sorted by transcript, position and modification. Bases that a transcript itself lacks are
        left out.
    """
    order = np.lexsort((pool.sites.modification_index, pool.strand_offset))
    offsets = pool.strand_offset[order]
    index = pool.sites.modification_index
    owner, block = expand_ranges(transcripts.first[numbers], transcripts.first[numbers + 1])
    reverse = transcripts.reverse[numbers[owner]]
    low, high = (
        np.searchsorted(offsets, strand_offset(transcripts.blocks[block, side], reverse))
        for side in (0, 1)
    )
    before = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(high - low)])
    begin = 0
    while begin < len(block):
        end = max(begin + 1, int(np.searchsorted(before, before[begin] + BATCH)))
        # Only whole transcripts.
        same = owner[begin:] <= owner[min(end, len(block)) - 1]
        end = begin + int(same.sum())
        of, ordered = expand_ranges(low[begin:end], high[begin:end])
        row = order[ordered]
        number, position = transcripts.transcript_positions(block[begin:end][of], pool.offset[row])
        sort = np.lexsort((index[row], position, number))
        row, number, position = row[sort], number[sort], position[sort]
        allowed = ~first_base_only[index[row]] | ~transcripts.known[number] | (position == 0)
        allowed &= transcripts.numbered(number, position) >= 0
        if allowed.any():
            yield row[allowed], number[allowed], position[allowed]
        begin = end


class TranscriptTable:
    """Make a row for each transcript that contains a site, in coordinates of the transcript.

    Parameters
    ----------
    genome : Genome
    transcripts : Transcripts
    first_base_only : np.ndarray, shape (M,), bool
        Which of the scan's modifications occur only at the first base of a transcript.
    """

    def __init__(
        self, genome: Genome, transcripts: Transcripts, first_base_only: np.ndarray
    ) -> None:
        self._chromosomes = np.array(genome.names, dtype=object)
        self._transcripts = transcripts
        self._first_base_only = first_base_only

    def rows_from_transcripts(
        self, parts: Iterable[LocatedSites], starts: TranscriptStarts
    ) -> Iterator[Sites]:
        """Sort the rows of transcripts that were scanned separately.

        Parameters
        ----------
        parts : iterable of LocatedSites
            From :func:`locate_in_transcripts`.
        """
        shared = (self._copy_first_bases(part, starts) for part in parts)
        for pool in flush_complete(shared, lambda pool, low: pool.owner < low):
            sites = pool.sites
            order = np.lexsort((sites.modification_index, sites.position, pool.owner))
            pool = pool.take(order)
            yield self._rows(pool, pool.owner, pool.sites.position)

    def rows_from_genome(
        self, parts: Iterable[LocatedSites], top: int | None = None
    ) -> Iterator[Sites]:
        """Copy the rows of a genome to its transcripts, each when the scan has passed it.

        Parameters
        ----------
        parts : iterable of LocatedSites
            From :func:`locate_in_genome`.
        top : int, optional
            Most rows of each transcript and modification, the most probable ones.
        """
        starts, stops = self._transcripts.starts, self._transcripts.stops
        waiting: list[LocatedSites] = []
        count, limit, done = 0, BATCH, 0
        for part in parts:
            waiting.append(part)
            count += len(part)
            if count < limit:
                continue
            pool = concat_located(waiting)
            passed = pool.low[-1]
            until = done + int(np.searchsorted(starts[done:], passed))
            late = np.flatnonzero(stops[done:until] > passed)
            until = done + int(late[0]) if len(late) else until
            yield from self._copy_to_transcripts(pool, done, until, top)
            done = until
            if done < len(starts):
                pool = pool.take(pool.offset >= starts[done])
            waiting, count = [pool], len(pool)
            limit = max(BATCH, 2 * count)
        if count:
            pool = concat_located(waiting)
            yield from self._copy_to_transcripts(pool, done, len(starts), top)

    def _copy_to_transcripts(
        self, pool: LocatedSites, done: int, until: int, top: int | None
    ) -> Iterator[Sites]:
        """Yield the rows of transcripts [done, until), some transcripts at a time."""
        numbers = np.arange(done, until)
        copies = copies_in_transcripts(pool, self._transcripts, self._first_base_only, numbers)
        for row, number, position in copies:
            rows = pool.take(row)
            if top is not None:
                best = best_rows(rows.sites, top, number, position)
                rows, number, position = rows.take(best), number[best], position[best]
            yield self._rows(rows, number, position)

    def _copy_first_bases(self, part: LocatedSites, starts: TranscriptStarts) -> LocatedSites:
        """Copy the rows of first bases to each transcript that begins there."""
        genomic = part.owner < 0
        if not genomic.any():
            return part
        low = np.arange(len(part))
        high = low + 1
        index = starts.index(part.strand_offset[genomic])
        low[genomic], high[genomic] = starts.first[index], starts.first[index + 1]
        row, start = expand_ranges(low, high)
        copies = part.take(row)
        copied = genomic[row]
        owner = copies.owner.copy()
        owner[copied] = starts.owners[start[copied]]
        sites = copies.sites.replace(position=np.where(copied, 0, copies.sites.position))
        return replace(copies, sites=sites, owner=owner)

    def _rows(self, pool: LocatedSites, owner: np.ndarray, position: np.ndarray) -> Sites:
        position = self._transcripts.numbered(owner, position)
        if (position < 0).any():  # bases that the transcript itself lacks
            kept = np.flatnonzero(position >= 0)
            pool, owner, position = pool.take(kept), owner[kept], position[kept]
        return pool.sites.replace(
            sequence=self._transcripts.names[owner],
            position=position,
            reverse=np.zeros(len(pool), dtype=bool),
            extra={
                **pool.sites.extra,
                "transcript_id": self._transcripts.identifiers[owner],
                "chromosome": self._chromosomes[chromosome_of(pool.offset)],
                "genome_position": position_of(pool.offset) + 1,
                "genome_strand": np.where(pool.reverse, "-", "+").astype(object),
                "gene": self._transcripts.genes[owner],
            },
        )
