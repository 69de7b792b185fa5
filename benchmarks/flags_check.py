"""Share of windows that are flagged `ood` or `in_training`: the tables of docs/flags.md.

Run by ``make benchmark-flags``; the numbers are kept in ``results/flags.json``. Tables that a model
lacks are made here, as at the end of a training.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.kept import keep_measured
from benchmarks.pages import update

from vqrna.data.benchmark import load_benchmark
from vqrna.data.overlap import clusters, overlapping
from vqrna.data.windows import Windows
from vqrna.model import TrainedModel, dense_codes
from vqrna.model.weights import flag_tables, load_model
from vqrna.nn.dense import supports_dense
from vqrna.nn.model import site_networks
from vqrna.sequence import dinucleotide_shuffle, encode, recentre
from vqrna.training.nulls import thresholds, with_flags

RESULTS = Path(__file__).parent / "results" / "flags.json"

MADE = 200
"""Artificial windows of each kind."""

ADAPTER = "AGAUCGGAAGAGCACACGUCUGAACUCCAGUCAC"

ALU = (
    "GGCCGGGCGCGGUGGCUCACGCCUGUAAUCCCAGCACUUUGGGAGGCCGAGGCGGGCGGAUCACGAGGUCAGGAGAUCGAGACCAUCCCGGCUAAA"
    "ACGGUGAAACCCCGUCUCUACUAAAAAUACAAAAAAUUAGCCGGGCGUGGUGGCGGGCGCCUGUAGUCCCAGCUACUCGGGAGGCUGAGGCAGGAG"
    "AAUGGCGUGAACCCGGGAGGCGGAGCUUGCAGUGAGCCGAGAUCGCGCCACUGCACUCCAGCCUGGGCGACAGAGCGAGACUCCGUCUCA"
)
"""Approximate consensus of a young Alu element, frequent in human windows."""

COMPOSITIONS = {
    "random letters, all as frequent": (0.25, 0.25, 0.25, 0.25),
    "random letters, 20 % GC": (0.4, 0.1, 0.1, 0.4),
    "random letters, 30 % GC": (0.35, 0.15, 0.15, 0.35),
    "random letters, 70 % GC": (0.15, 0.35, 0.35, 0.15),
    "random letters, 80 % GC": (0.1, 0.4, 0.4, 0.1),
    "random letters, 40 % A as in some RNA viruses": (0.40, 0.18, 0.24, 0.18),
}


def mutated(tokens: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Replace a share of the letters by other letters."""
    other = (tokens + rng.integers(1, 4, tokens.shape)) % 4
    return np.where(rng.random(tokens.shape) < share, other, tokens).astype(np.uint8)


