"""Time of scans of whole transcriptomes on cores, GPUs and clusters, from measured speeds.

The speed of the network is that of ``results/scan_speed.json`` (``make benchmark-scan``).
``--measure`` measures how much longer a whole scan takes: reading, the context around short
sequences, calls and files. It counts processor time, so a busy machine does little harm, and keeps
the result in ``results/scan_cost.json``. ``--nt MILLIONS`` prices another input.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.kept import keep_measured, read_results
from benchmarks.pages import update

RESULTS = Path(__file__).parent / "results" / "scan_cost.json"
SPEED = Path(__file__).parent / "results" / "scan_speed.json"

ROUNDS = 3
NT = 300_000
"""Nt of each measured input."""

MEDIAN, SPREAD = 1000, 0.9
"""Transcripts: median nt, and standard deviation of the logarithm."""

MEAN = 1500
"""Mean nt of these transcripts."""

EXON, APART = 150, 3000
"""Exons: median nt, and nt between two starts."""

WORK = (
    ("human transcripts (protein-coding and lncRNA)", 400e6, "transcripts"),
    ("human exons in the genome, each base once", 160e6, "exons"),
    ("mouse transcripts", 280e6, "transcripts"),
    ("mouse exons in the genome, each base once", 120e6, "exons"),
    ("all RNA of RefSeq", 200e9, "transcripts"),
)
"""Name, nt, and similar measured input; the page has the sources of the numbers."""

MACHINES = (("1 core", 1), ("16 cores", 16), ("10 machines of 64 cores", 640))


def inputs(folder: Path, length: int) -> dict[str, Any]:
    """Write and open three inputs."""
    from vqrna.genome import open_genome
    from vqrna.prediction import FastaSource

    generator = np.random.default_rng(0)

    def fasta(name: str, lengths: list[int]) -> Path:
        path = folder / f"{name}.fa"
        with path.open("w") as file:
            for n, nt in enumerate(lengths):
                file.write(f">{name}{n}\n{''.join(generator.choice(list('ACGU'), nt))}\n")
        return path

    lengths = generator.lognormal(np.log(MEDIAN), SPREAD, 4 * NT // MEDIAN).astype(int) + 1
    count = int(np.searchsorted(np.cumsum(lengths), NT)) + 1
    exons = generator.lognormal(np.log(EXON), 0.7, NT // EXON // 2).astype(int) + 1
    genome = fasta("chromosome", [APART * (len(exons) + 2)])
    with (folder / "exons.bed").open("w") as file:
        for n, nt in enumerate(exons.tolist()):
            start = APART * (n + 1)
            strand = "+-"[n % 2]
            file.write(f"chromosome0\t{start}\t{start + min(nt, APART)}\te{n}\t0\t{strand}\n")
    return {
        "long": FastaSource((str(fasta("long", [NT])),)),
        "transcripts": FastaSource((str(fasta("transcript", lengths[:count].tolist())),)),
        "exons": open_genome(genome, regions=folder / "exons.bed", flank=length // 2),
    }


def seconds(work: Callable[[], Any]) -> float:
    """Return the processor time of a call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def measure() -> dict[str, Any]:
    """Scan each input with one thread, alternating with the network alone."""
    import torch

    from vqrna.model.weights import load_model
    from vqrna.prediction import make_settings, predict_files
    from vqrna.prediction.tiles import TILE
    from vqrna.sequence import centre

    torch.set_num_threads(1)
    model = load_model(device="cpu")
    settings = make_settings(model.modifications)
    letters = np.random.default_rng(1).integers(0, 4, TILE + 2 * centre(model.length))
    tile = letters.astype(np.uint8)[None]
    tiles = max(1, NT // TILE // 2)
    with tempfile.TemporaryDirectory() as place:
        sources = inputs(Path(place), model.length)
        nt = {name: source.count_positions() for name, source in sources.items()}
        taken: dict[str, list[float]] = {name: [] for name in ("network", *sources)}
        model.scan_batch(tile)
        for _ in range(ROUNDS):
            alone = seconds(lambda: [model.scan_batch(tile) for _ in range(tiles)])
            taken["network"].append(alone / (tiles * TILE))
            for name, source in sources.items():
                scan = partial(predict_files, source, f"{place}/out", model, settings)
                whole = seconds(partial(scan, jobs=1, show_progress=False))
                taken[name].append(whole / nt[name])
    us = {name: round(1e6 * statistics.median(each), 2) for name, each in taken.items()}
    times = {name: round(us[name] / us["network"], 2) for name in sources}
    return {"model": model.hash, "nt": nt, "us_per_nt": us, "times_the_network": times}


def network_speed(measured: dict[str, Any]) -> tuple[float, float | None]:
    """Return nt/s of an idle core, and of a GPU if it was measured."""
    if not SPEED.exists():
        return 1e6 / measured["us_per_nt"]["network"], None
    speed = json.loads(SPEED.read_text(encoding="utf-8"))
    core = next(v for name, v in speed["one_core"].items() if "dense, float32" in name)
    gpu = speed.get("cuda")
    return core / min(1, speed["share_of_a_core"]), max(gpu["float32"].values()) if gpu else None


def duration(hours: float) -> str:
    """Format a time."""
    if hours < 1.5:
        return f"{max(1, round(60 * hours))} min"
    if hours < 72:
        return f"{hours:.1f} h" if hours < 10 else f"{hours:.0f} h"
    return f"{hours / 24:,.0f} days"


def row(name: str, nt: float, speed: float, gpu: float | None) -> str:
    """Return the row of an input; `speed` and `gpu` are those of whole scans."""
    amount = f"{nt / 1e9:,.0f} Gnt" if nt >= 1e10 else f"{nt / 1e6:,.0f} Mnt"
    cells = [duration(nt / speed / cores / 3600) for _, cores in MACHINES]
    if gpu is not None:
        cells.append(duration(nt / gpu / 3600))
    hours = nt / speed / 3600
    return f"| {name} | {amount} | {' | '.join(cells)} | {hours:,.{0 if hours >= 10 else 1}f} |"


def table(measured: dict[str, Any], millions: float | None = None) -> str:
    """Return the table of costs as Markdown."""
    core, gpu = network_speed(measured)
    columns = [name for name, _ in MACHINES] + (["1 GPU"] if gpu else [])
    lines = [
        f"| input | nt | {' | '.join(columns)} | core hours |",
        "|" + "---|" * (len(columns) + 3),
    ]
    work = WORK if millions is None else (("your transcripts", millions * 1e6, "transcripts"),)
    for name, nt, kind in work:
        more = measured["times_the_network"][kind]
        lines.append(row(name, nt, core / more, gpu and gpu / more))
    return "\n".join(lines)


def block(measured: dict[str, Any]) -> str:
    """Return the block of the page."""
    times = measured["times_the_network"]
    core, gpu = network_speed(measured)
    on = f", on the GPU {gpu / 1e6:,.2g} million" if gpu else ""
    return (
        f"{table(measured)}\n\n"
        f"- The network evaluates {round(core, -3):,.0f} nt per second on one core{on}.\n"
        f"- A whole scan takes {times['long']:.1f} times as long for long sequences, "
        f"{times['transcripts']:.1f} times for transcripts of {MEAN:,} nt on average,\n"
        f"  {times['exons']:.1f} times for exons in a genome, which are short and each "
        "evaluated with its context."
    )


def main() -> None:
    """Measure, or price another input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", action="store_true", help="measure again (some minutes)")
    parser.add_argument("--nt", type=float, help="million nt of transcripts of another input")
    given = parser.parse_args()
    if given.measure:
        keep_measured(RESULTS, measure())
        update("scan cost")
    if given.nt is not None:
        print(table(read_results(RESULTS), given.nt))


if __name__ == "__main__":
    main()
