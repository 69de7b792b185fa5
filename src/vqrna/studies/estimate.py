"""How long a study will take: from its finished cells, or from a short epoch at each variant.

How long a search will take, from two short epochs.
"""

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
from vqrna.evaluation import evaluate
from vqrna.runtime.devices import choose_device
from vqrna.runtime.progress import progress
from vqrna.stats.bootstrap import RESAMPLES
from vqrna.studies.cells import CellStore, Identity
from vqrna.studies.plan import Plan, Variant
from vqrna.studies.search import cores, threads_each
from vqrna.studies.search_config import Search
from vqrna.training import Source, train_network

PROBE = 640
"""About so many training windows are in the short epoch."""


@dataclass(frozen=True)
class Expected:
    """What a cell of a plan will cost.

    Parameters
    ----------
    identity : Identity
    there : bool
        It is finished already.
    seconds : float
        Expected wall-clock time on one core (0 if it is there).
    source : str
        What the expectation follows from.
    """

    identity: Identity
    there: bool
    seconds: float
    source: str


def estimate(
    plan: Plan,
    store: CellStore,
    *,
    device: str = "cpu",
    resamples: int = RESAMPLES,
    show_progress: bool = True,
) -> list[Expected]:
    """Tell what each cell of a plan will cost.

    Where a cell of the same variant is finished, with another seed, its time is taken. Elsewhere
    one epoch on about `PROBE` windows and a measurement of as large a share of the validation
    windows are timed here, on one thread, and taken times the number of windows and epochs. On a
    CPU the time is that of the processor: what others do on a busy machine is not in it.

    Parameters
    ----------
    plan : Plan
    store : CellStore
    device : str
    resamples : int
    show_progress : bool
    """
    cells = plan.cells()
    finished = {i: store.get(i) for i in cells}
    known: dict[Variant, tuple[float, str]] = {}
    for identity, variant in cells.items():
        cell = finished[identity]
        if cell is not None and cell.seconds > 0:
            known.setdefault(variant, (cell.seconds, f"seed {identity.seed} took as long"))
    todo = dict.fromkeys(v for i, v in cells.items() if finished[i] is None and v not in known)
    with progress(len(todo), "measuring", unit="variants", show=show_progress) as bar:
        for variant in todo:
            known[variant] = (
                probe(variant, plan.source, device=device, resamples=resamples),
                "a short epoch, measured",
            )
            bar.advance()
    return [
        Expected(identity, True, 0.0, "")
        if finished[identity] is not None
        else Expected(identity, False, *known[variant])
        for identity, variant in cells.items()
    ]


def probe(
    variant: Variant, source: Source, *, device: str = "cpu", resamples: int = RESAMPLES
) -> float:
    """Time one short epoch and a small measurement; gives the seconds of the whole cell."""
    import torch

    share = min(1.0, PROBE / len(source.train))
    small = Source(_share(source.train, share, 0), _share(source.valid, share, 1))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    clock = time.process_time if choose_device(device).name == "cpu" else time.monotonic
    try:
        with tempfile.TemporaryDirectory() as folder:
            wall, begun = time.monotonic(), clock()
            result = train_network(
                small.train,
                small.valid,
                Path(folder) / "run",
                configs.replace(variant.config, epochs=1, average_decay=0.0),
                device=device,
                show_progress=False,
                calibrate=False,
            )
            share_of_wall = min(1.0, (clock() - begun) / (time.monotonic() - wall))
        epoch = float(result.history["seconds"].iloc[0]) * share_of_wall
        started = clock()
        evaluate(result.model, small.valid, reference=small.train, resamples=resamples)
        measuring = clock() - started
    finally:
        torch.set_num_threads(threads)
    grown = len(source.train) / len(small.train)
    return (epoch * variant.config.training.epochs + measuring) * grown


def _share(windows: Windows, share: float, seed: int) -> Windows:
    """Draw a share of the windows, some of each label of each type among them."""
    rng = np.random.default_rng(seed)
    chosen = rng.random(len(windows)) < share
    for column in windows.labels.T:
        for label in (0, 1):
            of_kind = np.flatnonzero(column == label)
            chosen[rng.permutation(of_kind)[:4]] = True
    return windows.take(np.flatnonzero(chosen))


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


def estimate_search(
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
