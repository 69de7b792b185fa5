"""The weights of our network in the form that the dense engine reads.

Norms are folded into the neighbouring convolution, the first convolution becomes look-up tables
by 3-mer, the first convolution of the context becomes look-up tables by code, and the divisors of
means are put into the weights that read them, so that the engine only sums. All is computed in
double precision and rounded once.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from vqrna.nn.context import ResidualBlock, Span
from vqrna.nn.encoder import ValidEncoder
from vqrna.nn.head import HeadPart
from vqrna.nn.model import SiteNetwork
from vqrna.sequence import ALPHABET, AMBIGUOUS

MER = 3
"""Letters per look-up in the first convolution."""

LETTERS = len(ALPHABET) + 1
"""The bases, and one letter for everything ambiguous."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer with its norm folded in."""

    weight: torch.Tensor  # (kernel, inputs, outputs), or (inputs, outputs) if kernel is 1
    bias: torch.Tensor  # (outputs,)


@dataclass(frozen=True, eq=False)
class FoldedPart:
    """A part of the head."""

    # Reads the features, with the norm before it folded in; takes sums in place of means
    hidden: Layer
    logits: torch.Tensor  # (H, M)


@dataclass(frozen=True, eq=False)
class FoldedNetwork:
    """Weights of the dense engine, on the network's device."""

    length: int  # Window length in nt
    # fine_half, coarse_half: Tokens on each side of the central one after the entry of the context
    # and at its end
    fine_half: int
    coarse_half: int
    # near, regions: Spans of the means near the site and of the means by region
    near: tuple[Span, ...]
    regions: tuple[Span, ...]
    # (kernel / 3 * 125, C): What each 3-mer adds to the first convolution, one table per triplet of
    # its kernel
    stem: torch.Tensor
    # stem_scale, stem_shift: (C,): The norm after the pooling
    stem_scale: torch.Tensor
    stem_shift: torch.Tensor
    mix: Layer
    # project, project_bias: (C, D) and (D,)
    project: torch.Tensor
    project_bias: torch.Tensor
    codebook: torch.Tensor  # (D, K)
    # (kernel * K, W): What each code adds to the first convolution of the context, one table per
    # place in its kernel; the first table includes the bias
    enter: torch.Tensor
    # Residual blocks, with weights (W, W, 1, kernel), channels last; the identity is added to the
    # central weights, so that the convolution includes the input of the block
    blocks: tuple[Layer, ...]
    # near_project, region_project: Projections of a token of the entry to what is averaged
    near_project: Layer
    region_project: Layer
    site: FoldedPart
    region: FoldedPart
    logits_bias: torch.Tensor  # (M,): Sum of the biases of both parts
    # exact_encoder, exact_codebook: (K, D): In double precision, on the CPU
    exact_encoder: ValidEncoder
    exact_codebook: torch.Tensor


