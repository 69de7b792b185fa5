"""Units of records, and the engines that score them: threads, or Ray.

A unit is `UNIT` records in the order of the file, so that results do not depend on the number of
workers or shards.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from threading import Event, Lock
from typing import ClassVar, NamedTuple, Protocol

from vqrna.model import Model
from vqrna.runtime.threads import Stopped, map_in_order
from vqrna.variation.parts import VariantPart
from vqrna.variation.scoring import score_records
from vqrna.variation.settings import VariantSettings
from vqrna.variation.track_source import TrackSource
from vqrna.variation.vcf import VcfRecord

UNIT = 256
"""Records of a unit."""


class VariantUnit(NamedTuple):
    """Consecutive records of a file."""

    number: int
    records: tuple[VcfRecord, ...]

    @property
    def digest(self) -> str:
        """Identifies the records."""
        return hashlib.blake2b(repr(self.records).encode(), digest_size=16).hexdigest()


def cut_units(records: Iterable[VcfRecord]) -> Iterator[VariantUnit]:
    """Divide records into units."""
    following, number = iter(records), 0
    while unit := tuple(islice(following, UNIT)):
        yield VariantUnit(number, unit)
        number += 1


class VariantEngine(Protocol):
    """Scores the units of a run."""

    name: ClassVar[str]
    """As the command line has it."""

    in_order: ClassVar[bool]
    """Whether parts are yielded in the order of the units."""

    @property
    def jobs(self) -> int:
        """Number of units that are scored at a time."""

    @property
    def device(self) -> str:
        """Device of the network, as torch names it."""

    def run(
        self, units: Iterator[VariantUnit], advance: Callable[[int], None]
    ) -> Iterator[tuple[VariantUnit, VariantPart]]:
        """Score units; `advance` is called with numbers of finished records."""


@dataclass(frozen=True, eq=False)
class VariantThreads:
    """Threads of this process, which share the model."""

    source: TrackSource
    model: Model
    settings: VariantSettings
    jobs: int

    name: ClassVar[str] = "threads"
    in_order: ClassVar[bool] = True

    @property
    def device(self) -> str:
        """Device of the model."""
        return str(self.model.device)

    def run(
        self, units: Iterator[VariantUnit], advance: Callable[[int], None]
    ) -> Iterator[tuple[VariantUnit, VariantPart]]:
        """Score units (see :class:`VariantEngine`)."""
        lock = Lock()

        def work(unit: VariantUnit, stop: Event) -> VariantPart:
            def advance_or_stop(count: int) -> None:
                if stop.is_set():
                    raise Stopped
                with lock:
                    advance(count)

            return score_records(
                unit.records, self.source, self.model, self.settings, advance_or_stop
            )

        yield from map_in_order(units, work, self.jobs)
