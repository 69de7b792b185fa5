"""Windows as strings of codes: all that a prediction reads of them.

Which nucleotides each token of a window sees.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from vqrna.errors import UsageError
from vqrna.model import Model, TrainedModel
from vqrna.nn.encoder import TOKEN_STRIDE
from vqrna.nn.model import Network, SiteNetwork
from vqrna.runtime.devices import full_float32
from vqrna.runtime.progress import progress
from vqrna.sequence import AMBIGUOUS, centre, one_hot, recentre

_PAPER_STRIDE, _PAPER_REACH, _PAPER_FIRST = 12, 22, -11
"""Of the published encoder's three convolutions (kernels 4, 4, 4; strides 2, 2, 3; padding 1, 1,
2), taken together."""


@dataclass(frozen=True, eq=False)
class Reading:
    """What the tokens of a window see.

    Parameters
    ----------
    starts : np.ndarray, shape (T,), int
        First nt that each token sees, relative to the site (0 is the site).
    reach : int
        How many nt a token sees.
    site_token : int
        The token that the prediction is centred on.
    """

    starts: np.ndarray
    reach: int
    site_token: int

    @property
    def middles(self) -> np.ndarray:
        """Middle of what each token sees, in nt relative to the site; shape (T,), float64."""
        return self.starts + (self.reach - 1) / 2

    @property
    def at_site(self) -> np.ndarray:
        """Which tokens see the site itself; shape (T,), bool."""
        return (self.starts <= 0) & (self.starts + self.reach > 0)

    @property
    def offsets(self) -> np.ndarray:
        """Places of a token's nt relative to its middle, rounded down; shape (reach,), int."""
        return np.arange(self.reach) - (self.reach - 1) // 2

    def seen(self, tokens: np.ndarray) -> np.ndarray:
        """Cut out what every token sees.

        Parameters
        ----------
        tokens : np.ndarray, shape (N, L), uint8
            Windows of any odd length, the site at ``L // 2``.

        Returns
        -------
        np.ndarray, shape (N, T, reach), uint8
            A view where that is possible; ambiguous beyond the ends of a window.
        """
        site = centre(tokens.shape[1])
        first, last = site + int(self.starts[0]), site + int(self.starts[-1]) + self.reach
        before, behind = max(0, -first), max(0, last - tokens.shape[1])
        if before or behind:
            tokens = np.pad(tokens, ((0, 0), (before, behind)), constant_values=AMBIGUOUS)
        views = np.lib.stride_tricks.sliding_window_view(tokens, self.reach, axis=1)
        step = int(self.starts[1] - self.starts[0]) if len(self.starts) > 1 else 1
        return views[:, first + before : last + before - self.reach + 1 : step]


def reading(network: Network) -> Reading:
    """Tell what the tokens of a network see."""
    if isinstance(network, SiteNetwork):
        beside = network.encoder.codes_beside(network.config.length)
        reach = network.encoder.reach
        starts = TOKEN_STRIDE * np.arange(-beside, beside + 1) - reach // 2
        return Reading(starts, reach, beside)
    length = network.config.length
    tokens = network.encoder.tokens(length)
    starts = _PAPER_STRIDE * np.arange(tokens) + _PAPER_FIRST - centre(length)
    return Reading(starts, _PAPER_REACH, network.site_token)


BATCH = 256
"""Windows at a time."""


@dataclass(frozen=True, eq=False)
class CodeStrings:
    """Windows written in the codebook.

    Parameters
    ----------
    codes : np.ndarray, shape (N, T), int32
    logits : np.ndarray, shape (N, M), float64
        What the network says of each window.
    reading : Reading
        Which nt each token sees.
    codebook_size : int
        Number of codes K.
    """

    codes: np.ndarray
    logits: np.ndarray
    reading: Reading
    codebook_size: int

    def usage(self, weights: np.ndarray | None = None) -> np.ndarray:
        """Share of all tokens that each code takes; shape (K,), summing to 1."""
        each = None if weights is None else np.repeat(weights, self.codes.shape[1])
        counts = np.bincount(self.codes.ravel(), each, minlength=self.codebook_size)
        return counts / max(counts.sum(), 1)


def one_codebook(model: Model) -> TrainedModel:
    """Give the one model whose codebook is looked at.

    Raises
    ------
    UsageError
        For a set of models: each has a codebook of its own; for a model without a quantiser.
    """
    if isinstance(model, TrainedModel):
        return with_codes(model)
    if len(model.models) == 1:
        return with_codes(model.models[0])
    kinds = ", ".join(m.symbol for m in model.modifications)
    raise UsageError(
        f"these are {len(model.models)} models ({kinds}), each with a codebook of its own: "
        "name the folder of one"
    )


def with_codes(model: TrainedModel) -> TrainedModel:
    """Give the model back if it has codes.

    Raises
    ------
    UsageError
        If it was trained without a quantiser.
    """
    _ = model.network.quantizer.codebook  # raises the error
    return model


def read_codes(
    model: TrainedModel, tokens: np.ndarray, *, show_progress: bool = False
) -> CodeStrings:
    """Write windows in the codebook of a model.

    Parameters
    ----------
    model : TrainedModel
    tokens : np.ndarray, shape (N, L), uint8
        Windows of any odd length; cut or padded to the model's.
    show_progress : bool
        Whether to draw a bar on stderr.

    Raises
    ------
    UsageError
        If the model has no codes.
    """
    network = with_codes(model).network.eval()
    place = reading(network)
    codes = np.empty((len(tokens), len(place.starts)), dtype=np.int32)
    logits = np.empty((len(tokens), len(model.modifications)))
    with (
        torch.inference_mode(),
        full_float32(),
        progress(len(tokens), "reading codes", unit="windows", show=show_progress) as bar,
    ):
        for start in range(0, len(tokens), BATCH):
            rows = slice(start, start + BATCH)
            windows = np.ascontiguousarray(recentre(tokens[rows], model.length))
            out = network(one_hot(torch.from_numpy(windows).to(model.device)))
            codes[rows] = out.codes.cpu().numpy()
            logits[rows] = out.logits.double().cpu().numpy()
            bar.advance(len(windows))
    return CodeStrings(codes, logits, place, len(model.network.quantizer.codebook))


def logits_of_codes(model: TrainedModel, codes: np.ndarray) -> np.ndarray:
    """Predict from codes alone: (N, T), int, to logits (N, M), float64."""
    network = model.network.eval()
    found = np.empty((len(codes), len(model.modifications)))
    with torch.inference_mode(), full_float32():
        for start in range(0, len(codes), BATCH):
            part = torch.from_numpy(codes[start : start + BATCH].astype(np.int64))
            logits = network.logits_from_codes(part.to(model.device))
            found[start : start + BATCH] = logits.double().cpu().numpy()
    return found
