"""Score the records of a unit: verdicts, alleles, and the effects of the alleles on all tracks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from vqrna.errors import DataError
from vqrna.genome.fasta import Reader
from vqrna.model import Model
from vqrna.sequence import AMBIGUOUS, centre, encode
from vqrna.variation.alleles import Allele, normalise, shift_left, shift_right, vcf_fields
from vqrna.variation.effects import Effects
from vqrna.variation.parts import NO_SITE, SCORED, SKIPPED, EffectColumns, VariantPart, Verdict
from vqrna.variation.scanned_region import Comparison, ScannedRegion, SequenceEdit
from vqrna.variation.settings import VariantRules, VariantSettings
from vqrna.variation.track_source import EXON_END, TrackSource
from vqrna.variation.tracks import Target, Track
from vqrna.variation.vcf import VcfRecord

CLUSTER = 1 << 13
"""Most positions of a sequence that are scanned together for the alleles in them."""

_BASES = frozenset("ACGTUacgtu")
_LETTERS = frozenset("ACGTUNRYSWKMBDHVacgtunryswkmbdhv")


class Placed(NamedTuple):
    """An allele on a track, ready to be evaluated."""

    allele: int  # Index among the alleles of the unit
    target: Target  # With an insertion or deletion as far to the left as possible
    slack: int  # By how many nt an insertion or deletion can move to the right


class Evaluated(NamedTuple):
    """An allele on a track, evaluated."""

    allele: int  # As in :class:`Placed`
    track: Track
    comparison: Comparison


@dataclass
class _Alleles:
    """The alleles of a unit."""

    record: list[int] = field(default_factory=list)
    number: list[int] = field(default_factory=list)  # Of the ALT, from 1
    names: list[tuple[int, str, str]] = field(default_factory=list)
    groups: list[tuple[str, int]] = field(default_factory=list)


def score_records(
    records: Sequence[VcfRecord],
    source: TrackSource,
    model: Model,
    settings: VariantSettings,
    advance: Callable[[int], None] | None = None,
) -> VariantPart:
    """Score records; `advance` is called with numbers of finished records.

    The result depends on the records only, not on others.
    """
    half = centre(model.length)
    alleles, placed = _Alleles(), list[Placed]()
    verdicts = list[Verdict]()
    rules = VariantRules(model, settings)
    columns = EffectColumns()
    with source.genome.reader() as reader:
        for row, record in enumerate(records):
            reasons: list[str] = []
            left_out = dict[str, None]()
            targets_before = len(placed)
            scorable = 0
            chromosome = source.chromosome(record.chrom)
            for placement in place_alleles(record, source, reader, settings, half):
                reason, allele = placement.reason, placement.allele
                if allele is not None:
                    assert chromosome is not None
                    fetch = _fetcher(reader, chromosome)
                    length = source.genome.lengths[chromosome]
                    for target in placement.targets:
                        placed.append(place(len(alleles.record), target, reader, half))
                    alleles.record.append(row)
                    alleles.number.append(placement.number)
                    alleles.names.append(vcf_fields(allele, fetch, length))
                    alleles.groups.append(allele.group)
                    scorable += 1
                left_out.update(dict.fromkeys(placement.left_out))
                if reason is not None:
                    alt = record.alts[placement.number - 1]
                    reasons.append(reason if len(record.alts) == 1 else f"{alt[:20]}: {reason}")
            if not record.alts:
                reasons.append("no ALT")
            scored = len(placed) > targets_before
            verdict = SCORED if scored else NO_SITE if scorable else SKIPPED
            verdicts.append(Verdict(verdict, "; ".join(reasons), ",".join(left_out)))
        for each in evaluate(placed, reader, rules, half):
            effects = each.comparison.effects
            for e, owner_list in _with_owners(effects, each.track):
                columns.add(each.allele, effects, e, each.track, owner_list)
    if advance is not None:
        advance(len(records))
    return VariantPart.of(records, verdicts, alleles, columns)


class Placement(NamedTuple):
    """An allele of a record on the tracks that it changes."""

    number: int  # Of the ALT, from 1
    allele: Allele | None  # None if it is skipped
    targets: list[Target]
    reason: str | None  # Why it is skipped
    left_out: tuple[str, ...] = ()  # Transcripts of which it crosses an end of an exon


def place_alleles(
    record: VcfRecord, source: TrackSource, reader: Reader, settings: VariantSettings, half: int
) -> Iterator[Placement]:
    """Yield the alleles of a record, normalised, with the tracks that they change."""
    chromosome = source.chromosome(record.chrom)
    for number, alt in enumerate(record.alts, start=1):
        reason = _reason(record, alt, source, chromosome, reader, settings.max_length)
        if reason is not None:
            yield Placement(number, None, [], reason)
            continue
        assert chromosome is not None
        fetch = _fetcher(reader, chromosome)
        allele = normalise(record.pos - 1, encode(record.ref), encode(alt), fetch)
        targets, left_out = source.targets(chromosome, allele, half)
        if left_out and not targets:
            yield Placement(number, None, [], EXON_END, left_out)
        else:
            yield Placement(number, allele, targets, None, left_out)


def _reason(
    record: VcfRecord,
    alt: str,
    source: TrackSource,
    chromosome: int | None,
    reader: Reader,
    max_length: int,
) -> str | None:
    """Return why an allele is skipped, or None."""
    if alt == "*":
        return "* allele"
    if not set(alt) <= _LETTERS:
        return "symbolic allele"
    if chromosome is None:
        return "unknown sequence"
    if not set(alt) <= _BASES:
        return "ALT with ambiguity"
    if max(len(record.ref), len(alt)) > max_length:
        return "over --max-length"
    start, stop = record.pos - 1, record.pos - 1 + len(record.ref)
    if start < 0 or stop > source.genome.lengths[chromosome]:
        return "beyond the end"
    ref, genome = _tokens(record.ref), reader.tokens(chromosome, start, stop)
    if ref is None:
        return "REF mismatch"
    known = (ref != AMBIGUOUS) & (genome != AMBIGUOUS)
    if not np.array_equal(ref[known], genome[known]):
        return "REF mismatch"
    if not known.all():
        return "REF with ambiguity"
    if np.array_equal(ref, encode(alt)):
        return "ALT = REF"
    return None


def _tokens(letters: str) -> np.ndarray | None:
    try:
        return encode(letters)
    except DataError:
        return None


def _fetcher(reader: Reader, chromosome: int) -> Callable[[int, int], np.ndarray]:
    return lambda start, stop: reader.tokens(chromosome, start, stop)


def place(allele: int, target: Target, reader: Reader, half: int) -> Placed:
    """Move an insertion or deletion on a track to the left as far as possible."""
    track, start, stop, letters = target
    removed, inserted = stop - start, len(letters)
    if removed and inserted:
        return Placed(allele, target, 0)

    def fetch(low: int, high: int) -> np.ndarray:
        return track.read(reader, low, high)

    unit = fetch(start, stop) if removed else letters
    left = shift_left(unit, start, fetch, half)
    right = shift_right(unit, stop, fetch, half - left)
    if inserted:
        letters = np.roll(letters, left)
    return Placed(allele, Target(track, start - left, stop - left, letters), left + right)


def evaluate(
    placed: Sequence[Placed],
    reader: Reader,
    rules: VariantRules,
    half: int,
    *,
    everything: bool = False,
) -> Iterator[Evaluated]:
    """Evaluate alleles on their tracks, neighbouring ones with one scan of the reference.

    Parameters
    ----------
    everything : bool
        See :func:`vqrna.variation.effects.compare`.

    Yields
    ------
    Evaluated
        In any order.
    """
    by_track: dict[tuple[str, int, bool], list[Placed]] = {}
    for each in placed:
        by_track.setdefault(each.target.track.key, []).append(each)
    for members in by_track.values():
        members.sort(key=lambda each: (each.target.start, each.target.stop))
        for cluster in _clusters(members, half):
            yield from _evaluate_cluster(cluster, reader, rules, half, everything)


def _clusters(members: Sequence[Placed], half: int) -> Iterator[list[Placed]]:
    """Group sorted alleles whose surroundings overlap; at most `CLUSTER` positions a group."""
    cluster: list[Placed] = []
    first = stop = 0
    for each in members:
        start, end = each.target.start - half, each.target.stop + half
        if cluster and (start > stop or end - first > CLUSTER):
            yield cluster
            cluster = []
        if not cluster:
            first, stop = start, end
        cluster.append(each)
        stop = max(stop, end)
    if cluster:
        yield cluster


def _evaluate_cluster(
    cluster: Sequence[Placed], reader: Reader, rules: VariantRules, half: int, everything: bool
) -> Iterator[Evaluated]:
    track = cluster[0].target.track
    first = cluster[0].target.start - half
    last = max(each.target.stop for each in cluster) + half
    tokens = track.read(reader, first - half, last + half)
    region = ScannedRegion(rules, tokens, first, None if track.circular else track.length)
    edits = [SequenceEdit(t.start, t.stop, t.letters, slack) for _, t, slack in cluster]
    comparisons = region.compare(
        edits, track.wanted(first, last), reverse=track.reverse, everything=everything
    )
    for each, comparison in zip(cluster, comparisons, strict=True):
        yield Evaluated(each.allele, track, comparison)


def _with_owners(effects: Effects, track: Track) -> Iterator[tuple[int, list[tuple[str, str]]]]:
    known: dict[int, list[tuple[str, str]]] = {}
    for e, anchor in enumerate(effects.anchor.tolist()):
        if anchor not in known:
            known[anchor] = track.owners(anchor)
        yield e, known[anchor]
