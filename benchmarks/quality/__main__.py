"""Train and measure the models of the benchmark, cell by cell, and write the table.

Run by ``make benchmark-quality``. Finished cells are kept in ``results/quality`` and never made
again, so the benchmark can run in pieces, on several days and machines.
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
    """Parse integers with commas between them."""
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        numbers = (-1,)
    if min(numbers) < 0:
        raise argparse.ArgumentTypeError(
            f"invalid list of seeds '{text}' (expected for example 0,1,2)"
        )
    return numbers


def at_least_one(text: str) -> int:
    """Parse an integer from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"invalid number '{text}' (expected an integer from 1)")
    return int(text)


def parser() -> argparse.ArgumentParser:
    """Return the argument parser."""
    from benchmarks.quality.models import BASELINES, NAMES
    from benchmarks.quality.tasks import SPLITS

    p = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    p.add_argument("data", nargs="?", help="folder with train/ and valid/ (or VQRNA_DATA)")
    p.add_argument(
        "--models",
        default=",".join(NAMES),
        help=f"of: {', '.join(NAMES)}; 'baselines' means {', '.join(BASELINES)}",
    )
    p.add_argument("--types", help="symbols; all if not given (joint networks learn all anyway)")
    p.add_argument("--seeds", type=seeds, default=(0, 1, 2), help="default: 0,1,2")
    p.add_argument(
        "--splits",
        default=",".join(SPLITS),
        help=f"of: {', '.join(SPLITS)}; 'folds' means all folds",
    )
    p.add_argument(
        "--epochs", type=at_least_one, help="maximal number, in place of that of the preset"
    )
    p.add_argument("--jobs", type=at_least_one, default=1, help="cells at a time (default: 1)")
    p.add_argument(
        "--threads", type=at_least_one, default=1, help="of torch, for each cell (default: 1)"
    )
    p.add_argument("--device", default="cpu", help="default: cpu")
    p.add_argument(
        "--plan", action="store_true", help="only list the finished and the missing cells"
    )
    p.add_argument(
        "--table", action="store_true", help="only write table and picture, from the kept cells"
    )
    p.add_argument("--weights", type=Path, help="an already trained network, for a single cell")
    p.add_argument("--results", type=Path, default=RESULTS, help=argparse.SUPPRESS)
    p.add_argument("--runs", type=Path, default=RUNS, help=argparse.SUPPRESS)
    return p


def parsed(p: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse arguments; only ``--table`` needs no data."""
    args = p.parse_args(arguments)
    args.data = args.data or os.environ.get("VQRNA_DATA")
    if not args.data and not args.table:
        p.error("name the folder of the data, or set VQRNA_DATA")
    return args


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the missing cells, then the table."""
    from benchmarks.quality.work import work

    from vqrna.errors import VqrnaError

    args = parsed(parser(), arguments)
    args.command = portable_command(sys.argv[1:] if arguments is None else arguments, args)
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


def portable_command(arguments: Sequence[str], args: argparse.Namespace) -> str:
    """Return the command with names in place of the paths of this machine."""
    places = {str(args.data): "DATA", str(args.results): "RESULTS", str(args.runs): "RUNS"}
    places[str(args.weights)] = "WEIGHTS"
    words = [places.get(word, word) for word in arguments]
    return shlex.join(["python", "-m", "benchmarks.quality", *words])


def write_all(args: argparse.Namespace) -> int:
    """Write tables and picture from the cells in the repository, not from others."""
    from benchmarks.quality.report import write_report

    if args.results.resolve() != RESULTS:
        print(f"cells are in {args.results}; pages and picture are not changed")
        return 0
    for path in write_report(args.results, PAGE, PICTURE):
        print(f"wrote {path.relative_to(ROOT) if path.is_relative_to(ROOT) else path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
