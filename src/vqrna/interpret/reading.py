"""Which nucleotides each token of a window sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vqrna.nn.encoder import TOKEN_STRIDE
from vqrna.nn.model import Network, SiteNetwork
from vqrna.sequence import AMBIGUOUS, centre

_PAPER_STRIDE, _PAPER_REACH, _PAPER_FIRST = 12, 22, -11
"""Of the published encoder's three convolutions (kernels 4, 4, 4; strides 2, 2, 3; padding 1, 1,
2), taken together."""


@dataclass(frozen=True, eq=False)
class Reading:
    """What the tokens of a window see.

    Parameters
    ----------
    starts : np.ndarray, shape (T,), int
        First nt that each token sees, relative to the site (0 is the site).
    reach : int
        How many nt a token sees.
    site_token : int
        The token that the prediction is centred on.
    """

    starts: np.ndarray
    reach: int
    site_token: int

    @property
    def middles(self) -> np.ndarray:
        """Middle of what each token sees, in nt relative to the site; shape (T,), float64."""
        return self.starts + (self.reach - 1) / 2

    @property
    def at_site(self) -> np.ndarray:
        """Which tokens see the site itself; shape (T,), bool."""
        return (self.starts <= 0) & (self.starts + self.reach > 0)

    @property
    def offsets(self) -> np.ndarray:
        """Places of a token's nt relative to its middle, rounded down; shape (reach,), int."""
        return np.arange(self.reach) - (self.reach - 1) // 2

    def seen(self, tokens: np.ndarray) -> np.ndarray:
        """Cut out what every token sees.

        Parameters
        ----------
        tokens : np.ndarray, shape (N, L), uint8
            Windows of any odd length, the site at ``L // 2``.

        Returns
        -------
        np.ndarray, shape (N, T, reach), uint8
            A view where that is possible; ambiguous beyond the ends of a window.
        """
        site = centre(tokens.shape[1])
        first, last = site + int(self.starts[0]), site + int(self.starts[-1]) + self.reach
        before, behind = max(0, -first), max(0, last - tokens.shape[1])
        if before or behind:
            tokens = np.pad(tokens, ((0, 0), (before, behind)), constant_values=AMBIGUOUS)
        views = np.lib.stride_tricks.sliding_window_view(tokens, self.reach, axis=1)
        step = int(self.starts[1] - self.starts[0]) if len(self.starts) > 1 else 1
        return views[:, first + before : last + before - self.reach + 1 : step]


def reading(network: Network) -> Reading:
    """Tell what the tokens of a network see."""
    if isinstance(network, SiteNetwork):
        beside = network.encoder.codes_beside(network.config.length)
        reach = network.encoder.reach
        starts = TOKEN_STRIDE * np.arange(-beside, beside + 1) - reach // 2
        return Reading(starts, reach, beside)
    length = network.config.length
    tokens = network.encoder.tokens(length)
    starts = _PAPER_STRIDE * np.arange(tokens) + _PAPER_FIRST - centre(length)
    return Reading(starts, _PAPER_REACH, network.site_token)
