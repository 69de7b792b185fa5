"""``python -m tests.fuzz [--count N] [READER ...]``, or ``show READER N`` for one document."""

from __future__ import annotations

import argparse
import subprocess
import sys

from benchmarks.fuzz_table import RESULTS, table
from benchmarks.kept import keep, read_results
from benchmarks.pages import update
from tests.fuzz.readers import READERS
from tests.fuzz.run import Tally, run_isolated, show, warm_up

CHUNK = 2500


def main(arguments: list[str]) -> int:
    """Run the readers that have no kept result of this count yet; return the exit code."""
    if arguments[:1] == ["show"]:
        show(arguments[1], int(arguments[2]))
        return 0
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="documents for each reader")
    parser.add_argument("--again", action="store_true", help="ignore kept results")
    parser.add_argument("--keep", action="store_true", help="write results and docs")
    parser.add_argument("readers", nargs="*", metavar="READER", help=", ".join(READERS))
    options = parser.parse_args(arguments)
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    results = read_results(RESULTS) if RESULTS.exists() else {}
    failed = False
    for name in options.readers or READERS:
        kept = results.get(name, {})
        if not options.again and kept.get("inputs", 0) >= options.count and not kept["failures"]:
            continue
        warm_up(name)
        tally = Tally()
        for start in range(0, options.count, CHUNK):
            tally.add(run_isolated(name, range(start, min(start + CHUNK, options.count))))
        print(
            f"{name}: {tally.inputs} inputs, {tally.accepted} accepted, {tally.rejected} rejected, "
            f"{len(tally.failures)} failures, slowest {tally.slowest:.2f} s, "
            f"peak {tally.peak:.0f} MB, {tally.seconds:.0f} CPU s",
            flush=True,
        )
        reasons: dict[str, list[int]] = {}
        for number, reason in tally.failures:
            reasons.setdefault(reason[:90], []).append(number)
        for reason, numbers in sorted(reasons.items(), key=lambda item: -len(item[1]))[:20]:
            print(f"  {len(numbers)} x {reason} (such as {numbers[0]})", flush=True)
        failed = failed or bool(tally.failures)
        results = read_results(RESULTS) if RESULTS.exists() and options.keep else results
        results[name] = {
            "commit": commit,
            "oracle": READERS[name].oracle,
            "inputs": tally.inputs,
            "accepted": tally.accepted,
            "rejected": tally.rejected,
            "failures": len(tally.failures),
            "slowest_s": round(tally.slowest, 3),
            "peak_mb": round(tally.peak, 1),
        }
        if options.keep:
            keep(RESULTS, {name: results[name] for name in READERS if name in results})
    if options.keep:
        update("fuzz")
    else:
        print(table(results))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
