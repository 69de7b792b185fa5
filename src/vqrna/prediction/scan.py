"""Scan a source: units in, finished parts out, in order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from vqrna.errors import UsageError
from vqrna.model import Model
from vqrna.prediction.calling import reach_of
from vqrna.prediction.engines import Engine, map_in_order
from vqrna.prediction.parts import Part, PartStore
from vqrna.prediction.scoring import score_unit
from vqrna.prediction.settings import Settings
from vqrna.prediction.source import Names, Source
from vqrna.prediction.tiles import Unit, units
from vqrna.region import Region
from vqrna.runtime.progress import Bar
from vqrna.sequence import centre
from vqrna.sites import Sites, joined


@dataclass(frozen=True)
class Shard:
    """Every n-th unit, from the i-th on.

    Parameters
    ----------
    index, count : int
        i of n, from 1.
    """

    index: int = 1
    count: int = 1

    @classmethod
    def of(cls, text: str) -> Shard:
        """Read ``2/8``.

        Raises
        ------
        UsageError
            If it is anything else.
        """
        match = re.fullmatch(r" *([0-9]{1,9}) */ *([0-9]{1,9}) *", text)
        if match and 1 <= int(match[1]) <= int(match[2]):
            return cls(int(match[1]), int(match[2]))
        raise UsageError(f"'{text}' is no shard: say 1/8 for the first of eight, up to 8/8")

    def holds(self, number: int) -> bool:
        """Tell whether a unit belongs to it."""
        return number % self.count == self.index - 1


@dataclass
class Tally:
    """What was met on the way through a source.

    Attributes
    ----------
    units : int
        How many there are in all, those of other shards too.
    resumed : int
        How many were there already.
    names : Names
        Of the sequences.
    """

    units: int = 0
    resumed: int = 0
    names: Names = field(default_factory=Names)

    @property
    def repeated_names(self) -> int:
        """How many sequences have a name that another one had before."""
        return self.names.repeated()


def scan_units(source: Source, model: Model, settings: Settings) -> Iterator[Unit]:
    """Cut a source into units, always the same."""
    return units(source.stretches(), centre(model.length), reach_of(model, settings.modifications))


def scan(
    units: Iterator[Unit],
    engine: Engine,
    bar: Bar,
    *,
    shard: Shard | None = None,
    store: PartStore | None = None,
    tally: Tally | None = None,
) -> Iterator[Part | None]:
    """Score units; those that are finished already are passed over.

    Parameters
    ----------
    units : iterator of Unit
        All of them.
    engine : Engine
    bar : Bar
        Counts nt.
    shard : Shard, optional
        Score only its units; nothing is yielded for the others.
    store : PartStore, optional
        Where parts are looked for and kept. Without it they are yielded and forgotten.
    tally : Tally, optional
        Filled on the way.

    Yields
    ------
    Part, or None where it lies in the store
    """
    shard, tally = shard or Shard(), tally or Tally()

    def missing() -> Iterator[Unit]:
        for unit in units:
            tally.units += 1
            for piece in unit.pieces:
                if piece.opens:
                    tally.names.add(piece.stretch.name)
            if not shard.holds(unit.number):
                continue
            if store is not None and store.has(unit.number):
                tally.resumed += 1
                bar.advance(unit.nt)
                continue
            yield unit

    for number, part in engine.run(missing(), bar.advance):
        if store is None:
            yield part
        else:
            store.write(number, part)
            yield None


def scan_sequence(model: Model, name: str, tokens: np.ndarray, settings: Settings) -> Sites:
    """Scan one sequence, here and now.

    Parameters
    ----------
    model : Model
    name : str
    tokens : np.ndarray, shape (S,), uint8
    settings : Settings
    """
    reach = reach_of(model, settings.modifications)
    cut = units([Region.whole(name, tokens)], centre(model.length), reach)
    parts = map_in_order(cut, lambda unit, _: score_unit(model, unit, settings), jobs=1)
    return joined(part.sites for _, part in parts)
