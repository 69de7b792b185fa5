"""Compare the sites of a reference and an alternative sequence through their alignment."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from vqrna.sites import DECIMALS, DIGITS, round_significant
from vqrna.variation.alleles import align, place_gap
from vqrna.variation.settings import VariantRules

CLASSES = ("gain", "loss", "strengthened", "weakened")
"""Classes of effects: a site only in the alternative, a site only in the reference, and a higher or
lower probability without either. A base that can be modified in one of the sequences only is a site
gained or lost."""

_ROUNDING = 2 * 10.0**-DIGITS
"""Largest error of a difference of probabilities with `DIGITS` digits."""


@dataclass(frozen=True, eq=False)
class Haplotype:
    """One of two sequences near an allele: from half a window before it to half a window after."""

    log_odds: np.ndarray  # (N, K), float64: Calibrated, at the priors
    candidates: np.ndarray  # (N, K), bool: Where a base can carry a modification
    probability: np.ndarray  # (N, K), float64: Not rounded; 0 where it cannot

    @classmethod
    def of(
        cls, rules: VariantRules, logits: np.ndarray, candidates: np.ndarray, kind: np.ndarray
    ) -> Haplotype:
        """Return the haplotype with logits (N, M) of windows of some kinds (N,)."""
        log_odds = rules.log_odds(logits, kind)
        probability = np.where(candidates, rules.probabilities(log_odds), 0.0)
        return cls(log_odds, candidates, probability)

    def rows(self, rows: slice) -> Haplotype:
        """Return a part of the rows."""
        return Haplotype(self.log_odds[rows], self.candidates[rows], self.probability[rows])


@dataclass(frozen=True, eq=False)
class Alignment:
    """Positions of two haplotypes side by side, as rows of :class:`Haplotype`."""

    # ref, alt: (P,), int64: -1 for a gap
    ref: np.ndarray
    alt: np.ndarray
    distance: np.ndarray  # (P,), int64: See :class:`Effects`
    anchor: np.ndarray  # (P,), int64: `ref`, or, for inserted bases, the row of the base before


@dataclass(frozen=True, eq=False)
class Effects:
    """Candidate positions whose probability an allele changes, on one track."""

    # ref, alt: (E,), int64: Rows of the haplotypes; -1 where one does not have the base
    ref: np.ndarray
    alt: np.ndarray
    anchor: np.ndarray  # (E,), int64: Position on the track; of inserted bases, that before them
    modification: np.ndarray  # (E,), int64: Index among those of the run
    # ref_probability, alt_probability: (E,), float64: 0 where the base cannot be modified
    ref_probability: np.ndarray
    alt_probability: np.ndarray
    delta: np.ndarray  # (E,), float64
    # (E,), float64: nan where one of the bases cannot be modified
    log_odds_delta: np.ndarray
    class_index: np.ndarray  # (E,), int64: Index in `CLASSES`
    # (E,), int64: From the site to the nearest edited base along the transcript; negative if the
    # edit is on the 5' side, 0 if the site itself is edited
    distance: np.ndarray

    def __len__(self) -> int:
        return len(self.ref)

    def take(self, rows: np.ndarray) -> Effects:
        """Return some of the effects, by mask or indices."""
        return Effects(*(getattr(self, field.name)[rows] for field in fields(self)))


def align_haplotypes(
    half: int, ref_block: np.ndarray, alt_block: np.ndarray, slack: int,
    reference: Haplotype, alternative: Haplotype, *, reverse: bool = False, shifts: bool = True,
) -> Alignment:  # fmt: skip
    """Align two haplotypes that differ in one block, `half` rows from their beginning.

    Parameters
    ----------
    ref_block, alt_block : np.ndarray, shape (R,) and (A,), uint8
        Bases of the block; one may be empty.
    slack : int
        By how many nt an insertion or deletion can move to the right.
    reference, alternative : Haplotype
    reverse : bool
        Whether the haplotypes are read from the reverse strand.
    shifts : bool
        Whether gaps may align blocks of equal length; else they are aligned base by base.
    """
    removed, inserted = len(ref_block), len(alt_block)
    begin = half
    if removed == inserted and not shifts:
        block_ref = block_alt = np.arange(removed)
    elif removed and inserted:
        block_ref, block_alt = align(ref_block, alt_block, reverse=reverse)
    else:
        if slack:
            p, q = reference.probability[half:], alternative.probability[half:]
            longer, shorter = (p, q) if removed else (q, p)
            size = removed or inserted
            begin += place_gap(longer[: size + slack], shorter[:slack], size)
        block_ref = np.arange(removed) if removed else np.full(inserted, -1)
        block_alt = np.arange(inserted) if inserted else np.full(removed, -1)
    before = np.arange(begin)
    after = np.arange(len(reference.log_odds) - begin - removed)
    shifted = [np.where(x < 0, -1, x + begin) for x in (block_ref, block_alt)]
    ref = np.concatenate([before, shifted[0], after + begin + removed])
    alt = np.concatenate([before, shifted[1], after + begin + inserted])
    distance = np.concatenate([begin - before, np.zeros(len(block_ref), np.int64), -1 - after])
    return Alignment(ref, alt, distance, np.maximum.accumulate(ref))


def compare(
    rules: VariantRules,
    reference: Haplotype,
    alternative: Haplotype,
    alignment: Alignment,
    wanted: np.ndarray,
    *,
    start: int,
    everything: bool = False,
) -> Effects:
    """List the effects of an allele on a track, by position and modification.

    Parameters
    ----------
    wanted : np.ndarray, shape (N, K), bool
        Which rows of the reference are evaluated; inserted bases are if both neighbours are.
    start : int
        Position of the first row of the reference on the track.
    everything : bool
        List all candidates of either sequence.
    """
    a, least = alignment, rules.settings.min_delta
    following = np.minimum(a.anchor + 1, len(wanted) - 1)
    evaluated = wanted[a.anchor] & ((a.ref >= 0)[:, None] | wanted[following])
    if everything:
        chosen = _aligned(reference.candidates, a.ref) | _aligned(alternative.candidates, a.alt)
    else:
        moved = _aligned(alternative.probability, a.alt) - _aligned(reference.probability, a.ref)
        chosen = np.abs(moved) >= least - _ROUNDING
    column, k = np.nonzero(chosen & evaluated)
    ref, alt = a.ref[column], a.alt[column]
    p = round_significant(_one_of(reference.probability, ref, k))
    q = round_significant(_one_of(alternative.probability, alt, k))
    delta = np.round(q - p, DECIMALS)
    in_ref, in_alt = _one_of(reference.candidates, ref, k), _one_of(alternative.candidates, alt, k)
    odds = _one_of(alternative.log_odds, alt, k) - _one_of(reference.log_odds, ref, k)
    threshold = rules.settings.min_probability
    before, after = p >= threshold, q >= threshold
    index = np.where(delta > 0, 2, 3)
    index[(after & ~before) | (in_alt & ~in_ref)] = CLASSES.index("gain")
    index[(before & ~after) | (in_ref & ~in_alt)] = CLASSES.index("loss")
    effects = Effects(
        ref,
        alt,
        a.anchor[column] + start,
        k,
        p,
        q,
        delta,
        np.where(in_ref & in_alt, odds, np.nan),
        index,
        a.distance[column],
    )
    return effects if everything else effects.take(np.abs(delta) >= least)


def _aligned(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return rows of (N, K); zeros for gaps."""
    return np.where((rows >= 0)[:, None], values[rows], np.zeros((), values.dtype))


def _one_of(values: np.ndarray, rows: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Return one value (E,) of each row; 0 for gaps."""
    return np.where(rows >= 0, values[rows, k], np.zeros((), values.dtype))
