"""Contexts, from codes to features of the site: residual convolutions (ours), attention."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from vqrna.nn.encoder import Convolution, MaxPool, central, mean_around, mean_between

KERNEL = 5
SCALES = 3

Span = tuple[int, int]
"""First and last token, counted from the central one."""

NEAR_SPANS: tuple[Span, ...] = ((-2, 2), (-4, 4), (-8, -1), (1, 8), (-17, -1), (1, 17))
"""Tokens near the site whose features are averaged."""

REGION_SPANS = 9
"""Number of spans of equal size into which the window is divided; each is averaged."""


class ResidualBlock(nn.Module):
    """``x + relu(norm(conv(x)))`` without padding: drops two tokens on either side."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = Convolution(width, width, KERNEL)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Transform (N, C, T) to (N, C, T - 4)."""
        y = torch.relu(self.norm(self.conv(x)))
        cut = (x.shape[-1] - y.shape[-1]) // 2
        return x[..., cut : x.shape[-1] - cut] + y


class WindowFeatures(NamedTuple):
    """Features of windows."""

    site: torch.Tensor  # (N, S, 1): From the site and the tokens near it
    region: torch.Tensor  # (N, R, 1): From the whole window
    # (N, S, K), or None: The site features of other tokens of the window
    candidates: torch.Tensor | None


