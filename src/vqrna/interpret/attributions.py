"""Attributions: what every base of every window does to the prediction of one type."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vqrna.errors import UsageError
from vqrna.interpret.mutagenesis import mutate
from vqrna.model import Model, ModelSet, TrainedModel
from vqrna.modifications import Modification
from vqrna.modifications import modification as find
from vqrna.runtime.progress import progress
from vqrna.sequence import ALPHABET, recentre

CONVENTIONS = ("projected", "hypothetical")
"""As in tangermeme: at the observed base alone, or at every base that could stand there."""


@dataclass(frozen=True, eq=False)
class Attributions:
    """Attributions of windows.

    Parameters
    ----------
    values : np.ndarray, shape (N, 4, L), float32
        Hypothetical attributions: the change of the target when the base stands there, less the
        mean of that over the four bases; so that a base which helps is positive.
    target : np.ndarray, shape (N,), float64
        What the model says of the windows as they are: log-odds, or with `paper` their sigmoid.
    tokens : np.ndarray, shape (N, L), uint8
    convention : str
        One of `CONVENTIONS`: what is shown and written.
    paper : bool
        As published: the target is the sigmoid, and the mean over windows is taken before the
        absolute value.
    """

    values: np.ndarray
    target: np.ndarray
    tokens: np.ndarray
    convention: str = CONVENTIONS[0]
    paper: bool = False

    @property
    def offsets(self) -> np.ndarray:
        """Positions relative to the site, (L,)."""
        return np.arange(self.tokens.shape[1]) - self.tokens.shape[1] // 2

    @property
    def observed(self) -> np.ndarray:
        """Attribution of the base that stands there (N, L); 0 for ambiguous letters."""
        index = np.minimum(self.tokens, len(ALPHABET) - 1)[:, None].astype(np.intp)
        found = np.take_along_axis(self.values, index, axis=1)[:, 0]
        return np.where(self.tokens < len(ALPHABET), found, 0)

    @property
    def shown(self) -> np.ndarray:
        """Attributions by the convention: (N, 4, L)."""
        if self.convention == "hypothetical":
            return self.values
        return self.values * (self.tokens[:, None] == np.arange(len(ALPHABET))[:, None])

    @property
    def heights(self) -> np.ndarray:
        """Heights of the bases in logos, (4, L): absolute values, averaged over windows."""
        shown = self.shown.astype(np.float64)
        return np.abs(shown.mean(axis=0)) if self.paper else np.abs(shown).mean(axis=0)

    @property
    def importance(self) -> np.ndarray:
        """Importance of each position (L,): the sum of the heights of its bases."""
        return self.heights.sum(axis=0)


def attribute(
    model: Model,
    tokens: np.ndarray,
    modification: str | Modification,
    *,
    convention: str = CONVENTIONS[0],
    paper: bool = False,
    show_progress: bool = False,
) -> Attributions:
    """Attribute the prediction of one type to the bases of windows by saturation mutagenesis.

    Parameters
    ----------
    model : Model
    tokens : np.ndarray, shape (N, L), uint8
        Windows of any odd length, the site at ``L // 2``; cut or padded to the model's.
    modification : str or Modification
        One of the model's.
    convention : str
        One of `CONVENTIONS`.
    paper : bool
        The target is the sigmoid of the log-odds, as published.
    show_progress : bool

    Raises
    ------
    UsageError
        If there is no such convention, or the model does not tell the type.
    """
    if convention not in CONVENTIONS:
        raise UsageError(f"unknown convention '{convention}' (known: {', '.join(CONVENTIONS)})")
    kind = find(modification, model.modifications)
    model = member(model, kind)
    column = [m.symbol for m in model.modifications].index(kind.symbol)
    model.network.eval()
    tokens = np.ascontiguousarray(recentre(tokens, model.length))
    values = np.empty((len(tokens), len(ALPHABET), tokens.shape[1]), dtype=np.float32)
    target = np.empty(len(tokens))
    with progress(len(tokens), "mutating", unit="windows", show=show_progress) as bar:
        for n, mutated in enumerate(mutate(model.network, tokens)):
            found, itself = mutated.logits[..., column], mutated.reference[column]
            if paper:
                found, itself = _sigmoid(found), _sigmoid(itself)
            values[n], target[n] = hypothetical(found, itself), itself
            bar.advance()
    return Attributions(values, target, tokens, convention, paper)


def hypothetical(substituted: np.ndarray, reference: float) -> np.ndarray:
    """Turn what the target is with every base (4, L) into attributions, as tangermeme does.

    Parameters
    ----------
    substituted : np.ndarray, shape (..., 4, L)
    reference : float
        The target of the window as it is.
    """
    change = substituted - reference
    return change - change.mean(axis=-2, keepdims=True)


def member(model: Model, modification: str | Modification) -> TrainedModel:
    """Give the model that tells a type: the one there is, or one of a set.

    Raises
    ------
    UsageError
        If none tells it.
    """
    symbol = find(modification, model.modifications).symbol
    for single in model.models if isinstance(model, ModelSet) else (model,):
        if symbol in {m.symbol for m in single.modifications}:
            return single
    raise AssertionError(symbol)


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * logits))  # cannot overflow
