"""Codes as motifs in the MEME format, for Tomtom, FIMO and the like."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vqrna.codes.pwm import Matrices
from vqrna.sequence import ALPHABET


def meme(found: Matrices, codes: Sequence[int], told: Sequence[str]) -> str:
    """Write matrices in the MEME format (version 4, minimal).

    Parameters
    ----------
    found : Matrices
    codes : sequence of int
        Which, in this order; those that nothing takes are left out.
    told : sequence of str
        Lines for the head of the file.
    """
    base = " ".join(f"{b} {f:.5f}" for b, f in zip(ALPHABET, found.background, strict=True))
    lines = ["MEME version 4", ""]
    lines += [*told, "", f"ALPHABET= {ALPHABET}", "", "strands: +", ""]
    lines += ["Background letter frequencies", base, ""]
    frequencies = found.frequencies
    for code in codes:
        if not found.sites[code]:
            continue
        width = frequencies.shape[2]
        lines.append(f"MOTIF code_{code} {found.consensus(code) or 'N'}")
        lines.append(
            f"letter-probability matrix: alength= {len(ALPHABET)} w= {width} "
            f"nsites= {found.sites[code]} E= 0"
        )
        lines += [" ".join(f"{x:.6f}" for x in _rounded(row)) for row in frequencies[code].T]
        lines.append("")
    return "\n".join(lines) + "\n"


def _rounded(row: np.ndarray) -> np.ndarray:
    """Round to six places so that the row sums to 1: some programs insist."""
    found = np.round(row, 6)
    found[row.argmax()] += 1 - found.sum()
    return found
