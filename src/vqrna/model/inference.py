"""Evaluate networks: in evaluation mode, in full float32, from several threads at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

import numpy as np
import torch

from vqrna.nn.dense import DenseOutput, dense_network
from vqrna.nn.model import EnsembleNetwork, Network, SiteNetwork, site_networks
from vqrna.runtime.devices import full_float32

Precision = Literal["float32", "fast"]

CONTEXT_DTYPES: dict[Precision, torch.dtype | None] = {"float32": None, "fast": torch.bfloat16}
"""Precision of a dense evaluation after the codes; None for the network's own."""

ROWS = 32
"""Windows whose codes are computed at a time."""


class Scanned(NamedTuple):
    """Output for every position of rows of sequence."""

    # (N, W, M), float64: Log-odds before calibration. Where the network is evaluated window by
    # window, positions whose base carries no modification of the model are nan; so may be those
    # with an ambiguous letter on request.
    logits: np.ndarray
    # (N, W), bool: Whether single precision cannot separate the two nearest codes of the token at a
    # position; such codes are chosen in double precision
    near_ties: np.ndarray
    # (N, W), bool, or None: Whether the window differs from the training windows; None if the model
    # has no table
    ood: np.ndarray | None = None

    @classmethod
    def from_dense(cls, output: DenseOutput, ood: torch.Tensor | None = None) -> Scanned:
        """Convert the output of a dense evaluation on any device."""
        return cls(
            output.logits.cpu().double().numpy(),
            output.near_ties.cpu().numpy(),
            None if ood is None else ood.cpu().numpy(),
        )


@contextmanager
def evaluating(network: Network) -> Iterator[None]:
    """Evaluate a network in the body: without dropout and gradients, in full float32."""
    network.eval()
    with torch.inference_mode(), full_float32():
        yield


def dense_codes(network: SiteNetwork | EnsembleNetwork, windows: np.ndarray) -> torch.Tensor:
    """Return the codes at every position of windows, as a scan computes them.

    Parameters
    ----------
    network : SiteNetwork or EnsembleNetwork
        One that the dense engine supports. The codes of an ensemble are those of its first
        network.
    windows : np.ndarray, shape (N, L), uint8

    Returns
    -------
    torch.Tensor, shape (N, L - reach + 1), int64
        On the network's device.
    """
    device = next(network.parameters()).device
    length = windows.shape[1]
    count = length - site_networks(network)[0].encoder.reach + 1
    result = torch.empty((len(windows), count), dtype=torch.int64, device=device)
    with evaluating(network):
        for start in range(0, len(windows), ROWS):
            part = np.ascontiguousarray(windows[start : start + ROWS])
            codes, _ = dense_network(network).codes(torch.from_numpy(part).to(device).flatten())
            # Drop the tokens across two windows
            padded = torch.nn.functional.pad(codes, (0, part.size - len(codes)))
            result[start : start + ROWS] = padded.view(len(part), length)[:, :count]
    return result
