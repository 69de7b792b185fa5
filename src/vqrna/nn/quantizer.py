"""Quantisers: each latent vector of a window becomes one of a limited number of codes.

To add a quantiser, write a subclass of :class:`Quantizer` and add one entry to `QUANTIZERS`; the
setting ``quantizer`` of the model configuration is a key of that table. Code outside this package
can add entries at run time (``QUANTIZERS["mine"] = MyQuantizer.from_config``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from vqrna.config import ModelConfig
from vqrna.errors import UsageError


class Quantized(NamedTuple):
    """Output of a quantiser.

    Attributes
    ----------
    quantized : torch.Tensor, shape (N, T, D)
        The code vectors; gradients pass straight through to the latents.
    codes : torch.Tensor, shape (N, T), int64
        Index of each code; -1 without a codebook.
    loss : torch.Tensor, scalar
        The quantiser's own loss: the weighted sum of the two terms below.
    codebook_loss : torch.Tensor, scalar
        Pulls codes to latents (0 where the codebook is a moving average).
    commitment_loss : torch.Tensor, scalar
        Pulls latents to codes, unweighted.
    perplexity : torch.Tensor, scalar
        Effective number of codes in use: exp(entropy of the code frequencies in this batch).
    """

    quantized: torch.Tensor
    codes: torch.Tensor
    loss: torch.Tensor
    codebook_loss: torch.Tensor
    commitment_loss: torch.Tensor
    perplexity: torch.Tensor


class Quantizer(nn.Module):
    """Base class of the quantisers.

    Attributes
    ----------
    has_codebook : bool
        Whether latents become codes. Commands that read codes need this.
    dense : bool
        Whether the dense engine can evaluate the quantiser: codes must be those of the nearest
        row of `codebook` by cosine. Networks with other quantisers are scanned window by window.
    codebook : torch.Tensor, shape (K, D)
        Vector of each code: a parameter, a buffer, or a property that computes it.
    """

    has_codebook: ClassVar[bool] = True
    dense: ClassVar[bool] = False

    codebook: torch.Tensor

    @classmethod
    def from_config(cls, config: ModelConfig) -> Quantizer:
        """Build the quantiser from the settings of a network; an entry of `QUANTIZERS`."""
        return cls(config.codebook_size, config.code_dim)

    def assign(self, latents: torch.Tensor) -> torch.Tensor:
        """Return the code of each latent vector: (..., D) -> (...), int64."""
        raise NotImplementedError

    def lookup(self, codes: torch.Tensor) -> torch.Tensor:
        """Return the vectors of codes: (...) -> (..., D)."""
        return F.embedding(codes, self.codebook)

    def forward(self, latents: torch.Tensor) -> Quantized:
        """Quantise latents of shape (N, T, D)."""
        raise NotImplementedError


def usage_perplexity(codes: torch.Tensor, codebook_size: int) -> torch.Tensor:
    """Return exp(entropy of code frequencies): 1 if all codes are the same, at most K."""
    usage = torch.bincount(codes.flatten(), minlength=codebook_size).float()
    usage = usage / usage.sum().clamp_min(1)
    return torch.exp(-(usage * torch.log(usage + 1e-10)).sum())


class EuclideanQuantizer(Quantizer):
    """The published quantiser: nearest code by Euclidean distance, trained by gradient.

    Its loss is ``mse(codes, sg(z)) + commitment * mse(sg(codes), z)`` with sg the stopped gradient
    (van den Oord et al., Neural Discrete Representation Learning, 2017, equation 3).

    Parameters
    ----------
    codebook_size, code_dim : int
        Number of codes K and their width D.
    commitment : float
        Weight of the commitment term, 0.25 as published.
    """

    def __init__(self, codebook_size: int, code_dim: int, commitment: float = 0.25) -> None:
        super().__init__()
        self.commitment = commitment
        start = torch.empty(codebook_size, code_dim)
        nn.init.uniform_(start, -1 / codebook_size, 1 / codebook_size)
        self.codebook = nn.Parameter(start)  # (K, D)

    def assign(self, latents: torch.Tensor) -> torch.Tensor:
        """Return the nearest code of each latent vector: (..., D) -> (...)."""
        flat = latents.reshape(-1, latents.shape[-1])  # (N * T, D)
        # |z|^2 is the same for all codes, so it cannot change which is nearest
        distance = self.codebook.square().sum(1) - 2 * flat @ self.codebook.T  # (N * T, K)
        return distance.argmin(1).view(latents.shape[:-1])

    def forward(self, latents: torch.Tensor) -> Quantized:
        """Quantise latents of shape (N, T, D)."""
        codes = self.assign(latents)
        vectors = self.lookup(codes)
        codebook_loss = F.mse_loss(vectors, latents.detach())
        commitment_loss = F.mse_loss(vectors.detach(), latents)
        return Quantized(
            latents + (vectors - latents).detach(),
            codes,
            codebook_loss + self.commitment * commitment_loss,
            codebook_loss,
            commitment_loss,
            usage_perplexity(codes, len(self.codebook)),
        )


class CosineQuantizer(Quantizer):
    """Codes on the unit sphere, nearest by angle, kept as moving averages of their latents.

    Cosine codes after Yu et al. (ViT-VQGAN, 2022), moving averages after van den Oord et al.
    (2017, appendix A.1). A code that is rarely used is revived: it is moved to a latent of the
    current batch.

    Parameters
    ----------
    codebook_size, code_dim : int
        Number of codes K and their width D.
    decay : float
        Decay of the moving averages per step.
    revive_below : float
        A code is revived when its average number of latents per step falls below this share of
        the number under even usage.
    """

    dense = True

    usage: torch.Tensor
    vector_sum: torch.Tensor
    started: torch.Tensor

    def __init__(
        self, codebook_size: int, code_dim: int, decay: float = 0.99, revive_below: float = 0.02
    ) -> None:
        super().__init__()
        self.decay, self.revive_below = decay, revive_below
        start = torch.empty(codebook_size, code_dim)
        if not start.is_meta:  # on meta, normalize would make torch import modules for a second
            start = F.normalize(start.normal_(), dim=-1)
        self.register_buffer("codebook", start)  # (K, D), unit length
        self.register_buffer("usage", torch.ones(codebook_size), persistent=False)
        self.register_buffer("vector_sum", start.clone(), persistent=False)
        self.register_buffer("started", torch.zeros((), dtype=torch.bool), persistent=False)
        self.adopted = False

    def adopt(self, codebook: torch.Tensor) -> None:
        """Start from a codebook (K, D) that was learned elsewhere, not from the first batch."""
        self.codebook.copy_(codebook)
        self.adopted = True

    def assign(self, latents: torch.Tensor) -> torch.Tensor:
        """Return the nearest code of each latent vector: (..., D) -> (...)."""
        # The length of a latent cannot change which code has the largest cosine. Automatic
        # bfloat16 would round the cosines and change one code in 200
        with torch.autocast(latents.device.type, enabled=False):
            return (latents @ self.codebook.T).argmax(-1)

    def forward(self, latents: torch.Tensor) -> Quantized:
        """Quantise latents of shape (N, T, D); in training mode the codebook moves."""
        # In bfloat16 training, angles are computed in the precision of the codebook
        directions = F.normalize(latents.to(self.codebook.dtype), dim=-1)
        flat = directions.detach().reshape(-1, directions.shape[-1])  # (N * T, D)
        if self.training and not self.started:
            self._start(flat)
        codes = self.assign(directions.detach())
        vectors = self.lookup(codes)
        if self.training:
            self._follow(flat, codes.flatten())
        # |e - z|^2 of unit vectors is 2 - 2 cos; the sum over D, not the mean, keeps that scale
        commitment_loss = (vectors - directions).square().sum(-1).mean()
        return Quantized(
            directions + (vectors - directions).detach(),
            codes,
            commitment_loss,
            torch.zeros_like(commitment_loss),
            commitment_loss,
            usage_perplexity(codes, len(self.codebook)),
        )

    @torch.no_grad()
    def _start(self, flat: torch.Tensor) -> None:
        """Initialise the codes with latents (N * T, D) of the first batch."""
        if not self.adopted:
            drawn = torch.randint(len(flat), (len(self.codebook),), device=flat.device)
            self.codebook.copy_(flat[drawn])
        self.usage.fill_(len(flat) / len(self.codebook))
        self.vector_sum.copy_(self.codebook * self.usage[:, None])
        self.started.fill_(True)

    @torch.no_grad()
    def _follow(self, flat: torch.Tensor, codes: torch.Tensor) -> None:
        """Move codes towards the mean direction of their latents; revive rare codes."""
        count = torch.bincount(codes, minlength=len(self.codebook)).to(flat.dtype)
        total = torch.zeros_like(self.vector_sum).index_add_(0, codes, flat)
        self.usage.lerp_(count, 1 - self.decay)
        self.vector_sum.lerp_(total, 1 - self.decay)
        even = len(flat) / len(self.codebook)
        rare = self.usage < self.revive_below * even
        if rare.any():
            drawn = torch.randint(len(flat), (int(rare.sum()),), device=flat.device)
            self.usage[rare] = even
            self.vector_sum[rare] = flat[drawn] * even
        self.codebook.copy_(F.normalize(self.vector_sum, dim=-1))


class NoQuantizer(Quantizer):
    """Pass latents through, to measure what quantisation costs.

    Parameters
    ----------
    normalize : bool
        Scale latents to unit length, as :class:`CosineQuantizer` does.
    """

    has_codebook = False

    def __init__(self, normalize: bool) -> None:
        super().__init__()
        self.normalize = normalize

    @classmethod
    def from_config(cls, config: ModelConfig) -> NoQuantizer:
        """Normalise where the architecture's own quantiser does."""
        return cls(normalize=config.architecture == "vqrna")

    @property
    def codebook(self) -> torch.Tensor:  # type: ignore[override]
        """Raise UsageError."""
        raise UsageError("this model was trained without a quantiser: it has no codes to read")

    def assign(self, latents: torch.Tensor) -> torch.Tensor:
        """Raise UsageError."""
        return self.codebook

    def lookup(self, codes: torch.Tensor) -> torch.Tensor:
        """Raise UsageError."""
        return self.codebook

    def forward(self, latents: torch.Tensor) -> Quantized:
        """Pass latents of shape (N, T, D)."""
        passed = latents
        if self.normalize:  # in bfloat16 training, in the precision that codes would have
            wide = torch.promote_types(latents.dtype, torch.float32)
            passed = F.normalize(latents.to(wide), dim=-1)
        codes = torch.full(latents.shape[:-1], -1, dtype=torch.int64, device=latents.device)
        zero = latents.new_zeros(())
        return Quantized(passed, codes, zero, zero, zero, zero + 1)


