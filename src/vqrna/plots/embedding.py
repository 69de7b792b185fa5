"""Map of sites: all sites by type, and a panel for each type with its labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vqrna.plots.style import HAIR, INK, dark, frame, new_figure, style

_COLUMNS = 4


def embedding_map(
    xy: np.ndarray,
    labels: np.ndarray,
    names: Sequence[str],
    colors: Sequence[str],
    *,
    axes: tuple[str, str] = ("1", "2"),
    called: bool = False,
    title: str = "",
    remark: str = "",
) -> Figure:
    """Draw sites in two dimensions.

    Parameters
    ----------
    xy : np.ndarray, shape (N, 2)
    labels : np.ndarray, shape (N, M)
        1 modified, 0 unmodified, -1 unknown.
    names, colors : sequence of str, length M
        Names and colours of the types; types without known labels have no panel.
    axes : tuple of str
        Names of the axes.
    called : bool
        Whether the labels are calls.
    """
    present = [t for t in range(len(names)) if (labels[:, t] >= 0).any()]
    rows = max(-(-len(present) // _COLUMNS), 1 if present else 0)
    size = float(np.clip(9000 / max(len(xy), 1), 1.5, 28))
    with style():
        figure = new_figure(5.6 + (7.2 if present else 0), max(4.6, 1.75 * rows + 0.7))
        parts: Any = [figure]
        if present:
            parts = figure.subfigures(1, 2, width_ratios=(5.6, 7.2))
        large = parts[0].subplots()
        _plain(large)
        large.set(xlabel=axes[0], ylabel=axes[1])
        none = ~(labels == 1).any(axis=1)
        raster = len(xy) > 500
        large.scatter(*xy[none].T, s=size * 0.6, c="#cfcfcf", lw=0, rasterized=raster)
        # Random order, so that no type covers all others
        points = np.argwhere(labels == 1)
        points = np.random.default_rng(0).permutation(points)
        if len(points):
            shades = np.array(colors, dtype=object)[points[:, 1]].tolist()
            large.scatter(*xy[points[:, 0]].T, s=size, c=shades, lw=0, alpha=0.8, rasterized=raster)
        word = "called" if called else "modified"
        heading = f"{word} sites by modification" + (f" (grey: not {word})" if none.any() else "")
        if not present:
            heading = "no labels of these sites are known"
        elif not called:
            heading += "; right: modified (dots) / unmodified (crosses)"
        large.set_title(heading, fontsize=8)
        if present:
            grid = parts[1].subplots(rows, _COLUMNS, squeeze=False, sharex=True, sharey=True)
            for ax in grid.ravel()[len(present) :]:
                ax.set_visible(False)
            for ax, t in zip(grid.ravel(), present, strict=False):
                _of_type(ax, xy, labels[:, t], names[t], colors[t], size, called)
        frame(figure, title, remark)
    return figure


def _of_type(
    ax: Axes, xy: np.ndarray, label: np.ndarray, name: str, color: str, size: float, called: bool
) -> None:
    _plain(ax)
    modified, unmodified = label == 1, label == 0
    marks: tuple[tuple[np.ndarray, dict[str, Any]], ...] = (
        (np.ones(len(xy), dtype=bool), {"s": size * 0.25, "c": HAIR, "lw": 0}),
        # Crosses, because the colour of a type may be grey
        (unmodified, {"s": size * 1.5, "c": INK, "marker": "+", "lw": 0.5, "alpha": 0.7}),
        (modified, {"s": size * 0.7, "c": color, "lw": 0, "alpha": 0.9}),
    )
    for rows, look in marks:
        ax.scatter(xy[rows, 0], xy[rows, 1], rasterized=len(xy) > 500, **look)
    counts = f"{modified.sum()}" + ("" if called else f" / {unmodified.sum()}")
    ax.set_title(f"{name}  {counts}", color=dark(color), fontsize=8.5)


def _plain(ax: Axes) -> None:
    ax.grid(False)
    ax.set_xticks([])
    ax.set_yticks([])
