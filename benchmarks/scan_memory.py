"""Memory of scans, which does not grow with the input.

Each input is scanned by `vqrna predict` in a process of its own, whose peak resident memory is
measured. One long record of 1, 3 and 10 Mnt goes through the shipped network. Through the whole
path from FASTA to files, but with a stub in place of the network, go 300 Mnt in one record, 300 Mnt
in 100,000 records, and a million records of 100 nt.

Run: ``make benchmark-memory`` (about half an hour on one core; ``--only 1 2`` picks inputs, and the
others keep what was measured before). Writes ``benchmarks/results/scan_memory.json``.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.kept import MEASURED, keep, measured_now
from benchmarks.pages import update

RESULTS = Path(__file__).with_name("results") / "scan_memory.json"
LIMIT_MB = 1500

CHILD = """
import dataclasses, json, pathlib, resource, sys
import numpy as np
from vqrna.cli import main
import vqrna.model.weights
from vqrna.model import Scanned, TrainedModel

class Stub(TrainedModel):
    # Logits of one position in 5,000 are high: some 100 calls a unit are kept and written.
    def scan_batch(self, tokens, precision="float32", *, letters_only=False):
        logits = np.full((len(tokens), tokens.shape[1] - self.length + 1, 11), -6.0)
        logits[:, ::4999] = 8.0
        return Scanned(logits, np.zeros(logits.shape[:2], bool))

if {stub}:
    real = vqrna.model.weights.load_model
    def load(*arguments):
        model = real(*arguments)
        return Stub(**{{f.name: getattr(model, f.name) for f in dataclasses.fields(model)}})
    vqrna.model.weights.load_model = load
code = main({arguments!r})
status = pathlib.Path("/proc/self/status")
if status.exists():  # ru_maxrss includes the process before exec
    peak = next(int(x.split()[1]) for x in status.open() if x.startswith("VmHWM")) / 1024
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print("PEAK", json.dumps({{"mb": round(peak), "code": code}}))
"""


def letters(generator: np.random.Generator, count: int) -> bytes:
    """Draw random sequence."""
    return np.frombuffer(b"ACGU", np.uint8)[generator.integers(0, 4, count)].tobytes()


def records(generator: np.random.Generator, count: int, length: int) -> Iterator[bytes]:
    """Write records of equal length, a million letters at a time."""
    for number in range(count):
        yield b">r%d\n" % number
        for start in range(0, length, 1 << 20):
            yield letters(generator, min(1 << 20, length - start)) + b"\n"


def measure(folder: Path, name: str, count: int, length: int, *, stub: bool, packed: bool) -> dict:
    """Scan random records; return peak memory and speed."""
    generator = np.random.default_rng(0)
    fasta = folder / ("in.fa.gz" if packed else "in.fa")
    with gzip.open(fasta, "wb", compresslevel=1) if packed else fasta.open("wb") as file:
        for block in records(generator, count, length):
            file.write(block)
    out = folder / "out"
    arguments = ["predict", str(fasta), "--out", str(out), "--jobs", "1", "--device", "cpu"]
    arguments += ["--format", "tsv,parquet,bed,bedrmod,bedgraph,bigwig"]
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", CHILD.format(stub=stub, arguments=arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - begun
    lines = [line for line in done.stdout.splitlines() if line.startswith("PEAK ")]
    if not lines or json.loads(lines[0][5:])["code"]:
        sys.exit(f"{name} failed:\n{done.stderr[-3000:]}")
    peak = json.loads(lines[0][5:])["mb"]
    subprocess.run(["rm", "-rf", str(out), str(fasta)], check=True)
    row: dict[str, Any] = {
        "input": name,
        "network": "stub" if stub else "shipped",
        "records": count,
        "nt": count * length,
        "peak_mb": peak,
        "seconds": round(seconds, 1),
        "knt_per_s": round(count * length / seconds / 1000, 1),
        MEASURED: measured_now(),
    }
    print(
        f"{name:<34} {row['network']:<8} {row['nt']:>12,} nt  peak {peak:>5} MB  "
        f"{seconds:>7.1f} s  {row['knt_per_s']:>8,.1f} knt/s",
        flush=True,
    )
    return row


def table(measured: dict) -> str:
    """Return the table of peak memory as Markdown; speeds depend on the load of the machine."""
    lines = ["| input | network | peak memory, MB |", "|---|---|---|"]
    for row in measured["rows"]:
        lines.append(f"| {row['input']} | {row['network']} | {row['peak_mb']:,} |")
    return "\n".join(lines)


INPUTS = (
    ("one record, 1 Mnt", 1, 10**6, False, False),
    ("one record, 3 Mnt", 1, 3 * 10**6, False, False),
    ("one record, 10 Mnt", 1, 10**7, False, True),
    ("one record, 300 Mnt", 1, 3 * 10**8, True, False),
    ("100,000 records of 3 knt", 10**5, 3000, True, False),
    ("1,000,000 records of 100 nt, gzip", 10**6, 100, True, True),
)
"""Name, records, nt of each, whether a stub replaces the network, whether it is compressed."""


def main() -> None:
    """Measure inputs and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", type=int, nargs="*", help="numbers of inputs, from 1")
    numbers = parser.parse_args().only or range(1, len(INPUTS) + 1)
    for number in numbers:
        name, count, length, stub, packed = INPUTS[number - 1]
        with tempfile.TemporaryDirectory() as folder:
            row = measure(Path(folder), name, count, length, stub=stub, packed=packed)
        kept = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else []
        by_name = {each["input"]: each for each in kept} | {name: row}
        rows = [by_name[each[0]] for each in INPUTS if each[0] in by_name]
        keep(RESULTS, {"limit_mb": LIMIT_MB, "rows": rows})
    update("memory")
    sys.exit(max(row["peak_mb"] for row in rows) > LIMIT_MB)


if __name__ == "__main__":
    main()
