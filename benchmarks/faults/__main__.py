"""``python -m benchmarks.faults [--count N] [COMMAND ...]``: faults during the main commands."""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from benchmarks.faults import disturbances as other
from benchmarks.faults.commands import COMMANDS, Command, make_inputs
from benchmarks.faults.kills import Reference, Tally, kill_runs, reference
from benchmarks.faults_table import FAULTS, RESULTS, table
from benchmarks.kept import keep, read_results
from benchmarks.pages import update

PARTS = {
    "predict": ".vqrna-parts-*/*.part",
    "predict, shards and join": ".vqrna-parts-*/*.part",
    "predict, genome": ".vqrna-parts-*/*.part",
    "train": "checkpoint.safetensors",
    "tune": "study.db",
}
"""Kept files of interrupted runs."""


def tallies(
    folder: Path, command: Command, expected: Reference, count: int
) -> dict[str, Callable[[], Tally]]:
    """Return what there is to try with a command, by fault."""
    rng = random.Random(command.name)
    some = max(2, count // 10)
    each: dict[str, Callable[[], Tally]] = {
        "kill -9": lambda: kill_runs(folder, command, expected, count, rng),
        "full disk": lambda: other.full_disk(folder, command, expected, some, rng),
        "read-only folder": lambda: other.read_only(folder, command, expected),
        "two writers": lambda: other.two_writers(folder, command, expected, some, rng),
        "closed streams": lambda: other.closed_streams(folder, command, expected),
    }
    if command.name in PARTS:
        pattern = PARTS[command.name]
        each["damaged parts"] = lambda: other.damaged_parts(folder, command, expected, pattern, rng)
    if "--model" in command.steps[0]:
        each["damaged weights"] = lambda: other.damaged_model(folder, command, rng)
    return each


def main(arguments: list[str]) -> int:
    """Try all faults that have no kept result of this count yet; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--count", type=int, default=50, help="kills of each command")
    parser.add_argument("--faults", nargs="*", default=FAULTS, metavar="FAULT", choices=FAULTS)
    parser.add_argument("--again", action="store_true", help="ignore kept results")
    parser.add_argument("--keep", action="store_true", help="write results and docs")
    parser.add_argument("commands", nargs="*", metavar="COMMAND")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    results = read_results(RESULTS) if RESULTS.exists() and not options.again else {}
    folder = Path(tempfile.mkdtemp(prefix="vqrna-faults-"))
    folder.chmod(0o755)
    make_inputs(folder)
    lost = 0
    for command in COMMANDS:
        if options.commands and command.name not in options.commands:
            continue
        expected = None
        for fault in FAULTS:
            name = f"{fault}: {command.name}"
            row = results.get(name, {"tried": 0, "lost": 0, "count": 0})
            if fault not in options.faults or (row["count"] >= options.count and not row["lost"]):
                continue
            expected = expected or reference(folder, command)
            run = tallies(folder, command, expected, options.count).get(fault)
            if run is None:
                continue
            tally = run()
            lost += tally.lost
            print(f"{name}: {tally.tried} tried, {tally.lost} lost {tally.reasons[:3]}", flush=True)
            results[name] = tally.to_dict() | {"count": options.count, "commit": commit}
            if options.keep:
                order = [f"{fault}: {each.name}" for fault in FAULTS for each in COMMANDS]
                keep(RESULTS, {key: results[key] for key in order if key in results})
    if options.keep:
        update("faults")
    print(table(results))
    if lost:
        print(f"lost runs: {folder}/lost")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return int(lost > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
