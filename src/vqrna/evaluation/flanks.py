"""Windows with their flanks hidden, as at the ends of a transcript and in short sequences."""

from __future__ import annotations

import numpy as np

from vqrna.sequence import AMBIGUOUS, centre

FLANKS = ("none", "upstream", "downstream", "both")
"""Which flanks can be masked."""

KEPT = 25
"""Nucleotides beside the site that a mask leaves in place."""


def mask_flanks(tokens: np.ndarray, flanks: str, *, keep: int = KEPT) -> np.ndarray:
    """Hide what lies farther than `keep` nt from the site, as beyond the end of a transcript.

    Parameters
    ----------
    tokens : np.ndarray, shape (N, L), uint8
    flanks : str
        One of `FLANKS`.
    keep : int
        Nucleotides left beside the site.

    Returns
    -------
    np.ndarray, shape (N, L), uint8
        A copy, ambiguous where masked.
    """
    site = centre(tokens.shape[-1])
    masked = tokens.copy()
    if flanks in ("upstream", "both"):
        masked[:, : max(0, site - keep)] = AMBIGUOUS
    if flanks in ("downstream", "both"):
        masked[:, site + keep + 1 :] = AMBIGUOUS
    return masked
