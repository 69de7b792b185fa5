"""The state of a training run on disk, from which it goes on as if it had never stopped."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from vqrna.config import validated
from vqrna.errors import DataError
from vqrna.nn.model import Network
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
