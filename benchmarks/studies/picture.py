"""One picture: each study and type, with and without the study among the training data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.studies.table import COLUMNS, rows

from vqrna.plots.style import BLUE, FAINT, HAIR, INK, ORANGE, PURPLE, new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOOKS = {
    "site": (FAINT, "|", 9),
    "trees": (ORANGE, "X", 7),
    "published": (PURPLE, "s", 6),
    "m6aformer": (PURPLE, "^", 7),
    "main-only": ("white", "D", 5),
    "without": ("white", "o", 7),
    "ours": (BLUE, "o", 8),
}
"""Colour, marker and size of each column of the table."""


def draw_picture(results: dict[str, dict[str, Any]]) -> Figure:
    """Draw the AUROC of every model, a row per study and type; bars are 95 % intervals of ours."""
    table = rows(results)
    with style():
        figure = new_figure(8.2, 1.6 + 0.34 * len(table))
        axes = figure.add_subplot()
        axes.grid(axis="y", visible=False)
        for y, row in enumerate(table):
            axes.axhline(y, color=HAIR, linewidth=0.6, zorder=0)
            ours, without = row["values"].get("ours"), row["values"].get("without")
            if ours and without:
                ends = [without["value"], ours["value"]]
                axes.plot(ends, [y, y], color=BLUE, linewidth=1.4, alpha=0.5, zorder=1)
            if ours:
                axes.plot([ours["low"], ours["high"]], [y, y], color=BLUE, linewidth=0.8, zorder=1)
        for name, (color, marker, size) in LOOKS.items():
            points = [
                (row["values"][name]["value"], y)
                for y, row in enumerate(table)
                if name in row["values"]
            ]
            if points:
                x, heights = zip(*points, strict=True)
                axes.plot(
                    x,
                    heights,
                    marker,
                    color=color,
                    markeredgecolor=BLUE if color == "white" else color,
                    markeredgewidth=1.4 if color in ("white", FAINT) else 0.5,
                    markersize=size,
                    label=COLUMNS[name],
                    zorder=3 if name == "ours" else 2,
                )
        axes.set_yticks(
            range(len(table)), [f"{row['modification']}   {row['study']}" for row in table]
        )
        axes.set_ylim(len(table) - 0.4, -0.6)
        axes.set_xlim(min(0.48, axes.get_xlim()[0]), 1.0)
        axes.axvline(0.5, color=INK, linewidth=0.6, linestyle=":")
        axes.set_xlabel("AUROC on validation windows of the study")
        axes.set_title("Sites that other laboratories measured", loc="left")
        figure.legend(
            *axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False
        )
    return figure
