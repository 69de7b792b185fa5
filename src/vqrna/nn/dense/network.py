"""Every position of a sequence at once, with the numbers of the window around each.

Method
------
- Strides become dilations (the à-trous trick). In a window, a layer with stride s keeps every s-th
  token; here all tokens are kept, one per nt, and later layers read tokens s apart. Layers never
  pad, so that a token has the same inputs as in the window.
- Everything is a matrix of positions by channels, in blocks that fit a processor cache. A
  convolution is a sum of matrix products of shifted rows.
- The input has few values, so that the first convolution becomes a look-up: the sum of one table
  row for each three letters (`weights.MER`). Behind the codes, the first convolution of the
  context is a look-up likewise: each code adds one row per place in the kernel.
- Norms are folded into the weights next to them (:mod:`vqrna.nn.dense.weights`). The norm of the
  first convolution is applied after pooling, where there is less to do; the network does so, too.
- Sums have another order than in a window, so that latents differ in the last digits. Codes whose
  two best cosines differ by less than `ties.NEAR` are computed again in double precision, here and
  in :meth:`vqrna.nn.model.SiteNetwork.forward`: both always return the same code.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F

from vqrna.nn.context import KERNEL
from vqrna.nn.dense.buffers import FEWEST, Buffers, row_slices, slices
from vqrna.nn.dense.head import DenseHead, Tokens
from vqrna.nn.dense.squeeze import squeeze
from vqrna.nn.dense.weights import LETTERS, MER, FoldedNetwork, Layer
from vqrna.nn.encoder import MIX_KERNEL, POOL_KERNEL, STEM_KERNEL, TOKEN_STRIDE
from vqrna.nn.ties import NEAR, TIE, exact_codes, nearest_codes
from vqrna.sequence import AMBIGUOUS

SIMILARITIES = 1 << 18
"""Cosines at a time on a CPU: they and their inputs stay in its second-level cache."""

ENTRIES, ROWS = 1024, 1024
"""Tokens at a time in the first convolution of the context and in its pools."""

MOST_LETTERS = 0.4
"""Largest share of letters in a row of which only the sites with a letter are evaluated."""

CODE_REACH = STEM_KERNEL + POOL_KERNEL - 1 + (MIX_KERNEL - 1) * TOKEN_STRIDE
"""Letters that a code depends on."""

CONVOLVED = 512
"""Tokens at a time in the other convolutions on a CPU, always as many.

