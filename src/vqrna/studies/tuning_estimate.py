"""How long a search will take, from two short epochs."""

from __future__ import annotations

import math
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vqrna import config as configs
from vqrna.config import Config
from vqrna.data.windows import NEGATIVE, POSITIVE, Windows
from vqrna.runtime.devices import choose_device
from vqrna.studies.search import cores, threads_each
from vqrna.studies.search_config import Search
from vqrna.training import Source, train_network

_SHORT, _LONG = 128, 768
"""Training windows of the two epochs; their difference tells the time of a window."""


@dataclass(frozen=True)
class Estimate:
    """How long a search will take.

    Parameters
    ----------
    config : Config
        What was measured: settings from the middle of the space.
    windows : int
        Training windows of the longer epoch that was measured.
    epoch : float
        Seconds of a whole epoch.
    total : float
        Seconds of the search if nothing is pruned and no training stops early.
    at_once : int
        Trials that can really go on side by side: on a CPU, no more than it has cores.
    """

    config: Config
    windows: int
    epoch: float
    total: float
    at_once: int = 1


def estimate(
    search: Search,
    source: Source,
    device: str = "auto",
    threads: int | None = None,
    engine: str = "local",
) -> Estimate:
    """Measure two short epochs and tell how long the whole search will take.

    Parameters
    ----------
    search : Search
    source : Source
    device : str
    threads : int, optional
        CPU threads of each trial; the share of one process if not given.
    engine : str
        With ``ray`` the cluster is taken to have room for all jobs.
    """
    import torch

    if (each := threads or threads_each(search, engine)) is not None:
        torch.set_num_threads(each)
    chosen = search.space.middle()
    config = configs.replace(search.base, **search.space.settings(chosen))
    n = len(source.train)
    few, many = min(_SHORT, n), min(_LONG, n)
    _seconds(source, config, few, device)  # what is slow only the first time
    short = _seconds(source, config, few, device)
    epoch = short
    if many > few:
        window = max(0.0, (_seconds(source, config, many, device) - short) / (many - few))
        epoch = short + window * (n - few)
    settings = search.settings
    trials = settings.trials
    if settings.sampler == "grid":
        trials = len(search.space.grid(trials))
    at_once = min(settings.jobs, trials)
    if engine == "local" and choose_device(device).name == "cpu":
        at_once = min(at_once, max(1, cores() // (each or 1)))
    total = epoch * config.training.epochs * math.ceil(trials / at_once)
    return Estimate(config, many, epoch, total, at_once)


def _seconds(source: Source, config: Config, windows: int, device: str) -> float:
    """Time an epoch on some of the windows, and on the same share of the validation windows."""
    share = windows / len(source.train)
    train = _some(source.train, windows)
    valid = _some(source.valid, round(share * len(source.valid)))
    short = configs.replace(config, epochs=1)
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        train_network(
            train, valid, Path(folder), short, device=device, show_progress=False, calibrate=False
        )
        return time.monotonic() - started


def _some(windows: Windows, count: int) -> Windows:
    """Take some windows at random, and one of each class of every type in any case."""
    order = np.random.default_rng(0).permutation(len(windows))
    kept = set(order[:count].tolist())
    for column in windows.labels.T:
        for label in (POSITIVE, NEGATIVE):
            kept.add(int(np.flatnonzero(column == label)[0]))
    return windows.take(np.array(sorted(kept)))
