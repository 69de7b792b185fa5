"""Engines that evaluate codes faster than float32: each returns logits from the codes of a span.

Codes are assigned in float32 and near ties resolved as usual; only the layers behind use another
engine or arithmetic. Used by ``scan_speed.py``.
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from vqrna.nn.context import ResidualBlock
from vqrna.nn.encoder import TOKEN_STRIDE
from vqrna.nn.model import SiteNetwork

Engine = Callable[[torch.Tensor], torch.Tensor]
"""Code vectors (1, D, T) to logits (1, M, W)."""


class Reader(nn.Module):
    """Context and classifier at every position, as any engine understands them."""

    def __init__(self, network: SiteNetwork) -> None:
        super().__init__()
        self.context, self.head = network.context, network.head
        self.beside = network.config.length // 2  # `half` is a method of modules

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Give logits (1, M, W) from code vectors (1, D, T)."""
        context, stride = self.context, TOKEN_STRIDE
        sites = x.shape[-1] - 2 * self.beside + 22
        x = torch.relu(context.enter_norm(F.conv1d(x, context.enter.weight, dilation=stride)))
        near = torch.relu(context.near_norm(context.near_project(x)))
        far = torch.relu(context.stretch_norm(context.stretch_project(x)))
        site = [_middle(x, sites)]
        region = [_mean(x, sites, -context.fine_half, context.fine_half, stride)]
        for scale, block in enumerate(context.blocks):
            assert isinstance(block, ResidualBlock)
            if scale:
                n = x.shape[-1] - 2 * stride
                beside = torch.maximum(x[..., :n], x[..., 2 * stride :])
                x = torch.maximum(beside, x[..., stride : stride + n])
                stride *= 2
            y = torch.relu(block.norm(F.conv1d(x, block.conv.weight, dilation=stride)))
            x = _middle(x, y.shape[-1]) + y
            if scale == 0:
                site.append(_middle(x, sites))
        region.append(_mean(x, sites, -context.coarse_half, context.coarse_half, stride))
        region.append(_middle(x, sites))
        site += [_mean(near, sites, *span, TOKEN_STRIDE) for span in context.near_spans]
        region += [_mean(far, sites, *span, TOKEN_STRIDE) for span in context.region_spans]
        return self.head.site(torch.cat(site, dim=1)) + self.head.region(torch.cat(region, dim=1))


def _middle(x: torch.Tensor, sites: int) -> torch.Tensor:
    start = (x.shape[-1] - sites) // 2
    return x[..., start : start + sites]


def _mean(x: torch.Tensor, sites: int, low: int, high: int, stride: int) -> torch.Tensor:
    """Average over the tokens from `low` to `high` about each site, by doubling."""
    kernel = high - low + 1
    start = (x.shape[-1] - sites) // 2
    x = x[..., start + low * stride : start + high * stride + sites]
    total, taken, size = None, 0, 1
    while True:
        if kernel & size:
            piece = x[..., taken * stride : taken * stride + sites]
            total = piece if total is None else total + piece
            taken += size
        if 2 * size > kernel:
            assert total is not None
            return total / kernel
        x = x[..., : x.shape[-1] - size * stride] + x[..., size * stride :]
        size *= 2


def engines(network: SiteNetwork, example: torch.Tensor) -> Iterator[tuple[str, Engine | str]]:
    """Make every engine that is there, for one shape.

    Parameters
    ----------
    network : SiteNetwork
    example : torch.Tensor, shape (1, D, T)

    Yields
    ------
    name, engine
        Or why it is not available.
    """
    reader = Reader(network).eval()
    for name, make in (
        ("torch.compile, float32", _compiled),
        ("torch.compile, bfloat16", _compiled_bfloat16),
        ("ONNX Runtime, float32", _onnx),
        ("ONNX Runtime, int8 (dynamic)", _onnx_int8),
        ("OpenVINO, float32", _openvino),
        ("OpenVINO, bfloat16", _openvino_bfloat16),
    ):
        try:
            yield name, make(reader, example)
        except ImportError as error:
            yield name, f"not installed ({error.name})"
        except Exception as error:
            yield name, f"failed: {type(error).__name__}: {str(error).splitlines()[0][:120]}"


def _compiled(reader: Reader, example: torch.Tensor) -> Engine:
    if shutil.which("g++") is None:
        raise RuntimeError("needs g++")
    compiled = torch.compile(reader, dynamic=False)
    compiled(example)
    return compiled


def _compiled_bfloat16(reader: Reader, example: torch.Tensor) -> Engine:
    def low(x: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return reader(x)

    if shutil.which("g++") is None:
        raise RuntimeError("needs g++")
    compiled = torch.compile(low, dynamic=False)
    compiled(example)
    return lambda x: compiled(x).float()


def _exported(reader: Reader, example: torch.Tensor, folder: str) -> Path:
    import onnxscript  # noqa: F401  (the exporter wants it)

    path = Path(folder) / "reader.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(reader, (example,), path, dynamo=True, verbose=False)
    return path


def _session(path: Path) -> Engine:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda x: torch.from_numpy(session.run(None, {name: x.numpy()})[0])


def _onnx(reader: Reader, example: torch.Tensor) -> Engine:
    import onnxruntime  # noqa: F401

    with tempfile.TemporaryDirectory() as folder:
        return _session(_exported(reader, example, folder))


def _onnx_int8(reader: Reader, example: torch.Tensor) -> Engine:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        path = _exported(reader, example, folder)
        small = Path(folder) / "int8.onnx"
        quantize_dynamic(path, small, weight_type=QuantType.QUInt8)
        return _session(small)


def _openvino(reader: Reader, example: torch.Tensor, hint: str = "f32") -> Engine:
    import openvino

    core = openvino.Core()
    model = openvino.convert_model(reader, example_input=example, input=[list(example.shape)])
    settings = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}
    compiled = core.compile_model(model, "CPU", settings)
    request = compiled.create_infer_request()
    return lambda x: torch.from_numpy(next(iter(request.infer({0: x.numpy()}).values())).copy())


def _openvino_bfloat16(reader: Reader, example: torch.Tensor) -> Engine:
    return _openvino(reader, example, "bf16")
