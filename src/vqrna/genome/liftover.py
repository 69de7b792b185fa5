"""The main table: one row for each site of the genome and type, whatever transcripts hold it.

Sites as they were scanned, with their places in the genome, held until they are final.

The table by transcript: a row for each transcript and site, in the transcript's numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from vqrna.genome.coordinates import chromosome_of, key_of, place_of, position_of, spread
from vqrna.genome.fasta import Genome
from vqrna.genome.transcripts import Coverage, Transcripts, TranscriptStarts
from vqrna.sites import Sites, joined

BATCH = 1 << 17
"""Rows are looked at together when so many have come; more where few of them are final."""


@dataclass(frozen=True, eq=False)
class Located:
    """Sites and where they are.

    Attributes
    ----------
    sites : Sites
        As scanned, or with other columns.
    place : np.ndarray, shape (N,), int64
        See :mod:`vqrna.genome.coordinates`.
    reverse : np.ndarray, shape (N,), bool
        Strand of the genome.
    owner : np.ndarray, shape (N,), int64
        Number of the transcript that was scanned; -1 where it was the genome.
    low : np.ndarray, shape (N,), int64
        Never falls: no later row comes before it in the order that is wanted.
    """

    sites: Sites
    place: np.ndarray
    reverse: np.ndarray
    owner: np.ndarray
    low: np.ndarray

    def __len__(self) -> int:
        return len(self.place)

    @property
    def key(self) -> np.ndarray:
        """Place and strand in one: shape (N,), int64."""
        return key_of(self.place, self.reverse)

    def take(self, rows: np.ndarray) -> Located:
        """Give some of the rows, by indices or mask."""
        return Located(
            self.sites.take(rows),
            self.place[rows],
            self.reverse[rows],
            self.owner[rows],
            self.low[rows],
        )


def together(parts: list[Located]) -> Located:
    """Put rows together, in order."""
    if len(parts) == 1:
        return parts[0]
    columns = ("place", "reverse", "owner", "low")
    arrays = [np.concatenate([getattr(part, name) for part in parts]) for name in columns]
    return Located(joined(part.sites for part in parts), *arrays)


def in_genome(found: Iterable[Sites], genome: Genome, windows: np.ndarray) -> Iterator[Located]:
    """Locate sites of stretches of the genome.

    Parameters
    ----------
    found : iterable of Sites
    genome : Genome
    windows : np.ndarray, shape (W,), int64
        First place of each window (see :class:`vqrna.genome.regions.Pieces`).
    """
    numbers = {name: i for i, name in enumerate(genome.names)}
    for sites in found:
        if len(sites):
            place = place_of(_numbered(sites.sequence, numbers), sites.position)
            window = np.searchsorted(windows, place, side="right") - 1
            nobody = np.full(len(sites), -1, dtype=np.int64)
            yield Located(sites, place, sites.reverse, nobody, windows[window])


def in_transcripts(
    found: Iterable[Sites], genome: Genome, transcripts: Transcripts, beginnings: TranscriptStarts
) -> Iterator[Located]:
    """Locate sites of transcripts and of first bases in the genome.

    `low` is the number of the transcript that was scanned, or before which its first base was.
    """
    numbers = {name: i for i, name in enumerate(transcripts.names.tolist())}
    numbers.update((name, -1 - i) for i, name in enumerate(genome.names))
    for sites in found:
        if not len(sites):
            continue
        number = _numbered(sites.sequence, numbers)
        spliced = number >= 0
        owner = np.where(spliced, number, -1)
        place, reverse = place_of(-1 - number, sites.position), sites.reverse.copy()
        place[spliced] = transcripts.places(owner[spliced], sites.position[spliced])
        reverse[spliced] = transcripts.reverse[owner[spliced]]
        low = owner.copy()
        index = beginnings.find(key_of(place[~spliced], reverse[~spliced]))
        low[~spliced] = beginnings.owners[beginnings.first[index]]
        yield Located(sites, place, reverse, owner, low)


def settled(parts: Iterable[Located], final: Callable[[Located], np.ndarray]) -> Iterator[Located]:
    """Give rows as soon as none that comes later belongs among them.

    Parameters
    ----------
    parts : iterable of Located
    final : callable
        Tells, of rows as they came, which are final: shape (N,), bool.
    """
    waiting: list[Located] = []
    count, limit = 0, BATCH
    for part in parts:
        waiting.append(part)
        count += len(part)
        if count < limit:
            continue
        pool = together(waiting)
        done = final(pool)
        if done.any():
            yield pool.take(done)
            pool = pool.take(~done)
        waiting, count = [pool], len(pool)
        limit = max(BATCH, 2 * count)
    if count:
        yield together(waiting)


def _numbered(names: np.ndarray, numbers: Mapping[str, int]) -> np.ndarray:
    """Turn names, which come in runs, into numbers: shape (N,), int64."""
    opens = np.flatnonzero(np.concatenate([[True], names[1:] != names[:-1]]))
    found = np.array([numbers[name] for name in names[opens].tolist()], dtype=np.int64)
    return np.repeat(found, np.diff(np.append(opens, len(names))))


GENOME_COLUMNS: dict[str, type] = {
    "lowest_score": np.float64,
    "transcript": object,
    "transcripts": np.int64,
    "reported_in": np.int64,
    "gene": object,
}
"""Columns that the main table has more than any scan's, and what they hold."""


