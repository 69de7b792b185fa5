"""Simple baselines, one model per type, each fitted in seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from benchmarks.quality.features import cpg, pieces

from vqrna.data.features import MORE, PLAIN
from vqrna.data.windows import NEGATIVE, POSITIVE, Windows
from vqrna.modifications import Modification
from vqrna.sequence import AMBIGUOUS, recentre
from vqrna.stats.calibration import sigmoid
from vqrna.training.teacher import ELSEWHERE, ROUNDS, examples, grow


class Reads(Protocol):
    """Features of windows for trees."""

    @property
    def length(self) -> int:
        """Length of the windows, in nt."""

    def of(self, tokens: np.ndarray, /) -> np.ndarray:
        """Return the features (N, F) of windows (N, L)."""


Head = Callable[[np.ndarray], np.ndarray]
"""From prepared features to the log-odds (N,) of one type."""

RIDGE = 0.003
"""Inverse strength of the penalty in logistic regression."""

SHARED = 31
"""Length of the pieces that the memoriser looks up, in nt."""


@dataclass(frozen=True, eq=False)
class Baseline:
    """A fitted baseline: features of windows, and a head per type.

    Parameters
    ----------
    modifications : tuple of Modification, length M
    prepare : callable
        From tokens (N, L) to the input of the heads.
    heads : tuple of callable, length M
    length : int
        Nucleotides that it reads.
    hash : str
    """

    modifications: tuple[Modification, ...]
    prepare: Callable[[np.ndarray], np.ndarray]
    heads: tuple[Head, ...]
    length: int
    hash: str = ""

    def logits(self, tokens: np.ndarray) -> np.ndarray:
        """Return the log-odds (N, M) of windows (N, L) for each type."""
        prepared = self.prepare(tokens)
        return np.stack([head(prepared) for head in self.heads], axis=1)

    def of_type(self, tokens: np.ndarray, symbol: str) -> np.ndarray:
        """Return the log-odds (N,) of windows (N, L) for one type."""
        column = [m.symbol for m in self.modifications].index(symbol)
        return self.heads[column](self.prepare(tokens))

    def score(self, logits: np.ndarray) -> np.ndarray:
        """Return uncalibrated probabilities."""
        return sigmoid(logits)


def fit_trees(
    train: Windows,
    columns: list[int],
    seed: int,
    *,
    features: Reads = PLAIN,
    elsewhere: float = 0.0,
    rounds: int = ROUNDS,
) -> Baseline:
    """Fit gradient-boosted trees (LightGBM), one model per type, on one thread."""
    numbers = features.of(train.tokens)

    def head(column: int) -> Head:
        rows, labels, weights = examples(train, column, elsewhere)
        return grow(numbers[rows], labels, weights, seed, rounds)

    types = tuple(train.modifications[c] for c in columns)
    return Baseline(types, features.of, tuple(head(c) for c in columns), features.length)


def fit_trees_more(train: Windows, columns: list[int], seed: int) -> Baseline:
    """Fit trees with counts near the site, too, and with the negatives of other types."""
    return fit_trees(train, columns, seed, features=MORE, elsewhere=ELSEWHERE)


def fit_logistic(
    train: Windows, columns: list[int], seed: int, *, ridge: float = RIDGE
) -> Baseline:
    """Fit logistic regression, quadratic penalty, to the standardised features of the trees."""
    from sklearn.linear_model import LogisticRegression

    numbers = PLAIN.of(train.tokens)

    def head(column: int) -> Head:
        rows, labels, _ = examples(train, column)
        x = numbers[rows].astype(np.float64)
        mean, spread = x.mean(axis=0), x.std(axis=0)
        spread[spread == 0] = 1
        line = LogisticRegression(C=ridge, max_iter=1000).fit((x - mean) / spread, labels)
        slope = line.coef_[0] / spread
        shift = float(line.intercept_[0] - mean @ slope)
        return lambda new: new.astype(np.float64) @ slope + shift

    types = tuple(train.modifications[c] for c in columns)
    return Baseline(types, PLAIN.of, tuple(head(c) for c in columns), PLAIN.length)


def fit_matrix(train: Windows, columns: list[int], seed: int, *, length: int = 15) -> Baseline:
    """Make a position-weight matrix: log-odds of bases about the site, one pseudo-count a base.

    Of modified sites against the unmodified ones of the same type; positions are independent.
    """

    def prepare(tokens: np.ndarray) -> np.ndarray:
        return recentre(tokens, length)

    seen = prepare(train.tokens)

    def head(column: int) -> Head:
        labels = train.labels[:, column]
        odds = log_frequencies(seen[labels == POSITIVE]) - log_frequencies(seen[labels == NEGATIVE])
        rows = np.vstack([odds, np.zeros(length)])  # ambiguous letters carry no information
        assert len(rows) == AMBIGUOUS + 1
        return lambda tokens: rows[tokens, np.arange(length)].sum(axis=1)

    types = tuple(train.modifications[c] for c in columns)
    return Baseline(types, prepare, tuple(head(c) for c in columns), length)


def log_frequencies(tokens: np.ndarray) -> np.ndarray:
    """Return the logarithm of base frequencies at each position, shape (4, L)."""
    counts = (tokens[None] == np.arange(4)[:, None, None]).sum(axis=1) + 1.0
    return np.log(counts / counts.sum(axis=0))


def fit_memoriser(train: Windows, columns: list[int], seed: int) -> Baseline:
    """Remember the pieces of 31 nt of modified and of unmodified windows.

    Of the central 501 nt; the score is ``log((1 + p) / (1 + n))`` where p pieces of the window
    occur in modified training windows of the type, and n in unmodified ones.
    """

    def prepare(tokens: np.ndarray) -> np.ndarray:
        return recentre(tokens, 501)

    seen = prepare(train.tokens)

    def head(column: int) -> Head:
        labels = train.labels[:, column]
        known = [np.unique(pieces(seen[labels == kind], SHARED)[0]) for kind in (1, 0)]

        def score(tokens: np.ndarray) -> np.ndarray:
            number, window = pieces(tokens, SHARED)
            shared = [
                np.bincount(window[_among(number, there)], minlength=len(tokens)) for there in known
            ]
            return np.log1p(shared[0]) - np.log1p(shared[1])

        return score

    types = tuple(train.modifications[c] for c in columns)
    return Baseline(types, prepare, tuple(head(c) for c in columns), 501)


def _among(number: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return which numbers are in a sorted array, shape (P,), bool."""
    if not len(there):
        return np.zeros(len(number), dtype=bool)
    return there[np.minimum(np.searchsorted(there, number), len(there) - 1)] == number


def fit_cpg(train: Windows, columns: list[int], seed: int) -> Baseline:
    """Score windows by their number of CG in 501 nt, with the sign that fits the data."""
    counted = cpg(train.tokens)

    def head(column: int) -> Head:
        labels = train.labels[:, column]
        more = counted[labels == POSITIVE].mean() >= counted[labels == NEGATIVE].mean()
        return lambda values: values if more else -values

    types = tuple(train.modifications[c] for c in columns)
    return Baseline(types, cpg, tuple(head(c) for c in columns), 501)
