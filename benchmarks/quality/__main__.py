"""Train and measure the models of the benchmark, cell by cell, and write the table.

Run by ``make benchmark-quality``. Finished cells are kept in ``results/quality`` and never made
twice, so a benchmark may be made in pieces, on several days and machines.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "quality"
RUNS = ROOT / "runs" / "quality"
PAGE = ROOT / "docs" / "quality.md"
PICTURE = ROOT / "docs" / "images" / "quality.png"


def seeds(text: str) -> tuple[int, ...]:
    """Read whole numbers with commas between them."""
    try:
        found = tuple(int(part) for part in text.split(","))
    except ValueError:
        found = (-1,)
    if min(found) < 0:
        raise argparse.ArgumentTypeError(f"'{text}' is no list of seeds such as 0,1,2")
    return found


def at_least_one(text: str) -> int:
    """Read a whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number from 1")
    return int(text)


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
    p.add_argument("--seeds", type=seeds, default=(0, 1, 2), help="default: 0,1,2")
    p.add_argument(
        "--splits",
        default=",".join(SPLITS),
        help=f"of: {', '.join(SPLITS)}; 'folds' stands for all folds",
    )
    p.add_argument("--epochs", type=at_least_one, help="at most so many, in place of the preset's")
    p.add_argument("--jobs", type=at_least_one, default=1, help="cells at a time (default: 1)")
    p.add_argument(
        "--threads", type=at_least_one, default=1, help="of torch, for each cell (default: 1)"
    )
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
    p.add_argument("--results", type=Path, default=RESULTS, help=argparse.SUPPRESS)
    p.add_argument("--runs", type=Path, default=RUNS, help=argparse.SUPPRESS)
    return p


def parsed(p: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse arguments; the data are named or set, if more than the table is wanted."""
    args = p.parse_args(arguments)
    args.data = args.data or os.environ.get("VQRNA_DATA")
    if not args.data and not args.table:
        p.error("name the folder of the data, or set VQRNA_DATA")
    return args


def main(arguments: Sequence[str] | None = None) -> int:
    """Make what is missing, then the table."""
    from benchmarks.quality.work import work

    from vqrna.errors import VqrnaError

    args = parsed(parser(), arguments)
    args.command = told(sys.argv[1:] if arguments is None else arguments, args)
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


def told(arguments: Sequence[str], args: argparse.Namespace) -> str:
    """Write the command as a cell keeps it: places of this machine by what they are for."""
    places = {str(args.data): "DATA", str(args.results): "RESULTS", str(args.runs): "RUNS"}
    places[str(args.weights)] = "WEIGHTS"
    words = [places.get(word, word) for word in arguments]
    return shlex.join(["python", "-m", "benchmarks.quality", *words])


def write_all(args: argparse.Namespace) -> int:
    """Write tables and picture from the kept cells; the pages tell of the kept ones alone."""
    from benchmarks.quality.report import write_report

    if args.results.resolve() != RESULTS:
        print(f"cells are in {args.results}; pages and picture are left as they are")
        return 0
    for path in write_report(args.results, PAGE, PICTURE):
        print(f"wrote {path.relative_to(ROOT) if path.is_relative_to(ROOT) else path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
