"""Vector quantisation: every latent vector becomes the nearest entry of a learned codebook."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from vqrna.errors import UsageError


class Quantized(NamedTuple):
    """What a quantiser makes of latents.

    Attributes
    ----------
    quantized : torch.Tensor, shape (N, T, D)
        The code vectors; gradients pass straight through to the latents.
    codes : torch.Tensor, shape (N, T), int64
        Index of each code in the codebook.
    loss : torch.Tensor, scalar
        Sum of the two terms below as the quantiser weighs them.
    codebook_loss : torch.Tensor, scalar
        Pulls codes to latents (0 where the codebook is a moving average).
    commitment_loss : torch.Tensor, scalar
        Pulls latents to codes, unweighted.
    perplexity : torch.Tensor, scalar
        exp(entropy of the codes' usage in this batch): how many codes are in use.
    """

    quantized: torch.Tensor
    codes: torch.Tensor
    loss: torch.Tensor
    codebook_loss: torch.Tensor
    commitment_loss: torch.Tensor
    perplexity: torch.Tensor


def usage_perplexity(codes: torch.Tensor, codebook_size: int) -> torch.Tensor:
    """Exponential of the entropy of code usage: 1 if one code does all, K if all do the same."""
    usage = torch.bincount(codes.flatten(), minlength=codebook_size).float()
    usage = usage / usage.sum().clamp_min(1)
    return torch.exp(-(usage * torch.log(usage + 1e-10)).sum())


class EuclideanQuantizer(nn.Module):
    """The published quantiser: nearest by Euclidean distance, trained by gradient.

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
        """Give the nearest code of each latent vector: (..., D) -> (...)."""
        flat = latents.reshape(-1, latents.shape[-1])
        # |z|^2 is the same for all codes, so it cannot change which is nearest
        distance = self.codebook.square().sum(1) - 2 * flat @ self.codebook.T
        return distance.argmin(1).view(latents.shape[:-1])

    def lookup(self, codes: torch.Tensor) -> torch.Tensor:
        """Give the vectors of codes: (...) -> (..., D)."""
        return F.embedding(codes, self.codebook)

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


class CosineQuantizer(nn.Module):
    """Codes on the unit sphere, nearest by angle, kept as moving averages of their latents.

    Cosine codes after Yu et al. (ViT-VQGAN, 2022), moving averages after van den Oord et al.
    (2017, appendix A.1). A code that is hardly used any more is revived: it takes the place of a
    latent of the batch at hand.

    Parameters
    ----------
    codebook_size, code_dim : int
        Number of codes K and their width D.
    decay : float
        Of the moving averages, a step.
    revive_below : float
        A code is revived when its average number of latents a step falls below this share of an
        even usage.
    """

    codebook: torch.Tensor
    usage: torch.Tensor
    vector_sum: torch.Tensor
    started: torch.Tensor

    def __init__(
        self, codebook_size: int, code_dim: int, decay: float = 0.99, revive_below: float = 0.02
    ) -> None:
        super().__init__()
        self.decay, self.revive_below = decay, revive_below
        start = torch.empty(codebook_size, code_dim)
        if not start.is_meta:  # torch would load a second's worth of modules for shapes alone
            start = F.normalize(start.normal_(), dim=-1)
        self.register_buffer("codebook", start)  # (K, D), unit length
        self.register_buffer("usage", torch.ones(codebook_size), persistent=False)
        self.register_buffer("vector_sum", start.clone(), persistent=False)
        self.register_buffer("started", torch.zeros((), dtype=torch.bool), persistent=False)
        self.adopted = False

    def adopt(self, codebook: torch.Tensor) -> None:
        """Begin with a codebook (K, D) that was learned elsewhere, not with latents at hand."""
        self.codebook.copy_(codebook)
        self.adopted = True

    def assign(self, latents: torch.Tensor) -> torch.Tensor:
        """Give the nearest code of each latent vector: (..., D) -> (...)."""
        # The length of a latent cannot change which code has the largest cosine. Automatic
        # bfloat16 would round the cosines, and one code in 200 would be another
        with torch.autocast(latents.device.type, enabled=False):
            return (latents @ self.codebook.T).argmax(-1)

    def lookup(self, codes: torch.Tensor) -> torch.Tensor:
        """Give the vectors of codes: (...) -> (..., D)."""
        return F.embedding(codes, self.codebook)

    def forward(self, latents: torch.Tensor) -> Quantized:
        """Quantise latents of shape (N, T, D); in training mode the codebook moves."""
        # In bfloat16 training the angles themselves are taken in the codebook's precision
        directions = F.normalize(latents.to(self.codebook.dtype), dim=-1)
        flat = directions.detach().reshape(-1, directions.shape[-1])
        if self.training and not self.started:
            self._start(flat)
        codes = self.assign(directions.detach())
        vectors = self.lookup(codes)
        if self.training:
            self._follow(flat, codes.flatten())
        # |e - z|^2 of unit vectors is 2 - 2 cos; summed over D, not averaged, to keep its size
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
        """Begin with latents of the first batch: codes where the data are."""
        if not self.adopted:
            chosen = torch.randint(len(flat), (len(self.codebook),), device=flat.device)
            self.codebook.copy_(flat[chosen])
        self.usage.fill_(len(flat) / len(self.codebook))
        self.vector_sum.copy_(self.codebook * self.usage[:, None])
        self.started.fill_(True)

    @torch.no_grad()
    def _follow(self, flat: torch.Tensor, codes: torch.Tensor) -> None:
        """Move codes towards the mean direction of their latents; revive the unused."""
        count = torch.bincount(codes, minlength=len(self.codebook)).to(flat.dtype)
        total = torch.zeros_like(self.vector_sum).index_add_(0, codes, flat)
        self.usage.lerp_(count, 1 - self.decay)
        self.vector_sum.lerp_(total, 1 - self.decay)
        even = len(flat) / len(self.codebook)
        unused = self.usage < self.revive_below * even
        if unused.any():
            chosen = torch.randint(len(flat), (int(unused.sum()),), device=flat.device)
            self.usage[unused] = even
            self.vector_sum[unused] = flat[chosen] * even
        self.codebook.copy_(F.normalize(self.vector_sum, dim=-1))


class NoQuantizer(nn.Module):
    """Lets latents through, to see what codes cost; whoever asks for its codes is told.

    Its codes are -1, its losses 0, its perplexity 1.

    Parameters
    ----------
    normalize : bool
        Bring latents to unit length, as :class:`CosineQuantizer` does.
    """

    def __init__(self, normalize: bool) -> None:
        super().__init__()
        self.normalize = normalize

    @property
    def codebook(self) -> torch.Tensor:
        """There is none (UsageError)."""
        raise UsageError(
            "this model was trained without a quantiser, for comparison: it has no codes, cannot "
            "scan, and is evaluated on windows only"
        )

    def assign(self, latents: torch.Tensor) -> torch.Tensor:
        """There are no codes to assign (UsageError)."""
        return self.codebook

    def lookup(self, codes: torch.Tensor) -> torch.Tensor:
        """There are no codes to look up (UsageError)."""
        return self.codebook

    def forward(self, latents: torch.Tensor) -> Quantized:
        """Let latents of shape (N, T, D) through."""
        passed = latents
        if self.normalize:  # in bfloat16 training, too, in the precision of codes
            wide = torch.promote_types(latents.dtype, torch.float32)
            passed = F.normalize(latents.to(wide), dim=-1)
        codes = torch.full(latents.shape[:-1], -1, dtype=torch.int64, device=latents.device)
        nothing = latents.new_zeros(())
        return Quantized(passed, codes, nothing, nothing, nothing, nothing + 1)