oneDNN selects its routine by the width, and the routines sum in different orders.
"""


class DenseOutput(NamedTuple):
    """Output for every position."""

    logits: torch.Tensor  # (N, W, M), float32 (float64 from a network in float64)
    # (N, W), bool: Whether the two best codes of the token at the position differ by less than
    # `vqrna.nn.ties.TIE`, so that single precision cannot separate them
    near_ties: torch.Tensor
    # (N, W + length - reach), int64: Codes of all tokens of the rows; a latent sees `reach` nt
    codes: torch.Tensor


class DenseNetwork:
    """Our network at every position; threads may share it.

    Parameters
    ----------
    folded : FoldedNetwork

    Attributes
    ----------
    head : DenseHead
        Turns features of :meth:`context` into logits.
    reach : int
        Letters that the features of the coarsest scale depend on.
    """

    def __init__(self, folded: FoldedNetwork) -> None:
        self.folded = folded
        self._buffers = Buffers()
        stride, self.reach = TOKEN_STRIDE, CODE_REACH + (KERNEL - 1) * TOKEN_STRIDE
        for scale in range(len(folded.blocks)):
            if scale:
                self.reach += 2 * stride
                stride *= 2
            self.reach += (KERNEL - 1) * stride
        self.head = DenseHead(folded, self._buffers)

    @torch.no_grad()
    def __call__(self, tokens: torch.Tensor, letters_only: bool = False) -> DenseOutput:
        """Evaluate the central W positions of rows.

        Parameters
        ----------
        tokens : torch.Tensor, shape (N, W + length - 1), integer
            W positions with half a window of context on either side, ambiguous beyond the ends
            of a sequence; on the network's device.
        letters_only : bool
            Whether logits of positions with an ambiguous letter may be nan, which is faster on a
            CPU where most letters are ambiguous.
        """
        with torch.autocast(tokens.device.type, enabled=False):
            if tokens.device.type != "cpu":
                return self._evaluate_together(tokens)
            # One row after the other stays in the cache
            missing = max(0, FEWEST - (tokens.shape[1] - self.folded.length + 1))
            padded = F.pad(tokens, (0, missing), value=AMBIGUOUS)
            each = [self._evaluate(row, letters_only) for row in padded]
            output = (torch.stack(part) for part in zip(*each, strict=True))
            return DenseOutput(*(part[:, : part.shape[1] - missing] for part in output))

    def _evaluate_together(self, tokens: torch.Tensor) -> DenseOutput:
        """Evaluate all rows as one sequence; drop the positions across a seam."""
        rows, columns = tokens.shape
        starts = columns * torch.arange(rows, device=tokens.device)[:, None]
        sites = starts + torch.arange(columns - self.folded.length + 1, device=tokens.device)
        logits, near_ties, codes = self._evaluate(tokens.flatten())
        lost = rows * columns - len(codes)
        inside = starts + torch.arange(columns - lost, device=tokens.device)
        return DenseOutput(logits[sites], near_ties[sites], codes[inside])

    def _evaluate(self, tokens: torch.Tensor, letters_only: bool = False) -> DenseOutput:
        """Evaluate one sequence (L,): logits (W, M), near ties (W,), codes (L - reach + 1,)."""
        sites = len(tokens) - self.folded.length + 1
        half = self.folded.length // 2
        if letters_only:
            letters = torch.nonzero(tokens[half : half + sites] < AMBIGUOUS)[:, 0]
            if 0 < len(letters) <= MOST_LETTERS * sites:
                return self._evaluate_letters(tokens, letters)
        codes, near_ties = self.codes(tokens)
        beside = (len(codes) - sites) // 2
        logits = self.head(*self.context(codes, sites))
        return DenseOutput(logits, near_ties[beside : beside + sites], codes)

    def _evaluate_letters(self, tokens: torch.Tensor, letters: torch.Tensor) -> DenseOutput:
        """Evaluate the sites of a mostly empty sequence that have a letter: others are nan.

        Parameters
        ----------
        tokens : torch.Tensor, shape (L,), integer
        letters : torch.Tensor, shape (S,), int64
            Numbers of these sites among all W.
        """
        f = self.folded
        sites = len(tokens) - f.length + 1
        by_code, by_context = squeeze(tokens, CODE_REACH), squeeze(tokens, self.reach)
        assert by_code is not None
        assert by_context is not None
        squeezed, ties = self.codes(tokens[by_code.kept])
        rows = by_code.rows(len(tokens) - CODE_REACH + 1, len(squeezed))
        codes, near_ties = squeezed[rows], ties[rows]
        beside = CODE_REACH // 2
        centres = by_context.kept[beside : len(by_context.kept) - beside] - beside
        features = self.context(codes[centres], sites)
        logits = f.logits_bias.new_full((sites, len(f.logits_bias)), torch.nan)
        logits[letters] = self.head.at_sites(*features, by_context, letters)
        beside = (len(codes) - sites) // 2
        return DenseOutput(logits, near_ties[beside : beside + sites], codes)

    @torch.no_grad()
    def codes(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the code of every token of a sequence, and whether it nearly ties.

        Parameters
        ----------
        tokens : torch.Tensor, shape (L,), integer

        Returns
        -------
        codes : torch.Tensor, shape (L - reach + 1,), int64
            The first is that of the first `reach` nt.
        near_ties : torch.Tensor, shape (L - reach + 1,), bool
        """
        f = self.folded
        tokens = tokens.long()
        mers = sum(
            tokens[i : len(tokens) - MER + 1 + i] * LETTERS ** (MER - 1 - i) for i in range(MER)
        )
        assert isinstance(mers, torch.Tensor)  # (L - 2,), numbers of 3-mers
        tables = STEM_KERNEL // MER
        stem = len(tokens) - STEM_KERNEL + 1
        words = torch.stack(
            [mers[MER * i : MER * i + stem] + LETTERS**MER * i for i in range(tables)], dim=1
        )  # (L - 8, 3), rows of the look-up tables
        extent = POOL_KERNEL + (MIX_KERNEL - 1) * TOKEN_STRIDE - 1
        count = stem - extent
        size = f.codebook.shape[1]
        codes, gaps = tokens.new_empty(count), f.codebook.new_empty(count)
        step = max(1, SIMILARITIES // size) if tokens.device.type == "cpu" else count
        for start, stop in ((rows.start, rows.stop) for rows in slices(count, step)):
            x = F.embedding_bag(words[start : stop + extent], f.stem, mode="sum")  # (B, C)
            pooled = self._buffers.matrix("pooled", len(x) - POOL_KERNEL + 1, x)
            _pool(x, 1, pooled)
            torch.addcmul(f.stem_shift, pooled, f.stem_scale, out=pooled).relu_()
            mixed = self._buffers.matrix("mixed", stop - start, f.mix.bias)
            _convolve(pooled, f.mix, TOKEN_STRIDE, mixed).relu_()  # (B, C')
            latents = self._buffers.matrix("latents", stop - start, f.project_bias)
            torch.addmm(f.project_bias, mixed, f.project, out=latents)  # (B, D)
            # Not of unit length: the gap is divided by the length instead of each cosine
            cosines = self._buffers.matrix("cosines", stop - start, f.codebook)
            torch.mm(latents, f.codebook, out=cosines)  # (B, K)
            codes[start:stop], gap = nearest_codes(cosines)
            torch.div(gap, torch.linalg.vector_norm(latents, dim=1), out=gaps[start:stop])
        near_ties = torch.zeros_like(codes, dtype=torch.bool)
        doubtful = torch.nonzero(gaps < NEAR)[:, 0]
        if len(doubtful):
            reach = torch.arange(len(tokens) - count + 1, device=tokens.device)
            seen = tokens[doubtful[:, None] + reach]  # (doubtful, reach)
            codes[doubtful], gap = exact_codes(f.exact_encoder, f.exact_codebook, seen)
            near_ties[doubtful] = gap < TIE
        return codes, near_ties

    def context(self, codes: torch.Tensor, sites: int) -> tuple[Tokens, Tokens, Tokens]:
        """Return the features of every token: entry, finest scale, coarsest scale.

        They are valid until the next call in the same thread, which reuses their memory.

        Parameters
        ----------
        codes : torch.Tensor, shape (T,), int64
            Codes of consecutive tokens.
        sites : int
            Number of sites in the middle that the features are for.
        """
        f = self.folded
        stride = TOKEN_STRIDE
        count = len(codes) - (KERNEL - 1) * stride
        size = f.codebook.shape[1]
        words = torch.stack(
            [codes[i * stride : i * stride + count] + i * size for i in range(KERNEL)], dim=1
        )  # (T, kernel), rows of the look-up table
        x = self._buffers.matrix("entry", count, f.enter)  # (T, C)
        for rows in row_slices(x, ENTRIES):
            bag = F.embedding_bag(words[rows], f.enter, mode="sum")
            torch.clamp_min(bag, 0, out=x[rows])
        entry = Tokens(x, stride, sites)
        scales = []
        for scale, block in enumerate(f.blocks):
            if scale:
                pooled = self._buffers.matrix("pooled scale", len(x) - 2 * stride, f.enter)
                for rows in row_slices(pooled, ROWS):
                    _pool(x[rows.start :], stride, pooled[rows])
                x = pooled
                stride *= 2
            lost = (KERNEL - 1) * stride
            y = _convolve_block(x, block, stride)
            # The weights add the input: x + max(c, 0) is max(x + c, x)
            x = torch.maximum(y, x[lost // 2 : len(x) - lost // 2], out=y)
            scales.append(Tokens(x, stride, sites))
        return entry, scales[0], scales[-1]


def _convolve(x: torch.Tensor, layer: Layer, stride: int, out: torch.Tensor) -> torch.Tensor:
    """Convolve (T, C) along its rows with a dilation of `stride`."""
    count = len(out)
    torch.addmm(layer.bias, x[:count], layer.weight[0], out=out)
    for i, matrix in enumerate(layer.weight[1:], 1):
        out.addmm_(x[i * stride : i * stride + count], matrix)
    return out


def _convolve_block(x: torch.Tensor, block: Layer, stride: int) -> torch.Tensor:
    """Convolve (T, C) along its rows with a dilation of `stride`, for a residual block."""

    def convolve(rows: torch.Tensor) -> torch.Tensor:
        return _matrix(F.conv2d(_image(rows), block.weight, block.bias, dilation=(1, stride)))

    if x.device.type != "cpu":
        return convolve(x)
    lost = (KERNEL - 1) * stride
    count = len(x) - lost
    out = x.new_empty(count, block.weight.shape[0])
    if count < CONVOLVED:
        out.copy_(convolve(F.pad(x, (0, 0, 0, CONVOLVED - count)))[:count])
        return out
    for start in range(0, count, CONVOLVED):
        first = min(start, count - CONVOLVED)
        out[first : first + CONVOLVED] = convolve(x[first : first + CONVOLVED + lost])
    return out


def _image(x: torch.Tensor) -> torch.Tensor:
    """View (T, C) as an image (1, C, 1, T), channels last in memory, without a copy."""
    return x.T[None, :, None]


def _matrix(image: torch.Tensor) -> torch.Tensor:
    """View an image (1, C, 1, T) as (T, C)."""
    return image[0, :, 0].T


def _pool(x: torch.Tensor, stride: int, out: torch.Tensor) -> torch.Tensor:
    """Take the maximum of three rows that are `stride` apart."""
    count = len(out)
    torch.maximum(x[:count], x[stride : stride + count], out=out)
    return torch.maximum(out, x[2 * stride : 2 * stride + count], out=out)
