"""Make the missing cells, one after the other or several at a time."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from benchmarks.quality.cells import Job, make
from benchmarks.quality.plan import jobs
from benchmarks.quality.tasks import Data

from vqrna.errors import UsageError
from vqrna.studies import CellStore


def work(args: argparse.Namespace) -> int:
    """Make or list the missing cells; return 1 if one failed."""
    data = _data(args)
    store = CellStore(args.results)
    listed = jobs(
        _listed(args.models),
        _listed(args.splits),
        args.seeds,
        data.symbols,
        _listed(args.types) if args.types else None,
        args.epochs,
    )
    there = [store.path(job.identity(data.name)).exists() for job in listed]
    todo = [job for job, done in zip(listed, there, strict=True) if not done]
    minutes = sum(job.minutes for job in todo)
    finished = f"{len(listed)} cells, {sum(there)} of them finished"
    print(f"{finished}; about {minutes:,.0f} core-minutes left")
    if args.plan:
        for job in todo:
            which = "" if len(job.types) > 1 else f" {job.types[0]}"
            print(f"  {job.spec.name}{which} {job.split} seed {job.seed}: {job.minutes:,.1f} min")
        return 0
    if args.weights is not None and len(listed) != 1:
        raise UsageError(
            "--weights needs a single cell: select it with --models, --splits, --seeds"
        )
    order = {split: i for i, split in enumerate(dict.fromkeys(job.split for job in todo))}
    todo.sort(key=lambda job: order[job.split])
    if args.jobs > 1 and len(todo) > 1:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(args.jobs, mp_context=context) as pool:
            results = [pool.submit(one, job, args) for job in todo]
            failures = [result.result() for result in results]
    else:
        failures = [one(job, args) for job in todo]
    return int(any(failures))


_LOADED: dict[str, Any] = {}


def _data(args: argparse.Namespace) -> Data:
    """Read the data once in each process."""
    if "data" not in _LOADED:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # missing files of types
            _LOADED["data"] = Data(args.data, args.results / "keys")
    return _LOADED["data"]


def one(job: Job, args: argparse.Namespace) -> bool:
    """Make and report one cell; return True if it failed."""
    import torch

    torch.set_num_threads(args.threads)
    data = _data(args)
    if _LOADED.get("split") != job.split:
        _LOADED["task"], _LOADED["split"] = data.task(job.split), job.split
    name = f"{job.spec.name} {job.split} seed {job.seed}"
    try:
        cell = make(
            job,
            _LOADED["task"],
            data.name,
            CellStore(args.results),
            args.runs,
            device=args.device,
            command=args.command,
            weights=args.weights,
        )
    except Exception as error:  # other cells may succeed; the reason is kept with the run
        print(f"{name}: failed: {error}", file=sys.stderr, flush=True)
        return True
    auroc = [
        row["auroc"]["value"]
        for row in cell.scores
        if row["windows"] == "all" and row["modification"] == "mean9"
    ]
    mean = f", mean AUROC of nine {auroc[0]:.4f}" if auroc else ""
    print(f"{name}{mean} ({cell.seconds:,.0f} s)", flush=True)
    return False


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
