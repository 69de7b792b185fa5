"""Write sites as Parquet: a typed table that pandas, R, polars and DuckDB read fast."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from vqrna.formats.description import PROGRAM, Description
from vqrna.formats.registry import SiteWriter, register
from vqrna.modifications import Modification
from vqrna.runtime.files import OutputFiles
from vqrna.sequence import ALPHABET
from vqrna.sites import COLUMNS, FLAGS, Sites, flag_names
from vqrna.stats.tiers import BY_THRESHOLD, CALLS, TIERS

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_COLUMN_METADATA = {
    "sequence": ("name of the sequence (record, chromosome or transcript)", ""),
    "position": ("position of the modified base in the sequence", "nt, 1-based"),
    "strand": ("strand of the sequence", "+ or -"),
    "base": ("RNA base; N for any other letter", ""),
    "modification": ("symbol of the modification", ""),
    "score": (
        "score of the model, calibrated for equal numbers of modified and unmodified bases",
        "0 to 1, 6 decimals",
    ),
    "probability": ("probability of the modification at the assumed prior", "0 to 1, 4 digits"),
    "p_value": ("share of unmodified positions that score at least as high", "0 to 1, 4 digits"),
    "q_value": ("false discovery rate of the sites with at most this p-value", "0 to 1, 4 digits"),
    "call": (
        "highest tier that the site reaches; threshold if only another limit calls it; null if it "
        "is not called",
        "threshold < low < medium < high",
    ),
    "warnings": (f"flags: {', '.join(FLAGS)}; null without flags", "comma-separated"),
}

_CALL_ORDER = (BY_THRESHOLD, *TIERS)
_CALL_CODES = np.array([-1, *map(_CALL_ORDER.index, CALLS)])
_ALL_FLAGS = tuple(flag_names(np.arange(1, 1 << len(FLAGS))))


@register("parquet")
class ParquetWriter(SiteWriter):
    """Write ``PREFIX.parquet``, a row group for each batch."""

    def __init__(self, output: OutputFiles, description: Description) -> None:
        super().__init__(output, description)
        self._temporary = output.path(f"{description.prefix}.parquet")
        self._file: pq.ParquetWriter | None = None

    def write(self, sites: Sites) -> None:
        """Write sites; the first batch determines the columns."""
        batch = table(sites, self.description.modifications)
        if self._file is None:
            schema = batch.schema.with_metadata(_metadata(self.description))
            self._file = self.output.enter(open_parquet(self._temporary, schema))
        if len(sites):
            self._file.write_table(batch, row_group_size=len(sites))

    def finish(self) -> None:
        """Write the footer and close the file."""
        if self._file is not None:
            self._file.close()


def table(sites: Sites, modifications: Sequence[Modification]) -> pa.Table:
    """Return a typed table of sites; unknown values are null.

    Parameters
    ----------
    modifications : sequence of Modification
        Those of the scan.
    """
    arrays = {
        "sequence": _strings(sites.sequence),
        "position": pa.array(sites.position + 1, pa.int64()),
        "strand": _categories(("+", "-"), sites.reverse),
        "base": _categories((*ALPHABET, "N"), sites.base),
        "modification": _categories([m.symbol for m in modifications], sites.modification_index),
        "score": pa.array(sites.score, pa.float64(), from_pandas=True),
        "probability": pa.array(sites.probability, pa.float64(), from_pandas=True),
        "p_value": pa.array(sites.p_value, pa.float64(), from_pandas=True),
        "q_value": pa.array(sites.q_value, pa.float64(), from_pandas=True),
        "call": _categories(_CALL_ORDER, _CALL_CODES[sites.tier], ordered=True),
        "warnings": _categories(_ALL_FLAGS, sites.flags.astype(np.int64) - 1),
    }
    assert tuple(arrays) == COLUMNS
    for name, column in sites.extra.items():
        text = column.dtype.kind in "OU"
        arrays[name] = _strings(column) if text else pa.array(column, from_pandas=True)
    fields = [
        pa.field(name, array.type, metadata=_column_metadata(name))
        for name, array in arrays.items()
    ]
    return pa.Table.from_arrays(list(arrays.values()), schema=pa.schema(fields))


def _strings(values: np.ndarray) -> pa.Array:
    """Return a column of unchanged names; None and nan are null."""
    codes, unique = pd.factorize(values)
    words = [str(word).encode("utf-8", "replace").decode() for word in unique.tolist()]
    return pa.array(words, pa.string()).take(pa.array(codes, mask=codes < 0))


def _categories(words: Sequence[str], codes: np.ndarray, ordered: bool = False) -> pa.Array:
    """Return a dictionary-encoded column; code -1 is null."""
    codes = codes.astype(np.min_scalar_type(-max(1, len(words))))  # int8 for up to 128 words
    numbers = pa.array(codes, mask=codes < 0)
    return pa.DictionaryArray.from_arrays(numbers, pa.array(words, pa.string()), ordered=ordered)


def _column_metadata(name: str) -> dict[str, str] | None:
    if name not in _COLUMN_METADATA:
        return None
    meaning, unit = _COLUMN_METADATA[name]
    return {"description": meaning} | ({"unit": unit} if unit else {})


def _metadata(description: Description) -> dict[str, str]:
    """Return the facts and the meaning of the symbols of the modifications."""
    modifications = [
        {"symbol": m.symbol, "name": m.name, "modomics": m.modomics, "color": m.color}
        for m in description.modifications
    ]
    metadata = {"program": f"vqrna {description.facts.get(PROGRAM, '')}".strip()}
    metadata |= {name: value for name, value in description.facts.items() if name != PROGRAM}
    for name in ("organism", "assembly", "annotation"):
        if getattr(description, name):
            metadata[name] = getattr(description, name)
    return metadata | {"modifications": json.dumps(modifications)}


@contextmanager
def open_parquet(
    path: Path, schema: pa.Schema, compression: str = "zstd"
) -> Iterator[pq.ParquetWriter]:
    """Open a file for writing; an error on closing it does not hide an earlier one."""
    import pyarrow.parquet as pq

    with path.open("wb") as stream:  # pyarrow itself opens only paths that are UTF-8
        file = pq.ParquetWriter(stream, schema, compression=compression)
        try:
            yield file
        except BaseException:
            with suppress(OSError):
                file.close()
            raise
        file.close()
