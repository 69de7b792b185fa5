"""Sites as points: what the network makes of each, and a map of them in two dimensions.

Write embedded sites: Parquet, npz and the map.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vqrna.data.windows import UNKNOWN
from vqrna.errors import UsageError
from vqrna.interpret.codes import reading, with_codes
from vqrna.interpret.site_selection import ChosenSites, base_letters
from vqrna.model import TrainedModel
from vqrna.modifications import Modification
from vqrna.nn.context import Features
from vqrna.plots.embedding import embedding_map
from vqrna.plots.style import save_figure, type_colors
from vqrna.runtime.devices import full_float32
from vqrna.runtime.files import atomic_path, output_directory, write_arrays
from vqrna.runtime.progress import progress
from vqrna.runtime.provenance import facts, lines_of, signature
from vqrna.sequence import one_hot, recentre

METHODS = ("auto", "umap", "pca")

_BATCH = 256

_COMPONENTS = 50
"""UMAP is given so many principal components: it is quicker, and loses nothing to see."""


@dataclass(frozen=True, eq=False)
class Embedding:
    """What the network makes of sites.

    Parameters
    ----------
    latents : np.ndarray, shape (N, D), float32
        Latent of the site's token, before it is quantised.
    features : np.ndarray, shape (N, F), float32
        What the classifier reads of the site and its surroundings.
    codes : np.ndarray, shape (N, T), int32
        Codes of the whole window.
    logits : np.ndarray, shape (N, M), float64
    """

    latents: np.ndarray
    features: np.ndarray
    codes: np.ndarray
    logits: np.ndarray


@dataclass(frozen=True, eq=False)
class Map:
    """Sites in two dimensions.

    Parameters
    ----------
    xy : np.ndarray, shape (N, 2), float64
    method : str
        ``umap`` or ``pca``.
    axes : tuple of str
        What the two axes are.
    """

    xy: np.ndarray
    method: str
    axes: tuple[str, str]


def embed(model: TrainedModel, sites: ChosenSites, *, show_progress: bool = False) -> Embedding:
    """Give the latents, features, codes and logits of sites.

    Parameters
    ----------
    model : TrainedModel
    sites : ChosenSites
    show_progress : bool
        Whether to draw a bar on stderr.

    Raises
    ------
    UsageError
        If the model has no codes.
    """
    network = with_codes(model).network.eval()
    site = reading(network).site_token
    parts: list[tuple[np.ndarray, ...]] = []
    features: list[torch.Tensor | Features] = []
    # What enters the classifier is nowhere else to be had, and is the same thing in all networks
    hook = network.head.register_forward_pre_hook(lambda _, given: features.append(given[0]))
    try:
        with (
            torch.inference_mode(),
            full_float32(),
            progress(len(sites), "embedding", unit="sites", show=show_progress) as bar,
        ):
            for start in range(0, len(sites), _BATCH):
                windows = recentre(sites.tokens[start : start + _BATCH], model.length)
                windows = np.ascontiguousarray(windows)
                out = network(one_hot(torch.from_numpy(windows).to(model.device)))
                read = features.pop()
                if isinstance(read, Features):
                    read = torch.cat([read.site, read.region], dim=1)
                parts.append(
                    (
                        out.latents[:, site].float().cpu().numpy(),
                        read.reshape(len(windows), -1).float().cpu().numpy(),
                        out.codes.int().cpu().numpy(),
                        out.logits.double().cpu().numpy(),
                    )
                )
                bar.advance(len(windows))
    finally:
        hook.remove()
    return Embedding(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def flatten(features: np.ndarray, method: str = "auto", seed: int = 0) -> Map:
    """Draw a map: near on it means alike to the classifier.

    Parameters
    ----------
    features : np.ndarray, shape (N, F)
        Each is brought to mean 0 and variance 1 first.
    method : str
        One of `METHODS`; ``auto`` is UMAP where umap-learn is installed, else PCA. Fewer than 10
        sites are always drawn by PCA.
    seed : int

    Raises
    ------
    UsageError
        If the method is unknown or not installed.
    """
    if method not in METHODS:
        raise UsageError(f"unknown method '{method}' (known: {', '.join(METHODS)})")
    if method == "umap" and not has_umap():
        raise UsageError("umap-learn is not installed: pip install 'vqrna[umap]'")
    from sklearn.decomposition import PCA

    spread = features.std(axis=0)
    standard = (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1)
    n = min(_COMPONENTS, *standard.shape)
    if len(standard) < 2 or not spread.any():
        return Map(np.zeros((len(standard), 2)), "pca", ("PC 1", "PC 2"))
    pca = PCA(n, svd_solver="full")
    points = pca.fit_transform(standard.astype(np.float64))
    if (method == "umap" or (method == "auto" and has_umap())) and len(points) >= 10:
        return Map(_umap(points, seed), "umap", ("UMAP 1", "UMAP 2"))
    xy = np.zeros((len(points), 2))
    xy[:, : min(2, n)] = points[:, :2]
    share = np.append(pca.explained_variance_ratio_, [0, 0])
    return Map(xy, "pca", (f"PC 1 ({share[0]:.0%})", f"PC 2 ({share[1]:.0%})"))


def has_umap() -> bool:
    """Tell whether umap-learn is installed, without importing it (which takes long)."""
    return find_spec("umap") is not None


def _umap(points: np.ndarray, seed: int) -> np.ndarray:
    import torch

    threads = torch.get_num_threads()  # numba, under UMAP, gives torch every core there is
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of numba and of TensorFlow that is not there
        import umap

        neighbours = min(15, len(points) - 1)
        drawn: Any = umap.UMAP(n_neighbors=neighbours, random_state=seed, n_jobs=1)
        try:
            return np.asarray(drawn.fit_transform(points), dtype=np.float64)
        finally:
            torch.set_num_threads(threads)


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
