"""Importance around a site as bars and as logos in stacked panels, and logos of motifs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from vqrna.plots.style import BLUE, FAINT, HAIR, INK, dark, frame, new_figure, style

PANEL = 100  # nt per panel
NEAR = 20  # nt on either side of the site that are also drawn enlarged
_LETTER = 0.94  # width of a letter in nt
_FEW = 12  # largest number of nt at an end that join the neighbouring panel
_FONT = FontProperties(family="DejaVu Sans", weight="bold")


@dataclass(frozen=True, eq=False)
class MotifLogo:
    """Logo of one motif."""

    heights: np.ndarray  # (4, W): Heights of A, C, G, U in bits
    # title, remark: Written above the logo
    title: str
    remark: str
    offsets: np.ndarray  # (S,), int: First position of each occurrence relative to the site
    usual: int  # First position of the logo


def draw_logo(ax: Axes, heights: np.ndarray, places: np.ndarray, colors: Mapping[str, str]) -> None:
    """Draw stacked letters, the tallest on top.

    Parameters
    ----------
    heights : np.ndarray, shape (bases, W)
        Non-negative; rows in the order of `colors`.
    places : np.ndarray, shape (W,)
        Centres of the letters.
    colors : mapping of str to str
        Letter to colour.
    """
    order = np.argsort(heights, axis=0, kind="stable")
    tops = np.cumsum(np.take_along_axis(heights, order, axis=0), axis=0)
    highest = float(tops[-1].max(initial=0))
    top = np.empty_like(tops)
    np.put_along_axis(top, order, tops, axis=0)
    for row, (letter, color) in enumerate(colors.items()):
        outline = TextPath((0, 0), letter, size=1, prop=_FONT)
        box = outline.get_extents()
        low = (outline.vertices - (box.x0, box.y0)) / (box.width, box.height)
        drawn = []
        for place, height, end in zip(places, heights[row], top[row], strict=True):
            if height > 1e-3 * highest:
                corner = (place - _LETTER / 2, end - height)
                drawn.append(Path(low * (_LETTER, height) + corner, outline.codes))
        ax.add_collection(PathCollection(drawn, facecolors=color, lw=0), autolim=False)
    ax.set_xlim(places[0] - 0.7, places[-1] + 0.7)
    ax.set_ylim(0, 1.05 * highest or 1)
    ax.grid(visible=False)


def panels(offsets: np.ndarray) -> list[np.ndarray]:
    """Divide columns into panels of `PANEL` nt, the one around the site first.

    Parameters
    ----------
    offsets : np.ndarray, shape (L,), int
        Consecutive positions relative to the site.

    Returns
    -------
    list of np.ndarray
        Indices of columns: around the site, then from left to right.
    """
    number = (offsets + PANEL // 2) // PANEL
    for end, beside in ((number.min(), number.min() + 1), (number.max(), number.max() - 1)):
        if end != 0 and (number == end).sum() <= _FEW:
            number = np.where(number == end, beside, number)
    order = [0, *(n for n in np.unique(number) if n != 0)]
    return [np.flatnonzero(number == n) for n in order]


def importance_bars(
    importance: np.ndarray,
    offsets: np.ndarray,
    label: str,
    title: str = "",
    color: str = BLUE,
    remark: str = "",
) -> Figure:
    """Draw the importance of all positions, and those near the site enlarged.

    The site has a separate panel and scale: substituting it removes the site.

    Parameters
    ----------
    importance : np.ndarray, shape (L,)
    offsets : np.ndarray, shape (L,), int
        Positions relative to the site.
    label : str
        Name of the importance.
    """
    beside = np.where(offsets == 0, 0, importance)
    near = np.abs(offsets) <= NEAR
    strong = dark(color, 3)
    with style():
        figure = new_figure(11, 4.2)
        grid = figure.add_gridspec(2, 2, width_ratios=[24, 1], height_ratios=[1.2, 1])
        whole = figure.add_subplot(grid[0, :])
        whole.bar(offsets, beside, width=1, color=strong, lw=0)
        whole.set_xlim(offsets[0] - 1, offsets[-1] + 1)
        whole.set_xlabel("position relative to the site (nt)")
        close = figure.add_subplot(grid[1, 0])
        close.bar(offsets[near], beside[near], width=0.85, color=strong, lw=0)
        close.axvspan(-0.5, 0.5, color=HAIR, lw=0, zorder=0)
        close.set_xlim(max(-NEAR, offsets[0]) - 0.7, min(NEAR, offsets[-1]) + 0.7)
        close.set_xlabel("near the site (the site itself: on the right)")
        for ax in (whole, close):
            ax.grid(visible=False, axis="x")
            ax.xaxis.set_major_locator(MaxNLocator(21, integer=True, steps=[1, 2, 2.5, 5, 10]))
            ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:+.0f}" if x else "site"))
            ax.yaxis.set_major_locator(MaxNLocator(4))
            ax.set_ylim(0, 1.05 * float(beside.max(initial=0)) or 1.0)
        site = figure.add_subplot(grid[1, 1])
        site.bar([0], importance[offsets == 0], width=0.85, color=INK, lw=0)
        site.set_xlim(-0.7, 0.7)
        _scale_on_the_right(site)
        site.grid(visible=False, axis="x")
        figure.supylabel(label, fontsize=8.5)
        frame(figure, title, remark, 0.04)
    return figure


def importance_logos(
    heights: np.ndarray,
    offsets: np.ndarray,
    colors: Mapping[str, str],
    label: str,
    title: str = "",
    remark: str = "",
) -> Figure:
    """Draw the importance of each base, in panels of 100 nt, the centre on top.

    The site has a separate panel and scale: substituting it removes the site.

    Parameters
    ----------
    heights : np.ndarray, shape (4, L)
    offsets : np.ndarray, shape (L,), int
        Positions relative to the site.
    colors : mapping of str to str
        Base to colour, in the order of the rows.
    label : str
        Name of the heights.
    """
    parts = panels(offsets)
    beside = np.where(offsets == 0, 0, heights)
    with style():
        figure = new_figure(13.5, 1.55 * len(parts) + 0.9)
        grid = figure.add_gridspec(len(parts), 2, width_ratios=[PANEL, 4])
        highest = 1.08 * float(beside.sum(axis=0).max()) or 1.0
        outer = [beside[:, part].sum(axis=0).max(initial=0) for part in parts[1:]]
        away = 1.08 * max(outer, default=0) or 1.0
        for row, part in enumerate(parts):
            ax = figure.add_subplot(grid[row, 0])
            draw_logo(ax, beside[:, part], offsets[part], colors)
            first = offsets[part[0]]
            ax.set_xlim(first - 1, first + max(PANEL, len(part)))
            ax.set_ylim(0, highest if row == 0 else away)
            ax.xaxis.set_major_locator(MultipleLocator(10))
            ax.xaxis.set_major_formatter(lambda x, _: f"{x:+.0f}" if x else "site")
            ax.yaxis.set_major_locator(MaxNLocator(3))
            if row == 0:
                ax.axvspan(-0.5, 0.5, color=HAIR, lw=0, zorder=0)
        ax.set_xlabel("position relative to the site (nt)")
        site = figure.add_subplot(grid[0, 1])
        _site(site, heights[:, offsets == 0], colors)
        figure.supylabel(label, fontsize=8.5)
        if len(parts) > 1 and highest > 1.5 * away:
            note = figure.add_subplot(grid[1, 1])
            note.set_axis_off()
            note.text(0.5, 0.5, f"panels below:\nscale enlarged\n{highest / away:.0f} times",
                      ha="center", va="center", fontsize=7, color=FAINT)  # fmt: skip
        frame(figure, title, remark, 0.25 / figure.get_figheight())
    return figure


def _site(ax: Axes, heights: np.ndarray, colors: Mapping[str, str]) -> None:
    if heights.shape[1]:
        draw_logo(ax, heights, np.zeros(1), colors)
    _scale_on_the_right(ax)


def _scale_on_the_right(ax: Axes) -> None:
    ax.set_xticks([0], ["site"])
    ax.yaxis.tick_right()
    ax.yaxis.set_major_locator(MaxNLocator(3))
    ax.spines["left"].set_visible(False)
    ax.spines["right"].set_visible(True)


def motif_logos(
    motifs: Sequence[MotifLogo],
    colors: Mapping[str, str],
    title: str = "",
    nothing: str = "",
    remark: str = "",
) -> Figure:
    """Draw motifs below one another, and beside each its positions relative to the site.

    Parameters
    ----------
    colors : mapping of str to str
        Base to colour, in the order of the rows of the heights.
    nothing : str
        Text if there are no motifs.
    """
    with style():
        figure = new_figure(9.5, 1.6 * max(1, len(motifs)) + 0.6)
        frame(figure, title, remark, 0.2 / figure.get_figheight())
        if not motifs:
            figure.text(0.5, 0.4, nothing, ha="center", color=FAINT)
            return figure
        axes = figure.subplots(len(motifs), 2, squeeze=False, width_ratios=[3, 2])
        reach = max(int(np.abs(m.offsets).max()) for m in motifs) + 5
        for (logo, where), motif in zip(axes, motifs, strict=True):
            width = motif.heights.shape[1]
            draw_logo(logo, motif.heights, motif.usual + np.arange(width), colors)
            logo.set_ylim(0, max(2.0, logo.get_ylim()[1]))
            logo.set_yticks([0, 1, 2])
            logo.set_ylabel("bits")
            logo.xaxis.set_major_locator(MaxNLocator(min(width, 12), integer=True, min_n_ticks=1))
            logo.set_title(f"{motif.title}   {motif.remark}", fontsize=8.5)
            if 0 <= -motif.usual < width:
                logo.axvspan(-0.5, 0.5, color=HAIR, lw=0, zorder=0)
            _offsets(where, motif, reach)
        axes[-1, 0].set_xlabel("most frequent position relative to the site (nt)")
        axes[-1, 1].set_xlabel("first position relative to the site (nt)")
    return figure


def _offsets(ax: Axes, motif: MotifLogo, reach: int) -> None:
    edges = np.linspace(-reach, reach, 2 * min(reach, 50) + 1) - 0.5 * (reach <= 50)
    ax.hist(motif.offsets, bins=edges.tolist(), color=INK, lw=0)
    ax.set_xlim(-reach, reach)
    ax.set_ylabel("seqlets")
    ax.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    ax.add_line(Line2D([0, 0], [0, 1], color=FAINT, lw=0.6, transform=ax.get_xaxis_transform()))
