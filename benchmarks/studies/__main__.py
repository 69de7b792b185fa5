"""Measure models on the validation windows of other studies; write the table and the picture.

Run by ``make benchmark-studies``. Results are kept in ``results/studies`` and measured again only
if they are deleted, or of other weights. Networks are trained in ``runs/studies`` and resumed after
an interruption.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "studies"
RUNS = ROOT / "runs" / "studies"
PICTURE = ROOT / "docs" / "images" / "studies.png"

SEED = 2
"""Of the trainings, as of the shipped model."""

SIMPLE = ("site", "trees", "m6aformer")


def parser() -> argparse.ArgumentParser:
    """Return the argument parser."""
    p = argparse.ArgumentParser(prog="python -m benchmarks.studies", description=__doc__)
    p.add_argument("data", type=Path, help="folder with train/, valid/ and studies/")
    p.add_argument(
        "--simple",
        nargs="*",
        default=list(SIMPLE),
        choices=SIMPLE,
        help=f"models that take minutes (default: {' '.join(SIMPLE)})",
    )
    p.add_argument(
        "--weights",
        nargs="*",
        default=["ours", "ensemble=ensemble"],
        metavar="NAME[=PATH]",
        help="trained models to measure on all studies (default: the shipped ones)",
    )
    p.add_argument(
        "--without",
        nargs="*",
        default=[],
        metavar="STUDY",
        help="train a network without a study and measure it there; A+B leaves out two studies in "
        "one training, which is faster and a harder test; 'each' for all studies and, for "
        "comparison, a network that sees them all; 'none' for the main data alone (hours)",
    )
    p.add_argument("--epochs", type=int, default=12, help="of the trainings (default: 12)")
    p.add_argument(
        "--teacher",
        choices=("trees", "none"),
        default="trees",
        help="of the trainings (default: trees)",
    )
    p.add_argument("--threads", type=int, default=1, help="of torch (default: 1)")
    p.add_argument(
        "--again",
        nargs="*",
        default=[],
        metavar="NAME",
        help="models to measure even if their results are kept",
    )
    p.add_argument("--table", action="store_true", help="only write the table from kept results")
    return p


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is missing, then write the table and the picture."""
    from benchmarks.pages import update
    from benchmarks.studies.picture import draw_picture

    from vqrna.errors import VqrnaError
    from vqrna.plots.style import save_figure

    args = parser().parse_args(arguments)
    try:
        if not args.table:
            work(args)
    except VqrnaError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    save_figure(draw_picture(kept()), PICTURE)
    update("studies")
    return 0


def kept() -> dict[str, dict[str, Any]]:
    """Return the kept results by name of the model."""
    paths = sorted(RESULTS.glob("*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}


def work(args: argparse.Namespace) -> None:
    """Measure the models that have no kept result."""
    import torch
    from benchmarks.studies.models import (
        ALL,
        NONE,
        TOGETHER,
        M6AFormer,
        fit_site,
        fit_trees,
        trained_without,
    )

    from vqrna.config import preset
    from vqrna.config import replace as configured
    from vqrna.data.benchmark import benchmark_modifications
    from vqrna.data.studies import Study, read_studies
    from vqrna.model.protocol import Scorer
    from vqrna.model.weights import load_model

    torch.set_num_threads(args.threads)
    folder = args.data / "studies"
    studies = read_studies(folder, benchmark_modifications(args.data), on_missing=lambda line: None)

    def measure(
        name: str, of_study: Callable[[Study], Scorer], among: Sequence[Study], **settings: Any
    ) -> None:
        if is_kept(name, settings.get("model")) and name not in args.again:
            print(f"{name}: kept")
            return
        started = time.monotonic()
        rows = [row for study in among for row in measured(of_study(study), study)]
        facts = {
            "name": name,
            **settings,
            "rows": rows,
            "seconds": round(time.monotonic() - started, 1),
        }
        write(name, facts)

    def always(model: Scorer) -> Callable[[Study], Scorer]:
        return lambda study: model

    if "site" in args.simple:
        measure("site", fit_site, studies)
    if "trees" in args.simple:
        measure("trees", fit_trees, studies)
    if "m6aformer" in args.simple and not (RESULTS / "m6aformer.json").exists():
        measure("m6aformer", always(M6AFormer.load()), studies)
    for given in args.weights:
        name, _, path = given.partition("=")
        loaded = load_model(path or None, "cpu")
        measure(name, always(loaded), studies, model=loaded.hash)
    names = [s.name for s in studies] + [ALL] if "each" in args.without else list(args.without)
    config = configured(preset("vqrna"), epochs=args.epochs, teacher=args.teacher, seed=SEED)
    for name in dict.fromkeys(names):
        parts = name.split(TOGETHER)
        if all((RESULTS / f"without-{part}.json").exists() for part in parts):
            print(f"without-{name}: kept")
            continue
        network = trained_without(name, args.data, folder, RUNS, config, show_progress=True)
        for part in parts:
            among = [s for s in studies if part in (ALL, NONE, s.name)]
            training = {
                "epochs": config.training.epochs,
                "teacher": config.training.teacher,
                "also_without": [other for other in parts if other != part],
            }
            measure(f"without-{part}", always(network), among, **training)


def is_kept(name: str, model: str | None = None) -> bool:
    """Return whether there is a result with this name, of the weights with this hash if given."""
    path = RESULTS / f"{name}.json"
    if not path.exists():
        return False
    return model is None or json.loads(path.read_text(encoding="utf-8")).get("model") == model


def measured(model: Any, study: Any) -> list[dict[str, Any]]:
    """Return the AUROC of a model for each type of a study, with its 95 % interval."""
    from benchmarks.studies.models import fits

    from vqrna.evaluation import evaluate

    if not fits(model, study):
        return []
    evaluation = evaluate(model, study.valid, split=study.name)
    rows = []
    for row in evaluation.to_json()["results"]:
        if not row["modification"].startswith("mean") and row["auroc"]["value"] is not None:
            rows.append(
                {
                    "study": study.name,
                    "modification": row["modification"],
                    "n_pos": row["n_pos"],
                    "n_neg": row["n_neg"],
                    **row["auroc"],
                }
            )
    return rows


def write(name: str, facts: dict[str, Any]) -> None:
    """Keep a result."""
    from benchmarks.kept import MEASURED, keep, measured_now

    from vqrna.runtime.provenance import machine_facts

    RESULTS.mkdir(parents=True, exist_ok=True)
    now = {"machine": machine_facts(), MEASURED: measured_now()}
    keep(RESULTS / f"{name}.json", facts | now)
    mean = sum(row["value"] for row in facts["rows"]) / max(1, len(facts["rows"]))
    print(f"{name}: mean AUROC {mean:.3f} over {len(facts['rows'])} rows")


if __name__ == "__main__":
    sys.exit(main())
