"""The head at every position of a sequence.

Means are computed as sums; their divisors are in the weights (:mod:`vqrna.nn.dense.weights`). Each
sum adds the same rows in the same order at every position. A running sum would be cheaper, but
would carry rounding errors along the sequence, and a logit would depend on where a site is in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F

from vqrna.nn.dense.buffers import Buffers, row_slices
from vqrna.nn.dense.weights import FoldedNetwork, FoldedPart, Layer, Span

PROJECTED, SITES = 1024, 1024
"""Tokens projected at a time, and sites classified at a time."""

SUMMED = 128
"""Features of a hidden unit that are summed at a time; one sum over all would round more."""

OUTPUTS = 16
"""Logits are computed in multiples of this many columns.

With an odd number of columns, the order of the sums in a row can depend on its place in the matrix.
"""


class Tokens(NamedTuple):
    """Features of the tokens at every nt."""

    rows: torch.Tensor  # (T, C): As many before the first site as after the last
    stride: int  # Distance in nt between neighbouring tokens of a window
    sites: int  # Number of sites W

    def around(self, sites: slice, low: int = 0, high: int = 0) -> torch.Tensor:
        """Return the rows from token `low` of the first site to token `high` of the last."""
        first = (len(self.rows) - self.sites) // 2
        start, stop = first + sites.start, first + sites.stop
        return self.rows[start + low * self.stride : stop + high * self.stride]


class DenseHead:
    """The head of our network at every position; threads may share it.

    Parameters
    ----------
    folded : FoldedNetwork
    buffers : Buffers
    """

    def __init__(self, folded: FoldedNetwork, buffers: Buffers) -> None:
        self._f, self._buffers = folded, buffers
        self._bias = _widened(folded.logits_bias)
        self._site, self._region = _widened(folded.site.logits), _widened(folded.region.logits)

    def __call__(self, entry: Tokens, finest: Tokens, coarsest: Tokens) -> torch.Tensor:
        """Return the logits (W, M) from the features that the context computes."""
        return self.add_region(self.site_logits(entry, finest), entry, coarsest)

    def site_logits(self, entry: Tokens, finest: Tokens) -> torch.Tensor:
        """Return what the tokens near each site add to the logits, with all biases: (W, M)."""
        f = self._f
        near = self._project(entry, f.near_project, "near")
        logits = self._bias.new_empty(entry.sites, len(self._bias))  # (W, M and zeros)
        for sites in row_slices(logits, SITES):
            site = [entry.around(sites), finest.around(sites), *self._sums(near, sites, f.near)]
            hidden = self._hidden(f.site, site, "site")
            torch.addmm(self._bias, hidden, self._site, out=logits[sites])
        return logits[:, : len(f.logits_bias)]

    def add_region(self, logits: torch.Tensor, entry: Tokens, coarsest: Tokens) -> torch.Tensor:
        """Add what the region of each site adds to the logits (W, M); return the sum."""
        f = self._f
        regions = self._project(entry, f.region_project, "regions")
        added = self._region.new_empty(entry.sites, self._region.shape[1])
        for sites in row_slices(added, SITES):
            region = [
                self._sum(entry, sites, f.fine_half),
                self._sum(coarsest, sites, f.coarse_half),
                coarsest.around(sites),
                *self._sums(regions, sites, f.regions),
            ]
            hidden = self._hidden(f.region, region, "region")
            torch.mm(hidden, self._region, out=added[sites])
        return logits + added[:, : len(f.logits_bias)]

    def _hidden(self, part: FoldedPart, features: list[torch.Tensor], name: str) -> torch.Tensor:
        """Return the hidden units (sites, H) of a part, in the precision of the logits."""
        layer, count = part.hidden, len(features[0])
        joined = self._buffers.matrix(f"{name} features", count, layer.weight.T)
        torch.cat(features, dim=1, out=joined)  # (sites, F)
        hidden = self._buffers.matrix(f"{name} hidden", count, layer.bias)
        hidden.copy_(layer.bias.expand_as(hidden))
        product = self._buffers.matrix(f"{name} product", count, layer.bias)
        for start in range(0, joined.shape[1], SUMMED):
            columns = slice(start, start + SUMMED)
            hidden += torch.mm(joined[:, columns], layer.weight[columns], out=product)
        return hidden.relu_().to(part.logits.dtype)

    def _project(self, entry: Tokens, layer: Layer, name: str) -> Tokens:
        """Project every token to the channels that are averaged: (T, C) -> (T, C')."""
        projected = self._buffers.matrix(name, len(entry.rows), layer.weight)
        for rows in row_slices(projected, PROJECTED):
            torch.addmm(layer.bias, entry.rows[rows], layer.weight, out=projected[rows]).relu_()
        return entry._replace(rows=projected)

    def _sums(self, x: Tokens, sites: slice, spans: Sequence[Span]) -> list[torch.Tensor]:
        """Return the sum of tokens over each span: (sites, C) each; equal lengths are shared."""
        count = sites.stop - sites.start
        by_span = {}
        for length in {high - low for low, high in spans}:
            lows = [low for low, high in spans if high - low == length]
            rows = x.around(sites, min(lows), max(lows) + length)
            sums = self._bags(rows, len(rows) - length * x.stride, length + 1, x.stride)
            for low in lows:
                start = (low - min(lows)) * x.stride
                by_span[low, low + length] = sums[start : start + count]
        return [by_span[span] for span in spans]

    def _sum(self, x: Tokens, sites: slice, half: int) -> torch.Tensor:
        """Return the sum of the ``2 * half + 1`` tokens around each site, in two levels."""
        count, stride = sites.stop - sites.start, x.stride
        rows = x.around(sites, -half, half)
        kernel = 2 * half + 1
        # Sums of `outer` sums of `inner` rows, and the rest: the fewest additions
        inner = min(range(1, kernel + 1), key=lambda k: k + kernel // k + kernel % k)
        outer, rest = divmod(kernel, inner)
        partial = self._bags(rows, len(rows) - (inner - 1) * stride, inner, stride)
        total = self._bags(partial, count, outer, inner * stride)  # (sites, C)
        for i in range(kernel - rest, kernel):
            total += rows[i * stride : i * stride + count]
        return total

    def _bags(self, x: torch.Tensor, count: int, kernel: int, stride: int) -> torch.Tensor:
        """Sum `kernel` rows of (T, C), `stride` apart, from each of the first `count`: (count, C).

        A summing look-up is the fastest operation for this.
        """
        return F.embedding_bag(self._buffers.rows(count, kernel, stride, x.device), x, mode="sum")


def _widened(x: torch.Tensor) -> torch.Tensor:
    """Add zeros up to a multiple of `OUTPUTS` columns."""
    return F.pad(x, (0, -x.shape[-1] % OUTPUTS)).contiguous()
