"""Every position of a sequence at once, as fast as the processor's caches allow.

Every stride of the network becomes a dilation (the à-trous trick), so that each position gets the
numbers of the window around it: layers never pad, and see the same inputs in the same places. All
is a matrix of positions by channels: a convolution is a sum of matrix products of shifted rows.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F

from vqrna.nn.context import KERNEL
from vqrna.nn.dense.buffers import Spaces, steps
from vqrna.nn.dense.head import DenseHead, Tokens
from vqrna.nn.dense.weights import LETTERS, MER, FoldedNetwork, Layer
from vqrna.nn.encoder import MIX_KERNEL, POOL_KERNEL, STEM_KERNEL, TOKEN_STRIDE
from vqrna.nn.ties import NEAR, TIE, nearest, settled

SIMILARITIES = 1 << 18
"""Cosines at a time on a CPU: they and what they come from stay in its second cache."""

ENTRIES, ROWS = 1024, 1024
"""Tokens at a time at the entry of the context and behind it."""


class DenseOutput(NamedTuple):
    """What the network says of every position.

    Attributes
    ----------
    logits : torch.Tensor, shape (N, W, M), float32 (float64 from a network in float64)
    near_ties : torch.Tensor, shape (N, W), bool
        Where the token that stands on the position had two codes equally near, to within
        `vqrna.nn.ties.TIE`: single precision cannot tell them apart. They are settled in double.
    codes : torch.Tensor, shape (N, W + length - reach), int64
        Of every token of the rows; a latent sees `reach` nt.
    """

    logits: torch.Tensor
    near_ties: torch.Tensor
    codes: torch.Tensor


class DenseNetwork:
    """Our network, evaluated at every position; safe to share between threads.

    Parameters
    ----------
    folded : FoldedNetwork
    """

    def __init__(self, folded: FoldedNetwork) -> None:
        self.folded = folded
        self._spaces = Spaces()
        self._head = DenseHead(folded, self._spaces)

    @torch.no_grad()
    def __call__(self, tokens: torch.Tensor) -> DenseOutput:
        """Evaluate tokens (N, W + length - 1), on the network's device, at the central W."""
        with torch.autocast(tokens.device.type, enabled=False):
            if tokens.device.type != "cpu":
                return self._evaluate_together(tokens)
            # What is behind one another in memory stays in the cache
            each = [self._evaluate(row) for row in tokens]
            return DenseOutput(*(torch.stack(part) for part in zip(*each, strict=True)))

    def _evaluate_together(self, tokens: torch.Tensor) -> DenseOutput:
        """Evaluate all rows as one sequence; what lies across a seam is left out."""
        rows, columns = tokens.shape
        starts = columns * torch.arange(rows, device=tokens.device)[:, None]
        places = starts + torch.arange(columns - self.folded.length + 1, device=tokens.device)
        logits, near, codes = self._evaluate(tokens.flatten())
        lost = rows * columns - len(codes)
        inside = starts + torch.arange(columns - lost, device=tokens.device)
        return DenseOutput(logits[places], near[places], codes[inside])

    def _evaluate(self, tokens: torch.Tensor) -> DenseOutput:
        """Evaluate one sequence: logits (W, M), near ties (W,) and all its codes."""
        sites = len(tokens) - self.folded.length + 1
        codes, near = self.codes(tokens)
        beside = (len(codes) - sites) // 2
        logits = self._head(*self._context(codes, sites))
        return DenseOutput(logits, near[beside : beside + sites], codes)

    @torch.no_grad()
    def codes(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Give the code of every token of a sequence, and whether it is nearly tied.

        Parameters
        ----------
        tokens : torch.Tensor, shape (L,), integer

        Returns
        -------
        codes : torch.Tensor, shape (L - reach + 1,), int64
            A latent sees `reach` nt; the first one the first so many.
        near_ties : torch.Tensor, shape (L - reach + 1,), bool
        """
        f = self.folded
        tokens = tokens.long()
        mers = sum(
            tokens[i : len(tokens) - MER + 1 + i] * LETTERS ** (MER - 1 - i) for i in range(MER)
        )
        assert isinstance(mers, torch.Tensor)
        places = STEM_KERNEL // MER
        stem = len(tokens) - STEM_KERNEL + 1
        words = torch.stack(
            [mers[MER * i : MER * i + stem] + LETTERS**MER * i for i in range(places)], dim=1
        )
        extent = POOL_KERNEL + (MIX_KERNEL - 1) * TOKEN_STRIDE - 1
        count = stem - extent
        size = f.codebook.shape[1]
        codes, gaps = tokens.new_empty(count), f.codebook.new_empty(count)
        step = max(1, SIMILARITIES // size) if tokens.device.type == "cpu" else count
        for at in range(0, count, step):
            stop = min(at + step, count)
            x = F.embedding_bag(words[at : stop + extent], f.stem, mode="sum")
            pooled = self._spaces.matrix("pooled", len(x) - POOL_KERNEL + 1, x)
            _pool(x, 1, pooled)
            torch.addcmul(f.stem_shift, pooled, f.stem_scale, out=pooled).relu_()
            mixed = self._spaces.matrix("mixed", stop - at, f.mix.bias)
            _convolve(pooled, f.mix, TOKEN_STRIDE, mixed).relu_()
            latents = self._spaces.matrix("latents", stop - at, f.project_bias)
            torch.addmm(f.project_bias, mixed, f.project, out=latents)
            cosines = self._spaces.matrix("cosines", stop - at, f.codebook)
            torch.mm(latents, f.codebook, out=cosines)
            codes[at:stop], gap = nearest(cosines)
            torch.div(gap, torch.linalg.vector_norm(latents, dim=1), out=gaps[at:stop])
        near = torch.zeros_like(codes, dtype=torch.bool)
        doubtful = torch.nonzero(gaps < NEAR)[:, 0]
        if len(doubtful):
            reach = torch.arange(len(tokens) - count + 1, device=tokens.device)
            seen = tokens[doubtful[:, None] + reach]
            codes[doubtful], gap = settled(f.exact_encoder, f.exact_codebook, seen)
            near[doubtful] = gap < TIE
        return codes, near

    def _context(self, codes: torch.Tensor, sites: int) -> tuple[Tokens, Tokens, Tokens]:
        """Give the features of every token behind the entry, at the finest scale, at the last."""
        f = self.folded
        stride = TOKEN_STRIDE
        count = len(codes) - (KERNEL - 1) * stride
        size = f.codebook.shape[1]
        words = torch.stack(
            [codes[i * stride : i * stride + count] + i * size for i in range(KERNEL)], dim=1
        )
        x = self._spaces.matrix("entry", count, f.enter)
        for rows in steps(x, ENTRIES):
            bag = F.embedding_bag(words[rows], f.enter, mode="sum")
            torch.clamp_min(bag, 0, out=x[rows])
        entry = Tokens(x, stride, sites)
        found = []
        for scale, block in enumerate(f.blocks):
            if scale:
                pooled = self._spaces.matrix("pooled scale", len(x) - 2 * stride, f.enter)
                for rows in steps(pooled, ROWS):
                    _pool(x[rows.start :], stride, pooled[rows])
                x = pooled
                stride *= 2
            lost = (KERNEL - 1) * stride
            y = F.conv2d(_image(x), block.weight, block.bias, dilation=(1, stride))
            # The input is in the sum: x + max(c, 0) is max(x + c, x)
            x = torch.maximum(_matrix(y), x[lost // 2 : len(x) - lost // 2], out=_matrix(y))
            found.append(Tokens(x, stride, sites))
        return entry, found[0], found[-1]


def _convolve(x: torch.Tensor, layer: Layer, stride: int, out: torch.Tensor) -> torch.Tensor:
    """Convolve (T, C) along its rows."""
    count = len(out)
    torch.addmm(layer.bias, x[:count], layer.weight[0], out=out)
    for i, matrix in enumerate(layer.weight[1:], 1):
        out.addmm_(x[i * stride : i * stride + count], matrix)
    return out


def _image(x: torch.Tensor) -> torch.Tensor:
    """View (T, C) as an image (1, C, 1, T) whose channels lie together, without a copy."""
    return x.T[None, :, None]


def _matrix(image: torch.Tensor) -> torch.Tensor:
    """View such an image as (T, C)."""
    return image[0, :, 0].T


def _pool(x: torch.Tensor, stride: int, out: torch.Tensor) -> torch.Tensor:
    """Take the maximum of three rows that are `stride` apart."""
    count = len(out)
    torch.maximum(x[:count], x[stride : stride + count], out=out)
    return torch.maximum(out, x[2 * stride : 2 * stride + count], out=out)
