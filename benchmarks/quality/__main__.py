"""Train and measure the models of the benchmark, cell by cell, and write the table.

Run by ``make benchmark-quality``. Finished cells are kept in ``results/quality`` and never made
twice, so a benchmark may be made in pieces, on several days and machines.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shlex
import sys
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "quality"
RUNS = ROOT / "runs" / "quality"
PAGE = ROOT / "docs" / "quality.md"
README = ROOT / "README.md"
PICTURE = ROOT / "docs" / "images" / "quality.png"


def parser() -> argparse.ArgumentParser:
    """Describe the arguments."""
    from benchmarks.quality.models import BASELINES, NAMES
    from benchmarks.quality.tasks import SPLITS

    p = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    p.add_argument("data", nargs="?", help="folder with train/ and valid/ (or VQRNA_DATA)")
    p.add_argument(
        "--models",
        default=",".join(NAMES),
        help=f"of: {', '.join(NAMES)}; 'baselines' stands for {', '.join(BASELINES)}",
    )
    p.add_argument("--types", help="symbols; all if not given (joint networks learn all anyway)")
    p.add_argument("--seeds", default="0,1,2", help="default: %(default)s")
    p.add_argument(
        "--splits",
        default=",".join(SPLITS),
        help=f"of: {', '.join(SPLITS)}; 'folds' stands for all folds",
    )
    p.add_argument("--epochs", type=int, help="at most so many, in place of the preset's")
    p.add_argument("--jobs", type=int, default=1, help="cells at a time (default: 1)")
    p.add_argument("--threads", type=int, default=1, help="of torch, for each cell (default: 1)")
    p.add_argument("--device", default="cpu", help="default: cpu")
    p.add_argument("--plan", action="store_true", help="tell what is there and what is to do")
    p.add_argument(
        "--table", action="store_true", help="only write table and picture, from the kept cells"
    )
    p.add_argument(
        "--weights",
        type=Path,
        help="a network that was trained before, for the one cell that is asked for",
    )
    p.add_argument("--readme", action="store_true", help="write the short table into README.md too")
    p.add_argument("--results", type=Path, default=RESULTS, help=argparse.SUPPRESS)
    p.add_argument("--runs", type=Path, default=RUNS, help=argparse.SUPPRESS)
    return p


def main(arguments: Sequence[str] | None = None) -> int:
    """Make what is missing, then the table."""
    from vqrna.errors import VqrnaError

    p = parser()
    args = p.parse_args(arguments)
    args.command = shlex.join(
        ["python", "-m", "benchmarks.quality", *(sys.argv[1:] if arguments is None else arguments)]
    )
    args.data = args.data or os.environ.get("VQRNA_DATA")
    if not args.data and not args.table:
        p.error("name the folder of the data, or set VQRNA_DATA")
    args.command = args.command.replace(str(args.data), "DATA") if args.data else args.command
    try:
        if args.table:
            return write_all(args)
        failed = work(args)
        if not args.plan:
            write_all(args)
        return failed
    except VqrnaError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def write_all(args: argparse.Namespace) -> int:
    """Write table and picture from the kept cells."""
    from benchmarks.quality.report import write_report

    readme = README if args.readme else None
    for path in write_report(args.results, PAGE, PICTURE, readme=readme):
        print(f"wrote {path.relative_to(ROOT) if path.is_relative_to(ROOT) else path}")
    return 0


def work(args: argparse.Namespace) -> int:
    """Make the cells that are missing, or tell which they are; 1 if one failed."""
    from benchmarks.quality.plan import jobs

    from vqrna.errors import UsageError
    from vqrna.studies import CellStore

    data = _data(args)
    store = CellStore(args.results)
    wanted = jobs(
        _listed(args.models),
        _listed(args.splits),
        [int(seed) for seed in _listed(args.seeds)],
        data.symbols,
        _listed(args.types) if args.types else None,
        args.epochs,
    )
    there = [store.path(job.identity(data.name)).exists() for job in wanted]
    todo = [job for job, done in zip(wanted, there, strict=True) if not done]
    minutes = sum(job.minutes for job in todo)
    print(
        f"{len(wanted)} cells, {sum(there)} of them there; some {minutes:,.0f} core-minutes to do"
    )
    if args.plan:
        for job in todo:
            which = "" if len(job.types) > 1 else f" {job.types[0]}"
            print(f"  {job.spec.name}{which} {job.split} seed {job.seed}: {job.minutes:,.1f} min")
        return 0
    if args.weights is not None and len(wanted) != 1:
        raise UsageError("--weights is of one cell: choose --models, --splits and --seeds for it")
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


def _data(args: argparse.Namespace) -> Any:
    """Read the data once in each process."""
    from benchmarks.quality.tasks import Data

    if "data" not in _LOADED:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # files of types that are not there
            _LOADED["data"] = Data(args.data, args.results / "keys")
    return _LOADED["data"]


def one(job: Any, args: argparse.Namespace) -> bool:
    """Make one cell and tell of it; True if it failed."""
    import torch
    from benchmarks.quality.cells import make

    from vqrna.studies import CellStore

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
    except Exception as error:  # the others may still be made; the reason is kept with the run
        print(f"{name}: failed: {error}", file=sys.stderr, flush=True)
        return True
    auroc = [
        row["auroc"]["value"]
        for row in cell.scores
        if row["windows"] == "all" and row["modification"] == "mean9"
    ]
    told = f", mean AUROC of nine {auroc[0]:.4f}" if auroc else ""
    print(f"{name}{told} ({cell.seconds:,.0f} s)", flush=True)
    return False


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


if __name__ == "__main__":
    sys.exit(main())
