"""Measure the shipped model on validation windows; write their table in docs/evaluation.md.

Run by ``make benchmark-validation``; the numbers are kept in ``results/validation.json``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from benchmarks.pages import keep, update

RESULTS = Path(__file__).parent / "results" / "validation.json"
NINE = "mean9"


def measure(directory: str) -> dict[str, Any]:
    """Evaluate the shipped model on the validation windows of a data set."""
    from vqrna.data.benchmark import load_benchmark
    from vqrna.evaluation import FLANKS, evaluate
    from vqrna.model.weights import load_model

    found = evaluate(
        load_model(),
        load_benchmark(directory, "valid"),
        split="valid",
        reference=load_benchmark(directory, "train"),
        masks=FLANKS,
        show_progress=True,
    )
    return found.to_json()


def cell(results: list[dict[str, Any]], metric: str, kind: str, **which: str) -> str:
    """Write a value with its interval, or a dash where there is none."""
    wanted = {"windows": "all", "negatives": "random", "flanks": "none", **which}
    for row in results:
        if row["modification"] == kind and all(row[key] == wanted[key] for key in wanted):
            value = row[metric]
            if value["value"] is not None:
                return f"{value['value']:.3f} ({value['low']:.3f}–{value['high']:.3f})"
    return "–"


def table(measured: dict[str, Any]) -> str:
    """Lay out what was measured as Markdown."""
    results = measured["results"]
    kinds = dict.fromkeys(row["modification"] for row in results if row["flanks"] == "none")
    rows = [(kind, kind, "random") for kind in kinds if not kind.startswith("mean")]
    at = [kind for kind, _, _ in rows].index("m6A") + 1
    rows.insert(at, ("m6A", "m6A, negatives of the same motif", "hard"))
    rows.append((NINE, "**mean of nine** (without m6A, m7G)", "random"))
    lines = [
        "| type | AUROC, all windows | AUROC, non-overlapping | ACC | MCC |",
        "|---|---|---|---|---|",
    ]
    for kind, title, negatives in rows:
        cells = [
            cell(results, "auroc", kind, negatives=negatives),
            cell(results, "auroc", kind, negatives=negatives, windows="non_overlapping"),
            cell(results, "acc", kind, negatives=negatives),
            cell(results, "mcc", kind, negatives=negatives),
        ]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    lines += ["", "| hidden beyond 25 nt of the site | mean AUROC of nine |", "|---|---|"]
    for flanks in ("none", "upstream", "downstream", "both"):
        hidden = {"none": "nothing", "both": "both flanks"}.get(flanks, f"the {flanks} flank")
        lines.append(f"| {hidden} | {cell(results, 'auroc', NINE, flanks=flanks)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    keep(RESULTS, measure(sys.argv[1]))
    update("validation")
