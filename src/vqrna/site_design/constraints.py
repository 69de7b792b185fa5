"""Which substitutions a design may make: synonymous codons, kept positions, motifs to avoid."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from vqrna.errors import DataError, UsageError
from vqrna.runtime.arguments import integer
from vqrna.sequence import ALPHABET, AMBIGUOUS, COMPLEMENT, IUPAC, decode

AMINO_ACIDS = "KNKNTTTTRSRSIIMIQHQHPPPPRRRRLLLLEDEDAAAAGGGGVVVV*Y*YSSSS*CWCLFLF"
"""Standard genetic code (NCBI translation table 1), codons in the order of `ALPHABET`."""


def translate(codon: np.ndarray) -> str | None:
    """Return the amino acid of a codon, (3,) tokens, ``*`` for stop; None if it is ambiguous."""
    if (codon >= AMBIGUOUS).any():
        return None
    return AMINO_ACIDS[16 * int(codon[0]) + 4 * int(codon[1]) + int(codon[2])]


@dataclass(frozen=True, eq=False)
class Constraints:
    """What may be edited in one sequence; made by :func:`make_constraints`."""

    tokens: np.ndarray  # (S,), uint8: The sequence
    cds: tuple[int, int] | None  # 0-based, half-open: whole codons
    kept: np.ndarray  # (S,), bool: Positions that are not edited
    motifs: tuple[str, ...]  # IUPAC, RNA letters: not to be created on either strand

    @cached_property
    def editable(self) -> np.ndarray:
        """Which base may replace the letter of each position, reading frame aside: (4, S), bool."""
        bases = np.arange(len(ALPHABET))[:, None]
        allowed = (self.tokens != bases) & (self.tokens < AMBIGUOUS) & ~self.kept
        if self.cds is not None:
            start, stop = self.cds
            codons = self.tokens[start:stop].reshape(-1, 3)
            allowed[:, start:stop] &= np.repeat((codons < AMBIGUOUS).all(axis=1), 3)
        return allowed

    @cached_property
    def alone(self) -> np.ndarray:
        """Which of these substitutions are allowed as the only one of their codon: (4, S)."""
        allowed = self.editable.copy()
        if self.cds is not None:
            for position in range(*self.cds):
                for base in np.flatnonzero(allowed[:, position]).tolist():
                    allowed[base, position] = self.synonymous({position: base})
        return allowed

    def codon(self, position: int) -> int | None:
        """Return the first position of the codon of a position; None outside the reading frame."""
        if self.cds is None or not self.cds[0] <= position < self.cds[1]:
            return None
        return position - (position - self.cds[0]) % 3

    def synonymous(self, edits: dict[int, int]) -> bool:
        """Return whether all codons that edits (position to base) touch keep their amino acid."""
        edited = {first for p in edits if (first := self.codon(p)) is not None}
        for first in edited:
            before = self.tokens[first : first + 3]
            after = np.array([edits.get(first + i, before[i]) for i in range(3)])
            if translate(before) != translate(after):
                return False
        return True

    def codon_changes(self, edits: dict[int, int]) -> list[str]:
        """Return the changed codons as ``GAC>GAU (D10)``, numbered from the first of the frame."""
        changes = []
        for first in sorted({f for p in edits if (f := self.codon(p)) is not None}):
            assert self.cds is not None
            before = self.tokens[first : first + 3]
            after = np.array([edits.get(first + i, before[i]) for i in range(3)], dtype=np.uint8)
            number = (first - self.cds[0]) // 3 + 1
            changes.append(f"{decode(before)}>{decode(after)} ({translate(after)}{number})")
        return changes

    def created_motifs(self, edits: dict[int, int]) -> list[str]:
        """Return the motifs that occur, on either strand, where they did not before the edits."""
        if not self.motifs:
            return []
        edited = self.tokens.copy()
        edited[list(edits)] = list(edits.values())
        return [
            motif
            for motif in self.motifs
            if any(
                _matches(edited, start, letters) and not _matches(self.tokens, start, letters)
                for letters in {motif, motif.translate(COMPLEMENT)[::-1]}
                for start in _starts(edits, len(letters), len(edited))
            )
        ]


def _starts(edits: dict[int, int], width: int, length: int) -> Iterator[int]:
    """Yield where a motif that overlaps an edit can begin."""
    for position in edits:
        yield from range(max(0, position - width + 1), min(position, length - width) + 1)


def _matches(tokens: np.ndarray, start: int, letters: str) -> bool:
    return all(IUPAC[letter][tokens[start + i]] for i, letter in enumerate(letters))


def make_constraints(
    tokens: np.ndarray,
    *,
    cds: tuple[int, int] | str | None = None,
    avoid: Sequence[str] | str = (),
    name: str | None = None,
) -> Constraints:
    """Check constraints on the edits of a sequence.

    Parameters
    ----------
    tokens : np.ndarray, shape (S,), uint8
    cds : (int, int) or str, optional
        First and last position of a reading frame, 1-based, the last included, or ``START-END``;
        a whole number of codons. Its codons keep their amino acids (standard genetic code).
    avoid : str or sequence of str
        Positions (``120``) and ranges (``100-130``) that are kept, and motifs (IUPAC letters) that
        no edit may create on either strand.
    name : str, optional
        Name of the sequence, for messages.

    Raises
    ------
    UsageError
        If an argument is malformed.
    DataError
        If a position is outside the sequence.
    """
    frame = parse_cds(cds) if isinstance(cds, str) else cds
    if frame is not None:
        try:
            start, stop = (integer(end, "--cds") for end in frame)
        except (TypeError, ValueError):
            message = f"invalid --cds {frame!r:.50} (expected first and last position)"
            raise UsageError(message) from None
        if not 1 <= start <= stop:
            raise UsageError(f"invalid --cds {start}-{stop} (expected START-END, from 1)")
        if (stop - start + 1) % 3:
            raise UsageError(
                f"invalid --cds {start}-{stop}: {stop - start + 1} nt are not whole codons"
            )
        _check_inside(stop, tokens, name, "--cds")
        frame = (start - 1, stop)
    ranges, motifs = parse_avoid(avoid or ())
    kept = np.zeros(len(tokens), dtype=bool)
    for first, last in ranges:
        _check_inside(last, tokens, name, "--avoid")
        kept[first - 1 : last] = True
    return Constraints(tokens, frame, kept, motifs)


def _check_inside(last: int, tokens: np.ndarray, name: str | None, option: str) -> None:
    if last > len(tokens):
        message = f"{option}: position {last:,} is beyond the end (length {len(tokens):,})"
        raise DataError(message, record=name)


def parse_cds(text: str) -> tuple[int, int]:
    """Parse ``START-END``; raises UsageError if it has another form."""
    match = re.fullmatch(r"\s*([0-9]{1,12})-([0-9]{1,12})\s*", text)
    if match is None:
        raise UsageError(f"invalid --cds '{text[:40]}' (expected START-END, such as 101-400)")
    return int(match[1]), int(match[2])


def parse_avoid(avoid: Sequence[str] | str) -> tuple[tuple[tuple[int, int], ...], tuple[str, ...]]:
    """Split positions from motifs.

    Parameters
    ----------
    avoid : str or sequence of str
        Comma-separated or repeated.

    Returns
    -------
    ranges : tuple of (int, int)
        First and last position, 1-based.
    motifs : tuple of str
        With RNA letters.

    Raises
    ------
    UsageError
        If a text is neither.
    """
    texts = [avoid] if isinstance(avoid, str) else list(avoid)
    ranges, motifs = [], []
    for text in (part.strip() for whole in texts for part in str(whole).split(",")):
        letters = text.upper().replace("T", "U")
        if match := re.fullmatch(r"([0-9]{1,12})(?:-([0-9]{1,12}))?", text):
            first, last = int(match[1]), int(match[2] or match[1])
            if not 1 <= first <= last:
                raise UsageError(f"invalid range '{text}' in --avoid (expected START-END, from 1)")
            ranges.append((first, last))
        elif len(letters) >= 2 and set(letters) <= IUPAC.keys() and set(letters) != {"N"}:
            motifs.append(letters)
        else:
            raise UsageError(
                f"invalid --avoid '{text[:40]}' (expected a position, a range such as 100-130, or "
                "a motif such as GAATTC)"
            )
    return tuple(ranges), tuple(dict.fromkeys(motifs))
