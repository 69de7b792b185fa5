"""Speed of `vqrna variants`, and of evaluating both whole windows around every affected position.

An allele changes the windows of all positions up to half a window away. The plain way evaluates
each of these windows of the reference and of the edited sequence with the network. Both ways are
measured alternately in one run, on the same random substitutions, on one core; processor time is
used, since the machine may be shared. A whole run of the command is measured, too. Run by
``make benchmark-variants``.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.kept import keep_measured
from benchmarks.pages import update

from vqrna import __version__
from vqrna.data.text_files import open_text
from vqrna.model import Model
from vqrna.model.edited import EditedScan, TokenEdit
from vqrna.model.weights import load_model
from vqrna.sequence import centre, decode
from vqrna.variation import make_variant_settings, open_tracks, open_vcf
from vqrna.variation.scoring import score_records

ROUNDS = 5
OURS, PLAIN = 250, 1
"""Substitutions that each way evaluates in a round."""

DENSITY = 50
"""Nucleotides of the genome for each substitution."""

RUN = 100_000
"""Substitutions of the whole run, on a genome of 5 Mb; fewer if the command line has a number."""

JOBS = 2
BATCH = 256

RESULTS = Path(__file__).parent / "results" / "variant_speed.json"


def write_inputs(folder: Path, count: int, seed: int = 0) -> tuple[Path, Path, np.ndarray]:
    """Write a random genome and a VCF with `count` substitutions; return also the tokens."""
    rng = np.random.default_rng(seed)
    tokens = rng.integers(0, 4, count * DENSITY).astype(np.uint8)
    letters = decode(tokens).replace("U", "T")
    genome, vcf = folder / "genome.fa", folder / "variants.vcf"
    lines = [letters[i : i + 80] for i in range(0, len(letters), 80)]
    genome.write_text(">chr1\n" + "\n".join(lines) + "\n", encoding="ascii")
    places = np.sort(rng.choice(len(letters), count, replace=False))
    shifts = rng.integers(1, 4, count)
    with vcf.open("w", encoding="ascii") as file:
        file.write("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
        for at, shift in zip(places.tolist(), shifts.tolist(), strict=True):
            alt = "ACGT"[("ACGT".index(letters[at]) + shift) % 4]
            file.write(f"chr1\t{at + 1}\t.\t{letters[at]}\t{alt}\t.\t.\t.\n")
    return genome, vcf, tokens


def whole_windows(model: Model, tokens: np.ndarray, at: int, base: int) -> tuple[Any, Any]:
    """Return the logits of all windows with a position, for both of its bases."""
    edited = tokens.copy()
    edited[at] = base
    each = []
    for sequence in (tokens, edited):
        around = sequence[at - model.length + 1 : at + model.length]
        windows = np.lib.stride_tricks.sliding_window_view(around, model.length)
        batches = [windows[i : i + BATCH] for i in range(0, len(windows), BATCH)]
        each.append(np.concatenate([model.logits(batch) for batch in batches]))
    return each[0], each[1]


def measure(run: int = RUN) -> dict[str, Any]:
    """Return medians of `ROUNDS` alternating measurements, and those of a whole run."""
    model = load_model(None, "cpu")
    settings = make_variant_settings(model.modifications, null_variants=0)
    ours, plain, worst = [], [], 0.0
    with tempfile.TemporaryDirectory() as folder:
        genome, vcf, tokens = write_inputs(Path(folder), OURS * (ROUNDS + 1))
        source = open_tracks(settings.modifications, fasta=genome)
        with open_vcf(vcf) as file:
            records = list(file.records())
        score_records(records[:OURS], source, model, settings)  # first use
        rng = np.random.default_rng(1)
        for n in range(ROUNDS):
            start = time.process_time()
            score_records(records[OURS * (n + 1) :][:OURS], source, model, settings)
            ours.append((time.process_time() - start) / OURS)
            took = 0.0
            for _ in range(PLAIN):
                at = int(rng.integers(2 * model.length, len(tokens) - 2 * model.length))
                base = (int(tokens[at]) + 1) % 4
                start = time.process_time()
                before, after = whole_windows(model, tokens, at, base)
                took += time.process_time() - start
                worst = max(worst, difference(model, tokens, at, base, before, after))
            plain.append(2 * took / PLAIN)  # both strands
    return {
        "vqrna": __version__,
        "plain_seconds": round(statistics.median(plain), 3),
        "ours_seconds": round(statistics.median(ours), 5),
        "ratio": round(statistics.median(a / b for a, b in zip(plain, ours, strict=True)), 1),
        "ratios": [round(a / b, 1) for a, b in zip(plain, ours, strict=True)],
        "largest_difference": worst,
        "run": whole_run(run),
    }


def difference(
    model: Model, tokens: np.ndarray, at: int, base: int, before: np.ndarray, after: np.ndarray
) -> float:
    """Return the largest difference of a logit between both ways."""
    length, half = model.length, centre(model.length)
    scan = EditedScan(model, tokens[at - 2 * length : at + 2 * length])
    place = 2 * length
    edit = TokenEdit(place, place + 1, np.array([base], dtype=np.uint8))
    (edited,) = scan.edit([edit])
    reference = scan.logits[place - 2 * half : place + 1]
    return float(max(np.abs(reference - before).max(), np.abs(edited - after).max()))


def whole_run(count: int) -> dict[str, Any]:
    """Measure the command with its defaults on `count` substitutions, both strands."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        genome, vcf, _ = write_inputs(folder, count)
        command = [sys.executable, "-m", "vqrna", "variants", str(vcf), "--fasta", str(genome)]
        command += ["--out", str(folder / "out"), "--jobs", str(JOBS), "--device", "cpu"]
        start = time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        elapsed = time.monotonic() - start
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        with open_text(folder / "out" / "variants.tsv") as lines:
            effects = sum(1 for _ in lines) - 1
    return {
        "records": count,
        "nt": count * DENSITY,
        "effects": effects,
        "jobs": JOBS,
        "cores": os.cpu_count(),
        "minutes": round(elapsed / 60, 1),
        "processor_minutes": round((used.ru_utime + used.ru_stime) / 60, 1),
        "peak_mib": round(used.ru_maxrss / 1024),
    }


def table(measured: dict[str, Any]) -> str:
    """Return the table as Markdown."""
    run = measured["run"]
    return "\n".join([
        "| substitutions on both strands, one core | each | per second |",
        "|---|---|---|",
        f"| both whole windows around every affected position | {measured['plain_seconds']:.2f} s "
        f"| {1 / measured['plain_seconds']:.2f} |",
        f"| `vqrna variants`, the same numbers | {1000 * measured['ours_seconds']:.1f} ms: "
        f"{measured['ratio']:.0f} times as fast | {1 / measured['ours_seconds']:.0f} |",
        "",
        f"A whole run, p-values and files included: {run['records']:,} SNVs on a genome of "
        f"{run['nt'] / 1e6:.0f} Mb take {run['processor_minutes']:.1f} minutes of processor time "
        f"({run['processor_minutes'] / run['jobs']:.0f} minutes on {run['jobs']} cores) and "
        f"{run['peak_mib']:,} MiB of memory.",
    ])  # fmt: skip


if __name__ == "__main__":
    torch.set_num_threads(1)
    keep_measured(RESULTS, measure(int(sys.argv[1]) if sys.argv[1:] else RUN))
    update("variant speed", "summary")
