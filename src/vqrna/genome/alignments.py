"""Numbering of transcripts that differ from the genome, from their alignments in GFF3.

RefSeq aligns its transcripts to the genome; where they have insertions or deletions, its GFF3 files
contain the alignments as lines ``cDNA_match`` with the attributes ``Target`` and ``Gap``:
``Target=NM_1.1 1 801 +;Gap=M400 I1 M400``. Operations are listed from the 5' end of the transcript
on both strands: M bases are in both, I bases only in the transcript, D bases only in the genome.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from vqrna.genome.attributes import gff3_values
from vqrna.genome.coordinates import merge_intervals

_TARGET = re.compile(rb"(\S+)\s+([1-9][0-9]{0,9})\s+([1-9][0-9]{0,9})(?:\s+\+)?")
_GAP = re.compile(rb"[MID][0-9]{1,9}(?:\s+[MID][0-9]{1,9})*")

ABSENT = -1
"""Position of bases that are not in a transcript."""


@dataclass(frozen=True, eq=False)
class Numbering:
    """Positions of a transcript, where they are not those of its bases in the genome.

    Attributes
    ----------
    along : np.ndarray, shape (S,), int64
        Sorted; first base of each segment, counted from the 5' end along the genome's
        exons.
    target : np.ndarray, shape (S,), int64
        0-based position of that base in the transcript; `ABSENT` for a segment that the
        transcript lacks.
    """

    along: np.ndarray
    target: np.ndarray

    @property
    def differs(self) -> bool:
        """Whether any position is not that along the genome."""
        return bool((self.along != self.target).any())

    def positions(self, along: np.ndarray) -> np.ndarray:
        """Return positions in the transcript, or `ABSENT`; shape (N,), int64."""
        index = np.searchsorted(self.along, along, side="right") - 1
        target = self.target[index]
        return np.where(target == ABSENT, ABSENT, target + along - self.along[index])


@dataclass(frozen=True)
class AlignedPart:
    """One line of an alignment."""

    # start, stop: 0-based, half-open interval of the chromosome
    start: int
    stop: int
    # target_start, target_stop: That of the transcript
    target_start: int
    target_stop: int
    gap: bytes  # Empty if the line has no insertion or deletion

    def segments(self) -> list[tuple[int, int, bool]] | None:
        """Return bases of the genome, position and presence of each segment; None if invalid."""
        operations = self.gap.split() or [b"M%d" % (self.stop - self.start)]
        rows, position, count = [], self.target_start, 0
        for operation in operations:
            size = int(operation[1:])
            if operation[:1] != b"I":
                rows.append((size, position, operation[:1] == b"M"))
                count += size
            if operation[:1] != b"D":
                position += size
        fits = (count, position) == (self.stop - self.start, self.target_stop)
        return rows if fits else None


class Alignments:
    """Alignments of a file, by transcript, chromosome and strand."""

    def __init__(self) -> None:
        self._parts: dict[tuple[bytes, int, int], dict[bytes, list[AlignedPart]]] = {}

    def add(self, start: int, stop: int, chromosome: int, strand: int, attributes: bytes) -> None:
        """Add a line.

        A line that cannot be read, or aligns to the other strand of the target, is kept as a part
        that fits no exons, so that the transcript is not numbered by the genome without a note.
        """
        values = gff3_values(attributes)
        words = values.get(b"Target", b"").split()
        if not words:
            return
        target = _TARGET.fullmatch(values[b"Target"])
        gap = values.get(b"Gap", b"")
        if not target or (gap and not _GAP.fullmatch(gap)):
            part = AlignedPart(start, stop, 0, 0, b"")
        else:
            part = AlignedPart(start, stop, int(target[2]) - 1, int(target[3]), gap)
        lines = self._parts.setdefault((words[0], chromosome, strand), {})
        lines.setdefault(values.get(b"ID", b""), []).append(part)

    def of(
        self, names: Iterable[bytes], chromosome: int, strand: int
    ) -> tuple[tuple[AlignedPart, ...], ...]:
        """Return the alignments of a transcript that may have one of several names."""
        if not self._parts:
            return ()
        lines = (self._parts.get((name, chromosome, strand), {}) for name in sorted(names))
        return tuple(tuple(parts) for each in lines for parts in each.values())


def make_numbering(
    blocks: np.ndarray, reverse: bool, alignments: Sequence[Sequence[AlignedPart]]
) -> Numbering | None:
    """Return the numbering of a transcript by the alignment that fits its exons, or None.

    Parameters
    ----------
    blocks : np.ndarray, shape (B, 2), int64
        Exons on the chromosome, sorted and disjoint.
    """
    for parts in alignments:
        spans = np.array([(part.start, part.stop) for part in parts], dtype=np.int64)
        if np.array_equal(merge_intervals(spans[:, 0], spans[:, 1]), blocks):
            numbering = _by_alignment(parts, reverse)
            if numbering is not None:
                return numbering
    return None


def _by_alignment(parts: Sequence[AlignedPart], reverse: bool) -> Numbering | None:
    """Return the numbering by one alignment; None if its parts do not follow each other."""
    along, target, at, last = [], [], 0, 0
    ordered = sorted(parts, key=lambda part: part.start, reverse=reverse)
    border = ordered[0].stop if reverse else ordered[0].start
    for part in ordered:
        segments = part.segments()
        apart = border >= part.stop if reverse else border <= part.start
        if segments is None or part.target_start < last or not apart:
            return None
        for size, position, present in segments:
            along.append(at)
            target.append(position if present else ABSENT)
            at += size
        border, last = (part.start if reverse else part.stop), part.target_stop
    return Numbering(np.array(along, dtype=np.int64), np.array(target, dtype=np.int64))
