"""Cells made by hand, and small data in the benchmark layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tiny import planted, tiny
from vqrna import config as configs
from vqrna.sequence import decode
from vqrna.studies.cells import StudyCell, network_identity

TYPES = ("Am", "Cm")

TOML = """\
[model]
length = 51
codebook_size = 16
code_dim = 8
stem_width = 8
width = 8
head_width = 8

[training]
batch_size = 16
precision = "float32"
"""


def scores(auroc: float, half: float, resampled: list[float | None], *symbols: str) -> list[dict]:
    """The same AUROC and interval for each symbol, on both sets of windows."""
    value = {"value": auroc, "low": auroc - half, "high": auroc + half}
    return [
        {"modification": symbol, "windows": windows, "negatives": "random", "flanks": "none",
         "n_pos": 10, "n_neg": 12, "auroc": value, "auprc": value, "acc": value, "mcc": value,
         "resampled_auroc": resampled}
        for symbol in symbols
        for windows in ("all", "non_overlapping")
    ]  # fmt: skip


def cell(
    variant: str = "51 nt",
    auroc: float = 0.8,
    half: float = 0.1,
    *,
    seed: int = 0,
    resampled: list[float | None] | None = None,
    study: str = "lengths",
    types: tuple[str, ...] = TYPES,
    rows: list[dict] | None = None,
    **changes: object,
) -> StudyCell:
    """A cell whose scores are given."""
    length = int(variant.split()[0]) if study == "lengths" else 51
    config = configs.replace(tiny(), **({"length": length, "seed": seed} | changes))
    identity = network_identity(study, variant, config, types, "windows-1")
    symbols = (*types, "mean") if len(types) > 1 else types
    made = scores(auroc, half, resampled or [], *symbols) if rows is None else rows
    return StudyCell(identity, made, 60.0, command="vqrna lengths", commit="abc")


def write_data(folder: Path, n: int = 24, length: int = 151) -> Path:
    """Training and validation windows of `TYPES`, with motifs that can be learned."""
    for split, count, seed in (("train", n, 0), ("valid", n, 1)):
        windows = planted(count, length, seed, TYPES)
        for m in range(len(TYPES)):
            for label in (0, 1):
                rows = np.flatnonzero(windows.labels[:, m] == label)
                text = "".join(f">w{i}\n{decode(windows.tokens[i])}\n" for i in rows)
                file = folder / split / f"{m + 1}-{label}.fasta"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
    return folder
