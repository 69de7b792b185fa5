"""Sites as they were scanned, with their places in the genome, held until they are final."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from vqrna.genome.coordinates import key_of, place_of
from vqrna.genome.fasta import Genome
from vqrna.genome.holders import Beginnings
from vqrna.genome.transcripts import Transcripts
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
        First place of each window (see :class:`vqrna.genome.windows.Pieces`).
    """
    numbers = {name: i for i, name in enumerate(genome.names)}
    for sites in found:
        if len(sites):
            place = place_of(_numbered(sites.sequence, numbers), sites.position)
            window = np.searchsorted(windows, place, side="right") - 1
            nobody = np.full(len(sites), -1, dtype=np.int64)
            yield Located(sites, place, sites.reverse, nobody, windows[window])


def in_transcripts(
    found: Iterable[Sites], genome: Genome, transcripts: Transcripts, beginnings: Beginnings
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
