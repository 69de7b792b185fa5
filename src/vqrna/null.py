"""How high unmodified positions score by chance: the null behind p-values and confidence tiers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

EXACT = 400
"""So many of the highest values are kept one by one."""

THINNING = 1.03
"""Below them, the ranks that are kept grow by this factor."""


@dataclass(frozen=True, eq=False)
class NullSketch:
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
    def of(cls, logits: np.ndarray, nt: int) -> NullSketch:
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
        """Smallest p-value that this null can give."""
        return 1 / (self.count + 1)

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
        x = np.asarray(logits, dtype=np.float32)
        reached = np.searchsorted(-self.values, -x, side="right")  # kept values not below x
        return np.append(self.ranks, self.count + 1)[reached] - 1

    def p_value(self, logits: np.ndarray) -> np.ndarray:
        """Share of the null that scores as high or higher, (r + 1) / (n + 1).

        Never 0 (Davison and Hinkley, Bootstrap Methods and Their Application, 1997, section 4.2).
        """
        return (self.at_least(logits) + 1) / (self.count + 1)

    def calls_per_kb(self, threshold: float) -> float:
        """How many null positions in 1,000 nt reach a logit."""
        return float(self.at_least(np.asarray(threshold))) / self.nt * 1000 if self.nt else np.nan

    def threshold(self, calls_per_kb: float) -> float:
        """Lowest logit that at most `calls_per_kb` null positions in 1,000 nt reach."""
        allowed = calls_per_kb * self.nt / 1000
        if self.count <= allowed:
            return -np.inf
        more = int(np.searchsorted(self.ranks, allowed, side="right"))  # first rank too many
        if self.ranks[more] - 1 > allowed:  # a rank between two kept ones: take the safe side
            more -= 1
        return float(np.nextafter(self.values[more], np.float32(np.inf)))
