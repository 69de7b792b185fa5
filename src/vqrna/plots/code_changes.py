"""Changed codes of a window: a bar for each token, over the letters that it covers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from vqrna.modifications import Modification
from vqrna.plots.style import FAINT, HAIR, INK, dark, new_figure, style, tint

_WIDTH, _SIDE, _EFFECT = 12.0, 3.05, 0.85
"""Width in inches of the figure, of the names of codes on either side, and of the effects."""

_TOP, _LETTERS, _ROW, _BOTTOM = 1.0, 0.62, 0.3, 0.5
_MARGIN = 3
_MOST = 60
"""Most tokens that are drawn: those with the largest effects."""

_LONGEST = 90
"""Most nt of which letters are written."""

_REMOVED, _INSERTED = "#d55e00", "#009e73"


def code_change_figure(
    table: pd.DataFrame,
    ref: str,
    alt: str,
    position: int,
    modifications: Sequence[Modification],
    title: str,
    subtitle: str,
    remark: str = "",
) -> Figure:
    """Draw the changed codes.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per token, with the columns of :class:`vqrna.interpret.code_changes.CodeChanges`.
    ref, alt : str
        The whole sequences, of the same length.
    position : int
        1-based position of the site, marked by a line.
    modifications : sequence of Modification
        For the colours of the types of codes.
    """
    colors = {m.symbol: m.color for m in modifications}
    shown = table
    if len(table) > _MOST:
        largest = table["effect"].abs().sort_values(ascending=False).index[:_MOST]
        shown = table.loc[sorted(largest)]
        subtitle += f" (the {_MOST} with the largest effects)"
    differs = [i + 1 for i, (a, b) in enumerate(zip(ref, alt, strict=True)) if a != b]
    places = [position, *differs, *shown["start"], *shown["stop"]]
    low, high = max(1, min(places) - _MARGIN), min(len(ref), max(places) + _MARGIN)
    height = _TOP + _LETTERS + _ROW * max(1, len(shown)) + _BOTTOM
    with style():
        figure = new_figure(_WIDTH, height)
        figure.set_layout_engine("none")
        figure.text(0.13 / _WIDTH, 1 - 0.12 / height, title, va="top", fontsize=12,
                    fontweight="bold")  # fmt: skip
        figure.text(0.13 / _WIDTH, 1 - 0.42 / height, subtitle, va="top", fontsize=9)
        if remark:
            figure.text(1 - 0.1 / _WIDTH, 0.05 / height, remark, ha="right", fontsize=6.5,
                        color=FAINT)  # fmt: skip
        rows = max(1, len(shown))
        span = _LETTERS + _ROW * rows
        ax = figure.add_axes(
            (_SIDE / _WIDTH, _BOTTOM / height, (_WIDTH - 2 * _SIDE - _EFFECT) / _WIDTH,
             span / height)
        )  # fmt: skip
        ax.set(xlim=(low - 0.5, high + 0.5), ylim=(-rows, _LETTERS / _ROW))
        ax.grid(visible=False)
        ax.set_yticks([])
        for side in ("left", "top", "right"):
            ax.spines[side].set_visible(False)
        ax.tick_params(axis="x", length=3, labelsize=7.5)
        ax.set_xlabel("position (nt)", fontsize=8, labelpad=1)
        ax.axvline(position, color=tint(INK, 0.35), lw=0.8, ls=(0, (3, 2)), zorder=0)
        _letters(ax, ref, alt, low, high, differs)
        _headings(ax)
        for row, (_, token) in enumerate(shown.iterrows()):
            _token(ax, token, -row - 0.5, colors, low, high)
        if not len(shown):
            ax.text((low + high) / 2, -0.5, "no code changes", ha="center", va="center",
                    color=FAINT)  # fmt: skip
    return figure


def _letters(ax: Axes, ref: str, alt: str, low: int, high: int, differs: Sequence[int]) -> None:
    size = float(np.clip(330 / (high - low + 1), 3.5, 8.5))
    for y, letters, color in ((1.5, ref, _REMOVED), (0.7, alt, _INSERTED)):
        for place in range(low, high + 1):
            edited = place in differs
            if edited:
                ax.add_patch(Rectangle((place - 0.46, y - 0.36), 0.92, 0.72, lw=0,
                                       color=tint(color, 0.35)))  # fmt: skip
            if high - low < _LONGEST:
                ax.text(
                    place, y, letters[place - 1], ha="center", va="center", fontsize=size,
                    family="monospace", color=INK if edited else "#666666",
                    fontweight="bold" if edited else "normal",
                )  # fmt: skip
    for place in differs:
        if low <= place <= high:
            ax.axvline(place, color=tint(_REMOVED, 0.35), lw=0.8, zorder=0)


def _headings(ax: Axes) -> None:
    options: dict[str, Any] = {"va": "center", "fontsize": 7.5, "color": FAINT, "clip_on": False}
    top = _LETTERS / _ROW + 0.35
    ax.annotate("before (upper half): code, type, log-odds, reads", (-0.02, top),
                xycoords=("axes fraction", "data"), ha="right", annotation_clip=False,
                **options)  # fmt: skip
    ax.annotate("after (lower half): code, type, log-odds, reads", (1.02, top), ha="left",
                xycoords=("axes fraction", "data"), annotation_clip=False, **options)  # fmt: skip
    ax.annotate("effect", (1 + (_SIDE + 0.6 * _EFFECT) / _centre_width(), top), ha="right",
                xycoords=("axes fraction", "data"), annotation_clip=False, **options)  # fmt: skip


def _centre_width() -> float:
    return _WIDTH - 2 * _SIDE - _EFFECT


def _token(
    ax: Axes, token: pd.Series, y: float, colors: dict[str, str], low: int, high: int
) -> None:
    """Draw one token: upper half before, lower half after, with the names beside it."""
    start = token["start"] - 0.5
    width = token["stop"] - token["start"] + 1
    for half, side in ((0.0, "ref"), (-0.34, "alt")):
        color = colors.get(token[f"{side}_type"], "#999999")
        ax.add_patch(Rectangle((start, y + half), width, 0.34, lw=0, color=tint(color, 0.75)))
    ax.plot([low - 0.5, high + 0.5], [y - 0.5] * 2, color=HAIR, lw=0.6, zorder=0)
    weight = "bold" if token["at_site"] == "yes" else "normal"
    for x, align, side in ((-0.02, "right", "ref"), (1.02, "left", "alt")):
        color = colors.get(token[f"{side}_type"], INK)
        ax.annotate(
            _words(token, side), (x, y), xycoords=("axes fraction", "data"), ha=align, va="center",
            fontsize=7.5, color=dark(color), fontweight=weight, annotation_clip=False,
        )  # fmt: skip
    ax.annotate(
        f"{token['effect']:+.2f}", (1 + (_SIDE + 0.6 * _EFFECT) / _centre_width(), y), ha="right",
        xycoords=("axes fraction", "data"), va="center", fontsize=7.5, annotation_clip=False,
    )  # fmt: skip


def _words(token: pd.Series, side: str) -> str:
    parts = [str(token[f"{side}_code"]), token[f"{side}_type"]]
    if np.isfinite(token[f"{side}_log_odds"]):
        parts.append(f"{token[f'{side}_log_odds']:+.1f}")
    parts.append(token[f"{side}_reads"])
    return "  ".join(part for part in parts if part)
