"""Which tracks an allele changes: :class:`TrackSource`, made by :func:`open_tracks`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path

import numpy as np

from vqrna.data.names import WHOLE_NAMES, NameRule
from vqrna.errors import UsageError
from vqrna.genome import CONTEXTS, open_genome
from vqrna.genome.coordinates import chromosome_of, genome_offset, position_of, split_strand
from vqrna.genome.fasta import Genome, reverse_complement
from vqrna.modifications import Modification
from vqrna.runtime.run_record import SkippedInput
from vqrna.variation.alleles import Allele
from vqrna.variation.tracks import Annotation, StrandTrack, Target, Track, TranscriptTrack

EXON_END = "exon end"
"""Reason to skip an allele that crosses an end of an exon of all spliced transcripts near it."""


@dataclass(frozen=True, eq=False)
class TrackSource:
    """The sequences of a run; made by :func:`open_tracks`. It can be pickled."""

    genome: Genome
    modifications: tuple[Modification, ...]
    annotation: Annotation | None
    annotation_path: Path | None
    context: str  # One of :data:`vqrna.genome.CONTEXTS`
    as_transcripts: bool  # Whether the sequences are transcripts, not a genome
    notes: tuple[str, ...] = ()  # Notes for the user
    skipped: tuple[SkippedInput, ...] = ()  # Features of the annotation that were skipped

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.genome.names)}

    def chromosome(self, name: str) -> int | None:
        """Return the number of the sequence that a VCF names, or None if it is unknown."""
        return self._numbers.get(self.genome.rule.key(name))

    def targets(
        self, chromosome: int, allele: Allele, half: int
    ) -> tuple[list[Target], tuple[str, ...]]:
        """List the tracks with evaluated positions near an allele.

        Parameters
        ----------
        chromosome : int
            Number of the sequence in the genome.
        half : int
            Half a window: positions farther away do not see the allele.

        Returns
        -------
        targets : list of Target
        left_out : tuple of str
            Spliced transcripts that are left out, since the allele crosses an end of an exon.
        """
        targets: list[Target] = []
        left_out: tuple[str, ...] = ()
        if self.context == "transcript" and self.annotation is not None:
            targets, left_out = self._spliced(chromosome, allele)
        for track in self._strands(chromosome):
            target = _on_strand(track, allele)
            if track.is_near(target.start - half, target.stop + half):
                targets.append(target)
        return targets, left_out

    def _strands(self, chromosome: int) -> Iterator[StrandTrack]:
        count = len(self.modifications)
        if self.as_transcripts:
            owner = ("", self.genome.names[chromosome])
            yield StrandTrack(self.genome, chromosome, False, count, owner=owner)
            return
        first_bases = self.context == "transcript" and self.annotation is not None
        for reverse in (False, True):
            yield StrandTrack(self.genome, chromosome, reverse, count, self.annotation, first_bases)

    def _spliced(self, chromosome: int, allele: Allele) -> tuple[list[Target], tuple[str, ...]]:
        a = self.annotation
        assert a is not None
        t = a.transcripts
        start, stop = genome_offset(chromosome, np.array([allele.start, allele.stop])).tolist()
        # An insertion touches the bases on both sides
        low, high = (start, stop) if stop > start else (start - 1, start + 1)
        targets: list[Target] = []
        crossed: list[int] = []
        for reverse in (False, True):
            for block in a.blocks(low, high, reverse).tolist():
                number = int(a.owner(np.array(block)))
                if not t.blocks[block, 0] <= low < high <= t.blocks[block, 1]:
                    crossed.append(number)
                    continue
                # Of the bases at both ends that the allele touches, from the 5' side
                bases = np.array([high - 1, low] if reverse else [low, high - 1])
                _, along = t.transcript_positions(np.array([block, block]), bases)
                if along[1] - along[0] != high - 1 - low:  # a transcript around a whole circle
                    crossed.append(number)
                    continue
                first = int(along[0]) + (high - stop if reverse else start - low)
                letters = reverse_complement(allele.letters) if reverse else allele.letters
                track = TranscriptTrack(a, number)
                targets.append(Target(track, first, first + stop - start, letters))
        return targets, tuple(sorted({str(t.identifiers[number]) for number in crossed}))

    def inputs(self) -> tuple[Path, ...]:
        """Return the files that the result depends on."""
        paths = (self.genome.path, self.annotation_path)
        return tuple(path for path in paths if path is not None)

    def describe(self) -> dict[str, str]:
        """Return the settings that the result depends on."""
        names = {"transcripts" if self.as_transcripts else "genome": self.genome.path.name}
        if self.annotation_path is not None:
            names |= {"annotation": self.annotation_path.name, "context": self.context}
        if self.genome.rule != WHOLE_NAMES:
            names["names"] = self.genome.rule.options()
        return names

    def spec(self) -> dict[str, object]:
        """Return the arguments with which :func:`open_tracks` makes the same source, for JSON."""
        path = str(self.genome.path.resolve())
        annotation = self.annotation_path
        return {
            "transcripts" if self.as_transcripts else "fasta": path,
            "gtf": None if annotation is None else str(annotation.resolve()),
            "context": self.context,
            "name_until": self.genome.rule.until,
            "ignore_version": self.genome.rule.ignore_version,
        }

    def sample_targets(self, rng: np.random.Generator, count: int) -> list[tuple[Track, int]]:
        """Draw positions at random from all that are evaluated, with their tracks."""
        if self.annotation is None:
            strands = 1 if self.as_transcripts else 2
            lengths = np.repeat(np.array(self.genome.lengths), strands)
            number, along = _draw(rng, lengths, count)
            tracks = [list(self._strands(n // strands))[n % strands] for n in number.tolist()]
            return list(zip(tracks, along.tolist(), strict=True))
        a = self.annotation
        if self.context == "transcript":
            number, along = _draw(rng, a.transcripts.lengths, count)
            return [
                (TranscriptTrack(a, n), at)
                for n, at in zip(number.tolist(), along.tolist(), strict=True)
            ]
        sizes = a.covered[:, 1] - a.covered[:, 0]
        number, along = _draw(rng, sizes, count)
        drawn: list[tuple[Track, int]] = []
        for interval, at in zip(number.tolist(), along.tolist(), strict=True):
            offset, reverse = split_strand(a.covered[interval, 0] + at)
            track = list(self._strands(int(chromosome_of(offset))))[int(reverse)]
            drawn.append((track, int(track.places(position_of(offset)))))
        return drawn


def _draw(
    rng: np.random.Generator, lengths: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw positions of sequences, all equally probable; return sequence and position."""
    ends = np.cumsum(lengths)
    at = rng.integers(0, ends[-1], count)
    number = np.searchsorted(ends, at, side="right")
    return number, at - (ends - lengths)[number]


