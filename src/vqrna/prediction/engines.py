"""Engines that score the units of a scan: threads of this process, or a Ray cluster.

To add an engine, write a class with the members of :class:`Engine` and enter a function that
returns it in `ENGINES`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from threading import Event, Lock
from typing import ClassVar, Protocol

import torch

from vqrna.errors import UsageError
from vqrna.model import Model
from vqrna.prediction.parts import Part
from vqrna.prediction.scoring import score_unit
from vqrna.prediction.settings import Resources, Settings
from vqrna.prediction.short_sequences import ShortSequences
from vqrna.prediction.source import Source
from vqrna.prediction.tiles import Unit
from vqrna.runtime.threads import Stopped, map_in_order

MAX_DEFAULT_JOBS = 8
"""Most threads where the number is not given: each takes some 100 MB."""


class Engine(Protocol):
    """Scores the units of a scan."""

    name: ClassVar[str]
    """As the command line has it."""

    in_order: ClassVar[bool]
    """Whether parts are yielded in the order of the units."""

    local: ClassVar[bool]
    """Whether it computes in this process, with the model on its device, and needs no address."""

    @property
    def jobs(self) -> int:
        """Number of units that are scored at a time."""

    @property
    def device(self) -> str:
        """Device of the network, as torch names it."""

    @classmethod
    def open(
        cls, source: Source, model: Model, settings: Settings, resources: Resources
    ) -> AbstractContextManager[Engine]:
        """Return a context manager of a running engine."""

    def run(
        self, units: Iterator[Unit], advance: Callable[[int], None]
    ) -> Iterator[tuple[int, Part]]:
        """Score units.

        Parameters
        ----------
        advance : callable
            Called with the number of nt that were scored since the last call.

        Yields
        ------
        number, part
            The number of a unit and its result.
        """


@dataclass(frozen=True, eq=False)
class ThreadEngine:
    """Threads of this process.

    Processes would bring nothing: the network computes outside of Python's lock, and threads
    share its weights.
    """

    model: Model
    settings: Settings
    jobs: int

    name: ClassVar[str] = "threads"
    in_order: ClassVar[bool] = True
    local: ClassVar[bool] = True

    @property
    def device(self) -> str:
        """Device of the model."""
        return str(self.model.device)

    @classmethod
    def open(
        cls, source: Source, model: Model, settings: Settings, resources: Resources
    ) -> AbstractContextManager[Engine]:
        """Return the engine (see :class:`Engine`)."""
        return nullcontext(cls(model, settings, resolve_jobs(resources.jobs, model.device)))

    def run(
        self, units: Iterator[Unit], advance: Callable[[int], None]
    ) -> Iterator[tuple[int, Part]]:
        """Score units in threads (see :class:`Engine`)."""
        lock = Lock()
        short = ShortSequences(len(self.model.modifications))

        def work(unit: Unit, stop: Event) -> Part:
            def advance_or_stop(nt: int) -> None:
                if stop.is_set():
                    raise Stopped
                with lock:
                    advance(nt)

            return score_unit(self.model, unit, self.settings, advance_or_stop, short)

        for unit, part in map_in_order(units, work, self.jobs):
            yield unit.number, part


def _ray_engine() -> type[Engine]:
    from vqrna.runtime.ray_cluster import import_ray

    import_ray()  # reports how to install it
    from vqrna.prediction.ray_engine import RayEngine

    return RayEngine


ENGINES: dict[str, Callable[[], type[Engine]]] = {
    "threads": lambda: ThreadEngine,
    "ray": _ray_engine,
}
"""Engines by name. Functions, so that what an engine needs is imported only if it is used."""


def engine_class(name: str, address: str | None = None) -> type[Engine]:
    """Return the class of an engine.

    Raises UsageError if the engine is unknown or not installed, or takes no address.
    """
    if name not in ENGINES:
        raise UsageError(f"unknown engine '{name}' (known: {', '.join(ENGINES)})")
    engine = ENGINES[name]()
    if address and engine.local:
        raise UsageError("--address needs --engine ray")
    return engine


def open_engine(
    name: str,
    source: Source,
    model: Model,
    settings: Settings,
    *,
    jobs: int | None = None,
    device: str = "auto",
    address: str | None = None,
) -> AbstractContextManager[Engine]:
    """Return a context manager of the running engine `name` of `ENGINES`.

    Threads use the device of the model; for Ray it may be on any. The last three parameters are
    those of :class:`vqrna.prediction.settings.Resources`.

    Raises
    ------
    UsageError
        If the engine is unknown, cannot read this source, or is not installed.
    DataError
        If the cluster cannot be reached.
    """
    resources = Resources(jobs, device, address)
    return engine_class(name, address).open(source, model, settings, resources)


def resolve_jobs(jobs: int | None, device: torch.device) -> int:
    """Return the number of threads: the one asked for, or what fits the machine.

    Raises UsageError if it is below 1.
    """
    if jobs is not None:
        if jobs < 1:
            raise UsageError(f"invalid --jobs {jobs} (expected 1 or more threads)")
        return jobs
    if device.type != "cpu":
        return 2  # one computes while the other selects calls
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(MAX_DEFAULT_JOBS, cores or 1))
