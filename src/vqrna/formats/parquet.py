"""Sites as Parquet: a typed table that pandas, R, polars and DuckDB read fast."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from vqrna.formats.description import PROGRAM, Description
from vqrna.modifications import Modification
from vqrna.runtime.files import Output, writing
from vqrna.sequence import ALPHABET
from vqrna.sites import COLUMNS, FLAGS, Sites, flag_names
from vqrna.stats.tiers import TIERS

_TOLD = {
    "sequence": ("name of the sequence (record, chromosome or transcript)", ""),
    "position": ("place of the modified base in that sequence", "nt, from 1"),
    "strand": ("strand of the sequence that the base lies on", "+ or -"),
    "base": ("the base, as transcribed", ""),
    "modification": ("kind of modification", ""),
    "score": ("what the model says", "0 to 1, 6 decimals"),
    "probability": ("score at the assumed share of modified bases", "0 to 1, 4 digits"),
    "p_value": ("share of unmodified bases with such a score", "0 to 1, 4 digits"),
    "q_value": ("false discovery rate at which the site is found", "0 to 1, 4 digits"),
    "call": ("highest tier that the site reaches; null for none", "low < medium < high"),
    "flags": (f"what is unusual: {', '.join(FLAGS)}; null for nothing", "comma-separated"),
}

_ALL_FLAGS = tuple(flag_names(np.arange(1, 1 << len(FLAGS))))


class Writer:
    """Writes ``PREFIX.parquet``, a row group a batch.

    Parameters
    ----------
    output : Output
    description : Description
    """

    def __init__(self, output: Output, description: Description) -> None:
        name = f"{description.prefix}.parquet"
        self.path = output.folder / name
        self._description = description
        self._output = output
        self._temporary = output.path(name)
        self._file: pq.ParquetWriter | None = None

    def write(self, sites: Sites) -> None:
        """Write sites; the first ones tell the columns."""
        batch = table(sites, self._description.modifications)
        with writing(self.path):
            if self._file is None:
                schema = batch.schema.with_metadata(_metadata(self._description))
                self._file = self._output.enter(_opened(self._temporary, schema))
            if len(sites):
                self._file.write_table(batch, row_group_size=len(sites))

    def finish(self) -> None:
        """Write the footer and close the file."""
        with writing(self.path):
            if self._file is not None:
                self._file.close()


def table(sites: Sites, modifications: Sequence[Modification]) -> pa.Table:
    """Make a typed table of sites; what is not known is null.

    Parameters
    ----------
    sites : Sites
    modifications : sequence of Modification
        The scan's.
    """
    arrays = {
        "sequence": _strings(sites.sequence),
        "position": pa.array(sites.position + 1, pa.int64()),
        "strand": _choice(("+", "-"), sites.reverse),
        "base": _choice((*ALPHABET, "N"), sites.base),
        "modification": _choice([m.symbol for m in modifications], sites.modification_index),
        "score": pa.array(sites.score, pa.float64(), from_pandas=True),
        "probability": pa.array(sites.probability, pa.float64(), from_pandas=True),
        "p_value": pa.array(sites.p_value, pa.float64(), from_pandas=True),
        "q_value": pa.array(sites.q_value, pa.float64(), from_pandas=True),
        "call": _choice(TIERS, sites.tier.astype(np.int64) - 1, ordered=True),
        "flags": _choice(_ALL_FLAGS, sites.flags.astype(np.int64) - 1),
    }
    assert tuple(arrays) == COLUMNS
    for name, column in sites.extra.items():
        text = column.dtype.kind in "OU"
        arrays[name] = _strings(column) if text else pa.array(column, from_pandas=True)
    fields = [pa.field(name, array.type, metadata=_told(name)) for name, array in arrays.items()]
    return pa.Table.from_arrays(list(arrays.values()), schema=pa.schema(fields))


def _strings(values: np.ndarray) -> pa.Array:
    """Make a column of names as they are; None and nan are null."""
    codes, unique = pd.factorize(values)
    words = [str(word).encode("utf-8", "replace").decode() for word in unique.tolist()]
    return pa.array(words, pa.string()).take(pa.array(codes, mask=codes < 0))


def _choice(words: Sequence[str], codes: np.ndarray, ordered: bool = False) -> pa.Array:
    """Make a column of one out of a few words; code -1 is null."""
    codes = codes.astype(np.int8)
    numbers = pa.array(codes, mask=codes < 0)
    return pa.DictionaryArray.from_arrays(numbers, pa.array(words, pa.string()), ordered=ordered)


def _told(name: str) -> dict[str, str] | None:
    if name not in _TOLD:
        return None
    meaning, unit = _TOLD[name]
    return {"description": meaning} | ({"unit": unit} if unit else {})


def _metadata(description: Description) -> dict[str, str]:
    """Give the facts, and what the symbols of the modifications mean."""
    kinds = [
        {"symbol": m.symbol, "name": m.name, "modomics": m.modomics, "color": m.color}
        for m in description.modifications
    ]
    told = {"program": f"vqrna {description.facts.get(PROGRAM, '')}".strip()}
    told |= {name: value for name, value in description.facts.items() if name != PROGRAM}
    for name in ("organism", "assembly", "annotation"):
        if getattr(description, name):
            told[name] = getattr(description, name)
    return told | {"modifications": json.dumps(kinds)}


@contextmanager
def _opened(path: Path, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """Open a file; when something has failed, closing it must not hide what."""
    file = pq.ParquetWriter(path, schema, compression="zstd")
    try:
        yield file
    finally:
        with suppress(OSError):
            file.close()
