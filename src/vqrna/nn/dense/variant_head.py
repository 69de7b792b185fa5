"""The head of a window's variants: hidden units change by what the changed rows of the context add.

The hidden units of the window are kept; for a variant, the difference of each sum of rows is
multiplied by the weights that read it. Spans that overlap are cut into pieces that do not, so that
each changed row counts in one piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F

from vqrna.nn.context import Span
from vqrna.nn.dense.variant_rows import MARGIN, ChangedRows, RowTable
from vqrna.nn.dense.weights import FoldedNetwork, Layer


class VariantHead:
    """Logits of variants of a window.

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
        half = folded.fine_half
        self._near = _SpanSums(folded.near_project, folded.near, site[2 * width :], half)
        self._regions = _SpanSums(folded.region_project, folded.regions, region[3 * width :], half)

    def set_window(self, entry: RowTable, finest: RowTable, coarsest: RowTable) -> torch.Tensor:
        """Set the tables of the window and its variants; return the window's logits (M,)."""
        f = self._f
        self._entry, self._finest, self._coarsest = entry, finest, coarsest
        self._site_hidden = (
            f.site.hidden.bias
            + _centre(entry) @ self._at_site[0]
            + _centre(finest) @ self._at_site[1]
            + self._near.set_window(entry)
        )
        self._region_hidden = (
            f.region.hidden.bias
            + entry.window.sum(0) @ self._of_region[0]
            + coarsest.window.sum(0) @ self._of_region[1]
            + _centre(coarsest) @ self._of_region[2]
            + self._regions.set_window(entry)
        )
        self._site_logits = self._site_hidden.relu() @ f.site.logits
        region_logits = self._region_hidden.relu() @ f.region.logits
        return f.logits_bias + self._site_logits + region_logits

    def logits(
        self, entry: ChangedRows, finest: ChangedRows, coarsest: ChangedRows
    ) -> torch.Tensor:
        """Return the logits (N, M) of N variants."""
        f, count = self._f, len(entry.first)
        region = self._region_hidden.repeat(count, 1)  # (N, H)
        region.addmm_(_sum_differences(entry, self._entry), self._of_region[0])
        region.addmm_(_sum_differences(coarsest, self._coarsest), self._of_region[1])
        _add_centre(region, coarsest, self._coarsest, self._of_region[2])
        self._regions.add(region, entry)
        logits = torch.addmm(f.logits_bias + self._site_logits, region.relu_(), f.region.logits)
        # Few variants change the site part
        touched = torch.zeros(count, dtype=torch.bool)
        for rows, table in ((entry, self._entry), (finest, self._finest)):
            touched[rows.variant[rows.row == table.count // 2]] = True
        self._near.mark(touched, entry)
        changed = torch.nonzero(touched)[:, 0]
        site = self._site_hidden.repeat(count, 1)
        _add_centre(site, entry, self._entry, self._at_site[0])
        _add_centre(site, finest, self._finest, self._at_site[1])
        self._near.add(site, entry)
        logits[changed] += site[changed].relu_() @ f.site.logits - self._site_logits
        return logits


class _SpanSums:
    """What sums over spans of projected rows add to hidden units.

    The spans are cut into pieces that do not overlap, each with the sum of the weights of its
    spans.

    Parameters
    ----------
    project : Layer
    spans : sequence of Span
    matrix : torch.Tensor, shape (len(spans) * C, H)
        The weights that read the sums.
    half : int
        Rows on each side of the central one.
    """

    def __init__(
        self, project: Layer, spans: Sequence[Span], matrix: torch.Tensor, half: int
    ) -> None:
        self._project = project
        by_span = matrix.double().chunk(len(spans))
        cuts = sorted({cut for low, high in spans for cut in (low, high + 1)})
        matrices: list[torch.Tensor] = []
        self._piece = torch.full((2 * half + 1,), -1)
        for start, stop in pairwise(cuts):
            inside = [
                part
                for part, (low, high) in zip(by_span, spans, strict=True)
                if low <= start <= high
            ]
            if inside:
                self._piece[half + start : half + stop] = len(matrices)
                matrices.append(torch.stack(inside).sum(0).to(matrix.dtype))
        self._pieces = len(matrices)
        self._matrix = torch.cat(matrices)  # (pieces * C, H)

    def set_window(self, entry: RowTable) -> torch.Tensor:
        """Set the table of the entry; return what the window's sums add: (H,)."""
        self._entry = entry
        self._window = self._projected(entry.window)
        sums = self._window.new_zeros(self._pieces, self._window.shape[1])
        inside = self._piece >= 0
        sums.index_add_(0, self._piece[inside], self._window[inside])
        return sums.flatten() @ self._matrix

    def mark(self, touched: torch.Tensor, entry: ChangedRows) -> None:
        """Mark the variants (N,) with a changed row in a span."""
        touched[entry.variant[self._piece[entry.row] >= 0]] = True

    def add(self, hidden: torch.Tensor, entry: ChangedRows) -> None:
        """Add the change of the sums of each variant to hidden units (N, H)."""
        piece = self._piece[entry.row]
        inside = torch.nonzero(piece >= 0)[:, 0]
        if not len(inside):
            return
        variant, slot = entry.variant[inside], entry.slot[inside]
        # Equal rows are at the same place of the window: project only those in a piece
        row = entry.row[entry.representative]
        used = torch.nonzero(self._piece[row] >= 0)[:, 0]
        rows = self._entry.variants
        rows = rows if len(used) == len(row) else rows.index_select(0, used)
        change = self._projected(rows).sub_(self._window[row[used]])
        number = torch.empty_like(row)
        number[used] = torch.arange(len(used))
        slot = number[slot]
        low, high = int(variant[0]), int(variant[-1]) + 1
        bag = (variant - low) * self._pieces + piece[inside]
        filled = torch.bincount(bag, minlength=(high - low) * self._pieces)
        starts = filled.cumsum(0).sub_(filled)
        sums = F.embedding_bag(slot, change, starts, mode="sum")  # (variants * pieces, C)
        hidden[low:high].addmm_(sums.view(high - low, -1), self._matrix)

    def _projected(self, rows: torch.Tensor) -> torch.Tensor:
        return torch.addmm(self._project.bias, rows, self._project.weight).relu_()


def _centre(table: RowTable) -> torch.Tensor:
    return table.window[table.count // 2]


def _sum_differences(changed: ChangedRows, table: RowTable) -> torch.Tensor:
    """Return the sum of all rows of each variant minus that of the window: (N, C)."""
    rows = changed.rows[:, MARGIN:-MARGIN]
    first = changed.first + MARGIN
    low, high = int(first[0]), int(first[-1])  # sorted, in either direction
    low, high = min(low, high), max(low, high)
    firsts = torch.arange(low, high + 1)
    # Rows beyond the window are clamped likewise in both sums, so that they cancel
    at = (firsts[:, None] + torch.arange(rows.shape[1])).clamp_(0, table.count - 1)
    before = F.embedding_bag(at, table.window, mode="sum")
    after = F.embedding_bag(rows, table.all, mode="sum")
    return after.sub_(before.index_select(0, first - low))


def _add_centre(
    hidden: torch.Tensor, changed: ChangedRows, table: RowTable, matrix: torch.Tensor
) -> None:
    """Add the change of the central row of each variant to hidden units (N, H)."""
    at = torch.nonzero(changed.row == table.count // 2)[:, 0]
    change = (table.variants[changed.slot[at]] - _centre(table)) @ matrix
    hidden.index_add_(0, changed.variant[at], change)
