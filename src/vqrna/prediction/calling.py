"""Turn the logits of pieces into scored and called sites."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vqrna.model import Model
from vqrna.model.training_sketch import BESIDE, TrainingSketch
from vqrna.modifications import Modification
from vqrna.prediction import adapter
from vqrna.prediction.piece_batch import PieceBatch
from vqrna.prediction.settings import Settings
from vqrna.segments import Segments, region_segments
from vqrna.sequence import AMBIGUOUS, centre
from vqrna.sites import DECIMALS, FLAGS, Sites, round_significant
from vqrna.stats.calibration import sigmoid
from vqrna.stats.null_distribution import NullDistribution
from vqrna.stats.scan_calibration import Curve, probabilities, window_kinds
from vqrna.stats.tiers import BY_THRESHOLD, CALLS, EDGE, reached_tiers, tier_index


@dataclass(frozen=True, eq=False)
class Called:
    """Result of a batch of pieces."""

    sites: Sites  # The reported sites
    p_values: np.ndarray  # (C,), float64: Rounded p-values of all candidates, reported or not
    modification_index: np.ndarray  # (C,), int: Modification of each candidate
    segments: Segments


def reach_of(model: Model, modifications: tuple[Modification, ...]) -> int:
    """Return the number of nt on either side that the result at a position depends on.

    These are its window, the context rule of a type, and what is looked up among the training
    windows.
    """
    looked_up = BESIDE if model.sketches else 0
    after = len(adapter.ADAPTER)
    return max(centre(model.length), looked_up, after, *(len(m.context) for m in modifications))


@dataclass(frozen=True, eq=False)
class CallingRules:
    """What turns the logits of a scan's modifications into scores, p-values and calls."""

    settings: Settings
    length: int  # Window length of the model
    # slope, intercept: (K,), float64: Calibration
    slope: np.ndarray
    intercept: np.ndarray
    # (K,): The curve of each kind of window (`vqrna.stats.scan_calibration.WINDOW_KINDS`)
    curves: tuple[tuple[Curve, ...], ...]
    measured: np.ndarray  # (K,), bool: Types with a calibration for scans; others reach no tier
    nulls: tuple[NullDistribution | None, ...]
    cut_nulls: tuple[NullDistribution | None, ...]
    sketches: tuple[TrainingSketch, ...] = ()  # Sketches of the training windows

    @classmethod
    def of(cls, model: Model, settings: Settings) -> CallingRules:
        """Take those of the scan's modifications from a model."""
        columns = settings.columns
        calibration, scans = model.calibration, model.scan_calibration
        curves = scans.completed(calibration)
        nulls = model.off_site or (None,) * len(model.modifications)
        return cls(
            settings,
            model.length,
            calibration.slope[columns],
            calibration.intercept[columns],
            tuple(curves[c] for c in columns),
            scans.measured[columns],
            tuple(nulls[c] for c in columns),
            tuple((model.off_site_cut or nulls)[c] for c in columns),
            model.sketches,
        )

    def p_values(
        self, logits: np.ndarray, modification_index: np.ndarray, cut: np.ndarray
    ) -> np.ndarray:
        """Return rounded p-values, shape (N,); nan without a null distribution."""
        p = np.full(len(logits), np.nan)
        for k, (null, cut_null) in enumerate(zip(self.nulls, self.cut_nulls, strict=True)):
            own = modification_index == k
            for distribution, rows in ((null, own & ~cut), (cut_null, own & cut)):
                if distribution is not None:
                    p[rows] = distribution.p_value(logits[rows])
        return round_significant(p)

    def scores(self, logits: np.ndarray, modification_index: np.ndarray) -> np.ndarray:
        """Return calibrated probabilities at the even class ratio, shape (N,)."""
        return sigmoid(self.slope[modification_index] * logits + self.intercept[modification_index])

    def probabilities(
        self, logits: np.ndarray, modification_index: np.ndarray, kind: np.ndarray
    ) -> np.ndarray:
        """Return rounded probabilities at the priors, shape (N,), for kinds of windows (N,)."""
        evidence = np.empty(len(logits))
        for k, curves in enumerate(self.curves):
            own = modification_index == k
            for n, curve in enumerate(curves):
                rows = own & (kind == n)
                evidence[rows] = curve(logits[rows])
        priors = self.settings.priors[modification_index]
        return round_significant(probabilities(evidence, priors))

    def tiers(
        self, score: np.ndarray, probability: np.ndarray, modification_index: np.ndarray
    ) -> np.ndarray:
        """Return the call of each site (see :class:`vqrna.sites.Sites`), shape (N,)."""
        settings = self.settings
        reached = np.where(self.measured[modification_index], reached_tiers(probability), 0)
        called = np.ones(len(score), dtype=bool)
        if settings.confidence is not None:
            called &= reached > tier_index(settings.confidence)
        if settings.threshold is not None:
            called &= score >= settings.threshold
        if settings.min_probability is not None:
            called &= probability >= settings.min_probability
        return np.where(reached > 0, reached, CALLS.index(BY_THRESHOLD) + 1) * called


