"""Match called sites with known ones, block by block."""

from __future__ import annotations

import numpy as np

from vqrna.data.names import WHOLE_NAMES, NameKeys
from vqrna.evaluation.known_sites import KnownSites
from vqrna.evaluation.predicted_sites import LEVELS, STRIDE, SiteRows
from vqrna.evaluation.scanned_regions import ScannedRegions


class Matches:
    """Counts called sites by type and tier, and keeps those at known sites.

    Parameters
    ----------
    known : KnownSites
    types : int
        Number of types.
    within : int
        Tolerance in nt.
    keys : NameKeys, optional
        How names of sequences are compared.
    regions : ScannedRegions, optional
        Count only sites in them.

    Attributes
    ----------
    called : np.ndarray, shape (types, 5), int64
        Rows by type and tier; the first column counts rows that are not called.
    names : set of str
        Names of the sequences with rows.
    apart : set of str
        Those of sequences whose rows are not together: sites there may be repeated.
    repeated : int
        Rows that repeat a site of the same block.
    outside : int
        Called sites outside `regions`.
    """

    def __init__(
        self,
        known: KnownSites,
        types: int,
        within: int,
        keys: NameKeys | None = None,
        regions: ScannedRegions | None = None,
    ) -> None:
        self.types, self.within = types, within
        self._keys = keys or NameKeys(WHOLE_NAMES, "")
        self._regions = regions
        self.called = np.zeros((types, len(LEVELS) + 1), np.int64)
        self.names: set[str] = set()
        self.apart: set[str] = set()
        self.outside = self.repeated = 0
        self._last: str | None = None
        self._ids = {name: number for number, name in enumerate(known.names)}
        places = self._places(known, known.sequence)
        self.order = np.argsort(places, kind="stable")
        self._known = places[self.order]
        self._modification_index = known.modification_index[self.order]
        self._has_row = np.zeros(len(known), bool)
        self._near: list[np.ndarray] = []
        self._tiers: list[np.ndarray] = []

    def add(self, block: SiteRows) -> None:
        """Count the rows of a block."""
        names = [self._keys.add(name) for name in block.names]
        self._follow(block, names)
        self.names.update(names)
        block = self._unrepeated(block)
        if self._regions is not None:
            inside = self._regions.holds(block, names)
            self.outside += int((block.tier[~inside] > 0).sum())
            block = SiteRows(block.names, *(column[inside] for column in block[1:]))
        width = self.called.shape[1]
        cells = np.bincount(
            block.modification_index * width + block.tier, minlength=self.called.size
        )
        self.called += cells.reshape(self.called.shape)
        if not len(self._known) or not len(block.position):
            return
        number = np.array([self._ids.get(name, -1) for name in names], dtype=np.int64)
        sequence = number[block.sequence]
        rows = np.flatnonzero(sequence >= 0)
        place = self._places(block, sequence, rows)
        at = np.minimum(np.searchsorted(self._known, place), len(self._known) - 1)
        same = self._known[at] == place
        self._has_row[at[same]] = True
        at = np.searchsorted(self._known, place - self.within)
        at = np.minimum(at, len(self._known) - 1)
        near = (np.abs(self._known[at] - place) <= self.within) & (block.tier[rows] > 0)
        self._near.append(place[near])
        self._tiers.append(block.tier[rows][near])

    def _unrepeated(self, block: SiteRows) -> SiteRows:
        """Return a block without rows that repeat a site; the one with the highest tier stays."""
        group = (block.sequence * self.types + block.modification_index) * 2 + block.reverse
        order = np.lexsort((-block.tier, block.position, group))
        group, position = group[order], block.position[order]
        again = np.zeros(len(order), bool)
        again[1:] = (group[1:] == group[:-1]) & (position[1:] == position[:-1])
        self.repeated += int(again.sum())
        kept = np.sort(order[~again]) if again.any() else slice(None)
        return SiteRows(block.names, *(column[kept] for column in block[1:]))

    def _follow(self, block: SiteRows, names: list[str]) -> None:
        """Note sequences whose rows are in several places of the table."""
        if not len(block.sequence):
            return
        starts = np.flatnonzero(np.diff(block.sequence, prepend=-1))
        for number in block.sequence[starts].tolist():
            name = names[number]
            if name != self._last and name in self.names:
                self.apart.add(name)
            self.names.add(name)
            self._last = name

    def known(self) -> np.ndarray:
        """Count the known sites by type: shape (types,), int64."""
        return np.bincount(self._modification_index, minlength=self.types)

    def with_row(self) -> np.ndarray:
        """Count the known sites that have a row, called or not: shape (types,)."""
        return np.bincount(self._modification_index[self._has_row], minlength=self.types)

    def matched(self, tier: int) -> np.ndarray:
        """Count the known sites that are called with a tier (from 1) or a higher one: (types,).

        This is the largest number of pairs of a known and a called site within the tolerance,
        with each site in one pair at most.
        """
        near = np.concatenate([np.empty(0, np.int64), *self._near])
        reached = np.concatenate([np.empty(0, np.int64), *self._tiers]) >= tier
        called = np.unique(near[reached])
        if self.within == 0:
            paired = np.isin(self._known, called)
        else:
            paired = _pairs(self._known, called, self.within)
        return np.bincount(self._modification_index[paired], minlength=self.types)

    def _places(
        self,
        sites: KnownSites | SiteRows,
        sequence: np.ndarray,
        rows: np.ndarray | slice = slice(None),
    ) -> np.ndarray:
        """Return positions as numbers, with types, strands and sequences far apart."""
        group = sites.modification_index[rows] * 2 + sites.reverse[rows]
        group = group * max(len(self._ids), 1) + sequence[rows]
        # No tolerance reaches another group
        return group * STRIDE + sites.position[rows] + STRIDE // 2


def _pairs(known: np.ndarray, called: np.ndarray, within: int) -> np.ndarray:
    """Return which known positions have a partner; both are sorted and matched greedily."""
    paired = np.zeros(len(known), bool)
    places, i = called.tolist(), 0
    for k, place in enumerate(known.tolist()):
        while i < len(places) and places[i] < place - within:
            i += 1
        if i < len(places) and places[i] <= place + within:
            paired[k] = True
            i += 1
    return paired
