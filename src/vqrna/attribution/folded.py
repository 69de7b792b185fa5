"""The weights of our network as mutagenesis wants them: norms folded in, kernels as one matrix."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import nn

from vqrna.nn.context import KERNEL, ResidualBlock
from vqrna.nn.encoder import STEM_KERNEL, ValidEncoder
from vqrna.nn.model import SiteNetwork
from vqrna.sequence import ALPHABET

MER = 3
"""Letters that one look-up of the first convolution takes in."""

LETTERS = len(ALPHABET) + 1
"""Bases, and what is none of them."""


@dataclass(frozen=True, eq=False)
class Wide:
    """A convolution as one matrix, so that what each input adds at every place is one product.

    Attributes
    ----------
    matrix : torch.Tensor, shape (inputs, kernel * outputs)
    bias : torch.Tensor, shape (outputs,)
    """

    matrix: torch.Tensor
    bias: torch.Tensor

    def parts(self, rows: torch.Tensor) -> torch.Tensor:
        """Give what each row (N, inputs) adds: (N * kernel, outputs), a row a place."""
        return (rows @ self.matrix).view(-1, len(self.bias))


@dataclass(frozen=True, eq=False)
class Folded:
    """What mutagenesis reads, in the precision of the network.

    Attributes
    ----------
    length : int
        Window length in nt.
    stem : torch.Tensor, shape (3 * 125, C)
        What each 3-mer adds to the first convolution, one table a place within its kernel.
    stem_scale, stem_shift : torch.Tensor, shape (C,)
        Its norm, which stands behind the pooling.
    mix : Wide
    project, project_bias : torch.Tensor, shapes (C, D) and (D,)
    codebook : torch.Tensor, shape (D, K)
    enter : torch.Tensor, shape (kernel * K, W)
        What each code adds to the context's first convolution, one table a place in the kernel.
    blocks : tuple of Wide
        The residual blocks; their input is added by the weights themselves.
    head : torch.Tensor, shape (parts, W, H)
        First layer of the classifier, a matrix for each part of the features; means are told as
        sums.
    head_bias : torch.Tensor, shape (H,)
    logits, logits_bias : torch.Tensor, shapes (H, M) and (M,)
    exact_encoder : ValidEncoder
        In double precision, on the CPU.
    exact_codebook : torch.Tensor, shape (K, D)
    """

    length: int
    stem: torch.Tensor
    stem_scale: torch.Tensor
    stem_shift: torch.Tensor
    mix: Wide
    project: torch.Tensor
    project_bias: torch.Tensor
    codebook: torch.Tensor
    enter: torch.Tensor
    blocks: tuple[Wide, ...]
    head: torch.Tensor
    head_bias: torch.Tensor
    logits: torch.Tensor
    logits_bias: torch.Tensor
    exact_encoder: ValidEncoder
    exact_codebook: torch.Tensor


@torch.no_grad()
def fold(network: SiteNetwork) -> Folded:
    """Fold the weights as they are now, on the CPU; in double precision, and rounded once."""
    if next(network.parameters()).device.type != "cpu":
        network = copy.deepcopy(network).cpu()
    encoder, context, head = network.encoder, network.context, network.head
    codebook = network.quantizer.codebook.double()
    dtype = network.quantizer.codebook.dtype
    scale, shift = _affine(encoder.stem_norm)
    kernel, enter_shift = _normed(context.enter, context.enter_norm)
    tables = codebook @ kernel  # (kernel, K, W)
    tables[0] += enter_shift
    blocks = []
    for block in context.blocks:
        assert isinstance(block, ResidualBlock)
        weight, bias = _normed(block.conv, block.norm)
        weight[KERNEL // 2] += torch.eye(weight.shape[1]).to(weight)
        blocks.append(_wide(weight, bias, dtype))
    matrix, bias = _head(network)
    return Folded(
        length=network.config.length,
        stem=_stem_tables(encoder.stem.weight.double()).to(dtype),
        stem_scale=scale.to(dtype),
        stem_shift=shift.to(dtype),
        mix=_wide(*_normed(encoder.mix, encoder.mix_norm), dtype),
        project=encoder.project.weight[..., 0].T.contiguous(),
        project_bias=_bias(encoder.project).clone(),
        codebook=network.quantizer.codebook.T.contiguous(),
        enter=tables.flatten(0, 1).to(dtype),
        blocks=tuple(blocks),
        head=matrix.to(dtype),
        head_bias=bias.to(dtype),
        logits=head.logits.weight[..., 0].T.contiguous(),
        logits_bias=_bias(head.logits).clone(),
        exact_encoder=copy.deepcopy(encoder).cpu().double().eval(),
        exact_codebook=codebook.cpu(),
    )


def _affine(norm: nn.BatchNorm1d) -> tuple[torch.Tensor, torch.Tensor]:
    """Tell a norm as ``scale * x + shift``."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    return scale, norm.bias.double() - norm.running_mean.double() * scale


def _bias(layer: nn.Conv1d) -> torch.Tensor:
    assert layer.bias is not None
    return layer.bias


def _normed(conv: nn.Conv1d, norm: nn.BatchNorm1d) -> tuple[torch.Tensor, torch.Tensor]:
    """Give kernel (kernel, inputs, outputs) and bias of a convolution and the norm behind it."""
    scale, shift = _affine(norm)
    return (conv.weight.double() * scale[:, None, None]).permute(2, 1, 0).contiguous(), shift


def _wide(kernel: torch.Tensor, bias: torch.Tensor, dtype: torch.dtype) -> Wide:
    """Lay the places of a kernel (kernel, inputs, outputs) side by side."""
    return Wide(kernel.permute(1, 0, 2).flatten(1).contiguous().to(dtype), bias.to(dtype))


def _stem_tables(weight: torch.Tensor) -> torch.Tensor:
    """Tell a kernel (C, 4, k) as sums of three letters each: (k / 3 * 125, C)."""
    assert STEM_KERNEL % MER == 0
    nothing = torch.zeros_like(weight[:, :1])  # an ambiguous letter is an all-zero column
    by_letter = torch.cat([weight, nothing], dim=1).permute(2, 1, 0)  # (k, 5, C)
    tables = [
        first[:, None, None] + second[None, :, None] + third[None, None, :]
        for first, second, third in by_letter.unflatten(0, (-1, MER))
    ]
    return torch.stack(tables).flatten(0, 3).contiguous()


def _head(network: SiteNetwork) -> tuple[torch.Tensor, torch.Tensor]:
    """Give the first layer of the classifier by parts of the features, with the norm before it."""
    head, context = network.head, network.context
    scale, shift = _affine(head.norm)
    weight = head.hidden.weight[..., 0].double()  # (H, F)
    bias = _bias(head.hidden).double() + weight @ shift
    width = context.enter.out_channels
    parts = (weight * scale).T.unflatten(0, (-1, width)).clone()  # (parts, W, H)
    parts[1] /= 2 * context.fine_half + 1
    parts[-1] /= 2 * context.coarse_half + 1
    return parts, bias
