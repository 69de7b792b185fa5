"""What runs on the workers of a Ray cluster: readers of shares of the input, and scorers."""

from __future__ import annotations

import io
import pickle
import socket
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, chdir, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import ray
import torch
from ray.data import Datasource
from ray.data.block import BlockMetadata
from ray.data.datasource import ReadTask

from vqrna._version import __version__
from vqrna.errors import DataError, VqrnaError
from vqrna.prediction.parts import Part, packed, unpacked
from vqrna.prediction.scoring import score_unit
from vqrna.prediction.source import Source
from vqrna.prediction.tiles import Unit, units

_SCHEMA = pa.schema([("number", pa.int64()), ("data", pa.large_binary()), ("fault", pa.string())])
"""A row is a unit on its way to a scorer, or its part on the way back, or what went wrong."""


def fingerprint(unit: Unit) -> int:
    """Sum up the sequence of a unit, so that a worker notices if it sees another file."""
    sums = 0
    for piece in unit.pieces:
        sums = zlib.crc32(piece.stretch.name.encode(), sums)
        sums = zlib.crc32(piece.stretch.tokens.tobytes(), sums)
    return sums


@dataclass(frozen=True)
class Opening:
    """What a reader needs to cut the units that everybody cuts.

    Parameters
    ----------
    source : ray.ObjectRef
        Of the pickled source, in Ray's object store.
    half, reach : int
        See :func:`vqrna.prediction.tiles.units`.
    folder : pathlib.Path
        That relative paths of the source are relative to.
    """

    source: Any
    half: int
    reach: int
    folder: Path


class Shares(Datasource):
    """The units of a source that are wanted, read in shares.

    Every share is read by opening the source anew on a worker and cutting it as everybody does.

    Parameters
    ----------
    opening : Opening
    numbers, sums : np.ndarray, shape (U,)
        Units that are wanted, and their :func:`fingerprint`.
    count : int
        Of the shares.
    """

    def __init__(self, opening: Opening, numbers: np.ndarray, sums: np.ndarray, count: int) -> None:
        super().__init__()
        self._opening = opening
        self._shares = [(numbers[i::count], sums[i::count]) for i in range(count)]

    def get_read_tasks(self, parallelism: int, *rest: Any, **more: Any) -> list[ReadTask]:
        """Give a task a share."""
        tasks = []
        for numbers, sums in self._shares:
            read = partial(_read, self._opening, numbers, sums)
            tasks.append(ReadTask(read, BlockMetadata(len(numbers), None, None, None), _SCHEMA))
        return tasks

    def estimate_inmemory_data_size(self) -> None:
        """Not known."""
        return


class Scorer:
    """An actor that holds a model and turns units into parts.

    Parameters
    ----------
    held : ray.ObjectRef
        Of the pickled model (on the CPU) and settings, in Ray's object store.
    device : str
    version : str
        Of the vqrna that drives the scan.
    """

    def __init__(self, held: Any, device: str, version: str) -> None:
        self.fault = ""
        if version != __version__:
            self.fault = _told(f"has vqrna {__version__}, and the scan needs {version}")
            return
        torch.set_num_threads(1)  # sums come out as in threads of one process
        model, self.settings = pickle.loads(ray.get(held))  # of the engine, through Ray
        self.model = model.to(device)

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Score the unit of a row."""
        row = batch.to_pylist()[0]
        if row["fault"] or self.fault:
            return _row(row["number"], b"", row["fault"] or self.fault)
        unit = pickle.loads(row["data"])  # of our own reader, through Ray
        try:
            part = score_unit(self.model, unit, self.settings)
        except VqrnaError as error:
            return _row(unit.number, b"", _told(str(error)))
        file = io.BytesIO()
        np.savez(file, allow_pickle=False, **packed(part))
        return _row(unit.number, file.getvalue(), "")


def part_of(row: pa.Table) -> tuple[int, Part]:
    """Read number and part from a row of a :class:`Scorer`.

    Raises
    ------
    DataError
        If it tells of a fault.
    """
    fault = row["fault"][0].as_py()
    if fault:
        raise DataError(fault)
    with np.load(io.BytesIO(row["data"][0].as_buffer()), allow_pickle=False) as arrays:
        return row["number"][0].as_py(), unpacked({name: arrays[name] for name in arrays.files})


def _read(opening: Opening, numbers: np.ndarray, sums: np.ndarray) -> Iterator[pa.Table]:
    """Read a share; a fault is a row, too."""
    try:
        source = pickle.loads(ray.get(opening.source))  # of the engine, through Ray
        with _inside(opening.folder, source):
            yield from _share(source, opening, numbers, sums)
    except (VqrnaError, OSError, ImportError) as error:
        words = "cannot read the input, which must lie on a path that all workers see"
        yield _row(-1, b"", _told(f"{words}: {error}"))


def _share(
    source: Source, opening: Opening, numbers: np.ndarray, sums: np.ndarray
) -> Iterator[pa.Table]:
    """Cut a source, and give the units of a share, each a row."""
    wanted = dict(zip(numbers.tolist(), sums.tolist(), strict=True))
    for unit in units(source.stretches(), opening.half, opening.reach):
        if unit.number in wanted:
            if wanted.pop(unit.number) != fingerprint(unit):
                break
            yield _row(unit.number, pickle.dumps(unit, pickle.HIGHEST_PROTOCOL), "")
            if not wanted:
                return
    raise DataError("it is not the same there as where the scan was started")


def _inside(folder: Path, source: Source) -> AbstractContextManager[None]:
    """Go to a folder while the body runs, if the source has paths that are relative to it."""
    if all(path.is_absolute() for path in source.inputs()):
        return nullcontext()
    return chdir(folder)


def _row(number: int, data: bytes, fault: str) -> pa.Table:
    return pa.table({"number": [number], "data": [data], "fault": [fault]}, schema=_SCHEMA)


def _told(words: str) -> str:
    return f"worker {socket.gethostname()} {words}"
