"""Augmentation of training windows: random substitutions and hidden flanks."""

from __future__ import annotations

import numpy as np
import torch

from vqrna.sequence import AMBIGUOUS, centre

PROTECTED = 5
"""Bases within this many nt of the site are never substituted."""


def substitute(tokens: torch.Tensor, rate: float, generator: torch.Generator) -> torch.Tensor:
    """Redraw a share of the bases of windows (N, L) away from the site.

    A quarter of the redrawn bases keep their value. The generator is on the CPU.
    """
    if rate == 0:
        return tokens
    site = centre(tokens.shape[1])
    replaced = torch.rand(tokens.shape, generator=generator) < rate
    replaced[:, site - PROTECTED : site + PROTECTED + 1] = False
    replaced &= tokens != AMBIGUOUS
    drawn = torch.randint(0, 4, tokens.shape, generator=generator, dtype=torch.uint8)
    return torch.where(replaced, drawn, tokens)


def mask_flanks(
    tokens: torch.Tensor, rate: float, shortest: int, generator: torch.Generator
) -> torch.Tensor:
    """Hide the upstream, the downstream or both flanks of a share of the windows.

    The distance from the site to a hidden flank is uniform between `shortest` and the end of the
    window. This imitates ends of transcripts and short sequences.

    Parameters
    ----------
    tokens : torch.Tensor, shape (N, L), uint8
    rate : float
        Share of windows with a hidden flank.
    shortest : int
        Nt that always remain on each side of the site.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    torch.Tensor, shape (N, L), uint8
        Hidden bases are ambiguous tokens, which are all-zero columns for the network.
    """
    n, length = tokens.shape
    half = centre(length)
    if rate == 0 or shortest >= half:
        return tokens
    which = torch.randint(0, 3, (n,), generator=generator)  # 0 upstream, 1 downstream, 2 both
    which[torch.rand(n, generator=generator) >= rate] = 3
    left = torch.randint(shortest, half, (2, n, 1), generator=generator)
    offset = torch.arange(length) - half
    upstream = (which == 0) | (which == 2)
    downstream = (which == 1) | (which == 2)
    hidden = (upstream[:, None] & (offset < -left[0])) | (downstream[:, None] & (offset > left[1]))
    return tokens.masked_fill(hidden, AMBIGUOUS)


def cut(
    tokens: torch.Tensor, rate: float, lengths: np.ndarray, generator: torch.Generator
) -> torch.Tensor:
    """Hide both flanks of a share of the windows at the same distance from the site.

    Parameters
    ----------
    tokens : torch.Tensor, shape (N, L), uint8
    rate : float
        Share of windows to cut.
    lengths : np.ndarray, shape (K,), int
        Nt that remain; one is drawn for each window.
    generator : torch.Generator
        On the CPU.
    """
    if rate == 0 or not len(lengths):
        return tokens
    n, length = tokens.shape
    drawn = torch.from_numpy(lengths)[torch.randint(0, len(lengths), (n,), generator=generator)]
    drawn[torch.rand(n, generator=generator) >= rate] = length
    offset = torch.arange(length) - centre(length)
    return tokens.masked_fill(offset.abs() > drawn[:, None] // 2, AMBIGUOUS)