class Merger:
    """Merges rows of the same site.

    Parameters
    ----------
    genome : Genome
    transcripts : Transcripts
    first_base_only : np.ndarray, shape (M,), bool
        Which of the scan's modifications occur only at the first base of a transcript.
    genomic : bool
        Whether the genome was scanned, and not each transcript by itself.
    """

    def __init__(
        self, genome: Genome, transcripts: Transcripts, first_base_only: np.ndarray, genomic: bool
    ) -> None:
        self._chromosomes = np.array(genome.names, dtype=object)
        self._transcripts = transcripts
        self._first_base_only = first_base_only
        self._cover = Coverage.of(transcripts, np.ones(len(transcripts), dtype=bool))
        # Regions hold first-base kinds everywhere; scanned by themselves they have own rows.
        self._plain = Coverage.of(transcripts, ~transcripts.known & genomic)
        self._beginnings = TranscriptStarts.of(transcripts)

    def rows(self, parts: Iterable[Located]) -> Iterator[Sites]:
        """Merge rows as they come.

        Parameters
        ----------
        parts : iterable of Located
            `low` is the place before which no later row lies.
        """
        for pool in settled(parts, lambda pool: pool.place < pool.low[-1]):
            yield self.merged(pool)

    def merged(self, pool: Located) -> Sites:
        """Merge all rows of some sites: sorted by place, strand and kind, each once.

        Parameters
        ----------
        pool : Located
            All rows that there are of these sites.
        """
        told, weight = self._told(pool)
        ranks = np.append(self._transcripts.ranks, -1)
        sites = pool.sites
        order = np.lexsort(
            (ranks[told], -sites.score, sites.modification_index, pool.reverse, pool.place)
        )
        place, reverse, kind = (
            pool.place[order],
            pool.reverse[order],
            sites.modification_index[order],
        )
        opens = np.ones(len(order), dtype=bool)
        opens[1:] = (
            (place[1:] != place[:-1]) | (reverse[1:] != reverse[:-1]) | (kind[1:] != kind[:-1])
        )
        first = np.flatnonzero(opens)
        best = order[first]
        place, told = pool.place[best], told[best]
        names = np.append(self._transcripts.names, "")
        genes = np.append(self._transcripts.genes, "")
        rows = sites.take(best)
        return rows.replace(
            sequence=self._chromosomes[chromosome_of(place)],
            position=position_of(place),
            reverse=pool.reverse[best],
            extra={
                **rows.extra,
                "lowest_score": np.fmin.reduceat(sites.score[order], first),
                "transcript": names[told],
                "transcripts": self._cover.at(pool.key[best])[0],
                "reported_in": np.add.reduceat(weight[order], first),
                "gene": genes[told],
            },
        )

    def _told(self, pool: Located) -> tuple[np.ndarray, np.ndarray]:
        """Give the transcript to be named with each row, and for how many the row stands."""
        told, weight = pool.owner.copy(), np.ones(len(pool), dtype=np.int64)
        at_first = (pool.owner < 0) & self._first_base_only[pool.sites.modification_index]
        anywhere = (pool.owner < 0) & ~at_first
        weight[anywhere], told[anywhere] = self._cover.at(pool.key[anywhere])
        weight[at_first], told[at_first] = self._beginning(pool.key[at_first])
        return told, weight

    def _beginning(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give number and first by name of those that begin at some keys, and of regions there."""
        begin = self._beginnings
        depth, region = self._plain.at(keys)
        index = begin.find(keys)
        there = index >= 0
        best = np.full(len(keys), -1, dtype=np.int64)
        best[there] = begin.best[index[there]]
        depth[there] += begin.first[index[there] + 1] - begin.first[index[there]]
        # One of the two may be missing; its rank then is beyond all others.
        ranks = np.append(self._transcripts.ranks, len(self._transcripts))
        return depth, np.where(ranks[best] <= ranks[region], best, region)


TRANSCRIPT_COLUMNS: dict[str, type] = {
    "chromosome": object,
    "genome_position": np.int64,
    "genome_strand": object,
    "gene": object,
}
"""Columns that the table by transcript has more than any scan's, and what they hold."""


class TranscriptTable:
    """Gives rows to each transcript that holds their site.

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

    def of_transcripts(
        self, parts: Iterable[Located], beginnings: TranscriptStarts
    ) -> Iterator[Sites]:
        """Sort rows of transcripts that were scanned one by one.

        Parameters
        ----------
        parts : iterable of Located
            From :func:`vqrna.genome.liftover.in_transcripts`.
        beginnings : TranscriptStarts
        """
        shared = (self._shared(part, beginnings) for part in parts)
        for pool in settled(shared, lambda pool: pool.owner < pool.low[-1]):
            sites = pool.sites
            order = np.lexsort((sites.modification_index, sites.position, pool.owner))
            pool = pool.take(order)
            yield self._rows(pool, pool.owner, pool.sites.position)

    def of_genome(self, parts: Iterable[Located]) -> Iterator[Sites]:
        """Give the rows of a genome to its transcripts, each as soon as it is passed.

        Parameters
        ----------
        parts : iterable of Located
            From :func:`vqrna.genome.liftover.in_genome`.
        """
        starts, stops = self._transcripts.starts, self._transcripts.stops
        waiting: list[Located] = []
        count, limit, done = 0, BATCH, 0
        for part in parts:
            waiting.append(part)
            count += len(part)
            if count < limit:
                continue
            pool = together(waiting)
            passed = pool.low[-1]
            until = done + int(np.searchsorted(starts[done:], passed))
            late = np.flatnonzero(stops[done:until] > passed)
            until = done + int(late[0]) if len(late) else until
            yield from self._given(pool, done, until)
            done = until
            if done < len(starts):
                pool = pool.take(pool.place >= starts[done])
            waiting, count = [pool], len(pool)
            limit = max(BATCH, 2 * count)
        if count:
            yield from self._given(together(waiting), done, len(starts))

    def _given(self, pool: Located, done: int, until: int) -> Iterator[Sites]:
        """Give the rows of transcripts [done, until), some transcripts at a time."""
        transcripts = self._transcripts
        pool = pool.take(np.lexsort((pool.sites.modification_index, pool.key)))
        owners = np.arange(done, until)
        which, block = spread(transcripts.first[owners], transcripts.first[owners + 1])
        reverse = transcripts.reverse[owners[which]]
        low, high = (
            np.searchsorted(pool.key, key_of(transcripts.blocks[block, side], reverse))
            for side in (0, 1)
        )
        before = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(high - low)])
        begin = 0
        while begin < len(block):
            end = max(begin + 1, int(np.searchsorted(before, before[begin] + BATCH)))
            # Only whole transcripts.
            same = which[begin:] <= which[min(end, len(block)) - 1]
            end = begin + int(same.sum())
            index, row = spread(low[begin:end], high[begin:end])
            rows = pool.take(row)
            owner, position = transcripts.positions(block[begin:end][index], rows.place)
            order = np.lexsort((rows.sites.modification_index, position, owner))
            held = ~self._first_base_only[rows.sites.modification_index[order]]
            held |= ~transcripts.known[owner[order]] | (position[order] == 0)
            order = order[held]
            if len(order):
                yield self._rows(rows.take(order), owner[order], position[order])
            begin = end

    def _shared(self, part: Located, beginnings: TranscriptStarts) -> Located:
        """Give the rows of first bases to each transcript that begins there."""
        genomic = part.owner < 0
        if not genomic.any():
            return part
        rows = np.arange(len(part))
        index = beginnings.find(part.key[genomic])
        low, high = rows.copy(), rows + 1
        low[genomic], high[genomic] = beginnings.first[index], beginnings.first[index + 1]
        which, begun = spread(low, high)
        shared = part.take(which)
        own = genomic[which]
        owner = shared.owner.copy()
        owner[own] = beginnings.owners[begun[own]]
        sites = shared.sites.replace(position=np.where(own, 0, shared.sites.position))
        return replace(shared, sites=sites, owner=owner)

    def _rows(self, pool: Located, owner: np.ndarray, position: np.ndarray) -> Sites:
        """Make rows of transcripts."""
        return pool.sites.replace(
            sequence=self._transcripts.names[owner],
            position=position,
            reverse=np.zeros(len(pool), dtype=bool),
            extra={
                **pool.sites.extra,
                "chromosome": self._chromosomes[chromosome_of(pool.place)],
                "genome_position": position_of(pool.place) + 1,
                "genome_strand": np.where(pool.reverse, "-", "+").astype(object),
                "gene": self._transcripts.genes[owner],
            },
        )
