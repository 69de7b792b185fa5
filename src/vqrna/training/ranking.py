"""Decoys: positions beside a modified site, with the same base, that should score lower.

Decoys are tokens of the same window, so that one pass of the network scores the site and them all.
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


class DrawnDecoys(NamedTuple):
    """Decoys for one batch."""

    offsets: torch.Tensor  # (N, K), int64: Tokens, counted from the central one
    # (N, K), bool: Which offsets are decoys; the others only fill up rows that have fewer
    present: torch.Tensor
    # (N,), int64: Type that each row is ranked for; arbitrary in rows without decoys
    modification_index: torch.Tensor


@dataclass(frozen=True, eq=False)
class Decoys:
    """Source of decoys."""

    modifications: tuple[Modification, ...]
    # (N,), int: First type that each window is modified for; -1 for none
    modification_index: np.ndarray
    # (N, 2 * reach + 1), bool: Tokens around the site, without the site, that are annotated for no
    # type
    free: np.ndarray
    count: int  # Most decoys of a site

    @classmethod
    def from_windows(
        cls, windows: Windows, reach: int, config: TrainingConfig, beside: np.ndarray | None = None
    ) -> Decoys | None:
        """Locate the tokens of windows that can be decoys.

        Returns None without a ranking loss, or if windows are too short.

        Parameters
        ----------
        windows : Windows
            Training windows, at least as long as the model's.
        reach : int
            Tokens on each side of the central one that the network can score
            (see :class:`vqrna.nn.context.ConvolutionalContext`).
        beside : np.ndarray, shape (N,), bool, optional
            Windows that have decoys; all by default.
        """
        if config.ranking_weight == 0 or reach == 0:
            return None
        # Longer windows need no search for known sites beyond the reach of the network
        searched = recentre(windows.tokens, 2 * (reach * TOKEN_STRIDE + centre(AROUND)) + 1)
        known = annotated(searched, windows)
        free = ~known[:, centre(AROUND) : -centre(AROUND) : TOKEN_STRIDE]
        free[:, reach] = False
        modified = windows.labels == POSITIVE
        if beside is not None:
            modified &= beside[:, None]
        index = np.where(modified.any(axis=1), modified.argmax(axis=1), -1)
        return cls(windows.modifications, index, free, config.decoys)

    def draw(
        self, rows: np.ndarray, windows: torch.Tensor, generator: torch.Generator
    ) -> DrawnDecoys:
        """Draw decoys for the windows of a batch.

        Parameters
        ----------
        rows : np.ndarray, shape (B,), int
            Windows of the batch.
        windows : torch.Tensor, shape (N, L), uint8
            Their tokens after augmentation; rows from B on have no site and get no decoys.
        generator : torch.Generator
            On the CPU.
        """
        reach = self.free.shape[1] // 2
        tokens, middle = windows.numpy(), centre(windows.shape[1])
        seen = slice(middle - reach * TOKEN_STRIDE, middle + reach * TOKEN_STRIDE + 1, TOKEN_STRIDE)
        index = np.full(len(tokens), -1)
        index[: len(rows)] = self.modification_index[rows]
        allowed = np.zeros((len(tokens), self.free.shape[1]), dtype=bool)
        for m, modification in enumerate(self.modifications):
            (own,) = np.nonzero(index == m)
            # Bases that augmentation hid or substituted are not candidates any more
            allowed[own] = modification.candidates(tokens[own])[:, seen] & self.free[rows[own]]
        order = torch.rand(allowed.shape, generator=generator) + torch.from_numpy(allowed)
        drawn = order.topk(min(self.count, allowed.shape[1]), dim=1)
        return DrawnDecoys(
            drawn.indices - reach, drawn.values >= 1, torch.from_numpy(index.clip(min=0))
        )
