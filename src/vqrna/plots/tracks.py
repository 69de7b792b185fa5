"""Modified sites of one sequence: one row per modification, along the positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from vqrna.modifications import Modification
from vqrna.plots.style import FAINT, HAIR, INK, dark, new_figure, spread, style, tint
from vqrna.stats.tiers import BY_THRESHOLD, TIERS

_POINT = 1 / 72  # inches
_WIDTH, _LEFT, _RIGHT = 11.0, 0.9, 0.8
_TOP, _BOTTOM, _ROW = 0.72, 0.56, 0.66
_SPAN = (_WIDTH - _LEFT - _RIGHT) / _POINT  # points along the sequence

_CEILING = 1.72  # the scale ends at 1; names of called sites are above
_TICKS = (0, 0.1, 0.5, 1)
_NAME_AT = 1.25
_NAME_SIZE = 7
_FARTHEST = 45.0  # largest distance of a name from its site in points

_TITLE = 90  # largest number of letters of a name
_LETTERS = 120  # largest length in nt of a sequence whose letters are written below
_COLUMNS = 1400
"""Largest number of lines side by side; in longer sequences only the highest of each bin."""


def site_tracks(
    table: pd.DataFrame,
    name: str,
    length: int,
    modifications: Sequence[Modification],
    tiers: Sequence[str] = TIERS,
    *,
    sequence: str = "",
) -> Figure:
    """Draw the probabilities of all candidate positions and mark the called sites.

    The scale is that of square roots: nearly all candidates are near 0, and the lowest tier begins
    at a few percent.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per candidate of this sequence: ``position`` (1-based), ``base``,
        ``modification``, ``probability`` (0 to 1), ``call`` (empty or one of `tiers`).
    name : str
        Name of the sequence.
    length : int
        Length of the sequence in nt.
    modifications : sequence of Modification
        Rows from top to bottom; types without a candidate are left out.
    tiers : sequence of str
        Names of the confidence tiers, ascending.
    sequence : str
        Letters of the sequence; written below if there are at most 120.
    """
    rows = [m for m in modifications if (table["modification"] == m.symbol).any()]
    height = _TOP + _BOTTOM + _ROW * max(1, len(rows))
    with style():
        figure = new_figure(_WIDTH, height)
        figure.set_layout_engine("none")  # names are placed in points: sizes must not change
        _heading(figure, name, length, tiers)
        step = _ROW / height
        for i, m in enumerate(rows or [None]):
            low = 1 - _TOP / height - (i + 1) * step
            ax = figure.add_axes((_LEFT / _WIDTH, low, _SPAN * _POINT / _WIDTH, step))
            _frame(ax, length)
            if m is None:
                ax.text(0.5, 0.4, "no candidate position", transform=ax.transAxes, ha="center",
                        color=FAINT)  # fmt: skip
            else:
                of_type = table[table["modification"] == m.symbol].sort_values("position")
                _row(ax, of_type, m, length, tiers)
            if i == max(0, len(rows) - 1):
                _positions(ax, length, sequence, set(table["position"][table["call"] != ""]))
    return figure


def _frame(ax: Axes, length: int) -> None:
    """Draw the scale of the probability, from 0 to 1."""
    ax.set(xlim=(0.5 - 0.004 * length, length + 0.5 + 0.004 * length), ylim=(-0.04, _CEILING))
    ax.grid(visible=False)
    for side in ax.spines.values():
        side.set_visible(False)
    heights = [_height(tick) for tick in _TICKS]
    for height in heights:
        ax.plot([0.5, length + 0.5], [height] * 2, color=HAIR, lw=0.6, zorder=0)
    ax.set_yticks(heights, [f"{tick:g}" for tick in _TICKS], fontsize=5.5, color=FAINT)
    ax.tick_params(axis="y", length=0, pad=2)
    ax.set_xticks([])


def _height(probability: Any) -> Any:
    """Return the place of probabilities on the axis."""
    return np.sqrt(probability)


def _row(ax: Axes, table: pd.DataFrame, m: Modification, length: int, tiers: Sequence[str]) -> None:
    """Draw one modification: a line for every candidate, a marker for every call."""
    ax.text(
        -0.028, 0.5 / _CEILING, m.symbol, transform=ax.transAxes, ha="right", va="center",
        color=dark(m.color), fontweight="bold", fontsize=min(10, 70 / len(m.symbol)),
    )  # fmt: skip
    nt = _SPAN / length
    table = table.assign(height=_height(table["probability"].to_numpy(float)))
    at, height = _highest(table["position"].to_numpy(), table["height"].to_numpy(), length)
    ax.vlines(at, 0, height, color=tint(m.color, 0.45), lw=float(np.clip(0.55 * nt, 0.5, 2.4)))
    called = table[table["call"].isin(tiers)]
    ax.text(1.008, 0.5 / _CEILING, f"{len(called):,} of {len(table):,}", transform=ax.transAxes,
            va="center", fontsize=7, color=INK if len(called) else FAINT)  # fmt: skip
    if called.empty:
        return
    size = float(np.clip(900 / len(called), 2.2, 5.2))
    width = float(np.clip(0.55 * nt, 0.7, 1.6))
    ax.vlines(called["position"], 0, called["height"], color=m.color, lw=width, zorder=3)
    for tier in tiers:
        of_tier = called[called["call"] == tier]
        ax.plot(
            of_tier["position"], of_tier["height"], "o", ms=size, zorder=4,
            mfc=_shade(m.color, tier, tiers), mec=dark(m.color, 3), mew=0.8,
        )  # fmt: skip
    _names(ax, called, m, length)


def _highest(
    position: np.ndarray, height: np.ndarray, length: int
) -> tuple[np.ndarray, np.ndarray]:
    """Keep the highest line of each bin if there are more positions than `_COLUMNS`."""
    if length <= _COLUMNS:
        return position, height
    bins = (position - 1) * _COLUMNS // length
    best = pd.DataFrame({"bin": bins, "position": position, "height": height})
    best = best.loc[best.groupby("bin")["height"].idxmax()]
    return best["position"].to_numpy(), best["height"].to_numpy()


def _names(ax: Axes, called: pd.DataFrame, m: Modification, length: int) -> None:
    """Write the names of called sites (A123) above, joined to the site by a thin line."""
    nt = _SPAN / length
    width = (len(str(length)) + 1) * 0.64 * _NAME_SIZE + 3.5  # width of the longest name in points
    kept = called.nlargest(int(_SPAN // width), "probability").sort_values("position")
    while True:
        x = (kept["position"].to_numpy() - 0.5) * nt
        places = spread(x, width, 0, _SPAN)
        moved = np.abs(places - x)
        if moved.max() <= _FARTHEST:
            break
        near = kept.iloc[np.flatnonzero(np.abs(x - x[moved.argmax()]) <= 2 * _FARTHEST)]
        kept = kept.drop(near["probability"].idxmin())  # too many: drop the lowest
    for (_, site), place in zip(kept.iterrows(), places, strict=True):
        at = place / nt + 0.5
        ax.text(at, _NAME_AT, f"{site['base']}{site['position']}", ha="center", va="bottom",
                fontsize=_NAME_SIZE, color=dark(m.color))  # fmt: skip
        top = site["height"]
        ax.plot([site["position"], at], [top, _NAME_AT - 0.02], color=tint(m.color, 0.6), lw=0.5,
                zorder=2)  # fmt: skip


def _positions(ax: Axes, length: int, sequence: str, called: set[int]) -> None:
    """Write the positions below the last row, and the letters of a short sequence."""
    letters = sequence if len(sequence) <= _LETTERS else ""
    size = float(np.clip(1.1 * _SPAN / length, 5, 9))
    for position, letter in enumerate(letters, start=1):
        site = position in called
        ax.text(
            position, -0.1, letter, ha="center", va="top", family="monospace", fontsize=size,
            color=INK if site else FAINT, fontweight="bold" if site else "normal",
        )  # fmt: skip
    ax.spines["bottom"].set(visible=not letters, bounds=(1, length))
    ax.tick_params(axis="x", length=0 if letters else 3, pad=14 if letters else 3)
    ticks = MaxNLocator(10, integer=True, steps=[1, 2, 5, 10]).tick_values(1, length)
    between = [t for t in ticks if 1 + 0.02 * length < t <= length]
    ax.set_xticks([1, *between])
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    ax.set_xlabel("position (nt)", fontsize=8, labelpad=1)


def _heading(figure: Figure, name: str, length: int, tiers: Sequence[str]) -> None:
    from_top = 1 / figure.get_figheight()
    title = name if len(name) <= _TITLE else name[: _TITLE - 1] + "…"
    figure.text(_LEFT / _WIDTH, 1 - 0.13 * from_top, f"{title}, {length:,} nt", va="top",
                fontsize=12, fontweight="bold")  # fmt: skip
    figure.text(1 - (_RIGHT - 0.06) / _WIDTH, 1 - 0.46 * from_top, "sites called", va="top",
                fontsize=7, color=FAINT)  # fmt: skip
    handles = [
        Line2D(
            [],
            [],
            color=tint(INK, 0.4),
            lw=2,
            label="probability of a candidate (square-root scale)",
        )
    ]
    handles += [
        Line2D([], [], ls="", marker="o", ms=5, mfc=_shade(INK, tier, tiers), mec=INK, mew=0.8,
               label=_label(tier))
        for tier in tiers
    ]  # fmt: skip
    figure.legend(handles=handles, ncols=len(handles), loc="upper left", borderaxespad=0,
                  bbox_to_anchor=(_LEFT / _WIDTH - 0.005, 1 - 0.36 * from_top),
                  handletextpad=0.4, columnspacing=1.6)  # fmt: skip


def _label(tier: str) -> str:
    return "called, below all tiers" if tier == BY_THRESHOLD else f"called, {tier} confidence"


def _shade(color: str, tier: str, tiers: Sequence[str]) -> str:
    """Return the fill of a marker: stronger for higher tiers."""
    last = len(tiers) - 1
    return tint(color, list(tiers).index(tier) / last if last else 1)
