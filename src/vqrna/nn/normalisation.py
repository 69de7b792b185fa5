"""Normalisation over a batch of which only some rows make the statistics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


class Normalisation(nn.BatchNorm1d):
    """Batch normalisation whose statistics may be those of the first rows alone.

    Weak negatives that stand beside the windows of a batch are normalised as the windows are and
    leave no trace in the running statistics. With statistics of their own they would be told
    from windows by these; as a part of the batch they would shift what validation uses.

    Attributes
    ----------
    rows : int or None
        So many first rows make the statistics in training; all if None.
    """

    rows: int | None = None

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Normalise (N, C, L)."""
        if not self.training or self.rows is None or self.rows >= len(input):
            return super().forward(input)
        windows, others = input[: self.rows], input[self.rows :]
        variance, mean = torch.var_mean(windows.float(), dim=(0, 2), correction=0)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        shift = self.bias - mean * scale
        beside = torch.addcmul(shift[:, None], others.float(), scale[:, None])
        return torch.cat([super().forward(windows), beside.to(input.dtype)])


@contextmanager
def statistics_of(network: nn.Module, rows: int) -> Iterator[None]:
    """Let the first `rows` rows of each batch make the statistics of a network's normalisations."""
    layers = [layer for layer in network.modules() if isinstance(layer, Normalisation)]
    for layer in layers:
        layer.rows = rows
    try:
        yield
    finally:
        for layer in layers:
            layer.rows = None
