"""Attributions: the effect of every base of a window on the prediction of one type."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vqrna.errors import UsageError
from vqrna.interpret.mutagenesis import mutate
from vqrna.model import Model, ModelSet, TrainedModel
from vqrna.modifications import Modification
from vqrna.modifications import modification as find_modification
from vqrna.runtime.progress import progress
from vqrna.sequence import ALPHABET, as_windows, recentre
from vqrna.stats.calibration import sigmoid

CONVENTIONS = ("projected", "hypothetical")
"""As in tangermeme: attributions of the observed base only, or of all four bases."""


@dataclass(frozen=True, eq=False)
class Attributions:
    """Attributions of windows.

    Parameters
    ----------
    values : np.ndarray, shape (N, 4, L), float32
        Hypothetical attributions: change of the target with each base at each position, minus the
        mean over the four bases. Positive for a base that raises the target.
    target : np.ndarray, shape (N,), float64
        Prediction for the unchanged windows: log-odds, or with `paper` their sigmoid.
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
        """Attribution of the observed base (N, L); 0 for ambiguous letters."""
        index = np.minimum(self.tokens, len(ALPHABET) - 1)[:, None].astype(np.intp)
        values = np.take_along_axis(self.values, index, axis=1)[:, 0]
        return np.where(self.tokens < len(ALPHABET), values, 0)

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
        A type that the model predicts.
    convention : str
        One of `CONVENTIONS`.
    paper : bool
        Use the sigmoid of the log-odds as target, as published.
    show_progress : bool

    Returns
    -------
    Attributions
        Values (N, 4, L) in log-odds, with `paper` in probability.

    Raises
    ------
    UsageError
        If the convention is unknown, the model does not predict the type, or `tokens` are not
        windows of odd length.
    """
    if convention not in CONVENTIONS:
        raise UsageError(f"unknown convention '{convention}' (known: {', '.join(CONVENTIONS)})")
    single, column = model_and_column(model, modification)
    single.network.eval()
    tokens = np.ascontiguousarray(recentre(as_windows(tokens), single.length))
    values = np.empty((len(tokens), len(ALPHABET), tokens.shape[1]), dtype=np.float32)
    target = np.empty(len(tokens))
    with progress(len(tokens), "mutating", unit="windows", show=show_progress) as bar:
        for n, mutated in enumerate(mutate(single.network, tokens)):
            substituted, reference = mutated.logits[..., column], mutated.reference[column]
            if paper:
                substituted, reference = sigmoid(substituted), sigmoid(reference)
            values[n], target[n] = hypothetical(substituted, reference), reference
            bar.advance()
    return Attributions(values, target, tokens, convention, paper)


def hypothetical(substituted: np.ndarray, reference: float) -> np.ndarray:
    """Turn the target with each base (..., 4, L) into attributions, as tangermeme does.

    Parameters
    ----------
    substituted : np.ndarray, shape (..., 4, L)
    reference : float
        Target of the unchanged window.
    """
    change = substituted - reference
    return change - change.mean(axis=-2, keepdims=True)


def model_for(model: Model, modification: str | Modification) -> TrainedModel:
    """Return the model, or the member of a set, that predicts a type.

    Raises UsageError if no model predicts it.
    """
    symbol = find_modification(modification, model.modifications).symbol
    for single in model.models if isinstance(model, ModelSet) else (model,):
        if symbol in {m.symbol for m in single.modifications}:
            return single
    raise AssertionError(symbol)


def model_and_column(model: Model, modification: str | Modification) -> tuple[TrainedModel, int]:
    """Return the model that predicts a type, and the column of the type in its logits."""
    single = model_for(model, modification)
    symbol = find_modification(modification, model.modifications).symbol
    return single, [m.symbol for m in single.modifications].index(symbol)
