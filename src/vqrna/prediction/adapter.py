"""Sequence like a sequencing adapter directly after a site.

Many 2'-O-methylation sites of the public data carry it: a primer that binds inside an RNA instead
of to the adapter creates such sites (Dai et al., Nature Methods 14:695, 2017, corrected 2018).
"""

from __future__ import annotations

import numpy as np

from vqrna.sequence import AMBIGUOUS, encode

ADAPTER = "AGAUCGGAAGAGC"
"""Start of the common 3' adapter of Illumina libraries."""

MATCHES = 9
"""Fewest of its letters that match: 0.6 % of unmodified sites or fewer reach it."""

NAMES = "2'-O-methyl"
"""Start of the names of the modifications whose public sites are enriched for it."""


def adapter_after(tokens: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return whether the letters directly after positions are like the adapter.

    Parameters
    ----------
    tokens : np.ndarray, shape (S,), uint8
    at : np.ndarray, shape (N,), int
        Positions in `tokens`.

    Returns
    -------
    np.ndarray, shape (N,), bool
    """
    adapter = encode(ADAPTER)
    padded = np.append(tokens, np.full(len(adapter), AMBIGUOUS, dtype=np.uint8))
    after = padded[np.asarray(at)[:, None] + 1 + np.arange(len(adapter))]
    return (after == adapter).sum(axis=1) >= MATCHES
