"""Codes of windows: which codes a model assigns, and which nucleotides each token covers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from vqrna.errors import UsageError
from vqrna.model import Model, TrainedModel
from vqrna.model.inference import evaluating
from vqrna.nn.encoder import TOKEN_STRIDE
from vqrna.nn.model import ModelOutput, Network, PaperNetwork, site_networks
from vqrna.runtime.progress import progress
from vqrna.sequence import AMBIGUOUS, centre, one_hot, recentre

_PAPER_STRIDE, _PAPER_REACH, _PAPER_FIRST = 12, 22, -11
"""Stride, receptive field and first offset of the published encoder: three convolutions with
kernels 4, 4, 4, strides 2, 2, 3 and padding 1, 1, 2."""

BATCH = 256  # windows evaluated at a time


@dataclass(frozen=True, eq=False)
class TokenLayout:
    """Which nucleotides the tokens of a window cover.

    Attributes
    ----------
    starts : np.ndarray, shape (T,), int
        First nt that each token covers, relative to the site (0 is the site).
    reach : int
        Number of nt that a token covers.
    site_token : int
        Token that the prediction is centred on.
    """

    starts: np.ndarray
    reach: int
    site_token: int

    @property
    def middles(self) -> np.ndarray:
        """Middle of each token in nt relative to the site; shape (T,), float64."""
        return self.starts + (self.reach - 1) / 2

    @property
    def at_site(self) -> np.ndarray:
        """Whether each token covers the site; shape (T,), bool."""
        return (self.starts <= 0) & (self.starts + self.reach > 0)

    @property
    def offsets(self) -> np.ndarray:
        """Offsets of a token's nt from its middle, rounded down; shape (reach,), int."""
        return np.arange(self.reach) - (self.reach - 1) // 2

    def segments(self, tokens: np.ndarray) -> np.ndarray:
        """Return the nucleotides that each token covers.

        Parameters
        ----------
        tokens : np.ndarray, shape (N, L), uint8
            Windows of any odd length, the site at ``L // 2``.

        Returns
        -------
        np.ndarray, shape (N, T, reach), uint8
            A view where possible; ambiguous beyond the ends of a window.
        """
        site = centre(tokens.shape[1])
        first, last = site + int(self.starts[0]), site + int(self.starts[-1]) + self.reach
        before, behind = max(0, -first), max(0, last - tokens.shape[1])
        if before or behind:
            tokens = np.pad(tokens, ((0, 0), (before, behind)), constant_values=AMBIGUOUS)
        views = np.lib.stride_tricks.sliding_window_view(tokens, self.reach, axis=1)
        step = int(self.starts[1] - self.starts[0]) if len(self.starts) > 1 else 1
        return views[:, first + before : last + before - self.reach + 1 : step]


def token_layout(network: Network) -> TokenLayout:
    """Return which nucleotides the tokens of a network cover."""
    length = network.config.length
    if isinstance(network, PaperNetwork):
        starts = _PAPER_STRIDE * np.arange(network.encoder.tokens(length)) + _PAPER_FIRST
        return TokenLayout(starts - centre(length), _PAPER_REACH, network.site_token)
    encoder = site_networks(network)[0].encoder
    beside, reach = encoder.codes_beside(length), encoder.reach
    starts = TOKEN_STRIDE * np.arange(-beside, beside + 1) - reach // 2
    return TokenLayout(starts, reach, beside)


@dataclass(frozen=True, eq=False)
class CodedWindows:
    """Codes and logits of windows.

    Attributes
    ----------
    codes : np.ndarray, shape (N, T), int32
    logits : np.ndarray, shape (N, M), float64
    layout : TokenLayout
    codebook_size : int
        Number of codes K.
    """

    codes: np.ndarray
    logits: np.ndarray
    layout: TokenLayout
    codebook_size: int

    def usage(self) -> np.ndarray:
        """Return the share of all tokens that each code takes; shape (K,), sums to 1."""
        counts = np.bincount(self.codes.ravel(), minlength=self.codebook_size)
        return counts / max(counts.sum(), 1)


def require_single_codebook(model: Model) -> TrainedModel:
    """Return the only model of `model`, which must have a codebook.

    Raises UsageError: for several models, each with its own codebook, or a model without a
    quantiser.
    """
    if isinstance(model, TrainedModel):
        return require_codebook(model)
    if len(model.models) == 1:
        return require_codebook(model.models[0])
    symbols = ", ".join(m.symbol for m in model.modifications)
    raise UsageError(
        f"{len(model.models)} models ({symbols}) have {len(model.models)} codebooks: "
        "select one by its folder"
    )


def require_codebook(model: TrainedModel) -> TrainedModel:
    """Return `model`; raise UsageError if it has no codebook, or several."""
    _ = model.network.quantizer.codebook  # raises the error
    return model


def network_outputs(
    model: TrainedModel,
    tokens: np.ndarray,
    description: str,
    *,
    batch: int = BATCH,
    show_progress: bool = False,
) -> Iterator[tuple[slice, ModelOutput]]:
    """Evaluate a network on windows, a batch at a time.

    Parameters
    ----------
    tokens : np.ndarray, shape (N, L), uint8
        Windows of any odd length; cut or padded to the model's.
    description : str
        Text of the progress bar.
    batch : int
        Windows in a batch.
    show_progress : bool
        Whether to draw a bar on stderr.

    Yields
    ------
    rows : slice
        Rows of `tokens` in this batch.
    output
        Output of the network, on the device of the model.
    """
    with progress(len(tokens), description, unit="windows", show=show_progress) as bar:
        for start in range(0, len(tokens), batch):
            rows = slice(start, start + batch)
            windows = np.ascontiguousarray(recentre(tokens[rows], model.length))
            with evaluating(model.network):
                output = model.network(one_hot(torch.from_numpy(windows).to(model.device)))
            yield rows, output
            bar.advance(len(windows))


def read_codes(
    model: TrainedModel, tokens: np.ndarray, *, show_progress: bool = False
) -> CodedWindows:
    """Compute the codes and logits of windows.

    Parameters and progress are as in :func:`network_outputs`.

    Raises UsageError if the model has no codebook.
    """
    layout = token_layout(require_codebook(model).network)
    codes = np.empty((len(tokens), len(layout.starts)), dtype=np.int32)
    logits = np.empty((len(tokens), len(model.modifications)))
    outputs = network_outputs(model, tokens, "reading codes", show_progress=show_progress)
    for rows, output in outputs:
        codes[rows] = output.codes.cpu().numpy()
        logits[rows] = output.logits.double().cpu().numpy()
    return CodedWindows(codes, logits, layout, len(model.network.quantizer.codebook))


def logits_from_codes(model: TrainedModel, codes: np.ndarray) -> np.ndarray:
    """Predict from codes alone: (N, T), int, to logits (N, M), float64."""
    logits = np.empty((len(codes), len(model.modifications)))
    with evaluating(model.network):
        for start in range(0, len(codes), BATCH):
            part = torch.from_numpy(codes[start : start + BATCH].astype(np.int64))
            part_logits = model.network.logits_from_codes(part.to(model.device))
            logits[start : start + BATCH] = part_logits.double().cpu().numpy()
    return logits
