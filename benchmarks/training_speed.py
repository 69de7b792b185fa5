"""How many windows a second train on one core: the published network as published, and ours.

Both in one run on random windows; the ratio is what counts. Run by ``make benchmark-training``.
"""

from __future__ import annotations

import time

import numpy as np
import torch

from vqrna.config import Config, preset
from vqrna.data.records import Windows
from vqrna.modifications import MODIFICATIONS
from vqrna.nn.model import SiteNetwork, build
from vqrna.training.epoch import TrainingData, train_epoch
from vqrna.training.schedule import WeightAverage, make_optimizer
from vqrna.training.weak import WeakNegatives

WINDOWS = 1280


def windows(modifications: int) -> Windows:
    """Make random windows of 1,001 nt with random labels."""
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
    """Train two epochs and give the windows a second of the second."""
    data = windows(modifications)
    network = build(config.model, modifications)
    weak = None
    if isinstance(network, SiteNetwork):
        weak = WeakNegatives.of(data, config.model.length, config.training)
    decay = config.training.average_decay
    average = WeightAverage(network, decay) if decay else None
    optimizer = make_optimizer(network, config.training)
    seconds = 0.0
    for epoch in range(2):
        start = time.perf_counter()
        train_epoch(
            network, average, optimizer, TrainingData(data, weak), config, epoch, lambda n, m: None
        )
        seconds = time.perf_counter() - start
    return WINDOWS / seconds


def main() -> None:
    """Print windows a second and their ratio."""
    torch.set_num_threads(1)
    paper = speed(preset("paper"), 1)
    ours = speed(preset("vqrna"), 11)
    print(f"published network, one type, as published: {paper:8.0f} windows/s")
    print(f"vqrna, eleven types, as shipped:           {ours:8.0f} windows/s")
    print(
        f"a window for one type: {ours / paper:.1f} times; for all types: {11 * ours / paper:.0f}"
    )


if __name__ == "__main__":
    main()
