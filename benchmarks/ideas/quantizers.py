"""Other ways from latents to codes, in the place of our quantiser."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch import nn

from vqrna.nn.model import SiteNetwork
from vqrna.nn.quantizer import CosineQuantizer, EuclideanQuantizer, Quantized, usage_perplexity


class _Make(Protocol):
    def __call__(self, codebook_size: int, code_dim: int, /) -> nn.Module: ...


@contextmanager
def quantizer(make: _Make) -> Iterator[None]:
    """Give every network that is built inside the block another quantiser."""
    original = SiteNetwork.__init__

    def build(self: Any, config: Any, modifications: int) -> None:
        original(self, config, modifications)
        self.quantizer = make(config.codebook_size, config.code_dim)

    with patch.object(SiteNetwork, "__init__", build):
        yield


class RotatedGradients(CosineQuantizer):
    """Our codes; gradients are turned as the latent is turned to its code.

    The rotation trick (Fifty et al. 2024, arXiv 2410.06424, section 4), for vectors of unit
    length: in place of the difference, the rotation from latent to code is held constant.
    """

    def forward(self, latents: torch.Tensor) -> Quantized:
        """Quantise latents of shape (N, T, D)."""
        found = super().forward(latents)
        z = F.normalize(latents.to(self.codebook.dtype), dim=-1)
        still, code = z.detach(), self.lookup(found.codes)
        half = F.normalize(still + code, dim=-1)
        # The rotation in their plane: two reflections, I - 2 h h' + 2 e z'
        along = (z * half).sum(-1, keepdim=True) * half
        turned = z - 2 * along + 2 * (z * still).sum(-1, keepdim=True) * code
        return found._replace(quantized=turned)


class DroppedCodes(CosineQuantizer):
    """Our codes; in training a tenth of them is hidden from what comes after."""

    rate = 0.1

    def forward(self, latents: torch.Tensor) -> Quantized:
        """Quantise latents of shape (N, T, D)."""
        found = super().forward(latents)
        if not self.training:
            return found
        kept = torch.rand(found.codes.shape, device=latents.device) >= self.rate
        return found._replace(quantized=found.quantized * kept[..., None] / (1 - self.rate))


class LateCodes(CosineQuantizer):
    """Our codes, but at first most latents go through as they are, and fewer step by step.

    Parameters
    ----------
    until : int
        From this step of training on, all latents become codes.
    """

    steps: torch.Tensor

    def __init__(self, codebook_size: int, code_dim: int, *, until: int) -> None:
        super().__init__(codebook_size, code_dim)
        self.until = until
        # Kept with the weights: a resumed training goes on where it was
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, latents: torch.Tensor) -> Quantized:
        """Quantise latents of shape (N, T, D)."""
        found = super().forward(latents)
        if not self.training or self.steps >= self.until:
            return found
        early = torch.rand(found.codes.shape, device=latents.device) >= self.steps / self.until
        self.steps += 1
        directions = F.normalize(latents.to(self.codebook.dtype), dim=-1)
        return found._replace(quantized=torch.where(early[..., None], directions, found.quantized))


class FiniteScalars(nn.Module):
    """Finite scalar quantisation: three numbers, each rounded to a level: 512 codes of eight each.

    After Mentzer et al. (FSQ, ICLR 2024): no codebook, and no loss of its own. There are as many
    codes as the cube of a whole number allows, `codebook_size` at most.
    """

    numbers = 3

    def __init__(self, codebook_size: int, code_dim: int) -> None:
        super().__init__()
        self.down = nn.Linear(code_dim, self.numbers)
        self.up = nn.Linear(self.numbers, code_dim)
        levels = math.floor(codebook_size ** (1 / self.numbers) + 1e-9)
        many = torch.full((self.numbers,), levels)
        self.register_buffer("many", many, persistent=False)

    def rounded(self, latents: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Give the levels, -1 to 1, with straight gradients, and their numbers: (..., 3) each."""
        half = (self.many - 1) / 2
        bounded = torch.tanh(self.down(latents).float()) * half
        # An even number of levels lies at the halves
        place = torch.minimum(torch.floor(bounded + self.many / 2), self.many - 1.0)
        level = place - half
        return (bounded + (level - bounded).detach()) / half, place.long()

    def forward(self, latents: torch.Tensor) -> Quantized:
        """Quantise latents of shape (N, T, D)."""
        with torch.autocast(latents.device.type, enabled=False):
            level, place = self.rounded(latents.float())
            out = self.up(level)
        codes = (place[..., 0] * self.many[1] + place[..., 1]) * self.many[2] + place[..., 2]
        nothing = out.new_zeros(())
        size = int(self.many.prod())
        return Quantized(out, codes, nothing, nothing, nothing, usage_perplexity(codes, size))


class Residual(nn.Module):
    """Two codes a token, the second for what the first leaves: hierarchical, as in VQDNA.

    The first is ours; the second is nearest by distance and learned by gradient.
    """

    def __init__(self, codebook_size: int, code_dim: int) -> None:
        super().__init__()
        self.first = CosineQuantizer(codebook_size, code_dim)
        self.second = EuclideanQuantizer(codebook_size, code_dim)

    def forward(self, latents: torch.Tensor) -> Quantized:
        """Quantise latents of shape (N, T, D); the codes told are the first."""
        found = self.first(latents)
        directions = F.normalize(latents.to(found.quantized.dtype), dim=-1)
        code = self.first.lookup(found.codes)
        with torch.autocast(latents.device.type, enabled=False):
            rest = self.second(directions - code)
        # Straight gradients once: those of the second are those of the latent as well
        return found._replace(quantized=code + rest.quantized, loss=found.loss + rest.loss)
