"""The weights of our network as its dense evaluation wants them: norms folded in, tables made."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from vqrna.nn.context import ResidualBlock
from vqrna.nn.encoder import ValidEncoder
from vqrna.sequence import ALPHABET, AMBIGUOUS

if TYPE_CHECKING:
    from vqrna.nn.model import SiteNetwork

MER = 3
"""Letters that one look-up of the first convolution takes in."""

LETTERS = len(ALPHABET) + 1
"""Bases, and what is none of them."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A convolution with the norm behind it: weight (kernel, inputs, outputs), bias (outputs,)."""

    weight: torch.Tensor
    bias: torch.Tensor


@dataclass(frozen=True, eq=False)
class FoldedNetwork:
    """What a dense evaluation reads, on the network's device.

    Attributes
    ----------
    stem : torch.Tensor, shape (kernel / 3 * 125, C)
        What each 3-mer adds to the first convolution, one table a place within the kernel.
    stem_scale, stem_shift : torch.Tensor, shape (C,)
        Its norm, which stands behind the pooling.
    mix : Layer
    project, project_bias : torch.Tensor, shapes (C, D) and (D,)
    codebook : torch.Tensor, shape (D, K)
    enter : torch.Tensor, shape (kernel * K, W)
        What each code adds to the context's first convolution, one table a place in the kernel.
    blocks : tuple of Layer
        The residual blocks, weights (W, W, 1, kernel) with the channels together; their input is
        added by the weights themselves.
    head : torch.Tensor, shape (parts, W, H)
        First layer of the classifier, a matrix for each part of the features; means are told as
        sums.
    head_bias : torch.Tensor, shape (H,)
    logits, logits_bias : torch.Tensor, shapes (H, M) and (M,)
    exact_encoder : ValidEncoder
        In double precision, on the CPU.
    exact_codebook : torch.Tensor, shape (K, D)
    """

    stem: torch.Tensor
    stem_scale: torch.Tensor
    stem_shift: torch.Tensor
    mix: Layer
    project: torch.Tensor
    project_bias: torch.Tensor
    codebook: torch.Tensor
    enter: torch.Tensor
    blocks: tuple[Layer, ...]
    head: torch.Tensor
    head_bias: torch.Tensor
    logits: torch.Tensor
    logits_bias: torch.Tensor
    exact_encoder: ValidEncoder
    exact_codebook: torch.Tensor


@torch.no_grad()
def fold(network: SiteNetwork, context_dtype: torch.dtype | None = None) -> FoldedNetwork:
    """Fold the weights as they are now; all is worked out in double precision and rounded once.

    Parameters
    ----------
    network : SiteNetwork
    context_dtype : torch.dtype, optional
        Of all that comes behind the codes; that of the codebook if not given.
    """
    device, dtype = network.quantizer.codebook.device, network.quantizer.codebook.dtype
    network = copy.deepcopy(network).cpu().double()  # not every device knows double precision
    encoder, context, head = network.encoder, network.context, network.head
    codebook = network.quantizer.codebook

    def exact(x: torch.Tensor) -> torch.Tensor:
        return x.to(device, dtype).contiguous()

    def low(x: torch.Tensor) -> torch.Tensor:
        return x.to(device, context_dtype or dtype)

    scale, shift = _affine(encoder.stem_norm)
    mix, mix_shift = _normed(encoder.mix, encoder.mix_norm)
    enter, enter_shift = _normed(context.enter, context.enter_norm)
    tables = codebook @ enter  # (kernel, K, W)
    tables[0] += enter_shift
    blocks = []
    for block in context.blocks:
        assert isinstance(block, ResidualBlock)
        weight, bias = _normed(block.conv, block.norm)
        weight[len(weight) // 2] += torch.eye(weight.shape[1], dtype=weight.dtype)
        image = weight.permute(2, 1, 0)[:, :, None].contiguous(memory_format=torch.channels_last)
        blocks.append(Layer(low(image), low(bias)))
    matrix, bias = _head(network)
    project_bias, logits_bias = encoder.project.bias, head.logits.bias
    assert project_bias is not None
    assert logits_bias is not None
    return FoldedNetwork(
        stem=exact(_stem_tables(encoder.stem.weight)),
        stem_scale=exact(scale),
        stem_shift=exact(shift),
        mix=Layer(exact(mix), exact(mix_shift)),
        project=exact(encoder.project.weight[..., 0].T),
        project_bias=exact(project_bias),
        codebook=exact(codebook.T),
        enter=low(tables.flatten(0, 1)),
        blocks=tuple(blocks),
        head=low(matrix),
        head_bias=low(bias),
        logits=exact(head.logits.weight[..., 0].T),
        logits_bias=exact(logits_bias),
        exact_encoder=encoder.eval(),
        exact_codebook=codebook,
    )


def _affine(norm: nn.BatchNorm1d) -> tuple[torch.Tensor, torch.Tensor]:
    """Tell a norm as ``scale * x + shift``."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return scale, norm.bias - norm.running_mean * scale


def _normed(conv: nn.Conv1d, norm: nn.BatchNorm1d) -> tuple[torch.Tensor, torch.Tensor]:
    """Give kernel (kernel, inputs, outputs) and bias of a convolution and the norm behind it."""
    scale, shift = _affine(norm)
    return (conv.weight * scale[:, None, None]).permute(2, 1, 0).contiguous(), shift


def _stem_tables(weight: torch.Tensor) -> torch.Tensor:
    """Tell a kernel (C, 4, k) as sums of three letters each: (k / 3 * 125, C)."""
    nothing = torch.zeros_like(weight[:, :1])
    assert len(ALPHABET) == AMBIGUOUS  # its column is all-zero, and the last
    by_letter = torch.cat([weight, nothing], dim=1).permute(2, 1, 0)  # (k, 5, C)
    tables = [
        a[:, None, None] + b[None, :, None] + c[None, None, :]
        for a, b, c in by_letter.unflatten(0, (-1, MER))
    ]
    return torch.stack(tables).flatten(0, 3)


def _head(network: SiteNetwork) -> tuple[torch.Tensor, torch.Tensor]:
    """Give the first layer of the classifier by parts of the features, with the norm before it."""
    head, context = network.head, network.context
    scale, shift = _affine(head.norm)
    weight = head.hidden.weight[..., 0]  # (H, F)
    bias = head.hidden.bias
    assert bias is not None
    bias = bias + weight @ shift
    width = context.enter.out_channels
    parts = (weight * scale).T.unflatten(0, (-1, width)).clone()  # (parts, W, H)
    parts[1] /= 2 * context.fine_half + 1
    parts[-1] /= 2 * context.coarse_half + 1
    return parts, bias
