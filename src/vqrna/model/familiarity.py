"""Tell from its codes whether a window is unlike those that the network was trained on.

Two things are looked at, both at every position. Do the window's codes follow one another as in
training windows, rather than as in shuffled ones? And are there as many different ones? The first
finds shuffled and random sequence, the second repeats and extreme composition.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from vqrna.nn.encoder import TOKEN_STRIDE
from vqrna.sequence import AMBIGUOUS

STEPS = 32
"""Evidence is kept in so many steps a natural logarithm unit, one byte each."""

MOST = 127 / STEPS
"""Evidence of one pair is at most so large, for or against."""

SMOOTHING = 0.25
"""So much of what the two codes alone make likely is added to each pair's own frequency."""


class Measured(NamedTuple):
    """What is seen of each window that fits into a row of codes.

    Attributes
    ----------
    evidence : torch.Tensor, shape (W,), int64
        Sum over the pairs, in `STEPS`: above 0, they are more frequent in training windows.
    pairs, tokens, different : torch.Tensor, shape (W,), int64
        How many pairs and tokens see no ambiguous letter, and how many different codes these have.
    """

    evidence: torch.Tensor
    pairs: torch.Tensor
    tokens: torch.Tensor
    different: torch.Tensor


@dataclass(frozen=True, eq=False)
class Familiarity:
    """What is usual of the codes of a network.

    A pair is two codes `TOKEN_STRIDE` nt apart: neighbours in a window.

    Parameters
    ----------
    evidence : np.ndarray, shape (K, K), int8
        For each code and the one behind it: log of how much likelier the second follows the first
        in training windows than in shuffled ones, in `STEPS`.
    tokens : np.ndarray, shape (S,), int64
        Sizes of windows, in tokens, rising; windows of fewer tokens than the first are not judged.
        The others go by the largest size that they reach.
    least_evidence : np.ndarray, shape (S,), float64
        Windows with less, on average over their pairs, are unlike.
    fewest_different : np.ndarray, shape (S,), int64
        As are windows with fewer different codes.
    """

    evidence: np.ndarray
    tokens: np.ndarray
    least_evidence: np.ndarray
    fewest_different: np.ndarray

    def out_of_distribution(
        self, codes: torch.Tensor, tokens: torch.Tensor, length: int
    ) -> torch.Tensor:
        """Tell which positions of rows have a window that is unlike the training windows.

        All sums are of whole numbers: the answer is the same wherever a window stands in a row, and
        on every device.

        Parameters
        ----------
        codes : torch.Tensor, shape (N, W + length - reach), int64
            A token at every position; each sees `reach` nt, the first one the first so many.
        tokens : torch.Tensor, shape (N, W + length - 1), integer
            What the codes were found in.
        length : int
            Of a window, in nt.

        Returns
        -------
        torch.Tensor, shape (N, W), bool
        """
        reach = tokens.shape[1] - codes.shape[1] + 1
        table = torch.from_numpy(self.evidence).to(codes.device)
        rows = [
            self._judged(measured(row, clear(letters, reach), length - reach + 1, table))
            for row, letters in zip(codes, tokens, strict=True)
        ]
        return torch.stack(rows)

    def _judged(self, found: Measured) -> torch.Tensor:
        device = found.tokens.device
        sizes, least, fewest = (
            torch.from_numpy(x).to(device)
            for x in (self.tokens, self.least_evidence, self.fewest_different)
        )
        size = torch.searchsorted(sizes, found.tokens, right=True) - 1
        at = size.clamp_min(0)
        strange = found.evidence.double() < least[at] * found.pairs
        return (size >= 0) & (strange | (found.different < fewest[at]))


def clear(tokens: torch.Tensor, reach: int) -> torch.Tensor:
    """Tell which tokens see bases only: letters (L,) to (L - reach + 1,), bool."""
    wrong = torch.nn.functional.pad((tokens >= AMBIGUOUS).long().cumsum(0), (1, 0))
    return wrong[reach:] == wrong[: len(wrong) - reach]


def measured(
    codes: torch.Tensor, seen: torch.Tensor, span: int, evidence: torch.Tensor
) -> Measured:
    """Measure every window of `span` tokens in a row.

    Parameters
    ----------
    codes : torch.Tensor, shape (C,), int64
    seen : torch.Tensor, shape (C,), bool
        Which tokens count.
    span : int
        Tokens of a window.
    evidence : torch.Tensor, shape (K, K), int8

    Returns
    -------
    Measured
        Of C - span + 1 windows.
    """
    windows = len(codes) - span + 1
    both = seen[:-TOKEN_STRIDE] & seen[TOKEN_STRIDE:]
    pair = codes[:-TOKEN_STRIDE] * len(evidence) + codes[TOKEN_STRIDE:]
    told = evidence.flatten()[pair].long() * both
    return Measured(
        _sums(told, span - TOKEN_STRIDE, windows),
        _sums(both.long(), span - TOKEN_STRIDE, windows),
        _sums(seen.long(), span, windows),
        _different(codes, seen, span, windows),
    )


def pair_counts(codes: torch.Tensor, size: int) -> torch.Tensor:
    """Count the pairs of windows of codes, (N, C) int64: (size, size), float64."""
    pair = codes[:, :-TOKEN_STRIDE] * size + codes[:, TOKEN_STRIDE:]
    return torch.bincount(pair.flatten(), minlength=size * size).view(size, size).double()


def evidence_of(usual: torch.Tensor, shuffled: torch.Tensor) -> np.ndarray:
    """Weigh pairs by their counts in training windows and in shuffled ones: (K, K), int8."""

    def follows(counts: torch.Tensor) -> torch.Tensor:
        alone = counts.sum(0) + 0.5
        alone = alone / alone.sum()
        likely = counts / counts.sum().clamp_min(1) + SMOOTHING * alone[:, None] * alone
        return torch.log(likely / likely.sum(1, keepdim=True))

    evidence = (follows(usual) - follows(shuffled)).clamp(-MOST, MOST)
    return torch.round(evidence * STEPS).to(torch.int8).numpy()


def _sums(x: torch.Tensor, span: int, windows: int) -> torch.Tensor:
    """Add up `span` neighbours, from each of the first `windows` on."""
    total = torch.nn.functional.pad(x.cumsum(0), (1, 0))
    return total[span : span + windows] - total[:windows]


def _different(codes: torch.Tensor, seen: torch.Tensor, span: int, windows: int) -> torch.Tensor:
    """Count the different codes among the tokens that are seen, in every window of a row.

    In a window, a code counts where it stands first: so a token counts in the windows that begin
    behind the token before it with the same code, and not more than `span` before itself.
    """
    places = seen.nonzero()[:, 0]
    kind, order = codes[places].sort(stable=True)
    at = places[order]
    before = torch.full_like(at, -1)
    before[1:] = torch.where(kind[1:] == kind[:-1], at[:-1], before[1:])
    first = torch.maximum(before + 1, at - span + 1).clamp_min(0)
    change = torch.zeros(len(codes) + 1, dtype=torch.int64, device=codes.device)
    one = torch.ones_like(at)
    change.index_add_(0, first, one)
    change.index_add_(0, at + 1, -one)
    return change.cumsum(0)[:windows]
