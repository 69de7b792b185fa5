"""When, with what and by which command the numbers of README and docs were measured.

The table of ``docs/measurements.md``, from the facts in the kept results.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks.kept import MEASURED, RESULTS, read_results


@dataclass(frozen=True)
class Measurement:
    """A result of the shipped model, and where it is shown.

    Parameters
    ----------
    file : str
        In ``benchmarks/results``.
    page : str
        Of ``docs``.
    what : str
    command : str
    part : str
        Key of a part of the file with its own facts; empty for the whole file.
    """

    file: str
    page: str
    what: str
    command: str
    part: str = ""

    def measured(self) -> list[dict[str, Any]]:
        """Return the facts of each measurement in the file; ``model`` is what was measured."""
        values = read_results(RESULTS / self.file)
        if self.part:
            values = values[self.part]
        return [
            row[MEASURED] | {"model": row.get("model", row[MEASURED]["weights"])}
            for row in (values if isinstance(values, list) else [values])
        ]


MEASUREMENTS = (
    Measurement("validation.json", "evaluation.md", "scores", "benchmark-validation"),
    Measurement(
        "evaluation.json", "evaluation.md", "localisation, false calls", "benchmark-evaluation"
    ),
    Measurement("scan_reliability.json", "probabilities.md", "default", "benchmark-reliability"),
    Measurement(
        "scan_reliability_ensemble.json", "probabilities.md", "ensemble", "benchmark-reliability"
    ),
    Measurement("tail.json", "multiple_testing.md", "fitted tails", "benchmark-tail"),
    Measurement("flags.json", "flags.md", "flagged windows", "benchmark-flags"),
    Measurement("studies/ours.json", "studies.md", "default", "benchmark-studies"),
    Measurement("studies/ensemble.json", "studies.md", "ensemble", "benchmark-studies"),
    Measurement("why.json", "codes.md", "codes of each type", "pictures", "codes"),
    Measurement("why.json", "motifs.md", "motifs of each type", "pictures", "letters"),
    Measurement("adapter.json", "codes.md", "adapter after sites", "benchmark-adapter"),
    Measurement("ism_speed.json", "motifs.md", "speed of mutagenesis", "benchmark-ism"),
    Measurement("variant_speed.json", "variants.md", "speed of variants", "benchmark-variants"),
    Measurement("scan_exact.json", "speed.md", "exactness", "benchmark-exact"),
    Measurement("scan_speed.json", "speed.md", "scans, engines", "benchmark-scan"),
    Measurement("scan_files.json", "speed.md", "from file to file", "benchmark-scan"),
    Measurement("scan_cost.json", "clusters.md", "cost of inputs", "benchmark-scan"),
    Measurement("scan_memory.json", "speed.md", "memory", "benchmark-memory", "rows"),
    Measurement("training_speed.json", "speed.md", "training", "benchmark-training"),
    Measurement("web_load.json", "web.md", "load of the web server", "benchmark-web"),
)


def table() -> str:
    """Return a row for each result as Markdown."""
    lines = ["| page | what | command | model | date | processor |", "|---|---|---|---|---|---|"]
    for each in MEASUREMENTS:
        facts = each.measured()
        cells = [
            ", ".join(dict.fromkeys(row[key] for row in facts))
            for key in ("model", "date", "processor")
        ]
        cells[1] = cells[1].replace("-", "\N{NON-BREAKING HYPHEN}")
        title = each.page.removesuffix(".md").replace("_", " ")
        lines.append(
            f"| [{title}]({each.page}) | {each.what} "
            f"| `make {each.command}` | {' | '.join(cells)} |"
        )
    return "\n".join(lines)
