"""Codes that do not depend on rounding: near ties are decided in double precision.

A window and a scan add the same numbers in another order, so that their latents differ in the
last digits. Where two codes are almost equally near, rounding would choose between them, and all
positions that read the token would get another score (once in some thousand windows).
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F

from vqrna.nn.encoder import TOKEN_STRIDE, ValidEncoder
from vqrna.nn.quantizer import CosineQuantizer
from vqrna.sequence import one_hot

NEAR = 2e-5
"""Codes whose cosines in single precision differ by less are compared in double precision."""

TIE = 1e-6
"""Codes whose cosines in double precision differ by less are reported as a near tie: in single
precision, with an error of at most 7e-7, either could be chosen."""

GROUPS = 16
"""Groups into which :func:`nearest_codes` divides the codes."""


@torch.no_grad()
def resolve_near_ties(
    encoder: ValidEncoder, quantizer: CosineQuantizer, columns: torch.Tensor, latents: torch.Tensor
) -> torch.Tensor:
    """Return the nearest code of each latent of windows, independent of rounding.

    Parameters
    ----------
    encoder : ValidEncoder
        In evaluation mode.
    columns : torch.Tensor, shape (N, 4, L)
        The windows, one-hot.
    latents : torch.Tensor, shape (N, T, D)
        Output of the encoder for them.

    Returns
    -------
    torch.Tensor, shape (N, T), int64
    """
    with torch.autocast(latents.device.type, enabled=False):
        directions = F.normalize(latents.to(quantizer.codebook.dtype), dim=-1)
        best = (directions @ quantizer.codebook.T).topk(2, dim=-1)  # (N, T, 2)
    codes = best.indices[..., 0]
    doubtful = best.values[..., 0] - best.values[..., 1] < NEAR
    row, token = torch.nonzero(doubtful, as_tuple=True)
    if not len(row):
        return codes
    # Tokens are symmetric about the centre; each reads `reach` columns
    reach, tokens = encoder.reach, latents.shape[1]
    start = (columns.shape[-1] - reach - (tokens - 1) * TOKEN_STRIDE) // 2 + token * TOKEN_STRIDE
    at = start[:, None] + torch.arange(reach, device=start.device)
    seen = columns[row[:, None], :, at].transpose(1, 2)  # (doubtful, 4, reach)
    # In a copy: threads may share the network
    exact = copy.deepcopy(encoder).cpu().double()
    codes[row, token] = _exact(exact, quantizer.codebook.cpu().double(), seen)[0].to(codes.device)
    return codes


@torch.no_grad()
def exact_codes(
    encoder: ValidEncoder, codebook: torch.Tensor, tokens: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the nearest code of single latents, computed in double precision.

    Parameters
    ----------
    encoder : ValidEncoder
        In evaluation mode, in double precision, on the CPU.
    codebook : torch.Tensor, shape (K, D)
        Likewise.
    tokens : torch.Tensor, shape (N, reach), integer
        The letters that each latent sees.

    Returns
    -------
    codes : torch.Tensor, shape (N,), int64
    gaps : torch.Tensor, shape (N,), float32
        Cosine of the nearest code minus that of the second; both on the device of the tokens.
    """
    codes, gaps = _exact(encoder, codebook, one_hot(tokens))
    return codes.to(tokens.device), gaps.float().to(tokens.device)


def _exact(
    encoder: ValidEncoder, codebook: torch.Tensor, columns: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    # On the CPU: they are few, and some devices have no double precision
    with torch.autocast("cpu", enabled=False):
        latents = encoder(columns.cpu().double())[:, 0]  # (N, D)
        cosines = F.normalize(latents, dim=-1) @ codebook.T  # (N, K)
    best = cosines.topk(2, dim=-1).values
    return cosines.argmax(-1), best[:, 0] - best[:, 1]  # the first of equal codes


def nearest_codes(cosines: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the column of each row's largest value, and its difference to the second largest.

    Faster than ``topk``: codes are compared in groups first.

    Parameters
    ----------
    cosines : torch.Tensor, shape (T, K)
        Is overwritten.
    """
    size = cosines.shape[1]
    if size % GROUPS or size < 8 * GROUPS:
        first, code = cosines.max(1, keepdim=True)
        cosines.scatter_(1, code, -torch.inf)
        return code[:, 0], first[:, 0] - cosines.amax(1)
    best = cosines.unflatten(1, (GROUPS, -1)).amax(1)  # (T, K / groups): over the groups
    first, column = best.max(1, keepdim=True)
    starts = torch.arange(0, size, size // GROUPS, device=cosines.device)
    members = cosines.gather(1, column + starts)  # (T, groups): one column, all groups
    group = members.argmax(1, keepdim=True)
    second = torch.maximum(
        best.scatter_(1, column, -torch.inf).amax(1), members.scatter_(1, group, -torch.inf).amax(1)
    )
    return (group * (size // GROUPS) + column)[:, 0], first[:, 0] - second
