"""How high unmodified positions score by chance: the null behind p-values and confidence tiers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

EXACT = 400
"""So many of the highest values are kept one by one."""

THINNING = 1.03
"""Below them, the ranks that are kept grow by this factor."""

FEWEST = 10 * EXACT
"""A smaller null gets no fitted tail: its highest `EXACT` values would be more than a tail."""

TRUSTED = 100
"""A fitted tail is trusted down to so small a part of the smallest p-value that was counted."""

_DISTINCT = 50
"""With fewer different values among the highest, nothing can be fitted."""


@dataclass(frozen=True)
class Tail:
    """How a null goes on above its highest values: a generalised Pareto distribution.

    Parameters
    ----------
    start : float
        Logit from which p-values follow the tail; up to it they are counted.
    shape : float
        Above 0, so that no logit gives a p-value of 0.
    scale : float
        Of what lies above `start`.
    """

    start: float
    shape: float
    scale: float

    def beyond(self, logits: np.ndarray) -> np.ndarray:
        """Give the share of the tail that lies above logits: 1 up to `start`."""
        above = np.maximum(np.asarray(logits, dtype=np.float64) - self.start, 0)
        return (1 + self.shape * above / self.scale) ** (-1 / self.shape)


@dataclass(frozen=True, eq=False)
class NullDistribution:
    """The upper ranks of the logits of a great many unmodified positions.

    Parameters
    ----------
    values : np.ndarray, shape (K,), float32
        Logits, falling.
    ranks : np.ndarray, shape (K,), int64
        Place of each value among all null logits: at least so many score as high.
    count : int
        Number of null positions (candidates of the type).
    nt : int
        Length of sequence in which they were met.
    """

    values: np.ndarray
    ranks: np.ndarray
    count: int
    nt: int

    @classmethod
    def of(cls, logits: np.ndarray, nt: int) -> NullDistribution:
        """Sketch a null.

        Parameters
        ----------
        logits : np.ndarray, shape (N,)
            Of the null positions.
        nt : int
            Length of sequence in which they were met.
        """
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
        """Smallest p-value that this null can give: `TRUSTED` times less where it has a tail."""
        return 1 / (self.count + 1) / (TRUSTED if self.tail else 1)

    @cached_property
    def tail(self) -> Tail | None:
        """What goes on above the highest values; None where the null is too small to tell.

        Fitted when it is first asked for. A generalised Pareto distribution describes the excess
        over a high value (Knijnenburg et al., Fewer permutations, more accurate P-values,
        Bioinformatics 25, i161, 2009); here over the `EXACT`-th highest one. It is made to err on
        the safe side. Its shape is never below 0, where it would end somewhere, and one standard
        error above what is most likely. Equal values count once there: they are one position met
        in several windows. And p-values leave the counted ones where both agree, or at the highest
        value if that lies further out.
        """
        if self.count < FEWEST or len(self.values) < EXACT or self.ranks[EXACT - 1] != EXACT:
            return None
        from scipy.stats import genpareto

        high = np.asarray(self.values[:EXACT], dtype=np.float64)
        excess = high[:-1] - high[-1]
        distinct = len(np.unique(excess))
        if distinct < _DISTINCT or not np.isfinite(excess).all():
            return None
        shape, _, scale = genpareto.fit(excess, floc=0)
        if shape <= 0:
            shape, scale = 0.0, float(excess.mean())
        shape += (1 + shape) / np.sqrt(distinct)
        agreed = float(genpareto.isf(1 / EXACT, shape, scale=scale))  # 1 / (count + 1) of all
        start = max(agreed, float(excess[0]))
        return Tail(float(high[-1]) + start, float(shape), float(scale + shape * start))

    def at_least(self, logits: np.ndarray) -> np.ndarray:
        """Count the null positions that score at least as high as given logits.

        Between two kept values the larger count is taken, which errs on the safe side: by 3 % at
        most, and by as much as there are equal values. Among the highest `EXACT` it is exact.

        Parameters
        ----------
        logits : np.ndarray, shape (...)

        Returns
        -------
        np.ndarray, shape (...), int64
        """
        return self._counted[self._reached(logits)] - 1

    def p_value(self, logits: np.ndarray) -> np.ndarray:
        """Share of the null that scores as high or higher, (r + 1) / (n + 1).

        Never 0 (Davison and Hinkley, Bootstrap Methods and Their Application, 1997, section 4.2).
        Above the highest value, where nothing is left to count, the :attr:`tail` goes on.

        Parameters
        ----------
        logits : np.ndarray, shape (...)

        Returns
        -------
        np.ndarray, shape (...), float64
            From `floor` to 1.
        """
        p = np.asarray(self._shares[self._reached(logits)])
        if self.tail is not None:
            x = np.asarray(logits, dtype=np.float32)
            far = x > self.tail.start
            p[far] = np.maximum(p[far] * self.tail.beyond(x[far]), self.floor)
        return p

    def _reached(self, logits: np.ndarray) -> np.ndarray:
        """Count the kept values that are not below logits."""
        return np.searchsorted(self._rising, -np.asarray(logits, dtype=np.float32), side="right")

    @cached_property
    def _rising(self) -> np.ndarray:
        return -self.values

    @cached_property
    def _counted(self) -> np.ndarray:
        """One more than the null positions that score as high, by the kept values reached."""
        return np.append(self.ranks, self.count + 1)

    @cached_property
    def _shares(self) -> np.ndarray:
        return self._counted / (self.count + 1)

    def calls_per_kb(self, threshold: float) -> float:
        """How many null positions in 1,000 nt reach a logit."""
        return float(self.at_least(np.asarray(threshold))) / self.nt * 1000 if self.nt else np.nan

    def supports(self, calls_per_kb: float) -> bool:
        """Tell whether there is enough sequence to count so few calls: one call is no more."""
        return calls_per_kb * self.nt / 1000 >= 1

    def threshold(self, calls_per_kb: float) -> float:
        """Lowest logit that at most `calls_per_kb` null positions in 1,000 nt reach."""
        allowed = calls_per_kb * self.nt / 1000
        if self.count <= allowed:
            return -np.inf
        more = int(np.searchsorted(self.ranks, allowed, side="right"))  # first rank too many
        if self.ranks[more] - 1 > allowed:  # a rank between two kept ones: take the safe side
            more -= 1
        return float(np.nextafter(self.values[more], np.float32(np.inf)))
