"""Importance of each position around a site, as bars."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from vqrna.plots.style import BLUE, FAINT, HAIR, INK, dark, frame, new_figure, style

NEAR = 20
"""Nt on either side of the site that are also drawn enlarged."""


def importance_bars(
    importance: np.ndarray,
    offsets: np.ndarray,
    label: str,
    title: str = "",
    color: str = BLUE,
    remark: str = "",
) -> Figure:
    """Draw the importance of all positions, and those near the site enlarged.

    The site has a separate panel and scale: substituting it removes the site.

    Parameters
    ----------
    importance : np.ndarray, shape (L,)
    offsets : np.ndarray, shape (L,), int
        Positions relative to the site.
    label : str
        Name of the importance.
    title, color, remark : str
    """
    beside = np.where(offsets == 0, 0, importance)
    near = np.abs(offsets) <= NEAR
    strong = dark(color, 3)
    with style():
        figure = new_figure(11, 4.2)
        grid = figure.add_gridspec(2, 2, width_ratios=[24, 1], height_ratios=[1.2, 1])
        whole = figure.add_subplot(grid[0, :])
        whole.bar(offsets, beside, width=1, color=strong, lw=0)
        whole.set_xlim(offsets[0] - 1, offsets[-1] + 1)
        whole.set_xlabel("position relative to the site (nt)")
        close = figure.add_subplot(grid[1, 0])
        close.bar(offsets[near], beside[near], width=0.85, color=strong, lw=0)
        close.axvspan(-0.5, 0.5, color=HAIR, lw=0, zorder=0)
        close.set_xlim(max(-NEAR, offsets[0]) - 0.7, min(NEAR, offsets[-1]) + 0.7)
        close.set_xlabel("near the site (the site itself: on the right)")
        for ax in (whole, close):
            ax.grid(visible=False, axis="x")
            ax.xaxis.set_major_locator(MaxNLocator(21, integer=True, steps=[1, 2, 2.5, 5, 10]))
            ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:+.0f}" if x else "site"))
            ax.yaxis.set_major_locator(MaxNLocator(4))
            ax.set_ylim(0, 1.05 * float(beside.max(initial=0)) or 1.0)
        site = figure.add_subplot(grid[1, 1])
        site.bar([0], importance[offsets == 0], width=0.85, color=INK, lw=0)
        site.set_xlim(-0.7, 0.7)
        site.set_xticks([0], ["site"])
        site.yaxis.tick_right()
        site.yaxis.set_major_locator(MaxNLocator(3))
        site.spines["left"].set_visible(False)
        site.spines["right"].set_visible(True)
        site.spines["right"].set_color(FAINT)
        site.grid(visible=False, axis="x")
        figure.supylabel(label, fontsize=8.5)
        frame(figure, title, remark, 0.04)
    return figure
