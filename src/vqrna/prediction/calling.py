"""From the logits of a piece to its modified sites."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vqrna.model import Model
from vqrna.model.training_sketch import BESIDE, TrainingSketch
from vqrna.modifications import Modification
from vqrna.prediction.settings import Settings
from vqrna.prediction.tiles import Piece
from vqrna.sequence import AMBIGUOUS, centre
from vqrna.sites import DECIMALS, FLAGS, Sites, significant
from vqrna.stats.calibration import at_prior, sigmoid
from vqrna.stats.null_distribution import NullDistribution
from vqrna.stats.tiers import EDGE, tier_index


@dataclass(frozen=True, eq=False)
class Called:
    """What a piece holds.

    Attributes
    ----------
    sites : Sites
        Those that are reported.
    p_values : np.ndarray, shape (C,), float64
        Of all candidates, rounded, whether reported or not.
    kinds : np.ndarray, shape (C,), int
        Which type each belongs to.
    """

    sites: Sites
    p_values: np.ndarray
    kinds: np.ndarray


def reach_of(model: Model, kinds: tuple[Modification, ...]) -> int:
    """Tell how many nt beside a position bear on it.

    Its window does, a type's context rule, and what is looked up among the training windows.
    """
    looked_up = BESIDE if model.sketches else 0
    return max(centre(model.length), looked_up, *(len(m.context) for m in kinds))


def candidates(piece: Piece, kinds: tuple[Modification, ...]) -> np.ndarray:
    """Tell which positions of a piece can carry which type, shape (positions, K)."""
    stretch = piece.stretch
    at = slice(stretch.start, stretch.stop)
    found = np.stack([m.candidates(stretch.tokens)[at] for m in kinds], axis=1)
    if stretch.wanted is not None:
        found &= stretch.wanted[:, None]
    for k, m in enumerate(kinds):
        if m.symbol in stretch.only:
            places = stretch.only[m.symbol] - stretch.start
            allowed = np.zeros(len(found), dtype=bool)
            allowed[places[(places >= 0) & (places < len(found))]] = True
            found[:, k] &= allowed
    return found


@dataclass(frozen=True, eq=False)
class Rules:
    """What turns the logits of a scan's types into scores, p-values and calls.

    Parameters
    ----------
    settings : Settings
    length : int
        Of the model's window.
    slope, intercept : np.ndarray, shape (K,), float64
        Of the calibration.
    tiers, cut_tiers : np.ndarray, shape (K, 3), float64
        Lowest logits, for windows that are whole and that reach beyond an end.
    nulls, cut_nulls : tuple of NullDistribution or None, length K
    sketches : tuple of TrainingSketch
        Of the training windows.
    """

    settings: Settings
    length: int
    slope: np.ndarray
    intercept: np.ndarray
    tiers: np.ndarray
    cut_tiers: np.ndarray
    nulls: tuple[NullDistribution | None, ...]
    cut_nulls: tuple[NullDistribution | None, ...]
    sketches: tuple[TrainingSketch, ...] = ()

    @classmethod
    def of(cls, model: Model, settings: Settings) -> Rules:
        """Pick those of the types that are wanted."""
        columns = settings.columns
        calibration, tiers = model.calibration, model.tiers
        cut = tiers.logits if tiers.cut_logits is None else tiers.cut_logits
        whole = model.off_site or (None,) * len(model.modifications)
        return cls(
            settings,
            model.length,
            calibration.slope[columns],
            calibration.intercept[columns],
            tiers.logits[columns],
            cut[columns],
            tuple(whole[c] for c in columns),
            tuple((model.off_site_cut or whole)[c] for c in columns),
            model.sketches,
        )

    def p_values(self, logits: np.ndarray, kind: np.ndarray, cut: np.ndarray) -> np.ndarray:
        """Give rounded p-values of sites, shape (N,); nan without a null."""
        p = np.full(len(logits), np.nan)
        for k, (whole, short) in enumerate(zip(self.nulls, self.cut_nulls, strict=True)):
            for sketch, rows in ((whole, (kind == k) & ~cut), (short, (kind == k) & cut)):
                if sketch is not None:
                    p[rows] = sketch.p_value(logits[rows])
        return significant(p)

    def scores(self, logits: np.ndarray, kind: np.ndarray) -> np.ndarray:
        """Give calibrated probabilities at the even class ratio, shape (N,)."""
        return sigmoid(self.slope[kind] * logits + self.intercept[kind])

    def reached(self, logits: np.ndarray, kind: np.ndarray, cut: np.ndarray) -> np.ndarray:
        """Count the tiers that sites reach, shape (N,)."""
        lowest = np.where(cut[:, None], self.cut_tiers[kind], self.tiers[kind])
        return (logits[:, None] >= lowest).sum(axis=1)


def call(
    rules: Rules, piece: Piece, candidate: np.ndarray, logits: np.ndarray, ood: np.ndarray
) -> Called:
    """Pick the sites of a piece that are to be reported.

    Parameters
    ----------
    rules : Rules
    piece : Piece
    candidate : np.ndarray, shape (positions, K), bool
    logits : np.ndarray, shape (positions, M), float64
    ood : np.ndarray, shape (positions,), bool
        Whose window is unlike the training windows.
    """
    stretch, settings = piece.stretch, rules.settings
    row, kind = np.nonzero(candidate)  # by position, then by type
    x = logits[row, settings.columns[kind]]
    at = stretch.start + row
    beside = np.minimum(at + stretch.before, len(stretch.tokens) - 1 - at + stretch.after)
    cut = beside < centre(rules.length)
    p_value = rules.p_values(x, kind, cut)
    tier = rules.reached(x, kind, cut)
    tier[beside < EDGE] = 0
    if settings.threshold is None:
        tier[tier <= tier_index(settings.confidence)] = 0
    else:
        high = np.round(rules.scores(x, kind), DECIMALS) >= settings.threshold
        tier = np.maximum(tier, 1) * high
    if settings.fdr is not None:
        tier[~(p_value <= settings.fdr)] = 0  # a q-value is never below its p-value
    told = np.arange(len(row)) if settings.all_sites else np.flatnonzero(tier)
    score = rules.scores(x[told], kind[told])
    places = stretch.first + (-row[told] if stretch.reverse else row[told])
    sites = Sites(
        sequence=np.full(len(told), stretch.name, dtype=object),
        position=places.astype(np.int64),
        reverse=np.full(len(told), stretch.reverse),
        base=stretch.tokens[at[told]],
        modification_index=kind[told].astype(np.uint8),
        score=np.round(score, DECIMALS),
        probability=significant(at_prior(score, settings.priors[kind[told]])),
        p_value=p_value[told],
        q_value=np.full(len(told), np.nan),
        tier=tier[told].astype(np.uint8),
        flags=_flags(rules, piece, at[told], beside[told], ood[row[told]]),
    )
    return Called(sites, p_value, kind)


def _flags(
    rules: Rules, piece: Piece, at: np.ndarray, beside: np.ndarray, ood: np.ndarray
) -> np.ndarray:
    """Tell what is to be known of the window of each site, as bits of `FLAGS`.

    ``short``: the sequence is shorter than a window; ``end``: the window reaches beyond an end;
    ``edge``: fewer than `EDGE` nt are left on one side, so that the site reaches no tier (a
    threshold of the caller's own may call it);
    ``ambiguous``: a letter in the window is no single base;
    ``ood``: its codes are not those of training windows;
    ``in_training``: the network was trained on the site or what is about it.
    """
    stretch, tokens, length = piece.stretch, piece.stretch.tokens, rules.length
    half = centre(length)
    seen = np.concatenate([[0], np.cumsum(tokens == AMBIGUOUS)])
    low, high = np.maximum(at - half, 0), np.minimum(at + half + 1, len(tokens))
    told = {
        "short": np.full(len(at), stretch.before + len(tokens) + stretch.after < length),
        "end": beside < half,
        "edge": beside < EDGE,
        "ambiguous": seen[high] > seen[low],
        "ood": ood,
        "in_training": _known(rules.sketches, tokens, at),
    }
    flags = np.zeros(len(at), dtype=np.uint8)
    for bit, name in enumerate(FLAGS):
        flags |= told[name].astype(np.uint8) << bit
    return flags


def _known(sketches: tuple[TrainingSketch, ...], tokens: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Tell which sites lie where any of the networks was trained."""
    found = np.zeros(len(at), dtype=bool)
    for sketch in sketches:
        found |= sketch.near(tokens, at)
    return found
