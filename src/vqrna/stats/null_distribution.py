"""Null distribution of logits at unmodified positions, for p-values and confidence tiers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

EXACT = 400
"""Number of the highest values that are all kept."""

THINNING = 1.03
"""Factor between successive kept ranks below them."""

FEWEST = 10 * EXACT
"""Fewest values for a fitted tail, so that the highest `EXACT` are a tail."""

TRUSTED = 100
"""Factor by which a fitted tail may extend below the smallest counted p-value."""

_DISTINCT = 50
"""Fewest different values among the highest for a fit."""


@dataclass(frozen=True)
class Tail:
    """Extension of a null above its highest values: a generalised Pareto distribution."""

    start: float  # Logit above which p-values follow the tail; below it they are counted
    shape: float  # Above 0, so that no p-value is 0
    scale: float  # Scale of the excess over `start`

    def beyond(self, logits: np.ndarray) -> np.ndarray:
        """Return the share of the tail above logits: 1 up to `start`."""
        above = np.maximum(np.asarray(logits, dtype=np.float64) - self.start, 0)
        return (1 + self.shape * above / self.scale) ** (-1 / self.shape)


@dataclass(frozen=True, eq=False)
class NullDistribution:
    """Logits of unmodified positions, thinned out below the highest."""

    values: np.ndarray  # (K,), float32: Logits, falling
    ranks: np.ndarray  # (K,), int64: Rank of each value among all null logits, from 1
    count: int  # Number of null positions (candidates of the type)
    nt: int  # Length of the sequence that was scored

    @classmethod
    def from_logits(cls, logits: np.ndarray, nt: int) -> NullDistribution:
        """Thin out the logits (N,) of null positions in a sequence of `nt` nt."""
        falling = np.sort(np.asarray(logits, dtype=np.float32))[::-1]
        n = len(falling)
        steps = int(np.log(max(n / EXACT, 1)) / np.log(THINNING)) + 2
        thin = (EXACT * THINNING ** np.arange(steps)).astype(np.int64)
        ranks = np.unique(np.concatenate([np.arange(1, min(EXACT, n) + 1), thin[thin < n], [n]]))
        ranks = ranks[ranks > 0]
        if n == 0:
            return cls(np.empty(0, np.float32), np.empty(0, np.int64), 0, nt)
        return cls(falling[ranks - 1], ranks, n, nt)

    @property
    def floor(self) -> float:
        """Smallest p-value of this null, `TRUSTED` times lower with a tail."""
        return 1 / (self.count + 1) / (1 if self._excess is None else TRUSTED)

    @cached_property
    def tail(self) -> Tail | None:
        """Extension above the highest values, fitted on first use; None if the null is too small.

        A generalised Pareto distribution describes the excess over a high value (Knijnenburg et
        al., Fewer permutations, more accurate P-values, Bioinformatics 25, i161, 2009), here the
        `EXACT`-th highest. The fit is conservative: the shape is at least 0, since a negative one
        has an upper end, and one standard error above the most likely value. Equal values count
        once in that error, since they are one position in several windows. The tail starts where
        it agrees with the counted p-values, or at the highest value if that is further out.
        """
        excess = self._excess
        if excess is None:
            return None
        from scipy.stats import genpareto

        distinct = len(np.unique(excess))
        shape, _, scale = genpareto.fit(excess, floc=0)
        if shape <= 0:
            shape, scale = 0.0, float(excess.mean())
        shape += (1 + shape) / np.sqrt(distinct)
        agreed = float(genpareto.isf(1 / EXACT, shape, scale=scale))  # 1 / (count + 1) of all
        start = max(agreed, float(excess[0]))
        base = float(self.values[EXACT - 1])
        return Tail(base + start, float(shape), float(scale + shape * start))

    @cached_property
    def _excess(self) -> np.ndarray | None:
        """Excess of the highest values over the `EXACT`-th; None if they are too few for a tail."""
        if self.count < FEWEST or len(self.values) < EXACT or self.ranks[EXACT - 1] != EXACT:
            return None
        high = np.asarray(self.values[:EXACT], dtype=np.float64)
        excess = high[:-1] - high[-1]
        usable = len(np.unique(excess)) >= _DISTINCT and np.isfinite(excess).all()
        return excess if usable else None

    def at_least(self, logits: np.ndarray) -> np.ndarray:
        """Count the null positions that score at least as high as logits.

        The count is exact among the highest `EXACT`. Between two kept values the larger count is
        returned, which is at most 3 % too high, apart from equal values.
        """
        return self._counted[self._reached(logits)] - 1

    def p_value(self, logits: np.ndarray) -> np.ndarray:
        """Return the share of the null that scores as high or higher, (r + 1) / (n + 1).

        It is never 0 (Davison and Hinkley, Bootstrap Methods and Their Application, 1997, section
        4.2). Above the highest value it follows the :attr:`tail`, down to `floor`.
        """
        p = np.asarray(self._shares[self._reached(logits)])
        x = np.asarray(logits, dtype=np.float32)
        # The tail starts at the highest value or above: the fit, and scipy.stats, take a second
        beyond = self._excess is not None and bool((x > self.values[0]).any())
        if beyond and self.tail is not None:
            far = x > self.tail.start
            p[far] = np.maximum(p[far] * self.tail.beyond(x[far]), self.floor)
        return p

    def _reached(self, logits: np.ndarray) -> np.ndarray:
        """Count the kept values that are at least as high as logits."""
        return np.searchsorted(self._rising, -np.asarray(logits, dtype=np.float32), side="right")

    @cached_property
    def _rising(self) -> np.ndarray:
        return -self.values

    @cached_property
    def _counted(self) -> np.ndarray:
        """One more than the null positions that score as high, by number of kept values."""
        return np.append(self.ranks, self.count + 1)

    @cached_property
    def _shares(self) -> np.ndarray:
        return self._counted / (self.count + 1)

    def calls_per_kb(self, threshold: float) -> float:
        """Return the number of null positions per 1,000 nt that reach a logit."""
        return float(self.at_least(np.asarray(threshold))) / self.nt * 1000 if self.nt else np.nan

    def supports(self, calls_per_kb: float) -> bool:
        """Return whether the sequence is long enough: one call is at most this rate."""
        return calls_per_kb * self.nt / 1000 >= 1

    def threshold(self, calls_per_kb: float) -> float:
        """Return the lowest logit that at most `calls_per_kb` null positions per 1,000 nt reach."""
        allowed = calls_per_kb * self.nt / 1000
        if self.count <= allowed:
            return -np.inf
        first = int(np.searchsorted(self.ranks, allowed, side="right"))  # first rank too many
        if self.ranks[first] - 1 > allowed:  # between two kept ranks: the higher logit
            first -= 1
        return float(np.nextafter(self.values[first], np.float32(np.inf)))
