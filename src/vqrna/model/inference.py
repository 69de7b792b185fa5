"""How networks are evaluated: in evaluation mode, in whole float32, by many threads at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Literal, NamedTuple

import numpy as np
import torch

from vqrna.nn.dense.network import DenseOutput
from vqrna.nn.model import Network
from vqrna.runtime.devices import full_float32

Precision = Literal["float32", "fast"]

CONTEXT_DTYPES: dict[Precision, torch.dtype | None] = {"float32": None, "fast": torch.bfloat16}
"""What a dense evaluation computes in behind the codes; None for the network's own."""


class Scanned(NamedTuple):
    """What a model says of every position of rows of sequence.

    Attributes
    ----------
    logits : np.ndarray, shape (N, W, M), float64
        Log-odds before calibration. Where the network is evaluated window by window, positions
        whose base carries no modification of the model are nan.
    near_ties : np.ndarray, shape (N, W), bool
        Tokens whose two nearest codes single precision could not tell apart; they were settled in
        double precision. Of each position, the token that stands on it.
    unlike : np.ndarray, shape (N, W), bool, or None
        Whose window is unlike the training windows; None where that cannot be told.
    """

    logits: np.ndarray
    near_ties: np.ndarray
    unlike: np.ndarray | None = None

    @classmethod
    def of(cls, found: DenseOutput, unlike: torch.Tensor | None = None) -> Scanned:
        """Bring from any device what a dense evaluation found."""
        return cls(
            found.logits.cpu().double().numpy(),
            found.near_ties.cpu().numpy(),
            None if unlike is None else unlike.cpu().numpy(),
        )


_lock = threading.Lock()
_inside = 0
_settings = ExitStack()


@contextmanager
def evaluating(network: Network) -> Iterator[None]:
    """Evaluate a network while the body runs: no dropout, no gradients, whole float32."""
    network.eval()
    with torch.inference_mode(), _whole_float32():
        yield


@contextmanager
def _whole_float32() -> Iterator[None]:
    """Hold settings of the whole process from the first thread that comes to the last that goes."""
    global _inside  # the settings are, too
    with _lock:
        if not _inside:
            _settings.enter_context(full_float32())
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                _settings.close()
