"""Which known sites a scan found, counted type by type and tier by tier, as blocks come."""

from __future__ import annotations

import numpy as np

from vqrna.evaluation.known import STRIDE, KnownSites
from vqrna.evaluation.predicted_sites import Block
from vqrna.stats.tiers import TIERS


class Matches:
    """Counts called sites, and keeps those that lie at known sites.

    Parameters
    ----------
    known : KnownSites
    types : int
        Number of types.
    within : int
        Tolerance in nt.

    Attributes
    ----------
    called : np.ndarray, shape (types, 4), int64
        Rows by type and tier; the first column is of rows that are not called.
    names : set of str
        Of the sequences that have rows.
    """

    def __init__(self, known: KnownSites, types: int, within: int) -> None:
        self.types, self.within = types, within
        self.called = np.zeros((types, len(TIERS) + 1), np.int64)
        self.names: set[str] = set()
        self._ids = {name: number for number, name in enumerate(known.names)}
        places = self._places(known.kind, known.reverse, known.sequence, known.position)
        self.order = np.argsort(places, kind="stable")
        self._known = places[self.order]
        self._kind = known.kind[self.order]
        self._met = np.zeros(len(known), bool)
        self._near: list[np.ndarray] = []
        self._tiers: list[np.ndarray] = []

    def add(self, block: Block) -> None:
        """Count the rows of a block."""
        width = self.called.shape[1]
        cells = np.bincount(block.kind * width + block.tier, minlength=self.called.size)
        self.called += cells.reshape(self.called.shape)
        self.names.update(block.names)
        if not len(self._known) or not len(block.position):
            return
        number = np.array([self._ids.get(name, -1) for name in block.names], dtype=np.int64)
        sequence = number[block.sequence]
        rows = np.flatnonzero(sequence >= 0)
        place = self._places(
            block.kind[rows], block.reverse[rows], sequence[rows], block.position[rows]
        )
        at = np.minimum(np.searchsorted(self._known, place), len(self._known) - 1)
        same = self._known[at] == place
        self._met[at[same]] = True
        at = np.searchsorted(self._known, place - self.within)
        at = np.minimum(at, len(self._known) - 1)
        near = (np.abs(self._known[at] - place) <= self.within) & (block.tier[rows] > 0)
        self._near.append(place[near])
        self._tiers.append(block.tier[rows][near])

    def known(self) -> np.ndarray:
        """Count the known sites by type: shape (types,), int64."""
        return np.bincount(self._kind, minlength=self.types)

    def met(self) -> np.ndarray:
        """Count those of them that have a row of their own, called or not: shape (types,)."""
        return np.bincount(self._kind[self._met], minlength=self.types)

    def found(self, tier: int) -> np.ndarray:
        """Count the known sites that are called with a tier or a higher one.

        As many pairs as can be made of a known and a called site that are not more than the
        tolerance apart; each is part of one pair at most.

        Parameters
        ----------
        tier : int
            From 1.

        Returns
        -------
        np.ndarray, shape (types,), int64
        """
        near = np.concatenate([np.empty(0, np.int64), *self._near])
        reached = np.concatenate([np.empty(0, np.int64), *self._tiers]) >= tier
        called = np.unique(near[reached])
        if self.within == 0:
            paired = np.isin(self._known, called)
        else:
            paired = _pairs(self._known, called, self.within)
        return np.bincount(self._kind[paired], minlength=self.types)

    def _places(
        self, kind: np.ndarray, reverse: np.ndarray, sequence: np.ndarray, position: np.ndarray
    ) -> np.ndarray:
        """Give places as numbers; types, strands and sequences lie far apart."""
        group = (kind * 2 + reverse) * max(len(self._ids), 1) + sequence
        return group * STRIDE + position + STRIDE // 2  # no tolerance reaches another group


def _pairs(known: np.ndarray, called: np.ndarray, within: int) -> np.ndarray:
    """Tell which known places find a partner: both in order, the first with the first it can."""
    found = np.zeros(len(known), bool)
    places, i = called.tolist(), 0
    for k, place in enumerate(known.tolist()):
        while i < len(places) and places[i] < place - within:
            i += 1
        if i < len(places) and places[i] <= place + within:
            found[k] = True
            i += 1
    return found
