"""Decoders, from code vectors back to bases."""

from __future__ import annotations

import torch
from torch import nn

from vqrna.nn.encoder import TOKEN_STRIDE

# By L: (kernel, stride, padding) of three transposed convolutions that return exactly L nt
PAPER_GEOMETRY: dict[int, tuple[tuple[int, int, int], ...]] = {
    51: ((3, 2, 1), (4, 2, 1), (4, 3, 2)),
    101: ((3, 2, 1), (4, 2, 1), (4, 3, 1)),
    201: ((4, 2, 1), (4, 2, 1), (4, 3, 2)),
    301: ((4, 3, 1), (4, 2, 1), (3, 2, 4)),
    401: ((4, 3, 1), (4, 2, 1), (3, 2, 2)),
    501: ((4, 2, 1), (4, 2, 1), (4, 3, 2)),
    701: ((4, 2, 1), (4, 2, 1), (4, 3, 4)),
    901: ((3, 2, 1), (4, 2, 1), (4, 3, 3)),
    1001: ((4, 2, 1), (4, 2, 1), (4, 3, 4)),
}


class TripletDecoder(nn.Module):
    """Our decoder: predicts from each code alone the three bases at its centre.

    Parameters
    ----------
    code_dim, width : int
        Channels of the codes and of the hidden layer.
    """

    def __init__(self, code_dim: int, width: int) -> None:
        super().__init__()
        self.hidden = nn.Conv1d(code_dim, width, 1)
        self.bases = nn.Conv1d(width, 4 * TOKEN_STRIDE, 1)

    def forward(self, quantized: torch.Tensor) -> torch.Tensor:
        """Decode (N, T, D) to base probabilities (N, 4, 3 * T) of the central nt of the window."""
        x = self.bases(torch.relu(self.hidden(quantized.transpose(1, 2))))  # (N, 12, T)
        n, _, t = x.shape
        # (N, 4, 3, T) -> (N, 4, T, 3) -> (N, 4, 3 * T)
        x = x.view(n, 4, TOKEN_STRIDE, t).transpose(2, 3).reshape(n, 4, TOKEN_STRIDE * t)
        return torch.softmax(x.float(), dim=1)


class PaperDecoder(nn.Module):
    """The published decoder: three transposed convolutions and a softmax over bases.

    Parameters
    ----------
    length : int
        Window length in nt, one of the nine published.
    code_dim : int
        Channels of the codes.
    """

    def __init__(self, length: int, code_dim: int = 64) -> None:
        super().__init__()
        first, second, third = PAPER_GEOMETRY[length]
        self.deconv1 = nn.ConvTranspose1d(code_dim, 512, *first)
        self.deconv2 = nn.ConvTranspose1d(512, 256, *second)
        self.deconv3 = nn.ConvTranspose1d(256, 4, *third)

    def forward(self, quantized: torch.Tensor) -> torch.Tensor:
        """Decode (N, T, D) to base probabilities (N, 4, L)."""
        x = torch.relu(self.deconv1(quantized.transpose(1, 2)))  # from (N, D, T)
        x = torch.relu(self.deconv2(x))
        return torch.softmax(self.deconv3(x).float(), dim=1)
