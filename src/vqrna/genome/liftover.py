"""The main table: one row for each site of the genome and type, whatever transcripts hold it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from vqrna.genome.coordinates import chromosome_of, position_of
from vqrna.genome.fasta import Genome
from vqrna.genome.holders import Beginnings, Cover
from vqrna.genome.located import Located, settled
from vqrna.genome.transcripts import Transcripts
from vqrna.sites import Sites

COLUMNS: dict[str, type] = {
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
    first_base : int
        Which kind is looked for at first bases alone; -1 for none.
    genomic : bool
        Whether the genome was scanned, and not each transcript by itself.
    """

    def __init__(
        self, genome: Genome, transcripts: Transcripts, first_base: int, genomic: bool
    ) -> None:
        self._chromosomes = np.array(genome.names, dtype=object)
        self._transcripts = transcripts
        self._first_base = first_base
        self._cover = Cover.of(transcripts, np.ones(len(transcripts), dtype=bool))
        # Regions hold first-base kinds everywhere; scanned by themselves they have own rows.
        self._plain = Cover.of(transcripts, ~transcripts.known & genomic)
        self._beginnings = Beginnings.of(transcripts)

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
        order = np.lexsort((ranks[told], -sites.score, sites.kind, pool.reverse, pool.place))
        place, reverse, kind = pool.place[order], pool.reverse[order], sites.kind[order]
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
        at_first = (pool.owner < 0) & (pool.sites.kind == self._first_base)
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
