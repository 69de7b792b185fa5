"""Write where a prediction looks: attention maps and code occlusion, as tables and pictures."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd

from vqrna.interpret.attention import AttentionMaps, TokenEffects
from vqrna.interpret.reading import Reading
from vqrna.interpret.site_selection import ChosenSites
from vqrna.modifications import Modification
from vqrna.plots.attention import attention_figure, effects_figure
from vqrna.plots.palette import type_colors
from vqrna.plots.style import save_figure
from vqrna.runtime.files import output_directory, write_arrays, write_table
from vqrna.runtime.provenance import header_lines, signature


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
        One of :data:`vqrna.plots.palette.PALETTES`.

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
