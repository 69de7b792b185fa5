"""The table of the search of docs/tuning.md, from the kept trials in docs/search."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

SEARCH = Path(__file__).parents[1] / "docs" / "search"
BEST = 5


def seeds_of(name: str) -> pd.Series:
    """Return the scores of five other seeds: of the ``preset``, or of the ``best`` settings."""
    return pd.read_csv(SEARCH / f"seeds_{name}.csv")["value"]


def table() -> str:
    """Return the best trials, the states of all, and the scores of other seeds as Markdown."""
    trials = pd.read_csv(SEARCH / "trials.csv")
    best = trials[trials["state"] == "complete"].nlargest(BEST, "value")
    columns = list(trials.columns)
    names = columns[columns.index("seconds") + 1 : -2]
    lines = [
        "| trial | AUROC | " + " | ".join(f"`{name}`" for name in names) + " |",
        "|---" * (len(names) + 2) + "|",
    ]
    for row in best.to_dict("records"):
        cells = [_cell(row[name]) for name in names]
        lines.append(f"| {row['trial']} | {row['value']:.4f} | " + " | ".join(cells) + " |")
    states = trials["state"].value_counts()
    lines += [
        "",
        f"{states['complete']} trials were complete and {states['pruned']} pruned, in "
        f"{trials['seconds'].sum() / 60:.0f} minutes. Best: trial {best.iloc[0]['trial']}.",
        "",
        "| five other seeds | mean AUROC | lowest | highest |\n|---|---|---|---|",
    ]
    for title, name in (("preset", "preset"), ("best settings", "best")):
        values = seeds_of(name)
        lines.append(f"| {title} | {values.mean():.4f} | {values.min():.4f} | {values.max():.4f} |")
    return "\n".join(lines)


def _cell(value: str | float) -> str:
    if isinstance(value, str):
        return value
    return "" if pd.isna(value) else f"{value:.3g}"
