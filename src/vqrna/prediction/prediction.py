"""The result of a prediction: sites, and a summary by modification."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vqrna.model import Model
from vqrna.prediction.parts import Part
from vqrna.prediction.settings import Settings
from vqrna.runtime.run_record import SkippedInput
from vqrna.segments import SCALE
from vqrna.sites import FLAGS, Sites, round_significant
from vqrna.stats.calibration import log_odds
from vqrna.stats.fdr import PValueCounts
from vqrna.stats.tiers import CALLS, PROBABILITIES, tier_index

_OOD = np.uint8(1 << FLAGS.index("ood"))


@dataclass(frozen=True, eq=False)
class Prediction:
    """Predicted sites.

    Attributes
    ----------
    sites : pandas.DataFrame, or None
        One row a site with the columns :data:`vqrna.sites.COLUMNS`: ``position`` is 1-based,
        ``score`` calibrated at the even class ratio, ``probability`` at the prior, ``p_value``
        against the off-site null, ``q_value`` over all candidates of the modification, ``call``
        empty, ``low``, ``medium``, ``high``, or ``threshold`` for a site that only another
        limit calls, ``warnings`` the flags. None if the sites were written to files.
    summary : pandas.DataFrame
        One row per modification: ``modification``, ``base``, ``candidates``, ``expected`` number of
        modified ones (the sum of their probabilities), ``called``, calls by
        tier and, as ``threshold``, those without a tier, ``calls_per_kb``, and ``chance_per_kb``,
        the calls in shuffled sequence at this threshold (nan with a false discovery rate or a
        number of top sites, which depend on the scan).
    nt, records : int
        Number of positions, and of sequences or regions of a genome.
    paths : tuple of pathlib.Path
        Written files, the sites first.
    repeated_names, empty_records : int
        Number of sequences with the name of an earlier one, and of those without a letter.
    unreachable : tuple of str
        Notes on modifications for which no q-value is, or could be, as small as requested.
    notes : tuple of str
        Notes on files.
    skipped : tuple of SkippedInput
        Features of regions and annotation that could not be used: file, reason, count and first
        line.
    in_genome : bool
        Whether a genome was scanned.
    distinct : bool
        Whether `nt` counts a base of several transcripts of a genome once.
    ood_calls : int
        Number of called sites with the warning ``ood``.
    sequences : pandas.DataFrame, or None
        One row a sequence: ``length``, ``called``, ``expected`` number of modified sites (the sum
        of the probabilities of all candidates), and for each modification ``m6A_called``,
        ``m6A_low``, ``m6A_medium``, ``m6A_high``, ``m6A_expected``, ``m6A_best_position`` and
        ``m6A_best_probability``. None if it was written to files.
    near_ties : tuple of two int
        Number of codes that were nearly tied and resolved in double precision, and of all codes.
    """

    sites: pd.DataFrame | None
    summary: pd.DataFrame
    nt: int
    records: int
    paths: tuple[Path, ...] = ()
    repeated_names: int = 0
    empty_records: int = 0
    unreachable: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    skipped: tuple[SkippedInput, ...] = ()
    in_genome: bool = False
    distinct: bool = False
    near_ties: tuple[int, int] = (0, 0)
    ood_calls: int = 0
    sequences: pd.DataFrame | None = None

    def calls(self) -> dict[str, dict[str, int]]:
        """Return by modification the number of candidates, of calls, and of calls by label."""
        columns = ["candidates", "called", *CALLS]
        rows = self.summary[columns].to_dict("records")
        named = zip(self.summary["modification"], rows, strict=True)
        return {symbol: {str(k): int(n) for k, n in row.items()} for symbol, row in named}

    @property
    def ood_notes(self) -> tuple[str, ...]:
        """A note on called sites that are unlike the training data, if there are any."""
        called = int(self.summary["called"].sum())
        if not self.ood_calls:
            return ()
        return (
            f"called sites that are unlike the training data (warning ood): {self.ood_calls:,} of "
            f"{called:,}; do not trust their probabilities",
        )

    @property
    def path(self) -> Path | None:
        """File of the sites."""
        return self.paths[0] if self.paths else None


@dataclass
class Totals:
    """Sums over the parts of a scan."""

    modifications: int  # Number of modifications K
    candidates: np.ndarray = field(init=False)
    calls: np.ndarray = field(init=False)
    p_values: PValueCounts = field(init=False)
    nt: int = 0
    records: int = 0
    empty: int = 0
    near_ties: int = 0
    tokens: int = 0
    ood_calls: int = 0  # Number of called sites with the flag ``ood``
    expected: np.ndarray = field(init=False)  # (K,), int64: Sum of all probabilities, in `SCALE`

    def __post_init__(self) -> None:
        """Start at zero."""
        self.candidates = np.zeros(self.modifications, dtype=np.int64)
        self.expected = np.zeros(self.modifications, dtype=np.int64)
        self.calls = np.zeros((self.modifications, len(CALLS)), dtype=np.int64)
        self.p_values = PValueCounts(self.modifications)

    def add(self, part: Part) -> None:
        """Add a part, except its calls (see :meth:`count_calls`)."""
        self.candidates += part.candidates
        if part.segments is not None:
            self.expected += part.segments.expected.sum(axis=0)
        self.p_values.merge(part.p_values)
        self.nt += part.nt
        self.records += part.records
        self.empty += part.empty
        self.near_ties += part.near_ties
        self.tokens += part.tokens

    def count_calls(self, blocks: Iterable[Sites]) -> Iterator[Sites]:
        """Yield blocks of sites unchanged, and count their calls by modification and tier."""
        for block in blocks:
            called = block.tier > 0
            np.add.at(self.calls, (block.modification_index[called], block.tier[called] - 1), 1)
            self.ood_calls += int(np.count_nonzero(block.flags[called] & _OOD))
            yield block

    def facts(self, settings: Settings) -> dict[str, str]:
        """Return the size of the scan, for the header lines of files."""
        named = zip(settings.modifications, self.candidates.tolist(), strict=True)
        return {
            "sequences": str(self.records),
            "nt": str(self.nt),
            "candidates": " ".join(f"{m.symbol}={count}" for m, count in named),
        }


def make_prediction(
    model: Model, settings: Settings, total: Totals, sites: pd.DataFrame | None = None, **more: Any
) -> Prediction:
    """Return the prediction with some totals; `more` are further attributes."""
    return Prediction(
        sites,
        _summary(model, settings, total),
        total.nt,
        total.records,
        empty_records=total.empty,
        unreachable=_unreachable(model, settings, total),
        near_ties=(total.near_ties, total.tokens),
        ood_calls=total.ood_calls,
        **more,
    )


def _unreachable(model: Model, settings: Settings, total: Totals) -> tuple[str, ...]:
    """Return notes on modifications for which no q-value is, or could be, as small as requested."""
    if settings.fdr is None or not model.off_site:
        return ()
    nulls = [model.off_site[column] for column in settings.columns]
    floors = [null.floor for null in nulls]
    q_values = total.p_values.q_values()
    notes = [
        each.describe(
            settings.modifications[each.modification_index].symbol,
            nulls[each.modification_index].count,
            settings.fdr,
        )
        for each in q_values.unreachable(settings.fdr, floors)
    ]
    lowest = q_values.lowest()
    if not total.calls.any() and not np.isnan(lowest).all():
        notes.append(_nothing_left(settings, lowest))
    return tuple(notes)


def _nothing_left(settings: Settings, lowest: np.ndarray) -> str:
    """Return a note on a scan of which the false discovery rate leaves no call."""
    assert settings.fdr is not None
    best = int(np.nanargmin(lowest))
    q, symbol = lowest[best], settings.modifications[best].symbol
    if q > settings.fdr:
        return (
            f"--fdr {settings.fdr:g} leaves no site: the lowest q-value is {q:.3g} ({symbol}); "
            f"use a higher --fdr, or call by tiers (without --fdr), whose rates of false calls do "
            "not depend on the size of the scan"
        )
    limits = {
        "--confidence": settings.confidence,
        "--threshold": settings.threshold,
        "--min-probability": settings.min_probability,
    }
    reached = " and ".join(f"{name} {limit}" for name, limit in limits.items() if limit is not None)
    return (
        f"no site has a q-value of {settings.fdr:g} or less and also reaches {reached}; the lowest "
        f"q-value is {q:.3g} ({symbol}): lower the limit, or raise --fdr"
    )


def _summary(model: Model, settings: Settings, total: Totals) -> pd.DataFrame:
    """Return calls by modification and tier, and the calls expected by chance."""
    kb = max(total.nt, 1) / 1000
    rows = []
    for k, (m, column) in enumerate(zip(settings.modifications, settings.columns, strict=True)):
        chance = float("nan")
        if model.shuffled and settings.fdr is None and settings.top is None:
            lowest = _lowest_logit(model, settings, k)
            if lowest < float("inf"):  # else the tier has no threshold: nothing was measured
                chance = model.shuffled[column].calls_per_kb(lowest)
        called = int(total.calls[k].sum())
        rows.append(
            {
                "modification": m.symbol,
                "base": m.context,
                "candidates": int(total.candidates[k]),
                "expected": float(round_significant(total.expected[k] / SCALE)),
                "called": called,
                **dict(zip(CALLS, total.calls[k].tolist(), strict=True)),
                "calls_per_kb": called / kb,
                "chance_per_kb": chance,
            }
        )
    return pd.DataFrame(rows)


def _lowest_logit(model: Model, settings: Settings, k: int) -> float:
    """Return the lowest logit that is called in a whole window."""
    column, lowest = settings.columns[k], []
    if settings.threshold is not None:
        lowest.append(float(model.calibration.logit_at(settings.threshold)[column]))
    probabilities = [settings.min_probability or 0.0]
    if settings.confidence is not None:
        if not model.scan_calibration.measured[column]:
            return float("inf")
        probabilities.append(PROBABILITIES[tier_index(settings.confidence)])
    curve = model.scan_calibration.completed(model.calibration)[column][0]
    evidence = log_odds(max(probabilities)) - log_odds(settings.priors[k])
    return max([*lowest, curve.logit_at(float(evidence))])
