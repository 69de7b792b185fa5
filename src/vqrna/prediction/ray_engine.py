"""Score units on Ray: on the cores of this machine, or on the CPUs and GPUs of a cluster.

The driver keeps only numbers and checksums of the units. Readers (tasks of a Ray Data source) cut
the input again on the workers, each for its share of the units, and pass unit by unit to actors,
which score them. Errors travel as rows, so that the user sees one line instead of Ray's traceback.
"""

from __future__ import annotations

import copy
import io
import pickle
import socket
import warnings
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, nullcontext
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
from vqrna.prediction.parts import Part, from_arrays, to_arrays
from vqrna.prediction.scoring import score_unit
from vqrna.prediction.settings import Resources, Settings
from vqrna.prediction.short_sequences import ShortSequences
from vqrna.prediction.source import Source
from vqrna.prediction.tiles import Unit, cut_units
from vqrna.runtime.ray_cluster import Cluster, ray_cluster
from vqrna.sequence import centre

if TYPE_CHECKING:
    from ray.data import Dataset


_ACTORS_PER_READER = 8
"""A reader cuts some 100 million nt per second."""

_SCHEMA = pa.schema([("number", pa.int64()), ("data", pa.large_binary()), ("error", pa.string())])
"""A row is a unit on its way to an actor, or its part on the way back, or an error message."""


