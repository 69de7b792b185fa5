"""The table of the studies, as Markdown."""

from __future__ import annotations

from typing import Any

COLUMNS = {
    "ours": "vqrna",
    "ensemble": "vqrna, `--model ensemble`",
    "without": "vqrna, trained without the study",
    "main-only": "vqrna, trained on the benchmark alone",
    "trees": "trees trained on the study alone",
    "published": "published network, trained on the benchmark",
    "m6aformer": "M6AFormer",
    "site": "5 nt alone",
}
"""Title of each column; a model without any value has none."""


def rows(results: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each study and type, with the kept results by column of the table.

    Parameters
    ----------
    results : dict
        Kept results by name: ``ours``, ``without-STUDY``, ``trees`` and so on.
    """
    table: dict[tuple[str, str], dict[str, Any]] = {}
    for name, result in results.items():
        for row in result["rows"]:
            column = name
            if name.startswith("without-"):
                if name != f"without-{row['study']}":
                    continue
                column = "without"
            if column in COLUMNS:
                key = (row["modification"], row["study"])
                entry = table.setdefault(
                    key, {name: row[name] for name in ("study", "modification", "n_pos", "n_neg")}
                )
                entry.setdefault("values", {})[column] = row
    return [table[key] for key in sorted(table)]


def table(results: dict[str, dict[str, Any]]) -> str:
    """Return the table, with a row of means over the studies and types that all columns have."""
    lines = rows(results)
    columns = [c for c in COLUMNS if any(c in row["values"] for row in lines)]
    titles = " | ".join(COLUMNS[c] for c in columns)
    text = [
        f"| modification | study | modified / unmodified | {titles} |",
        "|---|---|---|" + "---|" * len(columns),
    ]
    for row in lines:
        cells = [_cell(row["values"].get(c), interval=c == "ours") for c in columns]
        counts = f"{row['n_pos']:,} / {row['n_neg']:,}"
        text.append(f"| {row['modification']} | {row['study']} | {counts} | {' | '.join(cells)} |")
    means = []
    for column in columns:
        values = [row["values"][column]["value"] for row in lines if column in row["values"]]
        complete = len(values) == len(lines)
        means.append(f"**{sum(values) / len(values):.3f}**" if complete else "–")
    text.append(f"| **mean** | | | {' | '.join(means)} |")
    return "\n".join(text)


def _cell(value: dict[str, Any] | None, *, interval: bool) -> str:
    if value is None:
        return "–"
    bounds = f" ({value['low']:.2f}–{value['high']:.2f})" if interval else ""
    return f"{value['value']:.3f}{bounds}"
