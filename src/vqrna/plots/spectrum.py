"""Feature spectrum: one strip per type with a bar for each code."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from vqrna.plots.style import FAINT, HAIR, INK, dark, frame, new_figure, style, tint


def feature_spectrum(
    values: np.ndarray,
    group: np.ndarray,
    names: Sequence[str],
    colors: Sequence[str],
    *,
    significant: np.ndarray | None = None,
    unit: str = "",
    title: str = "",
    remark: str = "",
) -> Figure:
    """Draw the spectrum.

    Parameters
    ----------
    values : np.ndarray, shape (U, M)
        Values of the codes, in the order of the picture.
    group : np.ndarray, shape (U,), int
        Type of each code; its strip is tinted there.
    significant : np.ndarray, shape (U, M), bool, optional
        Values in full colour; the others are pale. All if not given.
    unit : str
        Label of the values.
    """
    n, m = values.shape
    shown = np.nan_to_num(values)
    low, high = min(0.0, shown.min(initial=0)), max(0.0, shown.max(initial=0))
    margin = 0.04 * (high - low) or 1.0
    edges = np.arange(n + 1)
    with style():
        figure = new_figure(10, 0.58 * m + 1.25)
        axes = figure.subplots(m, 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        for t, ax in enumerate(axes):
            ax.grid(False)
            own = np.flatnonzero(group == t)
            if len(own):
                ax.axvspan(own[0], own[-1] + 1, color=tint(colors[t], 0.13), lw=0, zorder=0)
            strong = np.ones(n, dtype=bool) if significant is None else significant[:, t]
            for drawn, color in ((~strong, tint(colors[t], 0.4)), (strong, colors[t])):
                if drawn.any():
                    ax.stairs(np.where(drawn, shown[:, t], 0), edges, fill=True, color=color)
            ax.axhline(0, color=FAINT, lw=0.5)
            ax.set(xlim=(0, max(n, 1)), ylim=(low - margin, high + margin))
            ax.set_ylabel(names[t], rotation=0, ha="right", va="center", color=dark(colors[t]),
                          fontsize=9, fontweight="bold")  # fmt: skip
            ax.tick_params(length=2, labelsize=6.5)
            ax.spines["bottom"].set_visible(t == m - 1)
            ax.tick_params(axis="x", length=0 if t < m - 1 else 2)
            ax.spines["left"].set_color(HAIR)
        starts = np.flatnonzero(np.diff(group, prepend=-1))
        for ax in axes:
            for start in starts:
                ax.axvline(start, color=HAIR, lw=0.6, zorder=0.5)
        axes[-1].set_xlabel(
            f"{n} codes, grouped by the modification with the highest value, descending"
        )
        figure.supylabel(unit, fontsize=8.5, color=INK)
        frame(figure, title, remark)
    return figure
