"""Scores of the shipped model on validation windows: a table of docs/evaluation.md.

Run by ``make benchmark-validation``; the numbers are kept in ``results/validation.json``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from benchmarks.kept import keep_measured
from benchmarks.pages import update

RESULTS = Path(__file__).parent / "results" / "validation.json"
NINE = "mean9"


def measure(directory: str) -> dict[str, Any]:
    """Evaluate the shipped model on the validation windows of a data set."""
    from vqrna.data.benchmark import load_benchmark
    from vqrna.evaluation import FLANKS, evaluate
    from vqrna.model.weights import load_model

    evaluation = evaluate(
        load_model(),
        load_benchmark(directory, "valid"),
        split="valid",
        reference=load_benchmark(directory, "train"),
        masks=FLANKS,
        show_progress=True,
    )
    return evaluation.to_json()


def cell(results: list[dict[str, Any]], metric: str, symbol: str, **which: str) -> str:
    """Format a value with its interval; a dash if missing."""
    values = {"windows": "all", "negatives": "random", "flanks": "none", **which}
    for row in results:
        if row["modification"] == symbol and all(row[key] == values[key] for key in values):
            value = row[metric]
            if value["value"] is not None:
                return f"{value['value']:.3f} ({value['low']:.3f}–{value['high']:.3f})"
    return "–"


def table(measured: dict[str, Any]) -> str:
    """Return the table as Markdown."""
    results = measured["results"]
    symbols = dict.fromkeys(row["modification"] for row in results if row["flanks"] == "none")
    rows = [(symbol, symbol, "random") for symbol in symbols if not symbol.startswith("mean")]
    at = [symbol for symbol, _, _ in rows].index("m6A") + 1
    rows.insert(at, ("m6A", "m6A, negatives of the same motif", "hard"))
    rows.append((NINE, "**mean of nine** (without m6A, m7G)", "random"))
    lines = [
        "| modification | AUROC | AUROC, no overlap | accuracy | MCC |",
        "|---|---|---|---|---|",
    ]
    for symbol, title, negatives in rows:
        cells = [
            cell(results, "auroc", symbol, negatives=negatives),
            cell(results, "auroc", symbol, negatives=negatives, windows="non_overlapping"),
            cell(results, "acc", symbol, negatives=negatives),
            cell(results, "mcc", symbol, negatives=negatives),
        ]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    lines += [
        "",
        "| hidden (all but 25 nt on either side of the site) | AUROC, mean of nine |",
        "|---|---|",
    ]
    for flanks in ("none", "upstream", "downstream", "both"):
        hidden = {"none": "nothing", "both": "both flanks"}.get(flanks, f"the {flanks} flank")
        lines.append(f"| {hidden} | {cell(results, 'auroc', NINE, flanks=flanks)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    keep_measured(RESULTS, measure(sys.argv[1]))
    update("validation")
