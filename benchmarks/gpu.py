"""Speed of scans, training and mutagenesis on a GPU, and differences to the CPU.

Run by ``make benchmark-gpu`` on a machine with an NVIDIA GPU and a CUDA build of torch;
``benchmarks/gpu.sbatch`` submits it to Slurm. The result is in ``benchmarks/results/gpu.json``.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.kept import keep_measured

from vqrna.config import preset
from vqrna.interpret.mutagenesis import mutate
from vqrna.model import TrainedModel
from vqrna.model.trained_model import TILE
from vqrna.model.weights import load_model
from vqrna.modifications import MODIFICATIONS
from vqrna.nn.model import build
from vqrna.runtime.provenance import machine_facts
from vqrna.sequence import centre
from vqrna.training.batches import TrainingData
from vqrna.training.epoch import train_epoch
from vqrna.training.loop import with_precision
from vqrna.training.negatives import UnlabelledNegatives
from vqrna.training.schedule import WeightAverage, make_optimizer

ROUNDS = 5
TILES = (1, 4, 16, 64)
"""Numbers of tiles that are evaluated at once."""

RESULTS = Path(__file__).parent / "results" / "gpu.json"


def rate(work: Callable[[], Any], amount: int, device: str, rounds: int = ROUNDS) -> float:
    """Return the median amount per second; the first round warms up."""
    rates = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        work()
        if device != "cpu":
            torch.cuda.synchronize()
        rates.append(amount / (time.perf_counter() - start))
    return round(statistics.median(rates[1:]), 1)


def scans(model: TrainedModel, device: str, tile: int, tiles: tuple[int, ...]) -> dict[str, Any]:
    """Return nt/s of all modifications, and the largest difference to the CPU."""
    half = centre(model.length)
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 4, (max(tiles), tile + 2 * half)).astype(np.uint8)
    expected = model.to("cpu").scan_batch(tokens[:1]).logits
    model.to(device)
    difference = np.abs(model.scan_batch(tokens[:1]).logits - expected).max()
    results: dict[str, Any] = {"largest_difference_of_a_logit": float(difference)}
    for precision in ("float32", "fast"):
        results[precision] = {
            f"{n} tiles at once": rate(
                partial(model.scan_batch, tokens[:n], precision), n * tile, device
            )
            for n in tiles
        }
    model.to("cpu")
    return results


def training(device: str, count: int) -> float:
    """Return windows per second of training the shipped architecture, all modifications."""
    from benchmarks.training_speed import windows

    config = with_precision(preset("vqrna"), device)
    data = windows(len(MODIFICATIONS)).take(slice(0, count))
    network = build(config.model, len(MODIFICATIONS)).to(device)
    unlabelled = UnlabelledNegatives.from_windows(data, config.model.length, config.training)
    prepared = TrainingData(data, config, unlabelled)
    decay = config.training.average_decay
    average = WeightAverage(network, decay) if decay else None
    optimizer = make_optimizer(network, config.training)
    epochs = iter(range(100))

    def work() -> None:
        train_epoch(network, average, optimizer, prepared, next(epochs), lambda n, m: None)

    return rate(work, count, device, 2)


def mutagenesis(model: TrainedModel, device: str, count: int) -> float:
    """Return windows per second whose substitutions are all evaluated."""
    rng = np.random.default_rng(1)
    tokens = rng.integers(0, 4, (count, model.length)).astype(np.uint8)
    network = model.network.to(device).eval()
    speed = rate(lambda: list(mutate(network, tokens)), count, device, 2)
    network.to("cpu")
    return speed


def measure(
    device: str = "cuda",
    *,
    tile: int = TILE,
    tiles: tuple[int, ...] = TILES,
    windows: int = 1280,
    mutated: int = 16,
) -> dict[str, Any]:
    """Return all measurements on a device."""
    model = load_model(device="cpu")
    assert isinstance(model, TrainedModel)
    return {
        "model": model.hash,
        "machine": machine_facts(device),
        "scan_nt_per_s": scans(model, device, tile, tiles),
        "training_windows_per_s": training(device, windows),
        "mutagenesis_windows_per_s": mutagenesis(model, device, mutated),
    }


def main() -> int:
    """Measure, keep and print; return the exit code."""
    if not torch.cuda.is_available():
        print("make benchmark-gpu: torch detects no CUDA device", file=sys.stderr)
        return 2
    measured = measure()
    keep_measured(RESULTS, measured)
    print(json.dumps(measured, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
