"""Write embedded sites as AnnData (``.h5ad``), the format of scanpy and its relatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from vqrna.data.windows import UNKNOWN
from vqrna.interpret.site_selection import SelectedSites, base_letters
from vqrna.runtime.files import atomic_path


def has_anndata() -> bool:
    """Return whether anndata is installed, without the slow import."""
    return find_spec("anndata") is not None


def write_anndata(
    path: Path,
    sites: SelectedSites,
    features: np.ndarray,
    obsm: Mapping[str, np.ndarray],
    uns: Mapping[str, Any],
) -> None:
    """Write one observation per site; the same sites give the same bytes.

    ``obs`` has sequence, position (1-based), base and one column per label, a category of
    ``modified``, ``unmodified`` and missing (``called`` and ``not called`` for called sites).

    Parameters
    ----------
    features : np.ndarray, shape (N, F)
        Written as ``X``.
    obsm : mapping of str to np.ndarray, shape (N, ...)
        Further arrays, such as latents and the map.
    uns : mapping of str to str or array of object
        Written as ``uns["vqrna"]``.

    Raises
    ------
    DataError
        If the file cannot be written.
    """
    import anndata
    import pandas as pd

    # Text as objects: older versions of anndata cannot write the string type of pandas 3
    def text(values: Sequence[str]) -> pd.Index:
        return pd.Index(values, dtype=object)

    positions = (np.asarray(sites.positions) + 1).tolist()
    columns: dict[str, Any] = {
        "sequence": text(sites.names),
        "position": positions,
        "base": text(base_letters(sites.tokens)),
    }
    words = text(("not called", "called") if sites.called else ("unmodified", "modified"))
    for modification, label in zip(sites.modifications, sites.labels.T, strict=True):
        codes = np.where(label == UNKNOWN, -1, label)
        columns[f"label_{modification.symbol}"] = pd.Categorical.from_codes(codes, words)
    # Numbered, because windows of one name may repeat and the names of observations must differ
    names = [
        f"{n}:{name}:{x}" for n, (name, x) in enumerate(zip(sites.names, positions, strict=True))
    ]
    table = anndata.AnnData(
        X=features,
        obs=pd.DataFrame(columns, index=text(names)),
        var=pd.DataFrame(index=text([f"feature_{i}" for i in range(features.shape[1])])),
        obsm=dict(obsm),
        uns={"vqrna": dict(uns)},
    )
    with atomic_path(path) as temporary:
        table.write_h5ad(temporary, compression="gzip")
