"""The modification that each code of a codebook is most specific for, from an atlas."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vqrna.documents import open_regular
from vqrna.errors import DataError

SUFFIX = ".atlas.json.gz"
"""End of the name of an atlas beside shipped weights."""

_LARGEST = 1 << 28
"""Larger tables (bytes) are not an atlas."""


@dataclass(frozen=True, eq=False)
class CodeTypes:
    """What an atlas says of K codes; empty text and nan for codes that it does not have."""

    symbols: np.ndarray  # (K,), object: Modification with the highest log-odds at the site
    log_odds: np.ndarray  # (K,), float64: These log-odds
    reads: np.ndarray  # (K,), object: Consensus in IUPAC letters
    source: str  # Name of the file; empty without an atlas

    @classmethod
    def unknown(cls, codes: int) -> CodeTypes:
        """Return the types of K codes without an atlas."""
        text = np.full(codes, "", dtype=object)
        return cls(text, np.full(codes, np.nan), text, "")


def shipped_atlas(model_hash: str) -> dict[str, Any] | None:
    """Return the atlas of a shipped model; None if only that of another model is available.

    Its content is that of :func:`vqrna.interpret.atlas.page_data`.
    """
    folder = Path(__file__).parents[1] / "models"
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            data = json.load(file)
        if isinstance(data, dict) and data["model"] == model_hash:
            return data
    return None


def code_types(codes: int, model_hash: str, atlas: str | PathLike[str] | None = None) -> CodeTypes:
    """Return the types of the codes of a model.

    Parameters
    ----------
    codes : int
        Size of the codebook K.
    model_hash : str
    atlas : path, optional
        ``codebook.tsv`` of ``vqrna atlas``. If not given, the shipped atlas for the shipped model,
        and no types for others.

    Raises
    ------
    DataError
        If the table is missing, malformed, or of another codebook.
    """
    if atlas is not None:
        return _from_table(Path(atlas), codes)
    data = shipped_atlas(model_hash)
    if data is None:
        return CodeTypes.unknown(codes)
    symbols = np.array([each["symbol"] for each in data["types"]], dtype=object)
    group = np.array(data["group"])
    used = np.array(data["usage"], dtype=float) > 0
    log_odds = np.array(data["log_odds"], dtype=float)[np.arange(len(group)), group]
    return CodeTypes(
        np.where(used, symbols[group], ""), np.where(used, log_odds, np.nan),
        np.array(data["reads"], dtype=object), "the shipped atlas",
    )  # fmt: skip


def _from_table(path: Path, codes: int) -> CodeTypes:
    needed = ["code", "reads", "type", "log_odds_site"]
    try:
        with open_regular(path) as file:
            raw = file.read(_LARGEST + 1)
        if len(raw) > _LARGEST:
            raise DataError("is too large for an atlas", file=path)
        table = pd.read_csv(
            io.BytesIO(raw), sep="\t", comment="#", keep_default_na=False, dtype=str,
            compression="gzip" if path.suffix == ".gz" else None,
        )  # fmt: skip
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise DataError(f"is not a table of vqrna atlas ({error})", file=path) from None
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise DataError(
            f"has no column '{missing[0]}' (expected codebook.tsv of vqrna atlas)", file=path
        )
    number = pd.to_numeric(table["code"], errors="coerce")
    if len(table) != codes or set(number) != set(range(codes)):
        raise DataError(
            f"is the atlas of another codebook: the model has the codes 0 to {codes - 1}", file=path
        )
    table = table.iloc[np.argsort(number.to_numpy())]
    log_odds = pd.to_numeric(table["log_odds_site"], errors="coerce").to_numpy(dtype=float)
    return CodeTypes(
        table["type"].to_numpy(dtype=object), log_odds, table["reads"].to_numpy(dtype=object),
        path.name,
    )  # fmt: skip