class SeveralCodebooks(Quantizer):
    """Take the place of the quantiser in an ensemble, whose networks have their own codebooks.

    Parameters
    ----------
    networks : int
        Number of networks.
    """

    has_codebook = False

    def __init__(self, networks: int) -> None:
        super().__init__()
        self.networks = networks

    @property
    def codebook(self) -> torch.Tensor:  # type: ignore[override]
        """Raise UsageError."""
        raise UsageError(
            f"an ensemble of {self.networks} networks has {self.networks} codebooks: "
            "read codes with a single network, such as the default model"
        )


class FiniteScalarQuantizer(Quantizer):
    """Finite scalar quantisation: a few numbers per token, each rounded to one of a few levels.

    After Mentzer et al. (Finite Scalar Quantization, 2023, arXiv 2309.15505): the codes are the
    points of a grid, so no codebook is learned and the loss is 0. The levels of each number
    are evenly spaced from -1 to 1, an even number of them at the half steps.

    Parameters
    ----------
    codebook_size, code_dim : int
        Most codes, and width D. The numbers get as many levels as `codebook_size` allows, as
        evenly as possible: 512 codes are the grid of 8 x 8 x 8.
    """

    numbers = 3

    levels: torch.Tensor
    strides: torch.Tensor

    def __init__(self, codebook_size: int, code_dim: int) -> None:
        super().__init__()
        self.project = nn.Linear(code_dim, self.numbers)
        self.expand = nn.Linear(self.numbers, code_dim)
        levels = [1] * self.numbers
        grown = 0
        while grown < self.numbers:  # the next number with the fewest levels gets one more
            order = sorted(range(self.numbers), key=levels.__getitem__)
            more = [level + (i == order[grown]) for i, level in enumerate(levels)]
            if math.prod(more) <= codebook_size:
                levels, grown = more, 0
            else:
                grown += 1
        strides = [math.prod(levels[i + 1 :]) for i in range(self.numbers)]
        self.codebook_size = math.prod(levels)
        self.register_buffer("levels", torch.tensor(levels), persistent=False)
        self.register_buffer("strides", torch.tensor(strides), persistent=False)

    @property
    def codebook(self) -> torch.Tensor:  # type: ignore[override]
        """Vectors of all codes, (K, D)."""
        return self.lookup(torch.arange(self.codebook_size, device=self.levels.device))

    def assign(self, latents: torch.Tensor) -> torch.Tensor:
        """Return the grid point of each latent vector: (..., D) -> (...)."""
        return (self._round(self._bounded(latents)) * self.strides).sum(-1)

    def lookup(self, codes: torch.Tensor) -> torch.Tensor:
        """Return the vectors of codes: (...) -> (..., D)."""
        rounded = codes[..., None] // self.strides % self.levels  # (..., numbers)
        return self.expand(self._grid(rounded))

    def forward(self, latents: torch.Tensor) -> Quantized:
        """Quantise latents of shape (N, T, D)."""
        with torch.autocast(latents.device.type, enabled=False):
            bounded = self._bounded(latents)  # (N, T, numbers)
            rounded = self._round(bounded)
            quantized = self.expand(bounded + (self._grid(rounded) - bounded).detach())
        codes = (rounded * self.strides).sum(-1)  # (N, T)
        zero = quantized.new_zeros(())
        used = usage_perplexity(codes, self.codebook_size)
        return Quantized(quantized, codes, zero, zero, zero, used)

    def _bounded(self, latents: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.project(latents.to(self.project.weight.dtype)))

    def _round(self, bounded: torch.Tensor) -> torch.Tensor:
        """Return the nearest level of numbers from -1 to 1, counted from 0."""
        return ((bounded + 1) / 2 * (self.levels - 1)).round().long()

    def _grid(self, rounded: torch.Tensor) -> torch.Tensor:
        """Return the values of levels; a number with a single level is 0."""
        half = (self.levels - 1).to(self.project.weight.dtype) / 2
        return (rounded - half) / half.clamp_min(0.5)


def _vector_quantizer(config: ModelConfig) -> Quantizer:
    """Return the quantiser of an architecture: cosine for ours, Euclidean for the published."""
    own = EuclideanQuantizer if config.architecture == "paper" else CosineQuantizer
    return own.from_config(config)


QUANTIZERS: dict[str, Callable[[ModelConfig], Quantizer]] = {
    "vq": _vector_quantizer,
    "cosine": CosineQuantizer.from_config,
    "euclidean": EuclideanQuantizer.from_config,
    "none": NoQuantizer.from_config,
    "fsq": FiniteScalarQuantizer.from_config,
}
"""Makers of quantisers by the names that the setting ``quantizer`` takes; can be extended."""


def check_quantizer(name: str) -> None:
    """Raise UsageError if a name is not in `QUANTIZERS`."""
    if name not in QUANTIZERS:
        raise UsageError(f"unknown quantizer '{name}' (known: {', '.join(QUANTIZERS)})")


def make_quantizer(config: ModelConfig) -> Quantizer:
    """Build the quantiser that the settings of a network name.

    Raises UsageError if the name is not in `QUANTIZERS`.
    """
    check_quantizer(config.quantizer)
    return QUANTIZERS[config.quantizer](config)
