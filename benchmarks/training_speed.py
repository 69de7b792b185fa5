"""Training speed in windows per second on one core, of the published network and of ours.

Both are measured in one run on random windows, for their ratio. Run by ``make benchmark-training``.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import numpy as np
import torch
from benchmarks.kept import keep_measured
from benchmarks.pages import update

from vqrna.config import Config, preset
from vqrna.data.windows import Windows
from vqrna.modifications import MODIFICATIONS
from vqrna.nn.model import SiteNetwork, build
from vqrna.training.batches import TrainingData
from vqrna.training.epoch import train_epoch
from vqrna.training.loop import with_precision
from vqrna.training.negatives import UnlabelledNegatives
from vqrna.training.schedule import WeightAverage, make_optimizer

WINDOWS = 1280
ROUNDS = 3
RESULTS = Path(__file__).parent / "results" / "training_speed.json"


def windows(modifications: int) -> Windows:
    """Return random windows of 1,001 nt with random labels."""
    generator = np.random.default_rng(0)
    kinds = MODIFICATIONS[:modifications]
    return Windows(
        generator.integers(0, 4, (WINDOWS, 1001), dtype=np.uint8),
        generator.integers(0, 2, (WINDOWS, len(kinds))).astype(np.int8),
        np.zeros((WINDOWS, len(kinds)), dtype=np.int8),
        ("random",),
        ("",) * WINDOWS,
        kinds,
    )


def speed(config: Config, modifications: int) -> float:
    """Train two epochs and return the windows per second of the second."""
    data = windows(modifications)
    network = build(config.model, modifications)
    unlabelled = None
    if isinstance(network, SiteNetwork):
        unlabelled = UnlabelledNegatives.from_windows(data, config.model.length, config.training)
    prepared = TrainingData(data, config, unlabelled)
    decay = config.training.average_decay
    average = WeightAverage(network, decay) if decay else None
    optimizer = make_optimizer(network, config.training)
    seconds = 0.0
    for epoch in range(2):
        start = time.perf_counter()
        train_epoch(network, average, optimizer, prepared, epoch, lambda n, m: None)
        seconds = time.perf_counter() - start
    return WINDOWS / seconds


def table(measured: dict[str, float]) -> str:
    """Return the table as Markdown."""
    paper, ours = measured["paper"], measured["vqrna"]
    ratio = ours / paper
    return "\n".join(
        [
            "| on one core, in one run | windows per second |",
            "|---|---|",
            f"| the published network, one modification, as published | {paper:.0f} |",
            f"| vqrna, all eleven modifications at once | {ours:.0f} ({ratio:.1f} times as many; "
            f"{11 * ratio:.0f} times, counted per modification) |",
        ]
    )


def main() -> None:
    """Measure and keep the medians of `ROUNDS`, taken in turn, since machines are shared."""
    torch.set_num_threads(1)
    ours = with_precision(preset("vqrna"), "cpu")
    rounds = [(speed(preset("paper"), 1), speed(ours, 11)) for _ in range(ROUNDS)]
    paper, ours = (statistics.median(each) for each in zip(*rounds, strict=True))
    keep_measured(RESULTS, {"paper": round(paper, 1), "vqrna": round(ours, 1)})
    update("training speed", "summary")


if __name__ == "__main__":
    main()
