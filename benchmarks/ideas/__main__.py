"""Measure each idea in a short training, and write their table.

Networks are trained and measured as in the benchmark of quality, on the public split: one for each
idea, and a control. Run by ``make benchmark-ideas``. Finished cells are kept in ``results/ideas``
and never made again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from benchmarks.quality.__main__ import at_least_one, parsed, seeds

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "ideas"
QUALITY = ROOT / "benchmarks" / "results" / "quality"
RUNS = ROOT / "runs" / "ideas"
PAGE = ROOT / "docs" / "experiments.md"


def parser() -> argparse.ArgumentParser:
    """Return the argument parser."""
    from benchmarks.ideas.catalogue import NAMES

    p = argparse.ArgumentParser(prog="python -m benchmarks.ideas", description=__doc__)
    p.add_argument("data", nargs="?", help="folder with train/ and valid/ (or VQRNA_DATA)")
    p.add_argument("--ideas", default=",".join(NAMES), help=f"of: {', '.join(NAMES)}")
    p.add_argument("--seeds", type=seeds, default=(0,), help="default: 0")
    p.add_argument("--threads", type=at_least_one, default=1, help="of torch (default: 1)")
    p.add_argument("--table", action="store_true", help="only write the table from kept cells")
    p.add_argument("--results", type=Path, default=RESULTS, help=argparse.SUPPRESS)
    p.add_argument("--runs", type=Path, default=RUNS, help=argparse.SUPPRESS)
    return p


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the missing cells, then the table."""
    from benchmarks.ideas.table import write_table

    from vqrna.errors import VqrnaError

    args = parsed(parser(), arguments)
    try:
        wanted = chosen(args.ideas.split(","))
        failed = 0 if args.table else work(args, wanted)
        write_table(args.results, QUALITY, PAGE)
    except VqrnaError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return int(failed > 0)


def chosen(names: Sequence[str]) -> list[str]:
    """Return the requested ideas, each after its control."""
    from benchmarks.ideas.catalogue import NAMES, idea

    listed = [n for name in names for n in (idea(name).control, name) if n in NAMES]
    return list(dict.fromkeys(listed))


def work(args: argparse.Namespace, names: Sequence[str]) -> int:
    """Train and measure the missing cells; return the number of failures."""
    import torch
    from benchmarks.ideas.catalogue import idea
    from benchmarks.quality.cells import Job, make
    from benchmarks.quality.tasks import PUBLIC, Data

    from vqrna.errors import VqrnaError
    from vqrna.studies import CellStore

    torch.set_num_threads(args.threads)
    data = Data(args.data, QUALITY / "keys")
    task = data.task(PUBLIC)
    failed = 0
    for seed, name in product(args.seeds, names):
        job = Job(idea(name).spec, PUBLIC, seed, data.symbols)
        command = f"python -m benchmarks.ideas DATA --ideas {name} --seeds {seed}"
        store = CellStore(args.results)
        try:
            cell = make(job, task, data.name, store, args.runs, command=command, show_progress=True)
            print(f"{name}, seed {seed}: {cell.seconds:,.0f} s", flush=True)
        except VqrnaError as error:  # other cells may succeed
            print(f"{name}, seed {seed}: failed: {error}", file=sys.stderr, flush=True)
            failed += 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
