"""Save and load models: a safetensors file from which a model is rebuilt, or a folder of files.

A file contains tensors (network, nulls, flag tables) and one JSON entry with everything else.
Nothing is ever unpickled.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pickletools
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from vqrna._version import __version__
from vqrna.config import from_dict, to_dict, validated
from vqrna.documents import open_regular
from vqrna.errors import DataError, UsageError
from vqrna.model.familiarity import Familiarity
from vqrna.model.model_set import Model, ModelSet
from vqrna.model.trained_model import TrainedModel
from vqrna.model.training_sketch import TrainingSketch
from vqrna.model.weights_schema import check_familiarity, check_shapes, check_sketch, checked
from vqrna.modifications import Modification, complete_fields
from vqrna.nn.model import build, site_networks
from vqrna.runtime.arguments import file_path
from vqrna.runtime.devices import choose_device
from vqrna.runtime.files import atomic_path
from vqrna.sequence import ALPHABET
from vqrna.stats.calibration import Calibration
from vqrna.stats.null_distribution import NullDistribution
from vqrna.stats.scan_calibration import WINDOW_KINDS, Curve, ScanCalibration
from vqrna.stats.tiers import TierMeaning

FORMAT = "vqrna-model"
FORMAT_VERSION = 5
"""Version 2 introduced the head in two parts; published networks are the same in both. Version 3
introduced the calibration for scans; models of version 2 have none. Version 4 introduced the
checksum of the metadata. Version 5 introduced ensembles; a single network is written as version 4.
"""

MOST_MEMBERS = 16

Members = Annotated[int, Field(ge=2, le=MOST_MEMBERS)]
"""Number of networks of an ensemble."""

FILE_NAME = "model.safetensors"
"""Name of the weights in the folder of a training run."""

NULLS = ("off_site", "shuffled", "off_site_cut", "shuffled_cut")
"""Attributes of a model that hold its nulls."""

SEAL = "metadata_checksum"
"""Key of the checksum of all other metadata, such as tiers and calibration."""

_LONGEST_HEADER = 100_000_000
"""Of a safetensors file; its first eight bytes are the length."""

_WRONG = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RuntimeError)
"""Errors that Python and torch raise for invalid values."""

SHIPPED = Path(__file__).parents[1] / "models" / "vqrna-501.safetensors"
"""The weights in the package that are used if no others are named."""

NAMED = {"shipped": SHIPPED, "ensemble": SHIPPED.with_name("vqrna-501-ensemble.safetensors")}
"""Weights in the package, by the name that takes the place of a path."""


def save_model(model: TrainedModel, path: str | PathLike[str]) -> TrainedModel:
    """Write a model to a file, completely or not at all.

    Parameters
    ----------
    model : TrainedModel
    path : path-like
        Its folder must exist.

    Returns
    -------
    TrainedModel
        The same model with the hash of the file.

    Raises
    ------
    DataError
        If the file cannot be written.
    """
    tensors = {f"network.{k}": v.contiguous().cpu() for k, v in model.network.state_dict().items()}
    for name in NULLS:
        for m, null in zip(model.modifications, getattr(model, name), strict=False):
            tensors[f"null.{name}.{m.symbol}.values"] = torch.from_numpy(null.values.copy())
            tensors[f"null.{name}.{m.symbol}.ranks"] = torch.from_numpy(null.ranks.copy())
    for name, array in flag_tables(model.familiarity, model.sketch).items():
        tensors[name] = torch.from_numpy(array.copy())
    facts = _facts(model) | {"checksum": tensor_checksum(tensors)}
    facts[SEAL] = metadata_checksum(facts)
    # One entry: safetensors writes several in random order
    data = save(tensors, metadata={FORMAT: json.dumps(facts, sort_keys=True)})
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
    return dataclasses.replace(model, hash=hashlib.sha256(data).hexdigest()[:12])


def load_model(path: str | PathLike[str] | None = None, device: str = "auto") -> Model:
    """Load a model.

    Parameters
    ----------
    path : path-like, optional
        A ``.safetensors`` file, the folder of a training run, or a folder of runs for different
        types, which become one :class:`ModelSet`; or a name of `NAMED`, unless a file has this
        name. The default weights in the package if not given.
    device : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Returns
    -------
    TrainedModel or ModelSet
        A set if `path` holds several models.

    Raises
    ------
    DataError
        If the file is missing, damaged, not of vqrna, a pickle, or from a later version.
    UsageError
        If the device does not exist.
    """
    source = weights_path(path)
    chosen = choose_device(device)
    if source.is_dir() and not (source / FILE_NAME).is_file():
        files = sorted(source.glob(f"*/{FILE_NAME}"))
        if not files:
            raise DataError(f"contains no model ({FILE_NAME} or */{FILE_NAME})", file=source)
        models = sorted((_load_file(f) for f in files), key=_order)
        symbols = [m.symbol for model in models for m in model.modifications]
        if len(set(symbols)) < len(symbols):
            twice = next(symbol for symbol in symbols if symbols.count(symbol) > 1)
            raise DataError(f"contains several models for {twice}", file=source)
        joined = hashlib.sha256("".join(model.hash for model in models).encode()).hexdigest()
        return ModelSet(tuple(models), joined[:12]).to(chosen.name)
    return _load_file(source / FILE_NAME if source.is_dir() else source).to(chosen.name)


def weights_path(path: str | PathLike[str] | None) -> Path:
    """Return the path of weights, which may be given by a name of `NAMED`."""
    if path is None:
        return SHIPPED
    source = Path(file_path(path, "the model"))
    return source if source.exists() else NAMED.get(str(path), source)


def _load_file(path: Path) -> TrainedModel:
    """Load one file on the CPU."""
    with open_regular(path) as stream:
        data = stream.read()
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, *_WRONG):
        raise DataError(_unreadable(data), file=path) from None
    if FORMAT not in metadata:
        raise DataError("these weights are not from vqrna", file=path)
    try:
        facts = validated(dict[str, Any], json.loads(metadata[FORMAT]))
        if facts["format_version"] > FORMAT_VERSION:
            version = facts["version"]
            raise DataError(f"written by a later vqrna ({version}): please upgrade", file=path)
        if facts["format_version"] < 2 and facts["config"]["model"]["architecture"] == "vqrna":
            message = "written by an earlier vqrna, whose network had another head: train again"
            raise DataError(message, file=path)
        sealed = facts["format_version"] >= 4 or SEAL in facts
        if sealed and facts[SEAL] != metadata_checksum(facts):
            raise ValueError("the checksum of the metadata does not match")
        model = checked(_rebuild(facts, tensors))
        if "checksum" in facts and facts["checksum"] != tensor_checksum(tensors):
            raise ValueError("the checksum of the tensors does not match")
    except UsageError as error:  # a quantizer that this program does not know
        raise DataError(f"cannot rebuild the network: {error}", file=path) from None
    except _WRONG as error:
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"the weights are damaged: {line[:200]}", file=path) from None
    return dataclasses.replace(model, hash=hashlib.sha256(data).hexdigest()[:12])


def tensor_checksum(tensors: dict[str, torch.Tensor]) -> str:
    """Return a checksum of all tensors; safetensors itself does not detect changed numbers."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()


