"""The head on variants of a window: what other rows of the context add to its hidden units."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F

from vqrna.nn.dense.variant_rows import MARGIN, Frames, Store
from vqrna.nn.dense.weights import FoldedNetwork, Layer, Span


class VariantHead:
    """Logits of variants of a window, from the rows that differ.

    Parameters
    ----------
    folded : FoldedNetwork
        On the CPU.
    """

    def __init__(self, folded: FoldedNetwork) -> None:
        self._f = folded
        width = folded.enter.shape[1]
        site, region = folded.site.hidden.weight, folded.region.hidden.weight
        self._at_site = site[: 2 * width].split(width)  # entry and finest block
        self._of_region = region[: 3 * width].split(width)  # means of entry and coarsest; centre
        self._near = _Sums(folded.near_project, folded.near, site[2 * width :], folded.fine_half)
        self._far = _Sums(
            folded.stretch_project, folded.stretches, region[3 * width :], folded.fine_half
        )

    def begin(self, entry: Store, finest: Store, coarsest: Store) -> torch.Tensor:
        """Take the tables of a window and its variants; give the logits (M,) of the window."""
        f = self._f
        self._entry, self._finest, self._coarsest = entry, finest, coarsest
        self._own_site = (
            f.site.hidden.bias
            + _centre(entry) @ self._at_site[0]
            + _centre(finest) @ self._at_site[1]
            + self._near.begin(entry)
        )
        self._own_region = (
            f.region.hidden.bias
            + entry.own.sum(0) @ self._of_region[0]
            + coarsest.own.sum(0) @ self._of_region[1]
            + _centre(coarsest) @ self._of_region[2]
            + self._far.begin(entry)
        )
        self._own_part = self._own_site.relu() @ f.site.logits
        return f.logits_bias + self._own_part + self._own_region.relu() @ f.region.logits

    def logits(self, entry: Frames, finest: Frames, coarsest: Frames) -> torch.Tensor:
        """Evaluate N variants: (N, M)."""
        f, count = self._f, len(entry.first)
        region = self._own_region.repeat(count, 1)
        region.addmm_(_more(entry, self._entry), self._of_region[0])
        region.addmm_(_more(coarsest, self._coarsest), self._of_region[1])
        _add_centre(region, coarsest, self._coarsest, self._of_region[2])
        self._far.add(region, entry)
        logits = torch.addmm(f.logits_bias + self._own_part, region.relu_(), f.region.logits)
        # The site part differs in few variants
        touched = torch.zeros(count, dtype=torch.bool)
        for frames, store in ((entry, self._entry), (finest, self._finest)):
            touched[frames.variant[frames.row == store.count // 2]] = True
        self._near.touches(touched, entry)
        those = torch.nonzero(touched)[:, 0]
        site = self._own_site.repeat(count, 1)
        _add_centre(site, entry, self._entry, self._at_site[0])
        _add_centre(site, finest, self._finest, self._at_site[1])
        self._near.add(site, entry)
        logits[those] += site[those].relu_() @ f.site.logits - self._own_part
        return logits


class _Sums:
    """Sums over spans of projected rows, as what they add to hidden units.

    Spans that overlap are cut into pieces that do not, each with the sum of the matrices of those
    it is in.

    Parameters
    ----------
    project : Layer
    spans : sequence of Span
    matrix : torch.Tensor, shape (len(spans) * C, H)
        What reads the sums.
    half : int
        Rows on each side of the central one.
    """

    def __init__(
        self, project: Layer, spans: Sequence[Span], matrix: torch.Tensor, half: int
    ) -> None:
        self._project = project
        each = matrix.double().chunk(len(spans))
        cuts = sorted({cut for low, high in spans for cut in (low, high + 1)})
        pieces: list[torch.Tensor] = []
        self._piece = torch.full((2 * half + 1,), -1)
        for start, stop in pairwise(cuts):
            inside = [
                part for part, (low, high) in zip(each, spans, strict=True) if low <= start <= high
            ]
            if inside:
                self._piece[half + start : half + stop] = len(pieces)
                pieces.append(torch.stack(inside).sum(0).to(matrix.dtype))
        self._pieces = len(pieces)
        self._matrix = torch.cat(pieces)  # (pieces * C, H)

    def begin(self, entry: Store) -> torch.Tensor:
        """Take a window's rows, and the table of its variants; give what it adds: (H,)."""
        self._entry = entry
        self._own = self._projected(entry.own)
        sums = self._own.new_zeros(self._pieces, self._own.shape[1])
        there = self._piece >= 0
        sums.index_add_(0, self._piece[there], self._own[there])
        return sums.flatten() @ self._matrix

    def touches(self, touched: torch.Tensor, entry: Frames) -> None:
        """Mark the variants with other rows in a span."""
        touched[entry.variant[self._piece[entry.row] >= 0]] = True

    def add(self, hidden: torch.Tensor, entry: Frames) -> None:
        """Add by how much more variants add to hidden units (N, H)."""
        piece = self._piece[entry.row]
        there = torch.nonzero(piece >= 0)[:, 0]
        if not len(there):
            return
        variant, kind = entry.variant[there], entry.kind[there]
        # Rows alike stand at the same place in the window: only those in a piece are projected
        row = entry.row[entry.chosen]
        those = torch.nonzero(self._piece[row] >= 0)[:, 0]
        rows = self._entry.others
        rows = rows if len(those) == len(row) else rows.index_select(0, those)
        more = self._projected(rows).sub_(self._own[row[those]])
        number = torch.empty_like(row)
        number[those] = torch.arange(len(those))
        kind = number[kind]
        low, high = int(variant[0]), int(variant[-1]) + 1
        bag = (variant - low) * self._pieces + piece[there]
        filled = torch.bincount(bag, minlength=(high - low) * self._pieces)
        starts = filled.cumsum(0).sub_(filled)
        sums = F.embedding_bag(kind, more, starts, mode="sum")
        hidden[low:high].addmm_(sums.view(high - low, -1), self._matrix)

    def _projected(self, rows: torch.Tensor) -> torch.Tensor:
        return torch.addmm(self._project.bias, rows, self._project.weight).relu_()


def _centre(store: Store) -> torch.Tensor:
    return store.own[store.count // 2]


def _more(frames: Frames, store: Store) -> torch.Tensor:
    """Say by how much more the sum of all rows is in each variant: (N, C)."""
    rows = frames.rows[:, MARGIN:-MARGIN]
    first = frames.first + MARGIN
    low, high = int(first[0]), int(first[-1])  # they ascend, or do so the other way round
    low, high = min(low, high), max(low, high)
    firsts = torch.arange(low, high + 1)
    places = (firsts[:, None] + torch.arange(rows.shape[1])).clamp_(0, store.count - 1)
    # Rows beyond the window are the same in both, so that they do not count
    before = F.embedding_bag(places, store.own, mode="sum")
    more = F.embedding_bag(rows, store.rows, mode="sum")
    return more.sub_(before.index_select(0, first - low))


def _add_centre(hidden: torch.Tensor, frames: Frames, store: Store, matrix: torch.Tensor) -> None:
    """Add by how much more the central row adds in each variant."""
    at = torch.nonzero(frames.row == store.count // 2)[:, 0]
    more = (store.others[frames.kind[at]] - _centre(store)) @ matrix
    hidden.index_add_(0, frames.variant[at], more)
