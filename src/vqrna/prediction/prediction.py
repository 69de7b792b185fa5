"""What a prediction gives: sites, and a summary of them by modification."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from vqrna.model import Model
from vqrna.prediction.parts import Part
from vqrna.prediction.settings import Settings
from vqrna.sites import Sites
from vqrna.stats.fdr import PValueCounts
from vqrna.stats.tiers import TIERS


@dataclass(frozen=True, eq=False)
class Prediction:
    """Predicted sites.

    Attributes
    ----------
    sites : pandas.DataFrame, or None
        A row a site with the columns of :data:`vqrna.sites.COLUMNS`: ``position`` is 1-based,
        ``score`` calibrated at the even class ratio, ``probability`` at the prior, ``p_value``
        against the off-site null, ``q_value`` over all candidates of the type, ``call`` empty,
        ``low``, ``medium`` or ``high``. None where they were written to files.
    summary : pandas.DataFrame
        A row a modification: ``modification``, ``base``, ``candidates``, calls by tier,
        ``calls_per_kb``, and ``chance_per_kb``, what shuffled sequence gives at this threshold
        (nan with a false discovery rate, which is known for no other scan).
    nt, records : int
        How much sequence in how many records, or stretches of a genome.
    in_genome : bool
        Whether it was a genome.
    near_ties : tuple of two int
        How many codes were nearly tied and settled in double precision, and of how many.
    paths : tuple of pathlib.Path
        What was written, the sites first.
    repeated_names, empty_records : int
        Records whose name another one had before, and records without a letter.
    unreachable : tuple of str
        What to say of types for which no q-value could be as small as asked for.
    notes : tuple of str
        What to say of files that could not be made as they should.
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
    in_genome: bool = False
    near_ties: tuple[int, int] = (0, 0)

    @property
    def path(self) -> Path | None:
        """Where the sites were written."""
        return self.paths[0] if self.paths else None


@dataclass
class Totals:
    """What the parts of a scan add up to.

    Parameters
    ----------
    kinds : int
        Number of modifications K.
    """

    kinds: int
    candidates: np.ndarray = field(init=False)
    calls: np.ndarray = field(init=False)
    p_values: PValueCounts = field(init=False)
    nt: int = 0
    records: int = 0
    empty: int = 0
    near_ties: int = 0
    tokens: int = 0

    def __post_init__(self) -> None:
        """Begin with nothing."""
        self.candidates = np.zeros(self.kinds, dtype=np.int64)
        self.calls = np.zeros((self.kinds, len(TIERS)), dtype=np.int64)
        self.p_values = PValueCounts(self.kinds)

    @classmethod
    def of(cls, parts: Iterable[Part], kinds: int) -> Totals:
        """Add up parts."""
        total = cls(kinds)
        for part in parts:
            total.add(part)
        return total

    def add(self, part: Part) -> None:
        """Add a part; its calls are counted where they are reported."""
        self.candidates += part.candidates
        self.p_values.merge(part.p_values)
        self.nt += part.nt
        self.records += part.records
        self.empty += part.empty
        self.near_ties += part.near_ties
        self.tokens += part.tokens

    def counted(self, found: Iterable[Sites]) -> Iterator[Sites]:
        """Count the calls among sites on their way, by type and tier."""
        for block in found:
            pairs = block.modification_index[block.tier > 0], block.tier[block.tier > 0] - 1
            np.add.at(self.calls, pairs, 1)
            yield block

    def facts(self, settings: Settings) -> dict[str, str]:
        """Tell how much was scanned, for the heads of files."""
        named = zip(settings.modifications, self.candidates.tolist(), strict=True)
        return {
            "sequences": str(self.records),
            "nt": str(self.nt),
            "candidates": " ".join(f"{m.symbol}={count}" for m, count in named),
        }


def summarise(model: Model, settings: Settings, total: Totals) -> pd.DataFrame:
    """Count calls by type and tier, beside what chance would give."""
    kb = max(total.nt, 1) / 1000
    rows = []
    for k, (m, column) in enumerate(zip(settings.modifications, settings.columns, strict=True)):
        chance = float("nan")
        if model.shuffled and settings.fdr is None:
            chance = model.shuffled[column].calls_per_kb(_lowest_logit(model, settings, column))
        called = int(total.calls[k].sum())
        rows.append(
            {
                "modification": m.symbol,
                "base": m.context,
                "candidates": int(total.candidates[k]),
                "called": called,
                **dict(zip(TIERS, total.calls[k].tolist(), strict=True)),
                "calls_per_kb": called / kb,
                "chance_per_kb": chance,
            }
        )
    return pd.DataFrame(rows)


def _lowest_logit(model: Model, settings: Settings, column: int) -> float:
    """Give the logit from which on a site is called."""
    if settings.threshold is None:
        return float(model.tiers.logits[column, TIERS.index(settings.confidence)])
    return float(model.calibration.logit_of(settings.threshold)[column])
