"""Read the transcripts of a GTF or GFF3 file.

Why not a library: gffutils takes minutes to make a database of a human annotation, pyranges and
gtfparse hold all columns in memory (gigabytes), and none of them reports the line of an error.
Only exons, names and genes are needed, which one pass over the lines collects.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from os import PathLike

import numpy as np

from vqrna.errors import DataError
from vqrna.genome.alignments import Alignments
from vqrna.genome.attributes import Gtf, detect_dialect, gff3_values
from vqrna.genome.bed import (
    BACKWARD,
    BEYOND,
    EMPTY,
    FEW_COLUMNS,
    HEADS,
    STRAND,
    UNKNOWN_SEQUENCE,
    FeatureError,
    parse_int,
    read_lines,
    shorten,
)
from vqrna.genome.coordinates import merge_intervals
from vqrna.genome.fasta import Chromosomes, Genome
from vqrna.genome.skipping import SkippedFeatures
from vqrna.genome.transcripts import AnnotationRecords

_EXON, _CODING, _SPAN, _NONE = range(4)
"""Kinds of lines; the exons of a transcript are its lines of the lowest kind."""

_CODING_FEATURES = frozenset(
    b"CDS UTR 5UTR 3UTR five_prime_utr three_prime_utr five_prime_UTR three_prime_UTR "
    b"start_codon stop_codon".split()
)
_STRANDS = {b"+": 1, b"-": -1, b".": 0, b"?": 0}
_DIFFERENCES = (b"indel", b"frameshift", b"coverage")

_NAMELESS = ("exon without transcript", *["transcript or coding part without identifier"] * 2)
_TOO_LONG = "longer than its circular sequence"
_PARTIAL = "transcript with a skipped exon"


def read_annotation(
    path: str | PathLike[str],
    genome: Genome,
    skipped: SkippedFeatures | None = None,
    no_strand: str = "",
) -> tuple[AnnotationRecords, list[str]]:
    """Read transcripts and their exons from GTF or GFF3, plain or gzipped.

    The format is recognised by the attributes. The exons of a transcript without exon lines are
    its coding and untranslated parts, or, without these, its own span. In GFF3, a coding part
    without a parent belongs to a transcript with its own identifier, as in bacterial annotations.
    Exons of one transcript on several chromosomes or strands make a transcript for each. On a
    sequence with ``Is_circular=true`` a transcript may cross the origin.

    Features that cannot be used are skipped: exons without a transcript, on a sequence that the
    genome lacks, beyond its end, of zero or negative length, with an invalid number or strand. As
    part of a transcript would have another sequence, all of it is skipped with them; a line with
    too few columns names no transcript.

    Raises DataError if there are no transcripts that can be used, or none on a chromosome of the
    genome.

    Parameters
    ----------
    skipped : SkippedFeatures, optional
        Counts the skipped features, or makes them errors.
    no_strand : str
        Added to the note on transcripts without a strand.

    Returns
    -------
    records : AnnotationRecords
    notes : list of str
        Notes for the user.
    """
    parser = _Parser(genome, SkippedFeatures(path) if skipped is None else skipped, no_strand)
    with read_lines(path) as lines:
        for number, line in enumerate(lines, start=1):
            if line.startswith((b"##FASTA", b">")):
                break
            if line.strip() and not line.startswith(b"#"):
                parser.add_line(line, number)
    return parser.records()


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


@dataclass(frozen=True)
class _Unusable:
    """A line that cannot be used, of a known transcript."""

    kind: int
    owner: bytes
    chromosome: int
    reason: str
    message: str
    line: int


class _Parser:
    """Collect intervals line by line."""

    def __init__(self, genome: Genome, skipped: SkippedFeatures, no_strand: str) -> None:
        self.chromosomes = Chromosomes(genome)
        self.skipped = skipped
        self.no_strand = no_strand
        self.dialect: Gtf | None = None
        self.numbers: dict[tuple[bytes, int, int], int] = {}  # by identifier, chromosome, strand
        self.intervals = (_Intervals(), _Intervals(), _Intervals())  # by kind
        self.unusable: list[_Unusable] = []
        # kind, number of the transcript, start, stop and line of intervals that exceed their
        # chromosome, which may turn out to be circular
        self.beyond: list[tuple[int, int, int, int, int]] = []
        self.circular: set[int] = set()
        self.alignments = Alignments()
        self.differing: set[bytes] = set()  # identifiers of transcripts that are not as the genome
        self.lost: dict[bytes, set[bytes]] = {}  # transcripts by unknown chromosome
        self.incomplete: set[bytes] = set()  # transcripts of which exons cannot be used

    def add_line(self, line: bytes, number: int) -> None:
        head = line.split(b"\t", 3)
        if len(head) < 4:
            if line.split(None, 1)[0] in HEADS:
                return
            words = f"has {len(head)} columns (expected 9, tab-separated, in GTF or GFF3)"
            self.skipped.add(FEW_COLUMNS, number, words)
            return
        name, _, feature, rest = head
        feature = feature.strip()
        if b"Is_circular" in rest:
            self._add_circular(name, rest)
        kind = _NONE
        if feature == b"exon" or feature.endswith(b"_exon"):
            kind = _EXON
        elif feature in _CODING_FEATURES:
            kind = _CODING
        elif feature == b"transcript" or feature.endswith((b"RNA", b"_transcript")):
            kind = _SPAN
        elif feature == b"cDNA_match":
            self._add_alignment(name, rest)
            return
        elif self.dialect is not None and not self.dialect.may_be_parent(feature):
            return
        fields = rest.rstrip(b"\r\n").split(b"\t", 5)
        if len(fields) < 6:
            words = f"has {len(fields) + 3} columns (expected 9 in GTF or GFF3)"
            self.skipped.add(FEW_COLUMNS, number, words)
            return
        attributes = fields[5].replace(b"\t", b" ")
        self.dialect = self.dialect or detect_dialect(attributes)
        if self.dialect is None:
            self._skip_nameless(kind, number, "attributes (column 9)")
            return
        if kind >= _SPAN:
            self.dialect.add_feature(feature, attributes)
        if kind == _NONE:
            return
        owners = self.dialect.owners(attributes, own=kind == _SPAN)
        if not owners and feature == b"CDS":
            owners = self.dialect.orphan(attributes)
        if not owners:
            self._skip_nameless(kind, number, self.dialect.link)
            return
        if kind == _SPAN and _differs_from_genome(attributes):
            self.differing.update(owners)
        self._add_interval(kind, name, owners, fields, number)

    def _add_interval(
        self, kind: int, name: bytes, owners: tuple[bytes, ...], fields: list[bytes], line: int
    ) -> None:
        """Add the interval of a line to each of its transcripts."""
        assert self.dialect is not None
        chromosome = self.chromosomes.number(name)
        if chromosome is None:
            message = "" if name in self.lost else self.chromosomes.missing_message(name)
            self.lost.setdefault(name, set()).update(owners)
            self.skipped.add(UNKNOWN_SEQUENCE, line, message)
            return
        try:
            start, stop, strand = _parse_location(fields)
        except FeatureError as error:
            for owner in owners:
                unusable = _Unusable(kind, owner, chromosome, error.reason, str(error), line)
                self.unusable.append(unusable)
            return
        for owner in owners:
            key = (owner, chromosome, strand)
            number = self.numbers.get(key)
            if number is None:
                number = self.numbers[key] = len(self.numbers)
                self.dialect.add_transcript(owner, fields[5])
            if stop > self.chromosomes.lengths[chromosome]:
                self.beyond.append((kind, number, start, stop, line))
            else:
                self.intervals[kind].add(number, start, stop)

    def _skip_nameless(self, kind: int, line: int, missing: str) -> None:
        """Count a line that names no transcript."""
        if kind < _NONE:
            reason = _NAMELESS[kind]
            self.skipped.add(reason, line, f"{reason} (expected {missing})")

    def _add_circular(self, name: bytes, rest: bytes) -> None:
        """Keep a chromosome as circular if a feature that spans it says so."""
        fields = rest.rstrip(b"\r\n").split(b"\t")
        chromosome = self.chromosomes.number(name)
        if chromosome is None or len(fields) < 6:
            return
        length = b"%d" % self.chromosomes.lengths[chromosome]
        spans = fields[0].strip() == b"1" and fields[1].strip() == length
        if spans and gff3_values(fields[5]).get(b"Is_circular", b"").lower() == b"true":
            self.circular.add(chromosome)

    def _add_alignment(self, name: bytes, rest: bytes) -> None:
        fields = rest.rstrip(b"\r\n").split(b"\t")
        chromosome = self.chromosomes.number(name)
        if chromosome is None or len(fields) < 6:
            return
        try:
            start, stop, strand = _parse_location(fields)
        except FeatureError:
            return  # an alignment only changes numbers of transcripts, which are then reported
        self.alignments.add(start, stop, chromosome, strand, fields[5])

    def records(self) -> tuple[AnnotationRecords, list[str]]:
        """Return each transcript with its blocks: exons, else coding parts, else the span.

        Raises DataError if there are none, or, in a strict reading, if some cannot be used.
        """
        crossing = self._resolve_beyond()
        keys = list(self.numbers)
        identifiers = {key[0]: i for i, key in reversed(list(enumerate(keys)))}
        for each in self.unusable:
            identifiers.setdefault(each.owner, len(keys) + len(identifiers))
        kinds = self._used_kinds(keys, identifiers)
        broken = self._count_unusable(keys, identifiers, kinds)
        own = kinds[np.array([identifiers[key[0]] for key in keys], dtype=np.int64)]
        whole = np.array([(key[0], key[1]) not in broken for key in keys], dtype=bool)
        columns: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        for kind, intervals in enumerate(self.intervals):
            owners, starts, stops = intervals.arrays()
            take = (own[owners] == kind) & whole[owners]
            columns.append((owners[take], starts[take], stops[take]))
        overlapping = _count_overlapping(*columns[_EXON])
        owners, starts, stops = (np.concatenate(column) for column in zip(*columns, strict=True))
        records = AnnotationRecords(circular=set(self.circular))
        wrapped: dict[int, int] = {}
        for number, line, start in self._crossing(crossing, own):
            if start is not None:
                # Exons may be numbered from the origin again, although the transcript is not
                length = self.chromosomes.lengths[keys[number][1]]
                exons = np.flatnonzero(owners == number)
                first = starts[exons] % length
                first[first < start % length] += length
                stops[exons] += first - starts[exons]
                starts[exons] = first
            owners, starts, stops, wrapped[number] = self._wrap(
                keys[number], number, line, owners, starts, stops
            )
        used = np.bincount(owners, minlength=len(keys)) > 0
        for i in np.flatnonzero(used).tolist():
            identifier, chromosome, strand = keys[i]
            assert self.dialect is not None
            name, gene = self.dialect.names(identifier)
            number = records.add(name, gene, chromosome, strand, known=True)
            records.wrapped[number] = wrapped.get(i, 0)
            if identifier in self.differing:
                records.differing.add(number)
            names = self.dialect.aliases(identifier)
            alignments = self.alignments.of(names, chromosome, strand)
            if alignments:
                records.alignments[number] = alignments
        records.owners = array("q", (np.cumsum(used) - 1)[owners].tobytes())
        records.starts = array("q", starts.tobytes())
        records.stops = array("q", stops.tobytes())
        if not records:
            raise self._empty_error()
        return records, self._notes([keys[i] for i in np.flatnonzero(used)], overlapping)

    def _resolve_beyond(self) -> dict[tuple[int, int], tuple[int, int]]:
        """Use intervals that exceed a circular sequence, and list the others as unusable.

        Returns kind and transcript of those that may cross the origin, with their first line and
        the start in it.
        """
        keys, crossing = list(self.numbers), dict[tuple[int, int], tuple[int, int]]()
        for kind, number, start, stop, line in self.beyond:
            owner, chromosome, _ = keys[number]
            if chromosome in self.circular:
                self.intervals[kind].add(number, start, stop)
                crossing.setdefault((kind, number), (line, start))
                continue
            message = self.chromosomes.beyond_message(chromosome, stop)
            self.unusable.append(_Unusable(kind, owner, chromosome, BEYOND, message, line))
        return crossing

    @staticmethod
    def _crossing(
        crossing: dict[tuple[int, int], tuple[int, int]], own: np.ndarray
    ) -> Iterator[tuple[int, int, int | None]]:
        """Yield the transcripts that cross the origin: number, line, start of the line of its span.

        The start is None if only exons cross it.
        """
        for number in dict.fromkeys(number for _, number in crossing):
            span = crossing.get((_SPAN, number))
            line_of_exons = crossing.get((int(own[number]), number))
            if span is not None:
                yield number, (line_of_exons or span)[0], span[1]
            elif line_of_exons is not None:
                yield number, line_of_exons[0], None

    def _used_kinds(
        self, keys: list[tuple[bytes, int, int]], identifiers: dict[bytes, int]
    ) -> np.ndarray:
        """Return the kind of the lines that are the exons of each identifier.

        By identifier: the span of a transcript is not an exon if its exons are on another strand.
        """
        size = max(identifiers.values(), default=-1) + 1
        has = np.zeros((_NONE + 1, size), dtype=bool)
        has[_NONE] = True
        same = np.array([identifiers[key[0]] for key in keys], dtype=np.int64)
        for kind, intervals in enumerate(self.intervals):
            has[kind, same[intervals.arrays()[0]]] = True
        for each in self.unusable:
            has[each.kind, identifiers[each.owner]] = True
        if self.dialect is not None:
            # Coding parts of a gene are not a transcript if the gene has transcripts with exons.
            with_exons = (name for name, i in identifiers.items() if has[_EXON, i])
            for name in self.dialect.ancestors(with_exons):
                if name in identifiers:
                    has[_CODING, identifiers[name]] = False
        return np.argmax(has, axis=0)

    def _count_unusable(
        self, keys: list[tuple[bytes, int, int]], identifiers: dict[bytes, int], kinds: np.ndarray
    ) -> set[tuple[bytes, int]]:
        """Count the unusable lines; return identifier and chromosome of their transcripts."""
        broken: dict[tuple[bytes, int], int] = {}
        counted = (0, "")
        for each in sorted(self.unusable, key=lambda each: each.line):
            if each.kind != kinds[identifiers[each.owner]]:
                continue
            if (each.line, each.reason) != counted:  # once for a line with several parents
                self.skipped.add(each.reason, each.line, each.message)
            counted = (each.line, each.reason)
            broken.setdefault((each.owner, each.chromosome), each.line)
        if broken:
            partial = set()
            for kind, intervals in enumerate(self.intervals):
                for number in set(intervals.owners):
                    place = keys[number][:2]
                    if place in broken and kind == kinds[identifiers[place[0]]]:
                        partial.add(place)
            for place in sorted(partial, key=lambda place: (broken[place], place)):
                self.skipped.add(_PARTIAL, broken[place])
        self.incomplete.update(owner for owner, _ in broken)
        return set(broken)

    def _wrap(
        self,
        key: tuple[bytes, int, int],
        number: int,
        line: int,
        owners: np.ndarray,
        starts: np.ndarray,
        stops: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        """Split the intervals of a transcript where they cross the origin.

        Returns all intervals, and the number of nt of the transcript beyond the origin.
        """
        own = owners == number
        if not own.any():
            return owners, starts, stops, 0
        length = self.chromosomes.lengths[key[1]]
        spans = merge_intervals(starts[own], stops[own])
        owners, starts, stops = owners[~own], starts[~own], stops[~own]
        if spans[-1, 1] - spans[0, 0] > length or spans[0, 0] >= 2 * length:
            self.skipped.add(_TOO_LONG, line, f"{_TOO_LONG} ({length} nt)")
            self.incomplete.add(key[0])
            return owners, starts, stops, 0
        spans -= length * (spans[0, 0] // length)
        before, after = np.minimum(spans, length), np.maximum(spans - length, 0)
        parts = np.concatenate([before, after])
        parts = parts[parts[:, 0] < parts[:, 1]]
        owners = np.append(owners, np.full(len(parts), number))
        beyond = int((after[:, 1] - after[:, 0]).sum())
        return owners, np.append(starts, parts[:, 0]), np.append(stops, parts[:, 1]), beyond

    def _empty_error(self) -> DataError:
        """Return why there are no transcripts."""
        if not self.lost:
            return self.skipped.nothing_left("transcripts")
        count = sum(len(owners) for owners in self.lost.values())
        words = self.chromosomes.missing_message(next(iter(self.lost)))
        return DataError(
            f"none of its {count} transcripts is on a sequence of the genome: {words}",
            file=self.skipped.file,
        )

    def _notes(self, keys: list[tuple[bytes, int, int]], overlapping: int) -> list[str]:
        """Return notes on the transcripts with these keys."""
        notes = []
        lost = set().union(*self.lost.values())
        incomplete = self.incomplete - lost
        total = len(lost | incomplete | {identifier for identifier, _, _ in keys})
        if lost:
            self.skipped.set_noted(UNKNOWN_SEQUENCE)
            notes.append(
                f"{len(lost)} of {total} transcripts are left out: "
                f"{self.chromosomes.missing_note(self.lost)}"
            )
        if incomplete:
            self.skipped.set_noted(_PARTIAL)
            notes.append(
                f"{len(incomplete)} of {total} transcripts are left out: lines of their exons "
                "cannot be used"
            )
        unknown = len({identifier for identifier, _, strand in keys if strand == 0})
        if unknown:
            notes.append(
                f"{unknown} of {total} transcripts have no strand: both are scanned{self.no_strand}"
            )
        seen, several = set[bytes](), set[bytes]()
        for identifier, _, _ in keys:
            (several if identifier in seen else seen).add(identifier)
        if several:
            notes.append(
                f"transcripts on several chromosomes or strands: {len(several)} (each place is a "
                "sequence by itself, named with its coordinates; the identifier is in the column "
                "transcript_id)"
            )
        if overlapping:
            notes.append(f"transcripts with exons that overlap: {overlapping} (merged)")
        return notes


def _differs_from_genome(attributes: bytes) -> bool:
    """Return whether the note of RefSeq says that positions of a transcript are not the genome's.

    Such as "The RefSeq transcript has 1 non-frameshifting indel compared to this genomic sequence".
    """
    if b"RefSeq transcript" not in attributes:
        return False
    return any(word in attributes for word in _DIFFERENCES)


def _parse_location(fields: list[bytes]) -> tuple[int, int, int]:
    """Return start and stop (0-based, half-open) and strand; raises FeatureError."""
    start, stop = parse_int(fields[0], "start") - 1, parse_int(fields[1], "end")
    if not 0 <= start < stop:
        reason = "start below 1" if start < 0 else EMPTY if start == stop else BACKWARD
        message = f"invalid interval {start + 1} to {stop} (expected 1 <= start <= end)"
        raise FeatureError(reason, message)
    strand = _STRANDS.get(fields[3].strip())
    if strand is None:
        message = f"invalid strand '{shorten(fields[3])}' (expected '+', '-' or '.')"
        raise FeatureError(STRAND, message)
    return start, stop, strand


def _count_overlapping(owners: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> int:
    """Count the transcripts with exons that overlap without being the same."""
    order = np.lexsort((stops, starts, owners))
    owners, starts, stops = owners[order], starts[order], stops[order]
    same = (owners[1:] == owners[:-1]) & (starts[1:] < stops[:-1])
    same &= (starts[1:] != starts[:-1]) | (stops[1:] != stops[:-1])
    return len(np.unique(owners[1:][same]))
