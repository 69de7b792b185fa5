"""Weights files, valid and damaged: parts of safetensors files, and pickles of torch."""

from __future__ import annotations

import io
import json
import tempfile
from copy import deepcopy
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import torch
from tests.fuzz.documents import Document
from tests.fuzz.mutations import ODD_WORDS

from vqrna.config import preset, replace
from vqrna.model import TrainedModel
from vqrna.model.weights import SEAL, metadata_checksum, save_model
from vqrna.modifications import modifications
from vqrna.nn.model import build

_ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1,
    2,
    0.5,
    1e300,
    -1e300,
    2**31,
    2**63,
    2**70,
    "",
    "a",
    "F32",
    "BF16",
    "I64",
    [],
    [[]],
    [1],
    [-1],
    [0, 0],
    [2**40],
    [2**40, 2**40],
    {},
    {"a": 1},
    "\ud800",
    "a\nb",
    [None],
)


@cache
def whole() -> bytes:
    """Return the weights of a tiny model."""
    small = {
        "length": 51,
        "codebook_size": 4,
        "code_dim": 2,
        "stem_width": 2,
        "width": 2,
        "head_width": 2,
        "region_width": 2,
    }
    config = replace(preset("vqrna"), **small)
    types = modifications(["Am", "m6A"])
    torch.manual_seed(0)
    model = TrainedModel.fresh(build(config.model, len(types)).eval(), config, types)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.safetensors"
        save_model(model, path)
        return path.read_bytes()


def _change(r: Random, value: Any) -> None:
    """Replace, delete or repeat something in nested dictionaries and lists."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = r.choice(keys)
        if isinstance(value[key], dict | list) and value[key] and r.random() < 0.75:
            value = value[key]
            continue
        match r.randrange(4):
            case 0:
                del value[key]
            case 1 if isinstance(value, list):
                value.append(deepcopy(value[key]))
            case 2 if isinstance(value, dict):
                value[r.choice(("", "x", "a b", key + "x"))] = deepcopy(value[key])
            case _:
                value[key] = deepcopy(r.choice(_ODD))  # lists are changed later
        return


def weights(r: Random) -> Document:
    """A safetensors file; a tenth are whole, the truth is True."""
    data = whole()
    size = int.from_bytes(data[:8], "little")
    header, tensors = data[8 : 8 + size], data[8 + size :]
    match r.randrange(10):
        case 0:
            return Document({"a.safetensors": data}, True)
        case 1:  # one bit of a tensor
            at = r.randrange(len(tensors))
            tensors = (
                tensors[:at] + bytes([tensors[at] ^ (1 << r.randrange(8))]) + tensors[at + 1 :]
            )
        case 2:  # a part of the file
            data = data[: r.randrange(len(data))]
            return Document({"a.safetensors": data + r.choice((b"", bytes(100)))})
        case 3:  # bytes of the header
            at = r.randrange(len(header))
            header = header[:at] + r.choice(ODD_WORDS) + header[at + r.randrange(3) :]
        case 4 | 5 | 6:  # the description of tensors
            entries = json.loads(header)
            kept = entries.pop("__metadata__")
            _change(r, entries)
            header = json.dumps({"__metadata__": kept} | entries).encode()
        case _:  # the facts about the model
            entries = json.loads(header)
            facts = json.loads(entries["__metadata__"]["vqrna-model"])
            for _ in range(r.choice((1, 1, 2))):
                _change(r, facts)
            if r.random() < 0.3:
                facts.pop("checksum", None)
            if r.random() < 0.8:  # else a checksum that does not match
                facts[SEAL] = metadata_checksum(facts)
            text = json.dumps(facts)
            if r.random() < 0.1:
                text = r.choice(("", "[]", "null", "[" * 2000, text[:-5], "9" * 5000, '"\\ud800"'))
            entries["__metadata__"] = {"vqrna-model": text}
            header = json.dumps(entries).encode()
    size = len(header) if r.random() < 0.97 else r.choice((0, 1, 2**32, 2**63, len(header) + 1))
    return Document({"a.safetensors": size.to_bytes(8, "little") + header + tensors})


_NAMES = (
    "_encoder.conv1.weight",
    "final.3.bias",
    "layers.0.attention.w_q.weight",
    "a",
    "",
    "module.a",
)


@cache
def _pickle(number: int) -> bytes:
    """Return one of some files of ``torch.save``, which takes longer than reading them."""
    r = Random(number)
    tensors: list[Any] = [
        torch.zeros(2),
        torch.zeros(1),
        torch.zeros(()),
        torch.zeros(0),
        torch.ones(3, dtype=torch.bool),
        torch.zeros(2, 3, dtype=torch.complex64),
        torch.zeros(256, 4, 7),
        torch.zeros(2).to_sparse(),
        torch.tensor([float("nan")]),
        torch.zeros(2, device="meta"),
        [1, 2],
        "text",
        7,
        None,
    ]
    content: Any = {r.choice(_NAMES): r.choice(tensors) for _ in range(r.randrange(4))}
    content = r.choice((content, content, {"state_dict": content}, r.choice(tensors), [content]))
    stream = io.BytesIO()
    torch.save(content, stream, _use_new_zipfile_serialization=r.random() < 0.7)
    return stream.getvalue()


def pickles(r: Random) -> Document:
    """A file of ``torch.save`` with other contents than a published network; often damaged."""
    data = _pickle(r.randrange(300))
    for _ in range(r.randrange(3)):
        at = r.randrange(len(data))
        data = data[:at] + r.choice((bytes([r.randrange(256)]), b"", b"\xff\xff")) + data[at + 1 :]
    return Document({"a.pth": data if r.random() < 0.9 else data[: r.randrange(len(data))]})
