"""Scan a source: cut it into units, let an engine score them, and keep the parts."""

from __future__ import annotations

import hashlib
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from vqrna.errors import UsageError
from vqrna.model import Model
from vqrna.prediction.calling import reach_of
from vqrna.prediction.engines import Engine
from vqrna.prediction.part_files import PartState
from vqrna.prediction.parts import Part, PartStore
from vqrna.prediction.scoring import score_unit
from vqrna.prediction.settings import Settings
from vqrna.prediction.source import Source
from vqrna.prediction.tiles import Unit, cut_units
from vqrna.region import Region
from vqrna.runtime.progress import Bar
from vqrna.runtime.threads import map_in_order
from vqrna.sequence import centre
from vqrna.sites import Sites, concat_sites


@dataclass(frozen=True)
class Shard:
    """Every n-th unit, from the i-th on."""

    # index, count: i and n, from 1
    index: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read ``2/8``.

        Raises UsageError if it is not two numbers i/n with 1 <= i <= n.
        """
        match = re.fullmatch(r" *([0-9]{1,9}) */ *([0-9]{1,9}) *", text)
        if match and 1 <= int(match[1]) <= int(match[2]):
            return cls(int(match[1]), int(match[2]))
        raise UsageError(f"invalid shard '{text}' (expected i/n, such as 1/8 to 8/8)")

    def holds(self, number: int) -> bool:
        """Return whether a unit belongs to the shard."""
        return number % self.count == self.index - 1

    def describe_empty(self, units: int) -> str:
        """Return a line for the user on a shard without a unit."""
        parts = "1 part" if units == 1 else f"{units:,} parts"
        return (
            f"shard {self.index}/{self.count} has no sequences: the input is small and was cut "
            f"into {parts} only"
        )


@dataclass
class Tally:
    """Counts taken while a source is read."""

    units: int = 0  # Number of units, those of other shards included
    resumed: int = 0  # Number of units that were finished before
    # damaged, changed: Number of parts that were there, but are damaged, or belong to other
    # sequences or another number, so that they are computed again
    damaged: int = 0
    changed: int = 0
    # By number, digests of the units of the shard (:attr:`vqrna.prediction.tiles.Unit.digest`)
    origins: dict[int, str] = field(default_factory=dict)
    # Hashes of the names of the sequences, 8 bytes each: an input may have millions
    name_hashes: array[int] = field(default_factory=lambda: array("q"))
    _input: hashlib.blake2b = field(default_factory=lambda: hashlib.blake2b(digest_size=16))

    @property
    def repeated_names(self) -> int:
        """Number of sequences that have the name of an earlier one."""
        return len(self.name_hashes) - len(np.unique(self.name_hashes))

    @property
    def input_digest(self) -> str:
        """Digest of the sequences of all units, of those of other shards, too."""
        return self._input.hexdigest()

    @property
    def notes(self) -> tuple[str, ...]:
        """Lines for the user on parts that were kept, and on those that were computed again."""
        reasons = {
            "damaged": self.damaged,
            "of other sequences (the input has changed, or files were renamed)": self.changed,
        }
        lines = [
            f"{count:,} kept part{' was' if count == 1 else 's were'} {reason}: computed again"
            for reason, count in reasons.items()
            if count
        ]
        if self.resumed:
            of = f"{self.resumed:,} of {len(self.origins):,} parts"
            lines.insert(0, f"resumed: {of} were kept from an earlier run")
        return tuple(lines)

    def add(self, unit: Unit) -> None:
        """Count a unit whose part is kept in a store."""
        self._input.update(unit.digest.encode())


def scan_units(source: Source, model: Model, settings: Settings) -> Iterator[Unit]:
    """Cut a source into units, the same ones every time."""
    reach = reach_of(model, settings.modifications)
    return cut_units(source.regions(), centre(model.length), reach)


def scan(
    units: Iterator[Unit],
    engine: Engine,
    bar: Bar,
    *,
    shard: Shard | None = None,
    store: PartStore | None = None,
    tally: Tally | None = None,
) -> Iterator[Part | None]:
    """Score units, except those that are finished already.

    Parameters
    ----------
    units : iterator of Unit
        All units of the source.
    bar : Bar
        Counts nt.
    shard : Shard, optional
        Score only its units; nothing is yielded for the others.
    store : PartStore, optional
        Where parts are looked up and written. Without it they are yielded.
    tally : Tally, optional
        Updated while the units are read.

    Yields
    ------
    Part, or None where it was written to the store
    """
    shard, tally = shard or Shard(), tally or Tally()

    def missing() -> Iterator[Unit]:
        for unit in units:
            tally.units += 1
            for piece in unit.pieces:
                if piece.opens:
                    tally.name_hashes.append(hash(piece.region.name))
            if store is not None:
                tally.add(unit)
            if not shard.holds(unit.number):
                continue
            if store is not None:
                tally.origins[unit.number] = unit.digest
                state = store.state(unit.number, unit.digest)
                tally.damaged += state is PartState.DAMAGED
                tally.changed += state is PartState.OTHER
                if state is PartState.COMPLETE:
                    tally.resumed += 1
                    bar.advance(unit.nt)
                    continue
            yield unit

    for number, part in engine.run(missing(), bar.advance):
        if store is None:
            yield part
        else:
            store.write(number, part, tally.origins[number])
            yield None


def scan_sequence(model: Model, name: str, tokens: np.ndarray, settings: Settings) -> Sites:
    """Scan one sequence, `tokens` of shape (S,), in one thread."""
    reach = reach_of(model, settings.modifications)
    units = cut_units([Region.whole(name, tokens)], centre(model.length), reach)
    parts = map_in_order(units, lambda unit, _: score_unit(model, unit, settings), jobs=1)
    return concat_sites(part.sites for _, part in parts)
