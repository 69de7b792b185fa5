"""Reliability diagrams: the score of windows against the share of modified ones among them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vqrna.modifications import Modification
from vqrna.plots.style import FAINT, INK, dark, frame, new_figure, style

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
        One row a group of windows: ``modification``, ``windows``, ``calibration``, ``score``,
        ``share``, ``low``, ``high``. The last of the calibrations has full dots with intervals,
        the other ones rings.
    table : pandas.DataFrame
        ``modification``, ``windows``, ``calibration``, ``metric`` (``ece`` and ``slope`` are
        written into the panels), ``value``, ``low``, ``high``.
    modifications : sequence of Modification
        Types to draw, in this order; those that are not in the groups are left out.
    title, remark : str
        Above and below the panels.
    windows : str
        Which set of windows.

    Returns
    -------
    matplotlib.figure.Figure
    """
    groups, table = groups[groups["windows"] == windows], table[table["windows"] == windows]
    kinds = list(dict.fromkeys(groups["calibration"]))
    there = set(groups["modification"])
    shown = [(m.symbol, dark(m.color, 3)) for m in modifications if m.symbol in there]
    others = there - {m.symbol for m in modifications}
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
            _square(ax, bottom=i + columns >= len(shown), left=i % columns == 0)
            ax.set_title(name, color=dark(color), fontsize=10)
            for kind in kinds:
                of_kind = groups[(groups["modification"] == name) & (groups["calibration"] == kind)]
                _dots(ax, of_kind, color, strong=kind == kinds[-1])
            if kinds:
                of_type = table[(table["modification"] == name)]
                ax.text(
                    0.03, 0.96, _told(of_type[of_type["calibration"] == kinds[-1]]), fontsize=6.5,
                    ha="left", va="top", color=INK, transform=ax.transAxes, linespacing=1.3,
                )  # fmt: skip
        figure.supxlabel("mean score of a tenth of the windows", fontsize=8.5, color=INK)
        figure.supylabel("share of modified windows", fontsize=8.5, color=INK)
        _legend(figure, kinds, title)
        frame(figure, "", remark)
    return figure


def _square(ax: Axes, *, bottom: bool, left: bool) -> None:
    """Set up a panel from 0 to 1 both ways, with the diagonal; numbers stand at the edge only."""
    ax.set(xlim=(-0.04, 1.04), ylim=(-0.04, 1.04), aspect="equal")
    ticks, words = [0, 0.5, 1], ["0", ".5", "1"]
    ax.set_xticks(ticks, words if bottom else [""] * 3)
    ax.set_yticks(ticks, words if left else [""] * 3)
    ax.plot([0, 1], [0, 1], color=FAINT, lw=0.9, zorder=1)


def _dots(ax: Axes, groups: pd.DataFrame, color: str, *, strong: bool) -> None:
    """Draw the groups of one calibration."""
    x, y = groups["score"].to_numpy(dtype=float), groups["share"].to_numpy(dtype=float)
    if strong:
        reach = np.clip([y - groups["low"], groups["high"] - y], 0, None)
        ax.errorbar(x, y, reach, fmt="o", ms=3.6, color=color, lw=0.9, zorder=3)
    else:
        ax.plot(x, y, "o", ms=4.2, mfc="none", mec=FAINT, mew=0.8, zorder=2)


def _told(table: pd.DataFrame) -> str:
    """Write error and slope with their intervals."""
    lines = []
    for metric, word, digits in (("ece", "ECE", 3), ("slope", "slope", 2)):
        rows = table.loc[table["metric"] == metric, ["value", "low", "high"]].astype(float)
        for numbers in rows.to_numpy():
            value, low, high = (f"{x:.{digits}f}" for x in numbers)
            lines.append(f"{word} {value} ({low}–{high})" if low != "nan" else f"{word} {value}")
    return "\n".join(lines)


def _legend(figure: Figure, kinds: Sequence[str], title: str) -> None:
    """Say what dots and rings are."""
    handles = [
        Line2D(
            [], [], marker="o", ls="", ms=4.2, mfc="none", mec=FAINT, label=f"{kind} calibration"
        )
        for kind in kinds[:-1]
    ]
    handles += [
        Line2D([], [], marker="o", ls="", ms=4, color=INK,
               label=f"{kind} calibration (95 % interval of the share)")
        for kind in kinds[-1:]
    ]  # fmt: skip
    figure.legend(
        handles=handles, loc="outside upper left", ncols=2, title=title or None, alignment="left",
        title_fontproperties={"size": 11, "weight": "bold"},
    )  # fmt: skip
