"""Leave out most columns of long ambiguous runs, where all tokens of a row are the same.

Short sequences are evaluated side by side with half a window of empty context between them. A token
whose letters are all ambiguous has the same features everywhere, so that one of them is enough.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from vqrna.sequence import AMBIGUOUS


@dataclass(frozen=True, eq=False)
class Squeezed:
    """Columns of a row that differ, and for each column one that has its features."""

    kept: torch.Tensor  # (C,), int64: Columns that are evaluated, of L
    # (L,), int64: Index in `kept` of a column whose letters within the reach are the same
    place: torch.Tensor

    def rows(self, full: int, squeezed: int) -> torch.Tensor:
        """Return the row of the squeezed features for each row of the full ones: (full,), int64.

        Both lack as many rows on either side as their layers need.
        """
        lost = (len(self.place) - full) // 2
        return self.place[lost : lost + full] - self.lost(squeezed)

    def lost(self, squeezed: int) -> int:
        """Return the number of columns before the centre of the first row of features."""
        return (len(self.kept) - squeezed) // 2


def squeeze(tokens: torch.Tensor, reach: int) -> Squeezed | None:
    """Return the columns to evaluate for features that see `reach` columns.

    Parameters
    ----------
    tokens : torch.Tensor, shape (L,), integer
    reach : int
        An odd number.

    Returns
    -------
    Squeezed, or None
        None without a letter.
    """
    margin = reach // 2
    count = len(tokens)
    letters = F.pad((tokens < AMBIGUOUS).long().cumsum(0), (margin + 1, margin), value=0)
    letters[margin + 1 + count :] = letters[margin + count]
    near = letters[reach:] > letters[: len(letters) - reach]  # (L,): within the reach of a letter
    inside = torch.nonzero(near)[:, 0]
    if not len(inside):
        return None
    first, last = int(inside[0]), int(inside[-1])
    # One column of each empty interval; at the ends, as many more as its features need
    keep = near.clone()
    keep[1:] |= near[:-1]
    keep[max(0, first - margin - 1) : first] = True
    keep[last + 1 : last + 2 + margin] = True
    kept = torch.nonzero(keep)[:, 0]
    place = keep.long().cumsum(0) - 1
    if first > margin:
        place[:first] = margin
    if count - 1 - last > margin:
        place[last + 1 :] = len(kept) - 1 - margin
    return Squeezed(kept, place)
