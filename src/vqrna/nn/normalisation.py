"""Normalisation over a batch of which only some rows make the statistics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable


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
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        found: torch.Tensor = _Beside.apply(
            input, self.weight, self.bias, self.running_mean, self.running_var,
            self.rows, self.momentum, self.eps,
        )  # fmt: skip
        return found


class _Beside(torch.autograd.Function):
    """The library's batch normalisation of the first rows, and what it makes of the others.

    Written out since parts that are put together cost more than the normalisation itself.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor,
        running_mean: torch.Tensor,
        running_var: torch.Tensor,
        rows: int,
        momentum: float,
        eps: float,
    ) -> torch.Tensor:
        found = torch.empty_like(x)
        found[:rows], mean, inverse = torch.native_batch_norm(
            x[:rows], weight, bias, running_mean, running_var, True, momentum, eps
        )
        scale = weight * inverse
        found[rows:] = torch.addcmul(
            (bias - mean * scale)[:, None], x[rows:].to(scale.dtype), scale[:, None]
        )
        ctx.save_for_backward(x, weight, mean, inverse)
        ctx.rows, ctx.eps = rows, eps
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, weight, mean, inverse = ctx.saved_tensors
        rows = ctx.rows
        windows, weight_grad, bias_grad = torch.ops.aten.native_batch_norm_backward(
            grad[:rows].contiguous(), x[:rows], weight, None, None, mean, inverse, True, ctx.eps,
            [True, True, True],
        )  # fmt: skip
        beside = grad[rows:].to(mean.dtype)
        normal = (x[rows:].to(mean.dtype) - mean[:, None]) * inverse[:, None]
        total, moment = beside.sum((0, 2)), (beside * normal).sum((0, 2))
        scale = weight * inverse
        # What the other rows ask of the statistics reaches all that make them
        slope = scale * inverse * moment / (rows * x.shape[2])
        level = scale * total / (rows * x.shape[2]) - slope * mean
        found = torch.empty_like(x)
        torch.addcmul(
            windows - level[:, None].to(x.dtype), x[:rows], slope[:, None].to(x.dtype), value=-1,
            out=found[:rows],
        )  # fmt: skip
        found[rows:] = beside * scale[:, None]
        return found, weight_grad + moment, bias_grad + total, None, None, None, None, None


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
