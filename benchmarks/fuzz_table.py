"""The table of ``make fuzz``: what readers did with generated documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "fuzz.json"


def table(results: dict[str, Any]) -> str:
    """Return the results of all readers as Markdown."""
    lines = [
        "| reader | compared with | inputs | accepted | rejected | failures "
        "| slowest, s | peak, MB |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, row in results.items():
        lines.append(
            f"| {name} | {row['oracle']} | {row['inputs']:,} | {row['accepted']:,} | "
            f"{row['rejected']:,} | {row['failures']} | {row['slowest_s']:.2f} | "
            f"{row['peak_mb']:.0f} |"
        )
    return "\n".join(lines)
