"""Write the README's tables of measured quality and speed from the kept results.

Nothing is measured here: every number comes from a file that another ``make benchmark-...`` target
wrote. Run by ``make pages``.
"""

from __future__ import annotations

import csv
from typing import Any

from benchmarks.kept import RESULTS, read_results

MEAN = "mean9"


def read(name: str) -> Any:
    """Return one kept result."""
    return read_results(RESULTS / f"{name}.json")


def by_modification() -> str:
    """Return one row per modification: between windows, within a window, and in a scan."""
    windows, scans = read("validation")["results"], read("evaluation")
    lines = [
        "| modification | AUROC | AUROC, no overlap | AUROC of the site within 250 nt "
        "| sites called | sites called with `--confidence low` |",
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


def quality() -> str:
    """Return one row a comparison with another model on the same data."""
    rows = [
        ("AUROC, benchmark (leak-free cross-validation)", *_trees("auroc"), "quality"),
        ("AUROC of the site within 250 nt (the same)", *_trees("within"), "quality"),
        ("AUROC, benchmark (validation windows without overlap)", *_published(), "quality"),
        ("AUROC, other studies", *_studies("ours", "trees"), "studies"),
        ("the same, `--model ensemble`", *_studies("ensemble", "ours"), "studies"),
        ("the same, trained without the study", *_without(), "studies"),
    ]
    return _table("measured", rows)


def shipped_models() -> str:
    """Return one row for each model in the package, from its card."""
    from benchmarks.studies.trials import scores

    from vqrna.model import TrainedModel
    from vqrna.model.weights import NAMED, load_model

    lines = [
        "| model | networks | size | AUROC, benchmark | accuracy | AUROC of the site within 250 nt "
        "| AUROC, other studies | lowest of them |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, path in NAMED.items():
        model = load_model(path, "cpu")
        assert isinstance(model, TrainedModel)
        facts = model.training
        values = scores(facts)
        means = [values[k] for k in ("auroc", "accuracy", "localisation", "studies_mean")]
        title = "default" if name == "shipped" else f"`--model {name}`"
        size = f"{path.stat().st_size / 1e6:.1f} MB"
        cells = " | ".join(f"{x:.3f}" for x in (*means, min(values["studies"].values())))
        lines.append(f"| {title} | {len(facts.get('members', [facts]))} | {size} | {cells} |")
    return "\n".join(lines)


def speed() -> str:
    """Return one row a comparison of speed on one core of the same machine."""
    scan, training, ism = read("scan_speed")["one_core"], read("training_speed"), read("ism_speed")
    published, *_, dense, _ = scan.values()
    variants = read("variant_speed")
    rows = [
        ("scan", f"{dense:,.0f} nt/s", f"{published:.0f} nt/s (published networks)", "scan"),
        (
            "training",
            f"{training['vqrna']:.0f} windows/s, all modifications",
            f"{training['paper']:.0f} windows/s, one modification (published network)",
            "training",
        ),
        (
            "all substitutions of a 501-nt window",
            f"{ism['ours_seconds']:.2g} s",
            f"{ism['tangermeme_seconds']:.2g} s (tangermeme)",
            "ism",
        ),
        (
            "effects of a variant",
            f"{1000 * variants['ours_seconds']:.0f} ms",
            f"{variants['plain_seconds']:.1f} s (all windows that hold it)",
            "variants",
        ),
    ]
    return _table("on one core", rows)


def _table(title: str, rows: list[tuple[str, str, str, str]]) -> str:
    """Return a table with the target of the Makefile that measures each row."""
    lines = [f"| {title} | vqrna | compared with | command |", "|---|---|---|---|"]
    for what, ours, other, target in rows:
        lines.append(f"| {what} | {ours} | {other} | `make benchmark-{target}` |")
    return "\n".join(lines)


def _studies(model: str, other: str) -> tuple[str, str]:
    """Return the means of two models over studies and types, the second one with its name."""
    means = [_mean_of_rows(read(f"studies/{name}")["rows"]) for name in (model, other)]
    names = {"trees": "trees trained on each study alone", "ours": "default model"}
    return f"{means[0]:.3f}", f"{means[1]:.3f} ({names[other]})"


def _without() -> tuple[str, str]:
    """Return the mean over studies that were left out of a training, and without any study."""
    names = sorted({row["study"] for row in read("studies/ours")["rows"]})
    rows = [row for name in names for row in read(f"studies/without-{name}")["rows"]]
    alone = _mean_of_rows(read("studies/main-only")["rows"])
    return f"{_mean_of_rows(rows):.3f}", f"{alone:.3f} (vqrna, trained on the benchmark alone)"


def _mean_of_rows(rows: list[dict[str, Any]]) -> float:
    return sum(float(row["value"]) for row in rows) / len(rows)


def _trees(measure: str) -> tuple[str, str]:
    """Return the means of our network and of trees, in cross-validation without overlap."""
    ours, trees = (_mean_of_nine(model, "folds", "all", measure) for model in ("ours", "trees+"))
    return ours, f"{trees} (gradient-boosted trees)"


def _published() -> tuple[str, str]:
    """Return the means of our network and of the published one, on validation windows."""
    ours, paper = (
        _mean_of_nine(model, "public", "non_overlapping", "auroc") for model in ("ours", "paper")
    )
    return ours, f"{paper} (published network, one per modification)"


def _mean_of_nine(model: str, place: str, windows: str, measure: str) -> str:
    """Return the mean of nine types with its interval, as written in README."""
    wanted = {
        "model": model, "place": place, "windows": windows, "type": MEAN, "measure": measure,
    }  # fmt: skip
    with (RESULTS / "quality" / "tables" / "quality.csv").open(encoding="utf-8") as file:
        row = _pick(list(csv.DictReader(file)), **wanted)
    return f"{float(row['value']):.3f} ({float(row['low']):.3f}–{float(row['high']):.3f})"


def _recall(rows: list[dict[str, Any]], **wanted: str) -> float:
    """Return the recall of a tier; 0 without a row, if no site reaches the tier."""
    try:
        return float(_pick(rows, **wanted)["value"])
    except StopIteration:
        return 0.0


def _pick(rows: list[dict[str, Any]], **wanted: str) -> dict[str, Any]:
    return next(row for row in rows if all(row[key] == wanted[key] for key in wanted))