def metadata_checksum(facts: Mapping[str, Any]) -> str:
    """Return a checksum of the metadata, without the entry for itself."""
    kept = {key: value for key, value in facts.items() if key != SEAL}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def flag_tables(
    familiarity: Familiarity | None, sketch: TrainingSketch | None
) -> dict[str, np.ndarray]:
    """Return the tables for flags as named arrays."""
    tables = {}
    if familiarity is not None:
        for field in dataclasses.fields(Familiarity):
            tables[f"familiarity.{field.name}"] = getattr(familiarity, field.name)
    if sketch is not None:
        tables["sketch.bits"] = sketch.bits
        tables["sketch.counts"] = np.array([sketch.words, sketch.windows], dtype=np.int64)
    return tables


def _read_flag_tables(
    tensors: dict[str, torch.Tensor], codes: int
) -> tuple[Familiarity | None, TrainingSketch | None]:
    """Return the tables that :func:`flag_tables` wrote, checked for a codebook of `codes`."""
    familiarity, sketch = None, None
    names = [f"familiarity.{field.name}" for field in dataclasses.fields(Familiarity)]
    if not tensors.keys().isdisjoint(names):
        familiarity = Familiarity(*(tensors[name].numpy() for name in names))
        check_familiarity(familiarity, codes)
    if "sketch.bits" in tensors:
        sketch = check_sketch(tensors["sketch.bits"].numpy(), tensors["sketch.counts"].numpy())
    return familiarity, sketch


def _facts(model: TrainedModel) -> dict[str, Any]:
    """Return the metadata: everything except tensors."""
    members = len(site_networks(model.network))
    several = {"members": members} if members > 1 else {}
    return several | {
        "format_version": FORMAT_VERSION if several else FORMAT_VERSION - 1,
        "version": __version__,
        "alphabet": ALPHABET,
        "config": to_dict(model.config),
        "modifications": [m.to_dict() for m in model.modifications],
        "calibration": {
            "slope": model.calibration.slope.tolist(),
            "intercept": model.calibration.intercept.tolist(),
            "fitted_on": model.calibration.fitted_on,
        },
        "scan_calibration": _scan_facts(model.scan_calibration),
        "tiers": [dataclasses.asdict(meaning) for meaning in model.tiers],
        "null": {name: [[null.count, null.nt] for null in getattr(model, name)] for name in NULLS},
        "training": model.training,
    }


