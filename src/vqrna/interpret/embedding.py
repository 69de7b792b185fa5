"""Embed sites: latents and features of the network, and a two-dimensional map of the features."""

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
from vqrna.errors import UsageError, missing_extra
from vqrna.interpret.anndata_file import has_anndata, write_anndata
from vqrna.interpret.codes import network_outputs, require_codebook, token_layout
from vqrna.interpret.site_selection import SelectedSites, base_letters
from vqrna.model import TrainedModel
from vqrna.modifications import Modification
from vqrna.nn.context import WindowFeatures
from vqrna.nn.model import EnsembleNetwork
from vqrna.plots.embedding import embedding_map
from vqrna.plots.style import save_figure, type_colors
from vqrna.runtime.files import atomic_path, output_files, results_directory, write_arrays
from vqrna.runtime.provenance import facts, lines_of, signature
from vqrna.runtime.run_record import add_run_record

METHODS = ("auto", "umap", "pca")

_NOISE = 1e-5  # relative difference that rounding may cause between equal windows
_COMPONENTS = 50  # principal components that UMAP starts from, which makes it faster


@dataclass(frozen=True, eq=False)
class Embedding:
    """Internal representation of sites.

    Attributes
    ----------
    latents : np.ndarray, shape (N, D), float32
        Latent of the site's token, before quantisation.
    features : np.ndarray, shape (N, F), float32
        Input of the classifier: features of the site and of its region.
    codes : np.ndarray, shape (N, T), int32
        Codes of the whole window.
    logits : np.ndarray, shape (N, M), float64
    """

    latents: np.ndarray
    features: np.ndarray
    codes: np.ndarray
    logits: np.ndarray


@dataclass(frozen=True, eq=False)
class Projection:
    """Sites in two dimensions.

    Attributes
    ----------
    xy : np.ndarray, shape (N, 2), float64
    method : str
        ``umap`` or ``pca``.
    axes : tuple[str, str]
        Names of the two axes.
    single_point : bool
        Whether all of several sites have the same features.
    """

    xy: np.ndarray
    method: str
    axes: tuple[str, str]
    single_point: bool = False


