"""Read BED files: regions, and transcripts where a line has blocks.

:func:`read_lines` and the functions that parse fields serve other line-based formats, too: they
raise `LineError`, which becomes an error with file and line number.
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
from vqrna.runtime.whole_numbers import whole_number

_HEADS = (b"track", b"browser")
_STRANDS = {b"+": 1, b"-": -1, b".": 0}
_LONGEST = 40


class LineError(Exception):
    """The line that was read last is invalid."""


@contextmanager
def read_lines(path: str | PathLike[str]) -> Iterator[Iterator[bytes]]:
    """Open a file, plain or gzipped, and yield an iterator over its lines.

    Raises DataError: as :func:`vqrna.data.text_files.open_text`, and with file and line if the body
    raises a `LineError`.
    """
    number = 0

    def count(lines: Iterable[bytes]) -> Iterator[bytes]:
        nonlocal number
        for number, line in enumerate(lines, start=1):  # noqa: B007 (used below)
            yield line

    try:
        with open_text(path) as lines:
            yield count(lines)
    except LineError as error:
        raise DataError(str(error), file=path, line=number) from None


def parse_int(field: bytes, name: str) -> int:
    """Parse a whole number; raises LineError."""
    word = field.strip()  # blanks around a tab
    number = whole_number(word.removeprefix(b"-"))
    if number is None:
        raise LineError(f"invalid {name} '{shorten(field)}' (expected a whole number)")
    return -number if word.startswith(b"-") else number


def shorten(field: bytes) -> str:
    """Return the first characters of a field, for a message."""
    return field.decode("utf-8", "replace")[:_LONGEST]


def read_bed(path: str | PathLike[str], genome: Genome) -> AnnotationRecords:
    """Read a BED file of 3 to 12 columns, plain or gzipped.

    A region without a strand (no sixth column, or ``.``) is scanned on both. With twelve columns
    the blocks are the exons of a transcript; otherwise columns after the sixth are ignored.

    Raises DataError: with file and line: too few columns, an invalid number, interval, strand or
    block, a chromosome or an end that the genome does not have. Without a line: no regions.
    """
    records = AnnotationRecords()
    chromosomes = Chromosomes(genome)
    with read_lines(path) as lines:
        for line in lines:
            words = line.split(None, 1)
            if words and not words[0].startswith(b"#") and words[0] not in _HEADS:
                _add_line(split_fields(line), records, chromosomes)
    if not records:
        raise DataError("contains no regions", file=path)
    return records


def _add_line(fields: list[bytes], records: AnnotationRecords, chromosomes: Chromosomes) -> None:
    chromosome = chromosomes.number(fields[0])
    if chromosome is None:
        raise LineError(chromosomes.missing_message(fields[0]))
    start, stop = parse_interval(fields)
    if stop > chromosomes.lengths[chromosome]:
        raise LineError(chromosomes.beyond_message(chromosome, stop))
    name = fields[3].decode("utf-8", "replace").strip() if len(fields) > 3 else ""
    strand = parse_strand(fields)
    owner = records.add("" if name == "." else name, "", chromosome, strand, len(fields) >= 12)
    for block in parse_blocks(fields, start, stop):
        records.add_block(owner, *block)


def split_fields(line: bytes) -> list[bytes]:
    """Split a line at tabs, or, if it has none, at white space; raises LineError."""
    stripped = line.rstrip(b"\r\n")
    fields = stripped.split(b"\t" if b"\t" in stripped else None)
    if len(fields) < 3:
        raise LineError(f"has {len(fields)} columns (expected at least 3 in a BED file)")
    return fields


def parse_interval(fields: list[bytes]) -> tuple[int, int]:
    """Parse start and end, 0-based and half-open; raises LineError."""
    start, stop = parse_int(fields[1], "start"), parse_int(fields[2], "end")
    if start < 0 or start >= stop:
        raise LineError(f"invalid interval {start} to {stop} (expected 0 <= start < end)")
    return start, stop


def parse_strand(fields: list[bytes]) -> int:
    """Parse the strand: 1, -1, or 0 for both; raises LineError."""
    if len(fields) <= 5:
        return 0
    strand = _STRANDS.get(fields[5].strip())
    if strand is None:
        raise LineError(f"invalid strand '{shorten(fields[5])}' (expected '+', '-' or '.')")
    return strand


def parse_blocks(fields: list[bytes], start: int, stop: int) -> list[tuple[int, int]]:
    """Parse the blocks of columns 10 to 12; without these, return the interval as one block.

    Raises LineError if they are invalid.
    """
    if len(fields) < 12:
        return [(start, stop)]
    count = parse_int(fields[9], "block count")
    sizes = [parse_int(word, "block size") for word in fields[10].rstrip(b", ").split(b",")]
    starts = [parse_int(word, "block start") for word in fields[11].rstrip(b", ").split(b",")]
    if not count == len(sizes) == len(starts):
        raise LineError(f"has {len(sizes)} block sizes and {len(starts)} starts (expected {count})")
    blocks = [(start + at, start + at + size) for at, size in zip(starts, sizes, strict=True)]
    if min(sizes) < 1:
        raise LineError(f"invalid block size {min(sizes)} (expected 1 or more)")
    if any(after[0] < before[1] for before, after in pairwise(blocks)):
        raise LineError("blocks overlap or are not sorted")
    first, last = blocks[0][0], blocks[-1][1]
    if first != start or last != stop:
        raise LineError(f"blocks cover {first} to {last} (expected {start} to {stop})")
    return blocks
