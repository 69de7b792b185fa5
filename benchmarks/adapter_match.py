"""How many windows carry a match to a sequencing adapter at their site, by type and class.

The start of a common Illumina adapter, AGAUCGGAAGAGC, is enriched at 2'-O-methylation sites of the
benchmark; that a mapping method can mistake priming at adapter-like sequence for a modification
is one explanation. Run by ``make benchmark-adapter``.
"""

from __future__ import annotations

import sys

import numpy as np

from vqrna.data.benchmark import load_benchmark
from vqrna.data.windows import NEGATIVE, POSITIVE
from vqrna.sequence import centre, encode

ADAPTER = "AGAUCGGAAGAGC"
OFFSETS = range(-2, 4)
ENOUGH = 8


def best_match(tokens: np.ndarray) -> np.ndarray:
    """Return the largest number of matching adapter letters at any offset: (N, L) to (N,)."""
    adapter, site = encode(ADAPTER), centre(tokens.shape[1])
    matches = [
        (tokens[:, site + offset : site + offset + len(adapter)] == adapter).sum(axis=1)
        for offset in OFFSETS
    ]
    return np.max(matches, axis=0)


def main(directory: str) -> None:
    """Print one row per type."""
    windows = load_benchmark(directory, "train")
    print(f"share of training windows with {ENOUGH} or more of the {len(ADAPTER)} nt {ADAPTER}")
    print("type\tmodified\tunmodified")
    for m, kind in enumerate(windows.modifications):
        shares = [
            (best_match(windows.tokens[windows.labels[:, m] == label]) >= ENOUGH).mean()
            for label in (POSITIVE, NEGATIVE)
        ]
        print(f"{kind.symbol}\t{shares[0]:.3f}\t{shares[1]:.3f}")


if __name__ == "__main__":
    main(sys.argv[1])
