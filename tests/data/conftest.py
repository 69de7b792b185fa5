"""Small hand-made windows, and the real benchmark where it is at hand."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def real_benchmark() -> Path:
    place = os.environ.get("VQRNA_DATA")
    if not place:
        pytest.skip("VQRNA_DATA is not set: no benchmark data to test on")
    return Path(place)


def letters(rng: np.random.Generator, length: int, centre: str = "") -> str:
    """Draw a random sequence with a given base in the centre."""
    drawn = "".join(rng.choice(list("ACGU"), size=length))
    half = length // 2
    return drawn[:half] + centre + drawn[half + 1 :] if centre else drawn


@pytest.fixture
def draw() -> Callable[..., str]:
    rng = np.random.default_rng(7)
    return lambda length, centre="": letters(rng, length, centre)


@pytest.fixture
def lay_out(tmp_path: Path) -> Callable[[Mapping[str, Mapping[str, str]]], Path]:
    """Write files of ``{"train/1-0.fasta": {"name": "ACG"}}`` under a new folder."""

    def write(files: Mapping[str, Mapping[str, str]]) -> Path:
        root = tmp_path / "benchmark"
        for name, records in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            text = "".join(f">{key}\n{value}\n" for key, value in records.items()).encode()
            path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
        return root

    return write
