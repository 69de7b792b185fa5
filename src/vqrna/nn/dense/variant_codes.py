"""The codes of a window with one base substituted, of only those tokens that the base reaches.

A convolution as one matrix: what each of its inputs adds at every place, in one product.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F

from vqrna.nn.dense.buffers import Spaces
from vqrna.nn.dense.weights import LETTERS, MER, FoldedNetwork, Layer
from vqrna.nn.encoder import MIX_KERNEL, POOL_KERNEL, STEM_KERNEL, TOKEN_STRIDE, ValidEncoder
from vqrna.nn.ties import NEAR, nearest, settled
from vqrna.sequence import AMBIGUOUS


@dataclass(frozen=True, eq=False)
class Wide:
    """A convolution whose sums are taken later, row by row.

    Attributes
    ----------
    matrix : torch.Tensor, shape (inputs, kernel * outputs)
    bias : torch.Tensor, shape (outputs,)
        Of the sums.
    """

    matrix: torch.Tensor
    bias: torch.Tensor

    @classmethod
    def of(cls, layer: Layer) -> Wide:
        """Lay the places of a kernel (kernel, inputs, outputs) side by side."""
        kernel, inputs, outputs = layer.weight.shape
        matrix = layer.weight.permute(1, 0, 2).reshape(inputs, kernel * outputs).contiguous()
        return cls(matrix, layer.bias)

    @classmethod
    def of_block(cls, layer: Layer) -> Wide:
        """Take a residual block, whose weight (outputs, inputs, 1, kernel) is that of an image."""
        return cls.of(Layer(layer.weight[:, :, 0].permute(2, 1, 0), layer.bias))

    def parts(self, rows: torch.Tensor, out: torch.Tensor) -> None:
        """Say what each row (N, inputs) adds: `out` is (N * kernel, outputs), a row a place."""
        torch.mm(rows, self.matrix, out=out.view(len(rows), self.matrix.shape[1]))


CELL = STEM_KERNEL + POOL_KERNEL - 1
"""Letters that a pooled row of the first convolution sees."""

CELLS = -(-CELL // TOKEN_STRIDE)
"""Pooled rows that see one letter, at most."""

TOKENS = CELLS + MIX_KERNEL - 1
"""Tokens that see one letter, at most."""

REACH = CELL + (MIX_KERNEL - 1) * TOKEN_STRIDE
"""Letters that a token sees."""

AT_ONCE = 512
"""Tokens that are held against the codes at a time: their cosines stay in the second cache."""

Letters = Callable[[torch.Tensor], torch.Tensor]


class Substituted(NamedTuple):
    """Codes around substitutions.

    Attributes
    ----------
    first : torch.Tensor, shape (N,), int64
        The first token that may be another; may lie before the first of the window.
    codes : torch.Tensor, shape (N, TOKENS), int64
        Codes of that token and the next ones; beyond the window's tokens without meaning.
    changed : torch.Tensor, shape (N, TOKENS), bool
        Which are not what they were; never beyond the window's tokens.
    """

    first: torch.Tensor
    codes: torch.Tensor
    changed: torch.Tensor


class _Layout(NamedTuple):
    """What sees each of N columns, whatever the letters are.

    Attributes
    ----------
    columns : torch.Tensor, shape (N,), int64
    first : torch.Tensor, shape (N,), int64
        The first token that may see it.
    seen : torch.Tensor, shape (N, width), int64
        Letters that the cells see which see the column.
    column_seen : torch.Tensor, shape (N, 1), int64
        Which of these it is.
    token : torch.Tensor, shape (N, TOKENS), int64
        Within the window.
    variant, nth : torch.Tensor, shape (E,), int64
        Which tokens see it.
    words : torch.Tensor, shape (E, MIX_KERNEL), int64
        What these are the sums of.
    """

    columns: torch.Tensor
    first: torch.Tensor
    seen: torch.Tensor
    column_seen: torch.Tensor
    token: torch.Tensor
    variant: torch.Tensor
    nth: torch.Tensor
    words: torch.Tensor


class WindowCodes:
    """The codes of windows, and of the same with a substitution.

    Parameters
    ----------
    folded : FoldedNetwork
        On the CPU.

    Attributes
    ----------
    tokens : int
        Codes of a window.
    """

    def __init__(self, folded: FoldedNetwork) -> None:
        self._f = folded
        self._mix = Wide.of(folded.mix)
        self.tokens = 2 * ValidEncoder.codes_beside(folded.length) + 1
        self._start = (folded.length - REACH - (self.tokens - 1) * TOKEN_STRIDE) // 2
        # Frames of substitutions reach beyond the window; what is there is never used
        self._pad = 3 * CELL
        self._places = torch.arange(MIX_KERNEL)
        self._cells = folded.mix.bias.new_empty(0, len(folded.mix.bias))
        self._spaces = Spaces()
        self._layout: _Layout | None = None
        self._known = (self.tokens + MIX_KERNEL - 1) * MIX_KERNEL

    def begin(self, window: torch.Tensor) -> torch.Tensor:
        """Take a window (L,), int64, of the network's length; give its codes (T,)."""
        self._padded = F.pad(window, (self._pad, self._pad + CELL), value=AMBIGUOUS)
        at = torch.arange(self.tokens + MIX_KERNEL - 1) * TOKEN_STRIDE + self._start + self._pad
        cells = self._room(0)
        self._fill(cells, self._padded[at[:, None] + torch.arange(CELL)], 1)
        rows = torch.arange(self.tokens)[:, None] + self._places
        mixed = F.embedding_bag(rows * MIX_KERNEL + self._places, cells, mode="sum")
        seen = self._padded[at[: self.tokens, None] + torch.arange(REACH)]
        self._codes = self._nearest(mixed, lambda row: seen[row])
        return self._codes

    def substituted(self, columns: torch.Tensor, bases: torch.Tensor) -> Substituted:
        """Give the codes with `bases` (N,) in the place of what stands at `columns` (N,)."""
        if self._layout is None or not self._layout.columns.equal(columns):
            self._layout = self._laid_out(columns)
        at = self._layout
        seen = self._padded[at.seen]
        seen.scatter_(1, at.column_seen, bases[:, None])
        cells = self._room(len(columns) * CELLS)
        self._fill(cells[self._known :], seen, CELLS)
        mixed = F.embedding_bag(at.words, cells, mode="sum")

        def letters(which: torch.Tensor) -> torch.Tensor:
            variant, nth = at.variant[which], at.nth[which]
            column = self._start + (at.first[variant] + nth) * TOKEN_STRIDE
            there = self._padded[(column + self._pad)[:, None] + torch.arange(REACH)]
            here = torch.arange(REACH) == (columns[variant] - column)[:, None]
            return torch.where(here, bases[variant, None], there)

        before = self._codes[at.token]
        codes = before.clone()
        codes[at.variant, at.nth] = self._nearest(mixed, letters)
        return Substituted(at.first, codes, codes != before)

    def _laid_out(self, columns: torch.Tensor) -> _Layout:
        """Say what sees each column, whatever the letters are."""
        ahead = self._start + CELL - 1 - columns
        first_cell = -torch.div(ahead, TOKEN_STRIDE, rounding_mode="floor")
        begin = self._start + first_cell * TOKEN_STRIDE  # column of the first letter that is seen
        width = CELL + (CELLS - 1) * TOKEN_STRIDE
        first = first_cell - (MIX_KERNEL - 1)
        token = first[:, None] + torch.arange(TOKENS)
        left = columns[:, None] - (self._start + token * TOKEN_STRIDE)  # letters before the column
        inside = (token >= 0) & (token < self.tokens) & (left >= 0) & (left < REACH)
        variant, nth = torch.nonzero(inside, as_tuple=True)
        # What each token is the sum of: five rows of cells, each at its own place, which are those
        # of the window where cells see no substitution
        cell = nth[:, None] + self._places - (MIX_KERNEL - 1)
        ours = (cell >= 0) & (cell < CELLS)
        last = self._known // MIX_KERNEL - 1
        old = (first_cell[variant, None] + cell).clamp_(0, last) * MIX_KERNEL
        new = variant[:, None] * (CELLS * MIX_KERNEL) + cell * MIX_KERNEL + self._known
        return _Layout(
            columns,
            first,
            (begin + self._pad)[:, None] + torch.arange(width),
            (columns - begin)[:, None],
            token.clamp_(0, self.tokens - 1),
            variant,
            nth,
            torch.where(ours, new, old).add_(self._places),
        )

    def _room(self, cells: int) -> torch.Tensor:
        """Give the table of what cells add, with room for so many behind those of the window."""
        size = self._known + cells * MIX_KERNEL
        if len(self._cells) < size:
            grown = self._cells.new_empty(size, self._cells.shape[1])
            grown[: len(self._cells)] = self._cells
            self._cells = grown
        return self._cells[:size]

    def _fill(self, room: torch.Tensor, seen: torch.Tensor, cells: int) -> None:
        """Fill a table with what `cells` rows add at each place, from the letters they see."""
        pooled = self._pooled(seen, cells)
        self._mix.parts(pooled, room)

    def _pooled(self, seen: torch.Tensor, cells: int) -> torch.Tensor:
        """Give `cells` rows (N * cells, C) behind the first norm, from the letters they see."""
        mers = seen[:, :-2] * LETTERS**2 + seen[:, 1:-1] * LETTERS + seen[:, 2:]
        places = STEM_KERNEL // MER
        stems = cells * TOKEN_STRIDE
        at = torch.arange(stems)[:, None] + MER * torch.arange(places)
        words = mers[:, at] + torch.arange(places) * LETTERS**MER
        x = F.embedding_bag(words.flatten(0, 1), self._f.stem, mode="sum")
        x = x.view(-1, POOL_KERNEL, x.shape[-1])  # the pool's kernel is its stride
        pooled = torch.maximum(torch.maximum(x[:, 0], x[:, 1]), x[:, 2])
        return torch.addcmul(self._f.stem_shift, pooled, self._f.stem_scale).relu_()

    def _nearest(self, mixed: torch.Tensor, letters: Letters) -> torch.Tensor:
        """Give the codes of tokens (N, C); what nearly ties is decided in double precision.

        Parameters
        ----------
        letters : callable
            Gives what tokens see, (K, REACH), by their numbers.
        """
        f, count = self._f, len(mixed)
        codes, gaps = torch.empty(count, dtype=torch.int64), mixed.new_empty(count)
        for at in range(0, count, AT_ONCE):
            rows = slice(at, min(at + AT_ONCE, count))
            x = mixed[rows].add_(self._mix.bias).relu_()
            latents = self._spaces.matrix("latents", len(x), f.project_bias)
            torch.addmm(f.project_bias, x, f.project, out=latents)
            cosines = self._spaces.matrix("cosines", len(x), f.codebook)
            torch.mm(latents, f.codebook, out=cosines)
            codes[rows], gap = nearest(cosines)
            torch.div(gap, torch.linalg.vector_norm(latents, dim=1), out=gaps[rows])
        doubtful = torch.nonzero(gaps < NEAR)[:, 0]
        if len(doubtful):
            codes[doubtful], _ = settled(f.exact_encoder, f.exact_codebook, letters(doubtful))
        return codes
