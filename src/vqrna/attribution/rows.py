"""What comes behind the codes of a window, of only those rows that other codes change."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F

from vqrna.attribution.folded import Folded, Wide
from vqrna.attribution.reach import Substituted
from vqrna.nn.context import KERNEL

POOL, FACTOR = 3, 2
"""Kernel and stride of the pools between the context's scales."""

LOST = KERNEL - 1
"""Rows that a convolution without padding takes from a window."""


class Frames(NamedTuple):
    """The rows of a layer that may differ, for each of N variants of a window.

    Attributes
    ----------
    first : torch.Tensor, shape (N,), int64
        Position of the first in the window; may lie before the first row.
    rows : torch.Tensor, shape (N, width), int64
        Where each one stands in the table of the layer; unchanged ones point at the window's own.
    changed : torch.Tensor, shape (N, width), bool
        Never beyond the window.
    """

    first: torch.Tensor
    rows: torch.Tensor
    changed: torch.Tensor

    def widened(self, before: int, after: int, count: int) -> Frames:
        """Take in more rows on either side, of the window's `count`, all unchanged."""
        first = self.first - before
        width = before + self.rows.shape[1] + after
        rows = _places(first, width).clamp_(0, count - 1)
        rows[:, before : width - after] = self.rows
        return Frames(first, rows, F.pad(self.changed, (before, after)))


class Store:
    """Rows of one layer: those of a window, and behind them those of variants.

    The same memory serves all variants and windows, since fresh memory costs more than what is
    computed in it.

    Parameters
    ----------
    folded : Folded
    count : int
        Rows of a window.
    """

    def __init__(self, folded: Folded, count: int) -> None:
        self.count = count
        self.used = count
        self._rows = folded.enter.new_empty(2 * count, folded.enter.shape[1])

    @property
    def rows(self) -> torch.Tensor:
        """All rows there are: (count + N, W)."""
        return self._rows[: self.used]

    @property
    def own(self) -> torch.Tensor:
        """Those of the window: (count, W)."""
        return self._rows[: self.count]

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
        return self._rows[self.count : self.used]


