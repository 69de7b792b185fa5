"""Alleles as haplotypes: normalisation, and the alignment of reference and alternative bases.

A VCF can write one change in many ways: with bases beside it (padding), and a deletion or insertion
in a repeat at any unit of the repeat. :func:`normalise` trims and left-aligns an allele (Tan et
al., Bioinformatics 31:2202, 2015), so that all of them are one :class:`Allele`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vqrna.genome.fasta import reverse_complement
from vqrna.sequence import AMBIGUOUS, decode

Fetch = Callable[[int, int], np.ndarray]
"""Reads the tokens of a sequence from start to stop (0-based, half-open, inside the sequence)."""

_CHUNK = 128

SIZES = (1, 3, 9, 29)
"""Last length in nt of each size class of alleles but the last, which is open."""

KINDS = ("substitution", "insertion", "deletion", "delins")


@dataclass(frozen=True, eq=False)
class Allele:
    """Replacement of bases ``start`` to ``stop`` of a sequence by other letters, normalised."""

    # start, stop: 0-based, half-open, on the forward strand
    start: int
    stop: int
    letters: np.ndarray  # (n,), uint8: Tokens that replace them; n may be 0

    @property
    def group(self) -> tuple[str, int]:
        """Kind, one of `KINDS`, and size class (index in `SIZES`)."""
        return group_of(self.stop - self.start, len(self.letters))


def group_of(removed: int, inserted: int) -> tuple[str, int]:
    """Return kind and size class of an allele that replaces `removed` by `inserted` bases."""
    size = int(np.searchsorted(SIZES, max(removed, inserted)))
    if removed == inserted:
        return "substitution", size
    if not removed:
        return "insertion", size
    return ("delins" if inserted else "deletion"), size


def normalise(start: int, ref: np.ndarray, alt: np.ndarray, fetch: Fetch) -> Allele:
    """Trim an allele to the bases that differ; left-align a pure insertion or deletion.

    Parameters
    ----------
    start : int
        0-based position of the first base of `ref`.
    ref, alt : np.ndarray, shape (R,) and (A,), uint8
        Tokens of the reference and of the alternative; they differ.
    fetch : callable
        Reads the reference before `start`.
    """
    suffix = _equal_prefix(ref[::-1], alt[::-1])
    ref, alt = ref[: len(ref) - suffix], alt[: len(alt) - suffix]
    prefix = _equal_prefix(ref, alt)
    ref, alt, start = ref[prefix:], alt[prefix:], start + prefix
    if len(ref) and len(alt):
        return Allele(start, start + len(ref), alt)
    unit = ref if len(ref) else alt
    shift = shift_left(unit, start, fetch)
    # A rotation: the base before moves to the front
    unit = np.roll(unit, shift)
    start -= shift
    return Allele(start, start + len(ref), unit if len(alt) else alt)


def _equal_prefix(a: np.ndarray, b: np.ndarray) -> int:
    count = min(len(a), len(b))
    differs = np.flatnonzero(a[:count] != b[:count])
    return int(differs[0]) if len(differs) else count


def shift_left(unit: np.ndarray, start: int, fetch: Fetch, most: int | None = None) -> int:
    """Return by how many nt a unit that is inserted before `start`, or removed, can move left.

    Ambiguous letters stop it. `most` limits the result.
    """
    shift, size = 0, len(unit)
    limit = start if most is None else min(start, most)
    while shift < limit:
        low = max(start - limit, start - shift - _CHUNK)
        before = fetch(low, start - shift)[::-1]  # from the nearest base on
        at = shift + np.arange(len(before))
        equal = (before == unit[(size - 1 - at) % size]) & (before != AMBIGUOUS)
        if not equal.all():
            return shift + int(np.argmin(equal))
        shift += len(before)
    return shift


def shift_right(unit: np.ndarray, stop: int, fetch: Fetch, most: int) -> int:
    """Return by how many nt a unit that is inserted at `stop`, or ends there, can move right.

    Ambiguous letters stop it, and the end of the sequence, where `fetch` returns fewer letters or
    ambiguous ones.
    """
    after = fetch(stop, stop + most)
    equal = (after == unit[np.arange(len(after)) % len(unit)]) & (after != AMBIGUOUS)
    return len(after) if equal.all() else int(np.argmin(equal))


def vcf_fields(allele: Allele, fetch: Fetch, length: int) -> tuple[int, str, str]:
    """Return POS (1-based), REF and ALT of an allele as a normalised VCF has them.

    Parameters
    ----------
    length : int
        Length of the sequence in nt.
    """
    start, stop, letters = allele.start, allele.stop, allele.letters
    ref = fetch(start, stop)
    if not len(ref) or not len(letters):
        # The base before, or, at the beginning of a sequence, the one after
        low, high = (start - 1, start) if start else (stop, min(stop + 1, length))
        base = fetch(low, high)
        pieces = (base, ref) if start else (ref, base)
        changed = (base, letters) if start else (letters, base)
        return max(start, 1), _dna(np.concatenate(pieces)), _dna(np.concatenate(changed))
    return start + 1, _dna(ref), _dna(letters)


def _dna(tokens: np.ndarray) -> str:
    return decode(tokens).replace("U", "T")


def align(
    ref: np.ndarray, alt: np.ndarray, *, reverse: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Align the bases of a block with the fewest edits.

    Blocks of equal length are aligned base by base, unless gaps save edits: ``GGACU`` and ``GACUU``
    differ by a shift, which moves three bases and replaces none.

    Parameters
    ----------
    ref, alt : np.ndarray, shape (R,) and (A,), uint8
    reverse : bool
        Whether they are read from the reverse strand. It matters only for blocks that are their own
        reverse complement.

    Returns
    -------
    ref_index, alt_index : np.ndarray, shape (P,), int64
        Columns of the alignment; -1 for a gap. Exchanging `ref` and `alt` exchanges the results,
        and the reverse complements have the same pairs of bases.
    """
    # Of equally good alignments, the same one on both strands and in both directions
    other = reverse_complement(ref), reverse_complement(alt)
    keys = [sorted(map(_key, pair)) for pair in ((ref, alt), other)]
    if keys[1] < keys[0] or (keys[1] == keys[0] and reverse):
        pair = _align_in_order(*other)
        ref_index, alt_index = (
            np.where(index < 0, -1, len(block) - 1 - index)[::-1]
            for index, block in zip(pair, (ref, alt), strict=True)
        )
        return ref_index, alt_index
    return _align_in_order(ref, alt)


