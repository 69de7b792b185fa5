"""Begin with the weights of another model, whatever types it tells."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from vqrna.errors import DataError
from vqrna.model import TrainedModel
from vqrna.modifications import Modification
from vqrna.nn.model import Network
from vqrna.nn.quantizer import CosineQuantizer

_LAST = tuple(
    f"head.{part}logits.{kind}" for part in ("", "site.", "region.") for kind in ("weight", "bias")
)
"""The layers with a row a type: the published head has one, ours one a part."""


@torch.no_grad()
def transfer(start: TrainedModel, network: Network, modifications: Sequence[Modification]) -> None:
    """Copy weights into a fresh network; heads of types that `start` does not know stay fresh.

    Parameters
    ----------
    start : TrainedModel
    network : Network
        Of the same architecture and widths; changed in place.
    modifications : sequence of Modification, length M
        Of the network.

    Raises
    ------
    DataError
        If the two networks differ in more than their heads.
    """
    theirs, ours = start.network.state_dict(), network.state_dict()
    different = [
        name
        for name in theirs.keys() | ours.keys()
        if name not in _LAST
        and (name not in ours or name not in theirs or ours[name].shape != theirs[name].shape)
    ]
    if different:
        raise DataError(
            "the weights to start from are of another network "
            f"({start.config.model.architecture}, {start.length} nt): "
            "architecture, length and widths must be the same"
        )
    for name, tensor in theirs.items():
        if name not in _LAST:
            ours[name].copy_(tensor)
    if isinstance(network.quantizer, CosineQuantizer):
        network.quantizer.adopt(network.quantizer.codebook)
    known = {m.symbol: row for row, m in enumerate(start.modifications)}
    last = [name for name in _LAST if name in ours]
    rows = len(ours[last[0]]) // len(modifications)  # two a type in the paper's head
    for m, kind in enumerate(modifications):
        if kind.symbol in known:
            at = known[kind.symbol]
            for name in last:
                piece = theirs[name][at * rows : (at + 1) * rows]
                ours[name][m * rows : (m + 1) * rows] = piece
