"""What evaluation needs of a model: logits and calibrated scores of windows."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from vqrna.modifications import Modification

NEAR = 20
"""Decoys within this distance in nt share the region of the site: only the site differs."""


@runtime_checkable
class Flagger(Protocol):
    """A model that flags windows."""

    def flags(self, tokens: np.ndarray) -> dict[str, np.ndarray]:
        """Return flags of windows (N, L), such as ``ood``: (N,), bool, by name."""


@runtime_checkable
class Scorer(Protocol):
    """A model of any method (network, trees, matrix) as commands use it."""

    @property
    def modifications(self) -> tuple[Modification, ...]:
        """The types that it scores, in the order of its columns."""

    @property
    def length(self) -> int:
        """Window length in nt."""

    @property
    def hash(self) -> str:
        """Identifies its weights in tables."""

    def logits(self, tokens: np.ndarray) -> np.ndarray:
        """Return the uncalibrated evidence for each type.

        Parameters
        ----------
        tokens : np.ndarray, shape (N, L), uint8
            Windows of any odd length with the site at ``L // 2``; cut or padded to `length` here.

        Returns
        -------
        np.ndarray, shape (N, M), float64
        """

    def score(self, logits: np.ndarray) -> np.ndarray:
        """Convert logits to calibrated probabilities at the even class ratio.

        Parameters
        ----------
        logits : np.ndarray, shape (N, M)

        Returns
        -------
        np.ndarray, shape (N, M), float64
            Between 0 and 1, increasing with the logit.
        """
