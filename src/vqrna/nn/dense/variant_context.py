"""What comes behind the codes of a window, of only those rows that other codes change."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from vqrna.nn.context import KERNEL
from vqrna.nn.dense.variant_codes import Substituted, Wide
from vqrna.nn.dense.variant_head import VariantHead
from vqrna.nn.dense.variant_rows import FACTOR, POOL, Changes, Frames, Lattices, Place, Store
from vqrna.nn.dense.weights import FoldedNetwork


class WindowContext:
    """Logits of windows with other codes.

    Parameters
    ----------
    folded : FoldedNetwork
        On the CPU.
    tokens : int
        Codes of a window.
    """

    def __init__(self, folded: FoldedNetwork, tokens: int) -> None:
        self._enter = folded.enter
        self._in_table = torch.arange(KERNEL) * folded.codebook.shape[1]
        self._entry = _Layer(Place(tokens - KERNEL + 1, 0, 1, KERNEL), folded.enter)
        self._blocks: list[_Block] = []
        below = self._entry
        for layer in folded.blocks:
            self._blocks.append(_Block(below, Wide.of_block(layer), pooling=bool(self._blocks)))
            below = self._blocks[-1].layer
        self._head = VariantHead(folded)
        self._lattices = Lattices()

    def begin(self, codes: torch.Tensor) -> torch.Tensor:
        """Take a window by its codes (T,); give its logits (M,)."""
        self._codes = codes
        self._look_up(codes.unfold(0, KERNEL, 1), own=True)
        for block in self._blocks:
            block.begin()
        finest, coarsest = self._blocks[0].layer, self._blocks[-1].layer
        return self._head.begin(self._entry.store, finest.store, coarsest.store)

    def logits(self, variants: Substituted) -> torch.Tensor:
        """Evaluate N variants of the window: (N, M)."""
        changes = Changes(variants, self._lattices)
        entry = frames = changes.frames(self._entry.place)
        self._look_up(self._sets(variants, entry), own=False)
        found = []
        for block in self._blocks:
            frames = block.vary(changes, frames)
            found.append(frames)
        return self._head.logits(entry, found[0], found[-1])

    def _sets(self, variants: Substituted, entry: Frames) -> torch.Tensor:
        """Give the codes (U, KERNEL) that the rows of the entry see."""
        beside = KERNEL - 1
        width = variants.codes.shape[1] + 2 * beside
        first = variants.first - beside
        codes = self._codes[(first[:, None] + torch.arange(width)).clamp_(0, len(self._codes) - 1)]
        codes[:, beside:-beside] = variants.codes
        variant, row = entry.variant[entry.chosen], entry.row[entry.chosen]
        at = variant * width + (row - first[variant])
        return codes.take(at[:, None] + torch.arange(KERNEL))

    def _look_up(self, sets: torch.Tensor, own: bool) -> None:
        """Evaluate the first convolution on sets of codes (N, KERNEL)."""
        found = F.embedding_bag(sets + self._in_table, self._enter, mode="sum")
        torch.clamp_min(found, 0, out=self._entry.store.room(len(sets), own))


class _Layer:
    """Where the rows of a layer stand, and what they are."""

    def __init__(self, place: Place, like: torch.Tensor) -> None:
        self.place = place
        self.store = Store(place.rows, like)


class _Block:
    """A residual block, with the pool before it if there is one."""

    def __init__(self, below: _Layer, wide: Wide, pooling: bool) -> None:
        self._wide, self._pooling, self._below = wide, pooling, below
        self._input = below
        if pooling:
            place, self._start = below.place.pooled()
            self._input = _Layer(place, wide.matrix[:, : len(wide.matrix)])
        place = self._input.place
        self._parts = Store(place.rows * KERNEL, self._input.store.rows)
        self.layer = _Layer(place.convolved(), self._input.store.rows)

    def begin(self) -> None:
        """Evaluate the window's own rows, as those below it are."""
        if self._pooling:
            row = torch.arange(self._input.place.rows)
            self._maxima(_seen(row * FACTOR + self._start, POOL), own=True)
        self._convolve(_seen(torch.arange(self.layer.place.rows), KERNEL), own=True)

    def vary(self, changes: Changes, frames: Frames) -> Frames:
        """Evaluate what differs in variants, as the frames below it do."""
        if self._pooling:
            pooled = changes.frames(self._input.place)
            self._maxima(frames.seen_by(pooled, POOL, self._start, FACTOR), own=False)
            frames = pooled
        found = changes.frames(self.layer.place)
        self._convolve(frames.seen_by(found, KERNEL), own=False)
        return found

    def _maxima(self, seen: torch.Tensor, own: bool) -> None:
        """Take the maximum of each `POOL` rows (N, POOL)."""
        room = self._input.store.room(len(seen), own)
        below = self._below.store.rows
        first, second, third = (below.index_select(0, nth) for nth in seen.unbind(1))
        torch.maximum(first, torch.maximum(second, third, out=second), out=room)

    def _convolve(self, seen: torch.Tensor, own: bool) -> None:
        """Evaluate the block where it sees the rows `seen` (N, KERNEL)."""
        store = self._input.store
        new = store.own if own else store.others
        self._wide.parts(new, self._parts.room(len(new) * KERNEL, own))
        beside = store.rows.index_select(0, seen[:, KERNEL // 2])
        at = seen * KERNEL + torch.arange(KERNEL)
        total = F.embedding_bag(at, self._parts.rows, mode="sum")
        # The input is in the sum: x + max(c, 0) is max(x + c, x)
        torch.maximum(
            total.add_(self._wide.bias), beside, out=self.layer.store.room(len(seen), own)
        )


def _seen(first: torch.Tensor, kernel: int) -> torch.Tensor:
    return first[:, None] + torch.arange(kernel)
