"""Score units on Ray: on the cores of this machine, or on the CPUs and GPUs of a cluster.

What runs on the workers of a Ray cluster: readers of shares of the input, and scorers.
"""

from __future__ import annotations

import copy
import io
import pickle
import socket
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, chdir, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa
import ray
import torch
from ray.data import ActorPoolStrategy, DataContext, Datasource
from ray.data.block import BlockMetadata
from ray.data.datasource import ReadTask

from vqrna._version import __version__
from vqrna.errors import DataError, UsageError, VqrnaError
from vqrna.model import Model
from vqrna.prediction.calling import reach_of
from vqrna.prediction.parts import Part, packed, unpacked
from vqrna.prediction.scoring import score_unit
from vqrna.prediction.settings import Settings
from vqrna.prediction.source import Source
from vqrna.prediction.tiles import Unit, units
from vqrna.runtime.ray_cluster import Cluster, ray_cluster
from vqrna.sequence import centre

if TYPE_CHECKING:
    from ray.data import Dataset


_FED = 8
"""One reader feeds so many actors; it cuts some 100 million nt a second."""


@dataclass(frozen=True, eq=False)
class RayEngine:
    """Actors of a Ray cluster.

    Ray Data reads the source in shares and hands unit by unit to the actors. It begins again what
    a worker that died had in hand. Parts come as they are done, in any order.

    Parameters
    ----------
    cluster : Cluster
        From :func:`vqrna.runtime.ray_cluster.ray_cluster`.
    source : Source
        Files on paths that all workers see.
    model : Model
    settings : Settings
    """

    cluster: Cluster
    source: Source
    model: Model
    settings: Settings

    name: ClassVar[str] = "ray"
    in_order: ClassVar[bool] = False
    local: ClassVar[bool] = False

    @classmethod
    @contextmanager
    def open(
        cls,
        source: Source,
        model: Model,
        settings: Settings,
        *,
        jobs: int | None = None,
        device: str = "auto",
        address: str | None = None,
    ) -> Iterator[RayEngine]:
        """Start or reach a cluster while the body runs.

        Raises
        ------
        UsageError
            If workers cannot read the source: standard input, a pipe, or in memory.
        """
        if not source.again or not source.inputs():
            raise UsageError("--engine ray needs files: standard input and pipes reach no worker")
        with ray_cluster(address, jobs, device) as cluster:
            yield cls(cluster, source, model, settings)

    @property
    def jobs(self) -> int:
        """How many units are scored at a time."""
        return self.cluster.actors

    @property
    def device(self) -> str:
        """Where the actors compute."""
        return self.cluster.device

    def run(
        self, units: Iterator[Unit], advance: Callable[[int], None]
    ) -> Iterator[tuple[int, Part]]:
        """Score units on the cluster (see :class:`~vqrna.prediction.scan.Engine`).

        Raises
        ------
        DataError
            If a worker cannot read the source or sees another one, or Ray gives up.
        """
        numbers, sums = [], []
        for unit in units:  # workers cut the same units again: only their numbers are kept
            numbers.append(unit.number)
            sums.append(fingerprint(unit))
        if numbers:
            yield from self._parts(np.array(numbers), np.array(sums), advance)

    def _parts(
        self, numbers: np.ndarray, sums: np.ndarray, advance: Callable[[int], None]
    ) -> Iterator[tuple[int, Part]]:
        rows: Any = None
        try:
            rows = iter(
                self._scored(numbers, sums).iter_batches(
                    batch_size=1, batch_format="pyarrow", prefetch_batches=0
                )
            )
            for row in rows:
                number, part = part_of(row)
                advance(part.nt)
                yield number, part
        except ray.exceptions.RayError as error:
            said = str(error).strip().splitlines() or [type(error).__name__]
            raise DataError(f"Ray gave up: {said[-1].strip()}") from error
        finally:
            if rows is not None:
                rows.close()

    def _scored(self, numbers: np.ndarray, sums: np.ndarray) -> Dataset:
        """Lay out the work; it begins when the rows are asked for."""
        actors = min(self.cluster.actors, len(numbers))
        readers = min(len(numbers), max(2, -(-actors // _FED)))
        reach = reach_of(self.model, self.settings.modifications)
        source = ray.put(pickle.dumps(self.source))  # as bytes: who cannot read them can say so
        opening = Opening(source, centre(self.model.length), reach, Path.cwd())
        held = ray.put(pickle.dumps((copy.deepcopy(self.model).to("cpu"), self.settings)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Ray warns of settings that it makes itself
            context = DataContext.get_current().copy()
        context.target_max_block_size = context.target_min_block_size = 1  # a row is a block
        context.enable_progress_bars = context.print_on_execution_start = False
        context.issue_detectors_config.detectors = []
        with DataContext.current(context):
            units = ray.data.read_datasource(
                Shares(opening, numbers, sums, readers),
                override_num_blocks=readers,
                num_cpus=0,  # else readers and actors would wait for one another's cores
            )
            return units.map_batches(
                Scorer,
                batch_size=1,
                batch_format="pyarrow",
                compute=ActorPoolStrategy(size=actors, max_tasks_in_flight_per_actor=2),
                fn_constructor_args=(held, self.cluster.device, __version__),
                **self.cluster.resources,
            )


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