@dataclass(frozen=True, eq=False)
class RayEngine:
    """Actors of a Ray cluster.

    Ray repeats the units of a worker that died. Parts are yielded as they are ready.
    """

    cluster: Cluster  # From :func:`vqrna.runtime.ray_cluster.ray_cluster`
    source: Source  # Files on paths that all workers see
    model: Model
    settings: Settings

    name: ClassVar[str] = "ray"
    in_order: ClassVar[bool] = False
    local: ClassVar[bool] = False

    @classmethod
    @contextmanager
    def open(
        cls, source: Source, model: Model, settings: Settings, resources: Resources
    ) -> Iterator[RayEngine]:
        """Start or connect to a cluster while the body runs.

        Raises UsageError if workers cannot read the source: standard input, a pipe, or in memory.
        """
        if not source.rereadable or not source.inputs():
            raise UsageError("--engine ray needs files, not standard input or pipes")
        with ray_cluster(resources.address, resources.jobs, resources.device) as cluster:
            yield cls(cluster, source, model, settings)

    @property
    def jobs(self) -> int:
        """Number of actors."""
        return self.cluster.actors

    @property
    def device(self) -> str:
        """Device of the actors."""
        return self.cluster.device

    def run(
        self, units: Iterator[Unit], advance: Callable[[int], None]
    ) -> Iterator[tuple[int, Part]]:
        """Score units on the cluster (see :class:`vqrna.prediction.engines.Engine`).

        Raises DataError if a worker cannot read the source or reads different sequences, or Ray
        fails.
        """
        numbers, checksums = [], []
        for unit in units:
            numbers.append(unit.number)
            checksums.append(unit.digest)
        if not numbers:
            return
        rows: Any = None
        try:
            scored = self._dataset(np.array(numbers), np.array(checksums))
            rows = iter(
                scored.iter_batches(batch_size=1, batch_format="pyarrow", prefetch_batches=0)
            )
            for row in rows:
                number, part = part_of(row)
                advance(part.nt)
                yield number, part
        except ray.exceptions.RayError as error:
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise DataError(f"Ray failed: {lines[-1].strip()}") from error
        finally:
            if rows is not None:
                rows.close()

    def _dataset(self, numbers: np.ndarray, checksums: np.ndarray) -> Dataset:
        """Return the scored units as a lazy data set."""
        actors = min(self.cluster.actors, len(numbers))
        readers = min(len(numbers), max(2, -(-actors // _ACTORS_PER_READER)))
        reach = reach_of(self.model, self.settings.modifications)
        # Pickled here, so that a worker that cannot unpickle it can report the error
        source = ray.put(pickle.dumps(self.source))
        read = partial(read_share, source, centre(self.model.length), reach, Path.cwd())
        scorer = ray.put(pickle.dumps((copy.deepcopy(self.model).to("cpu"), self.settings)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about defaults of Ray's own
            context = DataContext.get_current().copy()
        context.target_max_block_size = context.target_min_block_size = 1  # one row a block
        context.enable_progress_bars = context.print_on_execution_start = False
        context.issue_detectors_config.detectors = []
        with DataContext.current(context):
            units = ray.data.read_datasource(
                UnitSource(read, numbers, checksums, readers),
                override_num_blocks=readers,
                num_cpus=0,  # otherwise readers and actors would wait for each other's cores
            )
            return units.map_batches(
                UnitScorer,
                batch_size=1,
                batch_format="pyarrow",
                compute=ActorPoolStrategy(size=actors, max_tasks_in_flight_per_actor=2),
                fn_constructor_args=(scorer, self.cluster.device, __version__),
                **self.cluster.resources,
            )


class UnitSource(Datasource):
    """Units of a source, read in shares by separate tasks.

    Parameters
    ----------
    read : callable
        Called with the numbers and checksums of a share; yields its rows.
    numbers, checksums : np.ndarray, shape (U,)
        Units to read, and their :attr:`~vqrna.prediction.tiles.Unit.digest`.
    count : int
        Number of shares.
    """

    def __init__(
        self,
        read: Callable[[np.ndarray, np.ndarray], Iterator[pa.Table]],
        numbers: np.ndarray,
        checksums: np.ndarray,
        count: int,
    ) -> None:
        super().__init__()
        self._read = read
        self._shares = [(numbers[i::count], checksums[i::count]) for i in range(count)]

    def get_read_tasks(self, parallelism: int, *rest: Any, **more: Any) -> list[ReadTask]:
        """Return one task a share."""
        tasks = []
        for share in self._shares:
            size = BlockMetadata(len(share[0]), None, None, None)
            tasks.append(ReadTask(partial(self._read, *share), size, _SCHEMA))
        return tasks

    def estimate_inmemory_data_size(self) -> None:
        """Return None: unknown."""
        return


class UnitScorer:
    """An actor that scores units with a model.

    Parameters
    ----------
    inputs : ray.ObjectRef
        The pickled model (on the CPU) and settings, in Ray's object store.
    device : str
    version : str
        Version of vqrna of the driver.
    """

    def __init__(self, inputs: Any, device: str, version: str) -> None:
        self.error = ""
        if version != __version__:
            self.error = _on_this_worker(f"has vqrna {__version__}, and the scan needs {version}")
            return
        torch.set_num_threads(1)  # the same sums as in threads of one process
        model, self.settings = pickle.loads(ray.get(inputs))  # from the driver, through Ray
        self.model = model.to(device)
        self.short = ShortSequences(len(self.model.modifications))

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Score the unit of a row."""
        row = batch.to_pylist()[0]
        if row["error"] or self.error:
            return row_of(row["number"], error=row["error"] or self.error)
        unit = pickle.loads(row["data"])  # from a reader, through Ray
        try:
            part = score_unit(self.model, unit, self.settings, short=self.short)
        except VqrnaError as error:
            return row_of(unit.number, error=_on_this_worker(str(error)))
        file = io.BytesIO()
        np.savez(file, allow_pickle=False, **to_arrays(part))
        return row_of(unit.number, file.getvalue())


def row_of(number: int, data: bytes = b"", error: str = "") -> pa.Table:
    """Return a row of `_SCHEMA`."""
    return pa.table({"number": [number], "data": [data], "error": [error]}, schema=_SCHEMA)


def part_of(row: pa.Table) -> tuple[int, Part]:
    """Return number and part of a row of a :class:`UnitScorer`.

    Raises DataError if the row is an error.
    """
    error = row["error"][0].as_py()
    if error:
        raise DataError(error)
    with np.load(io.BytesIO(row["data"][0].as_buffer()), allow_pickle=False) as arrays:
        return row["number"][0].as_py(), from_arrays({name: arrays[name] for name in arrays.files})


def read_share(
    source_ref: Any, half: int, reach: int, folder: Path, numbers: np.ndarray, checksums: np.ndarray
) -> Iterator[pa.Table]:
    """Cut a source and yield the units of a share as rows; an error is a row, too.

    Parameters
    ----------
    source_ref : ray.ObjectRef
        The pickled source, in Ray's object store.
    half, reach : int
        See :func:`vqrna.prediction.tiles.cut_units`.
    folder : pathlib.Path
        Working directory of the driver, for relative paths.
    numbers, checksums : np.ndarray, shape (U,)
        Units of the share, and their :attr:`~vqrna.prediction.tiles.Unit.digest`.
    """
    try:
        source = pickle.loads(ray.get(source_ref))  # from the driver, through Ray
        relative = not all(path.is_absolute() for path in source.inputs())
        with chdir(folder) if relative else nullcontext():
            expected = dict(zip(numbers.tolist(), checksums.tolist(), strict=True))
            for unit in cut_units(source.regions(), half, reach):
                if unit.number not in expected:
                    continue
                if expected.pop(unit.number) != unit.digest:
                    break
                yield row_of(unit.number, pickle.dumps(unit, pickle.HIGHEST_PROTOCOL))
                if not expected:
                    return
        raise DataError("it differs from the input of the scan")
    except (VqrnaError, OSError, ImportError) as error:
        message = "cannot read the input, which must be on a path that all workers see"
        yield row_of(-1, error=_on_this_worker(f"{message}: {error}"))


def _on_this_worker(message: str) -> str:
    return f"worker {socket.gethostname()} {message}"
