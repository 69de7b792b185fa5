"""Select the most probable sites of each transcript in a scan of a genome."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np

from vqrna.genome.liftover import LocatedSites, copies_in_transcripts, flush_complete
from vqrna.genome.transcripts import Transcripts
from vqrna.sites import best_rows


def best_of_transcripts(
    parts: Iterable[LocatedSites], transcripts: Transcripts, first_base_only: np.ndarray, top: int
) -> Iterator[LocatedSites]:
    """Keep sites that are among the most probable ones of a transcript that contains them.

    They are yielded when the scan has passed all of these transcripts. Until then only the best
    ones so far are kept, so that memory depends on the annotation, and not on the scan.

    Parameters
    ----------
    parts : iterable of LocatedSites
        From :func:`vqrna.genome.liftover.locate_in_genome`.
    first_base_only : np.ndarray, shape (M,), bool
        Which of the scan's modifications occur only at the first base of a transcript.
    top : int
        Most sites of each transcript and modification.

    Yields
    ------
    LocatedSites
        `weight` is the number of transcripts in which the site is among the best ones, `owner` the
        first of these by name. The order is kept, and `low` still never falls.
    """
    starts, stops = transcripts.starts, transcripts.stops

    def passed_by_scan(pool: LocatedSites, low: int) -> np.ndarray:
        return pool.offset < starts[stops > low].min(initial=low)

    def select(pool: LocatedSites) -> LocatedSites:
        return _best(pool, transcripts, first_base_only, top)

    yield from flush_complete(parts, passed_by_scan, select)


def _best(
    pool: LocatedSites, transcripts: Transcripts, first_base_only: np.ndarray, top: int
) -> LocatedSites:
    """Return the sites of a pool that are among the best of the transcripts, as known so far."""
    low, high = pool.offset.min(), pool.offset.max()
    numbers = np.flatnonzero((transcripts.starts <= high) & (transcripts.stops > low))
    weight = np.zeros(len(pool), dtype=np.int64)
    rank = np.full(len(pool), len(transcripts), dtype=np.int64)
    copies = copies_in_transcripts(pool, transcripts, first_base_only, numbers)
    for row, number, position in copies:
        best = best_rows(pool.sites.take(row), top, number, position)
        np.add.at(weight, row[best], 1)
        np.minimum.at(rank, row[best], transcripts.ranks[number[best]])
    kept = np.flatnonzero(weight)
    owner = np.argsort(transcripts.ranks)[rank[kept]]
    return dataclasses.replace(pool.take(kept), owner=owner, weight=weight[kept])