def _on_strand(track: StrandTrack, allele: Allele) -> Target:
    start, stop = allele.start, allele.stop
    if track.reverse:
        start, stop = track.length - stop, track.length - start
        return Target(track, start, stop, reverse_complement(allele.letters))
    return Target(track, start, stop, allele.letters)


def open_tracks(
    modifications: Sequence[Modification],
    *,
    fasta: str | PathLike[str] | None = None,
    transcripts: str | PathLike[str] | None = None,
    gtf: str | PathLike[str] | None = None,
    context: str = "genome",
    strict: bool = False,
    name_until: str = "",
    ignore_version: bool = False,
) -> TrackSource:
    """Open the sequences that the positions of a VCF refer to.

    Parameters
    ----------
    modifications : sequence of Modification
        Those of the run.
    fasta : path-like, optional
        A genome. Without `gtf` both strands are evaluated.
    transcripts : path-like, optional
        Transcripts, 5' to 3', in place of a genome.
    gtf : path-like, optional
        Annotation of the genome (GTF or GFF3): only exons are evaluated.
    context : str
        With `gtf`, what the model sees around a site: the genome, or the spliced transcript.
    strict : bool
        Raise DataError for features of the annotation that cannot be used; else they are skipped.
    name_until : str
        Cut names of sequences at the first occurrence of this text, in all files.
    ignore_version : bool
        Drop versions from names of sequences, in all files: ENST1.4 becomes ENST1.

    Raises
    ------
    DataError
        If a file is missing or invalid.
    UsageError
        If options contradict each other.
    """
    if context not in CONTEXTS:
        raise UsageError(f"unknown context '{context}' (known: {', '.join(CONTEXTS)})")
    if (fasta is None) == (transcripts is None):
        raise UsageError("give either --fasta (a genome) or --transcripts")
    if gtf is not None and fasta is None:
        raise UsageError("--gtf needs --fasta")
    if gtf is None and (strict or context != "genome"):
        raise UsageError("--context and --strict need --gtf")
    types = tuple(modifications)
    if gtf is None:
        path = transcripts if fasta is None else fasta
        assert path is not None
        genome = Genome.open(path, NameRule(name_until, ignore_version))
        return TrackSource(genome, types, None, None, context, transcripts is not None)
    assert fasta is not None
    opened = open_genome(
        fasta, annotation=gtf, context=context, modifications=types, strict=strict,
        name_until=name_until, ignore_version=ignore_version,
    )  # fmt: skip
    restricted = np.array([m.symbol in opened.first_base_only for m in types], dtype=bool)
    annotation = Annotation(opened.genome, opened.transcripts, restricted)
    return TrackSource(
        opened.genome, types, annotation, Path(gtf), context, False, opened.notes, opened.skipped
    )
