"""Heat maps of calls: how often sites of a modification are called as another of the same base."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from vqrna.modifications import Modification
from vqrna.plots.style import BLUE, FAINT, HAIR, INK, dark, frame, new_figure, style

_SIDE = 3.5
_READABLE = 0.5  # share from which numbers are white


def cross_type_maps(
    table: pd.DataFrame,
    modifications: Sequence[Modification],
    *,
    title: str = "",
    remark: str = "",
    windows: str = "all",
) -> Figure:
    """Draw a map for each tier: rows are true modifications, columns are called ones.

    Parameters
    ----------
    table : pandas.DataFrame
        ``site``, ``called``, ``windows``, ``tier``, ``sites``, ``value`` (a share, nan for no
        sites). Missing pairs (different bases) are left empty.
    modifications : sequence of Modification
        Types to draw, sorted by base.
    windows : str
        Set of windows.
    """
    table = table[table["windows"] == windows]
    drawn = sorted(
        (m for m in modifications if m.symbol in set(table["site"])), key=lambda m: m.base
    )
    tiers = list(dict.fromkeys(table["tier"]))
    counts = table.groupby("site")[
        "sites"
    ].max()  # a tier has no row of a modification that none of its calls reaches
    labels = [f"{m.symbol}  {counts[m.symbol]:,}" for m in drawn]
    with style():
        figure = new_figure(_SIDE * max(len(tiers), 1) + 0.6, _SIDE + 0.85)
        axes = figure.subplots(1, max(len(tiers), 1), squeeze=False)[0]
        for ax, tier in zip(axes, tiers, strict=False):
            _map(ax, table[table["tier"] == tier], drawn, labels)
            ax.set_title(f"{tier} or higher" if tier != tiers[-1] else tier)
            ax.set_xlabel("called as")
        if not tiers:
            axes[0].set_axis_off()
            figure.text(0.5, 0.5, "the model has no tiers", ha="center", color=FAINT)
        axes[0].set_ylabel("true modification and number of sites")
        frame(figure, title, remark, foot=0.05)
    return figure


def _map(
    ax: Axes, table: pd.DataFrame, drawn: Sequence[Modification], labels: Sequence[str]
) -> None:
    place = {m.symbol: i for i, m in enumerate(drawn)}
    n = len(drawn)
    shares = np.full((n, n), np.nan)
    for row in table.itertuples():
        if row.site in place and row.called in place:
            shares[place[str(row.site)], place[str(row.called)]] = float(row.value)  # type: ignore[arg-type]
    colors = LinearSegmentedColormap.from_list("calls", ["#ffffff", BLUE, "#00304d"])
    ax.imshow(shares, cmap=colors, vmin=0, vmax=1)
    for i, j in np.argwhere(~np.isnan(shares)):
        ax.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, ec=HAIR, lw=0.6))
        color = "white" if shares[i, j] >= _READABLE else INK
        ax.text(
            j, i, _percent(shares[i, j]), ha="center", va="center", fontsize=7,
            color=color if shares[i, j] else FAINT, fontweight="bold" if i == j else "normal",
        )  # fmt: skip
    ax.set_xticks(range(n), [m.symbol for m in drawn], rotation=90)
    ax.set_yticks(range(n), labels)
    for ticks in (ax.get_xticklabels(), ax.get_yticklabels()):
        for label, m in zip(ticks, drawn, strict=True):
            label.set_color(dark(m.color))
    ax.tick_params(length=0)
    ax.grid(visible=False)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _percent(share: float) -> str:
    """Format a share in percent; only 0 is written as 0."""
    if share == 0:
        return "0"
    return "<1" if share < 0.005 else f"{100 * share:.0f}"
