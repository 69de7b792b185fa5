"""Read BED files: regions, and transcripts where a line has blocks.

:func:`read_lines` and the functions that parse fields serve other line-based formats, too. They
raise `FeatureError` for a feature that can be skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from os import PathLike

from vqrna.data.text_files import open_text
from vqrna.genome.fasta import Chromosomes, Genome
from vqrna.genome.skipping import SkippedFeatures
from vqrna.genome.transcripts import AnnotationRecords
from vqrna.runtime.whole_numbers import whole_number

HEADS = (b"track", b"browser")
"""First words of lines with settings of a genome browser."""

UNKNOWN_SEQUENCE = "sequence not in the genome"
BEYOND = "end beyond the sequence"
BACKWARD = "end before start"
EMPTY = "zero length"
STRAND = "invalid strand"
FEW_COLUMNS = "too few columns"
NUMBER = "invalid number"
"""Reasons for which features are skipped, of annotations as well."""

_ZERO_BLOCK = "zero-size block"
_BLOCKS = "invalid blocks"
_STRANDS = {b"+": 1, b"-": -1, b".": 0}
_LONGEST = 40
_BOM = b"\xef\xbb\xbf"
_starts_loosely = re.compile(rb"\S+(?: +| *\t *)-?[0-9]+(?: +| *\t *)-?[0-9]+(?!\S)").match


class FeatureError(Exception):
    """The feature of the line cannot be used.

    Parameters
    ----------
    reason : str
        Short, the same for all features with this fault: they are counted by it.
    message : str
        The reason with the values of this feature.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@contextmanager
def read_lines(path: str | PathLike[str]) -> Iterator[Iterator[bytes]]:
    """Open a file, plain or gzipped, and yield an iterator over its lines.

    Raises DataError as :func:`vqrna.data.text_files.open_text`.
    """

    def without_mark(lines: Iterable[bytes]) -> Iterator[bytes]:
        for number, line in enumerate(lines):
            yield line if number else line.removeprefix(_BOM)

    with open_text(path) as lines:
        yield without_mark(lines)


def parse_int(field: bytes, name: str) -> int:
    """Parse a whole number; raises FeatureError."""
    word = field.strip()  # blanks around a tab
    number = whole_number(word.removeprefix(b"-"))
    if number is None:
        message = f"invalid {name} '{shorten(field)}' (expected a whole number)"
        raise FeatureError(NUMBER, message)
    return -number if word.startswith(b"-") else number


def shorten(field: bytes) -> str:
    """Return the first characters of a field, for a message."""
    return field.decode("utf-8", "replace")[:_LONGEST]


def _is_annotation(fields: list[bytes]) -> bool:
    """Return whether a line has the coordinates of GTF and GFF3, in columns 4 and 5."""
    return (
        len(fields) >= 8
        and None not in map(whole_number, fields[3:5])
        and (whole_number(fields[1]) is None and whole_number(fields[2]) is None)
    )


def read_bed(
    path: str | PathLike[str], genome: Genome, skipped: SkippedFeatures | None = None
) -> tuple[AnnotationRecords, list[str]]:
    """Read a BED file of 3 or more columns, plain or gzipped.

    A region without a strand (no sixth column, or ``.``) is scanned on both. With twelve columns
    the blocks are the exons of a transcript; otherwise columns after the sixth are ignored, as in
    bedMethyl and bedRMod.

    Features that cannot be used are skipped: those on a sequence that the genome lacks or beyond
    its end, of zero or negative length, with too few columns, an invalid number, strand or blocks;
    of blocks, those of size zero. A first line of column names is skipped, too.

    Raises DataError if there are no regions that can be used.

    Parameters
    ----------
    skipped : SkippedFeatures, optional
        Counts the skipped features, or makes them errors.

    Returns
    -------
    records : AnnotationRecords
    notes : list of str
        Notes for the user.
    """
    skipped = SkippedFeatures(path) if skipped is None else skipped
    records = AnnotationRecords()
    chromosomes = Chromosomes(genome)
    missing: set[bytes] = set()
    first, is_annotation, is_fasta = True, False, False
    with read_lines(path) as lines:
        for number, line in enumerate(lines, start=1):
            words = line.split(None, 1)
            if not words or words[0].startswith(b"#") or words[0] in HEADS:
                continue
            fields: list[bytes] = []
            is_fasta = is_fasta or (first and line.startswith(b">"))
            try:
                fields = split_fields(line)
                is_annotation = is_annotation or _is_annotation(fields)
                if first and fields[1][:1].isalpha() and fields[2][:1].isalpha():
                    skipped.add("line of column names", number)
                else:
                    _add_feature(fields, records, chromosomes, skipped, number)
            except FeatureError as error:
                skipped.add(error.reason, number, str(error))
                if error.reason == UNKNOWN_SEQUENCE:
                    missing.add(fields[0])
            first = False
    if not records:
        unusable = skipped.nothing_left("regions")
        if is_annotation:
            unusable.add_note("it looks like GTF or GFF3: use --gtf")
        if is_fasta:
            unusable.add_note("it looks like FASTA, and not BED")
        raise unusable
    notes = []
    if missing:
        skipped.set_noted(UNKNOWN_SEQUENCE)
        notes.append(f"some regions are left out: {chromosomes.missing_note(missing)}")
    return records, notes


