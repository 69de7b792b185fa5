"""The table by transcript: a row for each transcript and site, in the transcript's numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from vqrna.genome import located
from vqrna.genome.coordinates import chromosome_of, key_of, position_of, spread
from vqrna.genome.fasta import Genome
from vqrna.genome.holders import Beginnings
from vqrna.genome.located import Located, settled, together
from vqrna.genome.transcripts import Transcripts
from vqrna.sites import Sites

COLUMNS: dict[str, type] = {
    "chromosome": object,
    "genome_position": np.int64,
    "genome_strand": object,
    "gene": object,
}
"""Columns that the table by transcript has more than any scan's, and what they hold."""


class Unfolder:
    """Gives rows to each transcript that holds their site.

    Parameters
    ----------
    genome : Genome
    transcripts : Transcripts
    first_base : int
        Which kind is looked for at first bases alone; -1 for none.
    """

    def __init__(self, genome: Genome, transcripts: Transcripts, first_base: int) -> None:
        self._chromosomes = np.array(genome.names, dtype=object)
        self._transcripts = transcripts
        self._first_base = first_base

    def of_transcripts(self, parts: Iterable[Located], beginnings: Beginnings) -> Iterator[Sites]:
        """Sort rows of transcripts that were scanned one by one.

        Parameters
        ----------
        parts : iterable of Located
            From :func:`vqrna.genome.located.in_transcripts`.
        beginnings : Beginnings
        """
        shared = (self._shared(part, beginnings) for part in parts)
        for pool in settled(shared, lambda pool: pool.owner < pool.low[-1]):
            sites = pool.sites
            order = np.lexsort((sites.kind, sites.position, pool.owner))
            pool = pool.take(order)
            yield self._rows(pool, pool.owner, pool.sites.position)

    def of_genome(self, parts: Iterable[Located]) -> Iterator[Sites]:
        """Give the rows of a genome to its transcripts, each as soon as it is passed.

        Parameters
        ----------
        parts : iterable of Located
            From :func:`vqrna.genome.located.in_genome`.
        """
        starts, stops = self._transcripts.starts, self._transcripts.stops
        waiting: list[Located] = []
        count, limit, done = 0, located.BATCH, 0
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
            limit = max(located.BATCH, 2 * count)
        if count:
            yield from self._given(together(waiting), done, len(starts))

    def _given(self, pool: Located, done: int, until: int) -> Iterator[Sites]:
        """Give the rows of transcripts [done, until), some transcripts at a time."""
        transcripts = self._transcripts
        pool = pool.take(np.lexsort((pool.sites.kind, pool.key)))
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
            end = max(begin + 1, int(np.searchsorted(before, before[begin] + located.BATCH)))
            # Only whole transcripts.
            same = which[begin:] <= which[min(end, len(block)) - 1]
            end = begin + int(same.sum())
            index, row = spread(low[begin:end], high[begin:end])
            rows = pool.take(row)
            owner, position = transcripts.positions(block[begin:end][index], rows.place)
            order = np.lexsort((rows.sites.kind, position, owner))
            held = rows.sites.kind[order] != self._first_base
            held |= ~transcripts.known[owner[order]] | (position[order] == 0)
            order = order[held]
            if len(order):
                yield self._rows(rows.take(order), owner[order], position[order])
            begin = end

    def _shared(self, part: Located, beginnings: Beginnings) -> Located:
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
