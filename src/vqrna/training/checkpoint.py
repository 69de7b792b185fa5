"""Checkpoints of a training run, and initial weights from another model."""

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
from vqrna.documents import open_regular
from vqrna.errors import DataError
from vqrna.model import TrainedModel
from vqrna.model.weights import SEAL, metadata_checksum, tensor_checksum
from vqrna.modifications import Modification
from vqrna.nn.model import Network
from vqrna.nn.quantizer import CosineQuantizer
from vqrna.runtime.files import atomic_path
from vqrna.training.schedule import WeightAverage

FILE_NAME = "checkpoint.safetensors"
_KEY = "vqrna-checkpoint"


@dataclass
class Progress:
    """Progress of a run."""

    epoch: int  # Finished epochs
    best_epoch: int  # Epoch whose weights are kept (from 1; 0 for none yet)
    best: float  # Validation score of the best epoch
    history: list[dict[str, Any]]  # A row per epoch
    command: str  # Command that started the run, which a resumed run keeps


def write(
    folder: Path,
    identity: str,
    progress: Progress,
    network: Network,
    average: WeightAverage | None,
    optimizer: torch.optim.Optimizer,
) -> None:
    """Write a checkpoint atomically.

    Raises DataError if the file cannot be written.

    Parameters
    ----------
    identity : str
        Hash of configuration and data, so that a run never resumes from another one's state.
    """
    # Non-persistent buffers, too: the next epoch depends on the usage of the codes
    state = network.state_dict() | dict(network.named_buffers())
    tensors = {f"network.{k}": v for k, v in state.items()}
    if average is not None:
        tensors |= {f"average.{k}": v for k, v in average.network.state_dict().items()}
    for i, values in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{i}.{k}": v for k, v in values.items()}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    facts = {"identity": identity, **vars(progress), "checksum": tensor_checksum(tensors)}
    facts[SEAL] = metadata_checksum(facts)
    data = save(tensors, metadata={_KEY: json.dumps(facts)})
    with atomic_path(folder / FILE_NAME) as temporary:
        temporary.write_bytes(data)


def read(
    folder: Path,
    identity: str,
    network: Network,
    average: WeightAverage | None,
    optimizer: torch.optim.Optimizer,
) -> Progress | None:
    """Restore network, average and optimiser from a checkpoint.

    Parameters are those of :func:`write`; the last three are changed in place.

    Raises DataError if the checkpoint is damaged, or its configuration or data differ.

    Returns
    -------
    Progress or None
        None without a checkpoint.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return None
    with open_regular(path):
        pass  # safetensors would wait for a pipe without end
    try:
        with safe_open(path, framework="pt") as file:
            facts = validated(dict[str, Any], json.loads((file.metadata() or {})[_KEY]))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        seal = metadata_checksum(facts)
        if facts.pop(SEAL) != seal or facts.pop("checksum") != tensor_checksum(tensors):
            raise ValueError("the checksum does not match")
        if facts.pop("identity") != identity:
            message = "is from a run with other settings or data; choose another --out"
            raise DataError(message, file=path)
        state = _part(tensors, "network.")
        network.load_state_dict({name: state[name] for name in network.state_dict()})
        for name, buffer in network.named_buffers():
            buffer.copy_(state[name])
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
    f"head.{part}logits.{name}" for part in ("", "site.", "region.") for name in ("weight", "bias")
)
"""Parameters of the layers with a row per type."""


@torch.no_grad()
def transfer(start: TrainedModel, network: Network, modifications: Sequence[Modification]) -> None:
    """Copy weights into a fresh network for some types; those that `start` lacks stay fresh.

    Raises DataError if the two networks differ in more than their last layers.
    """
    source, target = start.network.state_dict(), network.state_dict()
    different = [
        name
        for name in source.keys() | target.keys()
        if name not in _LAST
        and (name not in target or name not in source or target[name].shape != source[name].shape)
    ]
    if different:
        raise DataError(
            "the weights to start from belong to another network "
            f"({start.config.model.architecture}, {start.length} nt): "
            "architecture, length and widths must be the same"
        )
    for name, tensor in source.items():
        if name not in _LAST:
            target[name].copy_(tensor)
    if isinstance(network.quantizer, CosineQuantizer):
        network.quantizer.adopt(network.quantizer.codebook)
    known = {m.symbol: row for row, m in enumerate(start.modifications)}
    last = [name for name in _LAST if name in target]
    rows = len(target[last[0]]) // len(modifications)  # two per type in the paper's head
    for m, modification in enumerate(modifications):
        if modification.symbol in known:
            row = known[modification.symbol]
            for name in last:
                values = source[name][row * rows : (row + 1) * rows]
                target[name][m * rows : (m + 1) * rows] = values
