"""Try ideas, one by one, in a short training each, and write their table.

Trained and measured as in the benchmark of quality, on the public split: a network for each idea
and one as it is. Run by ``make benchmark-ideas``. What is finished is kept in ``results/ideas``
and not made again.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "ideas"
QUALITY = ROOT / "benchmarks" / "results" / "quality"
RUNS = ROOT / "runs" / "ideas"
PAGE = ROOT / "docs" / "experiments.md"


def parser() -> argparse.ArgumentParser:
    """Describe the arguments."""
    from benchmarks.ideas.catalogue import NAMES

    p = argparse.ArgumentParser(prog="python -m benchmarks.ideas", description=__doc__)
    p.add_argument("data", nargs="?", help="folder with train/ and valid/ (or VQRNA_DATA)")
    p.add_argument("--ideas", default=",".join(NAMES), help=f"of: {', '.join(NAMES)}")
    p.add_argument("--seeds", default="0", help="default: %(default)s")
    p.add_argument("--threads", type=int, default=1, help="of torch (default: 1)")
    p.add_argument("--table", action="store_true", help="only write the table from what is kept")
    p.add_argument("--results", type=Path, default=RESULTS, help=argparse.SUPPRESS)
    p.add_argument("--runs", type=Path, default=RUNS, help=argparse.SUPPRESS)
    return p


def main(arguments: Sequence[str] | None = None) -> int:
    """Make what is missing, then the table."""
    from benchmarks.ideas.table import write_table

    from vqrna.errors import VqrnaError

    p = parser()
    args = p.parse_args(arguments)
    args.data = args.data or os.environ.get("VQRNA_DATA")
    if not args.data and not args.table:
        p.error("name the folder of the data, or set VQRNA_DATA")
    try:
        if not args.table:
            work(args)
        write_table(args.results, QUALITY, PAGE)
    except VqrnaError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def work(args: argparse.Namespace) -> None:
    """Train and measure what is not kept yet."""
    import torch
    from benchmarks.ideas.catalogue import idea
    from benchmarks.quality.cells import Job, make
    from benchmarks.quality.tasks import PUBLIC, Data

    from vqrna.studies import CellStore

    torch.set_num_threads(args.threads)
    specs = [idea(name).spec for name in args.ideas.split(",")]
    data = Data(args.data, QUALITY / "keys")
    task = data.task(PUBLIC)
    for seed in map(int, args.seeds.split(",")):
        for spec in specs:
            job = Job(spec, PUBLIC, seed, data.symbols)
            command = f"python -m benchmarks.ideas DATA --ideas {spec.name} --seeds {seed}"
            store = CellStore(args.results)
            cell = make(job, task, data.name, store, args.runs, command=command, show_progress=True)
            print(f"{spec.name}, seed {seed}: {cell.seconds:,.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
