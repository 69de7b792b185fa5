"""Pictures of a search: history, importance of settings, and score against every setting."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from vqrna.plots.style import BLUE, FAINT, INK, ORANGE, new_figure, style, tint

_COLUMNS, _MARKED = 3, 6  # panels side by side, and largest number of values with a tick each


def search_history(
    number: np.ndarray, value: np.ndarray, pruned: np.ndarray, score: str, lowest: bool = False
) -> Figure:
    """Draw the score of every trial, and the best so far.

    Parameters
    ----------
    number : np.ndarray, shape (N,), int
        Numbers of the trials, ascending.
    value : np.ndarray, shape (N,)
        Score; NaN for a failed trial.
    pruned : np.ndarray, shape (N,), bool
        Whether the trial was pruned: drawn hollow, and never the best.
    score : str
        Label of the axis, for example ``validation AUROC``.
    lowest : bool
        Whether lower is better.
    """
    with style():
        figure = new_figure(5.6, 3.0)
        axes = figure.add_subplot()
        failed = np.isnan(value)
        whole = ~pruned & ~failed
        axes.plot(
            number[pruned & ~failed], value[pruned & ~failed], "o", ms=4, mfc="white", mec=FAINT,
            label=f"pruned ({(pruned & ~failed).sum()})",
        )  # fmt: skip
        axes.plot(number[whole], value[whole], "o", ms=4.5, color=BLUE, mec="white", mew=0.5,
                  label=f"complete ({whole.sum()})")  # fmt: skip
        if whole.any():
            best = (np.minimum if lowest else np.maximum).accumulate(value[whole])
            axes.step([*number[whole], number[-1]], [*best, best[-1]], where="post", color=INK,
                      lw=1, label="best so far")  # fmt: skip
        if failed.any():
            low = axes.get_ylim()[0]
            axes.plot(number[failed], np.full(failed.sum(), low), "x", ms=5, color=ORANGE,
                      clip_on=False, label=f"failed ({failed.sum()})")  # fmt: skip
        axes.set_xlabel("trial")
        axes.set_ylabel(score)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.legend(loc="outside upper right", ncols=4, fontsize=7.5)
    return figure


def search_importance(names: Sequence[str], shares: Sequence[float], title: str) -> Figure:
    """Draw the share of the variance between trials that each setting explains.

    Parameters
    ----------
    names : sequence of str
        Settings, most important first.
    shares : sequence of float
        Sum to 1.
    """
    with style():
        figure = new_figure(5.2, 0.9 + 0.26 * len(names))
        axes = figure.add_subplot()
        places = np.arange(len(names))[::-1]
        axes.barh(places, shares, height=0.65, color=BLUE)
        for place, share in zip(places, shares, strict=True):
            axes.text(share, place, f" {share:.2f}", va="center", fontsize=8, color=INK)
        axes.set_yticks(places, names)
        axes.set_xlim(0, max([*shares, 1e-9]) * 1.15)
        axes.set_xlabel("share of the variance of the score")
        axes.set_title(title)
        axes.grid(axis="y", visible=False)
    return figure


def search_slices(
    values: Mapping[str, Sequence[object]],
    score: np.ndarray,
    pruned: np.ndarray,
    number: np.ndarray,
    axis: str,
    logarithmic: Sequence[str] = (),
) -> Figure:
    """Draw the score against every setting, one panel each.

    Parameters
    ----------
    values : mapping of str to sequence of length N
        Values of each setting; None for trials without it. Strings are categories.
    score : np.ndarray, shape (N,)
        Not NaN.
    pruned : np.ndarray, shape (N,), bool
        Whether the trial was pruned: drawn hollow.
    number : np.ndarray, shape (N,), int
        Numbers of the trials; later ones are darker.
    axis : str
        Label of the score.
    logarithmic : sequence of str
        Settings with a logarithmic axis.
    """
    with style():
        columns = min(_COLUMNS, len(values))
        rows = math.ceil(len(values) / columns)
        figure = new_figure(2.3 * columns + 0.8, 2.1 * rows + 0.5)
        grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
        for axes in grid.flat[len(values) :]:
            axes.set_visible(False)
        last = max(1, number.max(initial=1))
        later = LinearSegmentedColormap.from_list("later", [tint(BLUE, 0.25), BLUE, "#002244"])
        shades = {"cmap": later, "vmin": 0, "vmax": last}
        shown = None
        for axes, (name, column) in zip(grid.flat, values.items(), strict=False):
            present = np.array([value is not None for value in column], dtype=bool)
            own = [value for value in column if value is not None]
            x, y = _positions(axes, own), score[present]
            whole = ~pruned[present]
            shown = axes.scatter(
                x[whole], y[whole], c=number[present][whole], s=22, edgecolors="white",
                linewidths=0.4, zorder=3, **shades,
            )  # fmt: skip
            axes.scatter(x[~whole], y[~whole], s=14, facecolors="white", edgecolors=FAINT,
                         linewidths=0.7, zorder=2)  # fmt: skip
            _ticks(axes, own, name in logarithmic)
            axes.set_title(name)
        for axes in grid[:, 0]:
            axes.set_ylabel(axis)
        if shown is not None:
            figure.colorbar(shown, ax=grid.ravel().tolist(), label="trial", shrink=0.7)
        marks = [Line2D([], [], ls="", marker="o", mfc=BLUE, mec="white"),
                 Line2D([], [], ls="", marker="o", mfc="white", mec=FAINT, ms=4)]  # fmt: skip
        if pruned.any():
            figure.legend(marks, ["complete", "pruned"], loc="outside upper right", ncols=2)
    return figure


def _ticks(axes: Axes, values: list[object], logarithmic: bool) -> None:
    """Set a tick at each of few distinct numbers; write powers of ten as numbers."""
    different = sorted({value for value in values if isinstance(value, int | float)})
    if logarithmic:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    few = 0 < len(different) <= min(_MARKED, len(values) // 2)
    if few and len(different) == len(set(values)):
        axes.set_xticks(different, [f"{x:g}" for x in different])
        axes.minorticks_off()


def _positions(axes: Axes, values: list[object]) -> np.ndarray:
    """Return numbers unchanged, and the index of each category."""
    different = list(dict.fromkeys(values))
    if not any(isinstance(value, str | bool) for value in different):
        return np.array(values, dtype=float)
    different.sort(key=str)
    axes.set_xticks(range(len(different)), [str(value) for value in different])
    axes.set_xlim(-0.6, len(different) - 0.4)
    return np.array([different.index(value) for value in values], dtype=float)
