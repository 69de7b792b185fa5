"""Predicted structure as more to read for trees (ViennaRNA, which has to be installed)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from benchmarks.quality.baselines import Baseline, fit_trees

from vqrna.data.features import MORE
from vqrna.data.windows import Windows
from vqrna.errors import DataError
from vqrna.sequence import decode, recentre
from vqrna.training.teacher import ELSEWHERE

FOLDED, TOLD = 101, 51
"""Nucleotides that are folded, and those whose unpaired probabilities are features."""


@dataclass(frozen=True)
class Structured:
    """What the trees with more counts read, and the structure about the site."""

    length: int = MORE.length

    def of(self, tokens: np.ndarray) -> np.ndarray:
        """Read windows (N, L): numbers (N, F), float32."""
        return np.hstack([MORE.of(tokens), unpaired(tokens)])


def unpaired(tokens: np.ndarray) -> np.ndarray:
    """Tell how likely each base about the site is unpaired, and the energy of the ensemble.

    Parameters
    ----------
    tokens : np.ndarray, shape (N, L), uint8

    Returns
    -------
    np.ndarray, shape (N, TOLD + 1), float32
        Probabilities of the central nucleotides, then kcal/mol.

    Raises
    ------
    DataError
        If ViennaRNA is not installed.
    """
    try:
        import RNA
    except ImportError:
        raise DataError("structure needs ViennaRNA: pip install ViennaRNA") from None
    features = np.empty((len(tokens), TOLD + 1), dtype=np.float32)
    cut = (FOLDED - TOLD) // 2
    for row, window in zip(features, recentre(tokens, FOLDED), strict=True):
        folding = RNA.fold_compound(decode(window))
        _, energy = folding.pf()
        paired = np.asarray(folding.bpp())[1:, 1:]  # counted from 1, each pair once
        alone = 1 - paired.sum(axis=0) - paired.sum(axis=1)
        row[:TOLD], row[TOLD] = alone[cut : cut + TOLD], energy
    return features


def fit_structured(train: Windows, columns: list[int], seed: int) -> Baseline:
    """Fit trees with more counts and negatives, and structure."""
    return fit_trees(train, columns, seed, features=Structured(), elsewhere=ELSEWHERE)