def _key(letters: np.ndarray) -> tuple[int, bytes]:
    return len(letters), letters.tobytes()


def _align_in_order(ref: np.ndarray, alt: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Align blocks, the longer one first."""
    if _key(ref) < _key(alt):
        alt_index, ref_index = _align_in_order(alt, ref)
        return ref_index, alt_index
    rows, columns = len(ref), len(alt)
    steps = np.arange(columns + 1)
    cost = np.empty((rows + 1, columns + 1), dtype=np.int64)
    cost[0] = steps
    for i in range(1, rows + 1):
        row = cost[i - 1] + 1
        row[1:] = np.minimum(row[1:], cost[i - 1, :-1] + (alt != ref[i - 1]))
        # A gap in `ref` costs one more than the cell on the left
        cost[i] = np.minimum.accumulate(row - steps) + steps
    if rows == columns and cost[rows, columns] == np.count_nonzero(ref != alt):
        index = np.arange(rows)
        return index, index
    pairs: list[tuple[int, int]] = []
    i, j = rows, columns
    while i or j:
        if i and j and cost[i, j] == cost[i - 1, j - 1] + (alt[j - 1] != ref[i - 1]):
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif i and cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
            pairs.append((i, -1))
        else:
            j -= 1
            pairs.append((-1, j))
    ref_index, alt_index = np.array(pairs[::-1], dtype=np.int64).reshape(-1, 2).T
    return ref_index, alt_index


def place_gap(longer: np.ndarray, shorter: np.ndarray, size: int) -> int:
    """Return by how many nt to move a gap to the right so that probabilities change least.

    In a repeat, a gap of `size` bases can be at several places with the same two haplotypes. The
    place decides which bases count as the same; with the wrong one, every site of the repeat would
    seem to change.

    Parameters
    ----------
    longer : np.ndarray, shape (S + size, K)
        Probabilities of the sequence that has the bases, from the leftmost place of the gap on; S
        is the largest move.
    shorter : np.ndarray, shape (S, K)
        Of the sequence without the bases.

    Returns
    -------
    int
        From 0 to S; of equally good places, the leftmost.
    """
    moves = len(shorter)
    zero = np.zeros(1)
    before = np.abs(longer[:moves] - shorter).sum(axis=1)  # gap to the right of the base
    after = np.abs(longer[size:] - shorter).sum(axis=1)  # gap to its left
    total = np.concatenate([zero, np.cumsum(longer.sum(axis=1))])
    inside = total[size:] - total[: moves + 1]
    left = np.concatenate([zero, np.cumsum(before)])
    right = after.sum() - np.concatenate([zero, np.cumsum(after)])
    # Rounded, so that the last digits do not decide
    return int(np.argmin(np.round(left + right + inside, 5)))
