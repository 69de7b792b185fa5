"""Sequence motifs that are published for the modifications, and how well a site matches them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vqrna.sequence import AMBIGUOUS, IUPAC, decode

REACH = 15
"""Motifs are searched for within this distance in nt of the site."""


@dataclass(frozen=True)
class KnownMotif:
    """A published motif of one modification."""

    modification: str  # Symbol
    pattern: str  # IUPAC letters
    offset: int  # 0-based index of the site in the pattern; -1 if the pattern begins behind it
    name: str  # Enzyme or origin
    source: str  # Publication
    artefact: bool = False  # Whether it marks an artefact of the mapping method, not an enzyme


_ADAPTER = (
    "AGAUCGGAAGAGC",
    -1,
    "start of a sequencing adapter",
    "Dai et al., Nature Methods 14:695 (2017), corrected 2018",
    True,
)

KNOWN_MOTIFS = (
    KnownMotif("m6A", "DRACH", 2, "METTL3-METTL14", "Dominissini et al., Nature 485:201 (2012)"),
    KnownMotif("m6Am", "BCA", 2, "PCIF1, behind the cap", "Akichika et al., Science 363 (2019)"),
    KnownMotif("m5C", "CUCCA", 0, "NSUN6", "Selmi et al., Nucleic Acids Research 49:1006 (2021)"),
    KnownMotif("m5C", "CNGGG", 0, "NSUN2", "Huang et al., Nature Struct Mol Biol 26:380 (2019)"),
    KnownMotif("Psi", "GUUCNANNC", 2, "TRUB1", "Safra et al., Genome Research 27:393 (2017)"),
    KnownMotif("Psi", "UNUAR", 2, "PUS7", "Carlile et al., Nature 515:143 (2014)"),
    KnownMotif("Psi", "HRUAA", 2, "PUS1", "Carlile et al., Nature Chem Biol 15:966 (2019)"),
    KnownMotif(
        "m5U", "GUUCRANYC", 1, "T-loop of tRNA, TRMT2A", "Carter et al., NAR 47:e113 (2019)"
    ),
    KnownMotif(
        "m1A",
        "GUUCRANYC",
        5,
        "T-loop of tRNA, TRMT6-TRMT61A",
        "Safra et al., Nature 551:251 (2017)",
    ),
    KnownMotif("m7G", "RAGGU", 3, "METTL1", "Lin et al., Molecular Cell 71:244 (2018)"),
    *(KnownMotif(symbol, *_ADAPTER) for symbol in ("Am", "Cm", "Gm", "Um")),
)
"""Motifs of human enzymes with a consensus; several modifications have none in mRNA."""


@dataclass(frozen=True)
class MotifMatch:
    """How a motif matches the sequence around a site."""

    motif: KnownMotif
    shift: int  # nt from where the motif would be in line with the site; 0 is in line
    mismatches: int
    letters: str  # The sequence at the motif


def nearest_motif(tokens: np.ndarray, site: int, modification: str) -> MotifMatch | None:
    """Return the known motif of a modification that matches best, or None if it has none.

    Fewer mismatches are better, then a smaller shift. Motifs that are not in line with the site
    count only without mismatches.

    Parameters
    ----------
    tokens : np.ndarray, shape (L,), uint8
        A sequence.
    site : int
        0-based position of the site in it.
    modification : str
        Symbol.
    """
    matches = []
    for motif in KNOWN_MOTIFS:
        if motif.modification != modification:
            continue
        width = len(motif.pattern)
        masks = np.stack([IUPAC[letter] for letter in motif.pattern])
        for shift in range(-REACH, REACH + 1):
            start = site - motif.offset + shift
            at = np.arange(start, start + width)
            inside = (at >= 0) & (at < len(tokens))
            letters = np.where(inside, tokens[np.clip(at, 0, len(tokens) - 1)], AMBIGUOUS)
            mismatches = int((~masks[np.arange(width), letters]).sum())
            if shift == 0 or mismatches == 0:
                matches.append(MotifMatch(motif, shift, mismatches, decode(letters)))
    return min(matches, key=_rank, default=None)


def _rank(match: MotifMatch) -> tuple[int, int]:
    return match.mismatches, abs(match.shift)
