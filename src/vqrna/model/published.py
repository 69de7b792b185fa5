"""Convert weights from and to the layout of the published system.

Its files are pickles of plain tensors. Only the command ``convert`` reads them, with
``weights_only=True``, which executes nothing.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from os import PathLike
from pathlib import Path

import torch

from vqrna.config import preset, replace
from vqrna.documents import open_regular
from vqrna.errors import DataError, UsageError
from vqrna.model.trained_model import TrainedModel
from vqrna.model.weights_schema import check_numbers, check_shapes
from vqrna.modifications import Modification
from vqrna.nn.model import PaperNetwork
from vqrna.runtime.files import atomic_path
from vqrna.sequence import ALPHABET

BASE_ORDER = "ATCG"
"""Order of the bases in the published training code; its mutagenesis script uses another."""

UNUSED = "_residual_stack2."
"""A block that is in the published weights, but is not used."""

_UNUSED_SHAPES = {"1": (32, 256, 3), "3": (256, 32, 1)}

_RENAMED = (
    (r"(encoder|decoder)\.(.+)", r"_\1.\2"),
    (r"quantizer\.codebook", r"_vq_vae._embedding.weight"),
    (r"context\.(.+)\.out_proj\.(.+)", r"\1.w_concat.\2"),
    (r"context\.(.+)\.(linear\d\..+)", r"\1.ffn.\2"),
    (r"context\.(.+\.norm\d)\.weight", r"\1.gamma"),
    (r"context\.(.+\.norm\d)\.bias", r"\1.beta"),
    (r"head\.hidden\.(.+)", r"final.0.\1"),
    (r"head\.norm\.(.+)", r"final.1.\1"),
    (r"head\.logits\.(.+)", r"final.3.\1"),
)
"""Patterns of our names, and the published names."""

_PROJECTION = re.compile(r"context\.(.+)\.in_proj_(.+)")
"""Query, key and value projections in one tensor; three in the published weights."""

_BASE_AXIS = {"encoder.conv1.weight": 1, "decoder.deconv3.weight": 1, "decoder.deconv3.bias": 0}
"""Dimension of the bases in the tensors that have one."""


def read_pth(
    path: str | PathLike[str],
    modifications: tuple[Modification, ...],
    *,
    length: int = 501,
    base_order: str = BASE_ORDER,
) -> TrainedModel:
    """Import a ``.pth`` state dict of the published layout.

    Raises DataError if the file is missing, is not a pickle of plain tensors, has another layout,
    or contains NaN. Raises UsageError if `base_order` is not an order of the four bases, or the
    length is not a published one.

    Parameters
    ----------
    path : path-like
        With or without the outer ``{"state_dict": ...}``.
    modifications : tuple of Modification, length M
        The types of its M pairs of logits; one as published.
    length : int
        Window length in nt; the weights do not contain it.
    base_order : str
        Order of the bases in its training, with T or U.

    Returns
    -------
    TrainedModel
        Not calibrated.
    """
    order = base_order.upper().replace("T", "U")
    if sorted(order) != sorted(ALPHABET):
        raise UsageError(f"'{base_order}' is not an order of the four bases, such as {BASE_ORDER}")
    config = replace(preset("paper"), length=length)
    loaded = _load(Path(path))
    with torch.device("meta"):
        names = PaperNetwork(config.model, len(modifications)).state_dict()
    state = _from_published(loaded, names, path, [order.index(base) for base in ALPHABET])
    try:
        check_shapes(config.model, len(modifications), state)
    except ValueError as error:
        raise DataError(
            f"does not fit the published network at {length} nt with "
            f"{len(modifications)} modification(s): {error}",
            file=path,
        ) from None
    network = PaperNetwork(config.model, len(modifications))
    try:
        check_numbers(state)
        network.load_state_dict(state)
    except (ValueError, RuntimeError) as error:  # such as tensors without numbers
        line = str(error).splitlines()[-1].strip()
        raise DataError(f"the weights are damaged: {line[:200]}", file=path) from None
    network.eval()
    return TrainedModel.fresh(network, config, modifications)


def write_pth(model: TrainedModel, path: str | PathLike[str]) -> None:
    """Write a model of the published network as the published code saves it.

    The unused block is written as zeros, so that the published code can load the file.

    Raises UsageError if the model has another architecture. Raises DataError if the file cannot be
    written.

    Parameters
    ----------
    model : TrainedModel
        Of the ``paper`` architecture.
    """
    if not isinstance(model.network, PaperNetwork):
        raise UsageError("only a model of the 'paper' preset has a published layout")
    with atomic_path(path) as temporary:
        torch.save({"state_dict": _to_published(model.network.state_dict())}, temporary)


def _load(path: Path) -> dict[str, torch.Tensor]:
    """Load a pickle of tensors without executing anything."""
    with open_regular(path) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            loaded = torch.load(file, map_location="cpu", weights_only=True)
        except Exception:  # torch raises many types of errors for damaged or dangerous pickles
            message = "is not a complete pickle of plain tensors (.pth): nothing else is loaded"
            raise DataError(message, file=path) from None
    state = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else None
    if not (isinstance(state, dict) and state and all(map(torch.is_tensor, state.values()))):
        raise DataError("contains no state dict of tensors", file=path)
    return {str(name).removeprefix("module."): tensor for name, tensor in state.items()}


def _published_names(name: str) -> list[str]:
    """Return the published name of one of our tensors, or the three of a projection."""
    if match := _PROJECTION.fullmatch(name):
        return [f"{match[1]}.w_{letter}.{match[2]}" for letter in "qkv"]
    for ours, theirs in _RENAMED:
        if match := re.fullmatch(ours, name):
            return [match.expand(theirs)]
    raise KeyError(name)


def _from_published(
    theirs: dict[str, torch.Tensor],
    names: Iterable[str],
    path: str | PathLike[str],
    order: list[int],
) -> dict[str, torch.Tensor]:
    """Return the published tensors by our `names`, with projections joined and bases reordered."""
    state: dict[str, torch.Tensor] = {}
    layout = "not in the published layout"
    # Some exports name the parameters of norms as torch does
    rest = {re.sub(r"(norm\d)\.weight$", r"\1.gamma", name): x for name, x in theirs.items()}
    rest = {re.sub(r"(norm\d)\.bias$", r"\1.beta", name): x for name, x in rest.items()}
    for name in names:
        published = _published_names(name)
        parts = [rest.pop(part) for part in published if part in rest]
        if len(parts) == len(published):
            try:
                state[name] = torch.cat(parts) if len(parts) > 1 else parts[0]
            except RuntimeError:
                message = f"{layout}: the parts of {name} differ in shape"
                raise DataError(message, file=path) from None
        elif parts:
            raise DataError(f"{layout}: {name} is incomplete", file=path)
    for name in rest:
        if not name.startswith(UNUSED):
            raise DataError(f"{layout}: unknown tensor '{name}'", file=path)
    for name, axis in _BASE_AXIS.items():
        if name in state and state[name].ndim > axis and state[name].shape[axis] == len(order):
            state[name] = state[name].index_select(axis, torch.tensor(order))
    return state


def _to_published(ours: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return our tensors by their published names: the inverse of :func:`_from_published`."""
    order = torch.tensor([ALPHABET.index(base) for base in BASE_ORDER.replace("T", "U")])
    state: dict[str, torch.Tensor] = {}
    for name, value in ours.items():
        tensor = value.detach().cpu()
        if name in _BASE_AXIS:
            tensor = tensor.index_select(_BASE_AXIS[name], order)
        published = _published_names(name)
        parts = [tensor]
        if len(published) > 1:
            parts = [part.clone() for part in tensor.chunk(len(published))]
        state |= dict(zip(published, parts, strict=True))
    for block in range(2):
        for number, shape in _UNUSED_SHAPES.items():
            state[f"{UNUSED}_layers.{block}._block.{number}.weight"] = torch.zeros(shape)
    return state