@torch.no_grad()
def fold(network: SiteNetwork, context_dtype: torch.dtype | None = None) -> FoldedNetwork:
    """Fold the current weights of a network.

    Parameters
    ----------
    context_dtype : torch.dtype, optional
        Precision of everything after the codes; that of the codebook by default.
    """
    device, dtype = network.quantizer.codebook.device, network.quantizer.codebook.dtype
    network = copy.deepcopy(network).cpu().double()  # some devices have no double precision
    encoder, context, head = network.encoder, network.context, network.head
    codebook = network.quantizer.codebook  # (K, D)

    def exact(x: torch.Tensor) -> torch.Tensor:
        return x.to(device, dtype).contiguous()

    def low(x: torch.Tensor) -> torch.Tensor:
        return x.to(device, context_dtype or dtype)

    def low_layer(layer: Layer) -> Layer:
        return Layer(low(layer.weight.contiguous()), low(layer.bias))

    scale, shift = _affine(encoder.stem_norm)
    mix, mix_shift = _normed(encoder.mix, encoder.mix_norm)
    enter, enter_shift = _normed(context.enter, context.enter_norm)
    tables = codebook @ enter  # (kernel, K, W)
    tables[0] += enter_shift
    blocks = []
    for block in context.blocks:
        assert isinstance(block, ResidualBlock)
        weight, bias = _normed(block.conv, block.norm)  # (kernel, W, W)
        weight[len(weight) // 2] += torch.eye(weight.shape[1], dtype=weight.dtype)
        # (kernel, inputs, outputs) -> (outputs, inputs, 1, kernel)
        image = weight.permute(2, 1, 0)[:, :, None].contiguous(memory_format=torch.channels_last)
        blocks.append(Layer(low(image), low(bias)))
    width = context.enter.out_channels
    site, region = _hidden(head.site), _hidden(head.region)
    _divide_by_tokens(site.weight[2 * width :], context.near_spans)
    whole = [(-half, half) for half in (context.fine_half, context.coarse_half)]
    _divide_by_tokens(region.weight[: 2 * width], whole)
    _divide_by_tokens(region.weight[3 * width :], context.region_spans)
    return FoldedNetwork(
        length=network.config.length,
        fine_half=context.fine_half,
        coarse_half=context.coarse_half,
        near=context.near_spans,
        regions=context.region_spans,
        stem=exact(_stem_tables(encoder.stem.weight)),
        stem_scale=exact(scale),
        stem_shift=exact(shift),
        mix=Layer(exact(mix), exact(mix_shift)),
        project=exact(encoder.project.weight[..., 0].T),
        project_bias=exact(_bias(encoder.project)),
        codebook=exact(codebook.T),
        enter=low(tables.flatten(0, 1)),  # (kernel * K, W)
        blocks=tuple(blocks),
        near_project=low_layer(_projection(context.near_project, context.near_norm)),
        region_project=low_layer(_projection(context.stretch_project, context.stretch_norm)),
        site=FoldedPart(low_layer(site), exact(head.site.logits.weight[..., 0].T)),
        region=FoldedPart(low_layer(region), exact(head.region.logits.weight[..., 0].T)),
        logits_bias=exact(_bias(head.site.logits) + _bias(head.region.logits)),
        exact_encoder=encoder.eval(),
        exact_codebook=codebook,
    )


def _affine(norm: nn.BatchNorm1d) -> tuple[torch.Tensor, torch.Tensor]:
    """Return scale and shift of a norm: it computes ``scale * x + shift``."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return scale, norm.bias - norm.running_mean * scale


def _bias(layer: nn.Conv1d) -> torch.Tensor:
    assert layer.bias is not None
    return layer.bias


def _normed(conv: nn.Conv1d, norm: nn.BatchNorm1d) -> tuple[torch.Tensor, torch.Tensor]:
    """Return weight (kernel, inputs, outputs) and bias of a convolution and the norm after it."""
    scale, shift = _affine(norm)
    # (outputs, inputs, kernel) -> (kernel, inputs, outputs)
    return (conv.weight * scale[:, None, None]).permute(2, 1, 0).contiguous(), shift


def _stem_tables(weight: torch.Tensor) -> torch.Tensor:
    """Write a kernel (C, 4, k) as tables of sums of three letters: (k / 3 * 125, C)."""
    zero = torch.zeros_like(weight[:, :1])
    assert len(ALPHABET) == AMBIGUOUS  # its column is all-zero, and the last
    by_letter = torch.cat([weight, zero], dim=1).permute(2, 1, 0)  # (k, 5, C)
    tables = [
        a[:, None, None] + b[None, :, None] + c[None, None, :]  # (5, 5, 5, C)
        for a, b, c in by_letter.unflatten(0, (-1, MER))
    ]
    return torch.stack(tables).flatten(0, 3)


def _projection(conv: nn.Conv1d, norm: nn.BatchNorm1d) -> Layer:
    kernel, shift = _normed(conv, norm)
    return Layer(kernel[0], shift)


def _hidden(part: HeadPart) -> Layer:
    """Return the first layer (F, H) of a part of the head, with the norm before it."""
    scale, shift = _affine(part.norm)
    weight = part.hidden.weight[..., 0]  # (H, F)
    return Layer((weight * scale).T.clone(), _bias(part.hidden) + weight @ shift)


def _divide_by_tokens(rows: torch.Tensor, spans: Sequence[Span]) -> None:
    """Divide weights of means, (len(spans) * channels, H), by the tokens of each span."""
    for (low, high), matrix in zip(spans, rows.chunk(len(spans)), strict=True):
        matrix /= high - low + 1
