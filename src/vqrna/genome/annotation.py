"""Read the transcripts of a GTF or GFF3 file.

Why an own reader: gffutils takes minutes to make a database of a human annotation, pyranges and
gtfparse hold all of its columns in memory (gigabytes), and none of them tells the line of a fault;
all that is needed here are exons, names and genes, which one pass over the lines gives.

The ninth column of GTF and GFF3: which transcript a line is of, and the names it has.
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
from vqrna.genome.bed import LineError, lines_of, shown, whole
from vqrna.genome.fasta import Chromosomes, Genome
from vqrna.genome.transcripts import AnnotationRecords

_GFF3 = re.compile(rb"\s*[^\s=;\"]+=")
_UNQUOTED = rb"(?:^|[;\s])%s\s+\"?([^\";]*)"
_NO_PARENTS = (b"match", b"region", b"match_part", b"intron", b"gap", b"chromosome", b"contig")

_KEPT = (b"Parent", b"transcript_id", b"gene_name", b"gene", b"Name", b"gene_id")


def is_gff3(attributes: bytes) -> bool:
    """Tell ``key=value`` of GFF3 from ``key "value"`` of GTF."""
    return _GFF3.match(attributes) is not None


class Gtf:
    """GTF: every line names its transcript and gene."""

    link = "transcript_id"

    def __init__(self) -> None:
        self._genes: dict[bytes, str] = {}

    def wants(self, feature: bytes) -> bool:
        """Tell whether lines of other features matter."""
        return False

    def feature(self, feature: bytes, attributes: bytes) -> None:
        """Take a line that is neither exon nor coding: nothing to learn from it."""

    def owners(self, attributes: bytes, *, own: bool) -> tuple[bytes, ...]:
        """Give the transcript of a line."""
        found = _quoted(attributes, b"transcript_id")
        return (found,) if found else ()

    def alone(self, attributes: bytes) -> tuple[bytes, ...]:
        """Give the transcript that a coding part by itself is: none, for all lines name theirs."""
        return ()

    def met(self, owner: bytes, attributes: bytes) -> None:
        """Keep the gene of a transcript that is met for the first time."""
        gene = _quoted(attributes, b"gene_name") or _quoted(attributes, b"gene_id")
        self._genes.setdefault(owner, _text(gene))

    def names(self, owner: bytes) -> tuple[str, str]:
        """Give the names of transcript and gene."""
        return _text(owner), self._genes[owner]

    def above(self, owners: Iterable[bytes]) -> set[bytes]:
        """Give what the transcripts are parts of, where that is told in the same terms: never."""
        return set()


class Gff3:
    """GFF3: exons name their parents, whose lines come before or after."""

    link = "Parent"

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[bytes, ...]] = {}

    def wants(self, feature: bytes) -> bool:
        """Tell whether lines of other features matter: those that may be parents."""
        return not feature.endswith(_NO_PARENTS)

    def feature(self, feature: bytes, attributes: bytes) -> None:
        """Keep the names of what may be a transcript or a gene."""
        pairs = _pairs(attributes)
        identifier = pairs.get(b"ID")
        if identifier:
            # Tuples, since a human annotation has half a million of them.
            self._known[identifier] = tuple(pairs.get(key, b"") for key in _KEPT)

    def owners(self, attributes: bytes, *, own: bool) -> tuple[bytes, ...]:
        """Give the parents of a line, or the line's own identifier."""
        found = _pair(attributes, b"ID=" if own else b"Parent=")
        return tuple(found.split(b",")) if found else ()

    def alone(self, attributes: bytes) -> tuple[bytes, ...]:
        """Give the transcript that a coding part without a parent is, by its identifier."""
        self.feature(b"CDS", attributes)
        found = _pair(attributes, b"ID=")
        return (found,) if found else ()

    def met(self, owner: bytes, attributes: bytes) -> None:
        """Take a transcript that is met for the first time: nothing to learn yet."""

    def names(self, owner: bytes) -> tuple[str, str]:
        """Give the names of transcript and gene."""
        own = self._values(owner)
        above = own[b"Parent"].split(b",")[0]
        gene = self._values(above)
        choices = [own[b"gene_name"], own[b"gene"]]
        choices += [gene[b"gene_name"], gene[b"gene"], gene[b"Name"]]
        choices += [own[b"gene_id"], gene[b"gene_id"], above or own[b"Name"]]
        name = own[b"transcript_id"] or owner
        return _decoded(name), _decoded(next(filter(None, choices), b""))

    def _values(self, identifier: bytes) -> dict[bytes, bytes]:
        """Give what is known of a feature; empty values where nothing is."""
        found = self._known.get(identifier, (b"",) * len(_KEPT))
        return dict(zip(_KEPT, found, strict=True))

    def above(self, owners: Iterable[bytes]) -> set[bytes]:
        """Give what the transcripts are parts of: their genes, and the genes' own parents."""
        found: set[bytes] = set()
        left = list(owners)
        while left:
            parents = self._values(left.pop())[b"Parent"]
            for parent in parents.split(b",") if parents else ():
                if parent not in found:
                    found.add(parent)
                    left.append(parent)
        return found


