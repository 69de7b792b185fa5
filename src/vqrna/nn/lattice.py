"""Where a network is evaluated: at the centre of a window, or at every position of a sequence.

The same layers serve both. In a window, layers stride. Densely, every stride becomes a dilation
(the à-trous trick), so that each position gets exactly the numbers of the window around it: layers
never pad, and see the same inputs in the same places.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class Lattice:
    """The sites to be evaluated, central in the input.

    Parameters
    ----------
    sites : int
        How many: 1 in a window.
    dense : bool
        Whether they are all positions of a stretch, so that strides become dilations.
    """

    sites: int = 1
    dense: bool = False

    def at_sites(self, x: torch.Tensor) -> torch.Tensor:
        """Take the tokens that stand on the sites: (N, C, T) -> (N, C, sites)."""
        start = (x.shape[-1] - self.sites) // 2
        return x[..., start : start + self.sites]

    def mean_around(self, x: torch.Tensor, half: int, stride: int) -> torch.Tensor:
        """Average over the ``2 * half + 1`` tokens around each site: (N, C, T) -> (N, C, sites).

        Tokens of one window are `stride` nt apart.
        """
        kernel, dilation = 2 * half + 1, stride if self.dense else 1
        extent = self.sites + 2 * half * dilation
        start = (x.shape[-1] - extent) // 2
        x = x[..., start : start + extent]
        if not self.dense:
            return x.mean(dim=-1, keepdim=True)
        return _sliding_sum(x, kernel, dilation) / kernel


WINDOW = Lattice()
"""The central site of a window."""


def _sliding_sum(x: torch.Tensor, kernel: int, dilation: int) -> torch.Tensor:
    """Add `kernel` tokens that are `dilation` apart, from every position on.

    Sums of 1, 2, 4, ... tokens are made by doubling and those of the kernel's binary digits put
    together: some log2(kernel) additions, in the same order wherever the position stands (a
    running sum would carry rounding errors along the sequence).
    """
    sites = x.shape[-1] - (kernel - 1) * dilation
    total, taken = None, 0
    power, size = x, 1
    while True:
        if kernel & size:
            piece = power[..., taken * dilation : taken * dilation + sites]
            total = piece if total is None else total + piece
            taken += size
        if 2 * size > kernel:
            break
        power = power[..., : power.shape[-1] - size * dilation] + power[..., size * dilation :]
        size *= 2
    assert total is not None
    return total


class Convolution(nn.Conv1d):
    """A convolution without padding whose input tokens are `token_stride` nt apart."""

    def __init__(self, inputs: int, outputs: int, kernel: int, token_stride: int) -> None:
        super().__init__(inputs, outputs, kernel, bias=False)
        self.token_stride = token_stride

    def run(self, x: torch.Tensor, lattice: Lattice) -> torch.Tensor:
        """Convolve (N, C, T) at the stride, or dilation, of the lattice."""
        dilation = self.token_stride if lattice.dense else 1
        return F.conv1d(x, self.weight, dilation=dilation)


class MaxPool(nn.Module):
    """Maximum over `kernel` tokens, then only every `factor`-th is kept; no padding."""

    def __init__(self, kernel: int, factor: int, token_stride: int) -> None:
        super().__init__()
        self.kernel, self.factor, self.token_stride = kernel, factor, token_stride

    def forward(self, x: torch.Tensor, lattice: Lattice) -> torch.Tensor:
        """Pool (N, C, T); in a window the tokens kept are those in line with the central one."""
        if lattice.dense:
            return F.max_pool1d(x, self.kernel, 1, dilation=self.token_stride)
        # Count from the centre: what is left over at the ends is cut off on both sides alike
        half = (x.shape[-1] // 2 - self.kernel // 2) // self.factor
        extent = 2 * half * self.factor + self.kernel
        start = (x.shape[-1] - extent) // 2
        return F.max_pool1d(x[..., start : start + extent], self.kernel, self.factor)