def _add_feature(
    fields: list[bytes],
    records: AnnotationRecords,
    chromosomes: Chromosomes,
    skipped: SkippedFeatures,
    line: int,
) -> None:
    """Add the feature of a line to the records; raises FeatureError if it cannot be used."""
    start, stop = parse_interval(fields)
    chromosome = chromosomes.number(fields[0])
    if chromosome is None:
        raise FeatureError(UNKNOWN_SEQUENCE, chromosomes.missing_message(fields[0]))
    if stop > chromosomes.lengths[chromosome]:
        raise FeatureError(BEYOND, chromosomes.beyond_message(chromosome, stop))
    strand = parse_strand(fields)
    blocks = parse_blocks(fields, start, stop)
    filled = [block for block in blocks if block[0] < block[1]]
    if not filled:
        raise FeatureError(EMPTY, "all blocks have size 0")
    for _ in range(len(blocks) - len(filled)):
        skipped.add(_ZERO_BLOCK, line, "block of size 0")
    name = fields[3].decode("utf-8", "replace").strip() if len(fields) > 3 else ""
    owner = records.add("" if name == "." else name, "", chromosome, strand, has_blocks(fields))
    for block in filled:
        records.add_block(owner, *block)


def split_fields(line: bytes) -> list[bytes]:
    """Split a line at tabs, or, if it has none, at white space; raises FeatureError.

    White space around fields is removed. A line with blanks instead of the first tabs is accepted
    if this gives it the numbers in columns 2 and 3 that it lacks otherwise: names of sequences have
    no blanks.
    """
    stripped = line.strip(b" \r\n")
    if b"\t" in stripped:
        fields = [field.strip() for field in stripped.split(b"\t")]
        # Without an empty column among the first, which is not passed over
        if not _are_numbers(fields[1:3]) and _starts_loosely(stripped):
            words = stripped.split(None, 3)
            rest = [field.strip() for field in words[3].split(b"\t")] if words[3:] else []
            fields = words[:3] + rest
    else:
        fields = stripped.split()
    if len(fields) < 3:
        number = "1 column" if len(fields) == 1 else f"{len(fields)} columns"
        message = f"has {number} (expected at least 3 in a BED file)"
        raise FeatureError(FEW_COLUMNS, message)
    return fields


def _are_numbers(fields: list[bytes]) -> bool:
    return len(fields) == 2 and all(field.removeprefix(b"-").isdigit() for field in fields)


def parse_interval(fields: list[bytes]) -> tuple[int, int]:
    """Parse start and end, 0-based and half-open; raises FeatureError."""
    start, stop = parse_int(fields[1], "start"), parse_int(fields[2], "end")
    if start < 0 or start >= stop:
        reason = "start below 0" if start < 0 else EMPTY if start == stop else BACKWARD
        message = f"invalid interval {start} to {stop} (expected 0 <= start < end)"
        raise FeatureError(reason, message)
    return start, stop


def parse_strand(fields: list[bytes]) -> int:
    """Parse the strand: 1, -1, or 0 for both; raises FeatureError."""
    if len(fields) <= 5:
        return 0
    strand = _STRANDS.get(fields[5].strip())
    if strand is None:
        message = f"invalid strand '{shorten(fields[5])}' (expected '+', '-' or '.')"
        raise FeatureError(STRAND, message)
    return strand


def has_blocks(fields: list[bytes]) -> bool:
    """Return whether columns 10 to 12 are blocks; in bedMethyl and others they are not.

    With twelve columns they are. With more, if both lists have as many numbers as column 10 says.
    """
    if len(fields) <= 12:
        return len(fields) == 12
    lists = [fields[n].rstrip(b", ").split(b",") for n in (10, 11)]
    count = whole_number(fields[9])
    return all(len(x) == count and None not in map(whole_number, x) for x in lists)


def parse_blocks(fields: list[bytes], start: int, stop: int) -> list[tuple[int, int]]:
    """Parse the blocks of columns 10 to 12; without blocks, return the interval as one.

    Blocks may have size zero. Raises FeatureError for invalid numbers and for blocks that do not
    fit each other or the interval.
    """
    if not has_blocks(fields):
        return [(start, stop)]
    count = parse_int(fields[9], "block count")
    sizes = [parse_int(word, "block size") for word in fields[10].rstrip(b", ").split(b",")]
    starts = [parse_int(word, "block start") for word in fields[11].rstrip(b", ").split(b",")]
    if not count == len(sizes) == len(starts):
        raise FeatureError(
            _BLOCKS, f"has {len(sizes)} block sizes and {len(starts)} starts (expected {count})"
        )
    blocks = [(start + at, start + at + size) for at, size in zip(starts, sizes, strict=True)]
    if min(sizes) < 0:
        raise FeatureError(_BLOCKS, f"invalid block size {min(sizes)} (expected 0 or more)")
    if any(after[0] < before[1] for before, after in pairwise(blocks)):
        raise FeatureError(_BLOCKS, "blocks overlap or are not sorted")
    first, last = blocks[0][0], blocks[-1][1]
    if first != start or last != stop:
        raise FeatureError(_BLOCKS, f"blocks cover {first} to {last} (expected {start} to {stop})")
    return blocks
