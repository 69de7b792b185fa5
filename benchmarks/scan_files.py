"""Time to start, speed of scans from file to file as a share of the engine's, and many records.

Part of ``make benchmark-scan``. A share is one of processor time, measured in one run with one
thread, so that it means the same on a busy machine; seconds on the wall are the least of several
runs.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.kept import keep_measured
from benchmarks.pages import update

from vqrna.model import TrainedModel
from vqrna.model.weights import load_model
from vqrna.sequence import decode

RECORDS, LENGTH = 10, 1_000_000
"""Number and length of the records of the scanned file."""

MANY = {
    "1,000,000 of 5 nt": (1_000_000, 5, 5),
    "10,000 of 12 to 30 nt": (10_000, 12, 30),
    "5,000 of 31 to 100 nt": (5_000, 31, 100),
}
"""Number, and shortest and longest length, of random records by their row in the table."""

PREDICT = ("predict", "--device", "cpu", "--jobs", "1", "--fresh", "--out")

STARTS = 5
"""Runs of each command whose start is measured."""

RESULTS = Path(__file__).parent / "results" / "scan_files.json"

WRITTEN = {
    "TSV of called sites": ("--format", "tsv"),
    "Parquet of called sites": ("--format", "parquet"),
    "Parquet of all candidate sites": ("--format", "parquet", "--all-sites"),
}
"""Options of ``vqrna predict`` by their row in the table."""


@dataclass(frozen=True)
class Time:
    """Elapsed and processor time."""

    wall: float  # s
    cpu: float  # s, of all threads


def run(*arguments: str) -> Time:
    """Run ``vqrna ARGUMENTS`` on one thread and return its time.

    Raises
    ------
    subprocess.CalledProcessError
        If it fails.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "vqrna", *arguments],
        check=True,
        capture_output=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Time(round(wall, 2), round(cpu, 2))


def fastest(*arguments: str) -> Time:
    """Return the least wall and processor time of `STARTS` runs."""
    times = [run(*arguments) for _ in range(STARTS)]
    return Time(min(t.wall for t in times), min(t.cpu for t in times))


def engine(model: TrainedModel, records: list[np.ndarray]) -> Time:
    """Scan sequences in memory, without calls and files."""
    wall, cpu = time.perf_counter(), time.process_time()
    for tokens in records:
        model.scan(tokens)
    return Time(round(time.perf_counter() - wall, 1), round(time.process_time() - cpu, 1))


def write_records(path: Path, count: int, shortest: int, longest: int) -> None:
    """Write random records."""
    rng = np.random.default_rng(1)
    lengths = rng.integers(shortest, longest + 1, count)
    text = decode(rng.integers(0, 4, int(lengths.sum())).astype(np.uint8))
    ends = np.cumsum(lengths).tolist()
    with path.open("w", encoding="ascii") as file:
        for number, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
            file.write(f">record{number}\n{text[start:end]}\n")


def measure(records: int = RECORDS, length: int = LENGTH) -> dict[str, Any]:
    """Return times of starts, of the engine, and of ``vqrna predict`` on the same sequences."""
    torch.set_num_threads(1)
    model = load_model(device="cpu")
    assert isinstance(model, TrainedModel)
    rng = np.random.default_rng(0)
    sequences = [rng.integers(0, 4, length).astype(np.uint8) for _ in range(records)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        short, long = folder / "short.fa", folder / "long.fa"
        short.write_text(f">short\n{decode(sequences[0][:100])}\n", encoding="ascii")
        with long.open("w", encoding="ascii") as file:
            for number, tokens in enumerate(sequences):
                file.write(f">record{number}\n{decode(tokens)}\n")
        predict = (*PREDICT, name)
        starts = {
            "vqrna --help": fastest("--help"),
            "vqrna predict, one RNA of 100 nt": fastest(*predict, str(short)),
        }
        # The engine before and after, since a processor may become slower meanwhile
        engines = [engine(model, sequences)]
        files = {row: run(*predict, *options, str(long)) for row, options in WRITTEN.items()}
        engines.append(engine(model, sequences))
    return {
        "model": model.hash,
        "nt": records * length,
        "load_average": round(os.getloadavg()[0], 2),
        "starts": {name: asdict(each) for name, each in starts.items()},
        "engine": [asdict(each) for each in engines],
        "files": {name: asdict(each) for name, each in files.items()},
        "many": measure_records(),
    }


def measure_records() -> dict[str, Any]:
    """Return times of ``vqrna predict`` on many short records."""
    many = {}
    with tempfile.TemporaryDirectory() as name:
        fasta = Path(name) / "many.fa"
        for row, sizes in MANY.items():
            write_records(fasta, *sizes)
            many[row] = {"records": sizes[0], **asdict(run(*PREDICT, name, str(fasta)))}
    return many


def table(measured: dict[str, Any]) -> str:
    """Return the tables as Markdown."""
    cpu = sum(each["cpu"] for each in measured["engine"]) / len(measured["engine"])
    lines = ["| start | seconds | processor time, s |", "|---|---|---|"]
    for name, each in measured["starts"].items():
        lines.append(f"| `{name}` | {each['wall']:.2f} | {each['cpu']:.2f} |")
    million = measured["nt"] / 1e6
    lines += [
        "",
        f"| {million:g} million nt, one thread | processor time, s | speed, of the engine's |",
        "|---|---|---|",
        f"| engine: sequences in memory, no calls | {cpu:.0f} | 100% |",
    ]
    for name, each in measured["files"].items():
        lines.append(
            f"| `vqrna predict`: {name}, with start | {each['cpu']:.0f} | {cpu / each['cpu']:.0%} |"
        )
    if "many" in measured:
        lines += [
            "",
            "| random records, one thread | records per second of processor time, start included |",
            "|---|---|",
        ]
    for name, each in measured.get("many", {}).items():
        lines.append(f"| {name} | {each['records'] / each['cpu']:,.0f} |")
    if measured["load_average"] > 1.5:
        lines += [
            "",
            f"Other processes were running (load average {measured['load_average']:.1f}): seconds "
            "are too long, shares of processor time are comparable.",
        ]
    return "\n".join(lines)


def main() -> None:
    """Measure, keep, and update the page; ``records`` measures many short records only."""
    if sys.argv[1:] == ["records"]:
        kept = json.loads(RESULTS.read_text(encoding="utf-8"))
        keep_measured(RESULTS, kept | {"many": measure_records()})
    else:
        keep_measured(RESULTS, measure(*map(int, sys.argv[1:])))
    update("scan files")


if __name__ == "__main__":
    main()
