"""A convolution as one matrix: what each of its inputs adds at every place, in one product."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from vqrna.nn.dense.weights import Layer


@dataclass(frozen=True, eq=False)
class Wide:
    """A convolution whose sums are taken later, row by row.

    Attributes
    ----------
    matrix : torch.Tensor, shape (inputs, kernel * outputs)
    bias : torch.Tensor, shape (outputs,)
        Of the sums.
    """

    matrix: torch.Tensor
    bias: torch.Tensor

    @classmethod
    def of(cls, layer: Layer) -> Wide:
        """Lay the places of a kernel (kernel, inputs, outputs) side by side."""
        kernel, inputs, outputs = layer.weight.shape
        matrix = layer.weight.permute(1, 0, 2).reshape(inputs, kernel * outputs).contiguous()
        return cls(matrix, layer.bias)

    @classmethod
    def of_block(cls, layer: Layer) -> Wide:
        """Take a residual block, whose weight (outputs, inputs, 1, kernel) is that of an image."""
        return cls.of(Layer(layer.weight[:, :, 0].permute(2, 1, 0), layer.bias))

    def parts(self, rows: torch.Tensor, out: torch.Tensor) -> None:
        """Say what each row (N, inputs) adds: `out` is (N * kernel, outputs), a row a place."""
        torch.mm(rows, self.matrix, out=out.view(len(rows), self.matrix.shape[1]))
