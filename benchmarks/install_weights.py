"""Make the model of a training run the shipped one: weights, checksums and model card.

The atlas of the codes and the kept results that depend on the network alone stay valid where only
the calibration changed; they then get the new hash. ``make install-weights`` computes all again.
"""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import json
import shlex
import sys
from pathlib import Path

import torch

from vqrna.interpret.code_types import SUFFIX
from vqrna.model import Model, TrainedModel
from vqrna.model.model_card import describe
from vqrna.model.weights import FILE_NAME, SHIPPED, load_model, save_model

RESULTS = Path(__file__).with_name("results")


KEPT = ("validation", "flags", "tail")
"""Kept results that depend on the network, its scores and its nulls alone."""


def same_network(one: Model, other: Model) -> bool:
    """Return whether two models differ in their calibration only."""
    if not isinstance(one, TrainedModel) or not isinstance(other, TrainedModel):
        return False
    tensors = one.network.state_dict(), other.network.state_dict()
    return tensors[0].keys() == tensors[1].keys() and all(
        torch.equal(tensor, tensors[1][name]) for name, tensor in tensors[0].items()
    )


def rename_atlas(before: str, after: str) -> None:
    """Replace the hash of the model in the atlas beside the weights."""
    for path in sorted(SHIPPED.parent.glob(f"*{SUFFIX}")):
        data = json.loads(gzip.decompress(path.read_bytes()))
        if data["model"] == before:
            text = json.dumps(data | {"model": after}, separators=(",", ":"), allow_nan=False)
            path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def rename_results(before: str, after: str) -> None:
    """Replace the hash of the model in kept results that depend on the network alone."""
    for name in KEPT:
        path = RESULTS / f"{name}.json"
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(f'"model": "{before}"', f'"model": "{after}"'), "utf-8")


def main(run: str, *chosen: str) -> None:
    """Copy the weights of a run into the package.

    Parameters
    ----------
    run : str
        Folder of the run, or a file of weights.
    chosen : str
        Text of the model card: how these weights were chosen among trainings.
    """
    SHIPPED.parent.mkdir(exist_ok=True)
    path = Path(run)
    model = load_model(path / FILE_NAME if path.is_dir() else path, device="cpu")
    before = load_model(device="cpu") if SHIPPED.is_file() else None
    words = shlex.split(model.training["command"])
    command = shlex.join(
        Path(word).name if "/" in word else word for word in words
    )  # no folders of ours
    training = model.training | {"command": command}
    if chosen:
        training["chosen"] = " ".join(chosen)
    save_model(dataclasses.replace(model, training=training), SHIPPED)
    digest = hashlib.sha256(SHIPPED.read_bytes()).hexdigest()
    sums = SHIPPED.with_name("SHA256SUMS")
    sums.write_text(f"{digest}  {SHIPPED.name}\n", encoding="utf-8")
    card = describe(load_model(device="cpu"))
    SHIPPED.with_suffix(".md").write_text(card.to_markdown(), encoding="utf-8")
    if before is not None and same_network(before, model):
        rename_atlas(before.hash, card.hash)
        rename_results(before.hash, card.hash)
    print(f"installed {SHIPPED.name}: {SHIPPED.stat().st_size / 1e6:.1f} MB, {card.hash}")


if __name__ == "__main__":
    main(*sys.argv[1:])
