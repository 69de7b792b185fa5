"""From codes to what surrounds the site: residual convolutions (ours), attention (published)."""

from __future__ import annotations

import torch
from torch import nn

from vqrna.nn.window import Convolution, MaxPool, central, mean_around

KERNEL = 5
SCALES = 3


class ResidualBlock(nn.Module):
    """``x + relu(norm(conv(x)))`` without padding: two tokens are lost on either side."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = Convolution(width, width, KERNEL)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Transform (N, C, T) to (N, C, T - 4)."""
        y = torch.relu(self.norm(self.conv(x)))
        cut = (x.shape[-1] - y.shape[-1]) // 2
        return x[..., cut : x.shape[-1] - cut] + y


class ConvolutionalContext(nn.Module):
    """Our context: features of a site at growing scales, from its codes alone.

    A convolution, then residual blocks with pooling by two between them, as many as the window has
    room for. The features are the central token at every scale, and the means over the finest
    and the coarsest.

    Parameters
    ----------
    half : int
        Codes on each side of the central one.
    code_dim, width : int
        Channels of the codes and of the features.

    Attributes
    ----------
    features : int
        Channels of the output.
    """

    def __init__(self, half: int, code_dim: int, width: int) -> None:
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
        self.features = width * (len(self.blocks) + 3)

    def forward(self, quantized: torch.Tensor) -> torch.Tensor:
        """Summarise code vectors of windows (N, T, D) to features (N, F, 1)."""
        x = torch.relu(self.enter_norm(self.enter(quantized.transpose(1, 2))))
        found = [central(x), mean_around(x, self.fine_half)]
        for scale, block in enumerate(self.blocks):
            if scale:
                x = self.pools[scale - 1](x)
            x = block(x)
            found.append(central(x))
        found.append(mean_around(x, self.coarse_half))
        return torch.cat(found, dim=1)


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
        """Transform (N, T, D); also gives the attention weights (N, heads, T, T)."""
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
        """Transform (N, T, D); gives also the attention (N, layers, heads, T, T)."""
        x, attention = quantized, []
        for layer in self.layers:
            x, weights = layer(x)
            attention.append(weights)
        return x, torch.stack(attention, dim=1)
