"""Every position of a sequence at once, as fast as the processor's caches allow.

Every stride of the network becomes a dilation (the à-trous trick), so that each position gets the
numbers of the window around it: layers never pad, and see the same inputs in the same places. All
is a matrix of positions by channels: a convolution is a sum of matrix products of shifted rows.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F

from vqrna.nn.context import KERNEL
from vqrna.nn.encoder import MIX_KERNEL, POOL_KERNEL, STEM_KERNEL, TOKEN_STRIDE
from vqrna.nn.folded import LETTERS, MER, FoldedNetwork, Layer
from vqrna.nn.ties import NEAR, TIE, settled

SIMILARITIES = 1 << 18
"""Cosines at a time on a CPU: they and what they come from stay in its second cache."""

ENTRIES, ROWS, SITES = 1024, 1024, 2048
"""Tokens at a time at the entry of the context and behind it, and sites in the classifier."""

GROUPS = 16
"""Codes are held against one another in so many groups, which is faster than one by one."""


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
    length : int
        Window length in nt.
    fine_half, coarse_half : int
        Reach of the two means of the context, in tokens.
    """

    def __init__(
        self, folded: FoldedNetwork, length: int, fine_half: int, coarse_half: int
    ) -> None:
        self.folded, self.length = folded, length
        self.fine_half, self.coarse_half = fine_half, coarse_half
        self._spaces = threading.local()

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
        places = starts + torch.arange(columns - self.length + 1, device=tokens.device)
        logits, near, codes = self._evaluate(tokens.flatten())
        lost = rows * columns - len(codes)
        inside = starts + torch.arange(columns - lost, device=tokens.device)
        return DenseOutput(logits[places], near[places], codes[inside])

    def _evaluate(self, tokens: torch.Tensor) -> DenseOutput:
        """Evaluate one sequence: logits (W, M), near ties (W,) and all its codes."""
        sites = len(tokens) - self.length + 1
        codes, near = self.codes(tokens)
        scales = self._scales(codes)
        beside = (len(codes) - sites) // 2
        return DenseOutput(self._classify(scales, sites), near[beside : beside + sites], codes)

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
            pooled = self._space("pooled", len(x) - POOL_KERNEL + 1, x)
            _pool(x, 1, pooled)
            torch.addcmul(f.stem_shift, pooled, f.stem_scale, out=pooled).relu_()
            mixed = self._space("mixed", stop - at, f.mix.bias)
            _convolve(pooled, f.mix, TOKEN_STRIDE, mixed).relu_()
            latents = self._space("latents", stop - at, f.project_bias)
            torch.addmm(f.project_bias, mixed, f.project, out=latents)
            cosines = self._space("cosines", stop - at, f.codebook)
            torch.mm(latents, f.codebook, out=cosines)
            codes[at:stop], gap = _nearest(cosines)
            torch.div(gap, torch.linalg.vector_norm(latents, dim=1), out=gaps[at:stop])
        near = torch.zeros_like(codes, dtype=torch.bool)
        doubtful = torch.nonzero(gaps < NEAR)[:, 0]
        if len(doubtful):
            reach = torch.arange(len(tokens) - count + 1, device=tokens.device)
            seen = tokens[doubtful[:, None] + reach]
            codes[doubtful], gap = settled(f.exact_encoder, f.exact_codebook, seen)
            near[doubtful] = gap < TIE
        return codes, near

    def _scales(self, codes: torch.Tensor) -> list[torch.Tensor]:
        """Give the features of every token at every scale, from the entry on: (T, W) each."""
        f = self.folded
        stride = TOKEN_STRIDE
        count = len(codes) - (KERNEL - 1) * stride
        size = f.codebook.shape[1]
        words = torch.stack(
            [codes[i * stride : i * stride + count] + i * size for i in range(KERNEL)], dim=1
        )
        x = self._space("entry", count, f.enter)
        for rows in _steps(x, ENTRIES):
            bag = F.embedding_bag(words[rows], f.enter, mode="sum")
            torch.clamp_min(bag, 0, out=x[rows])
        found = [x]
        for scale, block in enumerate(f.blocks):
            if scale:
                pooled = self._space("pooled scale", len(x) - 2 * stride, f.enter)
                for rows in _steps(pooled, ROWS):
                    _pool(x[rows.start :], stride, pooled[rows])
                x = pooled
                stride *= 2
            lost = (KERNEL - 1) * stride
            y = F.conv2d(_image(x), block.weight, block.bias, dilation=(1, stride))
            # The input is in the sum: x + max(c, 0) is max(x + c, x)
            x = torch.maximum(_matrix(y), x[lost // 2 : len(x) - lost // 2], out=_matrix(y))
            found.append(x)
        return found

    def _classify(self, scales: list[torch.Tensor], sites: int) -> torch.Tensor:
        """Give the logits (sites, M) from the features of tokens at all scales."""
        f = self.folded
        coarsest = TOKEN_STRIDE * 2 ** (len(scales) - 2)
        logits = f.logits.new_empty(sites, f.logits.shape[1])
        for rows in _steps(logits, SITES):
            at, count = rows.start, rows.stop - rows.start
            starts = [(len(x) - sites) // 2 + at for x in scales]
            parts = [x[start : start + count] for x, start in zip(scales, starts, strict=True)]
            reach = self.fine_half * TOKEN_STRIDE
            around = scales[0][starts[0] - reach : starts[0] + count + reach]
            parts.insert(1, self._sum(around, count, self.fine_half, TOKEN_STRIDE))
            reach = self.coarse_half * coarsest
            around = scales[-1][starts[-1] - reach : starts[-1] + count + reach]
            parts.append(self._sum(around, count, self.coarse_half, coarsest))
            hidden = self._space("hidden", count, f.head_bias)
            if hidden.dtype == logits.dtype:
                torch.addmm(f.head_bias, parts[0], f.head[0], out=hidden)
                for part, matrix in zip(parts[1:], f.head[1:], strict=True):
                    hidden.addmm_(part, matrix)
            else:  # sums are rounded as seldom as can be
                matrix = f.head.flatten(0, 1)
                together = self._space("features", count, matrix.T)
                torch.cat(parts, dim=1, out=together)
                torch.addmm(f.head_bias, together, matrix, out=hidden)
            torch.addmm(f.logits_bias, hidden.relu_().to(logits.dtype), f.logits, out=logits[rows])
        return logits

    def _sum(self, x: torch.Tensor, sites: int, half: int, stride: int) -> torch.Tensor:
        """Add the ``2 * half + 1`` tokens around each site.

        Sums of a few neighbours, then sums of these: in the same order wherever the site stands (a
        running sum would carry rounding errors along the sequence).
        """
        kernel = 2 * half + 1
        inner = min(range(1, kernel + 1), key=lambda k: k + kernel // k + kernel % k)
        outer, rest = divmod(kernel, inner)
        few = self._bags(x, len(x) - (inner - 1) * stride, inner, stride)
        total = self._bags(few, sites, outer, inner * stride)
        for i in range(kernel - rest, kernel):
            total += x[i * stride : i * stride + sites]
        return total

    def _bags(self, x: torch.Tensor, count: int, kernel: int, stride: int) -> torch.Tensor:
        """Add `kernel` rows of (T, C) that lie `stride` apart, from each of the first `count` on.

        A look-up that adds is the fastest way to do this.
        """
        kept = self._spaces.__dict__
        name = f"rows {count} {kernel} {stride}"
        if name not in kept:
            steps = torch.arange(kernel, device=x.device) * stride
            kept[name] = torch.arange(count, device=x.device)[:, None] + steps
        return F.embedding_bag(kept[name], x, mode="sum")

    def _space(self, name: str, rows: int, like: torch.Tensor) -> torch.Tensor:
        """Give room for a matrix of as many columns as `like`, the same memory every time.

        Fresh memory costs more than what is computed in it. Each thread has its own.
        """
        kept: dict[str, torch.Tensor] = self._spaces.__dict__
        columns = like.shape[-1]
        space = kept.get(name)
        if space is None or space.numel() < rows * columns:
            # Plain memory, whatever mode it is first needed in: inference tensors take no more
            # writing once that mode is left
            with torch.inference_mode(mode=False):
                space = torch.empty(rows * columns, dtype=like.dtype, device=like.device)
            kept[name] = space
        return space[: rows * columns].view(rows, columns)


def _steps(x: torch.Tensor, rows: int) -> Iterator[slice]:
    """Cut the rows of a matrix into pieces that fit a cache; a GPU takes all at once."""
    step = rows if x.device.type == "cpu" else max(1, len(x))
    for at in range(0, len(x), step):
        yield slice(at, min(at + step, len(x)))


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


def _nearest(cosines: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Give the column of each row's greatest value, and how much greater it is than all others.

    Parameters
    ----------
    cosines : torch.Tensor, shape (T, K)
        Is written over.
    """
    lowest = -torch.inf
    size = cosines.shape[1]
    if size % GROUPS or size < 8 * GROUPS:
        first, code = cosines.max(1, keepdim=True)
        cosines.scatter_(1, code, lowest)
        return code[:, 0], first[:, 0] - cosines.amax(1)
    rivals = cosines.unflatten(1, (GROUPS, -1))
    best = rivals.amax(1)  # of each column of the groups
    first, column = best.max(1, keepdim=True)
    places = torch.arange(0, size, size // GROUPS, device=cosines.device)
    members = cosines.gather(1, column + places)
    row = members.argmax(1, keepdim=True)
    second = torch.maximum(
        best.scatter_(1, column, lowest).amax(1), members.scatter_(1, row, lowest).amax(1)
    )
    return (row * (size // GROUPS) + column)[:, 0], first[:, 0] - second
