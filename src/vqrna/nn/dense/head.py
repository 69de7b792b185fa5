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

from vqrna.nn.dense.buffers import FEWEST, Buffers, row_slices
from vqrna.nn.dense.squeeze import Squeezed
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

    def at_sites(
        self,
        entry: Tokens,
        finest: Tokens,
        coarsest: Tokens,
        squeezed: Squeezed,
        sites: torch.Tensor,
    ) -> torch.Tensor:
        """Return the logits (S, M) of some sites, from the features of squeezed columns.

        Parameters
        ----------
        squeezed : Squeezed
            Of a row of columns with half a window of context on either side of the sites.
        sites : torch.Tensor, shape (S,), int64
            Numbers of sites, from that of the first column after the context.
        """
        f, count = self._f, len(sites)
        padded = F.pad(sites, (0, max(0, FEWEST - count)), value=int(sites[-1]))
        near = self._project(entry, f.near_project, "near")
        regions = self._project(entry, f.region_project, "regions")
        offsets = torch.arange(f.length)
        logits = self._bias.new_empty(len(padded), len(self._bias))
        for rows in row_slices(logits, SITES):
            x = _Windows(squeezed, squeezed.place[padded[rows, None] + offsets])
            site = [x.at(entry), x.at(finest), *(x.sum(near, low, high) for low, high in f.near)]
            hidden = self._hidden(f.site, site, "site")
            at_site = torch.addmm(self._bias, hidden, self._site)
            region = [
                x.sum_in_two(entry, f.fine_half),
                x.sum_in_two(coarsest, f.coarse_half),
                x.at(coarsest),
                *(x.sum(regions, low, high) for low, high in f.regions),
            ]
            hidden = self._hidden(f.region, region, "region")
            logits[rows] = at_site + torch.mm(hidden, self._region)
        return logits[:count, : len(f.logits_bias)]

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
        kernel, inner, outer, rest = _two_levels(half)
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


class _Windows:
    """The windows of some sites, as indices of squeezed columns.

    Sums add the same rows in the same order as those of all sites do.

    Parameters
    ----------
    squeezed : Squeezed
    columns : torch.Tensor, shape (S, length), int64
        Index among the kept columns of each column of each window.
    """

    def __init__(self, squeezed: Squeezed, columns: torch.Tensor) -> None:
        self._squeezed, self._columns = squeezed, columns
        self._half = columns.shape[1] // 2

    def _rows(self, x: Tokens, low: int, high: int) -> torch.Tensor:
        """Return the rows of tokens `low` to `high`, inclusive, of each window: (S, tokens)."""
        first, last = self._half + low * x.stride, self._half + high * x.stride
        columns = self._columns[:, first : last + 1 : x.stride]
        return columns - self._squeezed.lost(len(x.rows))

    def at(self, x: Tokens) -> torch.Tensor:
        """Return the rows of the central tokens: (S, C)."""
        return x.rows[self._rows(x, 0, 0)[:, 0]]

    def sum(self, x: Tokens, low: int, high: int) -> torch.Tensor:
        """Return the sum of tokens `low` to `high`, inclusive: (S, C)."""
        return F.embedding_bag(self._rows(x, low, high), x.rows, mode="sum")

    def sum_in_two(self, x: Tokens, half: int) -> torch.Tensor:
        """Return the sum of the ``2 * half + 1`` central tokens, in two levels: (S, C)."""
        kernel, inner, outer, rest = _two_levels(half)
        rows = self._rows(x, -half, half)
        bags = rows[:, : kernel - rest].reshape(-1, inner)
        partial = F.embedding_bag(bags, x.rows, mode="sum")  # (S * outer, C)
        total = F.embedding_bag(torch.arange(len(partial)).view(-1, outer), partial, mode="sum")
        for i in range(kernel - rest, kernel):
            total += x.rows[rows[:, i]]
        return total


def _two_levels(half: int) -> tuple[int, int, int, int]:
    """Return how ``2 * half + 1`` rows are summed: their number, `inner`, `outer` and the rest.

    That is `outer` sums of `inner` rows, and the rest: the fewest additions.
    """
    kernel = 2 * half + 1
    inner = min(range(1, kernel + 1), key=lambda k: k + kernel // k + kernel % k)
    return kernel, inner, *divmod(kernel, inner)


def _widened(x: torch.Tensor) -> torch.Tensor:
    """Add zeros up to a multiple of `OUTPUTS` columns."""
    return F.pad(x, (0, -x.shape[-1] % OUTPUTS)).contiguous()
