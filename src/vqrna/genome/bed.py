"""Read the regions of a BED file: stretches, and transcripts where there are blocks."""

from __future__ import annotations

from itertools import pairwise
from os import PathLike

from vqrna.errors import DataError
from vqrna.genome.chromosomes import Chromosomes
from vqrna.genome.fasta import Genome
from vqrna.genome.gathered import Gathered
from vqrna.genome.lines import LineError, lines_of, shown, whole

_HEADS = (b"track", b"browser")
_STRANDS = {b"+": 1, b"-": -1, b".": 0}


def read_bed(path: str | PathLike[str], genome: Genome) -> Gathered:
    """Read a BED file of 3 to 12 columns, plain or gzipped.

    A region without a strand (no sixth column, or ``.``) is meant on both. With twelve columns
    the blocks are the exons of a transcript; other columns after the sixth are not looked at.

    Parameters
    ----------
    path : path-like
    genome : Genome

    Raises
    ------
    DataError
        With file and line: too few columns, no whole numbers, a start that is not below the end,
        a chromosome or an end that the genome does not have, an unknown strand, blocks that do
        not fit. Without a line: no regions at all.
    """
    found = Gathered()
    chromosomes = Chromosomes(genome)
    with lines_of(path) as lines:
        for line in lines:
            stripped = line.rstrip(b"\r\n")
            words = stripped.split(None, 1)
            if not words or words[0].startswith(b"#") or words[0] in _HEADS:
                continue
            _take(stripped.split(b"\t" if b"\t" in stripped else None), found, chromosomes)
    if not found:
        raise DataError("holds no regions", file=path)
    return found


def _take(fields: list[bytes], found: Gathered, chromosomes: Chromosomes) -> None:
    """Read one line."""
    if len(fields) < 3:
        raise LineError(f"has {len(fields)} columns: a BED line has 3 at least")
    chromosome = chromosomes.number(fields[0])
    if chromosome is None:
        raise LineError(chromosomes.missing(fields[0]))
    start, stop = whole(fields[1], "start"), whole(fields[2], "end")
    if start < 0 or start >= stop:
        raise LineError(f"start {start} and end {stop} are no interval (0-based, start below end)")
    if stop > chromosomes.lengths[chromosome]:
        raise LineError(chromosomes.beyond(chromosome, stop))
    name = fields[3].decode("utf-8", "replace").strip() if len(fields) > 3 else ""
    strand = 0
    if len(fields) > 5:
        if fields[5].strip() not in _STRANDS:
            raise LineError(f"strand '{shown(fields[5])}' is none of + - .")
        strand = _STRANDS[fields[5].strip()]
    blocks = [(start, stop)] if len(fields) < 12 else _blocks(fields, start, stop)
    owner = found.add("" if name == "." else name, "", chromosome, strand, len(fields) >= 12)
    for block in blocks:
        found.block(owner, *block)


def _blocks(fields: list[bytes], start: int, stop: int) -> list[tuple[int, int]]:
    """Read and check columns 10 to 12."""
    count = whole(fields[9], "block count")
    sizes = [whole(word, "block size") for word in fields[10].rstrip(b", ").split(b",")]
    starts = [whole(word, "block start") for word in fields[11].rstrip(b", ").split(b",")]
    if not count == len(sizes) == len(starts):
        raise LineError(f"has {len(sizes)} sizes and {len(starts)} starts for {count} blocks")
    blocks = [(start + at, start + at + size) for at, size in zip(starts, sizes, strict=True)]
    if min(sizes) < 1:
        raise LineError(f"has a block of size {min(sizes)}")
    if any(after[0] < before[1] for before, after in pairwise(blocks)):
        raise LineError("has blocks that overlap or do not rise")
    if blocks[0][0] != start or blocks[-1][1] != stop:
        raise LineError(
            f"blocks are from {blocks[0][0]} to {blocks[-1][1]}, the region from {start} to {stop}"
        )
    return blocks
