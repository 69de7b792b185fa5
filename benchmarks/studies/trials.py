"""Keep the validation scores of a training on several studies, and list all trials in a table.

``python -m benchmarks.studies.trials DATA RUN NAME DESCRIPTION`` measures the best epoch of a run.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.kept import RESULTS, keep
from benchmarks.pages import update

if TYPE_CHECKING:
    from vqrna.model import TrainedModel

TRIALS = RESULTS / "studies" / "trials"


def record(data: Path, run: Path, name: str, description: str, epochs: str | None) -> None:
    """Measure the best epoch of a run, or a file of weights, and keep the scores under a name."""
    from vqrna.model import TrainedModel
    from vqrna.model.weights import load_model
    from vqrna.training.loop import BEST_NAME

    best = run / BEST_NAME
    model = load_model(best if best.exists() else run, "cpu")
    assert isinstance(model, TrainedModel)
    values = {
        "description": description,
        "epochs": epochs or str(_epochs(model.training)),
        "seed": model.config.training.seed,
        **scores(measured(model, data)),
    }
    TRIALS.mkdir(parents=True, exist_ok=True)
    keep(TRIALS / f"{name}.json", values)
    update("study trials")


def measured(model: TrainedModel, data: Path) -> dict[str, Any]:
    """Return the summary of a training without ranks of sites, for :func:`scores`."""
    from vqrna.data.benchmark import load_benchmark
    from vqrna.data.studies import read_studies
    from vqrna.training.calibrate import fit_calibration, validation_scores
    from vqrna.training.validation import validate_studies

    valid = load_benchmark(data, "valid", model.modifications)
    studies = read_studies(data / "studies", model.modifications)
    logits = model.logits(valid.tokens)
    model = dataclasses.replace(model, calibration=fit_calibration(logits, valid))
    of_studies = validate_studies(model.network, studies, model.config)
    return {
        "validation": validation_scores(model, logits, valid),
        "localisation": {},
        "studies": {name: {"validation": rows} for name, rows in of_studies.items()},
    }


def scores(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the validation scores in the summary of a training: means, and by modification.

    ``auroc``, ``accuracy`` and ``localisation`` are means of nine modifications of the benchmark,
    ``studies_mean`` of all studies and modifications.
    """
    from vqrna.evaluation import NINE

    benchmark = {s: row["auroc"] for s, row in facts["validation"].items() if s != "mean"}
    studies = {
        f"{study} {symbol}": row["auroc"]
        for study, values in facts["studies"].items()
        for symbol, row in values["validation"].items()
    }
    nine = [facts["validation"][s] for s in NINE]
    ranks = [facts["localisation"][s]["auroc"]["value"] for s in NINE if s in facts["localisation"]]
    return {
        "auroc": sum(row["auroc"] for row in nine) / len(nine),
        "accuracy": sum(row["acc"] for row in nine) / len(nine),
        "localisation": sum(ranks) / len(ranks) if ranks else None,
        "studies_mean": sum(studies.values()) / len(studies),
        "benchmark": benchmark,
        "studies": studies,
    }


def _epochs(facts: dict[str, Any]) -> int | str:
    """Return the epochs of a training, or of each network of an ensemble."""
    if "members" in facts:
        return " and ".join(str(_epochs(member)) for member in facts["members"])
    own = facts.get("epochs", "?")
    return f"{_epochs(facts['start'])} + {own}" if "start" in facts else own


def table() -> str:
    """Return the table of all trials, in the order of their names."""
    trials = [json.loads(p.read_text(encoding="utf-8")) for p in sorted(TRIALS.glob("*.json"))]
    lines = [
        "| training | epochs | studies: mean AUROC | studies: lowest AUROC "
        "| benchmark: AUROC, mean of nine | benchmark: accuracy | benchmark: AUROC of m7G |",
        "|---|---|---|---|---|---|---|",
    ]
    for trial in trials:
        name, least = min(trial["studies"].items(), key=lambda item: item[1])
        cells = [
            trial["description"],
            str(trial["epochs"]),
            f"{trial['studies_mean']:.3f}",
            f"{least:.3f} ({name})",
            f"{trial['auroc']:.4f}",
            f"{trial['accuracy']:.3f}",
            f"{trial['benchmark'].get('m7G', float('nan')):.3f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Read the arguments, and record a run."""
    p = argparse.ArgumentParser(prog="python -m benchmarks.studies.trials", description=__doc__)
    p.add_argument("data", type=Path, help="folder with valid/ and studies/")
    p.add_argument("run", type=Path, help="folder of a run, or a file of weights")
    p.add_argument("name", help="of the kept result")
    p.add_argument("description", help="for the table")
    p.add_argument("--epochs", help="as in the table (default: those of the model card)")
    args = p.parse_args()
    record(args.data, args.run, args.name, args.description, args.epochs)


if __name__ == "__main__":
    main()
