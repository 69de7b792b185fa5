"""Other quantisers, registered in `vqrna.nn.quantizer.QUANTIZERS` when this module is imported."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from vqrna.nn.quantizer import QUANTIZERS, CosineQuantizer, EuclideanQuantizer, Quantized, Quantizer


class RotatedGradients(CosineQuantizer):
    """Cosine codes; gradients are rotated as the latent is rotated to its code.

    The rotation trick (Fifty et al. 2024, arXiv 2410.06424, section 4), for vectors of unit
    length: in place of the difference, the rotation from latent to code is held constant.
    """

    def forward(self, latents: torch.Tensor) -> Quantized:
        """Quantise latents of shape (N, T, D)."""
        output = super().forward(latents)
        z = F.normalize(latents.to(self.codebook.dtype), dim=-1)
        still, code = z.detach(), self.lookup(output.codes)
        half = F.normalize(still + code, dim=-1)
        # The rotation in their plane: two reflections, I - 2 h h' + 2 e z'
        along = (z * half).sum(-1, keepdim=True) * half
        turned = z - 2 * along + 2 * (z * still).sum(-1, keepdim=True) * code
        return output._replace(quantized=turned)


class DroppedCodes(CosineQuantizer):
    """Cosine codes; in training a tenth of them is hidden from the following layers."""

    rate = 0.1

    def forward(self, latents: torch.Tensor) -> Quantized:
        """Quantise latents of shape (N, T, D)."""
        output = super().forward(latents)
        if not self.training:
            return output
        kept = torch.rand(output.codes.shape, device=latents.device) >= self.rate
        return output._replace(quantized=output.quantized * kept[..., None] / (1 - self.rate))


class LateCodes(CosineQuantizer):
    """Cosine codes; at first most latents pass unchanged, and fewer with every step.

    Parameters
    ----------
    until : int
        Step of the training from which on all latents become codes: two thirds of three epochs.
    """

    steps: torch.Tensor

    def __init__(self, codebook_size: int, code_dim: int, *, until: int = 1400) -> None:
        super().__init__(codebook_size, code_dim)
        self.until = until
        # Kept with the weights, so that a resumed training continues
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, latents: torch.Tensor) -> Quantized:
        """Quantise latents of shape (N, T, D)."""
        output = super().forward(latents)
        if not self.training or self.steps >= self.until:
            return output
        early = torch.rand(output.codes.shape, device=latents.device) >= self.steps / self.until
        self.steps += 1
        directions = F.normalize(latents.to(self.codebook.dtype), dim=-1)
        return output._replace(
            quantized=torch.where(early[..., None], directions, output.quantized)
        )


class Residual(Quantizer):
    """Two codes per token, the second for the residual of the first: hierarchical, as in VQDNA.

    The first is a cosine code, the second the nearest by distance, learned by gradient.
    """

    has_codebook = False  # the first code alone does not determine the vector

    def __init__(self, codebook_size: int, code_dim: int) -> None:
        super().__init__()
        self.first = CosineQuantizer(codebook_size, code_dim)
        self.second = EuclideanQuantizer(codebook_size, code_dim)

    def forward(self, latents: torch.Tensor) -> Quantized:
        """Quantise latents of shape (N, T, D); the returned codes are the first."""
        output = self.first(latents)
        directions = F.normalize(latents.to(output.quantized.dtype), dim=-1)
        code = self.first.lookup(output.codes)
        with torch.autocast(latents.device.type, enabled=False):
            rest = self.second(directions - code)
        # Straight-through gradients once: those of the second are also those of the latent
        return output._replace(quantized=code + rest.quantized, loss=output.loss + rest.loss)


QUANTIZERS |= {
    "rotation": RotatedGradients.from_config,
    "late-codes": LateCodes.from_config,
    "dropped-codes": DroppedCodes.from_config,
    "residual": Residual.from_config,
}
