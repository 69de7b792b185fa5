"""Layers that never pad, evaluated at the centre of a window.

What they see of a window does not depend on where it ends, so that a dense evaluation
(:mod:`vqrna.nn.dense.network`) can give every position of a sequence the numbers of its window.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


def central(x: torch.Tensor, half: int = 0) -> torch.Tensor:
    """Take the central token and `half` on either side: (N, C, T) -> (N, C, 2 * half + 1)."""
    start = (x.shape[-1] - 1) // 2 - half
    return x[..., start : start + 2 * half + 1]


def mean_around(x: torch.Tensor, half: int) -> torch.Tensor:
    """Average over the central ``2 * half + 1`` tokens: (N, C, T) -> (N, C, 1)."""
    return central(x, half).mean(dim=-1, keepdim=True)


def mean_between(x: torch.Tensor, low: int, high: int) -> torch.Tensor:
    """Average from `low` to `high` tokens off the centre, both in: (N, C, T) -> (N, C, 1)."""
    centre = (x.shape[-1] - 1) // 2
    return x[..., centre + low : centre + high + 1].mean(dim=-1, keepdim=True)


class Convolution(nn.Conv1d):
    """A convolution without padding and bias; a norm follows it."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__(inputs, outputs, kernel, bias=False)


class MaxPool(nn.Module):
    """Maximum over `kernel` tokens; every `factor`-th is kept, counted from the centre."""

    def __init__(self, kernel: int, factor: int) -> None:
        super().__init__()
        self.kernel, self.factor = kernel, factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pool (N, C, T), T odd; the tokens kept are those in line with the central one."""
        # What is left over at the ends is cut off on both sides alike
        half = (x.shape[-1] // 2 - self.kernel // 2) // self.factor
        seen = central(x, half * self.factor + self.kernel // 2)
        return F.max_pool1d(seen, self.kernel, self.factor)
