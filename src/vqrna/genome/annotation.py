"""Read the transcripts of a GTF or GFF3 file.

Why not a library: gffutils takes minutes to make a database of a human annotation, pyranges and
gtfparse hold all columns in memory (gigabytes), and none of them reports the line of an error.
Only exons, names and genes are needed, which one pass over the lines collects.

:class:`_Gtf` and :class:`_Gff3` interpret the ninth column: the transcript that a line belongs to,
and its names.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from urllib.parse import unquote_to_bytes

import numpy as np

from vqrna.errors import DataError
from vqrna.genome.bed import LineError, parse_int, read_lines, shorten
from vqrna.genome.fasta import Chromosomes, Genome
from vqrna.genome.transcripts import AnnotationRecords

_GFF3 = re.compile(rb"\s*[^\s=;\"]+=")
_UNQUOTED = rb"(?:^|[;\s])%s\s+\"?([^\";]*)"
_NO_PARENTS = (b"match", b"region", b"match_part", b"intron", b"gap", b"chromosome", b"contig")
_CODING = frozenset(
    b"CDS UTR 5UTR 3UTR five_prime_utr three_prime_utr five_prime_UTR three_prime_UTR "
    b"start_codon stop_codon".split()
)
_STRANDS = {b"+": 1, b"-": -1, b".": 0, b"?": 0}


class _Gtf:
    """GTF, ``key "value"``: every line names its transcript and gene."""

    link = "transcript_id"

    def __init__(self) -> None:
        self._genes: dict[bytes, str] = {}

    def may_be_parent(self, feature: bytes) -> bool:
        """Return whether the lines of a feature that is neither exon nor coding are needed."""
        return False

    def add_feature(self, feature: bytes, attributes: bytes) -> None:
        """Keep the names of a feature that may be a transcript or a gene."""

    def owners(self, attributes: bytes, *, own: bool) -> tuple[bytes, ...]:
        """Return the transcripts of a line; with `own`, the transcript that the line is."""
        name = _gtf_value(attributes, b"transcript_id")
        return (name,) if name else ()

    def orphan(self, attributes: bytes) -> tuple[bytes, ...]:
        """Return the transcript that a coding part without `owners` is."""
        return ()

    def add_transcript(self, owner: bytes, attributes: bytes) -> None:
        """Keep the gene of a new transcript."""
        gene = _gtf_value(attributes, b"gene_name") or _gtf_value(attributes, b"gene_id")
        self._genes.setdefault(owner, _text(gene))

    def names(self, owner: bytes) -> tuple[str, str]:
        """Return the names of transcript and gene."""
        return _text(owner), self._genes[owner]

    def ancestors(self, owners: Iterable[bytes]) -> set[bytes]:
        """Return the identifiers of the parents of transcripts, and theirs."""
        return set()


class _Gff3(_Gtf):
    """GFF3, ``key=value``: exons name their parents, whose lines come before or after."""

    link = "Parent"

    _KEYS = (b"Parent", b"transcript_id", b"gene_name", b"gene", b"Name", b"gene_id")

    def __init__(self) -> None:
        self._features: dict[bytes, tuple[bytes, ...]] = {}

    def may_be_parent(self, feature: bytes) -> bool:
        return not feature.endswith(_NO_PARENTS)

    def add_feature(self, feature: bytes, attributes: bytes) -> None:
        values = _gff3_values(attributes)
        identifier = values.get(b"ID")
        if identifier:
            # Tuples, since a human annotation has half a million of them.
            self._features[identifier] = tuple(values.get(key, b"") for key in self._KEYS)

    def owners(self, attributes: bytes, *, own: bool) -> tuple[bytes, ...]:
        names = _gff3_value(attributes, b"ID=" if own else b"Parent=")
        return tuple(names.split(b",")) if names else ()

    def orphan(self, attributes: bytes) -> tuple[bytes, ...]:
        self.add_feature(b"CDS", attributes)
        name = _gff3_value(attributes, b"ID=")
        return (name,) if name else ()

    def add_transcript(self, owner: bytes, attributes: bytes) -> None:
        pass  # its names are on its own line

    def names(self, owner: bytes) -> tuple[str, str]:
        own = self._values(owner)
        parent = own[b"Parent"].split(b",")[0]
        gene = self._values(parent)
        choices = [own[b"gene_name"], own[b"gene"]]
        choices += [gene[b"gene_name"], gene[b"gene"], gene[b"Name"]]
        choices += [own[b"gene_id"], gene[b"gene_id"], parent or own[b"Name"]]
        name = own[b"transcript_id"] or owner
        return _decoded(name), _decoded(next(filter(None, choices), b""))

    def _values(self, identifier: bytes) -> dict[bytes, bytes]:
        """Return the values of a feature; empty ones if it is unknown."""
        values = self._features.get(identifier, (b"",) * len(self._KEYS))
        return dict(zip(self._KEYS, values, strict=True))

    def ancestors(self, owners: Iterable[bytes]) -> set[bytes]:
        ancestors: set[bytes] = set()
        left = list(owners)
        while left:
            parents = self._values(left.pop())[b"Parent"]
            for parent in parents.split(b",") if parents else ():
                if parent not in ancestors:
                    ancestors.add(parent)
                    left.append(parent)
        return ancestors


def _gtf_value(attributes: bytes, key: bytes) -> bytes:
    """Return a value; empty if it is missing."""
    begin = key + b' "'
    at = attributes.find(begin)
    if at == 0 or (at > 0 and attributes[at - 1] in b"; "):
        return attributes[at + len(begin) : attributes.find(b'"', at + len(begin))]
    # Rare: a longer key with the same ending comes first, or values are not quoted.
    match = re.search(_UNQUOTED % key, attributes)
    return match[1].strip() if match else b""


def _gff3_value(attributes: bytes, key: bytes) -> bytes:
    """Return a value, for a key with its ``=``; empty if it is missing."""
    at = attributes.find(key)
    if at == 0 or (at > 0 and attributes[at - 1 : at] == b";"):
        return attributes[at + len(key) :].partition(b";")[0].strip()
    return _gff3_values(attributes).get(key[:-1], b"")


def _gff3_values(attributes: bytes) -> dict[bytes, bytes]:
    pairs = (pair.partition(b"=") for pair in attributes.split(b";"))
    return {key.strip(): value.strip() for key, sign, value in pairs if sign}


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _decoded(value: bytes) -> str:
    """Decode %XX, unless a control character that would break a table results."""
    plain = unquote_to_bytes(value)
    return _text(value if any(byte < 32 for byte in plain) else plain)


@dataclass
class _Intervals:
    """Intervals with the numbers of their transcripts."""

    owners: array[int] = field(default_factory=lambda: array("q"))
    starts: array[int] = field(default_factory=lambda: array("q"))
    stops: array[int] = field(default_factory=lambda: array("q"))

    def add(self, owner: int, start: int, stop: int) -> None:
        self.owners.append(owner)
        self.starts.append(start)
        self.stops.append(stop)

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        columns = (self.owners, self.starts, self.stops)
        return tuple(np.array(column, dtype=np.int64) for column in columns)  # type: ignore[return-value]


def read_annotation(
    path: str | PathLike[str], genome: Genome
) -> tuple[AnnotationRecords, list[str]]:
    """Read transcripts and their exons from GTF or GFF3, plain or gzipped.

    The format is recognised by the attributes. The exons of a transcript without exon lines are
    its coding and untranslated parts, or, without these, its own span. In GFF3, a coding part
    without a parent belongs to a transcript with its own identifier, as in bacterial annotations.
    Exons of one transcript on several chromosomes or strands make a transcript for each.

    Raises DataError: with file and line: too few columns, an invalid number, interval or strand, an
    end beyond the chromosome, an exon without a transcript. Without a line: no transcripts, or none
    on a chromosome of the genome.

    Returns
    -------
    records : AnnotationRecords
    notes : list of str
        Notes for the user on transcripts that were left out or have no strand.
    """
    parser = _Parser(genome)
    with read_lines(path) as lines:
        for line in lines:
            if line.startswith((b"##FASTA", b">")):
                break
            if not line.startswith(b"#") and not line.isspace():
                parser.add_line(line)
    records = parser.records()
    if not records:
        raise DataError(parser.empty_message(), file=path)
    return records, parser.notes(Path(path).name, records)


class _Parser:
    """Collect intervals line by line."""

    def __init__(self, genome: Genome) -> None:
        self.chromosomes = Chromosomes(genome)
        self.dialect: _Gtf | None = None
        self.numbers: dict[tuple[bytes, int, int], int] = {}  # by identifier, chromosome, strand
        self.exons = _Intervals()
        self.coding = _Intervals()
        self.spans = _Intervals()
        self.lost: dict[bytes, set[bytes]] = {}  # transcripts by unknown chromosome
        self.unnamed = 0

    def add_line(self, line: bytes) -> None:
        head = line.split(b"\t", 3)
        if len(head) < 4:
            raise LineError(f"has {len(head)} columns (expected 9, tab-separated, in GTF or GFF3)")
        name, _, feature, rest = head
        intervals = None
        if feature == b"exon":
            intervals = self.exons
        elif feature in _CODING:
            intervals = self.coding
        elif feature == b"transcript" or feature.endswith((b"RNA", b"_transcript")):
            intervals = self.spans
        elif self.dialect is not None and not self.dialect.may_be_parent(feature):
            return
        fields = rest.rstrip(b"\r\n").split(b"\t")
        if len(fields) != 6:
            raise LineError(f"has {len(fields) + 3} columns (expected 9 in GTF or GFF3)")
        attributes = fields[5]
        if self.dialect is None:
            if attributes.strip() in (b"", b"."):
                self._skip_unnamed(intervals, "attributes (column 9)")
                return
            self.dialect = _Gff3() if _GFF3.match(attributes) else _Gtf()
        if intervals is self.spans or intervals is None:
            self.dialect.add_feature(feature, attributes)
        if intervals is None:
            return
        owners = self.dialect.owners(attributes, own=intervals is self.spans)
        if not owners and feature == b"CDS":
            owners = self.dialect.orphan(attributes)
        if not owners:
            self._skip_unnamed(intervals, self.dialect.link)
            return
        chromosome = self.chromosomes.number(name)
        if chromosome is None:
            self.lost.setdefault(name, set()).update(owners)
            return
        start, stop, strand = self._parse_location(fields, chromosome)
        for owner in owners:
            key = (owner, chromosome, strand)
            number = self.numbers.get(key)
            if number is None:
                number = self.numbers[key] = len(self.numbers)
                self.dialect.add_transcript(owner, attributes)
            intervals.add(number, start, stop)

    def _skip_unnamed(self, intervals: _Intervals | None, missing: str) -> None:
        """Count a line that names no transcript; reject it if it is an exon."""
        if intervals is self.exons:
            raise LineError(f"exon without a transcript (expected {missing})")
        self.unnamed += intervals is not None

    def _parse_location(self, fields: list[bytes], chromosome: int) -> tuple[int, int, int]:
        """Return start and stop (0-based, half-open) and strand."""
        start, stop = parse_int(fields[0], "start") - 1, parse_int(fields[1], "end")
        if not 0 <= start < stop:
            raise LineError(f"invalid interval {start + 1} to {stop} (expected 1 <= start <= end)")
        if stop > self.chromosomes.lengths[chromosome]:
            raise LineError(self.chromosomes.beyond_message(chromosome, stop))
        strand = _STRANDS.get(fields[3])
        if strand is None:
            raise LineError(f"invalid strand '{shorten(fields[3])}' (expected '+', '-' or '.')")
        return start, stop, strand

    def records(self) -> AnnotationRecords:
        """Return each transcript with its blocks: exons, else coding parts, else the span."""
        keys = list(self.numbers)
        identifiers = {key[0]: i for i, key in reversed(list(enumerate(keys)))}
        same = np.array([identifiers[key[0]] for key in keys], dtype=np.int64)
        columns: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        # By identifier: the span of a transcript is not an exon if its exons are on another strand.
        done = np.zeros(len(keys), dtype=bool)
        for intervals in (self.exons, self.coding, self.spans):
            owners, starts, stops = intervals.arrays()
            take = ~done[same[owners]]
            if intervals is self.coding and self.dialect is not None:
                ancestors = self.dialect.ancestors(keys[i][0] for i in np.flatnonzero(done))
                take &= ~np.array([key[0] in ancestors for key in keys], dtype=bool)[owners]
            columns.append((owners[take], starts[take], stops[take]))
            done[same[owners[take]]] = True
        owners, starts, stops = (np.concatenate(column) for column in zip(*columns, strict=True))
        records = AnnotationRecords()
        used = np.bincount(owners, minlength=len(keys)) > 0
        for i in np.flatnonzero(used).tolist():
            identifier, chromosome, strand = keys[i]
            assert self.dialect is not None
            name, gene = self.dialect.names(identifier)
            records.add(name, gene, chromosome, strand, known=True)
        records.owners = array("q", (np.cumsum(used) - 1)[owners].tobytes())
        records.starts = array("q", starts.tobytes())
        records.stops = array("q", stops.tobytes())
        return records

    def empty_message(self) -> str:
        """Return why there are no transcripts."""
        if not self.lost:
            return "contains no transcripts (no lines of exons)"
        count = sum(len(owners) for owners in self.lost.values())
        words = self.chromosomes.missing_message(next(iter(self.lost)))
        return f"none of its {count} transcripts is on a sequence of the genome: {words}"

    def notes(self, file: str, records: AnnotationRecords) -> list[str]:
        """Return notes for the user."""
        notes = []
        count = sum(len(owners) for owners in self.lost.values())
        if count:
            names = sorted(name.decode("utf-8", "replace") for name in self.lost)
            some = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
            notes.append(
                f"{file}: {count} of {count + len(records)} transcripts are left out: "
                f"the genome does not have their sequences ({some})"
            )
        unknown = records.strands.count(0)
        if unknown:
            notes.append(
                f"{file}: {unknown} of {len(records)} transcripts have no strand: both are scanned"
            )
        if self.unnamed:
            notes.append(
                f"{file}: {self.unnamed} lines of transcripts or coding parts name no transcript: "
                "left out"
            )
        return notes
