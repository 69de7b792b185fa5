"""The codes of a window with single substitutions, computed only where a substitution reaches.

A base is seen by at most `TOKENS` tokens. For those, only the pooled rows of the first convolution
that see the base (at most `CELLS`) are computed again; the others are those of the window. The
second convolution is one matrix product per pooled row, which gives what the row adds at each
place of the kernel (:class:`WideConvolution`); a token then sums one row per place, of the window
or of the variant, by look-up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F

from vqrna.nn.dense.buffers import Buffers
from vqrna.nn.dense.weights import LETTERS, MER, FoldedNetwork, Layer
from vqrna.nn.encoder import MIX_KERNEL, POOL_KERNEL, STEM_KERNEL, TOKEN_STRIDE, ValidEncoder
from vqrna.nn.ties import NEAR, exact_codes, nearest_codes
from vqrna.sequence import AMBIGUOUS


@dataclass(frozen=True, eq=False)
class WideConvolution:
    """A convolution as one matrix; its sums over the kernel are taken later, by look-up."""

    matrix: torch.Tensor  # (inputs, kernel * outputs)
    bias: torch.Tensor  # (outputs,): To be added to the sums

    @classmethod
    def from_layer(cls, layer: Layer) -> WideConvolution:
        """Lay the matrices of a kernel (kernel, inputs, outputs) side by side."""
        kernel, inputs, outputs = layer.weight.shape
        matrix = layer.weight.permute(1, 0, 2).reshape(inputs, kernel * outputs).contiguous()
        return cls(matrix, layer.bias)

    @classmethod
    def from_block(cls, layer: Layer) -> WideConvolution:
        """Take a residual block, with a weight (outputs, inputs, 1, kernel)."""
        return cls.from_layer(Layer(layer.weight[:, :, 0].permute(2, 1, 0), layer.bias))

    def apply(self, rows: torch.Tensor, out: torch.Tensor) -> None:
        """Write what rows (N, inputs) add at each place to `out` (N * kernel, outputs)."""
        torch.mm(rows, self.matrix, out=out.view(len(rows), self.matrix.shape[1]))


CELL = STEM_KERNEL + POOL_KERNEL - 1
"""Letters seen by a cell: a pooled row of the first convolution."""

CELLS = -(-CELL // TOKEN_STRIDE)
"""Most cells that see one letter."""

TOKENS = CELLS + MIX_KERNEL - 1
"""Most tokens that see one letter."""

REACH = CELL + (MIX_KERNEL - 1) * TOKEN_STRIDE
"""Letters seen by a token."""

AT_ONCE = 512
"""Tokens compared with the codebook at a time: their cosines stay in the second-level cache."""


class VariantCodes(NamedTuple):
    """Codes around substitutions."""

    # (N,), int64: The first token that can differ; may be before the first of the window
    first: torch.Tensor
    # (N, TOKENS), int64: Codes of that token and the next ones; undefined beyond the window
    codes: torch.Tensor
    # (N, TOKENS), bool: Which differ from the window's; never beyond the window
    changed: torch.Tensor


class _Layout(NamedTuple):
    """Which cells and tokens see each of N columns; independent of the letters."""

    columns: torch.Tensor  # (N,), int64
    first: torch.Tensor  # (N,), int64: The first token that can see the column
    # (N, width), int64: Letters seen by the cells that see the column, as indices of the padded
    # window
    seen: torch.Tensor
    column_seen: torch.Tensor  # (N, 1), int64: Index of the column among these
    token: torch.Tensor  # (N, TOKENS), int64: The tokens, clamped to the window
    # variant, nth: (E,), int64: Pairs of a column and a token that sees it, the token counted from
    # `first`
    variant: torch.Tensor
    nth: torch.Tensor
    # (E, MIX_KERNEL), int64: Rows of the table of cells that each of these tokens sums
    words: torch.Tensor


class WindowCodes:
    """The codes of a window and of its substitutions.

    Parameters
    ----------
    folded : FoldedNetwork
        On the CPU.

    Attributes
    ----------
    tokens : int
        Codes of a window, T.
    """

    def __init__(self, folded: FoldedNetwork) -> None:
        self._f = folded
        self._mix = WideConvolution.from_layer(folded.mix)
        self.tokens = 2 * ValidEncoder.codes_beside(folded.length) + 1
        self._start = (folded.length - REACH - (self.tokens - 1) * TOKEN_STRIDE) // 2
        # Cells around a substitution reach beyond the window; their values there are never used
        self._pad = 3 * CELL
        self._kernel = torch.arange(MIX_KERNEL)
        self._cells = folded.mix.bias.new_empty(0, len(folded.mix.bias))
        self._buffers = Buffers()
        self._layout: _Layout | None = None
        self._window_cells = (self.tokens + MIX_KERNEL - 1) * MIX_KERNEL

    def set_window(self, window: torch.Tensor) -> torch.Tensor:
        """Set the window (L,), int64, of the network's length; return its codes (T,)."""
        self._padded = F.pad(window, (self._pad, self._pad + CELL), value=AMBIGUOUS)
        at = torch.arange(self.tokens + MIX_KERNEL - 1) * TOKEN_STRIDE + self._start + self._pad
        cells = self._table(0)
        self._mix.apply(self._pooled(self._padded[at[:, None] + torch.arange(CELL)], 1), cells)
        rows = torch.arange(self.tokens)[:, None] + self._kernel
        mixed = F.embedding_bag(rows * MIX_KERNEL + self._kernel, cells, mode="sum")  # (T, C)
        seen = self._padded[at[: self.tokens, None] + torch.arange(REACH)]
        self._codes = self._nearest(mixed, lambda row: seen[row])
        return self._codes

    def substitute(self, columns: torch.Tensor, bases: torch.Tensor) -> VariantCodes:
        """Return the codes with `bases` (N,) in place of the letters at `columns` (N,)."""
        if self._layout is None or not self._layout.columns.equal(columns):
            self._layout = self._lay_out(columns)
        at = self._layout
        seen = self._padded[at.seen]
        seen.scatter_(1, at.column_seen, bases[:, None])
        cells = self._table(len(columns) * CELLS)
        self._mix.apply(self._pooled(seen, CELLS), cells[self._window_cells :])
        mixed = F.embedding_bag(at.words, cells, mode="sum")  # (E, C)

        def letters(which: torch.Tensor) -> torch.Tensor:
            variant, nth = at.variant[which], at.nth[which]
            column = self._start + (at.first[variant] + nth) * TOKEN_STRIDE
            there = self._padded[(column + self._pad)[:, None] + torch.arange(REACH)]
            here = torch.arange(REACH) == (columns[variant] - column)[:, None]
            return torch.where(here, bases[variant, None], there)

        before = self._codes[at.token]
        codes = before.clone()
        codes[at.variant, at.nth] = self._nearest(mixed, letters)
        return VariantCodes(at.first, codes, codes != before)

    def _lay_out(self, columns: torch.Tensor) -> _Layout:
        ahead = self._start + CELL - 1 - columns
        first_cell = -torch.div(ahead, TOKEN_STRIDE, rounding_mode="floor")
        begin = self._start + first_cell * TOKEN_STRIDE  # column of the first letter seen
        width = CELL + (CELLS - 1) * TOKEN_STRIDE
        first = first_cell - (MIX_KERNEL - 1)
        token = first[:, None] + torch.arange(TOKENS)
        left = columns[:, None] - (self._start + token * TOKEN_STRIDE)  # letters before the column
        inside = (token >= 0) & (token < self.tokens) & (left >= 0) & (left < REACH)
        variant, nth = torch.nonzero(inside, as_tuple=True)
        # A token sums one row for each of five cells, at its place in the kernel. Cells that do
        # not see the substitution are the window's
        cell = nth[:, None] + self._kernel - (MIX_KERNEL - 1)
        sees = (cell >= 0) & (cell < CELLS)
        last = self._window_cells // MIX_KERNEL - 1
        old = (first_cell[variant, None] + cell).clamp_(0, last) * MIX_KERNEL
        new = variant[:, None] * (CELLS * MIX_KERNEL) + cell * MIX_KERNEL + self._window_cells
        return _Layout(
            columns,
            first,
            (begin + self._pad)[:, None] + torch.arange(width),
            (columns - begin)[:, None],
            token.clamp_(0, self.tokens - 1),
            variant,
            nth,
            torch.where(sees, new, old).add_(self._kernel),
        )

    def _table(self, cells: int) -> torch.Tensor:
        """Return the table of what cells add: the window's rows, then those of `cells` others."""
        size = self._window_cells + cells * MIX_KERNEL
        if len(self._cells) < size:
            grown = self._cells.new_empty(size, self._cells.shape[1])
            grown[: len(self._cells)] = self._cells
            self._cells = grown
        return self._cells[:size]

    def _pooled(self, seen: torch.Tensor, cells: int) -> torch.Tensor:
        """Return `cells` cells (N * cells, C) after the first norm, from letters (N, width)."""
        mers = seen[:, :-2] * LETTERS**2 + seen[:, 1:-1] * LETTERS + seen[:, 2:]
        tables = STEM_KERNEL // MER
        stems = cells * TOKEN_STRIDE
        at = torch.arange(stems)[:, None] + MER * torch.arange(tables)
        words = mers[:, at] + torch.arange(tables) * LETTERS**MER  # (N, stems, tables)
        x = F.embedding_bag(words.flatten(0, 1), self._f.stem, mode="sum")
        x = x.view(-1, POOL_KERNEL, x.shape[-1])  # (N * cells, 3, C): pool kernel equals stride
        pooled = torch.maximum(torch.maximum(x[:, 0], x[:, 1]), x[:, 2])
        return torch.addcmul(self._f.stem_shift, pooled, self._f.stem_scale).relu_()

    def _nearest(
        self, mixed: torch.Tensor, letters: Callable[[torch.Tensor], torch.Tensor]
    ) -> torch.Tensor:
        """Return the codes of tokens (N, C), near ties in double precision.

        `letters` maps indices of tokens (K,) to the letters they see (K, REACH).
        """
        f, count = self._f, len(mixed)
        codes, gaps = torch.empty(count, dtype=torch.int64), mixed.new_empty(count)
        for at in range(0, count, AT_ONCE):
            rows = slice(at, min(at + AT_ONCE, count))
            x = mixed[rows].add_(self._mix.bias).relu_()
            latents = self._buffers.matrix("latents", len(x), f.project_bias)
            torch.addmm(f.project_bias, x, f.project, out=latents)
            cosines = self._buffers.matrix("cosines", len(x), f.codebook)
            torch.mm(latents, f.codebook, out=cosines)
            codes[rows], gap = nearest_codes(cosines)
            torch.div(gap, torch.linalg.vector_norm(latents, dim=1), out=gaps[rows])
        doubtful = torch.nonzero(gaps < NEAR)[:, 0]
        if len(doubtful):
            codes[doubtful], _ = exact_codes(f.exact_encoder, f.exact_codebook, letters(doubtful))
        return codes
