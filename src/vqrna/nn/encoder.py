"""Encoders, from one-hot columns to latents: ours, which never pads, and the published one.

Layers of our network never pad, and keep tokens in line with the centre of the window. What a
latent sees then does not depend on where the window ends, so that the dense engine
(:mod:`vqrna.nn.dense`) can evaluate every position of a sequence at once.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn


def central(x: torch.Tensor, half: int = 0) -> torch.Tensor:
    """Return the central token and `half` on either side: (N, C, T) -> (N, C, 2 * half + 1)."""
    start = (x.shape[-1] - 1) // 2 - half
    return x[..., start : start + 2 * half + 1]


def mean_around(x: torch.Tensor, half: int) -> torch.Tensor:
    """Average over the central ``2 * half + 1`` tokens: (N, C, T) -> (N, C, 1)."""
    return central(x, half).mean(dim=-1, keepdim=True)


def mean_between(x: torch.Tensor, low: int, high: int) -> torch.Tensor:
    """Average tokens `low` to `high`, counted from the centre: (N, C, T) -> (N, C, 1)."""
    centre = (x.shape[-1] - 1) // 2
    return x[..., centre + low : centre + high + 1].mean(dim=-1, keepdim=True)


class Convolution(nn.Conv1d):
    """A convolution without padding and without bias, to be followed by a norm."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__(inputs, outputs, kernel, bias=False)


class MaxPool(nn.Module):
    """Maximum over `kernel` tokens; every `factor`-th is kept, counted from the centre."""

    def __init__(self, kernel: int, factor: int) -> None:
        super().__init__()
        self.kernel, self.factor = kernel, factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pool (N, C, T), T odd; the central token is kept."""
        # Tokens left over at the ends are dropped on both sides alike
        half = (x.shape[-1] // 2 - self.kernel // 2) // self.factor
        seen = central(x, half * self.factor + self.kernel // 2)
        return F.max_pool1d(seen, self.kernel, self.factor)


TOKEN_STRIDE = 3
"""Distance in nt between neighbouring codes of our encoder."""

STEM_KERNEL, POOL_KERNEL, MIX_KERNEL = 9, 3, 5


class ValidEncoder(nn.Module):
    """Our encoder: one latent per 3 nt, each of 23 nt, the central one centred on the site.

    Parameters
    ----------
    stem_width, width, code_dim : int
        Channels of the first convolution, of the second, and of the latents (D).
    """

    def __init__(self, stem_width: int, width: int, code_dim: int) -> None:
        super().__init__()
        self.stem = Convolution(4, stem_width, STEM_KERNEL)
        self.pool = MaxPool(POOL_KERNEL, TOKEN_STRIDE)
        self.stem_norm = nn.BatchNorm1d(stem_width)
        self.mix = Convolution(stem_width, width, MIX_KERNEL)
        self.mix_norm = nn.BatchNorm1d(width)
        self.project = nn.Conv1d(width, code_dim, 1)

    @property
    def reach(self) -> int:
        """Number of nt that a latent sees."""
        return STEM_KERNEL + POOL_KERNEL - 1 + (MIX_KERNEL - 1) * TOKEN_STRIDE

    @staticmethod
    def codes_beside(length: int) -> int:
        """Count the latents on each side of the central one in a window of `length` nt."""
        stem = length // 2 - STEM_KERNEL // 2
        return (stem - POOL_KERNEL // 2) // TOKEN_STRIDE - MIX_KERNEL // 2

    def forward(self, one_hot: torch.Tensor) -> torch.Tensor:
        """Encode windows (N, 4, L) to latents (N, T, D)."""
        pooled = self._pooled_stem(one_hot) if self.training else self.pool(self.stem(one_hot))
        x = torch.relu(self.stem_norm(pooled))  # (N, C, T + 4)
        x = torch.relu(self.mix_norm(self.mix(x)))  # (N, C', T)
        return self.project(x).transpose(1, 2)  # (N, D, T) -> (N, T, D)

    def _pooled_stem(self, one_hot: torch.Tensor) -> torch.Tensor:
        """Convolve and pool with the same result as in evaluation mode, but faster in training.

        One strided convolution computes the three positions of each pool as channels; its kernel
        is the stem's, shifted by 0, 1 and 2 nt.
        """
        half = (one_hot.shape[-1] // 2 - STEM_KERNEL // 2 - POOL_KERNEL // 2) // TOKEN_STRIDE
        seen = central(one_hot, half * TOKEN_STRIDE + STEM_KERNEL // 2 + POOL_KERNEL // 2)
        last = POOL_KERNEL - 1
        shifted = [F.pad(self.stem.weight, (i, last - i)) for i in range(POOL_KERNEL)]
        x = F.conv1d(seen, torch.cat(shifted), stride=TOKEN_STRIDE)  # (N, 3 * C, T)
        pooled: torch.Tensor = _MaxOfThree.apply(x.unflatten(1, (POOL_KERNEL, -1)))
        return pooled


class _MaxOfThree(torch.autograd.Function):
    """Maximum over dimension 1 of (N, 3, C, T); of equals, the first gets the gradient."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        """Return the maximum, (N, C, T)."""
        most = torch.maximum(torch.maximum(x[:, 0], x[:, 1]), x[:, 2])
        ctx.save_for_backward(x, most)
        return most

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        """Return the gradient, (N, 3, C, T), non-zero at the maximum."""
        x, most = ctx.saved_tensors
        first, second = x[:, 0] == most, x[:, 1] == most
        out = torch.empty_like(x)
        torch.mul(gradient, first, out=out[:, 0])
        torch.mul(gradient, second & ~first, out=out[:, 1])
        torch.mul(gradient, ~(first | second), out=out[:, 2])
        return out


class PaperEncoder(nn.Module):
    """The published encoder: three strided, padded convolutions; 42 latents for 501 nt.

    Parameters
    ----------
    code_dim : int
        Channels of the latents, 64 as published.
    """

    def __init__(self, code_dim: int = 64) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(4, 256, 4, stride=2, padding=1)
        self.conv2 = nn.Conv1d(256, 512, 4, stride=2, padding=1)
        self.conv3 = nn.Conv1d(512, code_dim, 4, stride=3, padding=2)

    @staticmethod
    def tokens(length: int) -> int:
        """Count the latents of a window of `length` nt."""
        for kernel, stride, padding in ((4, 2, 1), (4, 2, 1), (4, 3, 2)):
            length = (length + 2 * padding - kernel) // stride + 1
        return length

    def forward(self, one_hot: torch.Tensor) -> torch.Tensor:
        """Encode (N, 4, L) to latents (N, T, D)."""
        x = torch.relu(self.conv1(one_hot))
        x = torch.relu(self.conv2(x))
        return self.conv3(x).transpose(1, 2)  # (N, D, T) -> (N, T, D)