def _rebuild(facts: dict[str, Any], tensors: dict[str, torch.Tensor]) -> TrainedModel:
    if facts["alphabet"] != ALPHABET:
        raise ValueError(f"the alphabet is {facts['alphabet']}, not {ALPHABET}")
    config = from_dict(facts["config"])
    entries = validated(tuple[Any, ...], facts["modifications"])
    modifications: tuple[Modification, ...] = tuple(
        validated(Modification, complete_fields(validated(dict[str, Any], entry)))
        for entry in entries
    )
    if not modifications:
        raise ValueError("there are no modifications")
    state = {
        name.removeprefix("network."): tensor
        for name, tensor in tensors.items()
        if name.startswith("network.")
    }
    members = 1
    if facts["format_version"] >= 5:
        members = validated(Members, facts["members"])
    check_shapes(config.model, len(modifications), state, members)
    network = build(config.model, len(modifications), members)
    network.load_state_dict(state)
    network.eval()
    counted = validated(dict[str, tuple[tuple[int, int], ...]], facts["null"])
    nulls = {
        name: tuple(
            NullDistribution(
                tensors[f"null.{name}.{m.symbol}.values"].numpy(),
                tensors[f"null.{name}.{m.symbol}.ranks"].numpy(),
                *counts,
            )
            for m, counts in zip(modifications, counted[name], strict=bool(counted[name]))
        )
        for name in NULLS
    }
    line, each = validated(dict[str, Any], facts["calibration"]), (len(modifications),)
    scans, tiers = ScanCalibration.none(len(modifications)), tuple[TierMeaning, ...]()
    if facts["format_version"] >= 3:
        scans = _rebuild_scans(facts["scan_calibration"])
        tiers = validated(tuple[TierMeaning, ...], facts["tiers"])
    familiarity, sketch = _read_flag_tables(tensors, config.model.codebook_size)
    return TrainedModel(
        network,
        config,
        modifications,
        Calibration(
            _numbers(line["slope"], each),
            _numbers(line["intercept"], each),
            validated(str, line["fitted_on"]),
        ),
        scans,
        nulls["off_site"],
        nulls["shuffled"],
        nulls["off_site_cut"],
        nulls["shuffled_cut"],
        tiers,
        validated(dict[str, Any], facts["training"]),
        familiarity=familiarity,
        sketch=sketch,
    )


def _scan_facts(scans: ScanCalibration) -> dict[str, Any]:
    """Return the curves as plain values."""
    curves = [
        None
        if each is None
        else {
            kind: {"knots": curve.knots.tolist(), "values": curve.values.tolist()}
            for kind, curve in zip(WINDOW_KINDS, each, strict=True)
        }
        for each in scans.curves
    ]
    return {"curves": curves, "fitted_on": scans.fitted_on}


def _rebuild_scans(facts: Any) -> ScanCalibration:
    """Return the curves of :func:`_scan_facts`."""
    facts = validated(dict[str, Any], facts)
    listed = validated(tuple[dict[str, dict[str, tuple[float, ...]]] | None, ...], facts["curves"])
    curves = tuple(
        None
        if each is None
        else tuple(
            Curve(np.array(each[kind]["knots"]), np.array(each[kind]["values"]))
            for kind in WINDOW_KINDS
        )
        for each in listed
    )
    return ScanCalibration(curves, validated(str, facts["fitted_on"]))


def _numbers(values: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Convert nested lists to an array, checking its shape."""
    array = np.array(values, dtype=np.float64)
    if array.shape != shape:
        raise ValueError(f"an array has the shape {array.shape}, not {shape}")
    return array


def _unreadable(data: bytes) -> str:
    """Return the message for a file that is not a complete safetensors file."""
    if not data:
        return "the weights file is empty"
    if data.startswith(b"PK\x03\x04") or _is_pickle(data):
        return (
            "is a pickle (.pth, .pt, .pkl), which is never loaded as weights; "
            "'vqrna convert' imports a published-layout .pth"
        )
    if data[8:9] == b"{" and int.from_bytes(data[:8], "little") <= _LONGEST_HEADER:
        return "the weights file is truncated or damaged"
    return "is not a weights file (.safetensors)"


def _is_pickle(data: bytes) -> bool:
    """Return whether data begin like a pickle, without executing anything."""
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
    """Return a sort key: the benchmark's number of the first type."""
    first = model.modifications[0]
    return (first.index if first.index is not None else 1000, first.symbol)
