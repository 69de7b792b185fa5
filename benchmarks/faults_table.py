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
    """Return the results of all faults as Markdown, one row a fault."""
    lines = ["| fault | commands | tried | survived | lost |", "|---|---|--:|--:|--:|"]
    for fault in FAULTS:
        rows = [row for row in results.values() if row["fault"] == fault]
        if rows:
            commands = "; ".join(row["command"] for row in rows)
            counts = (sum(row[key] for row in rows) for key in ("tried", "survived", "lost"))
            lines.append(f"| {fault} | {commands} | {' | '.join(str(n) for n in counts)} |")
    return "\n".join(lines)
