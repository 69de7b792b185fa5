"""The sequencing adapter after sites of the benchmark, and how the shipped model reacts to it.

The start of a common Illumina adapter is enriched behind 2'-O-methylation sites of the benchmark;
that a mapping method can mistake priming at adapter-like sequence for a modification is one
explanation. Run by ``make benchmark-adapter``; results are kept in ``results/adapter.json``.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from benchmarks.kept import RESULTS as FOLDER
from benchmarks.kept import keep_measured
from benchmarks.pages import update

from vqrna.data.benchmark import load_benchmark
from vqrna.data.windows import NEGATIVE, POSITIVE
from vqrna.model import TrainedModel
from vqrna.model.weights import load_model
from vqrna.sequence import centre, encode
from vqrna.stats.tiers import DEFAULT_TIER, tier_index

RESULTS = FOLDER / "adapter.json"

ADAPTER = "AGAUCGGAAGAGC"
ENOUGH = 9
"""Equal letters directly after the site, of 13, from which a window counts."""

OFFSETS, FEWER = range(-2, 4), 8
"""The less strict count: fewer equal letters, at any of these distances from the site."""

INSERTED = 100
"""Unmodified windows of each modification in which the letters after the site are replaced."""


def equal_letters(tokens: np.ndarray, offset: int) -> np.ndarray:
    """Count the adapter letters of windows (N, L) that begin `offset` nt from the site: (N,)."""
    adapter, site = encode(ADAPTER), centre(tokens.shape[1])
    return (tokens[:, site + offset : site + offset + len(adapter)] == adapter).sum(axis=1)


def is_like(tokens: np.ndarray) -> np.ndarray:
    """Return which windows (N, L) have the adapter directly after the site: (N,), bool."""
    return equal_letters(tokens, 1) >= ENOUGH


def is_near(tokens: np.ndarray) -> np.ndarray:
    """Return which windows (N, L) have something like the adapter near the site: (N,), bool."""
    return np.max([equal_letters(tokens, offset) for offset in OFFSETS], axis=0) >= FEWER


def reaction(model: TrainedModel, tokens: np.ndarray, column: int) -> dict[str, int]:
    """Count windows that score above 0.5 before and after the adapter is inserted, and calls."""
    site = centre(tokens.shape[1])
    edited = tokens.copy()
    edited[:, site + 1 : site + 1 + len(ADAPTER)] = encode(ADAPTER)
    limit = model.thresholds()[column, tier_index(DEFAULT_TIER)]
    counts = {"windows": len(tokens)}
    for name, windows in (("before", tokens), ("after", edited)):
        logits = model.logits(windows)
        counts[name] = int((model.score(logits)[:, column] > 0.5).sum())
        counts[f"called_{name}"] = int((logits[:, column] >= limit).sum())
    return counts


def measure(directory: str) -> dict[str, Any]:
    """Count adapters in the windows of a data set, and insert them into unmodified ones."""
    model = load_model(device="cpu")
    assert isinstance(model, TrainedModel)
    train, valid = (load_benchmark(directory, s, model.modifications) for s in ("train", "valid"))
    rows = []
    for m, kind in enumerate(model.modifications):
        parts = {
            f"{name}, {split}": windows.tokens[windows.labels[:, m] == label]
            for split, windows in (("train", train), ("valid", valid))
            for name, label in (("modified", POSITIVE), ("unmodified", NEGATIVE))
        }
        shares = {name: round(float(is_like(tokens).mean()), 4) for name, tokens in parts.items()}
        near = round(float(is_near(parts["modified, train"]).mean()), 4)
        drawn = parts["unmodified, valid"][:INSERTED]
        rows.append(
            {"type": kind.symbol, "shares": shares, "near": near, **reaction(model, drawn, m)}
        )
    return {"model": model.hash, "rows": rows}


def shares_table(measured: dict[str, Any]) -> str:
    """Return the shares of windows with the adapter as Markdown."""
    names = list(measured["rows"][0]["shares"])
    lines = [
        f"| modification | {' | '.join(names)} | modified, train, less strict |",
        "|---|" + "---|" * (len(names) + 1),
    ]
    for row in measured["rows"]:
        cells = [f"{100 * share:.1f} %" for share in (*row["shares"].values(), row["near"])]
        lines.append(f"| {row['type']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def reaction_table(measured: dict[str, Any]) -> str:
    """Return how the model reacts to the inserted adapter as Markdown."""
    lines = [
        f"Model {measured['model']}:",
        "",
        "| modification | windows | score above 0.5: before, after | called: before, after |",
        "|---|---|---|---|",
    ]
    for row in measured["rows"]:
        lines.append(
            f"| {row['type']} | {row['windows']} | {row['before']}, {row['after']} "
            f"| {row['called_before']}, {row['called_after']} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    keep_measured(RESULTS, measure(sys.argv[1]))
    update("adapter", "adapter inserted")