def _quoted(attributes: bytes, key: bytes) -> bytes:
    """Give a value of GTF; empty where there is none."""
    begin = key + b' "'
    at = attributes.find(begin)
    if at == 0 or (at > 0 and attributes[at - 1] in b"; "):
        return attributes[at + len(begin) : attributes.find(b'"', at + len(begin))]
    # Another key that ends so stands before, or values are not quoted: both are rare.
    found = re.search(_UNQUOTED % key, attributes)
    return found[1].strip() if found else b""


def _pair(attributes: bytes, key: bytes) -> bytes:
    """Give a value of GFF3, its key with the sign; empty where there is none."""
    at = attributes.find(key)
    if at == 0 or (at > 0 and attributes[at - 1 : at] == b";"):
        return attributes[at + len(key) :].partition(b";")[0].strip()
    return _pairs(attributes).get(key[:-1], b"")


def _pairs(attributes: bytes) -> dict[bytes, bytes]:
    """Give all values of GFF3."""
    pairs = (pair.partition(b"=") for pair in attributes.split(b";"))
    return {key.strip(): value.strip() for key, sign, value in pairs if sign}


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _decoded(value: bytes) -> str:
    """Resolve %XX, but for what would break a table."""
    plain = unquote_to_bytes(value)
    return _text(value if any(byte < 32 for byte in plain) else plain)


_CODING = frozenset(
    b"CDS UTR 5UTR 3UTR five_prime_utr three_prime_utr five_prime_UTR three_prime_UTR "
    b"start_codon stop_codon".split()
)
_STRANDS = {b"+": 1, b"-": -1, b".": 0, b"?": 0}

Key = tuple[bytes, int, int]  # identifier, chromosome, strand