def embed(model: TrainedModel, sites: SelectedSites, *, show_progress: bool = False) -> Embedding:
    """Compute the latents, features, codes and logits of sites.

    Parameters
    ----------
    model : TrainedModel
    sites : SelectedSites
    show_progress : bool
        Whether to draw a bar on stderr.

    Returns
    -------
    Embedding
        One row per site, in the order of `sites`.

    Raises
    ------
    UsageError
        If the model has no codebook.
    """
    network = require_codebook(model).network
    assert not isinstance(network, EnsembleNetwork)  # it has several codebooks
    site = token_layout(network).site_token
    parts: list[tuple[np.ndarray, ...]] = []
    captured: list[torch.Tensor | WindowFeatures] = []
    # The outputs of the networks do not contain the input of the classifier
    hook = network.head.register_forward_pre_hook(lambda _, inputs: captured.append(inputs[0]))
    try:
        for _, output in network_outputs(
            model, sites.tokens, "embedding", show_progress=show_progress
        ):
            features = captured.pop()
            if isinstance(features, WindowFeatures):
                features = torch.cat([features.site, features.region], dim=1)
            parts.append(
                (
                    output.latents[:, site].float().cpu().numpy(),
                    features.reshape(len(output.logits), -1).float().cpu().numpy(),
                    output.codes.int().cpu().numpy(),
                    output.logits.double().cpu().numpy(),
                )
            )
    finally:
        hook.remove()
    return Embedding(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def project(features: np.ndarray, method: str = "auto", seed: int = 0) -> Projection:
    """Project features to two dimensions.

    Raises UsageError if the method is unknown or not installed.

    Parameters
    ----------
    features : np.ndarray, shape (N, F)
        Standardised before the projection.
    method : str
        One of `METHODS`; ``auto`` is UMAP if umap-learn is installed, else PCA. PCA is always
        used for fewer than 10 sites. Sites whose features are all the same are at (0, 0).
    """
    if method not in METHODS:
        raise UsageError(f"unknown method '{method}' (known: {', '.join(METHODS)})")
    if method == "umap" and not has_umap():
        raise UsageError(f"umap-learn is not installed: {missing_extra('umap')}")
    from sklearn.decomposition import PCA

    # Standardised, a feature that differs by rounding would count as much as any other.
    varies = np.ptp(features, axis=0) > _NOISE * np.abs(features).max(axis=0)
    if not varies.any():
        xy = np.zeros((len(features), 2))
        return Projection(xy, "pca", ("PC 1", "PC 2"), single_point=len(features) > 1)
    spread = features.std(axis=0)
    standard = (features - features.mean(axis=0)) / np.where(varies, spread, 1) * varies
    n = min(_COMPONENTS, *standard.shape)
    pca = PCA(n, svd_solver="full")
    points = pca.fit_transform(standard.astype(np.float64))
    if (method == "umap" or (method == "auto" and has_umap())) and len(points) >= 10:
        return Projection(_umap(points, seed), "umap", ("UMAP 1", "UMAP 2"))
    xy = np.zeros((len(points), 2))
    xy[:, : min(2, n)] = points[:, :2]
    share = np.append(pca.explained_variance_ratio_, [0, 0])
    return Projection(xy, "pca", (f"PC 1 ({share[0]:.0%})", f"PC 2 ({share[1]:.0%})"))


def has_umap() -> bool:
    """Return whether umap-learn is installed, without the slow import."""
    return find_spec("umap") is not None


def _umap(points: np.ndarray, seed: int) -> np.ndarray:
    threads = torch.get_num_threads()  # importing numba resets torch to all cores
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # from numba, and about missing TensorFlow
        import umap

        neighbours = min(15, len(points) - 1)
        reducer: Any = umap.UMAP(n_neighbors=neighbours, random_state=seed, n_jobs=1)
        try:
            return np.asarray(reducer.fit_transform(points), dtype=np.float64)
        finally:
            torch.set_num_threads(threads)


def write_embedding(
    sites: SelectedSites,
    embedding: Embedding,
    projection: Projection,
    modifications: Sequence[Modification],
    directory: str | PathLike[str],
    *,
    model_hash: str = "",
    source: str = "",
    palette: str = "types",
) -> list[Path]:
    """Write ``embedding.parquet``, ``embedding.npz``, the picture and ``run.json``.

    With the package anndata, ``embedding.h5ad`` is written, too.

    `modifications` are the types of the logits. Other parameters and errors are as in
    :func:`vqrna.interpret.spectrum.write_spectrum`.
    """
    header = {"version": lines_of({})[0].removeprefix("# "), **facts(model_hash, source=source)}
    symbols = [m.symbol for m in modifications]
    with results_directory(directory) as folder, output_files(folder) as files:
        path = files.path("embedding.parquet")
        _write_parquet(path, sites, embedding, projection, modifications, header)
        write_arrays(
            files.path("embedding.npz"),
            **sites.arrays(),
            labels=sites.labels,
            label_types=np.array([m.symbol for m in sites.modifications], dtype=np.str_),
            latents=embedding.latents,
            features=embedding.features,
            codes=embedding.codes,
            logits=embedding.logits,
            logit_types=np.array(symbols, dtype=np.str_),
            xy=projection.xy,
            method=np.str_(projection.method),
            facts=np.array([f"{name}: {value}" for name, value in header.items()], dtype=np.str_),
        )
        if has_anndata():
            obsm = {
                "latent": embedding.latents,
                "codes": embedding.codes,
                "logits": embedding.logits,
                f"X_{projection.method}": projection.xy,
            }
            uns = {**header, "logits": np.array(symbols, dtype=object)}
            write_anndata(files.path("embedding.h5ad"), sites, embedding.features, obsm, uns)
        figure = embedding_map(
            projection.xy,
            sites.labels,
            [m.symbol for m in sites.modifications],
            type_colors(sites.modifications, palette),
            axes=projection.axes,
            called=sites.called,
            title=f"{len(sites)} sites embedded by model {model_hash}",
            remark=signature(model_hash),
        )
        save_figure(figure, files.picture("embedding"))
        settings = {"source": source, "method": projection.method}
        add_run_record(files, "embed", model=model_hash, settings=settings)
    return files.paths


def _write_parquet(
    path: Path,
    sites: SelectedSites,
    embedding: Embedding,
    projection: Projection,
    modifications: Sequence[Modification],
    header: dict[str, str],
) -> None:
    """Write one row per site; unknown labels are null."""
    import pyarrow as pa

    from vqrna.formats.parquet import open_parquet

    columns: dict[str, pa.Array] = {
        "sequence": pa.array(list(sites.names)),
        "position": pa.array(sites.positions + 1),
        "base": pa.array(base_letters(sites.tokens)),
    }
    for m, label in zip(sites.modifications, sites.labels.T, strict=True):
        name = f"called_{m.symbol}" if sites.called else f"label_{m.symbol}"
        columns[name] = pa.array(label, mask=label == UNKNOWN)
    for m, logit in zip(modifications, embedding.logits.T, strict=True):
        columns[f"logit_{m.symbol}"] = pa.array(logit)
    method = projection.method
    columns[f"{method}_1"], columns[f"{method}_2"] = map(pa.array, projection.xy.T)
    for name, values in (("latent", embedding.latents), ("feature", embedding.features)):
        flat = pa.array(np.ascontiguousarray(values).ravel())
        columns[name] = pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
    table = pa.table(columns).replace_schema_metadata(header)
    with atomic_path(path) as temporary, open_parquet(temporary, table.schema) as file:
        file.write_table(table)
