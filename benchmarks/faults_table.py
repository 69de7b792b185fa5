"""The table of ``make faults``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "faults.json"

FAULTS = (
    "kill -9",
    "full disk",
    "read-only folder",
    "two writers",
    "closed streams",
    "damaged parts",
    "damaged weights",
)


def table(results: dict[str, Any]) -> str:
    """Return the results of all faults as Markdown."""
    lines = ["| fault | command | tried | survived | lost |", "|---|---|--:|--:|--:|"]
    for row in results.values():
        lines.append(
            f"| {row['fault']} | {row['command']} | {row['tried']} | {row['survived']} "
            f"| {row['lost']} |"
        )
    return "\n".join(lines)
