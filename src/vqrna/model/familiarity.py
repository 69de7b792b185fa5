"""Recognise windows that differ from the training windows, by their codes.

Two properties are measured at every position: whether the codes of the window follow each other as
in training windows rather than as in shuffled ones, and the number of different codes. The first
detects shuffled and random sequence, the second repeats and extreme composition.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from vqrna.nn.encoder import TOKEN_STRIDE
from vqrna.sequence import AMBIGUOUS

STEPS = 32
"""Steps per natural logarithm in which evidence is stored, one byte per pair."""

MOST = 127 / STEPS
"""Largest evidence of one pair, for or against."""

SMOOTHING = 0.25
"""Weight of the product of the single frequencies that is added to the frequency of a pair."""


class WindowStatistics(NamedTuple):
    """Measurements of each window in a row of codes."""

    # (W,), int64: Sum over pairs, in `STEPS`; positive if they are more frequent in training
    # windows
    evidence: torch.Tensor
    # pairs, tokens, different: (W,), int64: Number of pairs and of tokens without an ambiguous
    # letter, and of different codes of these
    pairs: torch.Tensor
    tokens: torch.Tensor
    different: torch.Tensor


@dataclass(frozen=True, eq=False)
class Familiarity:
    """Code statistics of the training windows of a network.

    A pair is two codes `TOKEN_STRIDE` nt apart: neighbours in a window.
    """

    # (K, K), int8: For each code and the next one, log of how much more frequently the second
    # follows the first in training windows than in shuffled ones, in `STEPS`
    evidence: np.ndarray
    # (S,), int64: Window sizes in tokens, ascending. A window is compared with the largest size
    # that it reaches; windows smaller than the first are never flagged.
    tokens: np.ndarray
    least_evidence: np.ndarray  # (S,), float64: Windows with less evidence per pair are flagged
    fewest_different: np.ndarray  # (S,), int64: Windows with fewer different codes are flagged

    def out_of_distribution(
        self, codes: torch.Tensor, tokens: torch.Tensor, length: int
    ) -> torch.Tensor:
        """Return which positions of rows have a window that differs from the training windows.

        All sums are of integers, so that the answer is the same wherever a window is in a row, and
        on every device.

        Parameters
        ----------
        codes : torch.Tensor, shape (N, W + length - reach), int64
            A code at every position; each sees `reach` nt, the first one from the first nt on.
        tokens : torch.Tensor, shape (N, W + length - 1), integer
            The letters of the codes.
        length : int
            Window length in nt.

        Returns
        -------
        torch.Tensor, shape (N, W), bool
        """
        reach = tokens.shape[1] - codes.shape[1] + 1
        table = torch.from_numpy(self.evidence).to(codes.device)
        rows = [
            self._flag(measure_windows(row, unambiguous(letters, reach), length - reach + 1, table))
            for row, letters in zip(codes, tokens, strict=True)
        ]
        return torch.stack(rows)

    def _flag(self, windows: WindowStatistics) -> torch.Tensor:
        device = windows.tokens.device
        sizes, least, fewest = (
            torch.from_numpy(x).to(device)
            for x in (self.tokens, self.least_evidence, self.fewest_different)
        )
        size = torch.searchsorted(sizes, windows.tokens, right=True) - 1
        at = size.clamp_min(0)
        strange = windows.evidence.double() < least[at] * windows.pairs
        return (size >= 0) & (strange | (windows.different < fewest[at]))


def unambiguous(tokens: torch.Tensor, reach: int) -> torch.Tensor:
    """Return which tokens see bases only: letters (L,) to (L - reach + 1,), bool."""
    before = F.pad((tokens >= AMBIGUOUS).long().cumsum(0), (1, 0))
    return before[reach:] == before[: len(before) - reach]


def measure_windows(
    codes: torch.Tensor, counted: torch.Tensor, span: int, evidence: torch.Tensor
) -> WindowStatistics:
    """Measure every window of `span` tokens in a row.

    Parameters
    ----------
    codes : torch.Tensor, shape (C,), int64
    counted : torch.Tensor, shape (C,), bool
        Tokens that count.
    span : int
        Tokens of a window.
    evidence : torch.Tensor, shape (K, K), int8

    Returns
    -------
    WindowStatistics
        Of C - span + 1 windows.
    """
    windows = len(codes) - span + 1
    both = counted[:-TOKEN_STRIDE] & counted[TOKEN_STRIDE:]
    pair = codes[:-TOKEN_STRIDE] * len(evidence) + codes[TOKEN_STRIDE:]
    return WindowStatistics(
        _sums(evidence.flatten()[pair].long() * both, span - TOKEN_STRIDE, windows),
        _sums(both.long(), span - TOKEN_STRIDE, windows),
        _sums(counted.long(), span, windows),
        _different(codes, counted, span, windows),
    )


def pair_counts(codes: torch.Tensor, size: int) -> torch.Tensor:
    """Count the pairs in windows of codes, (N, C) int64: (size, size), float64."""
    pair = codes[:, :-TOKEN_STRIDE] * size + codes[:, TOKEN_STRIDE:]
    return torch.bincount(pair.flatten(), minlength=size * size).view(size, size).double()


def pair_evidence(usual: torch.Tensor, shuffled: torch.Tensor) -> np.ndarray:
    """Return the evidence of pairs by their counts in training and shuffled windows: (K, K)."""

    def conditional(counts: torch.Tensor) -> torch.Tensor:
        single = counts.sum(0) + 0.5
        single = single / single.sum()
        joint = counts / counts.sum().clamp_min(1) + SMOOTHING * single[:, None] * single
        return torch.log(joint / joint.sum(1, keepdim=True))

    evidence = (conditional(usual) - conditional(shuffled)).clamp(-MOST, MOST)
    return torch.round(evidence * STEPS).to(torch.int8).numpy()


def _sums(x: torch.Tensor, span: int, windows: int) -> torch.Tensor:
    """Sum `span` neighbours from each of the first `windows` positions on."""
    total = F.pad(x.cumsum(0), (1, 0))
    return total[span : span + windows] - total[:windows]


def _different(codes: torch.Tensor, counted: torch.Tensor, span: int, windows: int) -> torch.Tensor:
    """Count the different codes among the counted tokens of every window of a row.

    A code counts where it is first in a window: a token counts in the windows that begin after the
    previous token with the same code, at most `span` before itself.
    """
    positions = counted.nonzero()[:, 0]
    code, order = codes[positions].sort(stable=True)
    at = positions[order]
    before = torch.full_like(at, -1)
    before[1:] = torch.where(code[1:] == code[:-1], at[:-1], before[1:])
    first = torch.maximum(before + 1, at - span + 1).clamp_min(0)
    change = torch.zeros(len(codes) + 1, dtype=torch.int64, device=codes.device)
    one = torch.ones_like(at)
    change.index_add_(0, first, one)
    change.index_add_(0, at + 1, -one)
    return change.cumsum(0)[:windows]
