"""Score units of records on Ray: on the cores of this machine, or on a cluster.

Records are few bytes, so that the driver reads them and passes unit by unit to actors, which read
the sequences themselves. Errors travel as text, so that the user sees one line.
"""

from __future__ import annotations

import copy
import io
import pickle
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import ray
import torch

from vqrna._version import __version__
from vqrna.errors import DataError, VqrnaError
from vqrna.model import Model
from vqrna.runtime.ray_cluster import Cluster, ray_cluster
from vqrna.variation.parts import VariantPart
from vqrna.variation.scoring import score_records
from vqrna.variation.settings import VariantSettings
from vqrna.variation.track_source import TrackSource
from vqrna.variation.units import VariantUnit

_WAITING = 2
"""Units that each actor has at a time: one is scored, the other waits."""


@dataclass(frozen=True, eq=False)
class VariantRay:
    """Actors of a Ray cluster, which repeats the units of a worker that died."""

    cluster: Cluster
    source: TrackSource
    model: Model
    settings: VariantSettings

    name: ClassVar[str] = "ray"
    in_order: ClassVar[bool] = False

    @classmethod
    @contextmanager
    def open(
        cls,
        source: TrackSource,
        model: Model,
        settings: VariantSettings,
        *,
        jobs: int | None = None,
        device: str = "auto",
        address: str | None = None,
    ) -> Iterator[VariantRay]:
        """Start or connect to a cluster while the body runs (see :func:`ray_cluster`)."""
        with ray_cluster(address, jobs, device) as cluster:
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
        self, units: Iterator[VariantUnit], advance: Callable[[int], None]
    ) -> Iterator[tuple[VariantUnit, VariantPart]]:
        """Score units on the cluster (see :class:`vqrna.variation.units.VariantEngine`).

        Raises DataError if a worker cannot read the sequences, or Ray fails.
        """
        first = next(units, None)
        if first is None:
            return
        # Workers have other working directories
        genome = replace(self.source.genome, path=self.source.genome.path.resolve())
        source = replace(self.source, genome=genome)
        model = copy.deepcopy(self.model).to("cpu")
        inputs = ray.put(pickle.dumps((source, model, self.settings)))
        options: dict[str, Any] = {"max_restarts": -1, "max_task_retries": -1}
        scorer = ray.remote(**options | self.cluster.resources)(VariantScorer)
        actors: list[Any] = [
            scorer.remote(inputs, self.cluster.device, __version__) for _ in range(self.jobs)
        ]
        try:
            yield from self._run(first, units, actors, advance)
        except ray.exceptions.RayError as error:
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise DataError(f"Ray failed: {lines[-1].strip()}") from error
        finally:
            for actor in actors:
                ray.kill(actor)

    def _run(
        self,
        first: VariantUnit,
        units: Iterator[VariantUnit],
        actors: list[Any],
        advance: Callable[[int], None],
    ) -> Iterator[tuple[VariantUnit, VariantPart]]:
        pending: dict[Any, tuple[VariantUnit, Any]] = {}
        free = [actor for _ in range(_WAITING) for actor in reversed(actors)]
        unit: VariantUnit | None = first
        while unit is not None or pending:
            while unit is not None and free:
                actor = free.pop()
                pending[actor.score.remote(unit)] = unit, actor
                unit = next(units, None)
            ready, _ = ray.wait(list(pending), num_returns=1)
            done, actor = pending.pop(ready[0])
            free.append(actor)
            data, error = ray.get(ready[0])
            if error:
                raise DataError(error)
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                part = VariantPart.from_arrays({name: arrays[name] for name in arrays.files})
            advance(len(done.records))
            yield done, part


class VariantScorer:
    """An actor that scores units.

    Parameters
    ----------
    inputs : bytes
        The pickled sequences, model (on the CPU) and settings, from the driver.
    device : str
    version : str
        Version of vqrna of the driver.
    """

    def __init__(self, inputs: bytes, device: str, version: str) -> None:
        self._error = ""
        if version != __version__:
            self._error = f"has vqrna {__version__}, and the run needs {version}"
            return
        torch.set_num_threads(1)  # the same sums as in threads of one process
        self._source, model, self._settings = pickle.loads(inputs)  # from the driver, through Ray
        self._model = model.to(device)

    def score(self, unit: VariantUnit) -> tuple[bytes, str]:
        """Return the part of a unit as bytes, or an error."""
        if not self._error:
            try:
                part = score_records(unit.records, self._source, self._model, self._settings)
                file = io.BytesIO()
                np.savez(file, allow_pickle=False, **part.to_arrays())
                return file.getvalue(), ""
            except (VqrnaError, OSError) as error:
                self._error = f"cannot score the records: {error}"
        return b"", f"worker {socket.gethostname()} {self._error}"
