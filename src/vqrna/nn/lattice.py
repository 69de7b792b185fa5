"""Where a network is evaluated: one site, sites on a grid of its stride, or every position.

The same layers serve all three. On a grid, layers stride as they do in a window. Densely,
every stride becomes a dilation (the à-trous trick), so that each position gets exactly the numbers
of the window around it: layers never pad, and see the same inputs in the same places.
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
        How many.
    spacing : int
        Distance between two sites in nt: 1 (dense), or the total stride of the network.
    """

    sites: int
    spacing: int

    @property
    def dense(self) -> bool:
        """Whether strides become dilations."""
        return self.spacing == 1

    def step(self, stride: int) -> int:
        """Distance between sites in tokens that are `stride` nt apart in a window."""
        return 1 if self.dense else self.spacing // stride

    def at_sites(self, x: torch.Tensor, stride: int) -> torch.Tensor:
        """Take the tokens that stand on the sites: (N, C, T) -> (N, C, sites)."""
        step = self.step(stride)
        reach = (self.sites - 1) * step + 1
        start = (x.shape[-1] - reach) // 2
        return x[..., start : start + reach : step]

    def mean_around(self, x: torch.Tensor, half: int, stride: int) -> torch.Tensor:
        """Average over the ``2 * half + 1`` tokens around each site: (N, C, T) -> (N, C, sites)."""
        kernel, step = 2 * half + 1, self.step(stride)
        if not self.dense:
            extent = (self.sites - 1) * step + kernel
            start = (x.shape[-1] - extent) // 2
            return F.avg_pool1d(x[..., start : start + extent], kernel, step)
        extent = self.sites + 2 * half * stride
        start = (x.shape[-1] - extent) // 2
        return _sliding_sum(x[..., start : start + extent], kernel, stride) / kernel


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
        """Pool (N, C, T); on a grid the tokens kept are those in line with the central one."""
        if lattice.dense:
            return F.max_pool1d(x, self.kernel, 1, dilation=self.token_stride)
        # Count from the centre: what is left over at the ends is cut off on both sides alike
        half = (x.shape[-1] // 2 - self.kernel // 2) // self.factor
        extent = 2 * half * self.factor + self.kernel
        start = (x.shape[-1] - extent) // 2
        return F.max_pool1d(x[..., start : start + extent], self.kernel, self.factor)
