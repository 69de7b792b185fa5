"""How networks are evaluated: in evaluation mode, in whole float32, by many threads at once.

What flags input beside the scores: codes at every position, and tables as they are kept.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal, NamedTuple

import numpy as np
import torch

from vqrna.model.familiarity import Familiarity
from vqrna.model.training_sketch import TrainingSketch
from vqrna.nn.dense import DenseOutput, dense_network
from vqrna.nn.model import Network, SiteNetwork
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
    ood : np.ndarray, shape (N, W), bool, or None
        Whose window is unlike the training windows; None where that cannot be told.
    """

    logits: np.ndarray
    near_ties: np.ndarray
    ood: np.ndarray | None = None

    @classmethod
    def of(cls, found: DenseOutput, ood: torch.Tensor | None = None) -> Scanned:
        """Bring from any device what a dense evaluation found."""
        return cls(
            found.logits.cpu().double().numpy(),
            found.near_ties.cpu().numpy(),
            None if ood is None else ood.cpu().numpy(),
        )


@contextmanager
def evaluating(network: Network) -> Iterator[None]:
    """Evaluate a network while the body runs: no dropout, no gradients, whole float32."""
    network.eval()
    with torch.inference_mode(), full_float32():
        yield


ROWS = 32
"""Windows whose codes are found in one go."""


def codes_of(network: SiteNetwork, windows: np.ndarray) -> torch.Tensor:
    """Give the codes of windows at every position, as a scan finds them.

    Parameters
    ----------
    network : SiteNetwork
    windows : np.ndarray, shape (N, L), uint8

    Returns
    -------
    torch.Tensor, shape (N, L - reach + 1), int64
        On the network's device.
    """
    device = next(network.parameters()).device
    length = windows.shape[1]
    count = length - network.encoder.reach + 1
    found = torch.empty((len(windows), count), dtype=torch.int64, device=device)
    with evaluating(network):
        for start in range(0, len(windows), ROWS):
            part = np.ascontiguousarray(windows[start : start + ROWS])
            codes, _ = dense_network(network).codes(torch.from_numpy(part).to(device).flatten())
            # Tokens that lie across two windows are left out
            padded = torch.nn.functional.pad(codes, (0, part.size - len(codes)))
            found[start : start + ROWS] = padded.view(len(part), length)[:, :count]
    return found


def flag_tables(
    familiarity: Familiarity | None, sketch: TrainingSketch | None
) -> dict[str, np.ndarray]:
    """Lay tables out as named arrays; nothing for those there are not."""
    tables = {}
    if familiarity is not None:
        for field in dataclasses.fields(Familiarity):
            tables[f"familiarity.{field.name}"] = getattr(familiarity, field.name)
    if sketch is not None:
        tables["sketch.bits"] = sketch.bits
        tables["sketch.counts"] = np.array([sketch.words, sketch.windows], dtype=np.int64)
    return tables


def flags_of(
    tables: Mapping[str, torch.Tensor], codes: int
) -> tuple[Familiarity | None, TrainingSketch | None]:
    """Make tables again of what :func:`flag_tables` gave, among other tensors.

    Parameters
    ----------
    tables : mapping of str to torch.Tensor
    codes : int
        Size of the codebook.

    Raises
    ------
    ValueError
        If there are some, but not as they must be.
    """
    familiarity, sketch = None, None
    names = [field.name for field in dataclasses.fields(Familiarity)]
    if any(f"familiarity.{name}" in tables for name in names):
        familiarity = Familiarity(*(tables[f"familiarity.{name}"].numpy() for name in names))
        if not _can_judge(familiarity, codes):
            raise ValueError("what is usual of the codes is not whole")
    if "sketch.bits" in tables:
        bits, counts = (tables[f"sketch.{name}"].numpy() for name in ("bits", "counts"))
        whole = counts.shape == (2,) and counts.dtype == np.int64 and (counts >= 0).all()
        if bits.ndim != 1 or bits.dtype != np.uint8 or not len(bits) or not whole:
            raise ValueError("the sketch of the training windows is not whole")
        sketch = TrainingSketch(bits, *counts.tolist())
    return familiarity, sketch


def _can_judge(table: Familiarity, codes: int) -> bool:
    """Tell whether tables are of the right kinds and sizes, with something in them."""
    sizes = (table.tokens, table.least_evidence, table.fewest_different)
    return (
        table.evidence.dtype == np.int8
        and table.evidence.shape == (codes, codes)
        and [x.dtype.name for x in sizes] == ["int64", "float64", "int64"]
        and all(x.shape == (len(table.tokens),) for x in sizes)
        and len(table.tokens) > 0
        and bool((np.diff(table.tokens, prepend=0) > 0).all())
        and bool(np.isfinite(table.least_evidence).all())
    )
