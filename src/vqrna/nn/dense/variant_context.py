"""The context and head of a window's variants: only rows that other codes change are computed.

Layer by layer, :class:`~vqrna.nn.dense.variant_rows.Changes` lists the rows that differ; each is
computed once from the table of the layer below, which holds the window's rows and the variants'.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from vqrna.nn.context import KERNEL
from vqrna.nn.dense.variant_codes import VariantCodes, WideConvolution
from vqrna.nn.dense.variant_head import VariantHead
from vqrna.nn.dense.variant_rows import (
    FACTOR,
    POOL,
    CandidateRows,
    ChangedRows,
    Changes,
    Geometry,
    RowTable,
)
from vqrna.nn.dense.weights import FoldedNetwork


class WindowContext:
    """Logits of a window and of its variants, from their codes.

    Parameters
    ----------
    folded : FoldedNetwork
        On the CPU.
    tokens : int
        Codes of a window, T.
    """

    def __init__(self, folded: FoldedNetwork, tokens: int) -> None:
        self._enter = folded.enter
        self._tables = torch.arange(KERNEL) * folded.codebook.shape[1]
        self._entry = _Layer(Geometry(tokens - KERNEL + 1, 0, 1, KERNEL), folded.enter)
        self._blocks: list[_Block] = []
        below = self._entry
        for layer in folded.blocks:
            wide = WideConvolution.from_block(layer)
            self._blocks.append(_Block(below, wide, pooling=bool(self._blocks)))
            below = self._blocks[-1].layer
        self._head = VariantHead(folded)
        self._candidates = CandidateRows()

    def set_window(self, codes: torch.Tensor) -> torch.Tensor:
        """Set the window by its codes (T,); return its logits (M,)."""
        self._codes = codes
        self._look_up(codes.unfold(0, KERNEL, 1), window=True)
        for block in self._blocks:
            block.set_window()
        finest, coarsest = self._blocks[0].layer, self._blocks[-1].layer
        self._logits = self._head.set_window(self._entry.table, finest.table, coarsest.table)
        return self._logits

    def logits(self, variants: VariantCodes) -> torch.Tensor:
        """Return the logits (N, M) of N variants of the window."""
        changes = Changes(variants, self._candidates)
        entry = rows = changes.rows(self._entry.geometry)
        self._look_up(self._code_sets(variants, entry), window=False)
        scales = []
        for block in self._blocks:
            rows = block.vary(changes, rows)
            scales.append(rows)
        logits = self._head.logits(entry, scales[0], scales[-1])
        # Exactly those of the window: products of several rows can differ in the last digit
        logits[~variants.changed.any(1)] = self._logits
        return logits

    def _code_sets(self, variants: VariantCodes, entry: ChangedRows) -> torch.Tensor:
        """Return the codes (U, KERNEL) that the changed rows of the entry see."""
        beside = KERNEL - 1
        width = variants.codes.shape[1] + 2 * beside
        first = variants.first - beside
        codes = self._codes[(first[:, None] + torch.arange(width)).clamp_(0, len(self._codes) - 1)]
        codes[:, beside:-beside] = variants.codes  # (N, width)
        variant, row = entry.variant[entry.representative], entry.row[entry.representative]
        at = variant * width + (row - first[variant])
        return codes.take(at[:, None] + torch.arange(KERNEL))

    def _look_up(self, code_sets: torch.Tensor, window: bool) -> None:
        """Compute the first convolution for sets of codes (N, KERNEL)."""
        rows = F.embedding_bag(code_sets + self._tables, self._enter, mode="sum")
        torch.clamp_min(rows, 0, out=self._entry.table.allocate(len(code_sets), window))


class _Layer:
    """Geometry and rows of a layer."""

    def __init__(self, geometry: Geometry, like: torch.Tensor) -> None:
        self.geometry = geometry
        self.table = RowTable(geometry.rows, like)


class _Block:
    """A residual block, after a pool except for the first."""

    def __init__(self, below: _Layer, wide: WideConvolution, pooling: bool) -> None:
        self._wide, self._pooling, self._below = wide, pooling, below
        self._input = below
        if pooling:
            geometry, self._start = below.geometry.pooled()
            self._input = _Layer(geometry, wide.matrix[:, : len(wide.matrix)])
        geometry = self._input.geometry
        # What each row of the input adds at each place of the kernel
        self._added = RowTable(geometry.rows * KERNEL, self._input.table.all)
        self.layer = _Layer(geometry.convolved(), self._input.table.all)

    def set_window(self) -> None:
        """Compute the window's rows from those of the layer below."""
        if self._pooling:
            row = torch.arange(self._input.geometry.rows)
            self._pool(_seen(row * FACTOR + self._start, POOL), window=True)
        self._convolve(_seen(torch.arange(self.layer.geometry.rows), KERNEL), window=True)

    def vary(self, changes: Changes, rows: ChangedRows) -> ChangedRows:
        """Compute the rows that differ in variants, given those of the layer below."""
        if self._pooling:
            pooled = changes.rows(self._input.geometry)
            self._pool(rows.seen_by(pooled, POOL, self._start, FACTOR), window=False)
            rows = pooled
        convolved = changes.rows(self.layer.geometry)
        self._convolve(rows.seen_by(convolved, KERNEL), window=False)
        return convolved

    def _pool(self, seen: torch.Tensor, window: bool) -> None:
        """Take the maximum of the rows `seen` (N, POOL) of the layer below."""
        out = self._input.table.allocate(len(seen), window)
        below = self._below.table.all
        first, second, third = (below.index_select(0, nth) for nth in seen.unbind(1))
        torch.maximum(first, torch.maximum(second, third, out=second), out=out)

    def _convolve(self, seen: torch.Tensor, window: bool) -> None:
        """Compute the block from the rows `seen` (N, KERNEL) of its input."""
        table = self._input.table
        new = table.window if window else table.variants
        self._wide.apply(new, self._added.allocate(len(new) * KERNEL, window))
        centre = table.all.index_select(0, seen[:, KERNEL // 2])
        at = seen * KERNEL + torch.arange(KERNEL)
        total = F.embedding_bag(at, self._added.all, mode="sum")  # (N, C)
        # The weights add the input: x + max(c, 0) is max(x + c, x)
        out = self.layer.table.allocate(len(seen), window)
        torch.maximum(total.add_(self._wide.bias), centre, out=out)


def _seen(first: torch.Tensor, kernel: int) -> torch.Tensor:
    return first[:, None] + torch.arange(kernel)
