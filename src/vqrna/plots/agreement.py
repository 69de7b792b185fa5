"""Agreement with known sites: precision, recall and enrichment by type and confidence tier."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from vqrna.modifications import Modification
from vqrna.plots.style import FAINT, HAIR, INK, dark, frame, new_figure, style, tint
from vqrna.stats.tiers import BY_THRESHOLD, TIERS

_WIDTH = 9.0
_ROW, _ABOVE_AND_BELOW = 0.55, 1.35  # inches
_STEP = 0.24  # rows between two tiers
_SHADES = (0.35, 0.65, 1.0, 0.2)  # by tier; the last one for calls without a tier
_MARKERS = ("o", "s", "D", "v")
_MEASURES = ("precision", "recall", "enrichment")
_MEANING = {
    "precision": "share of called sites\nthat are known",
    "recall": "share of known sites\nthat are called",
    "enrichment": "known sites among called sites,\nrelative to chance",
}


def agreement_figure(
    table: pd.DataFrame, modifications: Sequence[Modification], title: str = ""
) -> Figure:
    """Draw the measures of each type and tier with their intervals.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per type and tier: ``modification``, ``tier``, ``called``, ``known``, ``found``,
        and each of ``precision``, ``recall`` and ``enrichment`` with ``_low`` and ``_high``; nan
        if unknown. The panel of the enrichment is omitted if all its values are unknown.
    modifications : sequence of Modification
        Types from top to bottom; types that are not in the table are left out.
    """
    drawn = [m for m in modifications if (table["modification"] == m.symbol).any()]
    measures = [name for name in _MEASURES if name != "enrichment" or table[name].notna().any()]
    with style():
        figure = new_figure(_WIDTH, _ABOVE_AND_BELOW + _ROW * max(len(drawn), 1))
        panels = figure.subplots(1, len(measures), sharey=True, squeeze=False)[0]
        for ax, measure in zip(panels, measures, strict=True):
            _rows(ax, len(drawn))
            _scale(ax, table, measure)
            for row, m in enumerate(drawn):
                of_type = table[table["modification"] == m.symbol]
                for values in of_type.to_dict("records"):
                    _dot(ax, row, m.color, values, measure)
            ax.set_xlabel(_MEANING[measure])
            ax.set_title(measure)
        _names(panels[0], table, drawn)
        _legend(figure, list(dict.fromkeys(table["tier"])))
        frame(figure, title)
    return figure


def _rows(ax: Axes, rows: int) -> None:
    """Separate the types by lines, the first on top."""
    ax.set_ylim(max(rows, 1) - 0.5, -0.5)
    ax.grid(visible=False, axis="y")
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    for row in range(1, rows):
        ax.axhline(row - 0.5, color=HAIR, lw=0.6)


def _scale(ax: Axes, table: pd.DataFrame, measure: str) -> None:
    """Set the scale: from 0 to the highest interval; logarithmic around 1 for the enrichment."""
    highest = table[f"{measure}_high"].max()
    if measure != "enrichment":
        top = 1.0 if np.isnan(highest) else min(1.0, 1.05 * float(highest))
        ax.set_xlim(-0.02 * top, 1.02 * top)
        ax.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:.3g}" if x >= 0 else ""))
        return
    ax.set_xscale("log")
    lows = table["enrichment_low"].where(table["found"] > 0)
    ax.set_xlim(min(0.5, 0.7 * lows.min()) if lows.notna().any() else 0.1, max(20, 1.5 * highest))
    ax.xaxis.set_major_locator(LogLocator(numticks=6))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.7g}×"))
    ax.axvline(1, color=FAINT, lw=0.8)


def _dot(ax: Axes, row: int, color: str, values: dict, measure: str) -> None:
    """Draw a value and its interval; 0 is drawn at the edge of a logarithmic scale."""
    value, low, high = (float(values[measure + end]) for end in ("", "_low", "_high"))
    if np.isnan(value):
        return
    tier = _tier_index(values["tier"])
    at = row + _STEP * (-2 if values["tier"] == BY_THRESHOLD else tier - 1)
    shade = tint(dark(color, 3), _SHADES[tier])
    edge = ax.get_xlim()[0]
    if measure == "enrichment":
        value, low = max(value, edge), max(low, edge)
    ax.plot([low, high], [at, at], color=shade, lw=1.6, zorder=2)
    ax.plot(
        value, at, marker=_MARKERS[tier], ms=5 if tier else 5.5, color=shade, clip_on=False,
        mfc="white" if values["found"] == 0 else shade, zorder=3,
    )  # fmt: skip


def _tier_index(tier: str) -> int:
    """Return the index of a tier: the middle one if it is unknown, the last one if it has none."""
    if tier == BY_THRESHOLD:
        return len(TIERS)
    return TIERS.index(tier) if tier in TIERS else 1


def _label(tier: str) -> str:
    if tier == BY_THRESHOLD:
        return "all called by the threshold"
    return f"{tier} or higher" if tier in TIERS[:-1] else tier


def _names(ax: Axes, table: pd.DataFrame, drawn: Sequence[Modification]) -> None:
    ax.set_yticks(range(len(drawn)), [""] * len(drawn))
    for row, m in enumerate(drawn):
        known = int(table["known"][table["modification"] == m.symbol].max())
        ax.annotate(
            m.symbol, (0, row), (-8, 4), xycoords=("axes fraction", "data"), color=dark(m.color),
            textcoords="offset points", ha="right", va="center", fontsize=10, fontweight="bold",
        )  # fmt: skip
        ax.annotate(
            f"{known:,} known", (0, row), (-8, -8), xycoords=("axes fraction", "data"),
            textcoords="offset points", ha="right", va="center", fontsize=7, color=FAINT,
        )  # fmt: skip


def _legend(figure: Figure, tiers: Sequence[str]) -> None:
    shapes = [
        Line2D(
            [], [], color=tint(INK, _SHADES[i]), marker=_MARKERS[i], ms=5, lw=1.6,
            label=_label(tier),
        )
        for tier, i in zip(tiers, map(_tier_index, tiers), strict=True)
    ]  # fmt: skip
    empty = Line2D(
        [], [], color=INK, marker="o", mfc="white", ms=5, lw=0, label="no known site called"
    )
    figure.legend(
        handles=[*shapes, empty], loc="outside upper right", ncols=len(shapes) + 1,
        title="confidence (with 95 % interval)", title_fontsize=8, alignment="right",
    )  # fmt: skip
