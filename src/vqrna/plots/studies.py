"""Studies: a score against window length, a line a type; differences of variants, dots in rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vqrna.plots.style import FAINT, HAIR, INK, dark, new_figure, spread, style

MEAN = "mean"

PANELS = {"all": "all windows", "non_overlapping": "windows that overlap no training window"}
"""Values of the column ``windows``, and what is written above their panel."""

_MARKERS = "osD^vP*Xp<>h"
_LINE = 0.055  # of a panel's height, between two labels
_ROW = 0.22  # inches, for one dot in a row


def against_length(
    table: pd.DataFrame, colors: Mapping[str, str], metric: str = "AUROC", title: str = ""
) -> Figure:
    """Draw a score against the window length, a line a type, with intervals.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a length, type and set of windows: ``length`` (nt), ``modification``, ``windows``,
        ``value``, ``low``, ``high``. The type ``mean`` is drawn dashed. Empty values are left out.
    colors : mapping of str to str
        Of the types, in the order in which they are drawn.
    metric : str
        What the score is called.
    title : str
        Above the panels.

    Returns
    -------
    matplotlib.figure.Figure
    """
    panels = [name for name in PANELS if (table.windows == name).any()] or list(PANELS)[:1]
    lengths = sorted(table.length.unique())
    with style():
        figure = new_figure(5.0 * len(panels) + 0.6, 4.3)
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        shift = (max(lengths) - min(lengths)) / 250 if len(lengths) > 1 else 1.0
        drawn = [s for s in (*colors, MEAN) if (table.modification == s).any()]
        for ax, name in zip(axes, panels, strict=True):
            ends = []
            for place, symbol in enumerate(drawn):
                rows = table[(table.windows == name) & (table.modification == symbol)]
                rows = rows.dropna(subset=["value"]).sort_values("length")
                if rows.empty:
                    continue
                color = colors.get(symbol, INK)
                aside = (place - (len(drawn) - 1) / 2) * shift
                _line(ax, rows, aside, color, _MARKERS[place % len(_MARKERS)], symbol == MEAN)
                ends.append((float(rows.value.iloc[-1]), symbol, color))
            ax.set_title(PANELS[name])
            ax.set_xticks(lengths, [f"{length:g}" for length in lengths], rotation=60)
            ax.set_xlabel("window length (nt)")
            ax.margins(x=0.04)
            _name(ax, ends)
        axes[0].set_ylabel(metric)
    return figure


def _line(ax: Axes, rows: pd.DataFrame, aside: float, color: str, marker: str, mean: bool) -> None:
    """Draw one type: a line, its markers, and bars beside one another for the intervals."""
    x = rows.length.to_numpy(float) + aside
    y = rows.value.to_numpy(float)
    low, high = rows.low.to_numpy(float), rows.high.to_numpy(float)
    ax.vlines(x, low, high, color=color, lw=1, alpha=0.45)
    ax.plot(
        x, y, color=color, marker=marker, markersize=4.5, lw=1.6, ls="--" if mean else "-",
        mfc="white" if mean else color,
    )  # fmt: skip


def _name(ax: Axes, ends: list[tuple[float, str, str]]) -> None:
    """Name the lines at their right ends."""
    ends = sorted(ends)
    ax.get_ylim()  # settles the limits, which the transform below reads
    to_axes = ax.transScale + ax.transLimits
    at = [to_axes.transform((1.0, y))[1] for y, *_ in ends]
    for place, (_, label, color) in zip(spread(at, _LINE, 0.02, 1), ends, strict=True):
        ax.text(1.01, place, label, transform=ax.transAxes, va="center", color=dark(color))


def differences(
    table: pd.DataFrame, colors: Mapping[str, str], reference: str, title: str = ""
) -> Figure:
    """Draw how each variant differs from a reference, a row a variant, a dot a type.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a variant, type and set of windows: ``variant``, ``modification``, ``windows``,
        ``difference``, ``low``, ``high``; variants stand from top to bottom as they come.
    colors : mapping of str to str
        Of the types, in the order in which they are drawn.
    reference : str
        What the differences are from.
    title : str
        Above the panels.

    Returns
    -------
    matplotlib.figure.Figure
    """
    panels = [name for name in PANELS if (table.windows == name).any()] or list(PANELS)[:1]
    variants = list(dict.fromkeys(table.variant))
    drawn = [s for s in (*colors, MEAN) if (table.modification == s).any()]
    height = max(0.5, _ROW * (len(drawn) + 1))
    with style():
        figure = new_figure(4.2 * len(panels) + 2.0, 1.5 + height * max(1, len(variants)))
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        axes = figure.subplots(1, len(panels), sharey=True, sharex=True, squeeze=False)[0]
        for ax, name in zip(axes, panels, strict=True):
            ax.axvline(0, color=FAINT, lw=1)
            for row, variant in enumerate(variants):
                if row:
                    ax.axhline(row - 0.5, color=HAIR, lw=0.8)
                own = table[(table.windows == name) & (table.variant == variant)]
                for place, symbol in enumerate(drawn):
                    found = own[own.modification == symbol].dropna(subset=["difference"])
                    if found.empty:
                        continue
                    one = found.iloc[0]
                    y = row + (place - (len(drawn) - 1) / 2) / (len(drawn) + 1)
                    apart = one.low > 0 or one.high < 0
                    color = colors.get(symbol, INK)
                    ax.plot([one.low, one.high], [y, y], color=color, lw=1.3)
                    ax.plot(
                        one.difference, y, marker=_MARKERS[place % len(_MARKERS)], markersize=5,
                        color=color, mfc=color if apart else "white", mew=1.2,
                    )  # fmt: skip
            ax.set_title(PANELS[name])
            ax.set_xlabel(f"AUROC less that of '{reference}'")
            ax.set_ylim(len(variants) - 0.5, -0.5)
            ax.set_yticks(np.arange(len(variants)), variants)
            ax.grid(visible=False, axis="y")
            ax.tick_params(axis="y", length=0)
            ax.spines["left"].set_visible(False)
        _legend(figure, drawn, colors)
    return figure


def _legend(figure: Figure, drawn: list[str], colors: Mapping[str, str]) -> None:
    """Name the dots; a hollow one is not told apart from nothing."""
    keys = [
        Line2D([], [], color=colors.get(s, INK), marker=_MARKERS[i % len(_MARKERS)], lw=1.3)
        for i, s in enumerate(drawn)
    ]
    hollow = Line2D([], [], color=FAINT, marker="o", mfc="white", lw=1.3)
    labels = [*drawn, "hollow: interval holds 0"]
    figure.legend([*keys, hollow], labels, loc="outside lower center", ncols=min(len(labels), 7))
