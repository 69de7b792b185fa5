"""Reliability of probabilities in a scan: what is stated against two bounds of what is right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vqrna.modifications import Modification
from vqrna.plots.style import FAINT, HAIR, INK, dark, frame, new_figure, style

_COLUMNS, _SIDE = 4, 2.05
_LOWEST, _HIGHEST = 1e-4, 1.0
_TICKS, _LABELS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0), ("0.0001", "0.001", "0.01", "0.1", "1")
_X_LABELS = ("", "0.001", "", "0.1", "")  # those at the ends would collide with the next panel


def scan_reliability_diagrams(
    table: pd.DataFrame,
    modifications: Sequence[Modification],
    *,
    enough: float,
    factor: float,
    title: str = "",
    remark: str = "",
) -> Figure:
    """Draw a diagram for each type, with logarithmic axes.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per group of positions: ``modification``, ``effective`` count, mean ``stated``
        probability, and shares of sites: ``mixture`` (lower bound) and ``unmodified`` (upper).
    modifications : sequence of Modification
        Types to draw, in this order; types that are not in the table are left out.
    enough : float
        Groups with a lower effective count are drawn pale.
    factor : float
        Ratio of the band around the diagonal.
    """
    shown = [m for m in modifications if (table["modification"] == m.symbol).any()]
    columns = min(_COLUMNS, max(len(shown), 1))
    rows = -(-len(shown) // columns) or 1
    line = np.array([_LOWEST, _HIGHEST])
    with style():
        figure = new_figure(_SIDE * columns + 0.4, (_SIDE + 0.2) * rows + 0.95)
        axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
        for i, ax in enumerate(axes.flat):
            if i >= len(shown):
                ax.set_visible(False)
                continue
            m = shown[i]
            ax.set(xscale="log", yscale="log", xlim=line, ylim=line)
            ax.set_xticks(_TICKS, _X_LABELS)
            ax.set_yticks(_TICKS, _LABELS)
            ax.minorticks_off()
            ax.tick_params(labelbottom=i + columns >= len(shown))
            ax.fill_between(line, line / factor, line * factor, color=HAIR, lw=0, zorder=0)
            ax.plot(line, line, color=FAINT, lw=0.9, zorder=1)
            ax.set_title(m.symbol, color=dark(m.color), fontsize=10)
            for row in table[table["modification"] == m.symbol].to_dict("records"):
                color = dark(m.color, 3) if row["effective"] >= enough else FAINT
                ends = np.clip([row["mixture"], row["unmodified"]], _LOWEST, _HIGHEST)
                ax.plot([row["stated"]] * 2, ends, color=color, lw=1.6, zorder=3)
                ax.plot(row["stated"], ends[0], "_", ms=6, mew=1.4, color=color, zorder=4)
                ax.plot(row["stated"], ends[1], "o", ms=3, color=color, zorder=4)
        figure.supxlabel("mean stated probability", fontsize=8.5, color=INK)
        figure.supylabel("share that is right", fontsize=8.5, color=INK)
        handles = [
            Line2D([], [], marker="_", ls="", ms=6, mew=1.4, color=INK, label="in the mixture"),
            Line2D([], [], marker="o", ls="", ms=3, color=INK, label="in unmodified windows"),
            Line2D([], [], marker="o", ls="", ms=3, color=FAINT,
                   label=f"effective count below {enough:g}"),
        ]  # fmt: skip
        figure.legend(
            handles=handles, loc="outside upper left", ncols=3, title=title or None,
            alignment="left", title_fontproperties={"size": 11, "weight": "bold"},
        )  # fmt: skip
        frame(figure, "", remark)
    return figure
