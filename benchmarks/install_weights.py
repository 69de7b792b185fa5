"""Make the model of a training run the shipped one: weights, checksums and model card.

The atlas of the codes and the kept results that depend on the network alone stay valid where only
the calibration changed; they then get the new hash. ``make install-weights`` computes all again.
``--cards`` only writes the model cards of the shipped weights again.
"""

from __future__ import annotations

import argparse
import dataclasses
import gzip
import hashlib
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from vqrna.interpret.code_types import SUFFIX
from vqrna.model import Model, TrainedModel
from vqrna.model.model_card import describe
from vqrna.model.weights import FILE_NAME, NAMED, SHIPPED, load_model, save_model

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
        path.write_text(text.replace(f'"{before}"', f'"{after}"'), "utf-8")


def install(run: str, target: Path, chosen: str = "") -> TrainedModel:
    """Copy the weights of a run into the package, with their checksum and model card.

    Parameters
    ----------
    run : str
        Folder of the run, or a file of weights.
    target : pathlib.Path
        A file in the package.
    chosen : str
        Text of the model card: how these weights were chosen among trainings.
    """
    target.parent.mkdir(exist_ok=True)
    path = Path(run)
    model = load_model(path / FILE_NAME if path.is_dir() else path, device="cpu")
    assert isinstance(model, TrainedModel)
    training = without_folders(model.training)
    if "members" in training:
        training["members"] = [without_folders(member) for member in training["members"]]
    if chosen:
        training["chosen"] = chosen
    save_model(dataclasses.replace(model, training=training), target)
    sums = [
        f"{hashlib.sha256(each.read_bytes()).hexdigest()}  {each.name}\n"
        for each in sorted(target.parent.glob("*.safetensors"))
    ]
    target.with_name("SHA256SUMS").write_text("".join(sums), encoding="utf-8")
    installed = load_model(target, device="cpu")
    assert isinstance(installed, TrainedModel)
    write_card(installed, target)
    print(f"installed {target.name}: {target.stat().st_size / 1e6:.1f} MB, {installed.hash}")
    return installed


def write_card(model: Model, target: Path) -> None:
    """Write the model card beside the weights."""
    target.with_suffix(".md").write_text(describe(model).to_markdown(), encoding="utf-8")


def without_folders(facts: dict[str, Any]) -> dict[str, Any]:
    """Return facts about a training whose command names files without our folders."""
    words = shlex.split(facts["command"])
    return facts | {"command": shlex.join(Path(w).name if "/" in w else w for w in words)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Install the weights of a run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", nargs="?", help="folder of a run, or a file of weights")
    parser.add_argument("chosen", nargs="?", default="", help="how the training was chosen")
    parser.add_argument("--name", choices=NAMED, default="shipped", help="which weights these are")
    parser.add_argument("--cards", action="store_true", help="only write the model cards again")
    args = parser.parse_args(arguments)
    if args.cards:
        for target in NAMED.values():
            write_card(load_model(target, device="cpu"), target)
        return
    if args.run is None:
        parser.error("name a run, or --cards")
    if args.name != "shipped":
        install(args.run, NAMED[args.name], args.chosen)
        return
    before = load_model(device="cpu") if SHIPPED.is_file() else None
    model = install(args.run, SHIPPED, args.chosen)
    if before is not None and same_network(before, model):
        rename_atlas(before.hash, model.hash)
        rename_results(before.hash, model.hash)


if __name__ == "__main__":
    main()