def call(
    rules: CallingRules,
    batch: PieceBatch,
    candidate: np.ndarray,
    logits: np.ndarray,
    ood: np.ndarray,
) -> Called:
    """Score the candidates of pieces and select the sites to report.

    Parameters
    ----------
    candidate : np.ndarray, shape (positions, K), bool
    logits : np.ndarray, shape (positions, M), float64
        Read where there is a candidate.
    ood : np.ndarray, shape (positions,), bool
        Whether the window is out of distribution.
    """
    settings, regions = rules.settings, [piece.region for piece in batch.pieces]
    row, index = np.nonzero(candidate)  # by position, then by modification
    x = logits[row, settings.columns[index]]
    at, piece = batch.at[row], batch.piece[row]
    # First and last letter of the whole sequence of each piece, as indices like `at`
    first = batch.begin - np.array([region.before for region in regions], dtype=np.int64)
    last = batch.end - 1 + np.array([region.after for region in regions], dtype=np.int64)
    # Distance to the nearer end of the sequence
    to_end = np.minimum(at - first[piece], last[piece] - at)
    cut = to_end < centre(rules.length)
    p_value = rules.p_values(x, index, cut)
    kind = window_kinds(to_end, centre(rules.length))
    probability = rules.probabilities(x, index, kind)
    score = np.round(rules.scores(x, index), DECIMALS)
    tier = rules.tiers(score, probability, index)
    if settings.fdr is not None:
        tier[~(p_value <= settings.fdr)] = 0  # a q-value is never below its p-value
    kept = np.arange(len(row)) if settings.all_sites else np.flatnonzero(tier)
    owner, along = piece[kept], batch.along[row[kept]]
    names = np.array([region.name for region in regions], dtype=object)
    number = np.array([region.first for region in regions], dtype=np.int64)[owner]
    reverse = np.array([region.reverse for region in regions], dtype=bool)[owner]
    short = last - first + 1 < rules.length
    sites = Sites(
        sequence=names[owner],
        position=number + np.where(reverse, -along, along),
        reverse=reverse,
        base=batch.tokens[at[kept]],
        modification_index=index[kept].astype(np.uint8),
        score=score[kept],
        probability=probability[kept],
        p_value=p_value[kept],
        q_value=np.full(len(kept), np.nan),
        tier=tier[kept].astype(np.uint8),
        flags=_flags(
            rules, batch, owner, at[kept], index[kept], to_end[kept], short[owner], ood[row[kept]]
        ),
    )
    segments = region_segments(
        regions, len(settings.modifications), batch.begin, at, index, probability, score, at[kept]
    )
    return Called(sites, p_value, index, segments)


def _flags(
    rules: CallingRules,
    batch: PieceBatch,
    piece: np.ndarray,
    at: np.ndarray,
    modification_index: np.ndarray,
    to_end: np.ndarray,
    short: np.ndarray,
    ood: np.ndarray,
) -> np.ndarray:
    """Return the flags of sites at ``batch.tokens[at]``, as bits of `FLAGS`.

    ``short``: the sequence is shorter than a window; ``end``: the window extends beyond an end;
    ``edge``: fewer than `EDGE` nt on one side; ``ambiguous``: the window has a letter that is not
    A, C, G or U; ``ood``: its codes are not those of training windows; ``in_training``: the network
    was trained on the site or its surroundings; ``adapter``: a 2'-O-methylation is followed by
    sequence like a sequencing adapter.
    """
    tokens, half = batch.tokens, centre(rules.length)
    begin, end = batch.begin[piece], batch.end[piece]
    ambiguous = np.concatenate([[0], np.cumsum(tokens == AMBIGUOUS)])
    low, high = np.maximum(at - half, begin), np.minimum(at + half + 1, end)
    in_training = np.zeros(len(at), dtype=bool)
    for sketch in rules.sketches:
        in_training |= sketch.near(tokens, at, begin, end)
    columns = {
        "short": short,
        "end": to_end < half,
        "edge": to_end < EDGE,
        "ambiguous": ambiguous[high] > ambiguous[low],
        "ood": ood,
        "in_training": in_training,
        "adapter": _with_adapter(rules, tokens, at, modification_index),
    }
    flags = np.zeros(len(at), dtype=np.uint8)
    for bit, name in enumerate(FLAGS):
        flags |= columns[name].astype(np.uint8) << bit
    return flags


def _with_adapter(
    rules: CallingRules, tokens: np.ndarray, at: np.ndarray, modification_index: np.ndarray
) -> np.ndarray:
    """Return which sites of affected modifications precede sequence like an adapter."""
    affected = np.array([m.name.startswith(adapter.NAMES) for m in rules.settings.modifications])
    flagged = affected[modification_index]
    flagged[flagged] = adapter.adapter_after(tokens, at[flagged])
    return flagged
