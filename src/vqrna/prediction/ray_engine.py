"""Score units on Ray: on the cores of this machine, or on the CPUs and GPUs of a cluster."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vqrna._version import __version__
from vqrna.errors import DataError, UsageError
from vqrna.model import Model
from vqrna.prediction.calling import reach_of
from vqrna.prediction.parts import Part
from vqrna.prediction.settings import Settings
from vqrna.prediction.source import Source
from vqrna.prediction.tiles import Unit
from vqrna.runtime.ray_cluster import Cluster
from vqrna.sequence import centre

if TYPE_CHECKING:
    from ray.data import Dataset

_FED = 8
"""One reader feeds so many actors; it cuts some 100 million nt a second."""


def check_source(source: Source) -> None:
    """Refuse what workers could not read.

    Raises
    ------
    UsageError
        If it is standard input, a pipe, or in memory.
    """
    if not source.again or not source.inputs():
        raise UsageError("--engine ray needs files: standard input and pipes reach no worker")


@dataclass(frozen=True, eq=False)
class Ray:
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
    in_order = False

    @property
    def jobs(self) -> int:
        """How many units are scored at a time."""
        return self.cluster.actors

    @property
    def device(self) -> str:
        """Where the actors compute."""
        return self.cluster.device

    def run(
        self, waiting: Iterator[Unit], advance: Callable[[int], None]
    ) -> Iterator[tuple[int, Part]]:
        """Score units on the cluster (see :class:`~vqrna.prediction.scan.Engine`).

        Raises
        ------
        DataError
            If a worker cannot read the source or sees another one, or Ray gives up.
        """
        from vqrna.prediction.ray_work import fingerprint

        numbers, sums = [], []
        for unit in waiting:  # workers cut the same units again: only their numbers are kept
            numbers.append(unit.number)
            sums.append(fingerprint(unit))
        if numbers:
            yield from self._parts(np.array(numbers), np.array(sums), advance)

    def _parts(
        self, numbers: np.ndarray, sums: np.ndarray, advance: Callable[[int], None]
    ) -> Iterator[tuple[int, Part]]:
        import ray

        from vqrna.prediction.ray_work import part_of

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
        import ray
        from ray.data import ActorPoolStrategy, DataContext

        from vqrna.prediction.ray_work import Opening, Scorer, Shares

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
