"""Convert weights from and to the layout of the published system.

Its files are pickles of plain tensors. Only the command ``convert`` reads them, with
``weights_only=True``, which executes nothing.
"""

from __future__ import annotations

import re
import warnings
from os import PathLike
from pathlib import Path

import torch

from vqrna.config import preset, replace
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
    (r"_encoder\.(conv\d\..+)", r"encoder.\1"),
    (r"_decoder\.(deconv\d\..+)", r"decoder.\1"),
    (r"_vq_vae\._embedding\.weight", r"quantizer.codebook"),
    (r"layers\.(\d)\.attention\.w_concat\.(.+)", r"context.layers.\1.attention.out_proj.\2"),
    (r"layers\.(\d)\.ffn\.(linear\d\..+)", r"context.layers.\1.\2"),
    (r"layers\.(\d)\.(norm\d)\.(?:gamma|weight)", r"context.layers.\1.\2.weight"),
    (r"layers\.(\d)\.(norm\d)\.(?:beta|bias)", r"context.layers.\1.\2.bias"),
    (r"final\.0\.(.+)", r"head.hidden.\1"),
    (r"final\.1\.(.+)", r"head.norm.\1"),
    (r"final\.3\.(.+)", r"head.logits.\1"),
)
_PROJECTION = re.compile(r"layers\.(\d)\.attention\.w_([qkv])\.(weight|bias)")


def read_pth(
    path: str | PathLike[str],
    modifications: tuple[Modification, ...],
    *,
    length: int = 501,
    base_order: str = BASE_ORDER,
) -> TrainedModel:
    """Import a ``.pth`` state dict of the published layout.

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

    Raises
    ------
    DataError
        If the file is missing, is not a pickle of plain tensors, has another layout, or contains
        NaN.
    UsageError
        If `base_order` is not an order of the four bases, or the length is not a published one.
    """
    order = base_order.upper().replace("T", "U")
    if sorted(order) != sorted(ALPHABET):
        raise UsageError(f"'{base_order}' is not an order of the four bases, such as {BASE_ORDER}")
    config = replace(preset("paper"), length=length)
    state = _ours(_load(Path(path)), path, [order.index(base) for base in ALPHABET])
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

    Parameters
    ----------
    model : TrainedModel
        Of the ``paper`` architecture.
    path : path-like

    Raises
    ------
    UsageError
        If the model has another architecture.
    DataError
        If the file cannot be written.
    """
    if not isinstance(model.network, PaperNetwork):
        raise UsageError("only a model of the 'paper' preset has a published layout")
    with atomic_path(path) as temporary:
        torch.save({"state_dict": _theirs(model.network.state_dict())}, temporary)


def _load(path: Path) -> dict[str, torch.Tensor]:
    """Load a pickle of tensors without executing anything."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise DataError(f"cannot read the weights: {error.strerror}", file=path) from None
    except Exception as error:
        # torch raises many types of errors for damaged or dangerous pickles
        line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        message = f"is not a pickle of plain tensors, which alone can be loaded ({line[:120]})"
        raise DataError(message, file=path) from None
    state = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else loaded
    if not (state and isinstance(state, dict) and all(map(torch.is_tensor, state.values()))):
        raise DataError("contains no state dict of tensors", file=path)
    return {str(name).removeprefix("module."): tensor for name, tensor in state.items()}


def _ours(
    theirs: dict[str, torch.Tensor], path: str | PathLike[str], order: list[int]
) -> dict[str, torch.Tensor]:
    """Rename the published tensors, join the projections, and reorder the bases."""
    state: dict[str, torch.Tensor] = {}
    projections: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in theirs.items():
        if name.startswith(UNUSED):
            continue
        if match := _PROJECTION.fullmatch(name):
            layer, which, suffix = match.groups()
            joined = f"context.layers.{layer}.attention.in_proj_{suffix}"
            projections.setdefault(joined, {})[which] = tensor
            continue
        for pattern, ours in _RENAMED:
            if re.fullmatch(pattern, name):
                state[re.sub(pattern, ours, name)] = tensor
                break
        else:
            raise DataError(f"not in the published layout: unknown tensor '{name}'", file=path)
    for joined, parts in projections.items():
        if sorted(parts) != ["k", "q", "v"]:
            raise DataError(f"not in the published layout: {joined} is incomplete", file=path)
        try:
            state[joined] = torch.cat([parts["q"], parts["k"], parts["v"]])
        except RuntimeError:
            message = f"not in the published layout: the parts of {joined} differ in shape"
            raise DataError(message, file=path) from None
    for name, axis in (("encoder.conv1.weight", 1), ("decoder.deconv3.weight", 1),
                       ("decoder.deconv3.bias", 0)):  # fmt: skip
        if name in state and state[name].ndim > axis and state[name].shape[axis] == len(order):
            state[name] = state[name].index_select(axis, torch.tensor(order))
    return state


def _theirs(ours: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rename our tensors as the published code does: the inverse of :func:`_ours`."""
    order = torch.tensor([ALPHABET.index(base) for base in BASE_ORDER.replace("T", "U")])
    state: dict[str, torch.Tensor] = {}
    for name, value in ours.items():
        tensor = value.detach().cpu()
        part, _, rest = name.partition(".")
        if name == "quantizer.codebook":
            state["_vq_vae._embedding.weight"] = tensor
        elif part in ("encoder", "decoder"):
            if name == "encoder.conv1.weight" or name.startswith("decoder.deconv3."):
                tensor = tensor.index_select(0 if name.endswith("bias") else 1, order)
            state[f"_{part}.{rest}"] = tensor
        elif part == "head":
            layer, _, suffix = rest.partition(".")
            state[f"final.{ {'hidden': 0, 'norm': 1, 'logits': 3}[layer] }.{suffix}"] = tensor
        else:
            state |= _their_layer(rest, tensor)
    for block in range(2):
        for number, shape in _UNUSED_SHAPES.items():
            state[f"{UNUSED}_layers.{block}._block.{number}.weight"] = torch.zeros(shape)
    return state


def _their_layer(name: str, tensor: torch.Tensor) -> dict[str, torch.Tensor]:
    """Rename one tensor of a Transformer layer (``layers.0.norm1.weight`` and the like)."""
    head, suffix = name.rsplit(".", 1)
    if "in_proj" in suffix:
        suffix = suffix.removeprefix("in_proj_")
        parts = zip("qkv", tensor.chunk(3), strict=True)
        return {f"{head}.w_{letter}.{suffix}": part.clone() for letter, part in parts}
    if "norm" in head:
        return {f"{head}.{'gamma' if suffix == 'weight' else 'beta'}": tensor}
    if "linear" in head:
        layer, linear = head.rsplit(".", 1)
        return {f"{layer}.ffn.{linear}.{suffix}": tensor}
    return {f"{head.replace('out_proj', 'w_concat')}.{suffix}": tensor}
