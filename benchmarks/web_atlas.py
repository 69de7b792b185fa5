"""Compute the codebook atlas that the web page shows for the shipped model.

Run by ``make web-atlas`` (needs the benchmark). The file beside the weights holds the hash of the
model, and is used for no other model.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import vqrna
from vqrna.interpret.atlas import atlas, page_data
from vqrna.interpret.codes import require_single_codebook
from vqrna.plots.style import BASES, type_colors
from vqrna.runtime.files import atomic_path

TARGET = Path(vqrna.__file__).parent / "models" / "vqrna-501.atlas.json.gz"

SPLIT = "valid"

KEYS = (
    "types", "first", "span", "bits", "reads", "usage", "holding", "sites", "group", "log_odds",
    "q", "whole", "q_whole", "knock_out", "profile", "profiled", "nearest", "distance",
)  # fmt: skip


def write(data: dict[str, object], model_hash: str, target: Path = TARGET) -> None:
    """Write the parts that the pages use, with the same bytes for the same atlas."""
    kept = {"model": model_hash, "split": SPLIT, **{key: data[key] for key in KEYS}}
    text = json.dumps(kept, separators=(",", ":"), allow_nan=False)
    with atomic_path(target) as path:
        path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def main(folder: str) -> None:
    """Compute the atlas on validation windows of the benchmark."""
    model = require_single_codebook(vqrna.load_model())
    windows = vqrna.load_benchmark(folder, SPLIT)
    result = atlas(model, windows, show_progress=True)
    colors = type_colors(result.modifications)
    write(page_data(result, colors, BASES["types"], model.hash, SPLIT), model.hash)
    print(f"wrote {TARGET}")


if __name__ == "__main__":
    main(sys.argv[1])
