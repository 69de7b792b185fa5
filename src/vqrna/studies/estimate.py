"""Estimate how long a study or a search will take, from short epochs that are timed here.

The time of an epoch is linear in the number of windows: two short epochs yield its slope and its
constant part. Where a cell of a study is finished, with another seed, its own time is used.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vqrna import config as configs
from vqrna.config import Config
from vqrna.data.windows import NEGATIVE, POSITIVE, Windows
from vqrna.evaluation import evaluate
from vqrna.runtime.devices import choose_device
from vqrna.runtime.progress import progress
from vqrna.stats.bootstrap import RESAMPLES
from vqrna.studies.cells import CellStore, Identity
from vqrna.studies.plan import Plan, StudyVariant
from vqrna.studies.search import cores, threads_each
from vqrna.studies.search_config import Search
from vqrna.training import WindowSource, train_network

_SHORT, _LONG = 128, 768
"""Training windows of the two short epochs."""


@dataclass(frozen=True)
class Timing:
    """Measured times of a training."""

    windows: int  # Training windows of the longer of the short epochs
    epoch: float  # Seconds of a whole epoch, with its validation
    evaluation: float = 0.0  # Seconds of the evaluation afterwards; 0 if it was not asked for


def time_training(
    config: Config,
    source: WindowSource,
    *,
    device: str = "auto",
    threads: int | None = None,
    resamples: int | None = None,
) -> Timing:
    """Time short epochs of a training and extrapolate to all windows.

    On one thread of a CPU the time is that of the processor: the load of a busy machine does not
    count. Elsewhere it is wall-clock time.

    Parameters
    ----------
    threads : int, optional
        CPU threads; torch's default if not given.
    resamples : int, optional
        Time an evaluation with this number of bootstrap resamples, too.
    """
    import torch

    on_cpu = choose_device(device).name == "cpu"
    clock = time.process_time if on_cpu and threads == 1 else time.monotonic
    n = len(source.train)
    few, many = min(_SHORT, n), min(_LONG, n)
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        _seconds(source, config, few, device, clock)  # the first epoch includes one-time costs
        short, _ = _seconds(source, config, few, device, clock)
        epoch, evaluation = short, 0.0
        if many > few or resamples:
            long, evaluation = _seconds(source, config, many, device, clock, resamples)
            if many > few:
                epoch += max(0.0, (long - short) / (many - few)) * (n - few)
    finally:
        torch.set_num_threads(before)
    return Timing(many, epoch, evaluation * n / many)


def _seconds(
    source: WindowSource,
    config: Config,
    windows: int,
    device: str,
    clock: Callable[[], float],
    resamples: int | None = None,
) -> tuple[float, float]:
    """Time an epoch on some windows and on the same share of the validation windows."""
    share = windows / len(source.train)
    train = _some(source.train, windows)
    valid = _some(source.valid, round(share * len(source.valid)))
    short = configs.replace(config, epochs=1, average_decay=0.0)
    with tempfile.TemporaryDirectory() as folder:
        began = clock()
        result = train_network(
            train, valid, Path(folder), short, device=device, show_progress=False, calibrate=False
        )
        epoch = clock() - began
    if resamples is None:
        return epoch, 0.0
    began = clock()
    evaluate(result.model, valid, reference=train, resamples=resamples)
    return epoch, clock() - began


def _some(windows: Windows, count: int) -> Windows:
    """Draw windows at random, and add a few of each class of every type."""
    order = np.random.default_rng(0).permutation(len(windows))
    kept = set(order[:count].tolist())
    for column in windows.labels.T:
        for label in (POSITIVE, NEGATIVE):
            kept.update(order[column[order] == label][:4].tolist())
    return windows.take(np.array(sorted(kept)))


@dataclass(frozen=True)
class Expected:
    """Expected cost of a cell."""

    identity: Identity
    finished: bool
    seconds: float  # On one core; 0 if the cell is finished
    source: str  # How the time was estimated


def estimate_study(
    plan: Plan,
    store: CellStore,
    *,
    device: str = "cpu",
    resamples: int = RESAMPLES,
    show_progress: bool = True,
) -> list[Expected]:
    """Estimate the cost of each cell of a plan, from another seed if finished, else measured."""
    cells = plan.cells()
    finished = {identity: store.get(identity) for identity in cells}
    known: dict[StudyVariant, tuple[float, str]] = {}
    for identity, variant in cells.items():
        cell = finished[identity]
        if cell is not None and cell.seconds > 0:
            known.setdefault(variant, (cell.seconds, f"time of seed {identity.seed}"))
    todo = dict.fromkeys(v for i, v in cells.items() if finished[i] is None and v not in known)
    with progress(len(todo), "measuring", unit="variants", show=show_progress) as bar:
        for variant in todo:
            timing = time_training(
                variant.config, plan.source, device=device, threads=1, resamples=resamples
            )
            seconds = timing.epoch * variant.config.training.epochs + timing.evaluation
            known[variant] = seconds, "measured on short epochs"
            bar.advance()
    return [
        Expected(identity, True, 0.0, "")
        if finished[identity] is not None
        else Expected(identity, False, *known[variant])
        for identity, variant in cells.items()
    ]


@dataclass(frozen=True)
class DurationEstimate:
    """Expected duration of a search."""

    config: Config  # The settings that were timed: the middle of the space
    windows: int  # Training windows of the longest epoch that was timed
    epoch: float  # Seconds of a whole epoch
    total: float  # Seconds of the search if nothing is pruned and no training stops early
    at_once: int = 1  # Trials that really run side by side: on a CPU, at most one per core


def estimate_search(
    search: Search,
    source: WindowSource,
    device: str = "auto",
    threads: int | None = None,
    engine: str = "local",
) -> DurationEstimate:
    """Estimate the duration of a search; with Ray, all jobs are assumed to run at once."""
    each = threads or threads_each(search, engine)
    config = configs.replace(search.base, **search.space.settings(search.space.middle()))
    timing = time_training(config, source, device=device, threads=each)
    settings = search.settings
    trials = settings.trials
    if settings.sampler == "grid":
        trials = len(search.space.grid(trials))
    at_once = min(settings.jobs, trials)
    if engine == "local" and choose_device(device).name == "cpu":
        at_once = min(at_once, max(1, cores() // (each or 1)))
    total = timing.epoch * config.training.epochs * math.ceil(trials / at_once)
    return DurationEstimate(config, timing.windows, timing.epoch, total, at_once)
