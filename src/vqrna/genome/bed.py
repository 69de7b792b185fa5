"""Read the regions of a BED file: stretches, and transcripts where there are blocks.

Go through the lines of a text file so that what is wrong with one is told with its number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from os import PathLike

from vqrna.data.text_files import open_text
from vqrna.errors import DataError
from vqrna.genome.fasta import Chromosomes, Genome
from vqrna.genome.transcripts import AnnotationRecords

_SHOWN = 40


class LineError(Exception):
    """What is wrong with the line that was read last."""


@contextmanager
def lines_of(path: str | PathLike[str]) -> Iterator[Iterator[bytes]]:
    """Open a file, plain or gzipped, and give its lines.

    Raises
    ------
    DataError
        As :func:`vqrna.data.text_files.open_text`; and with file and line, in place of a `LineError`
        that the body raises.
    """
    number = 0

    def counted(lines: Iterable[bytes]) -> Iterator[bytes]:
        nonlocal number
        for number, line in enumerate(lines, start=1):  # noqa: B007 (told below)
            yield line

    try:
        with open_text(path) as lines:
            yield counted(lines)
    except LineError as error:
        raise DataError(str(error), file=path, line=number) from None


def whole(field: bytes, what: str) -> int:
    """Read a whole number.

    Raises
    ------
    LineError
        If it is none.
    """
    word = field.strip()
    if not word.removeprefix(b"-").isdigit() or len(word) > 15:
        raise LineError(f"{what} '{shown(field)}' is no whole number")
    return int(word)


def shown(field: bytes) -> str:
    """Give a field as it is shown in a message."""
    return field.decode("utf-8", "replace")[:_SHOWN]


_HEADS = (b"track", b"browser")
_STRANDS = {b"+": 1, b"-": -1, b".": 0}


def read_bed(path: str | PathLike[str], genome: Genome) -> AnnotationRecords:
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
    found = AnnotationRecords()
    chromosomes = Chromosomes(genome)
    with lines_of(path) as lines:
        for line in lines:
            words = line.split(None, 1)
            if not words or words[0].startswith(b"#") or words[0] in _HEADS:
                continue
            _take(fields_of(line), found, chromosomes)
    if not found:
        raise DataError("holds no regions", file=path)
    return found


def fields_of(line: bytes) -> list[bytes]:
    """Cut a line of BED at its tabs, or, without any, at white space.

    Raises
    ------
    LineError
        If there are fewer than three columns.
    """
    stripped = line.rstrip(b"\r\n")
    fields = stripped.split(b"\t" if b"\t" in stripped else None)
    if len(fields) < 3:
        raise LineError(f"has {len(fields)} columns: a BED line has 3 at least")
    return fields


def interval_of(fields: list[bytes]) -> tuple[int, int]:
    """Read start and end, 0-based and half-open; a `LineError` if they are none."""
    start, stop = whole(fields[1], "start"), whole(fields[2], "end")
    if start < 0 or start >= stop:
        raise LineError(f"start {start} and end {stop} are no interval (0-based, start below end)")
    return start, stop


def strand_of(fields: list[bytes]) -> int:
    """Read the strand: 1, -1, or 0 where both are meant; a `LineError` if it is none."""
    if len(fields) <= 5:
        return 0
    strand = _STRANDS.get(fields[5].strip())
    if strand is None:
        raise LineError(f"strand '{shown(fields[5])}' is none of + - .")
    return strand


def _take(fields: list[bytes], found: AnnotationRecords, chromosomes: Chromosomes) -> None:
    """Read one line."""
    chromosome = chromosomes.number(fields[0])
    if chromosome is None:
        raise LineError(chromosomes.missing(fields[0]))
    start, stop = interval_of(fields)
    if stop > chromosomes.lengths[chromosome]:
        raise LineError(chromosomes.beyond(chromosome, stop))
    name = fields[3].decode("utf-8", "replace").strip() if len(fields) > 3 else ""
    strand = strand_of(fields)
    owner = found.add("" if name == "." else name, "", chromosome, strand, len(fields) >= 12)
    for block in blocks_of(fields, start, stop):
        found.block(owner, *block)


def blocks_of(fields: list[bytes], start: int, stop: int) -> list[tuple[int, int]]:
    """Give the blocks of columns 10 to 12, or the whole interval where there are none.

    Raises
    ------
    LineError
        If they do not fit.
    """
    if len(fields) < 12:
        return [(start, stop)]
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
