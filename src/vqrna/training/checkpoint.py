"""The state of a training run on disk, from which it goes on as if it had never stopped.

Begin with the weights of another model, whatever types it tells.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from vqrna.config import validated
from vqrna.errors import DataError
from vqrna.model import TrainedModel
from vqrna.modifications import Modification
from vqrna.nn.model import Network
from vqrna.nn.quantizer import CosineQuantizer
from vqrna.runtime.files import atomic_path
from vqrna.training.schedule import WeightAverage

FILE_NAME = "checkpoint.safetensors"
_KEY = "vqrna-checkpoint"


@dataclass
class Progress:
    """How far a run is.

    Attributes
    ----------
    epoch : int
        Finished epochs.
    best_epoch : int
        The one whose weights are kept (from 1; 0 for none yet).
    best : float
        Its validation score.
    history : list of dict
        A row an epoch.
    command : str
        How the run was begun; one that goes on keeps it.
    """

    epoch: int
    best_epoch: int
    best: float
    history: list[dict[str, Any]]
    command: str


def write(
    folder: Path,
    identity: str,
    progress: Progress,
    network: Network,
    average: WeightAverage | None,
    optimizer: torch.optim.Optimizer,
) -> None:
    """Write a checkpoint, whole or not at all.

    Parameters
    ----------
    folder : pathlib.Path
        Of the run.
    identity : str
        Tells the configuration and the data, so that a run never goes on from another's state.
    progress : Progress
    network : Network
    average : WeightAverage or None
    optimizer : torch.optim.Optimizer

    Raises
    ------
    DataError
        If it cannot be written.
    """
    # The usage of the codes is no part of the weights, but the next epoch follows from it
    whole = network.state_dict() | dict(network.named_buffers())
    tensors = {f"network.{k}": v for k, v in whole.items()}
    if average is not None:
        tensors |= {f"average.{k}": v for k, v in average.network.state_dict().items()}
    for i, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{i}.{k}": v for k, v in state.items()}
    facts = {"identity": identity, **vars(progress)}
    data = save(
        {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
        metadata={_KEY: json.dumps(facts)},
    )
    with atomic_path(folder / FILE_NAME) as temporary:
        temporary.write_bytes(data)


def read(
    folder: Path,
    identity: str,
    network: Network,
    average: WeightAverage | None,
    optimizer: torch.optim.Optimizer,
) -> Progress | None:
    """Bring network, average and optimiser to the state of a checkpoint.

    Parameters are those of :func:`write`; the last three are changed in place.

    Returns
    -------
    Progress or None
        None if there is no checkpoint.

    Raises
    ------
    DataError
        If it is damaged, or of another configuration or other data.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            facts = validated(dict[str, Any], json.loads((file.metadata() or {})[_KEY]))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if facts.pop("identity") != identity:
            message = "is from a run with other settings or data; choose another --out"
            raise DataError(message, file=path)
        held = _part(tensors, "network.")
        network.load_state_dict({name: held[name] for name in network.state_dict()})
        for name, buffer in network.named_buffers():
            buffer.copy_(held[name])
        if average is not None:
            average.network.load_state_dict(_part(tensors, "average."))
        states: dict[int, dict[str, torch.Tensor]] = {}
        for name, tensor in _part(tensors, "optimizer.").items():
            i, _, key = name.partition(".")
            states.setdefault(int(i), {})[key] = tensor
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": states, "param_groups": groups})
        return validated(Progress, facts)
    except (SafetensorError, KeyError, ValueError, TypeError, RuntimeError, OSError) as error:
        raise DataError(f"the checkpoint is damaged ({error})", file=path) from None


def _part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


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
