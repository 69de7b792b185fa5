"""Whether what a file says of a model can be so: it may be damaged, or made up.

All that is wrong is a ValueError with one line; who reads the file names it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field

from vqrna.config import ModelConfig, validated
from vqrna.model.trained_model import TrainedModel
from vqrna.modifications import SYMBOL
from vqrna.nn.model import build
from vqrna.stats.null_distribution import NullDistribution
from vqrna.stats.tiers import TIERS, TierMeaning, Tiers

_Windows = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=2, max_length=2)]

_TOLD: dict[str, Any] = {
    "command": str,
    "chosen": str,
    "epochs": int,
    "best_epoch": int,
    "labels": dict[str, dict[str, _Windows]],
    "validation": dict[str, dict[str, float]],
    "localisation": dict[str, dict[str, dict[str, float]]],
}
"""What a model card reads in the summary of a training; the rest of it may be anything."""

_MOST_NT = 2**62


def check_shapes(
    config: ModelConfig, modifications: int, state: Mapping[str, torch.Tensor]
) -> None:
    """Compare tensors with those of the network that settings tell, before it takes any memory.

    Parameters
    ----------
    config : ModelConfig
    modifications : int
    state : mapping of str to torch.Tensor
        As :meth:`torch.nn.Module.load_state_dict` takes it.

    Raises
    ------
    ValueError
        With the first tensor that is missing, of another shape or kind, or unknown.
    """
    with torch.device("meta"):  # shapes without numbers, whatever the widths
        wanted = build(config, modifications).state_dict()
    for name, like in wanted.items():
        if name not in state:
            raise ValueError(f"the tensor {name} is missing")
        shape, kind = state[name].shape, state[name].dtype
        if shape != like.shape:
            raise ValueError(f"the tensor {name} has shape {_told(shape)}, not {_told(like.shape)}")
        if kind.is_floating_point != like.dtype.is_floating_point or kind.is_complex:
            raise ValueError(f"the tensor {name} holds {kind}, not {like.dtype}")
    for name in state:
        if name not in wanted:
            raise ValueError(f"unknown tensor {name}")


def check_numbers(state: Mapping[str, torch.Tensor]) -> None:
    """Look for numbers that no network has: NaN, infinities and negative variances.

    Raises
    ------
    ValueError
        With the first tensor that holds some.
    """
    for name, tensor in state.items():
        # A sum is quick, and finite wherever all numbers are, unless they are enormous
        if not torch.isfinite(tensor.sum()) and not torch.isfinite(tensor).all():
            raise ValueError(f"the tensor {name} holds NaN or infinite numbers")
        if name.endswith("running_var") and (tensor < 0).any():
            raise ValueError(f"the tensor {name} holds negative variances")


def checked(model: TrainedModel) -> TrainedModel:
    """Give a model back if all that goes with it can be so.

    Raises
    ------
    ValueError
        With the first thing that cannot.
    """
    symbols = [m.symbol for m in model.modifications]
    for symbol in symbols:
        if not re.fullmatch(SYMBOL, symbol):  # it becomes a part of file names
            raise ValueError(f"{symbol!r} cannot name a modification")
    check_numbers(model.network.state_dict())
    line = model.calibration
    for symbol, slope, intercept in zip(symbols, line.slope, line.intercept, strict=True):
        if not (0 < slope < np.inf and np.isfinite(intercept)):
            raise ValueError(f"the calibration of {symbol} is {slope:g} x {intercept:+g}")
    for name in ("off_site", "shuffled", "off_site_cut", "shuffled_cut"):
        for symbol, null in zip(symbols, getattr(model, name), strict=False):
            _check_null(null, f"the null {name} of {symbol}")
    _check_tiers(model.tiers, set(symbols))
    if model.familiarity is not None and not model.network.quantizer.has_codebook:
        raise ValueError("they hold tables of familiar codes, but the network has no codes")
    _check_training(model.training)
    return model


def _check_null(null: NullDistribution, which: str) -> None:
    values, ranks = null.values, null.ranks
    kinds = (values.dtype.kind, ranks.dtype.kind)
    if values.ndim != 1 or values.shape != ranks.shape or kinds != ("f", "i"):
        raise ValueError(f"{which} is not whole")
    if not np.isfinite(values).all() or (values[1:] > values[:-1]).any():
        raise ValueError(f"the values of {which} do not fall")
    ends = (int(ranks[0]), int(ranks[-1])) if len(ranks) else (1, 0)
    if (ranks[1:] <= ranks[:-1]).any() or ends != (1, null.count):
        raise ValueError(f"the ranks of {which} do not rise from 1 to {null.count}")
    if not 0 <= null.nt < _MOST_NT:
        raise ValueError(f"{which} is of {null.nt} nt")


def _check_tiers(tiers: Tiers, symbols: set[str]) -> None:
    for logits in (tiers.logits, tiers.cut_logits):
        # Comparing NaN is False: it is found, too
        if logits is not None and not (logits[:, 1:] >= logits[:, :-1]).all():
            raise ValueError("the thresholds of the tiers do not rise")
    for meaning in tiers.meanings:
        if meaning.modification not in symbols or meaning.tier not in TIERS:
            raise ValueError(f"no tier is called {meaning.modification} {meaning.tier}")
        if not _can_be(meaning):
            raise ValueError(f"what {meaning.tier} of {meaning.modification} means cannot be")


def _can_be(meaning: TierMeaning) -> bool:
    """Tell whether shares and rates are such; NaN stands for what was not measured."""
    shares = (meaning.score, meaning.precision, meaning.recall)
    rates = (meaning.per_kb_off_site, meaning.per_kb_shuffled)
    return all(x != x or 0 <= x <= 1 for x in shares) and all(x != x or x >= 0 for x in rates)


def _check_training(training: Mapping[str, Any]) -> None:
    """Check what a model card reads, and leave it as it is: saved again, it gives the same file."""
    for name, kind in _TOLD.items():
        if name in training:
            try:
                validated(kind, training[name], strict=True)
            except ValueError as error:
                raise ValueError(f"training.{name}: {error}") from None
    for symbol, windows in training.get("labels", {}).items():
        if not {"train", "valid"} <= windows.keys():
            raise ValueError(f"training.labels.{symbol}: tells not both train and valid")
    for symbol, found in training.get("localisation", {}).items():
        whole = all({"windows", "value"} <= measured.keys() for measured in found.values())
        if not whole or (found and not {"auroc", "first"} <= found.keys()):
            raise ValueError(f"training.localisation.{symbol}: is not whole")


def _told(shape: torch.Size) -> str:
    return " x ".join(map(str, shape)) or "of one number"
