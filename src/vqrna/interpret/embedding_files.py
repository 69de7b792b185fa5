"""Write embedded sites: Parquet, npz and the map."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np

from vqrna.data.windows import UNKNOWN
from vqrna.interpret.embedding import Embedding, Map
from vqrna.interpret.site_selection import ChosenSites, base_letters
from vqrna.modifications import Modification
from vqrna.plots.embedding import embedding_map
from vqrna.plots.palette import type_colors
from vqrna.plots.style import save_figure
from vqrna.runtime.files import atomic_path, output_directory, write_arrays
from vqrna.runtime.provenance import facts, lines_of, signature


def write_embedding(
    sites: ChosenSites,
    found: Embedding,
    drawn: Map,
    modifications: Sequence[Modification],
    directory: str | PathLike[str],
    *,
    model_hash: str = "",
    source: str = "",
    palette: str = "types",
) -> list[Path]:
    """Write ``embedding.parquet``, ``embedding.npz`` and the picture.

    Parameters
    ----------
    sites : ChosenSites
    found : Embedding
    drawn : Map
    modifications : sequence of Modification
        Types of the logits.
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
    parquet, arrays = folder / "embedding.parquet", folder / "embedding.npz"
    told = {"version": lines_of({})[0].removeprefix("# "), **facts(model_hash, source=source)}
    _write_parquet(parquet, sites, found, drawn, modifications, told)
    write_arrays(
        arrays,
        **sites.arrays(),
        labels=sites.labels,
        label_types=np.array([m.symbol for m in sites.modifications], dtype=np.str_),
        latents=found.latents,
        features=found.features,
        codes=found.codes,
        logits=found.logits,
        logit_types=np.array([m.symbol for m in modifications], dtype=np.str_),
        xy=drawn.xy,
        method=np.str_(drawn.method),
        facts=np.array([f"{name}: {value}" for name, value in told.items()], dtype=np.str_),
    )
    figure = embedding_map(
        drawn.xy,
        sites.labels,
        [m.symbol for m in sites.modifications],
        type_colors(sites.modifications, palette),
        axes=drawn.axes,
        called=sites.called,
        title=f"{len(sites)} sites as model {model_hash} sees them",
        remark=signature(model_hash),
    )
    return [parquet, arrays, *save_figure(figure, folder / "embedding")]


def _write_parquet(
    path: Path,
    sites: ChosenSites,
    found: Embedding,
    drawn: Map,
    modifications: Sequence[Modification],
    told: dict[str, str],
) -> None:
    """One row a site; what is not known of a label is null."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, pa.Array] = {
        "sequence": pa.array(list(sites.names)),
        "position": pa.array(sites.positions + 1),
        "base": pa.array(base_letters(sites.tokens)),
    }
    for m, label in zip(sites.modifications, sites.labels.T, strict=True):
        name = f"called_{m.symbol}" if sites.called else f"label_{m.symbol}"
        columns[name] = pa.array(label, mask=label == UNKNOWN)
    for m, logit in zip(modifications, found.logits.T, strict=True):
        columns[f"logit_{m.symbol}"] = pa.array(logit)
    columns[f"{drawn.method}_1"], columns[f"{drawn.method}_2"] = map(pa.array, drawn.xy.T)
    for name, values in (("latent", found.latents), ("feature", found.features)):
        flat = pa.array(np.ascontiguousarray(values).ravel())
        columns[name] = pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
    table = pa.table(columns).replace_schema_metadata(told)
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")