def codons(length: int, rng: np.random.Generator) -> np.ndarray:
    """Return a reading frame of random codons without stops, with 60 % GC at their third base."""
    made = rng.integers(0, 4, (length // 3 + 1, 3))
    made[:, 2] = rng.choice(4, len(made), p=(0.2, 0.3, 0.3, 0.2))
    stop = (made[:, 0] == 3) & np.isin(made[:, 1] * 4 + made[:, 2], (0, 2, 8))
    made[stop, 0] = 1
    return made.ravel()[:length]


def made_windows(valid: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    """Return artificial windows by name, made from real ones (N, L) or at random."""
    rng, length = np.random.default_rng(seed), valid.shape[1]
    real = valid[rng.permutation(len(valid))[:MADE]]

    def tandem(size: int) -> np.ndarray:
        return np.stack([np.resize(rng.integers(0, 4, size), length) for _ in range(MADE)])

    pairs = [(a, b) for a in range(4) for b in range(4) if a != b]
    alu, adapter = np.tile(encode(ALU), 4), np.resize(encode(ADAPTER), 2 * length)
    starts = rng.integers(0, len(encode(ALU)), MADE)
    made = {
        "real windows, letters shuffled": rng.permuted(real, axis=1),
        "real windows, dinucleotides shuffled": [dinucleotide_shuffle(w, rng) for w in real],
        "real windows, backwards": real[:, ::-1],
        "one letter": np.repeat(np.arange(4)[:, None], length, axis=1),
        "two letters in turn": [np.resize(pair, length) for pair in pairs],
        "repeats of 3 nt": tandem(3),
        "repeats of 6 nt": tandem(6),
        "repeats of 20 nt": tandem(20),
        "repeats of 50 nt": tandem(50),
        "Alu in tandem, 10 % of letters changed": mutated(
            np.stack([alu[s : s + length] for s in starts]), 0.1, rng
        ),
        "a sequencing adapter in tandem": [adapter[s : s + length] for s in range(len(ADAPTER))],
        "only A and G": rng.choice((0, 2), (MADE, length)),
        "random codons, as in bacteria": [codons(length, rng) for _ in range(MADE)],
    }
    for name, shares in COMPOSITIONS.items():
        made[name] = rng.choice(4, (MADE, length), p=shares)
    return {name: np.asarray(windows, dtype=np.uint8) for name, windows in made.items()}


def held_out(model: TrainedModel, apart: np.ndarray) -> dict[str, Any]:
    """Count real windows that are flagged with thresholds of other ones, in two halves.

    Overlapping windows are in the same half.
    """
    assert supports_dense(model.network)
    assert model.familiarity is not None
    side = clusters(apart) % 2
    windows = recentre(apart, model.length)
    codes = dense_codes(model.network, windows).cpu()
    flagged, rng = 0, np.random.default_rng(0)
    for test in (0, 1):
        fitted, held = side != test, side == test
        table = thresholds(codes[fitted], windows[fitted], model.familiarity.evidence, rng)
        letters = torch.from_numpy(np.ascontiguousarray(windows[held]))
        flagged += int(table.out_of_distribution(codes[held], letters, model.length).sum())
    return {"windows": len(apart), "flagged": flagged}


def share(flags: np.ndarray) -> dict[str, int]:
    """Return the numbers of windows and of flagged ones."""
    return {"windows": len(flags), "flagged": int(flags.sum())}


def seconds(work: Callable[[], Any]) -> float:
    """Return the shortest of five times."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def measure(train: Windows, valid: Windows, model: TrainedModel) -> dict[str, Any]:
    """Count flags among real and artificial windows."""
    if model.familiarity is None or model.sketch is None:
        model = with_flags(model, train, valid)
    familiarity, sketch, rng = model.familiarity, model.sketch, np.random.default_rng(1)
    assert familiarity is not None
    assert sketch is not None
    apart = valid.tokens[~overlapping(valid.tokens, train.tokens)]
    ood = {"real windows held out": held_out(model, apart)}
    for name, windows in made_windows(recentre(apart, model.length)).items():
        ood[name] = share(model.flags(windows)["ood"])
    site = recentre(train.tokens, 201)
    changed = site.copy()
    changed[:, 100] = (changed[:, 100] + rng.integers(1, 4, len(site))) % 4
    unrelated = rng.integers(0, 4, 1_000_000).astype(np.uint8)
    known = {
        "training sites": share(sketch.holds(site)),
        "positions 50 nt upstream of them": share(sketch.holds(train.tokens[:, 400:501])),
        "training sites with another base": share(sketch.holds(changed)),
        "validation sites, windows overlap no training window": share(sketch.holds(apart)),
        "validation sites, letters shuffled": share(sketch.holds(rng.permuted(apart, axis=1))),
        "positions of random sequence": share(sketch.near(unrelated, np.arange(len(unrelated)))),
    }
    row = rng.integers(0, 4, (1, 16384 + model.length - 1)).astype(np.uint8)
    plain, sites = dataclasses.replace(model, familiarity=None), np.arange(16384)
    tables = flag_tables(familiarity, sketch)
    reach = site_networks(model.network)[0].encoder.reach
    return {
        "model": model.hash,
        "ood": ood,
        "in_training": known,
        "sketch": {"bytes": sketch.bits.nbytes, "words": sketch.words, "windows": sketch.windows},
        "tables": {"bytes": sum(x.nbytes for n, x in tables.items() if "familiarity" in n)},
        "tile": {
            "scan": seconds(lambda: plain.scan_batch(row)),
            "ood": seconds(
                lambda: familiarity.out_of_distribution(
                    torch.zeros(1, row.shape[1] - reach + 1).long(),
                    torch.from_numpy(row),
                    model.length,
                )
            ),
            "in_training": seconds(lambda: sketch.near(row[0], sites)),
        },
    }


def lines(rows: dict[str, dict[str, int]], title: str, digits: int) -> list[str]:
    """Return one table as Markdown."""
    out = [f"| {title} | number | flagged |", "|---|---|---|"]
    for name, row in rows.items():
        part = 100 * row["flagged"] / row["windows"]
        out.append(f"| {name} | {row['windows']:,} | {part:.{digits}f} % |")
    return out


def table(measured: dict[str, Any]) -> str:
    """Return the tables as Markdown."""
    sketch, tile = measured["sketch"], measured["tile"]
    costs = [100 * tile[name] / tile["scan"] for name in ("ood", "in_training")]
    return "\n".join(
        [
            *lines(measured["ood"], "`ood`: windows", 1),
            "",
            *lines(measured["in_training"], "`in_training`: sites", 2),
            "",
            f"The filter of `in_training` holds {sketch['words']:,} words of "
            f"{sketch['windows']:,} windows in {sketch['bytes'] / 1e6:.2f} MB; the table of pairs "
            f"takes {measured['tables']['bytes'] / 1e6:.2f} MB. On one core, the flags `ood` and "
            f"`in_training` of all positions add {costs[0]:.1f} % and {costs[1]:.1f} % to the time "
            "of a scan.",
        ]
    )


def main() -> None:
    """Measure, keep the counts, and write the tables into their page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", help="folder of the benchmark")
    parser.add_argument("--model", help="weights (default: the shipped ones)")
    given = parser.parse_args()
    torch.set_num_threads(1)
    train, valid = (load_benchmark(given.data, split) for split in ("train", "valid"))
    model = load_model(given.model, "cpu")
    assert isinstance(model, TrainedModel)
    keep_measured(RESULTS, measure(train, valid, model))
    update("flags")


if __name__ == "__main__":
    main()
