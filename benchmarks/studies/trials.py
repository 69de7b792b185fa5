"""Keep the validation scores of a training on several studies, and list all trials in a table.

``python -m benchmarks.studies.trials RUN NAME DESCRIPTION`` reads the model of a finished run.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.pages import RESULTS, keep, update

TRIALS = RESULTS / "studies" / "trials"


def record(run: str, name: str, description: str) -> None:
    """Keep the scores of a run under a name."""
    from vqrna.model import TrainedModel
    from vqrna.model.weights import load_model

    model = load_model(Path(run), "cpu")
    assert isinstance(model, TrainedModel)
    values = {
        "description": description,
        "epochs": _epochs(model.training),
        "seed": model.config.training.seed,
        **scores(model.training),
    }
    TRIALS.mkdir(parents=True, exist_ok=True)
    keep(TRIALS / f"{name}.json", values)
    update("study trials")


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
    if "members" not in facts:
        return int(facts["epochs"])
    return " + ".join(str(member["epochs"]) for member in facts["members"])


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


if __name__ == "__main__":
    record(*sys.argv[1:4])
