"""Checks of the contents of a weights file, which may be damaged or made up.

Every problem is a ValueError with one line; the reader adds the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import BaseModel, Field

from vqrna.config import ModelConfig, validated
from vqrna.model.familiarity import Familiarity
from vqrna.model.trained_model import TrainedModel
from vqrna.model.training_sketch import TrainingSketch
from vqrna.modifications import SYMBOL
from vqrna.nn.model import build, site_networks
from vqrna.stats.null_distribution import NullDistribution
from vqrna.stats.scan_calibration import WINDOW_KINDS, ScanCalibration
from vqrna.stats.tiers import TIERS, TierMeaning

_Count = Annotated[int, Field(ge=0)]
_Windows = Annotated[list[_Count], Field(min_length=2, max_length=2)]


class _CountsOfStudy(BaseModel):
    train: _Count
    valid: _Count


class _Study(BaseModel):
    windows: _CountsOfStudy
    validation: dict[str, dict[str, float]]


_TRAINING: dict[str, Any] = {
    "command": str,
    "chosen": str,
    "members": list[dict[str, Any]],
    "start": dict[str, Any],
    "epochs": int,
    "best_epoch": int,
    "labels": dict[str, dict[str, _Windows]],
    "validation": dict[str, dict[str, float]],
    "localisation": dict[str, dict[str, dict[str, float]]],
    "studies": dict[str, _Study],
}
"""Entries of the training summary that a model card reads; other entries are not checked."""

_MOST_NT = 2**62


def check_shapes(
    config: ModelConfig, modifications: int, state: Mapping[str, torch.Tensor], members: int = 1
) -> None:
    """Compare tensors with those of the configured network, before memory is allocated for it.

    Raises ValueError: with the first tensor that is missing or unknown, or has a wrong shape or
    type. Raises UsageError if the network's quantizer is unknown.

    Parameters
    ----------
    state : mapping of str to torch.Tensor
        As :meth:`torch.nn.Module.load_state_dict` takes it.
    members : int
        Networks of an ensemble; 1 for a single network.
    """
    with torch.device("meta"):
        expected = build(config, modifications, members).state_dict()
    for name, like in expected.items():
        if name not in state:
            raise ValueError(f"the tensor {name} is missing")
        shape, dtype = state[name].shape, state[name].dtype
        if shape != like.shape:
            raise ValueError(
                f"the tensor {name} has shape {_describe(shape)}, not {_describe(like.shape)}"
            )
        if dtype.is_floating_point != like.dtype.is_floating_point or dtype.is_complex:
            raise ValueError(f"the tensor {name} has type {dtype}, not {like.dtype}")
    for name in state:
        if name not in expected:
            raise ValueError(f"unknown tensor {name}")


def check_numbers(state: Mapping[str, torch.Tensor]) -> None:
    """Raise ValueError for the first tensor with NaN, infinities or negative variances."""
    for name, tensor in state.items():
        # A sum is fast, and finite if all numbers are, unless they are enormous
        if not torch.isfinite(tensor.sum()) and not torch.isfinite(tensor).all():
            raise ValueError(f"the tensor {name} contains NaN or infinite numbers")
        if name.endswith("running_var") and (tensor < 0).any():
            raise ValueError(f"the tensor {name} contains negative variances")


def checked(model: TrainedModel) -> TrainedModel:
    """Return a model if everything in it is valid.

    Raises ValueError: with the first problem.
    """
    symbols = [m.symbol for m in model.modifications]
    for symbol in symbols:
        if not re.fullmatch(SYMBOL, symbol):  # it becomes a part of file names
            raise ValueError(f"invalid modification symbol {symbol!r}")
    check_numbers(model.network.state_dict())
    line = model.calibration
    for symbol, slope, intercept in zip(symbols, line.slope, line.intercept, strict=True):
        if not (0 < slope < np.inf and np.isfinite(intercept)):
            raise ValueError(f"invalid calibration of {symbol}: {slope:g} x {intercept:+g}")
    for name in ("off_site", "shuffled", "off_site_cut", "shuffled_cut"):
        for symbol, null in zip(symbols, getattr(model, name), strict=False):
            _check_null(null, f"the null {name} of {symbol}")
    _check_scans(model.scan_calibration, symbols)
    _check_tiers(model.tiers, set(symbols))
    parts = site_networks(model.network) or (model.network,)
    if model.familiarity is not None and not parts[0].quantizer.has_codebook:
        raise ValueError("there are tables of familiar codes, but the network has no codes")
    _check_training(model.training)
    return model


def check_familiarity(table: Familiarity, codes: int) -> None:
    """Raise ValueError unless the tables fit a codebook of `codes` codes."""
    sizes = (table.tokens, table.least_evidence, table.fewest_different)
    if not (
        table.evidence.dtype == np.int8
        and table.evidence.shape == (codes, codes)
        and [x.dtype.name for x in sizes] == ["int64", "float64", "int64"]
        and all(x.shape == (len(table.tokens),) for x in sizes)
        and len(table.tokens) > 0
        and (np.diff(table.tokens, prepend=0) > 0).all()
        and np.isfinite(table.least_evidence).all()
    ):
        raise ValueError("invalid tables of familiar codes")


def check_sketch(bits: np.ndarray, counts: np.ndarray) -> TrainingSketch:
    """Return the sketch of training windows with a filter and counts of words and windows."""
    valid = counts.shape == (2,) and counts.dtype == np.int64 and (counts >= 0).all()
    if bits.ndim != 1 or bits.dtype != np.uint8 or not len(bits) or not valid:
        raise ValueError("invalid sketch of the training windows")
    return TrainingSketch(bits, *counts.tolist())


def _check_null(null: NullDistribution, name: str) -> None:
    values, ranks = null.values, null.ranks
    types = (values.dtype.kind, ranks.dtype.kind)
    if values.ndim != 1 or values.shape != ranks.shape or types != ("f", "i"):
        raise ValueError(f"{name} is incomplete")
    if not np.isfinite(values).all() or (values[1:] > values[:-1]).any():
        raise ValueError(f"the values of {name} are not descending")
    ends = (int(ranks[0]), int(ranks[-1])) if len(ranks) else (1, 0)
    if (ranks[1:] <= ranks[:-1]).any() or ends != (1, null.count):
        raise ValueError(f"the ranks of {name} do not ascend from 1 to {null.count}")
    if not 0 <= null.nt < _MOST_NT:
        raise ValueError(f"{name} has an invalid length of {null.nt} nt")


def _check_scans(scans: ScanCalibration, symbols: list[str]) -> None:
    if len(scans.curves) != len(symbols):
        raise ValueError(
            f"there are {len(scans.curves)} scan calibrations of {len(symbols)} modifications"
        )
    for symbol, curves in zip(symbols, scans.curves, strict=True):
        for curve in curves or ():
            knots, values = curve.knots, curve.values
            if not (
                len(knots) == len(values) >= 2
                and np.isfinite(knots).all()
                and np.isfinite(values).all()
                and (np.diff(knots) > 0).all()
                and (np.diff(values) >= 0).all()
            ):
                raise ValueError(f"the scan calibration of {symbol} is not a rising curve")


def _check_tiers(tiers: tuple[TierMeaning, ...], symbols: set[str]) -> None:
    for meaning in tiers:
        known = meaning.modification in symbols and meaning.window in WINDOW_KINDS
        if not known or meaning.tier not in TIERS:
            raise ValueError(f"unknown tier {meaning.modification} {meaning.tier}")
        if not _is_valid(meaning):
            raise ValueError(f"invalid rates of the tier {meaning.modification} {meaning.tier}")


def _is_valid(meaning: TierMeaning) -> bool:
    """Check shares and rates; NaN is allowed for what was not measured."""
    shares = (meaning.recall, meaning.precision_mixture, meaning.precision_unmodified)
    rates = (meaning.per_kb_off_site, meaning.per_kb_shuffled)
    return all(x != x or 0 <= x <= 1 for x in shares) and all(x != x or x >= 0 for x in rates)


def _check_training(training: Mapping[str, Any]) -> None:
    """Check the entries for a model card without converting them: the file stays the same."""
    for name, expected in _TRAINING.items():
        if name in training:
            try:
                validated(expected, training[name], strict=True)
            except ValueError as error:
                raise ValueError(f"training.{name}: {error}") from None
    for symbol, windows in training.get("labels", {}).items():
        if not {"train", "valid"} <= windows.keys():
            raise ValueError(f"training.labels.{symbol}: needs 'train' and 'valid'")
    for symbol, measures in training.get("localisation", {}).items():
        complete = all({"windows", "value"} <= measure.keys() for measure in measures.values())
        if not complete or (measures and not {"auroc", "first"} <= measures.keys()):
            raise ValueError(f"training.localisation.{symbol}: is incomplete")


def _describe(shape: torch.Size) -> str:
    return " x ".join(map(str, shape)) or "of one number"
