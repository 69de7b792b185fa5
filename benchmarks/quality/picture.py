"""One picture of the benchmark: every type, every model; and ours against the trees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from benchmarks.quality.kept import KeptCells, Scored
from benchmarks.quality.statistics import MEAN, Measured
from matplotlib.lines import Line2D

from vqrna.plots.style import BLUE, FAINT, GREEN, HAIR, INK, ORANGE, PURPLE, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOOKS = {
    "ours": (BLUE, "o"),
    "ensemble": (BLUE, "*"),
    "ours-no-teacher": (BLUE, "h"),
    "ours-no-codes": (BLUE, "D"),
    "paper": (PURPLE, "s"),
    "paper-joint": (PURPLE, "^"),
    "trees+": (ORANGE, "P"),
    "trees": (ORANGE, "X"),
    "logistic": (GREEN, "v"),
    "pwm51": (GREEN, "<"),
    "pwm15": (GREEN, ">"),
    "memoriser": (FAINT, "d"),
    "cpg": (FAINT, "p"),
}
"""Colour and marker of each model; those that may be confused differ in both."""


def draw_picture(gathered: KeptCells, measured: Measured) -> Figure:
    """Draw AUROC by type in cross-validation, localisation, and the difference to the trees.

    Without results of folds, the public split is drawn, and named in the title.
    """
    with style():
        figure = new_figure(10.5, 5.4)
        axes = figure.subplots(1, 3, sharey=True, width_ratios=(3, 3, 2))
        types = next(iter(gathered.keys.values())).symbols if gathered.keys else ()
        names = [MEAN, *(n for s in types for n in ((s, "m6A-hard") if s == "m6A" else (s,)))]
        folds = any(where == "folds" for _, where, *_ in measured.values)
        where = "folds" if folds else "public"
        place = "leak-free cross-validation" if folds else "validation windows"
        models = [m.label for m in gathered.models]
        _dots(axes[0], models, measured, where, names, "auroc", "all")
        axes[0].set_title(f"Modified or not\n{place}")
        axes[0].set_xlabel("AUROC between windows")
        windows = "all" if folds else "non_overlapping"
        _dots(axes[1], models, measured, where, names, "within", windows)
        axes[1].set_title("Where in the window\nthe site among bases of its kind")
        axes[1].set_xlabel("AUROC within windows")
        titles = {m.label: m.title for m in gathered.models}
        compared = _against(axes[2], titles, measured, where, names)
        axes[0].set_yticks(range(len(names)), [_title(name) for name in names])
        axes[0].set_ylim(len(names) - 0.4, -0.6)
        shown = [m for m in gathered.models if _has(measured, m.label, where)]
        _legend(figure, shown, compared)
    return figure


def _dots(
    axes: Axes,
    models: Sequence[str],
    measured: Measured,
    where: str,
    names: Sequence[str],
    measure: str,
    windows: str,
) -> None:
    """One row per modification, one marker per model."""
    axes.grid(axis="y", visible=False)
    for row in range(len(names)):
        axes.axhline(row, color=HAIR, linewidth=0.6, zorder=0)
    for label in models:
        color, marker = LOOKS[label.partition("@")[0]]
        values = [measured.get(label, where, name, measure, windows) for name in names]
        there = [(v.value, row) for row, v in enumerate(values) if v is not None]
        if there:
            x, y = zip(*there, strict=True)
            filled = color if "@" not in label else "white"
            axes.plot(x, y, marker, color=color, markersize=4.5, alpha=0.85, markerfacecolor=filled)
    axes.axvline(0.5, color=FAINT, linewidth=0.8, linestyle=":")
    axes.set_xlim(right=1.005)


def _against(
    axes: Axes, titles: Mapping[str, str], measured: Measured, where: str, names: Sequence[str]
) -> list[Line2D]:
    """Draw paired differences to the trees with their intervals: ours, or trees+.

    Parameters
    ----------
    titles : mapping of str to str
        Name of each model for a reader, by label.

    Returns
    -------
    list of matplotlib.lines.Line2D
        Entries of the legend.
    """
    one = next(
        (m for m in titles if m.partition("@")[0] == "ours" and _has(measured, m, where)), "trees+"
    )
    handles = []
    axes.grid(axis="y", visible=False)
    axes.axvline(0, color=INK, linewidth=0.8)
    color = LOOKS[one.partition("@")[0]][0]
    others = [m for m in ("trees", "trees+") if m != one and _has(measured, m, where)]
    if not _has(measured, one, where):
        others = []
    for other, shift, filled in zip(others, (-0.14, 0.14), (color, "white"), strict=False):
        for row, name in enumerate(names):
            mine, theirs = (measured.get(m, where, name) for m in (one, other))
            if mine is None or theirs is None:
                continue
            difference = mine - theirs
            at = row + shift if len(others) > 1 else row
            axes.plot(difference.bounds, [at, at], color=color, linewidth=1.4)
            axes.plot([difference.value], [at], "o", color=color, markersize=4, mfc=filled)
        label = f"{titles[one]} minus {titles[other]}"
        handles.append(Line2D([], [], color=color, marker="o", ms=4, mfc=filled, label=label))
    axes.set_title(f"{titles.get(one, 'models')} minus trees\npaired, with 95 % intervals")
    axes.set_xlabel("difference of AUROC")
    return handles


def _has(measured: Measured, label: str, where: str) -> bool:
    return any(key[:2] == (label, where) for key in measured.values)


def _legend(figure: Figure, models: Sequence[Scored], compared: Sequence[Line2D]) -> None:
    """Name the models that are drawn below the picture, and those that are compared."""
    handles = []
    for model in models:
        color, marker = LOOKS[model.spec.name]
        filled = "white" if model.epochs else color
        handles.append(
            Line2D([], [], color=color, marker=marker, linestyle="", markersize=5,
                   markerfacecolor=filled, label=model.title)
        )  # fmt: skip
    figure.legend(handles=[*handles, *compared], loc="outside lower center", ncols=4)


def _title(name: str) -> str:
    return {MEAN: "mean of nine", "m6A-hard": "m6A,\nsame motif"}.get(name, name)
