"""The generated blocks of README and docs: tables of kept results between two marks of a page.

``make pages`` regenerates all of them without measuring anything. A benchmark that measures keeps
its result (:mod:`benchmarks.kept`) and regenerates its own blocks with :func:`update`.
"""

from __future__ import annotations

import csv
import io
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.kept import RESULTS, read_results

from vqrna.errors import DataError
from vqrna.runtime.files import write_text

README = Path(__file__).parents[1] / "README.md"
DOCS = README.parent / "docs"
DEMO = README.parent / "examples" / "demo.fasta"
DEMO_COLUMNS = ("sequence", "position", "base", "modification", "probability", "call", "warnings")
DEMO_ROWS = 5
END = "<!-- -->"


@dataclass(frozen=True)
class Block:
    """A generated part of a page.

    Parameters
    ----------
    page : pathlib.Path
    name : str
        In the mark before the block, ``<!-- NAME -->``.
    text : callable
        Returns the block.
    """

    page: Path
    name: str
    text: Callable[[], str]


def blocks() -> list[Block]:
    """Return all generated blocks."""
    from benchmarks.site import commands

    from benchmarks import (
        adapter_match,
        evaluation_tables,
        faults_table,
        flags_check,
        fuzz_table,
        ism_speed,
        measurements,
        pictures,
        scan_cost,
        scan_exact,
        scan_files,
        scan_memory,
        scan_reliability,
        scan_speed,
        search_table,
        settings_table,
        summary,
        tail_check,
        training_speed,
        validation_table,
        variant_speed,
        web_load,
    )

    def results(module: Any, table: Callable[[Any], str], part: str | None = None) -> Any:
        def text() -> str:
            values = read_results(module.RESULTS)
            return table(values if part is None else values[part])

        return text

    evaluation = DOCS / "evaluation.md"
    return [
        Block(README, "demo", demo),
        Block(README, "summary: quality", summary.quality),
        Block(README, "summary: modifications", summary.by_modification),
        Block(README, "summary: speed", summary.speed),
        *(
            Block(DOCS / "training.md", f"settings: {part}", partial(settings_table.table, part))
            for part in settings_table.PARTS
        ),
        Block(DOCS / "commands.md", "commands", commands.overview),
        Block(DOCS / "formats.md", "colours", colours),
        Block(DOCS / "lengths.md", "lengths", lambda: study("lengths")),
        Block(DOCS / "ablations.md", "ablations", lambda: study("ablations")),
        Block(DOCS / "tuning.md", "search", search_table.table),
        Block(evaluation, "validation", results(validation_table, validation_table.table)),
        *(
            Block(evaluation, name, results(evaluation_tables, table))
            for name, table in evaluation_tables.TABLES.items()
        ),
        Block(DOCS / "speed.md", "exact", results(scan_exact, scan_exact.table)),
        Block(DOCS / "speed.md", "scan speed", results(scan_speed, scan_speed.table)),
        Block(DOCS / "speed.md", "engines", results(scan_speed, scan_speed.engines_table)),
        Block(DOCS / "speed.md", "memory", results(scan_memory, scan_memory.table)),
        Block(DOCS / "speed.md", "training speed", results(training_speed, training_speed.table)),
        Block(DOCS / "clusters.md", "scan cost", results(scan_cost, scan_cost.block)),
        Block(DOCS / "speed.md", "scan files", results(scan_files, scan_files.table)),
        Block(DOCS / "variants.md", "variant speed", results(variant_speed, variant_speed.table)),
        Block(DOCS / "motifs.md", "ism speed", results(ism_speed, ism_speed.table)),
        *(
            Block(DOCS / page, part, results(pictures, pictures.TABLES[part], part))
            for part, page in pictures.PAGES.items()
        ),
        Block(DOCS / "codes.md", "adapter", results(adapter_match, adapter_match.shares_table)),
        Block(
            DOCS / "codes.md",
            "adapter inserted",
            results(adapter_match, adapter_match.reaction_table),
        ),
        Block(DOCS / "flags.md", "flags", results(flags_check, flags_check.table)),
        Block(DOCS / "robustness.md", "faults", results(faults_table, faults_table.table)),
        Block(DOCS / "robustness.md", "fuzz", results(fuzz_table, fuzz_table.table)),
        Block(
            DOCS / "probabilities.md",
            "scan_reliability",
            results(scan_reliability, scan_reliability.table),
        ),
        Block(
            DOCS / "probabilities.md",
            "scan_reliability_ensemble",
            lambda: scan_reliability.exceptions(read_results(scan_reliability.ENSEMBLE)),
        ),
        Block(DOCS / "multiple_testing.md", "tails", results(tail_check, tail_check.table)),
        Block(DOCS / "web.md", "web_load", results(web_load, web_load.table)),
        Block(DOCS / "studies.md", "studies", studies),
        Block(DOCS / "studies.md", "study trials", study_trials),
        Block(DOCS / "studies.md", "study heads", study_heads),
        Block(DOCS / "measurements.md", "measurements", measurements.table),
        Block(DOCS / "training.md", "shipped models", summary.shipped_models),
        Block(DOCS / "quality.md", "quality: tables", kept_text("quality/tables/tables.md")),
        Block(DOCS / "experiments.md", "quality: ideas", kept_text("ideas/table.md")),
    ]


