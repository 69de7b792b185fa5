"""Pictures of studies: score against window length, and differences between variants."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vqrna.plots.style import FAINT, HAIR, INK, frame, label_lines, new_figure, style

MEAN = "mean"

PANELS = {"all": "all windows", "non_overlapping": "windows that overlap no training window"}
"""Values of the column ``windows``, and titles of their panels."""

_MARKERS = "osD^vP*Xp<>h"
_LINE = 0.055  # distance of two labels as a share of the panel
_ROW = 0.22  # inches per dot in a row


def against_length(
    table: pd.DataFrame, colors: Mapping[str, str], metric: str = "AUROC", title: str = ""
) -> Figure:
    """Draw a score against the window length, one line per type, with intervals.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per length, type and set of windows: ``length`` (nt), ``modification``,
        ``windows``, ``value``, ``low``, ``high``. The type ``mean`` is drawn dashed.
    colors : mapping of str to str
        Colours of the types, in drawing order.
    metric : str
        Name of the score.
    """
    panels = [name for name in PANELS if (table.windows == name).any()] or list(PANELS)[:1]
    lengths = sorted(table.length.unique())
    with style():
        figure = new_figure(5.0 * len(panels) + 0.6, 4.3)
        frame(figure, title)
        axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        shift = (max(lengths) - min(lengths)) / 250 if len(lengths) > 1 else 1.0
        drawn = [s for s in (*colors, MEAN) if (table.modification == s).any()]
        labels: list[list[tuple[float, str, str]]] = []
        for ax, name in zip(axes, panels, strict=True):
            ends: list[tuple[float, str, str]] = []
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
            labels.append(ends)
        for ax, ends in zip(axes, labels, strict=True):  # when the shared axis has its limits
            label_lines(ax, ends, _LINE)
        axes[0].set_ylabel(metric)
    return figure


def _line(ax: Axes, rows: pd.DataFrame, aside: float, color: str, marker: str, mean: bool) -> None:
    """Draw the line and intervals of one type, shifted sideways by `aside`."""
    x = rows.length.to_numpy(float) + aside
    y = rows.value.to_numpy(float)
    low, high = rows.low.to_numpy(float), rows.high.to_numpy(float)
    ax.vlines(x, low, high, color=color, lw=1, alpha=0.45)
    ax.plot(
        x, y, color=color, marker=marker, markersize=4.5, lw=1.6, ls="--" if mean else "-",
        mfc="white" if mean else color,
    )  # fmt: skip


def differences(
    table: pd.DataFrame, colors: Mapping[str, str], reference: str, title: str = ""
) -> Figure:
    """Draw the difference of each variant to a reference, one row per variant, one dot per type.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per variant, type and set of windows: ``variant``, ``modification``, ``windows``,
        ``difference``, ``low``, ``high``. Variants are drawn in the order of the table.
    colors : mapping of str to str
        Colours of the types, in drawing order.
    reference : str
        Name of the reference, in words: the label of the axis ends with it.
    """
    panels = [name for name in PANELS if (table.windows == name).any()] or list(PANELS)[:1]
    variants = list(dict.fromkeys(table.variant))
    drawn = [s for s in (*colors, MEAN) if (table.modification == s).any()]
    height = max(0.5, _ROW * (len(drawn) + 1))
    with style():
        figure = new_figure(4.2 * len(panels) + 2.0, 1.5 + height * max(1, len(variants)))
        frame(figure, title)
        axes = figure.subplots(1, len(panels), sharey=True, sharex=True, squeeze=False)[0]
        for ax, name in zip(axes, panels, strict=True):
            ax.axvline(0, color=FAINT, lw=1)
            for row, variant in enumerate(variants):
                if row:
                    ax.axhline(row - 0.5, color=HAIR, lw=0.8)
                own = table[(table.windows == name) & (table.variant == variant)]
                for place, symbol in enumerate(drawn):
                    of_type = own[own.modification == symbol].dropna(subset=["difference"])
                    if of_type.empty:
                        continue
                    one = of_type.iloc[0]
                    y = row + (place - (len(drawn) - 1) / 2) / (len(drawn) + 1)
                    apart = one.low > 0 or one.high < 0
                    color = colors.get(symbol, INK)
                    ax.plot([one.low, one.high], [y, y], color=color, lw=1.3)
                    ax.plot(
                        one.difference, y, marker=_MARKERS[place % len(_MARKERS)], markersize=5,
                        color=color, mfc=color if apart else "white", mew=1.2,
                    )  # fmt: skip
            ax.set_title(PANELS[name])
            ax.set_xlabel(f"AUROC minus that of {reference}")
            ax.set_ylim(len(variants) - 0.5, -0.5)
            ax.set_yticks(np.arange(len(variants)), variants)
            ax.grid(visible=False, axis="y")
            ax.tick_params(axis="y", length=0)
            ax.spines["left"].set_visible(False)
        _legend(figure, drawn, colors)
    return figure


def _legend(figure: Figure, drawn: list[str], colors: Mapping[str, str]) -> None:
    keys = [
        Line2D([], [], color=colors.get(s, INK), marker=_MARKERS[i % len(_MARKERS)], lw=1.3)
        for i, s in enumerate(drawn)
    ]
    hollow = Line2D([], [], color=FAINT, marker="o", mfc="white", lw=1.3)
    labels = [*drawn, "hollow: interval includes 0"]
    figure.legend([*keys, hollow], labels, loc="outside lower center", ncols=min(len(labels), 7))
