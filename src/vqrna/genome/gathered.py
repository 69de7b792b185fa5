"""What files tell of transcripts and regions, put in order: strands, blocks, unique names."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from vqrna.genome.coordinates import chromosome_of, place_of, position_of, spread, union
from vqrna.genome.fasta import Genome
from vqrna.genome.transcripts import Transcripts


@dataclass
class Gathered:
    """Transcripts and regions as files tell them, in the order of their lines.

    Attributes
    ----------
    names, genes : list of str
        Empty where not known; a region without a name gets one from its place.
    chromosomes : array of int
    strands : array of int
        1, -1, or 0 where both strands are meant.
    known : array of int
        1 where the first base is annotated, that is for transcripts.
    owners, starts, stops : array of int
        Blocks in any order: number of the transcript, 0-based half-open interval.
    """

    names: list[str] = field(default_factory=list)
    genes: list[str] = field(default_factory=list)
    chromosomes: array[int] = field(default_factory=lambda: array("q"))
    strands: array[int] = field(default_factory=lambda: array("b"))
    known: array[int] = field(default_factory=lambda: array("b"))
    owners: array[int] = field(default_factory=lambda: array("q"))
    starts: array[int] = field(default_factory=lambda: array("q"))
    stops: array[int] = field(default_factory=lambda: array("q"))

    def __len__(self) -> int:
        return len(self.names)

    def add(self, name: str, gene: str, chromosome: int, strand: int, known: bool) -> int:
        """Take a transcript without blocks; returns its number."""
        self.names.append(name)
        self.genes.append(gene)
        self.chromosomes.append(chromosome)
        self.strands.append(strand)
        self.known.append(known and strand != 0)
        return len(self.names) - 1

    def block(self, owner: int, start: int, stop: int) -> None:
        """Take a block of a transcript."""
        self.owners.append(owner)
        self.starts.append(start)
        self.stops.append(stop)

    def extend(self, other: Gathered) -> None:
        """Take all that another one has."""
        before = len(self)
        self.owners.extend(array("q", (np.array(other.owners, dtype=np.int64) + before).tolist()))
        for name in ("names", "genes", "chromosomes", "strands", "known", "starts", "stops"):
            getattr(self, name).extend(getattr(other, name))


def arrange(gathered: Gathered, genome: Genome) -> Transcripts:
    """Put what was read in order: strands, blocks, names.

    Blocks of a transcript that overlap or touch are joined. What has no strand is taken twice, as
    ``name(+)`` and ``name(-)``; what has no name is called ``chromosome:start-end(strand)``; where
    names repeat, or are those of chromosomes, they become ``name::chromosome:start-end(strand)``.
    Of those that are the same in name, place and blocks, one is kept.

    Parameters
    ----------
    gathered : Gathered
        Each with one block at least.
    genome : Genome
    """
    strands = np.array(gathered.strands, dtype=np.int64)
    source = np.concatenate([np.flatnonzero(strands >= 0), np.flatnonzero(strands <= 0)])
    reverse = np.repeat([False, True], [(strands >= 0).sum(), (strands <= 0).sum()])
    blocks, first = _joined(gathered)
    low, high = first[source], first[source + 1]
    starts, stops = blocks[low, 0], blocks[high - 1, 1]
    names = np.array(gathered.names, dtype=object)[source]
    signs = np.where(reverse, "(-)", "(+)").astype(object)
    names = np.where((strands[source] == 0) & (names != ""), names + signs, names)
    rank = np.unique(names, return_inverse=True)[1]
    order = np.lexsort((source, rank, reverse, stops, starts))
    kept = _once(order, [starts, stops, reverse, rank], blocks, low, high)
    source, reverse, low, high = source[kept], reverse[kept], low[kept], high[kept]
    spans = np.array(
        [
            f"{genome.names[chromosome]}:{start}-{stop}({'-' if back else '+'})"
            for chromosome, start, stop, back in zip(
                chromosome_of(starts[kept]).tolist(),
                position_of(starts[kept]).tolist(),
                position_of(stops[kept]).tolist(),
                reverse.tolist(),
                strict=True,
            )
        ],
        dtype=object,
    )
    return Transcripts(
        _unique(names[kept], spans, set(genome.names)),
        np.array(gathered.genes, dtype=object)[source],
        reverse,
        np.array(gathered.known, dtype=bool)[source],
        blocks[spread(low, high)[1]],
        np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(high - low)]),
    )


def _joined(gathered: Gathered) -> tuple[np.ndarray, np.ndarray]:
    """Sort and join the blocks of each transcript: places, and where each one's begin."""
    chromosome = np.array(gathered.chromosomes, dtype=np.int64)
    # One line for all transcripts, in which none touches the next, so that one union does all.
    line = place_of(np.array(gathered.owners, dtype=np.int64), 0)
    found = union(line + np.array(gathered.starts), line + np.array(gathered.stops))
    owner = chromosome_of(found[:, 0])
    blocks = place_of(chromosome[owner][:, None], found - place_of(owner, 0)[:, None])
    return blocks, np.searchsorted(owner, np.arange(len(gathered) + 1))


def _once(
    order: np.ndarray,
    columns: list[np.ndarray],
    blocks: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> np.ndarray:
    """Leave out those that are the same as an earlier one in all columns and blocks."""
    same = np.ones(max(0, len(order) - 1), dtype=bool)
    for column in columns:
        same &= column[order][1:] == column[order][:-1]
    keep = np.ones(len(order), dtype=bool)
    seen: set[bytes] = set()
    for at in (np.flatnonzero(same) + 1).tolist():
        if at < 2 or not same[at - 2]:
            seen = {_shape(blocks, low, high, order[at - 1])}
        shape = _shape(blocks, low, high, order[at])
        keep[at] = shape not in seen
        seen.add(shape)
    return order[keep]


def _shape(blocks: np.ndarray, low: np.ndarray, high: np.ndarray, number: int) -> bytes:
    return blocks[low[number] : high[number]].tobytes()


def _unique(names: np.ndarray, spans: np.ndarray, taken: set[str]) -> np.ndarray:
    """Give each a name of its own."""
    counts = Counter(names.tolist())
    found = []
    for name, span in zip(names.tolist(), spans.tolist(), strict=True):
        if not name:
            own = span
        elif counts[name] > 1 or name in taken:
            own = f"{name}::{span}"
        else:
            own = name
        # Whatever is left, such as two blocked regions of one name and span, is counted.
        number = 2
        unique = own
        while unique in taken:
            unique, number = f"{own}_{number}", number + 1
        taken.add(unique)
        found.append(unique)
    return np.array(found, dtype=object)