class ConvolutionalContext(nn.Module):
    """Our context: features of the site and of its region at growing scales, from codes alone.

    A convolution (the entry) is followed by residual blocks with pooling by two between them, as
    many as fit into the window. Site features are the entry and the finest block at the site, and
    means of the entry over spans near it. Region features are the means of the entry and of the
    coarsest block over the window, the coarsest block at the site, and means of the entry over
    spans that divide the window, so that sides and distances can be distinguished.

    Parameters
    ----------
    half : int
        Codes on each side of the central one.
    code_dim, width : int
        Channels of the codes and of the features.
    mean_channels : int
        Channels of the means over spans.

    Attributes
    ----------
    fine_half, coarse_half : int
        Tokens on each side of the central one after the entry and after the coarsest block.
    near_spans, region_spans : tuple of Span
    reach : int
        Largest distance of a candidate from the central token.
    site_features, region_features : int
        Channels of the two outputs.
    """

    def __init__(self, half: int, code_dim: int, width: int, mean_channels: int = 32) -> None:
        super().__init__()
        self.enter = Convolution(code_dim, width, KERNEL)
        self.enter_norm = nn.BatchNorm1d(width)
        half -= KERNEL // 2
        self.fine_half = half
        self.pools, self.blocks = nn.ModuleList(), nn.ModuleList()
        for scale in range(SCALES):
            pooled = (half - 1) // 2 if scale else half
            if pooled < KERNEL // 2:
                break
            if scale:
                self.pools.append(MaxPool(3, 2))
            self.blocks.append(ResidualBlock(width))
            half = pooled - KERNEL // 2
        self.coarse_half = half
        self.near_spans = _clipped(NEAR_SPANS, self.fine_half)
        self.region_spans = _even_spans(self.fine_half)
        farthest = max(max(-low, high) for low, high in self.near_spans)
        self.reach = self.fine_half - max(farthest, KERNEL // 2)
        self.near_project = nn.Conv1d(width, mean_channels, 1, bias=False)
        self.near_norm = nn.BatchNorm1d(mean_channels)
        # The means by region span; named as in stored weights
        self.stretch_project = nn.Conv1d(width, mean_channels, 1, bias=False)
        self.stretch_norm = nn.BatchNorm1d(mean_channels)
        self.site_features = 2 * width + len(self.near_spans) * mean_channels
        self.region_features = 3 * width + len(self.region_spans) * mean_channels

    def forward(
        self, quantized: torch.Tensor, candidates: torch.Tensor | None = None
    ) -> WindowFeatures:
        """Summarise code vectors of windows.

        Parameters
        ----------
        quantized : torch.Tensor, shape (N, T, D)
        candidates : torch.Tensor, shape (N, K), int64, optional
            Other tokens to return site features of, counted from the central one, at most `reach`
            away. Since no layer pads, these are the features of a window around them.
        """
        entry = torch.relu(self.enter_norm(self.enter(quantized.transpose(1, 2))))  # (N, C, T')
        x = finest = self.blocks[0](entry)
        for pool, block in zip(self.pools, self.blocks[1:], strict=True):
            x = block(pool(x))
        near = torch.relu(self.near_norm(self.near_project(entry)))
        regions = torch.relu(self.stretch_norm(self.stretch_project(entry)))
        site = [central(entry), central(finest)]
        site += [mean_between(near, low, high) for low, high in self.near_spans]
        region = [mean_around(entry, self.fine_half), mean_around(x, self.coarse_half), central(x)]
        region += [mean_between(regions, low, high) for low, high in self.region_spans]
        elsewhere = None
        if candidates is not None:
            at = [_tokens_at(layer, candidates) for layer in (entry, finest)]
            elsewhere = torch.cat([*at, *_means_at(near, candidates, self.near_spans)], dim=1)
        return WindowFeatures(torch.cat(site, dim=1), torch.cat(region, dim=1), elsewhere)


def _clipped(spans: tuple[Span, ...], half: int) -> tuple[Span, ...]:
    """Clip spans to `half` tokens from the centre; drop empty and duplicate ones."""
    cut = [(max(low, -half), min(high, half)) for low, high in spans]
    return tuple(dict.fromkeys((low, high) for low, high in cut if low <= high))


def _even_spans(half: int) -> tuple[Span, ...]:
    """Divide ``2 * half + 1`` tokens into `REGION_SPANS` spans."""
    tokens = 2 * half + 1
    count = min(REGION_SPANS, tokens)
    edges = [(2 * i * tokens + count) // (2 * count) - half for i in range(count + 1)]
    return tuple((low, after - 1) for low, after in pairwise(edges))


def _tokens_at(x: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
    """Return tokens by their distance (N, K) from the centre: (N, C, T) -> (N, C, K)."""
    at = offsets + (x.shape[-1] - 1) // 2
    return x.gather(2, at[:, None].expand(-1, x.shape[1], -1))


def _means_at(
    x: torch.Tensor, offsets: torch.Tensor, spans: tuple[Span, ...]
) -> list[torch.Tensor]:
    """Average (N, C, T) over each span around tokens (N, K): (N, C, K) each."""
    exact = torch.promote_types(x.dtype, torch.float32)
    sums = F.pad(x.to(exact).cumsum(-1), (1, 0))  # (N, C, T + 1): of all tokens before each
    centre = (x.shape[-1] - 1) // 2
    means = []
    for low, high in spans:
        first = (offsets + (centre + low))[:, None].expand(-1, x.shape[1], -1)
        total = sums.gather(2, first + (high - low + 1)) - sums.gather(2, first)
        means.append((total / (high - low + 1)).to(x.dtype))
    return means


class PaperLayer(nn.Module):
    """One published Transformer layer: post-norm, no dropout on the attention weights.

    Parameters
    ----------
    dim, heads : int
        Width and number of attention heads.
    dropout : float
        On both residual branches and inside the feed-forward part.
    """

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(dim, heads, batch_first=True)
        self.norm1 = nn.LayerNorm(dim, eps=1e-12)
        self.linear1, self.linear2 = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.norm2 = nn.LayerNorm(dim, eps=1e-12)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Transform (N, T, D); also return the attention weights (N, heads, T, T)."""
        y, weights = self.attention(x, x, x, average_attn_weights=False)
        x = self.norm1(x + self.dropout(y))
        y = self.linear2(self.dropout(torch.relu(self.linear1(x))))
        return self.norm2(x + self.dropout(y)), weights


class PaperContext(nn.Module):
    """The published context: six Transformer layers without positional encoding.

    Parameters
    ----------
    dim, heads, layers : int
        Width, attention heads and depth: 64, 8 and 6 as published.
    dropout : float
        0.2 as published.
    """

    def __init__(self, dim: int = 64, heads: int = 8, layers: int = 6, dropout: float = 0.2):
        super().__init__()
        self.layers = nn.ModuleList(PaperLayer(dim, heads, dropout) for _ in range(layers))

    def forward(self, quantized: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Transform (N, T, D); also return the attention (N, layers, heads, T, T)."""
        x, attention = quantized, []
        for layer in self.layers:
            x, weights = layer(x)
            attention.append(weights)
        return x, torch.stack(attention, dim=1)
