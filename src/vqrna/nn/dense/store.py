"""Tables of rows: those of a window, and behind them those of its variants."""

from __future__ import annotations

import torch


class Store:
    """Rows of one layer: those of a window, and behind them those of variants.

    The same memory serves all variants and windows, since fresh memory costs more than what is
    computed in it.

    Parameters
    ----------
    count : int
        Rows of a window.
    like : torch.Tensor, shape (..., C)
        Rows are like its own.
    """

    def __init__(self, count: int, like: torch.Tensor) -> None:
        self.count = count
        self.used = count
        self._rows = like.new_empty(2 * count, like.shape[1])

    @property
    def rows(self) -> torch.Tensor:
        """All rows there are: (count + N, C)."""
        return self._rows[: self.used]

    @property
    def own(self) -> torch.Tensor:
        """Those of the window: (count, C)."""
        return self._rows[: self.count]

    @property
    def others(self) -> torch.Tensor:
        """Those of variants: (N, C)."""
        return self._rows[self.count : self.used]

    def room(self, number: int, own: bool) -> torch.Tensor:
        """Give room for the window's rows, or for so many of variants in place of others."""
        if own:
            self.used = self.count
            return self.own
        if self.count + number > len(self._rows):
            grown = self._rows.new_empty(self.count + 2 * number, self._rows.shape[1])
            grown[: self.count] = self.own
            self._rows = grown
        self.used = self.count + number
        return self.others
