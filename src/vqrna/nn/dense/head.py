"""The head at every position: its means as sums of a few rows, in the same order everywhere.

A running sum would be cheaper yet, and would carry rounding errors along the sequence: the numbers
of a position would hang on where it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F

from vqrna.nn.dense.buffers import Spaces, steps
from vqrna.nn.dense.weights import FoldedNetwork, FoldedPart, Layer, Span

PROJECTED, SITES = 1024, 1024
"""Tokens that are projected at a time, and sites in the classifier."""


class Tokens(NamedTuple):
    """Features of tokens at every nt.

    Attributes
    ----------
    rows : torch.Tensor, shape (T, C)
        As many beyond the first site as beyond the last.
    stride : int
        Distance in nt of one token from the next.
    sites : int
    """

    rows: torch.Tensor
    stride: int
    sites: int

    def of(self, sites: slice, low: int = 0, high: int = 0) -> torch.Tensor:
        """Give the rows from token `low` of the first site to token `high` of the last."""
        first = (len(self.rows) - self.sites) // 2
        start, stop = first + sites.start, first + sites.stop
        return self.rows[start + low * self.stride : stop + high * self.stride]


class DenseHead:
    """The head of our network at every position; safe to share between threads.

    Parameters
    ----------
    folded : FoldedNetwork
    spaces : Spaces
    """

    def __init__(self, folded: FoldedNetwork, spaces: Spaces) -> None:
        self._f, self._spaces = folded, spaces

    def __call__(self, entry: Tokens, finest: Tokens, coarsest: Tokens) -> torch.Tensor:
        """Give the logits (sites, M) from what the context tells of tokens."""
        f = self._f
        near = self._projected(entry, f.near_project, "near")
        far = self._projected(entry, f.stretch_project, "far")
        logits = f.logits_bias.new_empty(entry.sites, len(f.logits_bias))
        for sites in steps(logits, SITES):
            site = [entry.of(sites), finest.of(sites), *self._sums(near, sites, f.near)]
            region = [
                self._sum(entry, sites, f.fine_half),
                self._sum(coarsest, sites, f.coarse_half),
                coarsest.of(sites),
                *self._sums(far, sites, f.stretches),
            ]
            hidden = self._hidden(f.site, site, "site")
            torch.addmm(f.logits_bias, hidden, f.site.logits, out=logits[sites])
            logits[sites].addmm_(self._hidden(f.region, region, "region"), f.region.logits)
        return logits

    def _hidden(self, part: FoldedPart, features: list[torch.Tensor], name: str) -> torch.Tensor:
        """Give the hidden units of a part (N, H), in the precision of the logits."""
        layer, count = part.hidden, len(features[0])
        together = self._spaces.matrix(f"{name} features", count, layer.weight.T)
        torch.cat(features, dim=1, out=together)
        hidden = self._spaces.matrix(f"{name} hidden", count, layer.bias)
        torch.addmm(layer.bias, together, layer.weight, out=hidden)
        return hidden.relu_().to(part.logits.dtype)

    def _projected(self, entry: Tokens, layer: Layer, name: str) -> Tokens:
        """Give what is averaged of every token."""
        found = self._spaces.matrix(name, len(entry.rows), layer.weight)
        for rows in steps(found, PROJECTED):
            torch.addmm(layer.bias, entry.rows[rows], layer.weight, out=found[rows]).relu_()
        return entry._replace(rows=found)

    def _sums(self, x: Tokens, sites: slice, spans: Sequence[Span]) -> list[torch.Tensor]:
        """Add the tokens of each span around each site; spans as long share their sums."""
        count = sites.stop - sites.start
        found = {}
        for length in {high - low for low, high in spans}:
            lows = [low for low, high in spans if high - low == length]
            rows = x.of(sites, min(lows), max(lows) + length)
            sums = self._bags(rows, len(rows) - length * x.stride, length + 1, x.stride)
            for low in lows:
                start = (low - min(lows)) * x.stride
                found[low, low + length] = sums[start : start + count]
        return [found[span] for span in spans]

    def _sum(self, x: Tokens, sites: slice, half: int) -> torch.Tensor:
        """Add the ``2 * half + 1`` tokens around each site: sums of sums of a few neighbours."""
        count, stride = sites.stop - sites.start, x.stride
        rows = x.of(sites, -half, half)
        kernel = 2 * half + 1
        inner = min(range(1, kernel + 1), key=lambda k: k + kernel // k + kernel % k)
        outer, rest = divmod(kernel, inner)
        few = self._bags(rows, len(rows) - (inner - 1) * stride, inner, stride)
        total = self._bags(few, count, outer, inner * stride)
        for i in range(kernel - rest, kernel):
            total += rows[i * stride : i * stride + count]
        return total

    def _bags(self, x: torch.Tensor, count: int, kernel: int, stride: int) -> torch.Tensor:
        """Add `kernel` rows of (T, C) that lie `stride` apart, from each of the first `count` on.

        A look-up that adds is the fastest way to do this.
        """
        places = self._spaces.places(count, kernel, stride, x.device)
        return F.embedding_bag(places, x, mode="sum")
