"""Rivals: positions beside a modified site, of the same base, that the site has to outrank.

The decoys are tokens of the same window, so that one pass gives the features of all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from vqrna.config import TrainingConfig
from vqrna.data.annotated import AROUND, annotated
from vqrna.data.windows import POSITIVE, Windows
from vqrna.modifications import Modification
from vqrna.nn.encoder import TOKEN_STRIDE
from vqrna.sequence import centre, recentre

RANKING = "loss_ranking"


class DrawnRivals(NamedTuple):
    """Rivals for one batch.

    Attributes
    ----------
    offsets : torch.Tensor, shape (N, K), int64
        Tokens, counted from the central one.
    present : torch.Tensor, shape (N, K), bool
        Which are decoys. The others only fill a row that has fewer.
    kinds : torch.Tensor, shape (N,), int64
        The type for which each row is ranked; any where there are no decoys.
    """

    offsets: torch.Tensor
    present: torch.Tensor
    kinds: torch.Tensor


@dataclass(frozen=True, eq=False)
class Rivals:
    """Where decoys come from.

    Parameters
    ----------
    modifications : tuple of Modification, length M
    kinds : np.ndarray, shape (N,), int
        The first type for which each window is modified; -1 for none.
    free : np.ndarray, shape (N, 2 * reach + 1), bool
        Tokens about the site, itself not, on which no annotated site of any type stands.
    most : int
        Rivals of a site at most.
    """

    modifications: tuple[Modification, ...]
    kinds: np.ndarray
    free: np.ndarray
    most: int

    @classmethod
    def of(cls, windows: Windows, reach: int, config: TrainingConfig) -> Rivals | None:
        """Prepare what a training needs; None if it ranks nothing or windows have no room.

        Parameters
        ----------
        windows : Windows
            For training; at least as long as the model's.
        reach : int
            Tokens beside the central one that the network can judge
            (see :class:`vqrna.nn.context.ConvolutionalContext`).
        config : TrainingConfig
        """
        if config.ranking_weight == 0 or reach == 0:
            return None
        # Of longer windows only what is judged is searched for known sites
        searched = recentre(windows.tokens, 2 * (reach * TOKEN_STRIDE + centre(AROUND)) + 1)
        known = annotated(searched, windows)
        free = ~known[:, centre(AROUND) : -centre(AROUND) : TOKEN_STRIDE]
        free[:, reach] = False
        modified = windows.labels == POSITIVE
        kinds = np.where(modified.any(axis=1), modified.argmax(axis=1), -1)
        return cls(windows.modifications, kinds, free, config.decoys)

    def draw(
        self, rows: np.ndarray, windows: torch.Tensor, generator: torch.Generator
    ) -> DrawnRivals:
        """Draw decoys for the windows of a batch, among what the network is shown of them.

        Parameters
        ----------
        rows : np.ndarray, shape (B,), int
            Windows of the batch.
        windows : torch.Tensor, shape (N, L), uint8
            Their tokens as the network sees them; N may be more than B: the further rows are no
            sites.
        generator : torch.Generator
            On the CPU.
        """
        reach = self.free.shape[1] // 2
        tokens, middle = windows.numpy(), centre(windows.shape[1])
        seen = slice(middle - reach * TOKEN_STRIDE, middle + reach * TOKEN_STRIDE + 1, TOKEN_STRIDE)
        kinds = np.full(len(tokens), -1)
        kinds[: len(rows)] = self.kinds[rows]
        allowed = np.zeros((len(tokens), self.free.shape[1]), dtype=bool)
        for m, kind in enumerate(self.modifications):
            (ours,) = np.nonzero(kinds == m)
            # Bases that are hidden or substituted by now are no candidates any more
            allowed[ours] = kind.candidates(tokens[ours])[:, seen] & self.free[rows[ours]]
        order = torch.rand(allowed.shape, generator=generator) + torch.from_numpy(allowed)
        chosen = order.topk(min(self.most, allowed.shape[1]), dim=1)
        return DrawnRivals(
            chosen.indices - reach, chosen.values >= 1, torch.from_numpy(kinds.clip(min=0))
        )
