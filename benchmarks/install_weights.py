"""Make the model of a training run the shipped one: weights, checksums and model card."""

from __future__ import annotations

import dataclasses
import hashlib
import shlex
import sys
from pathlib import Path

from vqrna.model.model_card import describe
from vqrna.model.weights import FILE_NAME, SHIPPED, load_model, save_model


def main(run: str, *chosen: str) -> None:
    """Copy the weights of a run into the package.

    Parameters
    ----------
    run : str
        Folder of the run.
    chosen : str
        Text of the model card: how these weights were chosen among trainings.
    """
    SHIPPED.parent.mkdir(exist_ok=True)
    model = load_model(Path(run) / FILE_NAME, device="cpu")
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
    print(f"installed {SHIPPED.name}: {SHIPPED.stat().st_size / 1e6:.1f} MB, {card.hash}")


if __name__ == "__main__":
    main(*sys.argv[1:])
