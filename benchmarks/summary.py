"""Write the README's table of measured quality and speed from the kept results.

Nothing is measured here: every number comes from a file that another ``make benchmark-...`` target
wrote. Run by ``make pages``.
"""

from __future__ import annotations

import csv
from typing import Any

from benchmarks.pages import RESULTS, read_results

MEAN = "mean9"


def read(name: str) -> Any:
    """Return one kept result."""
    return read_results(RESULTS / f"{name}.json")


def summary() -> str:
    """Return the Markdown of the table by modification and of the comparisons below it."""
    return f"{by_modification()}\n\n{comparisons()}"


def by_modification() -> str:
    """Return one row a modification: between windows, within a window, and in a scan."""
    windows, scans = read("validation")["results"], read("evaluation")
    lines = [
        "| | AUROC | AUROC, no overlap | site in its window | sites called "
        "| with `--confidence low` |",
        "|---|---|---|---|---|---|",
    ]
    names = dict.fromkeys(row["modification"] for row in windows if row["flanks"] == "none")
    for name in [*(name for name in names if not name.startswith("mean")), MEAN]:
        plain = {"modification": name, "negatives": "random", "flanks": "none"}
        auroc = [
            _pick(windows, **plain, windows=which)["auroc"]["value"]
            for which in ("all", "non_overlapping")
        ]
        within = {"modification": name, "windows": "non_overlapping", "metric": "auroc"}
        cells = [*auroc, _pick(scans["localisation"], **within)["value"]]
        recall = {"modification": name, "windows": "all", "metric": "recall"}
        shares = [
            "" if name == MEAN else f"{_recall(scans['prevalence'], **recall, at=at):.0%}"
            for at in ("medium", "low")
        ]
        title = "**mean of nine**" if name == MEAN else name
        lines.append(f"| {title} | {' | '.join([*(f'{x:.3f}' for x in cells), *shares])} |")
        hard = [
            row for row in windows if row["modification"] == name and row["negatives"] == "hard"
        ]
        if hard:
            lines.append(_same_motif(name, hard))
    return "\n".join(lines)


def _same_motif(name: str, rows: list[dict[str, Any]]) -> str:
    """Return the row of a modification against negatives with the same motif."""
    auroc = (
        _pick(rows, flanks="none", windows=which)["auroc"]["value"]
        for which in ("all", "non_overlapping")
    )
    return f"| {name}, same motif | {' | '.join(f'{x:.3f}' for x in auroc)} | | | |"


def comparisons() -> str:
    """Return one row a comparison with something else on the same data or machine."""
    scan, training, ism = read("scan_speed")["one_core"], read("training_speed"), read("ism_speed")
    published, *_, dense, _ = scan.values()
    variants = read("variant_speed")
    rows = [
        ("AUROC, other studies", *_studies(), "`make benchmark-studies`"),
        ("AUROC, leak-free folds of the benchmark", *_folds("auroc"), "`make benchmark-quality`"),
        ("site in its window, the same folds", *_folds("within"), "`make benchmark-quality`"),
        (
            "scanning, one core",
            f"{dense:,.0f} nt/s",
            f"{published:.0f} nt/s (published networks)",
            "`make benchmark-scan`",
        ),
        (
            "training, one core",
            f"{training['vqrna']:.0f} windows/s, all types",
            f"{training['paper']:.0f} windows/s, one type (published)",
            "`make benchmark-training`",
        ),
        (
            "mutagenesis of a 501-nt window",
            f"{ism['ours_seconds']:.2g} s",
            f"{ism['tangermeme_seconds']:.2g} s (tangermeme)",
            "`make benchmark-ism`",
        ),
        (
            "effects of a variant, one core",
            f"{1000 * variants['ours_seconds']:.0f} ms",
            f"{variants['plain_seconds']:.1f} s (all windows that hold it)",
            "`make benchmark-variants`",
        ),
    ]
    head = ["| measured | vqrna | compared with | command |", "|---|---|---|---|"]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows)])


def _studies() -> tuple[str, str]:
    """Return the mean over studies and types, with the studies in training and without."""
    means = [
        sum(row["value"] for row in rows) / len(rows)
        for rows in (read(f"studies/{name}")["rows"] for name in ("ours", "main-only"))
    ]
    return f"{means[0]:.3f}", f"{means[1]:.3f} (vqrna, trained on the benchmark alone)"


def _folds(measure: str) -> tuple[str, str]:
    """Return the mean of nine types for our network and for gradient-boosted trees."""
    with (RESULTS / "quality" / "tables" / "quality.csv").open(encoding="utf-8") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if (row["place"], row["windows"], row["type"]) == ("folds", "all", MEAN)
            and row["measure"] == measure
        ]
    ours, trees = (
        next(
            f"{float(row['value']):.3f} ({float(row['low']):.3f}–{float(row['high']):.3f})"
            for row in rows
            if row["model"] == model
        )
        for model in ("ours", "trees")
    )
    return ours, f"{trees} (gradient-boosted trees)"


def _recall(rows: list[dict[str, Any]], **wanted: str) -> float:
    """Return the recall of a tier; 0 without a row, if no site reaches the tier."""
    try:
        return float(_pick(rows, **wanted)["value"])
    except StopIteration:
        return 0.0


def _pick(rows: list[dict[str, Any]], **wanted: str) -> dict[str, Any]:
    return next(row for row in rows if all(row[key] == wanted[key] for key in wanted))
