"""What training does to windows so that the network does not learn them by heart."""

from __future__ import annotations

import torch

from vqrna.sequence import AMBIGUOUS, centre

PROTECTED = 5
"""No base within so many nt of the site is substituted."""


def substitute(tokens: torch.Tensor, rate: float, generator: torch.Generator) -> torch.Tensor:
    """Replace a share of the bases away from the site by random ones.

    Parameters
    ----------
    tokens : torch.Tensor, shape (N, L), uint8
    rate : float
        Share of bases that are drawn anew (a quarter of them stay as they were).
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    torch.Tensor, shape (N, L), uint8
    """
    if rate == 0:
        return tokens
    length = tokens.shape[1]
    chosen = torch.rand(tokens.shape, generator=generator) < rate
    site = centre(length)
    chosen[:, site - PROTECTED : site + PROTECTED + 1] = False
    chosen &= tokens != AMBIGUOUS
    drawn = torch.randint(0, 4, tokens.shape, generator=generator, dtype=torch.uint8)
    return torch.where(chosen, drawn, tokens)


def mask_flanks(
    tokens: torch.Tensor, rate: float, shortest: int, generator: torch.Generator
) -> torch.Tensor:
    """Hide the upstream, the downstream or both flanks of a share of the windows.

    A hidden flank ends at a distance from the site that is drawn evenly between `shortest` and the
    window's end: this is how ends of transcripts and short sequences look.

    Parameters
    ----------
    tokens : torch.Tensor, shape (N, L), uint8
    rate : float
        Share of the windows of which something is hidden.
    shortest : int
        So many nt beside the site are always left.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    torch.Tensor, shape (N, L), uint8
        Hidden bases are ambiguous tokens, all-zero columns for the network.
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
