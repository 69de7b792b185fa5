"""Where a prediction looks: attention maps, and what each token is worth to the logit.

Write where a prediction looks: attention maps and code occlusion, as tables and pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from vqrna.errors import UsageError
from vqrna.interpret.attributions import member
from vqrna.interpret.codes import Reading, read_codes, reading
from vqrna.interpret.knockout import Substitutes, occlusion
from vqrna.interpret.site_selection import ChosenSites
from vqrna.model import Model, TrainedModel
from vqrna.modifications import Modification
from vqrna.modifications import modification as find
from vqrna.nn.model import PaperNetwork
from vqrna.plots.attention import attention_figure, effects_figure
from vqrna.plots.style import save_figure, type_colors
from vqrna.runtime.devices import full_float32
from vqrna.runtime.files import output_directory, write_arrays, write_table
from vqrna.runtime.progress import progress
from vqrna.runtime.provenance import header_lines, signature
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


def write_attention(
    sites: ChosenSites,
    modification: Modification,
    effects: TokenEffects,
    maps: AttentionMaps | None,
    directory: str | PathLike[str],
    *,
    model_hash: str = "",
    source: str = "",
    palette: str = "types",
) -> list[Path]:
    """Write ``occlusion.*``, and ``attention.*`` where the network has attention.

    Parameters
    ----------
    sites : ChosenSites
        The windows that were looked at.
    modification : Modification
    effects : TokenEffects
    maps : AttentionMaps, optional
    directory : path-like
        Made if it is not there.
    model_hash, source : str
        To tell in every file.
    palette : str
        One of :data:`vqrna.plots.style.PALETTES`.

    Returns
    -------
    list of pathlib.Path

    Raises
    ------
    DataError
        If one cannot be written; each file is whole or not there.
    """
    folder = output_directory(directory)
    (color,) = type_colors([modification], palette)
    symbol = modification.symbol
    head = header_lines(model_hash, source=source, modification=symbol)
    common = {**sites.arrays(), "facts": np.array(head, dtype=np.str_)}
    count = "1 site" if len(sites) == 1 else f"{len(sites)} sites"
    kind = f"{count} of {symbol}, model {model_hash}"
    place = effects.reading
    table = _tokens(sites, place)
    table["code"] = effects.codes.ravel()
    table["effect"] = effects.effects.ravel()
    written = [folder / "occlusion.tsv", folder / "occlusion.npz"]
    write_table(written[0], table, head)
    write_arrays(
        written[1],
        effects=effects.effects,
        codes=effects.codes,
        logits=effects.logits,
        first_nt=place.starts,
        reach=np.int64(place.reach),
        **common,
    )
    figure = effects_figure(
        effects.effects, place.middles, color,
        title=f"Code occlusion: {kind}", remark=signature(model_hash),
    )  # fmt: skip
    written += save_figure(figure, folder / "occlusion")
    if maps is None:
        return written

    table = _tokens(sites, place)
    for layer in range(maps.site.shape[1]):
        table[f"layer_{layer + 1}"] = maps.site[:, layer].mean(axis=1).ravel()
    rows, arrays = folder / "attention.tsv", folder / "attention.npz"
    write_table(rows, table, head)
    write_arrays(
        arrays,
        mean=maps.mean,
        site=maps.site,
        first_nt=place.starts,
        reach=np.int64(place.reach),
        site_token=np.int64(place.site_token),
        **common,
    )
    figure = attention_figure(
        maps.mean, maps.site.mean(axis=0), place.middles, color,
        title=f"Attention: {kind}", remark=signature(model_hash),
    )  # fmt: skip
    return [*written, rows, arrays, *save_figure(figure, folder / "attention")]


def _tokens(sites: ChosenSites, place: Reading) -> pd.DataFrame:
    """One row a site and token; what it sees counts from the site, which is 0."""
    n, width = len(sites), len(place.starts)
    return pd.DataFrame(
        {
            "sequence": np.repeat(np.array(sites.names, dtype=object), width),
            "position": np.repeat(sites.positions + 1, width),
            "token": np.tile(np.arange(1, width + 1), n),
            "first_nt": np.tile(place.starts, n),
            "last_nt": np.tile(place.starts + place.reach - 1, n),
        }
    )
