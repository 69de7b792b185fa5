"""Differences between scans and single windows with the shipped weights: a table of docs/speed.md.

Run by ``make benchmark-exact``; the numbers are kept in ``results/scan_exact.json``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.kept import keep_measured
from benchmarks.pages import update

from vqrna.data.benchmark import load_benchmark
from vqrna.model import TrainedModel
from vqrna.model.weights import load_model
from vqrna.runtime.progress import progress
from vqrna.sequence import centre, windows_around
from vqrna.stats.tiers import TIERS

RESULTS = Path(__file__).parent / "results" / "scan_exact.json"

SEQUENCES = 12
"""Validation windows that are scanned and evaluated window by window, at every position."""

RANDOM_NT = 200_000
"""Random nt on which the fast mode is compared with float32."""


def differences(model: TrainedModel, rows: np.ndarray) -> dict[str, Any]:
    """Return the largest differences between scans (N, L) and windows around every position."""
    logits = scores = 0.0
    same = 0
    with progress(len(rows), str(model.dtype).removeprefix("torch."), unit="sequences") as bar:
        for row in rows:
            sites = np.arange(len(row))
            alone = model.logits(windows_around(row, sites, model.length))
            scanned = model.scan(row)
            logits = max(logits, float(np.abs(scanned - alone).max()))
            scores = max(scores, float(np.abs(model.score(scanned) - model.score(alone)).max()))
            calls = [at >= model.thresholds()[:, 1] for at in (scanned, alone)]
            same += int((calls[0] == calls[1]).all(axis=1).sum())
            bar.advance(1)
    return {"logits": logits, "scores": scores, "positions": rows.size, "same_calls": same}


def near_ties(model: TrainedModel, windows: np.ndarray) -> dict[str, int]:
    """Count tokens of whole windows that nearly tie between two codes."""
    half, count, tokens = centre(model.length), 0, 0
    with progress(len(windows), "near ties", unit="sequences") as bar:
        for row in windows:
            ties = model.scan_batch(np.pad(row, half, constant_values=4)[None]).near_ties
            count, tokens = count + int(ties.sum()), tokens + ties.size
            bar.advance(1)
    return {"near_ties": count, "tokens": tokens}


def fast(model: TrainedModel, seed: int = 0) -> dict[str, Any]:
    """Hold the fast mode against float32 on random letters."""
    letters = np.random.default_rng(seed).integers(0, 4, RANDOM_NT).astype(np.uint8)
    exact, quick = model.scan(letters), model.scan(letters, precision="fast")
    of_site = np.stack([m.candidates(letters) for m in model.modifications], axis=1)
    apart = np.abs(model.score(exact) - model.score(quick))[of_site]
    difference: dict[str, Any] = {"mean": float(apart.mean()), "max": float(apart.max())}
    for t, tier in enumerate(TIERS):
        one, two = ((x >= model.thresholds()[:, t]) & of_site for x in (exact, quick))
        difference[tier] = {"calls": int(one.sum()), "same": int((one & two).sum())}
    return difference


def measure(data: str) -> dict[str, Any]:
    """Measure the shipped model on validation windows."""
    model, double = load_model(device="cpu"), load_model(device="cpu")
    assert isinstance(model, TrainedModel)
    assert isinstance(double, TrainedModel)
    valid = load_benchmark(data, "valid").tokens
    drawn = valid[np.random.default_rng(0).permutation(len(valid))]
    double.network.double()
    return {
        "model": model.hash,
        "float64": differences(double, drawn[:SEQUENCES]),
        "float32": differences(model, drawn[:SEQUENCES]),
        "ties": near_ties(model, drawn[: 75 * SEQUENCES]),
        "fast": fast(model),
    }


def table(measured: dict[str, Any]) -> str:
    """Write the results in Markdown."""
    lines = [
        "| arithmetic | largest difference of a log-odds | of a score | calls, default tier |",
        "|---|---|---|---|",
    ]
    for name in ("float64", "float32"):
        values = measured[name]
        calls = f"the same at {values['same_calls']:,} of {values['positions']:,} positions"
        lines.append(f"| {name} | {values['logits']:.0e} | {values['scores']:.0e} | {calls} |")
    ties, quick = measured["ties"], measured["fast"]
    calls = ", ".join(
        f"{quick[tier]['same']:,} of {quick[tier]['calls']:,} `{tier}`" for tier in TIERS
    )
    return "\n".join(
        [
            *lines,
            "",
            f"- Near ties (below): {ties['near_ties']} among {ties['tokens']:,} tokens of "
            "validation windows.",
            f"- The fast mode against float32, on {RANDOM_NT:,} random nt: scores differ by "
            f"{quick['mean']:.1g} on average, by {quick['max']:.1g} at most; also called: {calls}.",
            f"- Measured with the weights {measured['model']}.",
        ]
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    keep_measured(RESULTS, measure(sys.argv[1]))
    update("exact")
