"""Evaluate the shipped model on validation windows: the tables of docs/evaluation.md.

Run by ``make benchmark-evaluation``; the numbers are kept in ``results/evaluation.json``, the
pictures in ``docs/images``. Without a data set, the picture of calls of other modifications is
drawn again from the kept results; that of reliability needs the windows.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.kept import MEASURED, measured_now, read_results
from benchmarks.pages import DOCS, update

from vqrna.model.model_card import REGION_BELOW, points_at
from vqrna.model.protocol import NEAR

RESULTS = Path(__file__).parent / "results" / "evaluation.json"
IMAGES = DOCS / "images"
DIGITS = 5
TIERS = ("low", "medium", "high")

Rows = list[dict[str, Any]]


def measure(directory: str) -> dict[str, Any]:
    """Evaluate the shipped model on the validation windows of a data set, and draw the pictures."""
    from vqrna.data.benchmark import load_benchmark
    from vqrna.evaluation import evaluate
    from vqrna.evaluation.report import position_figures
    from vqrna.model.weights import load_model
    from vqrna.plots.style import save_figure

    model = load_model()
    evaluation = evaluate(
        model,
        load_benchmark(directory, "valid"),
        split="valid",
        reference=load_benchmark(directory, "train"),
        full=True,
        show_progress=True,
    )
    for name, figure in position_figures(evaluation, model.modifications).items():
        save_figure(figure, IMAGES / name)[1].unlink()  # the page shows the PNG
    assert evaluation.positions is not None
    tables = evaluation.positions.to_json()
    return {
        "model": evaluation.model,
        "split": evaluation.split,
        **{
            name: [_rounded(row) for row in rows]
            for name, rows in tables.items()
            if name != "reliability"  # the picture shows it
        },
    }


def draw_kept() -> None:
    """Draw the calls of other modifications again, from the kept results."""
    import pandas as pd

    from vqrna.evaluation.report import cross_type_figure
    from vqrna.modifications import MODIFICATIONS
    from vqrna.plots.style import save_figure

    kept = read_results(RESULTS)
    table = pd.DataFrame(kept["cross_types"])
    figure = cross_type_figure(table, MODIFICATIONS, kept["model"], kept["split"])
    save_figure(figure, IMAGES / "cross_types")[1].unlink()


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {k: float(f"{v:.{DIGITS}g}") if isinstance(v, float) else v for k, v in row.items()}


def write_results(measured: dict[str, Any]) -> None:
    """Keep the results, one row per line."""
    parts = []
    for name, value in measured.items():
        text = json.dumps(value)
        if isinstance(value, list):
            text = "[\n" + ",\n".join("  " + json.dumps(row) for row in value) + "\n ]"
        parts.append(f' "{name}": {text}')
    RESULTS.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


def pick(rows: Rows, **which: Any) -> Rows:
    """Return the rows with these values."""
    return [row for row in rows if all(row[key] == value for key, value in which.items())]


def cell(rows: Rows, digits: int, **which: Any) -> str:
    """Format a value with its interval; a dash if missing."""
    matches = pick(rows, **which)
    if not matches or matches[0]["value"] is None:
        return "–"
    row = matches[0]
    value = f"{row['value']:.{digits}f}"
    if row["low"] is None:
        return value
    return f"{value} ({row['low']:.{digits}f}–{row['high']:.{digits}f})"


def significant(rows: Rows, **which: Any) -> str:
    """Format a small share and its interval with two significant digits."""
    matches = pick(rows, **which)
    if not matches or matches[0]["value"] is None:
        return "–"
    value, low, high = (f"{matches[0][key]:.2g}" for key in ("value", "low", "high"))
    return f"{value} ({low}–{high})"


def distinct(rows: Rows, key: str = "modification") -> list[str]:
    """Return the distinct values of a column, in order."""
    return list(dict.fromkeys(row[key] for row in rows))


def markdown(head: list[str], lines: list[list[str]]) -> str:
    """Return a Markdown table."""
    return "\n".join(
        [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
        + [f"| {' | '.join(line)} |" for line in lines]
    )


def localisation(measured: dict[str, Any]) -> str:
    """Return the ranks of sites in non-overlapping windows, and the mean AUROC on all."""
    rows, lines = measured["localisation"], []
    for symbol in distinct(rows):
        apart = {"modification": symbol, "windows": "non_overlapping"}
        n = pick(rows, **apart)[0]
        lines.append(
            [
                {"mean9": "**mean of nine**"}.get(symbol, symbol),
                f"{n['n']:,}",
                f"{n['decoys']:.0f}",
                cell(rows, 3, **apart, metric="auroc"),
                cell(rows, 1, **apart, metric="percentile"),
                cell(rows, 2, **apart, metric="first"),
                cell(rows, 2, **apart, metric="auroc_near"),
                cell(rows, 3, modification=symbol, windows="all", metric="auroc"),
            ]
        )
    head = ["modification", "windows", "decoys per window", "AUROC within 250 nt"]
    head += ["median percentile", "ranked first", f"AUROC within {NEAR} nt"]
    return markdown([*head, "AUROC within 250 nt, all windows"], lines)


def calibration(measured: dict[str, Any]) -> str:
    """Return slope, intercept, Brier score and error, cross-fitted and as shipped."""
    rows, lines = measured["calibration"], []
    for symbol in distinct(rows):
        ours = {"modification": symbol, "windows": "non_overlapping", "calibration": "cross-fitted"}
        lines.append(
            [
                {"pooled": "**all pooled**"}.get(symbol, symbol),
                cell(rows, 2, **ours, metric="slope"),
                cell(rows, 2, **ours, metric="intercept"),
                cell(rows, 3, **ours, metric="brier"),
                cell(rows, 3, **ours, metric="ece"),
                cell(rows, 3, **ours, metric="ece_perfect"),
                cell(rows, 3, **{**ours, "calibration": "model"}, metric="ece"),
                cell(rows, 2, **{**ours, "calibration": "model"}, metric="slope"),
            ]
        )
    head = ["modification", "slope", "intercept", "Brier score", "ECE", "ECE if calibrated"]
    return markdown([*head, "ECE, as shipped", "slope, as shipped"], lines)


def prevalence(measured: dict[str, Any]) -> str:
    """Return the average precision at every ratio, and that of chance."""
    apart = pick(measured["prevalence"], windows="non_overlapping")
    rows, guarded = (pick(apart, metric=metric) for metric in ("auprc", "auprc_guarded"))
    ratios = distinct(rows, "at")[:-1]
    chance = [f"{rows[i]['chance']:.2g}" for i in range(len(ratios))]
    lines = [["*chance*", *chance, chance[-1], "*the prior*", ""]]
    for symbol in distinct(rows):
        cells = [significant(rows, modification=symbol, at=ratio) for ratio in ratios]
        cells += [significant(guarded, modification=symbol, at=at) for at in (ratios[-1], "prior")]
        prior = pick(rows, modification=symbol, at="prior")[0]["share"]
        lines.append([symbol, *cells, f"{prior:g}"])
    head = [f"{ratios[-1]}, guarded", "at the prior, guarded", "prior"]
    return markdown(["modification", *ratios, *head], lines)


def precision(measured: dict[str, Any]) -> str:
    """Return recall and expected precision at the prior, by tier."""
    rows = pick(measured["prevalence"], windows="non_overlapping")
    lines = []
    for symbol in distinct(rows):
        line = [symbol]
        for tier in TIERS:
            of_tier = {"modification": symbol, "at": tier}
            line.append(cell(rows, 2, **of_tier, metric="recall"))
            line.append(significant(rows, **of_tier, metric="precision"))
        lines.append(line)
    return markdown(
        ["modification", *(f"{x}, {tier}" for tier in TIERS for x in ("recall", "precision"))],
        lines,
    )


def false_calls(measured: dict[str, Any]) -> str:
    """Return calls per kilobase in both kinds of sequence, by tier."""
    rows = measured["false_calls"]
    sequences = distinct(rows, "sequence")
    lines = [
        [symbol, *(
            significant(rows, modification=symbol, sequence=sequence, tier=tier)
            for sequence in sequences for tier in TIERS
        )]
        for symbol in distinct(rows)
    ]  # fmt: skip
    head = ["modification", *(f"{s}, {tier}" for s in sequences for tier in TIERS)]
    return markdown(head, lines)


def cross_types(measured: dict[str, Any]) -> str:
    """Return the confusions between types that occurred."""
    rows, lines = pick(measured["cross_types"], windows="non_overlapping"), []
    for row in pick(rows, tier="low"):
        if row["site"] != row["called"] and row["calls"]:
            which = {"site": row["site"], "called": row["called"]}
            cells = [significant(rows, **which, tier=tier) for tier in TIERS]
            lines.append([row["site"], row["called"], str(row["sites"]), *cells])
    return markdown(
        ["sites of", "called as", "sites", *(f"{tier} or higher" for tier in TIERS)], lines
    )


def reading(measured: dict[str, Any]) -> str:
    """Return a summary of the numbers in sentences."""
    place = pick(measured["localisation"], windows="non_overlapping", metric="auroc")
    types = sorted(
        (row for row in place if not row["modification"].startswith("mean")),
        key=lambda row: -row["value"],
    )
    regions = [row for row in types if row["value"] < REGION_BELOW]
    symbols = [row["modification"] for row in types]
    by_type = ", ".join(f"{row['modification']} {row['value']:.2f}" for row in types)
    nine = pick(place, modification="mean9")[0]
    lines = [
        f"- Locating the site: the AUROC within 250 nt is {by_type}; the mean of nine is "
        f"{nine['value']:.3f}."
    ]
    if regions:
        names = ", ".join(row["modification"] for row in regions)
        lines.append(
            f"- Calls point at a region, not a base, where it is below {REGION_BELOW}: {names}."
        )
    near = pick(measured["localisation"], windows="non_overlapping", metric="auroc_near")
    blind = [r["modification"] for r in near if r["low"] <= 0.5 and r["modification"] in symbols]
    if blind:
        lines.append(
            f"- Not distinguishable from the decoys within {NEAR} nt in these windows: "
            f"{', '.join(blind)}. Their calls show that a site is near, not at which base."
        )
    pooled = {"modification": "pooled", "windows": "non_overlapping", "metric": "ece"}
    fitted, shipped = (
        cell(measured["calibration"], 3, **pooled, calibration=name)
        for name in ("cross-fitted", "model")
    )
    lines.append(
        f"- Calibration: the error of the score (ECE), all modifications pooled, is {fitted} "
        f"cross-fitted and {shipped} as shipped."
    )
    at = pick(measured["prevalence"], windows="non_overlapping", metric="precision", at="medium")
    best = max(at, key=lambda row: row["value"])
    lines.append(
        "- Precision among positions near sites, at the prior and the default tier: from "
        f"{100 * min(row['value'] for row in at):.2g} % to {100 * best['value']:.2g} % "
        f"({best['modification']})."
    )
    medium = pick(measured["false_calls"], tier="medium")
    highest = {
        sequence: max(pick(medium, sequence=sequence), key=lambda row: row["value"])
        for sequence in distinct(medium, "sequence")
    }
    words = "; ".join(
        f"{name} {row['value']:.2g} ({row['modification']})" for name, row in highest.items()
    )
    lines.append(
        f"- False calls: the highest rates at the default tier, in calls per 1,000 nt, are {words}."
    )
    return "\n".join(lines)


def parts(measured: dict[str, Any]) -> str:
    """Return the AUROC of each part of the head, between and within windows."""
    rows = pick(measured["parts"], windows="non_overlapping")
    lines = []
    for symbol in distinct(rows):
        of_type = [
            cell(rows, 3, modification=symbol, auroc=f"{where} windows", part=part)
            for where in ("between", "within")
            for part in ("both", "site", "region")
        ]
        lines.append([{"mean9": "**mean of nine**"}.get(symbol, symbol), *of_type])
    head = [f"{where}, {part}" for where in ("between", "within")
            for part in ("both parts", "site part", "region part")]  # fmt: skip
    return markdown(["modification", *head], lines)


def calls(measured: dict[str, Any]) -> str:
    """Return the recall of each type, and what its calls point at."""
    rows, places, lines = measured["prevalence"], measured["localisation"], []
    for symbol in distinct(rows):
        line = [symbol]
        for windows, tier in (("all", "medium"), ("non_overlapping", "medium"), ("all", "low")):
            which = {"modification": symbol, "windows": windows, "at": tier, "metric": "recall"}
            matches = pick(rows, **which)  # none if no site reaches the tier
            line.append(f"{100 * matches[0]['value']:.0f} %" if matches else "0 %")
        apart = {"modification": symbol, "windows": "non_overlapping"}
        within, first = (
            pick(places, **apart, metric=name)[0]["value"] for name in ("auroc", "first")
        )
        lines.append([*line, f"{within:.2f}", f"{100 * first:.0f} %", points_at(within, first)])
    head = ["modification", "sites called", "sites called, no overlap"]
    head += ["sites called with `--confidence low`", "AUROC within 250 nt", "ranked first"]
    return markdown([*head, "a call points at"], lines)


Tables = dict[str, Callable[[dict[str, Any]], str]]

TABLES: Tables = {
    "reading": reading,
    "localisation": localisation,
    "parts": parts,
    "calibration": calibration,
    "prevalence": prevalence,
    "precision": precision,
    "false_calls": false_calls,
    "cross_types": cross_types,
    "calls": calls,
}


if __name__ == "__main__":
    if len(sys.argv) > 1:
        write_results(measure(sys.argv[1]) | {MEASURED: measured_now()})
    else:
        draw_kept()
    update(*TABLES)
