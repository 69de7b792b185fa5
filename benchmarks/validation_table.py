"""Measure the shipped model on validation windows; print the README's table.

Run by ``make benchmark-validation``; the numbers are kept in ``results/validation.json``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from vqrna.data.benchmark import load_benchmark
from vqrna.evaluation import FLANKS, Evaluation, evaluate
from vqrna.weights import load_model

RESULTS = Path(__file__).parent / "results" / "validation.json"
NINE = "mean9"


def cell(found: Evaluation, kind: str, metric: str, **which: str) -> str:
    """Write a value with its interval, or a dash where there is none."""
    rows = [
        row
        for row in found.to_json()["results"]
        if row["modification"] == kind
        and row["windows"] == which.get("windows", "all")
        and row["negatives"] == which.get("negatives", "random")
        and row["flanks"] == which.get("flanks", "none")
    ]
    if not rows or rows[0][metric]["value"] is None:
        return "–"
    value = rows[0][metric]
    return f"{value['value']:.3f} ({value['low']:.3f}–{value['high']:.3f})"


def main(directory: str) -> None:
    """Evaluate and print Markdown."""
    model = load_model()
    windows = load_benchmark(directory, "valid")
    train = load_benchmark(directory, "train")
    found = evaluate(
        model, windows, split="valid", reference=train, masks=FLANKS, show_progress=True
    )
    RESULTS.write_text(json.dumps(found.to_json(), indent=1) + "\n", encoding="utf-8")
    print("| type | AUROC, all windows | AUROC, non-overlapping | ACC | MCC |")
    print("|---|---|---|---|---|")
    named = {m.symbol: m.symbol for m in model.modifications} | {NINE: "mean of nine"}
    for kind, title in named.items():
        apart = cell(found, kind, "auroc", windows="non_overlapping")
        first, *rest = (cell(found, kind, metric) for metric in ("auroc", "acc", "mcc"))
        print(f"| {title} | {first} | {apart} | {' | '.join(rest)} |")
        if kind == "m6A":
            hard = {"negatives": "hard"}
            apart = cell(found, kind, "auroc", windows="non_overlapping", **hard)
            first, *rest = (cell(found, kind, metric, **hard) for metric in ("auroc", "acc", "mcc"))
            print(f"| m6A, same motif | {first} | {apart} | {' | '.join(rest)} |")
    print()
    print("| flanks hidden beyond 25 nt | mean AUROC of nine |")
    print("|---|---|")
    for flanks in FLANKS:
        print(f"| {flanks} | {cell(found, NINE, 'auroc', flanks=flanks)} |")


if __name__ == "__main__":
    main(sys.argv[1])
