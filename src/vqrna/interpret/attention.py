"""Attention maps of networks with attention, and code occlusion of any network.

Both are computed for a set of sites and written as tables, arrays and pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from vqrna.errors import UsageError
from vqrna.interpret.attributions import model_and_column
from vqrna.interpret.codes import TokenLayout, network_outputs, read_codes, token_layout
from vqrna.interpret.knockout import Substitutes, occlusion
from vqrna.interpret.site_selection import SelectedSites
from vqrna.model import Model, TrainedModel
from vqrna.modifications import Modification
from vqrna.nn.model import PaperNetwork
from vqrna.plots.attention import attention_figure, effects_figure
from vqrna.plots.style import save_figure, type_colors
from vqrna.runtime.files import output_files, results_directory, write_arrays, write_table
from vqrna.runtime.progress import progress
from vqrna.runtime.provenance import header_lines, signature
from vqrna.runtime.run_record import add_run_record
from vqrna.sequence import as_windows

DRAWS = 4  # replacement codes tried at each token
_BATCH = 32


@dataclass(frozen=True, eq=False)
class AttentionMaps:
    """Attention weights of a network on windows.

    Attributes
    ----------
    mean : np.ndarray, shape (layers, heads, T, T), float64
        Mean over the windows; the weights of a token (third axis) on all tokens sum to 1.
    site : np.ndarray, shape (N, layers, heads, T), float32
        Weights of the site's token in each window.
    layout : TokenLayout
    """

    mean: np.ndarray
    site: np.ndarray
    layout: TokenLayout


@dataclass(frozen=True, eq=False)
class TokenEffects:
    """Effect of each token on the logit (code occlusion).

    Attributes
    ----------
    effects : np.ndarray, shape (N, T), float64
        Mean decrease of the logit when the code of the token is replaced.
    codes : np.ndarray, shape (N, T), int32
    logits : np.ndarray, shape (N,), float64
        Logits of the unchanged windows.
    layout : TokenLayout
    """

    effects: np.ndarray
    codes: np.ndarray
    logits: np.ndarray
    layout: TokenLayout


def has_attention(model: TrainedModel) -> bool:
    """Return whether the context of a model uses attention, as in the ``paper`` preset."""
    return isinstance(model.network, PaperNetwork)


def attention_maps(
    model: TrainedModel, tokens: np.ndarray, *, show_progress: bool = False
) -> AttentionMaps:
    """Compute the attention weights of a network on windows.

    Parameters
    ----------
    model : TrainedModel
        A model of the ``paper`` preset, trained or imported.
    tokens : np.ndarray, shape (N, L), uint8
        Windows of any odd length; at least one.
    show_progress : bool

    Returns
    -------
    AttentionMaps
        Mean weights (layers, heads, T, T) and those of the site in each window.

    Raises
    ------
    UsageError
        If the network has no attention, or `tokens` are not windows of odd length.
    """
    if not has_attention(model):
        raise UsageError("the context of this model has no attention (only the paper preset has)")
    tokens = as_windows(tokens)
    if not len(tokens):
        raise UsageError("there are no windows")
    layout = token_layout(model.network)
    total = np.zeros(1)
    site = []
    outputs = network_outputs(model, tokens, "attention", batch=_BATCH, show_progress=show_progress)
    for _, output in outputs:
        assert output.attention is not None
        total = total + output.attention.double().sum(dim=0).cpu().numpy()
        site.append(output.attention[:, :, :, layout.site_token].float().cpu().numpy())
    return AttentionMaps(total / len(tokens), np.concatenate(site), layout)


def token_effects(
    model: Model,
    tokens: np.ndarray,
    modification: str | Modification,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    show_progress: bool = False,
) -> TokenEffects:
    """Replace the code of each token, one at a time, and measure the logit (code occlusion).

    Replacements are drawn with the usage frequencies of the codes in these windows.

    Parameters
    ----------
    model : Model
    tokens : np.ndarray, shape (N, L), uint8
        Windows of any odd length.
    modification : str or Modification
        Type whose logit is measured.
    draws : int
        Replacement codes tried at each token.
    seed : int
    show_progress : bool

    Returns
    -------
    TokenEffects
        Decrease of the logit (N, T) for each window and token.

    Raises
    ------
    UsageError
        If the model does not predict the type or has no codes, or `tokens` are not windows of odd
        length.
    """
    single, column = model_and_column(model, modification)
    tokens = as_windows(tokens)
    strings = read_codes(single, tokens)
    substitutes = Substitutes(strings.usage(), seed)
    effects = np.empty(strings.codes.shape)
    with progress(len(tokens), "code occlusion", unit="windows", show=show_progress) as bar:
        for i in range(len(tokens)):
            part = strings.codes[i : i + 1]
            effects[i] = occlusion(single, part, np.array([column]), substitutes, draws)[0]
            bar.advance(1)
    return TokenEffects(effects, strings.codes, strings.logits[:, column], strings.layout)


def write_attention(
    sites: SelectedSites,
    modification: Modification,
    effects: TokenEffects,
    maps: AttentionMaps | None,
    directory: str | PathLike[str],
    *,
    model_hash: str = "",
    source: str = "",
    palette: str = "types",
) -> list[Path]:
    """Write ``occlusion.*``, ``attention.*`` if the network has attention, and ``run.json``.

    Other parameters and errors are as in :func:`vqrna.interpret.spectrum.write_spectrum`.
    """
    (color,) = type_colors([modification], palette)
    symbol = modification.symbol
    head = header_lines(model_hash, source=source, modification=symbol)
    count = "1 site" if len(sites) == 1 else f"{len(sites)} sites"
    subject = f"{count} of {symbol}, model {model_hash}"
    layout, remark = effects.layout, signature(model_hash)
    common: dict[str, np.ndarray | np.generic] = {
        **sites.arrays(),
        "facts": np.array(head, dtype=np.str_),
    }

    def write(
        name: str, figure: Figure, columns: dict[str, np.ndarray], **arrays: np.ndarray | np.generic
    ) -> None:
        write_table(files.path(f"{name}.tsv"), _token_rows(sites, layout).assign(**columns))
        write_arrays(files.path(f"{name}.npz"), **arrays, **common)
        save_figure(figure, files.picture(name))

    place: dict[str, np.ndarray | np.generic] = {
        "first_nt": layout.starts,
        "reach": np.int64(layout.reach),
    }
    with results_directory(directory) as folder, output_files(folder) as files:
        figure = effects_figure(
            effects.effects, layout.middles, color, title=f"Code occlusion: {subject}",
            remark=remark,
        )  # fmt: skip
        columns = {"code": effects.codes.ravel(), "effect": effects.effects.ravel()}
        write(
            "occlusion", figure, columns,
            effects=effects.effects, codes=effects.codes, logits=effects.logits, **place,
        )  # fmt: skip
        if maps is not None:
            figure = attention_figure(
                maps.mean, maps.site.mean(axis=0), layout.middles, color,
                title=f"Attention: {subject}", remark=remark,
            )  # fmt: skip
            by_layer = maps.site.mean(axis=2)
            columns = {f"layer_{n + 1}": by_layer[:, n].ravel() for n in range(by_layer.shape[1])}
            write(
                "attention", figure, columns,
                mean=maps.mean, site=maps.site, **place, site_token=np.int64(layout.site_token),
            )  # fmt: skip
        settings = {"source": source, "modification": symbol}
        add_run_record(files, "attention", model=model_hash, settings=settings)
    return files.paths


def _token_rows(sites: SelectedSites, layout: TokenLayout) -> pd.DataFrame:
    """Return one row per site and token; offsets of nucleotides are relative to the site."""
    n, width = len(sites), len(layout.starts)
    return pd.DataFrame(
        {
            "sequence": np.repeat(np.array(sites.names, dtype=object), width),
            "position": np.repeat(sites.positions + 1, width),
            "token": np.tile(np.arange(1, width + 1), n),
            "first_nt": np.tile(layout.starts, n),
            "last_nt": np.tile(layout.starts + layout.reach - 1, n),
        }
    )