def study(name: str) -> str:
    """Return the tables of a study from its kept cells, below a heading of the page."""
    from vqrna.studies import CellStore, ablations
    from vqrna.studies.plan import CELLS
    from vqrna.studies.report import ablations_page, lengths_page
    from vqrna.studies.run import in_order

    cells = in_order(name, CellStore(RESULTS / name / CELLS).all())
    page = lengths_page(cells) if name == "lengths" else ablations_page(cells, ablations.FULL)
    return page.replace("\n## ", "\n### ").strip()


def studies() -> str:
    """Return the table of models on other studies."""
    from benchmarks.studies.__main__ import kept
    from benchmarks.studies.table import table

    return table(kept())


def study_trials() -> str:
    """Return the table of trainings on several studies."""
    from benchmarks.studies.trials import table

    return table()


def study_heads() -> str:
    """Return the table of ways to train the head on several studies."""
    from benchmarks.studies.heads import table

    return table()


def demo() -> str:
    """Return the most probable sites of the demo."""
    from vqrna.cli import main

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            main(["predict", str(DEMO), "--out", str(out), "--device", "cpu"])
        with (out / "sites.tsv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
    best = sorted(rows, key=lambda row: -float(row["probability"]))[:DEMO_ROWS]
    lines = [f"| {' | '.join(DEMO_COLUMNS)} |", "|" + "---|" * len(DEMO_COLUMNS)]
    lines += [f"| {' | '.join(row[c] for c in DEMO_COLUMNS)} |" for row in best]
    return "\n".join(lines)


def colours() -> str:
    """Return the colours and MODOMICS names of all modifications."""
    from vqrna.modifications import MODIFICATIONS

    lines = ["| modification | colour | in bedRMod |", "|---|---|---|"]
    return "\n".join(
        lines + [f"| {m.symbol} | `{m.color}` | {m.modomics} |" for m in MODIFICATIONS]
    )


def kept_text(name: str) -> Callable[[], str]:
    """Return the reader of a kept text; computing it from its cells takes minutes."""
    return lambda: (RESULTS / name).read_text(encoding="utf-8").strip()


def split_page(page: Path, name: str) -> tuple[str, str, str]:
    """Return what is before, within and after a block of a page.

    Raises
    ------
    DataError
        If the page has no marks with this name.
    """
    begin = f"<!-- {name} -->"
    head, mark, rest = page.read_text(encoding="utf-8").partition(begin)
    block, end, tail = rest.partition(END)
    if not mark or not end:
        raise DataError(f"has no lines '{begin}' and '{END}'", file=page)
    return head + begin, block, END + tail


def into_page(page: Path, name: str, text: str) -> None:
    """Replace a block of a page (DataError if it has no such block)."""
    head, _, tail = split_page(page, name)
    write_text(page, f"{head}\n{text.strip()}\n{tail}")


def update(*names: str) -> None:
    """Regenerate the blocks with these names, or all; print those that changed.

    The list of measurements follows each of them.
    """
    for block in blocks():
        if not names or block.name in (*names, "measurements"):
            before = block.page.read_text(encoding="utf-8")
            into_page(block.page, block.name, block.text())
            if block.page.read_text(encoding="utf-8") != before:
                print(f"updated {block.page.relative_to(README.parent)}: {block.name}")


if __name__ == "__main__":
    update(*sys.argv[1:])
