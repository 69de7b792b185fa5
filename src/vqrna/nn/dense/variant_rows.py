"""Which rows of each layer of the context a substitution changes, and which of them are alike.

No layer pads, so that a row hangs on the codes of the tokens it sees and on nothing else. Two
variants of a window have the same row where they have the same codes there: it is worked out once.

Tables of rows: those of a window, and behind them those of its variants.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F

from vqrna.nn.context import KERNEL
from vqrna.nn.dense.variant_codes import Substituted

POOL, FACTOR = 3, 2
"""Kernel and stride of the pools between the context's scales."""

MARGIN = KERNEL - 1
"""Rows beside those that may differ, which the next layer sees, too."""


class Place(NamedTuple):
    """Where the rows of a layer stand in a window.

    Attributes
    ----------
    rows : int
        Of a window.
    start, step : int
        First token that the first row sees, and that of the next row less it.
    reach : int
        Tokens that a row sees.
    """

    rows: int
    start: int
    step: int
    reach: int

    def convolved(self) -> Place:
        """Give the place of a convolution without padding of this layer."""
        return self._replace(
            rows=self.rows - KERNEL + 1, reach=self.reach + (KERNEL - 1) * self.step
        )

    def pooled(self) -> tuple[Place, int]:
        """Give the place of a pool of this layer, and the first row that it sees."""
        # As many on each side of the central one as ``MaxPool`` keeps
        count = 2 * ((self.rows // 2 - POOL // 2) // FACTOR) + 1
        first = (self.rows - (count - 1) * FACTOR - POOL) // 2
        start, reach = self.start + first * self.step, self.reach + (POOL - 1) * self.step
        return Place(count, start, FACTOR * self.step, reach), first


class Frames(NamedTuple):
    """The rows of a layer that may differ, for each of N variants of a window.

    Attributes
    ----------
    first : torch.Tensor, shape (N,), int64
        Position of the first in the window; may lie before the first row.
    rows : torch.Tensor, shape (N, width), int64
        Where each one stands in the table of the layer: unchanged ones at their own place in the
        window, others behind the window's.
    variant, row, kind : torch.Tensor, shape (E,), int64
        What is changed, by variant, then by place: place in the window, and where behind the
        window's rows it stands.
    chosen : torch.Tensor, shape (U,), int64
        One of these for each row behind the window's.
    """

    first: torch.Tensor
    rows: torch.Tensor
    variant: torch.Tensor
    row: torch.Tensor
    kind: torch.Tensor
    chosen: torch.Tensor

    def seen_by(self, later: Frames, kernel: int, start: int = 0, step: int = 1) -> torch.Tensor:
        """Say where in the table stands what each row of a later layer sees: (U, kernel).

        Its first row sees `kernel` rows from `start` on, each next one `step` further on.
        """
        variant, row = later.variant[later.chosen], later.row[later.chosen]
        at = variant * self.rows.shape[1] + (row * step + start - self.first[variant])
        return self.rows.take(at[:, None] + torch.arange(kernel))


class _Lattice(NamedTuple):
    """Rows of a layer that may differ, wherever the codes are changed.

    Attributes
    ----------
    first : torch.Tensor, shape (N,), int64
    row, own : torch.Tensor, shape (N, width), int64
        Place of each row in the window, and the same within its ends.
    inside : torch.Tensor, shape (N, width), bool
    start, stop : torch.Tensor, shape (N, width), int64
        Of the tokens that may be changed, those that it sees.
    """

    first: torch.Tensor
    row: torch.Tensor
    own: torch.Tensor
    inside: torch.Tensor
    start: torch.Tensor
    stop: torch.Tensor


class Lattices:
    """What is the same for all windows that are varied at the same tokens."""

    def __init__(self) -> None:
        self._first: torch.Tensor | None = None
        self._known: dict[Place, _Lattice] = {}

    def of(self, place: Place, first: torch.Tensor, tokens: int) -> _Lattice:
        """Give the rows that may differ where `tokens` from each first on may."""
        if self._first is None or not self._first.equal(first):
            self._first, self._known = first, {}
        if place not in self._known:
            self._known[place] = _lattice(place, first, tokens)
        return self._known[place]


def _lattice(place: Place, first: torch.Tensor, tokens: int) -> _Lattice:
    # The first row that sees the first token, and a margin
    ahead = place.start + place.reach - 1 - first
    first_row = -torch.div(ahead, place.step, rounding_mode="floor") - MARGIN
    width = (tokens + place.reach - 2) // place.step + 1 + 2 * MARGIN
    row = first_row[:, None] + torch.arange(width)
    low = row * place.step + (place.start - first)[:, None]
    return _Lattice(
        first_row,
        row,
        row.clamp(0, place.rows - 1),
        (row >= 0) & (row < place.rows),
        low.clamp(0, tokens),
        (low + place.reach).clamp(0, tokens),
    )


class Changes:
    """What variants of a window change, told for any stretch of tokens by one number.

    Parameters
    ----------
    variants : Substituted
    lattices : Lattices, optional
        Those of earlier windows.
    """

    def __init__(self, variants: Substituted, lattices: Lattices | None = None) -> None:
        self._first = variants.first
        self._lattices = lattices or Lattices()
        tokens = variants.codes.shape[1]
        token = variants.first[:, None] + torch.arange(tokens)
        # What is changed, and into what, as sums of arbitrary large numbers; they wrap around
        each = _scattered(_scattered(token) + variants.codes) * variants.changed
        self._before = F.pad(each.cumsum(1), (1, 0))  # (N, tokens + 1)

    def frames(self, place: Place) -> Frames:
        """Find the rows of a layer that differ; those alike point at the same place."""
        lattice = self._lattices.of(place, self._first, self._before.shape[1] - 1)
        key = self._before.gather(1, lattice.stop)
        key -= self._before.gather(1, lattice.start)
        at = torch.nonzero(((key != 0) & lattice.inside).view(-1))[:, 0]
        row = lattice.row.take(at)
        chosen, kind = alike(_scattered(row + key.take(at)))
        rows = lattice.own.clone()
        rows.view(-1)[at] = kind + place.rows
        variant = torch.div(at, rows.shape[1], rounding_mode="floor")
        return Frames(lattice.first, rows, variant, row, kind, chosen)


def alike(keys: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Choose one of each key, as far as is found without sorting.

    Parameters
    ----------
    keys : torch.Tensor, shape (N,), int64
        Well scattered.

    Returns
    -------
    chosen : torch.Tensor, shape (U,), int64
        Ascending.
    kind : torch.Tensor, shape (N,), int64
        Which of the chosen has the same key. A few keys may be there twice.
    """
    count = len(keys)
    itself = torch.arange(count)
    bits = max(4, (4 * count).bit_length())
    slot = (keys >> 20) & ((1 << bits) - 1)
    held = torch.empty(1 << bits, dtype=torch.int64)
    held[slot] = itself  # one of those that fall together stays
    other = held[slot]
    other = torch.where(keys[other] == keys, other, itself)
    kept = other == itself
    number = kept.cumsum(0).sub_(1)
    return torch.nonzero(kept)[:, 0], number[other]


def _scattered(x: torch.Tensor) -> torch.Tensor:
    """Make numbers that look random, and others of others."""
    x = x + 0x1E3779B97F4A7C15  # or else nought would stay nought
    x = (x ^ (x >> 31)) * 0x1B873593CC9E2D51
    x = (x ^ (x >> 29)) * 0x2545F4914F6CDD1D
    return x ^ (x >> 32)


class Store:
    """Rows of one layer: those of a window, and behind them those of variants.

    The same memory serves all variants and windows, since fresh memory costs more than what is
    computed in it.

    Parameters
    ----------
    count : int
        Rows of a window.
    like : torch.Tensor, shape (..., C)
        Rows are like its own.
    """

    def __init__(self, count: int, like: torch.Tensor) -> None:
        self.count = count
        self.used = count
        self._rows = like.new_empty(2 * count, like.shape[1])

    @property
    def rows(self) -> torch.Tensor:
        """All rows there are: (count + N, C)."""
        return self._rows[: self.used]

    @property
    def own(self) -> torch.Tensor:
        """Those of the window: (count, C)."""
        return self._rows[: self.count]

    @property
    def others(self) -> torch.Tensor:
        """Those of variants: (N, C)."""
        return self._rows[self.count : self.used]

    def room(self, number: int, own: bool) -> torch.Tensor:
        """Give room for the window's rows, or for so many of variants in place of others."""
        if own:
            self.used = self.count
            return self.own
        if self.count + number > len(self._rows):
            grown = self._rows.new_empty(self.count + 2 * number, self._rows.shape[1])
            grown[: self.count] = self.own
            self._rows = grown
        self.used = self.count + number
        return self.others
