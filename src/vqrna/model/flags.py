"""What flags input beside the scores: codes at every position, and tables as they are kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import torch

from vqrna.model.familiarity import Familiarity
from vqrna.model.inference import evaluating
from vqrna.model.training_sketch import WindowSketch
from vqrna.nn.dense.cache import dense
from vqrna.nn.model import SiteNetwork

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
            codes, _ = dense(network).codes(torch.from_numpy(part).to(device).flatten())
            # Tokens that lie across two windows are left out
            padded = torch.nn.functional.pad(codes, (0, part.size - len(codes)))
            found[start : start + ROWS] = padded.view(len(part), length)[:, :count]
    return found


def flag_tables(
    familiarity: Familiarity | None, sketch: WindowSketch | None
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
) -> tuple[Familiarity | None, WindowSketch | None]:
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
        sketch = WindowSketch(bits, *counts.tolist())
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
