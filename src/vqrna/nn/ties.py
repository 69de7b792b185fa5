"""Codes that do not hang on rounding: what nearly ties is decided in double precision.

A window and a scan add up the same numbers in another order, so that their latents differ in the
last digit. Where two codes are equally near, that digit would choose, and all positions that read
the token would get another score: once in some thousand windows.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F

from vqrna.nn.encoder import TOKEN_STRIDE, ValidEncoder
from vqrna.nn.lattice import WINDOW, Lattice
from vqrna.nn.quantizer import CosineQuantizer

NEAR = 2e-5
"""Cosines of the two nearest codes that differ by less are a near tie; rounding is below 1e-6."""


@torch.no_grad()
def settled_codes(
    encoder: ValidEncoder,
    quantizer: CosineQuantizer,
    one_hot: torch.Tensor,
    latents: torch.Tensor,
    lattice: Lattice,
) -> torch.Tensor:
    """Give the nearest code of each latent, the same in whatever way the latent was computed.

    Parameters
    ----------
    encoder : ValidEncoder
        In evaluation mode.
    quantizer : CosineQuantizer
    one_hot : torch.Tensor, shape (N, 4, L)
    latents : torch.Tensor, shape (N, T, D)
        What the encoder made of it on the lattice.
    lattice : Lattice

    Returns
    -------
    torch.Tensor, shape (N, T), int64
    """
    with torch.autocast(latents.device.type, enabled=False):
        directions = F.normalize(latents.to(quantizer.codebook.dtype), dim=-1)
        nearest = (directions @ quantizer.codebook.T).topk(2, dim=-1)
    codes = nearest.indices[..., 0]
    row, token = torch.nonzero(
        nearest.values[..., 0] - nearest.values[..., 1] < NEAR, as_tuple=True
    )
    if not len(row):
        return codes
    # Tokens stand about the centre; each reads `reach` columns
    reach, tokens = encoder.reach, latents.shape[1]
    step = 1 if lattice.dense else TOKEN_STRIDE
    start = (one_hot.shape[-1] - reach - (tokens - 1) * step) // 2 + token * step
    seen = one_hot[row[:, None], :, start[:, None] + torch.arange(reach, device=start.device)]
    # On the CPU: few tokens, and not every device knows double precision. In a copy: threads may
    # share the network
    exact = copy.deepcopy(encoder).cpu().double()
    seen = seen.transpose(1, 2).double().cpu()  # (K, 4, reach)
    with torch.autocast("cpu", enabled=False):
        again = exact(seen, WINDOW)[:, 0]  # (K, D)
        settled = (again @ quantizer.codebook.double().cpu().T).argmax(-1)
    codes[row, token] = settled.to(codes.device)
    return codes
