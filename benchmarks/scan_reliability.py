"""Probabilities of a shipped model in a scan: stated, and right in two mixtures.

Run by ``make benchmark-reliability`` for both shipped models; kept in
``results/scan_reliability.json`` and ``results/scan_reliability_ensemble.json``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pandas as pd
from benchmarks.kept import keep_measured, read_results
from benchmarks.pages import DOCS, update

from vqrna.data.studies import pool
from vqrna.evaluation.scan_reliability import ENOUGH, FACTOR, scan_reliability
from vqrna.model import TrainedModel
from vqrna.model.weights import load_model
from vqrna.plots.scan_reliability import scan_reliability_diagrams
from vqrna.plots.style import save_figure
from vqrna.training import from_benchmark, with_studies
from vqrna.training.scan_calibration import scan_mixtures

RESULTS = Path(__file__).with_name("results") / "scan_reliability.json"
ENSEMBLE = RESULTS.with_stem("scan_reliability_ensemble")
PICTURE = DOCS / "images" / "scan_reliability.png"


def measure(name: str, data: str, studies: str | None) -> dict[str, Any]:
    """Scan the validation windows, and compare what is stated with what is right."""
    model = load_model(name, "cpu")
    assert isinstance(model, TrainedModel)
    source = from_benchmark(data)
    if studies is not None:
        source = with_studies(source, studies)
    mixtures = scan_mixtures(
        model,
        pool(source.train, source.studies),
        source.valid,
        known=[study.valid for study in source.studies],
        kinds=("whole",),
    )
    table = scan_reliability(mixtures["whole"], seed=model.config.training.seed)
    rows = table.round({"effective": 0, "stated": 6, "mixture": 6, "unmodified": 6})
    return {"model": model.hash, "rows": rows.to_dict("records")}


def _described(measured: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """Return how many groups hold, and the groups."""
    rows = [row for row in measured["rows"] if row["effective"] >= ENOUGH]
    holding = sum(row["holds"] for row in rows)
    return (
        f"Model {measured['model']}. In {holding} of {len(rows)} groups with an effective count "
        f"of at least {ENOUGH}, the stated probability lies between both shares or within a factor "
        f"of {FACTOR} of one of them."
    ), rows


def _line(row: dict[str, Any]) -> str:
    stated, *others = (f"{row[name]:.2g}" for name in ("stated", "mixture", "unmodified"))
    cells = (
        row["modification"], f"{row['low']:.2g}", f"{row['sites']:,}",
        f"{row['effective']:,.0f}", stated if row["holds"] else f"**{stated}**", *others,
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


_HEADER = (
    "| modification | probability from | sites | effective count | stated "
    "| modified, in the mixture | modified, in unmodified windows |\n"
    "|---|---|---|---|---|---|---|"
)


def table(measured: dict[str, Any]) -> str:
    """Return the table of all groups as Markdown."""
    words, rows = _described(measured)
    return "\n".join([f"{words} The others are bold.", "", _HEADER, *map(_line, rows)])


def exceptions(measured: dict[str, Any]) -> str:
    """Return how many groups hold, and a table of those that do not."""
    words, rows = _described(measured)
    others = [_line(row) for row in rows if not row["holds"]]
    if not others:
        return words
    return "\n".join([f"{words} The others:", "", _HEADER, *others])


def draw(measured: dict[str, Any]) -> None:
    """Draw the picture of the page."""
    model = load_model(device="cpu")
    figure = scan_reliability_diagrams(
        pd.DataFrame(measured["rows"]),
        model.modifications,
        enough=ENOUGH,
        factor=FACTOR,
        title="Probabilities in a scan, cross-fitted",
        remark=f"model {measured['model']}, validation windows; band: a factor of {FACTOR}",
    )
    _, vector = save_figure(figure, PICTURE)
    vector.unlink()  # the page shows the bitmap


def main(name: str, data: str, studies: str | None = None) -> None:
    """Measure, keep, and regenerate the page and the picture."""
    if name == "ensemble":
        keep_measured(ENSEMBLE, measure(name, data, studies))
        update("scan_reliability_ensemble")
        return
    keep_measured(RESULTS, measure(name, data, studies))
    draw(read_results(RESULTS))
    update("scan_reliability")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scan_reliability", description=__doc__
    )
    parser.add_argument("data", help="folder with train/ and valid/")
    parser.add_argument("studies", nargs="?", help="folder of studies, whose sites are annotated")
    parser.add_argument("--model", default="shipped", choices=("shipped", "ensemble"))
    options = parser.parse_args()
    main(options.model, options.data, options.studies)
