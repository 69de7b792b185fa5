"""Codes that do not hang on rounding: what nearly ties is decided in double precision.

A window and a scan add up the same numbers in another order, so that their latents differ in the
last digit. Where two codes are equally near, that digit would choose, and all positions that read
the token would get another score: once in some thousand windows.

The nearest of many codes, and by how much it is nearer than all others.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F

from vqrna.nn.encoder import TOKEN_STRIDE, ValidEncoder
from vqrna.nn.quantizer import CosineQuantizer
from vqrna.sequence import one_hot

NEAR = 2e-5
"""Cosines of two codes that differ by less, in single precision, are looked at again."""

TIE = 1e-6
"""Cosines that differ by less, in double precision, are a near tie: single precision, which is off
by 7e-7 at most, could have chosen either."""


@torch.no_grad()
def resolve_near_ties(
    encoder: ValidEncoder,
    quantizer: CosineQuantizer,
    columns: torch.Tensor,
    latents: torch.Tensor,
) -> torch.Tensor:
    """Give the nearest code of each latent of windows, the same however it was computed.

    Parameters
    ----------
    encoder : ValidEncoder
        In evaluation mode.
    quantizer : CosineQuantizer
    columns : torch.Tensor, shape (N, 4, L)
        The windows, one-hot.
    latents : torch.Tensor, shape (N, T, D)
        What the encoder made of them.

    Returns
    -------
    torch.Tensor, shape (N, T), int64
    """
    with torch.autocast(latents.device.type, enabled=False):
        directions = F.normalize(latents.to(quantizer.codebook.dtype), dim=-1)
        nearest = (directions @ quantizer.codebook.T).topk(2, dim=-1)
    codes = nearest.indices[..., 0]
    doubtful = nearest.values[..., 0] - nearest.values[..., 1] < NEAR
    row, token = torch.nonzero(doubtful, as_tuple=True)
    if not len(row):
        return codes
    # Tokens stand about the centre; each reads `reach` columns
    reach, tokens = encoder.reach, latents.shape[1]
    start = (columns.shape[-1] - reach - (tokens - 1) * TOKEN_STRIDE) // 2 + token * TOKEN_STRIDE
    places = start[:, None] + torch.arange(reach, device=start.device)
    seen = columns[row[:, None], :, places].transpose(1, 2)  # (K, 4, reach)
    # In a copy: threads may share the network
    exact = copy.deepcopy(encoder).cpu().double()
    codes[row, token] = _settle(exact, quantizer.codebook.cpu().double(), seen)[0].to(codes.device)
    return codes


@torch.no_grad()
def settled(
    encoder: ValidEncoder, codebook: torch.Tensor, tokens: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Give the nearest code of what latents see, and by how much it is nearer than all others.

    Parameters
    ----------
    encoder : ValidEncoder
        In evaluation mode, in double precision, on the CPU.
    codebook : torch.Tensor, shape (K, D)
        Likewise.
    tokens : torch.Tensor, shape (N, reach), integer

    Returns
    -------
    codes : torch.Tensor, shape (N,), int64
        On the device of the tokens.
    gaps : torch.Tensor, shape (N,), float32
        Differences of cosines, on the device of the tokens.
    """
    codes, gaps = _settle(encoder, codebook, one_hot(tokens))
    return codes.to(tokens.device), gaps.float().to(tokens.device)


def _settle(
    encoder: ValidEncoder, codebook: torch.Tensor, columns: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    # On the CPU: few tokens, and not every device knows double precision
    with torch.autocast("cpu", enabled=False):
        latents = encoder(columns.cpu().double())[:, 0]  # (K, D)
        cosines = F.normalize(latents, dim=-1) @ codebook.T
    nearest = cosines.topk(2, dim=-1).values
    return cosines.argmax(-1), nearest[:, 0] - nearest[:, 1]  # the first of equal codes


GROUPS = 16
"""Codes are held against one another in so many groups, which is faster than one by one."""


def nearest(cosines: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Give the column of each row's greatest value, and how much greater it is than all others.

    Parameters
    ----------
    cosines : torch.Tensor, shape (T, K)
        Is written over.
    """
    lowest = -torch.inf
    size = cosines.shape[1]
    if size % GROUPS or size < 8 * GROUPS:
        first, code = cosines.max(1, keepdim=True)
        cosines.scatter_(1, code, lowest)
        return code[:, 0], first[:, 0] - cosines.amax(1)
    decoys = cosines.unflatten(1, (GROUPS, -1))
    best = decoys.amax(1)  # of each column of the groups
    first, column = best.max(1, keepdim=True)
    places = torch.arange(0, size, size // GROUPS, device=cosines.device)
    members = cosines.gather(1, column + places)
    row = members.argmax(1, keepdim=True)
    second = torch.maximum(
        best.scatter_(1, column, lowest).amax(1), members.scatter_(1, row, lowest).amax(1)
    )
    return (row * (size // GROUPS) + column)[:, 0], first[:, 0] - second
