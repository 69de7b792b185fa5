"""A map of sites: all of them by type, and every type by itself with its labels."""

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
        1 modified, 0 not, -1 not known.
    names, colors : sequence of str, length M
        Of the types; those of which nothing is known get no panel.
    axes : tuple of str
        Names of the axes.
    called : bool
        Whether the labels are calls.
    title, remark : str
        Above and below.
    """
    there = [t for t in range(len(names)) if (labels[:, t] >= 0).any()]
    rows = max(-(-len(there) // _COLUMNS), 1 if there else 0)
    size = float(np.clip(9000 / max(len(xy), 1), 1.5, 28))
    with style():
        figure = new_figure(5.6 + (7.2 if there else 0), max(4.6, 1.75 * rows + 0.7))
        parts: Any = [figure]
        if there:
            parts = figure.subfigures(1, 2, width_ratios=(5.6, 7.2))
        large = parts[0].subplots()
        _plain(large)
        large.set(xlabel=axes[0], ylabel=axes[1])
        none = ~(labels == 1).any(axis=1)
        large.scatter(
            xy[none, 0], xy[none, 1], s=size * 0.6, c="#cfcfcf", lw=0, rasterized=len(xy) > 500
        )
        # In a mixed order, so that no type lies on top of all others
        points = np.argwhere(labels == 1)
        points = np.random.default_rng(0).permutation(points)
        if len(points):
            shades = np.array(colors, dtype=object)[points[:, 1]].tolist()
            x, y = xy[points[:, 0]].T
            large.scatter(x, y, s=size, c=shades, lw=0, alpha=0.8,
                          rasterized=len(xy) > 500)  # fmt: skip
        word = "called" if called else "modified"
        told = f"{word}, by type" + ("; grey: not" if none.any() else "")
        if not there:
            told = "nothing is known of these sites"
        beside = "on the right modified (dots) / unmodified (crosses)"
        large.set_title(told if called or not there else f"{told}; {beside}", fontsize=8)
        if there:
            grid = parts[1].subplots(rows, _COLUMNS, squeeze=False, sharex=True, sharey=True)
            for ax in grid.ravel()[len(there) :]:
                ax.set_visible(False)
            for ax, t in zip(grid.ravel(), there, strict=False):
                _of_type(ax, xy, labels[:, t], names[t], colors[t], size, called)
        frame(figure, title, remark)
    return figure


def _of_type(
    ax: Axes, xy: np.ndarray, label: np.ndarray, name: str, color: str, size: float, called: bool
) -> None:
    """Draw one type: what is known of it over all other sites."""
    _plain(ax)
    raster = len(xy) > 500
    ax.scatter(xy[:, 0], xy[:, 1], s=size * 0.25, c=HAIR, lw=0, rasterized=raster)
    # Crosses, since a type may itself be grey
    ax.scatter(
        xy[label == 0, 0],
        xy[label == 0, 1],
        s=size * 1.5,
        c=INK,
        marker="+",
        lw=0.5,
        alpha=0.7,
        rasterized=raster,
    )
    ax.scatter(
        xy[label == 1, 0],
        xy[label == 1, 1],
        s=size * 0.7,
        c=color,
        lw=0,
        alpha=0.9,
        rasterized=raster,
    )
    counts = f"{int((label == 1).sum())}" + ("" if called else f" / {int((label == 0).sum())}")
    ax.set_title(f"{name}  {counts}", color=dark(color), fontsize=8.5)


def _plain(ax: Axes) -> None:
    """Leave out numbers: distances on such a map have no unit."""
    ax.grid(False)
    ax.set_xticks([])
    ax.set_yticks([])
