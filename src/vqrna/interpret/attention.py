"""Where a prediction looks: attention maps, and what each token is worth to the logit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from vqrna.errors import UsageError
from vqrna.interpret.attributions import member
from vqrna.interpret.codes import read_codes
from vqrna.interpret.knockout import Substitutes, occlusion
from vqrna.interpret.reading import Reading, reading
from vqrna.model import Model, TrainedModel
from vqrna.modifications import Modification
from vqrna.modifications import modification as find
from vqrna.nn.model import PaperNetwork
from vqrna.runtime.devices import full_float32
from vqrna.runtime.progress import progress
from vqrna.sequence import one_hot, recentre

DRAWS = 4
"""Other codes that are tried in the place of each token."""

_BATCH = 32


@dataclass(frozen=True, eq=False)
class AttentionMaps:
    """What the tokens of a network with attention attend to.

    Parameters
    ----------
    mean : np.ndarray, shape (layers, heads, T, T), float64
        Over the windows; the weights of a token (third axis) on all tokens sum to 1.
    site : np.ndarray, shape (N, layers, heads, T), float32
        The weights of the token that the prediction is read from, for each window.
    reading : Reading
        Which nt each token sees.
    """

    mean: np.ndarray
    site: np.ndarray
    reading: Reading


@dataclass(frozen=True, eq=False)
class TokenEffects:
    """What each token is worth: code occlusion.

    Parameters
    ----------
    effects : np.ndarray, shape (N, T), float64
        Mean fall of the logit when another code is put in the token's place.
    codes : np.ndarray, shape (N, T), int32
    logits : np.ndarray, shape (N,), float64
        Of the windows as they are.
    reading : Reading
        Which nt each token sees.
    """

    effects: np.ndarray
    codes: np.ndarray
    logits: np.ndarray
    reading: Reading


def has_attention(model: TrainedModel) -> bool:
    """Tell whether the context of a model is made of attention, as in the ``paper`` preset."""
    return isinstance(model.network, PaperNetwork)


def attention_maps(
    model: TrainedModel, tokens: np.ndarray, *, show_progress: bool = False
) -> AttentionMaps:
    """Give the attention of a network on windows.

    Parameters
    ----------
    model : TrainedModel
        Of the ``paper`` preset, trained here or imported.
    tokens : np.ndarray, shape (N, L), uint8
        Windows of any odd length; at least one.
    show_progress : bool

    Raises
    ------
    UsageError
        If the network has no attention.
    """
    if not has_attention(model):
        raise UsageError("the context of this model has no attention (only the paper preset has)")
    place = reading(model.network)
    network = model.network.eval()
    total: np.ndarray | None = None
    site = []
    with (
        torch.inference_mode(),
        full_float32(),
        progress(len(tokens), "attention", unit="windows", show=show_progress) as bar,
    ):
        for start in range(0, len(tokens), _BATCH):
            windows = np.ascontiguousarray(recentre(tokens[start : start + _BATCH], model.length))
            weights = network(one_hot(torch.from_numpy(windows).to(model.device))).attention
            assert weights is not None
            summed = weights.double().sum(dim=0).cpu().numpy()
            total = summed if total is None else total + summed
            site.append(weights[:, :, :, place.site_token].float().cpu().numpy())
            bar.advance(len(windows))
    if total is None:
        raise UsageError("there are no windows")
    return AttentionMaps(total / len(tokens), np.concatenate(site), place)


def token_effects(
    model: Model,
    tokens: np.ndarray,
    modification: str | Modification,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    show_progress: bool = False,
) -> TokenEffects:
    """Put other codes in the place of each token, one at a time (code occlusion).

    No gradient is needed, and it means the same for every network: by how much the logit falls
    when a place says something usual. The substitutes are drawn as often as the codes are used in
    these windows.

    Parameters
    ----------
    model : Model
    tokens : np.ndarray, shape (N, L), uint8
        Windows of any odd length.
    modification : str or Modification
        Whose logit is looked at.
    draws : int
        Other codes that are tried at each place.
    seed : int
    show_progress : bool
    """
    kind = find(modification, model.modifications)
    model = member(model, kind)
    column = [m.symbol for m in model.modifications].index(kind.symbol)
    strings = read_codes(model, tokens)
    substitutes = Substitutes(strings.usage(), seed)
    found = np.empty(strings.codes.shape)
    with progress(len(tokens), "code occlusion", unit="windows", show=show_progress) as bar:
        for i in range(len(tokens)):
            part = strings.codes[i : i + 1]
            found[i] = occlusion(model, part, np.array([column]), substitutes, draws)[0]
            bar.advance(1)
    return TokenEffects(found, strings.codes, strings.logits[:, column], strings.reading)
