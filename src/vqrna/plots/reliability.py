"""Reliability diagrams: score of windows against the share of modified windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vqrna.modifications import Modification
from vqrna.plots.style import FAINT, INK, dark, frame, new_figure, style, unit_square

_COLUMNS = 4
_SIDE = 2.05


def reliability_diagrams(
    groups: pd.DataFrame,
    table: pd.DataFrame,
    modifications: Sequence[Modification],
    *,
    title: str = "",
    remark: str = "",
    windows: str = "all",
) -> Figure:
    """Draw a diagram for each type, and one for all windows together.

    Parameters
    ----------
    groups : pandas.DataFrame
        One row per group of windows: ``modification``, ``windows``, ``calibration``, ``score``,
        ``share``, ``low``, ``high``. The last calibration is drawn as dots with intervals, the
        others as rings.
    table : pandas.DataFrame
        ``modification``, ``windows``, ``calibration``, ``metric`` (``ece`` and ``slope`` are
        written into the panels), ``value``, ``low``, ``high``.
    modifications : sequence of Modification
        Types to draw, in this order; types that are not in the groups are left out.
    windows : str
        Set of windows.
    """
    groups, table = groups[groups["windows"] == windows], table[table["windows"] == windows]
    calibrations = list(dict.fromkeys(groups["calibration"]))
    present = set(groups["modification"])
    shown = [(m.symbol, dark(m.color, 3)) for m in modifications if m.symbol in present]
    others = present - {m.symbol for m in modifications}
    shown += [(str(name), INK) for name in sorted(others)]
    columns = min(_COLUMNS, max(len(shown), 1))
    rows = -(-len(shown) // columns) or 1
    with style():
        figure = new_figure(_SIDE * columns + 0.4, (_SIDE + 0.2) * rows + 0.95)
        axes = figure.subplots(rows, columns, squeeze=False)
        for i, ax in enumerate(axes.flat):
            if i >= len(shown):
                ax.set_visible(False)
                continue
            name, color = shown[i]
            unit_square(ax, 0.04, bottom=i + columns >= len(shown), left=i % columns == 0)
            ax.plot([0, 1], [0, 1], color=FAINT, lw=0.9, zorder=1)
            ax.set_title(name, color=dark(color), fontsize=10)
            for calibration in calibrations:
                rows_drawn = groups[
                    (groups["modification"] == name) & (groups["calibration"] == calibration)
                ]
                _dots(ax, rows_drawn, color, strong=calibration == calibrations[-1])
            if calibrations:
                of_type = table[table["modification"] == name]
                last = of_type[of_type["calibration"] == calibrations[-1]]
                ax.text(
                    0.03, 0.96, _metrics_text(last), fontsize=6.5,
                    ha="left", va="top", color=INK, transform=ax.transAxes, linespacing=1.3,
                )  # fmt: skip
        figure.supxlabel("mean score of each tenth of the windows", fontsize=8.5, color=INK)
        figure.supylabel("share of modified windows", fontsize=8.5, color=INK)
        _legend(figure, calibrations, title)
        frame(figure, "", remark)
    return figure


def _dots(ax: Axes, groups: pd.DataFrame, color: str, *, strong: bool) -> None:
    x, y = groups["score"].to_numpy(dtype=float), groups["share"].to_numpy(dtype=float)
    if strong:
        reach = np.clip([y - groups["low"], groups["high"] - y], 0, None)
        ax.errorbar(x, y, reach, fmt="o", ms=3.6, color=color, lw=0.9, zorder=3)
    else:
        ax.plot(x, y, "o", ms=4.2, mfc="none", mec=FAINT, mew=0.8, zorder=2)


def _metrics_text(table: pd.DataFrame) -> str:
    lines = []
    for metric, name, digits in (("ece", "ECE", 3), ("slope", "slope", 2)):
        rows = table.loc[table["metric"] == metric, ["value", "low", "high"]].astype(float)
        for numbers in rows.to_numpy():
            value, low, high = (f"{x:.{digits}f}" for x in numbers)
            lines.append(f"{name} {value} ({low}–{high})" if low != "nan" else f"{name} {value}")
    return "\n".join(lines)


def _legend(figure: Figure, calibrations: Sequence[str], title: str) -> None:
    handles = [
        Line2D(
            [], [], marker="o", ls="", ms=4.2, mfc="none", mec=FAINT, label=f"{name} calibration"
        )
        for name in calibrations[:-1]
    ]
    handles += [
        Line2D([], [], marker="o", ls="", ms=4, color=INK,
               label=f"{name} calibration (95 % interval of the share)")
        for name in calibrations[-1:]
    ]  # fmt: skip
    figure.legend(
        handles=handles, loc="outside upper left", ncols=2, title=title or None, alignment="left",
        title_fontproperties={"size": 11, "weight": "bold"},
    )  # fmt: skip
