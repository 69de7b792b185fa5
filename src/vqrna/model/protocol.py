"""What evaluation asks of a model: windows in, logits and calibrated scores out."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from vqrna.modifications import Modification

NEAR = 20
"""Rivals so near share the region of the site, and only the site itself tells it from them."""


@runtime_checkable
class Flagger(Protocol):
    """A model that knows more of windows than their scores."""

    def flags(self, tokens: np.ndarray) -> dict[str, np.ndarray]:
        """Tell which windows (N, L) are ``ood`` those it was trained on, or ``in_training``.

        Each an array of N bool; what cannot be told is left out.
        """


@runtime_checkable
class Scorer(Protocol):
    """A model as the verbs see it, whatever it is made of (a network, trees, a matrix)."""

    @property
    def modifications(self) -> tuple[Modification, ...]:
        """The types it tells, in the order of its columns."""

    @property
    def length(self) -> int:
        """Window length in nt that it reads."""

    @property
    def hash(self) -> str:
        """Names its weights, so that a table can say which model it came from."""

    def logits(self, tokens: np.ndarray) -> np.ndarray:
        """Raw evidence for each type.

        Parameters
        ----------
        tokens : np.ndarray, shape (N, L), uint8
            Windows of any odd length with the site at ``L // 2``; cut or padded to `length` here.

        Returns
        -------
        np.ndarray, shape (N, M), float64
        """

    def score(self, logits: np.ndarray) -> np.ndarray:
        """Turn logits into calibrated probabilities at the balanced class ratio.

        Parameters
        ----------
        logits : np.ndarray, shape (N, M)

        Returns
        -------
        np.ndarray, shape (N, M), float64
            Between 0 and 1, rising with the logit.
        """
