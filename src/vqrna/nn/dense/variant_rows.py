"""Which rows of each layer of the context a substitution changes, and which of them are equal.

No layer pads, so that a row is a function of the codes of the tokens that it sees. Rows of two
variants with the same codes there are equal, and are computed once. To see this without comparing
codes, each change of a token gets a random-looking 64-bit number, and a run of tokens the sum of
its numbers (a hash; 0 if nothing changed), which is a difference of two running sums.

Rows of a layer are in a :class:`RowTable`: those of the window, then those of the variants.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F

from vqrna.nn.context import KERNEL
from vqrna.nn.dense.variant_codes import VariantCodes

POOL, FACTOR = 3, 2
"""Kernel and stride of the pools between the context's scales."""

MARGIN = KERNEL - 1
"""Rows beside those that can differ; the next layer reads them, too."""


class Geometry(NamedTuple):
    """Which tokens of a window the rows of a layer see."""

    rows: int  # Rows per window
    # start, step: First token seen by the first row, and the distance to that of the next row
    start: int
    step: int
    reach: int  # Tokens seen by a row

    def convolved(self) -> Geometry:
        """Return the geometry after a convolution without padding."""
        return self._replace(
            rows=self.rows - KERNEL + 1, reach=self.reach + (KERNEL - 1) * self.step
        )

    def pooled(self) -> tuple[Geometry, int]:
        """Return the geometry after a pool, and the first row that the pool reads."""
        # As many on each side of the central one as ``MaxPool`` keeps
        count = 2 * ((self.rows // 2 - POOL // 2) // FACTOR) + 1
        first = (self.rows - (count - 1) * FACTOR - POOL) // 2
        start, reach = self.start + first * self.step, self.reach + (POOL - 1) * self.step
        return Geometry(count, start, FACTOR * self.step, reach), first


class ChangedRows(NamedTuple):
    """The rows of a layer around the changes of N variants of a window."""

    first: torch.Tensor  # (N,), int64: Row of the window where `rows` begins; can be negative
    # (N, width), int64: Index of each row in the table of the layer: unchanged rows are the
    # window's
    rows: torch.Tensor
    # variant, row, slot: (E,), int64: The changed rows, by variant, then by row of the window:
    # variant, row of the window, and number among the variants' rows in the table
    variant: torch.Tensor
    row: torch.Tensor
    slot: torch.Tensor
    # (U,), int64: For each of the variants' rows in the table, one of the E rows that are equal to
    # it
    representative: torch.Tensor

    def seen_by(
        self, later: ChangedRows, kernel: int, start: int = 0, step: int = 1
    ) -> torch.Tensor:
        """Return the table indices that each representative of a later layer reads: (U, kernel).

        Row i of the later layer reads `kernel` rows from ``start + i * step`` on.
        """
        variant, row = later.variant[later.representative], later.row[later.representative]
        at = variant * self.rows.shape[1] + (row * step + start - self.first[variant])
        return self.rows.take(at[:, None] + torch.arange(kernel))


class _Candidates(NamedTuple):
    """Rows of a layer that can differ, given the first token that can change."""

    first: torch.Tensor  # (N,), int64
    # row, clamped: (N, width), int64: Rows of the window, and the same clamped to it
    row: torch.Tensor
    clamped: torch.Tensor
    inside: torch.Tensor  # (N, width), bool
    # start, stop: (N, width), int64: Which of the tokens that can change each row sees
    start: torch.Tensor
    stop: torch.Tensor


class CandidateRows:
    """Cache of the rows that can differ; the same for all windows varied at the same tokens."""

    def __init__(self) -> None:
        self._first: torch.Tensor | None = None
        self._cache: dict[Geometry, _Candidates] = {}

    def get(self, geometry: Geometry, first: torch.Tensor, tokens: int) -> _Candidates:
        """Return the rows that can differ where `tokens` tokens from each `first` (N,) can."""
        if self._first is None or not self._first.equal(first):
            self._first, self._cache = first, {}
        if geometry not in self._cache:
            self._cache[geometry] = _candidates(geometry, first, tokens)
        return self._cache[geometry]


def _candidates(geometry: Geometry, first: torch.Tensor, tokens: int) -> _Candidates:
    # From the first row that sees the first token, less a margin
    ahead = geometry.start + geometry.reach - 1 - first
    first_row = -torch.div(ahead, geometry.step, rounding_mode="floor") - MARGIN
    width = (tokens + geometry.reach - 2) // geometry.step + 1 + 2 * MARGIN
    row = first_row[:, None] + torch.arange(width)
    low = row * geometry.step + (geometry.start - first)[:, None]
    return _Candidates(
        first_row,
        row,
        row.clamp(0, geometry.rows - 1),
        (row >= 0) & (row < geometry.rows),
        low.clamp(0, tokens),
        (low + geometry.reach).clamp(0, tokens),
    )


class Changes:
    """The changes of variants of a window, as running sums of hashes over tokens.

    Parameters
    ----------
    variants : VariantCodes
    candidates : CandidateRows, optional
        The cache of earlier windows.
    """

    def __init__(self, variants: VariantCodes, candidates: CandidateRows | None = None) -> None:
        self._first = variants.first
        self._candidates = candidates or CandidateRows()
        tokens = variants.codes.shape[1]
        token = variants.first[:, None] + torch.arange(tokens)
        # A hash of token and new code; sums wrap around
        each = _hash(_hash(token) + variants.codes) * variants.changed
        self._before = F.pad(each.cumsum(1), (1, 0))  # (N, tokens + 1)

    def rows(self, geometry: Geometry) -> ChangedRows:
        """Return the rows of a layer that differ; equal rows share a slot."""
        candidates = self._candidates.get(geometry, self._first, self._before.shape[1] - 1)
        key = self._before.gather(1, candidates.stop)
        key -= self._before.gather(1, candidates.start)
        at = torch.nonzero(((key != 0) & candidates.inside).view(-1))[:, 0]
        row = candidates.row.take(at)
        representative, slot = group_equal(_hash(row + key.take(at)))
        rows = candidates.clamped.clone()
        rows.view(-1)[at] = slot + geometry.rows
        variant = torch.div(at, rows.shape[1], rounding_mode="floor")
        return ChangedRows(candidates.first, rows, variant, row, slot, representative)


def group_equal(keys: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return one representative per key, without sorting; some equal keys can be missed.

    Parameters
    ----------
    keys : torch.Tensor, shape (N,), int64
        Hashes.

    Returns
    -------
    representative : torch.Tensor, shape (U,), int64
        Ascending.
    index : torch.Tensor, shape (N,), int64
        Which of these has the same key.
    """
    count = len(keys)
    itself = torch.arange(count)
    bits = max(4, (4 * count).bit_length())
    slot = (keys >> 20) & ((1 << bits) - 1)
    last = torch.empty(1 << bits, dtype=torch.int64)
    last[slot] = itself  # of those in one slot, one remains
    other = last[slot]
    other = torch.where(keys[other] == keys, other, itself)
    kept = other == itself
    number = kept.cumsum(0).sub_(1)
    return torch.nonzero(kept)[:, 0], number[other]


def _hash(x: torch.Tensor) -> torch.Tensor:
    """Mix the bits of integers, one to one."""
    x = x + 0x1E3779B97F4A7C15  # or 0 would remain 0
    x = (x ^ (x >> 31)) * 0x1B873593CC9E2D51
    x = (x ^ (x >> 29)) * 0x2545F4914F6CDD1D
    return x ^ (x >> 32)


class RowTable:
    """Rows of one layer: those of a window, then those of its variants.

    The memory is reused for all variants and windows, since fresh memory costs more than the
    arithmetic on it.

    Parameters
    ----------
    count : int
        Rows of a window.
    like : torch.Tensor, shape (..., C)
        Determines columns, precision and device.
    """

    def __init__(self, count: int, like: torch.Tensor) -> None:
        self.count = count
        self._used = count
        self._rows = like.new_empty(2 * count, like.shape[1])

    @property
    def all(self) -> torch.Tensor:
        """All rows, (count + N, C)."""
        return self._rows[: self._used]

    @property
    def window(self) -> torch.Tensor:
        """Rows of the window, (count, C)."""
        return self._rows[: self.count]

    @property
    def variants(self) -> torch.Tensor:
        """Rows of the variants, (N, C)."""
        return self._rows[self.count : self._used]

    def allocate(self, number: int, window: bool) -> torch.Tensor:
        """Return memory for the window's rows, or for `number` rows of variants; drop the old."""
        if window:
            self._used = self.count
            return self.window
        if self.count + number > len(self._rows):
            grown = self._rows.new_empty(self.count + 2 * number, self._rows.shape[1])
            grown[: self.count] = self.window
            self._rows = grown
        self._used = self.count + number
        return self.variants
