"""Every position of a sequence after edits, computed only where an edit reaches.

An edit replaces letters of a reference sequence. No layer pads, so that a row of a layer is a
function of the letters that it sees: rows of the edited sequence that do not see the edit are
copied from the reference, the others are computed with the code of the dense engine. So the logits
are those of a scan of the edited sequence, up to the last digits, where matrix products of another
size may round differently.

For a substitution and a window of 501 nt, 23 codes and 137 rows of the coarsest scale are computed
again, the part of the head that reads the tokens near a site at the positions near the edit, and
the part that reads the region at the 501 positions whose windows hold the edit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch

from vqrna.nn.dense.head import Tokens
from vqrna.nn.dense.network import DenseNetwork
from vqrna.nn.dense.variant_codes import REACH

AT_ONCE = 16
"""Edits whose codes and contexts are computed together."""


class Edit(NamedTuple):
    """Replacement of letters ``start`` to ``stop`` (0-based, half-open) of a sequence."""

    start: int
    stop: int
    letters: torch.Tensor  # (n,), int64; n may be 0


class _Rows(NamedTuple):
    """Rows of a layer at every nt."""

    rows: torch.Tensor  # (T, C)
    reach: int  # Letters seen by a row
    stride: int  # Distance in nt between neighbouring rows of a window

    def around(
        self, edit: Edit, changed: torch.Tensor, distance: int, beside: int, sites: int
    ) -> Tokens:
        """Return the rows of the edited sequence for the sites up to `distance` nt from an edit.

        Parameters
        ----------
        changed : torch.Tensor, shape (n + reach - 1, C)
            The rows that see the edit.
        beside : int
            Rows of a window that the head reads on each side of that of a site.
        """
        # Rows that are read before the first that sees the edit, and after the last
        flank = distance - self.reach // 2 + beside * self.stride
        before = edit.start - (self.reach - 1)
        rows = [self.rows[before - flank : before], changed, self.rows[edit.stop :][:flank]]
        return Tokens(torch.cat(rows), self.stride, sites)


class EditedSequence:
    """A reference sequence whose layers are kept, to evaluate edits of it.

    Parameters
    ----------
    dense : DenseNetwork
        On the CPU.
    tokens : torch.Tensor, shape (W + length - 1,), int64
        W positions with half a window of context on either side, ambiguous beyond the ends.

    Attributes
    ----------
    logits : torch.Tensor, shape (W, M)
        Logits of the reference at the W positions.
    """

    @torch.no_grad()
    def __init__(self, dense: DenseNetwork, tokens: torch.Tensor) -> None:
        self._dense, self._tokens = dense, tokens
        f = dense.folded
        self._half = f.length // 2
        sites = len(tokens) - f.length + 1
        self._codes, _ = dense.codes(tokens)
        entry, finest, coarsest = dense.context(self._codes, sites)
        # Copies: the engine reuses its memory
        entry, finest, coarsest = (
            x._replace(rows=x.rows.clone()) for x in (entry, finest, coarsest)
        )
        self._entry, self._finest, self._coarsest = (
            _Rows(x.rows, len(tokens) - len(x.rows) + 1, x.stride)
            for x in (entry, finest, coarsest)
        )
        self._layers = self._entry, self._finest, self._coarsest
        # The head reads the finest scale at the site alone
        self._beside = max(abs(end) for span in f.near for end in span)
        self._near = max(
            self._entry.reach // 2 + self._beside * entry.stride, self._finest.reach // 2
        )  # farthest distance in nt between a site and a letter that its first part sees
        self._near = min(self._near, self._half)
        self._site_logits = dense.head.site_logits(entry, finest)
        self.logits = dense.head.add_region(self._site_logits.clone(), entry, coarsest)

    @torch.no_grad()
    def edit(self, edits: Sequence[Edit]) -> Iterator[torch.Tensor]:
        """Evaluate the sequence with each of the edits.

        Parameters
        ----------
        edits : sequence of Edit
            At least ``length - 1`` letters from either end of the sequence.

        Yields
        ------
        torch.Tensor, shape (n + length - 1, M)
            Logits of the edited sequence from half a window before the edit to half a window
            after it: of all positions whose windows see it.
        """
        for start in range(0, len(edits), AT_ONCE):
            part = edits[start : start + AT_ONCE]
            for edit, new in zip(part, self._changed_rows(part), strict=True):
                yield self._head_logits(edit, new)

    def _changed_rows(self, edits: Sequence[Edit]) -> Iterator[list[torch.Tensor]]:
        """Compute the rows of the three layers that see each edit."""
        seen, farthest = REACH - 1, self._layers[-1].reach - 1
        # Codes that see the edit, of all edits side by side; those across a seam are dropped
        pieces = [
            torch.cat([
                self._tokens[edit.start - seen : edit.start], edit.letters,
                self._tokens[edit.stop : edit.stop + seen],
            ])
            for edit in edits
        ]  # fmt: skip
        codes, _ = self._dense.codes(torch.cat(pieces))
        starts = _starts(pieces)
        # Codes that rows which see the edit read
        around = [
            torch.cat([
                self._codes[edit.start - farthest : edit.start - seen],
                codes[start : start + seen + len(edit.letters)],
                self._codes[edit.stop : edit.stop + farthest - seen],
            ])
            for edit, start in zip(edits, starts, strict=True)
        ]  # fmt: skip
        joined = torch.cat(around)
        layers = self._dense.context(joined, len(joined) - (farthest - seen))
        for edit, start in zip(edits, _starts(around), strict=True):
            rows = []
            for made, layer in zip(layers, self._layers, strict=True):
                first = start + farthest - (layer.reach - 1)
                rows.append(made.rows[first : start + farthest + len(edit.letters)])
            yield rows

    def _head_logits(self, edit: Edit, new: list[torch.Tensor]) -> torch.Tensor:
        head, f, half, near = self._dense.head, self._dense.folded, self._half, self._near
        inserted = len(edit.letters)
        entry, finest, coarsest = new
        touched = head.site_logits(
            self._entry.around(edit, entry, near, self._beside, inserted + 2 * near),
            self._finest.around(edit, finest, near, 0, inserted + 2 * near),
        )
        # Row i of the reference is that of the letter i + half
        logits = torch.cat([
            self._site_logits[edit.start - 2 * half : edit.start - half - near], touched,
            self._site_logits[edit.stop - half + near : edit.stop],
        ])  # fmt: skip
        sites = inserted + 2 * half
        return head.add_region(
            logits,
            self._entry.around(edit, entry, half, f.fine_half, sites),
            self._coarsest.around(edit, coarsest, half, f.coarse_half, sites),
        )


def _starts(pieces: Sequence[torch.Tensor]) -> list[int]:
    """Return where each piece begins when they are side by side."""
    ends = torch.tensor([0, *(len(piece) for piece in pieces)]).cumsum(0).tolist()
    return [start for start, _ in pairwise(ends)]