class WindowContext:
    """Logits of windows with other codes.

    Parameters
    ----------
    folded : Folded
    tokens : int
        Codes of a window.
    """

    def __init__(self, folded: Folded, tokens: int) -> None:
        self._f = folded
        self._tokens = tokens
        count = tokens - LOST
        self._entry = Store(folded, count)
        self._pools: list[Store] = []
        self._blocks: list[Store] = []
        self._parts: list[Store] = []
        for scale in range(len(folded.blocks)):
            if scale:
                count = 2 * _pooled_half(count) + 1
                self._pools.append(Store(folded, count))
            self._parts.append(Store(folded, count * KERNEL))
            count -= LOST
            self._blocks.append(Store(folded, count))
        self._places = torch.arange(KERNEL)
        self._in_table = self._places * folded.codebook.shape[1]

    def begin(self, codes: torch.Tensor) -> torch.Tensor:
        """Take a window by its codes (T,); give its logits (M,)."""
        f = self._f
        self._codes = codes
        self._look_up(codes.unfold(0, KERNEL, 1), own=True)
        store = self._entry
        hidden = f.head_bias + self._own_features(store, 0) + store.own.sum(0) @ f.head[1]
        for scale, block in enumerate(f.blocks):
            if scale:
                pooled = self._pools[scale - 1]
                start = _pool_start(store.count, pooled.count)
                rows = start + FACTOR * torch.arange(pooled.count)[:, None] + torch.arange(POOL)
                store = _maxima(store, rows, pooled, own=True)
            rows = torch.arange(store.count - LOST)[:, None] + self._places
            store = self._convolve(store, rows, scale, block, own=True)
            hidden += self._own_features(store, 2 + scale)
        hidden += store.own.sum(0) @ f.head[-1]
        self._hidden = hidden
        return f.logits_bias + hidden.relu() @ f.logits

    def logits(self, variants: Substituted) -> torch.Tensor:
        """Evaluate N variants of the window: (N, M)."""
        f = self._f
        hidden = self._hidden.repeat(len(variants.first), 1)
        frames, store = self._enter(variants), self._entry
        self._add_features(hidden, frames, store, 0)
        self._add_means(hidden, frames, store, 1)
        for scale, block in enumerate(f.blocks):
            if scale:
                frames, store = self._pool(frames, store, self._pools[scale - 1])
            frames, store = self._block(frames, store, scale, block)
            self._add_features(hidden, frames, store, 2 + scale)
        self._add_means(hidden, frames, store, -1)
        return torch.addmm(f.logits_bias, hidden.relu_(), f.logits)

    def _enter(self, variants: Substituted) -> Frames:
        """Look the first convolution up, each set of codes once."""
        size = self._f.codebook.shape[1]
        width = variants.codes.shape[1] + 2 * LOST
        first = variants.first - LOST
        codes = self._codes[_places(first, width).clamp_(0, self._tokens - 1)]
        codes[:, LOST:-LOST] = variants.codes
        changed = _dilated(F.pad(variants.changed, (LOST, LOST)), KERNEL)
        changed = changed.logical_and_(_inside(first, changed.shape[1], self._entry.count))
        sets = codes.take(_flat(changed, width)[:, None] + self._places)
        if size**KERNEL < 1 << 63:
            key = (sets * size**self._places).sum(1)
            unique, kind = torch.unique(key, return_inverse=True)
            one = torch.empty_like(unique).scatter_(0, kind, torch.arange(len(kind)))
            sets = sets[one]
        else:
            kind = torch.arange(len(sets))
        self._look_up(sets, own=False)
        return _frames(first, changed, kind + self._entry.count, self._entry.count)

    def _look_up(self, sets: torch.Tensor, own: bool) -> None:
        """Evaluate the first convolution on sets of codes (N, KERNEL)."""
        found = F.embedding_bag(sets + self._in_table, self._f.enter, mode="sum")
        torch.clamp_min(found, 0, out=self._entry.room(len(sets), own))

    def _block(self, frames: Frames, store: Store, scale: int, block: Wide) -> tuple[Frames, Store]:
        """Apply a residual block to the rows that changed."""
        count = store.count - LOST
        wide = frames.widened(LOST, LOST, store.count)
        changed = _dilated(wide.changed, KERNEL)
        changed = changed.logical_and_(_inside(wide.first, changed.shape[1], count))
        seen = _flat(changed, wide.rows.shape[1])[:, None] + self._places
        found = self._convolve(store, wide.rows.take(seen), scale, block, own=False)
        return _frames(wide.first, changed, None, count), found

    def _convolve(
        self, store: Store, rows: torch.Tensor, scale: int, block: Wide, own: bool
    ) -> Store:
        """Evaluate a residual block where it sees `rows` (N, KERNEL) of the store."""
        parts, found = self._parts[scale], self._blocks[scale]
        new = store.own if own else store.rows[store.count :]
        room = parts.room(len(new) * KERNEL, own)
        torch.mm(new, block.matrix, out=room.view(len(new), KERNEL * room.shape[1]))
        beside = store.rows.index_select(0, rows[:, KERNEL // 2])
        total = F.embedding_bag(rows * KERNEL + self._places, parts.rows, mode="sum")
        # The input is in the sum: x + max(c, 0) is max(x + c, x)
        torch.maximum(total.add_(block.bias), beside, out=found.room(len(rows), own))
        return found

    def _pool(self, frames: Frames, store: Store, pooled: Store) -> tuple[Frames, Store]:
        """Take the maxima that see a row that changed."""
        start = _pool_start(store.count, pooled.count)
        first = -torch.div(start + POOL - 1 - frames.first, FACTOR, rounding_mode="floor")
        width = (frames.rows.shape[1] + POOL - 2) // FACTOR + 1
        wide = frames.widened(POOL - 1, POOL, store.count)
        shift = start + first * FACTOR - wide.first  # 0 or 1
        begin = torch.arange(len(first)) * wide.rows.shape[1] + shift
        at = begin[:, None] + FACTOR * torch.arange(width)
        seen = _dilated(wide.changed, POOL)
        begin = torch.arange(len(first)) * seen.shape[1] + shift
        changed = seen.take(begin[:, None] + FACTOR * torch.arange(width))
        changed = changed.logical_and_(_inside(first, width, pooled.count))
        rows = wide.rows.take(at.take(_flat(changed, width))[:, None] + torch.arange(POOL))
        _maxima(store, rows, pooled, own=False)
        return _frames(first, changed, None, pooled.count), pooled

    def _own_features(self, store: Store, part: int) -> torch.Tensor:
        """Give what the window's central row adds to the classifier."""
        return store.own[store.count // 2] @ self._f.head[part]

    def _add_features(self, hidden: torch.Tensor, frames: Frames, store: Store, part: int) -> None:
        """Add by how much more the central row adds in each variant."""
        centre = store.count // 2
        nth = centre - frames.first
        inside = (nth >= 0) & (nth < frames.rows.shape[1])
        there = torch.nonzero(inside)[:, 0]
        rows = frames.rows[there, nth[there]]
        more = (store.rows[rows] - store.own[centre]) @ self._f.head[part]
        hidden.index_add_(0, there, more)

    def _add_means(self, hidden: torch.Tensor, frames: Frames, store: Store, part: int) -> None:
        """Add by how much more the sum of all rows adds in each variant."""
        width = frames.rows.shape[1]
        if not len(frames.first):
            return
        low, high = int(frames.first.min()), int(frames.first.max())
        firsts = torch.arange(low, high + 1)
        places = _places(firsts, width).clamp_(0, store.count - 1)
        # Rows beyond the window are the same in both, so that they do not count
        before = F.embedding_bag(places, store.own, mode="sum")
        more = F.embedding_bag(frames.rows, store.rows, mode="sum")
        more -= before.index_select(0, frames.first - low)
        hidden.addmm_(more, self._f.head[part])


def _pooled_half(count: int) -> int:
    """Count the rows on each side of the central one behind a pool, as ``MaxPool`` in a window."""
    return (count // 2 - POOL // 2) // FACTOR


def _pool_start(count: int, pooled: int) -> int:
    """Give the first row that the first of the pooled ones sees."""
    return (count - (pooled - 1) * FACTOR - POOL) // 2


def _maxima(store: Store, rows: torch.Tensor, pooled: Store, own: bool) -> Store:
    """Take the maximum of each `POOL` rows (N, POOL)."""
    room = pooled.room(len(rows), own)
    first, second, third = (store.rows.index_select(0, nth) for nth in rows.unbind(1))
    torch.maximum(first, torch.maximum(second, third, out=second), out=room)
    return pooled


def _dilated(changed: torch.Tensor, kernel: int) -> torch.Tensor:
    """Tell which kernels see a row that changed: (N, width) to (N, width - kernel + 1)."""
    width = changed.shape[1] - kernel + 1
    seen = changed[:, :width] | changed[:, 1 : 1 + width]
    for nth in range(2, kernel):
        seen |= changed[:, nth : nth + width]
    return seen


def _flat(changed: torch.Tensor, width: int) -> torch.Tensor:
    """Find what is changed (N, narrow) in the flattened matrix (N, width)."""
    row, nth = torch.nonzero(changed, as_tuple=True)
    return row.mul_(width).add_(nth)


def _places(first: torch.Tensor, width: int) -> torch.Tensor:
    """Give the numbers of `width` rows from each first on: (N, width)."""
    return first[:, None] + torch.arange(width)


def _inside(first: torch.Tensor, width: int, count: int) -> torch.Tensor:
    """Tell which of `width` rows from each first on are in a window of `count`."""
    places = _places(first, width)
    return (places >= 0).logical_and_(places < count)


def _frames(
    first: torch.Tensor, changed: torch.Tensor, rows: torch.Tensor | None, count: int
) -> Frames:
    """Let changed rows point at `rows`, or at one each behind the window's `count`."""
    all_rows = _places(first, changed.shape[1]).clamp_(0, count - 1)
    if rows is None:
        behind = changed.flatten().cumsum(0).view(changed.shape) + (count - 1)
        return Frames(first, torch.where(changed, behind, all_rows), changed)
    all_rows[changed] = rows
    return Frames(first, all_rows, changed)
