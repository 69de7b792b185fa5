"""The weights of our network as who evaluates it fast wants them: norms folded in, tables made."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from vqrna.nn.context import ResidualBlock
from vqrna.nn.encoder import ValidEncoder
from vqrna.sequence import ALPHABET, AMBIGUOUS

if TYPE_CHECKING:
    from vqrna.nn.head import Part
    from vqrna.nn.model import SiteNetwork

MER = 3
"""Letters that one look-up of the first convolution takes in."""

LETTERS = len(ALPHABET) + 1
"""Bases, and what is none of them."""


Span = tuple[int, int]
"""First and last token, counted from the central one."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer with the norm before or behind it: weight (kernel, inputs, outputs), bias (outputs,).

    Those of one place in the kernel have matrices (inputs, outputs).
    """

    weight: torch.Tensor
    bias: torch.Tensor


@dataclass(frozen=True, eq=False)
class FoldedPart:
    """A part of the head.

    Attributes
    ----------
    hidden : Layer
        Of its features, with the norm before it; means are told as sums.
    logits : torch.Tensor, shape (H, M)
    """

    hidden: Layer
    logits: torch.Tensor


@dataclass(frozen=True, eq=False)
class FoldedNetwork:
    """What a fast evaluation reads, on the network's device.

    Attributes
    ----------
    length : int
        Window length in nt.
    fine_half, coarse_half : int
        Tokens on each side of the central one behind the entry of the context and at its end.
    near, stretches : tuple of Span
        What is averaged of the entry.
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
    near_project, stretch_project : Layer
        What is averaged, of a token of the entry.
    site, region : FoldedPart
    logits_bias : torch.Tensor, shape (M,)
        Of both parts.
    exact_encoder : ValidEncoder
        In double precision, on the CPU.
    exact_codebook : torch.Tensor, shape (K, D)
    """

    length: int
    fine_half: int
    coarse_half: int
    near: tuple[Span, ...]
    stretches: tuple[Span, ...]
    stem: torch.Tensor
    stem_scale: torch.Tensor
    stem_shift: torch.Tensor
    mix: Layer
    project: torch.Tensor
    project_bias: torch.Tensor
    codebook: torch.Tensor
    enter: torch.Tensor
    blocks: tuple[Layer, ...]
    near_project: Layer
    stretch_project: Layer
    site: FoldedPart
    region: FoldedPart
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
    width = context.enter.out_channels
    site, region = _hidden(head.site), _hidden(head.region)
    _told_as_sums(site.weight[2 * width :], context.near)
    whole = [(-half, half) for half in (context.fine_half, context.coarse_half)]
    _told_as_sums(region.weight[: 2 * width], whole)
    _told_as_sums(region.weight[3 * width :], context.stretches)

    def lower(layer: Layer) -> Layer:
        return Layer(low(layer.weight.contiguous()), low(layer.bias))

    return FoldedNetwork(
        length=network.config.length,
        fine_half=context.fine_half,
        coarse_half=context.coarse_half,
        near=context.near,
        stretches=context.stretches,
        stem=exact(_stem_tables(encoder.stem.weight)),
        stem_scale=exact(scale),
        stem_shift=exact(shift),
        mix=Layer(exact(mix), exact(mix_shift)),
        project=exact(encoder.project.weight[..., 0].T),
        project_bias=exact(_bias(encoder.project)),
        codebook=exact(codebook.T),
        enter=low(tables.flatten(0, 1)),
        blocks=tuple(blocks),
        near_project=lower(_projection(context.near_project, context.near_norm)),
        stretch_project=lower(_projection(context.stretch_project, context.stretch_norm)),
        site=FoldedPart(lower(site), exact(head.site.logits.weight[..., 0].T)),
        region=FoldedPart(lower(region), exact(head.region.logits.weight[..., 0].T)),
        logits_bias=exact(_bias(head.site.logits) + _bias(head.region.logits)),
        exact_encoder=encoder.eval(),
        exact_codebook=codebook,
    )


def _affine(norm: nn.BatchNorm1d) -> tuple[torch.Tensor, torch.Tensor]:
    """Tell a norm as ``scale * x + shift``."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return scale, norm.bias - norm.running_mean * scale


def _bias(layer: nn.Conv1d) -> torch.Tensor:
    assert layer.bias is not None
    return layer.bias


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


def _projection(conv: nn.Conv1d, norm: nn.BatchNorm1d) -> Layer:
    """Give a matrix (inputs, outputs) and bias of a convolution of one token, and its norm."""
    kernel, shift = _normed(conv, norm)
    return Layer(kernel[0], shift)


def _hidden(part: Part) -> Layer:
    """Give matrix (F, H) and bias of the first layer of a part of the head, its norm before it."""
    scale, shift = _affine(part.norm)
    weight = part.hidden.weight[..., 0]  # (H, F)
    return Layer((weight * scale).T.clone(), _bias(part.hidden) + weight @ shift)


def _told_as_sums(rows: torch.Tensor, spans: Sequence[Span]) -> None:
    """Divide what reads means, (len(spans) * channels, H), by how many tokens they are of."""
    for (low, high), matrix in zip(spans, rows.chunk(len(spans)), strict=True):
        matrix /= high - low + 1
