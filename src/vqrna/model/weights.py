"""Models on disk: a safetensors file that rebuilds a model with nothing else, or a set of them.

Nothing is ever unpickled: a model is numbers and JSON.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pickletools
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from vqrna._version import __version__
from vqrna.config import from_dict, to_dict, validated
from vqrna.errors import DataError, UsageError
from vqrna.model.inference import flag_tables, flags_of
from vqrna.model.model_set import Model, ModelSet
from vqrna.model.trained_model import TrainedModel, with_hash
from vqrna.model.weights_schema import check_shapes, checked
from vqrna.modifications import Modification, complete_fields
from vqrna.nn.model import build
from vqrna.runtime.devices import choose_device
from vqrna.runtime.files import atomic_path
from vqrna.sequence import ALPHABET
from vqrna.stats.calibration import Calibration
from vqrna.stats.null_distribution import NullDistribution
from vqrna.stats.tiers import TIERS, TierMeaning, Tiers

FORMAT = "vqrna-model"
FORMAT_VERSION = 2
"""With 2 came the head in two parts; networks as published are the same in both."""

FILE_NAME = "model.safetensors"
"""Name of the weights in the folder of a training run."""

NULLS = ("off_site", "shuffled", "off_site_cut", "shuffled_cut")
"""Attributes of a model that hold its nulls."""

_WRONG = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RuntimeError)
"""What Python and torch make of values that are not what they should be."""

SHIPPED = Path(__file__).parents[1] / "models" / "vqrna-501.safetensors"
"""The weights that come with the package."""


def save_model(model: TrainedModel, path: str | PathLike[str]) -> TrainedModel:
    """Write a model to a file, whole or not at all.

    Parameters
    ----------
    model : TrainedModel
    path : path-like
        Its folder must exist.

    Returns
    -------
    TrainedModel
        The same, with the hash of the file.

    Raises
    ------
    DataError
        If the file cannot be written.
    """
    tensors = {f"network.{k}": v.contiguous().cpu() for k, v in model.network.state_dict().items()}
    for name in NULLS:
        for m, sketch in zip(model.modifications, getattr(model, name), strict=False):
            tensors[f"null.{name}.{m.symbol}.values"] = torch.from_numpy(sketch.values.copy())
            tensors[f"null.{name}.{m.symbol}.ranks"] = torch.from_numpy(sketch.ranks.copy())
    for name, array in flag_tables(model.familiarity, model.sketch).items():
        tensors[name] = torch.from_numpy(array.copy())
    facts = _facts(model) | {"checksum": _checksum(tensors)}
    # One entry: safetensors writes several in an order that changes from run to run
    data = save(tensors, metadata={FORMAT: json.dumps(facts, sort_keys=True)})
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
    return with_hash(model, hashlib.sha256(data).hexdigest()[:12])


def load_model(path: str | PathLike[str] | None = None, device: str = "auto") -> Model:
    """Load a model.

    Parameters
    ----------
    path : path-like, optional
        A ``.safetensors`` file, the folder of a training run, or a folder of such folders, one
        a type, which become one :class:`ModelSet`. The shipped weights if not given.
    device : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Raises
    ------
    DataError
        If there is no such file, or it is broken, foreign, a pickle or from a later version.
    UsageError
        If there is no such device.
    """
    place = SHIPPED if path is None else Path(path)
    chosen = choose_device(device)
    if place.is_dir() and not (place / FILE_NAME).is_file():
        files = sorted(place.glob(f"*/{FILE_NAME}"))
        if not files:
            raise DataError(f"holds no model ({FILE_NAME} or */{FILE_NAME})", file=place)
        loaded = sorted((_load_file(f) for f in files), key=_order)
        both = [m.symbol for model in loaded for m in model.modifications]
        if len(set(both)) < len(both):
            twice = next(symbol for symbol in both if both.count(symbol) > 1)
            raise DataError(f"several models here tell {twice}", file=place)
        joined = hashlib.sha256("".join(model.hash for model in loaded).encode()).hexdigest()
        return ModelSet(tuple(loaded), joined[:12]).to(chosen.name)
    return _load_file(place / FILE_NAME if place.is_dir() else place).to(chosen.name)


def _load_file(path: Path) -> TrainedModel:
    """Read one file and rebuild its model on the CPU."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read the weights: {error.strerror}", file=path) from None
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, *_WRONG) as error:
        raise DataError(_what_is_it(data, str(error)), file=path) from None
    if FORMAT not in metadata:
        raise DataError("these weights are not from vqrna", file=path)
    try:
        facts = validated(dict[str, Any], json.loads(metadata[FORMAT]))
        if facts["format_version"] > FORMAT_VERSION:
            made = facts["version"]
            raise DataError(f"written by a later vqrna ({made}): please upgrade", file=path)
        if facts["format_version"] < 2 and facts["config"]["model"]["architecture"] == "vqrna":
            message = "written by an earlier vqrna, whose network had another head: train it anew"
            raise DataError(message, file=path)
        model = checked(_rebuild(facts, tensors))
        if "checksum" in facts and facts["checksum"] != _checksum(tensors):
            raise ValueError("their numbers are not those that were saved")
    except UsageError as error:  # a quantizer that this program does not know
        raise DataError(f"cannot rebuild the network: {error}", file=path) from None
    except _WRONG as error:
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"the weights are damaged: {line[:200]}", file=path) from None
    return with_hash(model, hashlib.sha256(data).hexdigest()[:12])