@dataclass
class _Intervals:
    """Intervals with the number of the transcript they are of."""

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

    Which of the two it is shows in the file. A transcript without exon lines has its coding and
    untranslated parts for exons, and without these its own span. In GFF3, a coding part without a
    parent is of a transcript that its own identifier names, as bacteria are annotated. Exons of
    one transcript that lie on several chromosomes or strands make a transcript each.

    Parameters
    ----------
    path : path-like
    genome : Genome

    Returns
    -------
    gathered : AnnotationRecords
    notes : list of str
        What a user should know: transcripts that were left out or have no strand.

    Raises
    ------
    DataError
        With file and line: too few columns, no whole numbers, an empty interval, an end beyond
        the chromosome's, an unknown strand, an exon of no transcript. Without a line: no
        transcripts, or none on a chromosome of the genome.
    """
    reading = _Reading(genome)
    with lines_of(path) as lines:
        for line in lines:
            if line.startswith((b"##FASTA", b">")):
                break
            if not line.startswith(b"#") and not line.isspace():
                reading.take(line)
    gathered = reading.finish()
    if not gathered:
        raise DataError(reading.nothing(), file=path)
    return gathered, reading.notes(Path(path).name, gathered)


class _Reading:
    """What is known so far."""

    def __init__(self, genome: Genome) -> None:
        self.chromosomes = Chromosomes(genome)
        self.dialect: Gtf | Gff3 | None = None
        self.numbers: dict[Key, int] = {}
        self.exons = _Intervals()
        self.coding = _Intervals()
        self.spans = _Intervals()
        self.lost: dict[bytes, set[bytes]] = {}
        self.unnamed = 0

    def take(self, line: bytes) -> None:
        """Read one line."""
        head = line.split(b"\t", 3)
        if len(head) < 4:
            raise LineError("has no 9 columns with tabs between them: neither GTF nor GFF3")
        feature = head[2]
        if feature == b"exon":
            kind = self.exons
        elif feature in _CODING:
            kind = self.coding
        elif feature == b"transcript" or feature.endswith((b"RNA", b"_transcript")):
            kind = self.spans
        elif self.dialect is not None and not self.dialect.wants(feature):
            return
        else:
            kind = None
        fields = head[3].rstrip(b"\r\n").split(b"\t")
        if len(fields) != 6:
            raise LineError(f"has {len(fields) + 3} columns, where GTF and GFF3 have 9")
        attributes = fields[5]
        if self.dialect is None:
            if attributes.strip() in (b"", b"."):  # tells neither what it is of nor the dialect
                self._unnamed(kind, "attributes (column 9)")
                return
            self.dialect = Gff3() if is_gff3(attributes) else Gtf()
        if kind is self.spans or kind is None:
            self.dialect.feature(feature, attributes)
        if kind is None:
            return
        owners = self.dialect.owners(attributes, own=kind is self.spans)
        if not owners and feature == b"CDS":
            owners = self.dialect.alone(attributes)
        if not owners:
            self._unnamed(kind, self.dialect.link)
            return
        name = head[0]
        chromosome = self.chromosomes.number(name)
        if chromosome is None:
            self.lost.setdefault(name, set()).update(owners)
            return
        start, stop, strand = self._where(fields, chromosome)
        for owner in owners:
            key = (owner, chromosome, strand)
            number = self.numbers.get(key)
            if number is None:
                number = self.numbers[key] = len(self.numbers)
                self.dialect.met(owner, attributes)
            kind.add(number, start, stop)

    def _unnamed(self, kind: _Intervals | None, missing: str) -> None:
        """Refuse an exon of no transcript, and count what else names none."""
        if kind is self.exons:
            raise LineError(f"an exon of no transcript: it has no {missing}")
        self.unnamed += kind is not None

    def _where(self, fields: list[bytes], chromosome: int) -> tuple[int, int, int]:
        """Read and check coordinates (0-based, half-open) and strand."""
        start, stop = whole(fields[0], "start") - 1, whole(fields[1], "end")
        if not 0 <= start < stop:
            raise LineError(f"start {start + 1} and end {stop} are no interval (1-based)")
        if stop > self.chromosomes.lengths[chromosome]:
            raise LineError(self.chromosomes.beyond(chromosome, stop))
        strand = _STRANDS.get(fields[3])
        if strand is None:
            raise LineError(f"strand '{shown(fields[3])}' is none of + - .")
        return start, stop, strand

    def finish(self) -> AnnotationRecords:
        """Choose the blocks of each transcript: exons, else coding parts, else the span."""
        keys = list(self.numbers)
        identifiers = {key[0]: i for i, key in reversed(list(enumerate(keys)))}
        same = np.array([identifiers[key[0]] for key in keys], dtype=np.int64)
        chosen: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        # By identifier: the span of a transcript whose exons are on another strand is no exon.
        done = np.zeros(len(keys), dtype=bool)
        for intervals in (self.exons, self.coding, self.spans):
            owners, starts, stops = intervals.arrays()
            take = ~done[same[owners]]
            if intervals is self.coding and self.dialect is not None:
                whole = self.dialect.above(keys[i][0] for i in np.flatnonzero(done))
                above = np.array([key[0] in whole for key in keys], dtype=bool)
                take &= ~above[owners]
            chosen.append((owners[take], starts[take], stops[take]))
            done[same[owners[take]]] = True
        owners, starts, stops = (np.concatenate(column) for column in zip(*chosen, strict=True))
        return self._gathered(keys, owners, starts, stops)

    def _gathered(
        self, keys: list[Key], owners: np.ndarray, starts: np.ndarray, stops: np.ndarray
    ) -> AnnotationRecords:
        """Keep the transcripts that have blocks."""
        gathered = AnnotationRecords()
        used = np.bincount(owners, minlength=len(keys)) > 0
        for i in np.flatnonzero(used).tolist():
            identifier, chromosome, strand = keys[i]
            assert self.dialect is not None
            name, gene = self.dialect.names(identifier)
            gathered.add(name, gene, chromosome, strand, known=True)
        gathered.owners = array("q", (np.cumsum(used) - 1)[owners].tobytes())
        gathered.starts = array("q", starts.tobytes())
        gathered.stops = array("q", stops.tobytes())
        return gathered

    def nothing(self) -> str:
        """Say why there are no transcripts."""
        if not self.lost:
            return "holds no transcripts (no lines of exons)"
        count = sum(len(owners) for owners in self.lost.values())
        words = self.chromosomes.missing(next(iter(self.lost)))
        return f"none of its {count} transcripts is on a sequence of the genome: {words}"

    def notes(self, file: str, gathered: AnnotationRecords) -> list[str]:
        """Say what a user should know."""
        found = []
        count = sum(len(owners) for owners in self.lost.values())
        if count:
            names = sorted(name.decode("utf-8", "replace") for name in self.lost)
            told = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
            found.append(
                f"{file}: {count} of {count + len(gathered)} transcripts are left out: "
                f"the genome does not have their sequences ({told})"
            )
        unknown = gathered.strands.count(0)
        if unknown:
            found.append(
                f"{file}: {unknown} of {len(gathered)} transcripts have no strand: both are scanned"
            )
        if self.unnamed:
            found.append(
                f"{file}: {self.unnamed} lines of transcripts or coding parts do not tell which "
                "transcript they are of: left out"
            )
        return found
