"""Probabilities of the shipped model in a scan: stated, and right in two mixtures.

Run by ``make benchmark-reliability``; kept in ``results/scan_reliability.json``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd
from benchmarks.pages import DOCS, keep, read_results, update

from vqrna.data.studies import pool
from vqrna.evaluation.scan_reliability import ENOUGH, FACTOR, scan_reliability
from vqrna.model import TrainedModel
from vqrna.model.weights import load_model
from vqrna.plots.scan_reliability import scan_reliability_diagrams
from vqrna.plots.style import save_figure
from vqrna.training import from_benchmark, with_studies
from vqrna.training.scan_calibration import scan_mixtures

RESULTS = Path(__file__).with_name("results") / "scan_reliability.json"
PICTURE = DOCS / "images" / "scan_reliability.png"


def measure(data: str, studies: str | None) -> dict[str, Any]:
    """Scan the validation windows, and compare what is stated with what is right."""
    model = load_model(device="cpu")
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


def table(measured: dict[str, Any]) -> str:
    """Return the table as Markdown."""
    rows = [row for row in measured["rows"] if row["effective"] >= ENOUGH]
    outside = [row for row in rows if not row["holds"]]
    lines = [
        f"Model {measured['model']}. In {len(rows) - len(outside)} of {len(rows)} groups with an "
        f"effective count of at least {ENOUGH}, the stated probability lies between both shares or "
        f"within a factor of {FACTOR} of one of them. The others are bold.",
        "",
        "| modification | probability from | sites | effective count | stated "
        "| modified, in the mixture | modified, in unmodified windows |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        shares = (f"{row[name]:.2g}" for name in ("stated", "mixture", "unmodified"))
        stated, *others = shares
        cells = (
            row["modification"], f"{row['low']:.2g}", f"{row['sites']:,}",
            f"{row['effective']:,.0f}", stated if row["holds"] else f"**{stated}**", *others,
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


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


def main(data: str, studies: str | None = None) -> None:
    """Measure, keep, and regenerate the page and the picture."""
    keep(RESULTS, measure(data, studies))
    draw(read_results(RESULTS))
    update("scan_reliability")


if __name__ == "__main__":
    main(*sys.argv[1:])