def _checksum(tensors: dict[str, torch.Tensor]) -> str:
    """Sum up all tensors: safetensors itself does not notice a changed number."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()


def _facts(model: TrainedModel) -> dict[str, Any]:
    """Gather what goes into the metadata beside the tensors."""
    cut = model.tiers.cut_logits
    return {
        "format_version": FORMAT_VERSION,
        "version": __version__,
        "alphabet": ALPHABET,
        "config": to_dict(model.config),
        "modifications": [m.to_dict() for m in model.modifications],
        "calibration": {
            "slope": model.calibration.slope.tolist(),
            "intercept": model.calibration.intercept.tolist(),
            "fitted_on": model.calibration.fitted_on,
        },
        "tiers": {
            "logits": model.tiers.logits.tolist(),
            "cut_logits": None if cut is None else cut.tolist(),
            "meanings": [dataclasses.asdict(meaning) for meaning in model.tiers.meanings],
        },
        "null": {
            name: [[sketch.count, sketch.nt] for sketch in getattr(model, name)] for name in NULLS
        },
        "training": model.training,
    }


def _rebuild(facts: dict[str, Any], tensors: dict[str, torch.Tensor]) -> TrainedModel:
    """Make a model of metadata and tensors."""
    if facts["alphabet"] != ALPHABET:
        raise ValueError(f"alphabet {facts['alphabet']} in place of {ALPHABET}")
    config = from_dict(facts["config"])
    told = validated(tuple[Any, ...], facts["modifications"])
    modifications: tuple[Modification, ...] = tuple(
        validated(Modification, complete_fields(validated(dict[str, Any], each))) for each in told
    )
    if not modifications:
        raise ValueError("they tell no modification")
    state = {
        name.removeprefix("network."): tensor
        for name, tensor in tensors.items()
        if name.startswith("network.")
    }
    check_shapes(config.model, len(modifications), state)
    network = build(config.model, len(modifications))
    network.load_state_dict(state)
    network.eval()
    counted = validated(dict[str, tuple[tuple[int, int], ...]], facts["null"])
    nulls = {
        name: tuple(
            NullDistribution(
                tensors[f"null.{name}.{kind.symbol}.values"].numpy(),
                tensors[f"null.{name}.{kind.symbol}.ranks"].numpy(),
                *counts,
            )
            for kind, counts in zip(modifications, counted[name], strict=bool(counted[name]))
        )
        for name in NULLS
    }
    line, tiers = (validated(dict[str, Any], facts[name]) for name in ("calibration", "tiers"))
    each, shape = (len(modifications),), (len(modifications), len(TIERS))
    familiarity, sketch = flags_of(tensors, config.model.codebook_size)
    return TrainedModel(
        network,
        config,
        modifications,
        Calibration(
            _numbers(line["slope"], each),
            _numbers(line["intercept"], each),
            validated(str, line["fitted_on"]),
        ),
        Tiers(
            _numbers(tiers["logits"], shape),
            validated(tuple[TierMeaning, ...], tiers["meanings"]),
            None if tiers["cut_logits"] is None else _numbers(tiers["cut_logits"], shape),
        ),
        nulls["off_site"],
        nulls["shuffled"],
        nulls["off_site_cut"],
        nulls["shuffled_cut"],
        validated(dict[str, Any], facts["training"]),
        familiarity=familiarity,
        sketch=sketch,
    )


def _numbers(values: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Make an array of nested lists that must have this shape."""
    array = np.array(values, dtype=np.float64)
    if array.shape != shape:
        raise ValueError(f"an array has the shape {array.shape} in place of {shape}")
    return array


def _what_is_it(data: bytes, said: str) -> str:
    """Say what a file is that is no safetensors file."""
    if not data:
        return "the weights file is empty"
    if data.startswith(b"PK\x03\x04") or _is_pickle(data):
        return (
            "is a pickle (.pth, .pt, .pkl), which is never loaded as weights; "
            "'vqrna convert' imports a published-layout .pth"
        )
    return f"is no whole safetensors file ({said.splitlines()[0]})"


def _is_pickle(data: bytes) -> bool:
    """Tell whether data begin like a pickle, without executing anything."""
    try:
        for n, (opcode, _, _) in enumerate(pickletools.genops(data)):
            if n == 0 and opcode.name != "PROTO":
                return False
            if n >= 2:
                return True
    except Exception:
        return False
    return True


def _order(model: TrainedModel) -> tuple[int, str]:
    """Sort models by the benchmark's number of their first type."""
    first = model.modifications[0]
    return (first.index if first.index is not None else 1000, first.symbol)
