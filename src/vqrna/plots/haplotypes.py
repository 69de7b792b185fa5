"""Reference and alternative sequence, aligned: probabilities of sites, and the edited bases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from vqrna.modifications import Modification
from vqrna.plots.style import FAINT, INK, dark, new_figure, spread, style, tint

_POINT = 1 / 72  # inches
_WIDTH, _LEFT, _RIGHT = 11.0, 0.95, 0.35
_SPAN = (_WIDTH - _LEFT - _RIGHT) / _POINT  # points along the sequence
_TOP, _SUBTITLE, _NAMES, _TRACK, _AXIS, _LINE, _END = 0.62, 0.3, 0.42, 1.75, 0.42, 0.74, 0.24
"""Heights in inches: heading, and of each section subtitle, names, tracks, axis, one line of
letters, and the space after it."""

_MARGIN, _LEAST = 20, 121
"""Columns beside the outermost edit or moved site, and fewest columns of the tracks."""

_PER_LINE, _BESIDE, _EDGE = 76, 9, 12
"""Columns in a line of letters, beside each edit or moved site, and of each end of a long edit."""

_NAMED = 9
"""Most moved sites with a name: those that change most."""

_ROOMY = 11
"""Most entries of a legend with wide spacing; more are set closer."""

_REMOVED, _INSERTED = "#d55e00", "#009e73"
_NAME_SIZE = 7


@dataclass(frozen=True, eq=False)
class AlignedPair:
    """Two aligned sequences and the candidate sites of both."""

    subtitle: str
    # ref, alt: P letters each, ``-`` for a gap
    ref: str
    alt: str
    position: np.ndarray  # (P,), int64: 1-based position in the reference; 0 for a gap there
    # One row per candidate: ``column`` (index in the alignment), ``modification``,
    # ``ref_probability``, ``alt_probability``, ``delta``, ``moved`` and ``target`` (bool)
    sites: pd.DataFrame

    @property
    def edited(self) -> np.ndarray:
        """Which columns differ, (P,), bool."""
        return np.frombuffer(self.ref.encode(), np.uint8) != np.frombuffer(
            self.alt.encode(), np.uint8
        )


def haplotype_figure(
    pairs: Sequence[AlignedPair],
    modifications: Sequence[Modification],
    title: str,
    threshold: float,
    *,
    names: tuple[str, str] = ("reference", "alternative"),
    axis: str = "position in the reference (nt)",
    remark: str = "",
) -> Figure:
    """Draw pairs of sequences, one section each.

    Parameters
    ----------
    pairs : sequence of AlignedPair
    modifications : sequence of Modification
        For colours.
    title : str
    threshold : float
        Probability from which a candidate counts as a site; a dashed line.
    names : (str, str)
        Of the two sequences.
    axis : str
        Title of the axis of positions.
    """
    colors = {m.symbol: m.color for m in modifications}
    lines = [_lines(pair) for pair in pairs]
    fixed = _SUBTITLE + _NAMES + _TRACK + _AXIS + _END
    height = _TOP + sum(fixed + _LINE * len(each) for each in lines) + 0.12
    with style():
        figure = new_figure(_WIDTH, height)
        figure.set_layout_engine("none")  # names are placed in points: sizes must not change
        figure.text(0.13 / _WIDTH, 1 - 0.12 / height, title, va="top", fontsize=12,
                    fontweight="bold")  # fmt: skip
        if remark:
            figure.text(1 - 0.1 / _WIDTH, 0.05 / height, remark, ha="right", fontsize=6.5,
                        color=FAINT)  # fmt: skip
        shown = [m for m in modifications if any((p.sites["modification"][p.sites["moved"]]
                 == m.symbol).any() for p in pairs)]  # fmt: skip
        _legend(figure, height, shown, threshold)
        top = height - _TOP
        for pair, each in zip(pairs, lines, strict=True):
            _section(figure, pair, each, colors, top, threshold, names, axis)
            top -= fixed + _LINE * len(each)
    return figure


def _legend(
    figure: Figure, height: float, modifications: Sequence[Modification], threshold: float
) -> None:
    handles = [Line2D([], [], ls="", marker="o", ms=5, color=m.color, label=m.symbol)
               for m in modifications]  # fmt: skip
    handles += [
        Line2D([], [], color=tint(INK, 0.25), lw=1.6, label="candidate that does not change"),
        Line2D([], [], color=FAINT, lw=0.8, ls=(0, (3, 2)), label=f"probability {threshold:g}"),
        Line2D([], [], ls="", marker="s", ms=7, color=tint(_REMOVED, 0.35), label="replaced"),
        Line2D([], [], ls="", marker="s", ms=7, color=tint(_INSERTED, 0.35), label="new"),
    ]
    many = len(handles) > _ROOMY
    figure.legend(
        handles=handles, ncols=len(handles), loc="upper left", borderaxespad=0,
        bbox_to_anchor=(0.1 / _WIDTH, 1 - 0.4 / height), handletextpad=0.4,
        columnspacing=0.8 if many else 1.5, handlelength=1.2 if many else 2.0,
    )  # fmt: skip


def _axes(figure: Figure, top: float, inches: float) -> Axes:
    """Add axes below `top` (inches from the bottom of the figure)."""
    height = figure.get_figheight()
    box = (_LEFT / _WIDTH, (top - inches) / height, _SPAN * _POINT / _WIDTH, inches / height)
    ax = figure.add_axes(box)
    ax.grid(visible=False)
    for side in ax.spines.values():
        side.set_visible(False)
    return ax


def _section(
    figure: Figure,
    pair: AlignedPair,
    lines: Sequence[Sequence[tuple[int, int]]],
    colors: dict[str, str],
    top: float,
    threshold: float,
    names: tuple[str, str],
    axis: str,
) -> None:
    height = figure.get_figheight()
    moved = int(pair.sites["moved"].sum())
    count = f"{moved} site{'' if moved == 1 else 's'} changed"
    more = f", the {_NAMED} largest named" if moved > _NAMED else ""
    figure.text(0.13 / _WIDTH, (top - 0.04) / height, pair.subtitle, va="top", fontsize=9)
    figure.text(1 - _RIGHT / _WIDTH, (top - 0.04) / height, count + more, va="top", ha="right",
                fontsize=8, color=FAINT)  # fmt: skip
    top -= _SUBTITLE
    tracks = _axes(figure, top, _NAMES + _TRACK)
    _tracks(tracks, pair, colors, threshold, names)
    tracks.set_xlabel(axis, fontsize=8, labelpad=1)
    top -= _NAMES + _TRACK + _AXIS
    for line in lines:
        _letters(_axes(figure, top, _LINE), pair, line, colors, names)
        top -= _LINE


def _range(pair: AlignedPair) -> tuple[int, int]:
    """Return first and last column of the tracks."""
    marked = np.concatenate([np.flatnonzero(pair.edited),
                             pair.sites["column"][pair.sites["moved"]]])  # fmt: skip
    low, high = int(marked.min()) - _MARGIN, int(marked.max()) + _MARGIN
    missing = max(0, _LEAST - (high - low + 1))
    low, high = low - missing // 2, high + (missing + 1) // 2
    return max(0, low), min(len(pair.ref) - 1, high)


def _tracks(
    ax: Axes, pair: AlignedPair, colors: dict[str, str], threshold: float, names: tuple[str, str]
) -> None:
    """Draw the probabilities of the reference upwards, those of the alternative downwards."""
    low, high = _range(pair)
    sites = pair.sites[pair.sites["column"].between(low, high)]
    highest = max(sites["ref_probability"].max(), sites["alt_probability"].max(), 1.6 * threshold)
    scale = min(1.0, 1.08 * float(highest))
    upper = scale * (1 + 2 * _NAMES / _TRACK)
    ax.set(xlim=(low - 1, high + 1), ylim=(-scale, upper))
    _shade_edits(ax, pair, low, high, scale)
    for sign, column in ((1, "ref_probability"), (-1, "alt_probability")):
        ax.plot([low - 0.5, high + 0.5], [sign * threshold] * 2, color=FAINT, lw=0.8,
                ls=(0, (3, 2)), zorder=1)  # fmt: skip
        still = sites[~sites["moved"]]
        ax.vlines(still["column"], 0, sign * still[column], color=tint(INK, 0.25), lw=1.6)
        for symbol, own in sites[sites["moved"]].groupby("modification"):
            color = colors[str(symbol)]
            ax.vlines(own["column"], 0, sign * own[column], color=color, lw=1.8, zorder=3)
            ax.plot(own["column"], sign * own[column], "o", ms=4.5, color=color, zorder=4,
                    mec=dark(color, 3), mew=0.7)  # fmt: skip
    ax.plot([low - 0.5, high + 0.5], [0, 0], color=INK, lw=0.9, zorder=5)
    # A small site is visible by its marker; no number would fit
    step = next(s for s in (0.5, 0.2, 0.1, 0.05, 0.02, 0.01) if s <= 0.7 * scale)
    ticks = np.arange(1, int(scale / step + 1e-9) + 1) * step
    ax.set_yticks([*-ticks[::-1], 0, *ticks])
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{abs(y):g}"))
    ax.tick_params(axis="y", length=2, labelsize=6.5)
    for sign, name in ((1, names[0]), (-1, names[1])):
        ax.annotate(name, (-0.055, sign * scale / 2), xycoords=("axes fraction", "data"),
                    rotation=90, ha="center", va="center", fontsize=8)  # fmt: skip
    _positions(ax, pair, low, high)
    _site_names(ax, sites[sites["moved"]], pair, colors, low, high, scale, upper)


def _shade_edits(ax: Axes, pair: AlignedPair, low: int, high: int, scale: float) -> None:
    for start, stop in _runs(pair.edited):
        if stop > low and start <= high:
            ax.add_patch(Rectangle((start - 0.5, 0), stop - start, scale, lw=0, zorder=0,
                                   color=tint(_REMOVED, 0.35)))  # fmt: skip
            ax.add_patch(Rectangle((start - 0.5, -scale), stop - start, scale, lw=0, zorder=0,
                                   color=tint(_INSERTED, 0.35)))  # fmt: skip


def _positions(ax: Axes, pair: AlignedPair, low: int, high: int) -> None:
    """Write reference positions below the tracks."""
    here = np.arange(low, high + 1)
    here = here[pair.position[here] > 0]
    if len(here):
        at = pair.position[here]
        wanted = MaxNLocator(8, integer=True, steps=[1, 2, 5, 10]).tick_values(at.min(), at.max())
        ticks = {int(t): int(c) for t, c in zip(at, here, strict=True) if t in wanted}
        ax.xaxis.set_major_locator(FixedLocator(list(ticks.values())))
        ax.set_xticklabels([f"{t:,}" for t in ticks])
    ax.tick_params(axis="x", length=3, labelsize=7.5)


def _site_names(
    ax: Axes,
    moved: pd.DataFrame,
    pair: AlignedPair,
    colors: dict[str, str],
    low: int,
    high: int,
    scale: float,
    upper: float,
) -> None:
    """Write the names of moved sites and their probabilities above, joined by a line."""
    rank = (moved["delta"].abs() + 10 * moved["target"]).sort_values(ascending=False)
    kept = moved.loc[rank.index[:_NAMED]].sort_values(["column", "modification"])
    nt = _SPAN / (high - low + 2)
    x = (kept["column"].to_numpy() - low + 1) * nt
    places = spread(x, 74, 30, _SPAN - 30)
    for (_, site), place in zip(kept.iterrows(), places, strict=True):
        color = dark(colors[site["modification"]])
        at = place / nt + low - 1
        weight = "bold" if site["target"] else "normal"
        name = f"{site['modification']} {_name(pair, int(site['column']))}"
        numbers = f"{_short(site['ref_probability'])} → {_short(site['alt_probability'])}"
        base = scale + 0.3 * (upper - scale)
        ax.text(at, upper, name, ha="center", va="top", fontsize=_NAME_SIZE, color=color,
                fontweight=weight)  # fmt: skip
        ax.text(at, base + 0.04 * (upper - scale), numbers, ha="center", va="bottom",
                fontsize=_NAME_SIZE - 0.5, color=INK)  # fmt: skip
        ax.plot([at, site["column"], site["column"]], [base, scale, site["ref_probability"]],
                color=tint(color, 0.55), lw=0.6, zorder=2)  # fmt: skip


def _short(probability: float) -> str:
    return "<0.001" if 0 < probability < 0.001 else f"{probability:.2g}"


def _name(pair: AlignedPair, column: int) -> str:
    """Return letter and position of a column, such as ``A1,000`` or ``A>G 300``."""
    ref, alt, position = pair.ref[column], pair.alt[column], int(pair.position[column])
    if ref == "-":
        return f"+{alt}"
    return f"{ref}{position}" if ref == alt else f"{ref}>{alt} {position}"


def _runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """Return start and stop of each run of true values."""
    edges = np.flatnonzero(np.diff(np.pad(mask.astype(np.int8), 1)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _lines(pair: AlignedPair) -> list[list[tuple[int, int]]]:
    """Return the columns to write as letters: lines of blocks (start, stop) with gaps between."""
    shown = np.zeros(len(pair.ref), dtype=bool)
    for start, stop in _runs(pair.edited):
        ends = [(start, stop)] if stop - start <= 3 * _EDGE else [
            (start, start + _EDGE), (stop - _EDGE, stop)
        ]  # fmt: skip
        for low, high in ends:
            outer_low = low - _BESIDE if low == start else low
            outer_high = high + _BESIDE if high == stop else high
            shown[max(0, outer_low) : outer_high] = True
    moved = pair.sites[pair.sites["moved"]]
    largest = moved["delta"].abs().sort_values(ascending=False).index[:_NAMED]
    inside_long = np.zeros(len(pair.ref), dtype=bool)
    for start, stop in _runs(pair.edited):
        if stop - start > 3 * _EDGE:
            inside_long[start + _EDGE : stop - _EDGE] = True
    for column in moved.loc[largest, "column"].tolist():
        if not inside_long[column]:
            shown[max(0, column - _BESIDE) : column + _BESIDE + 1] = True
    lines: list[list[tuple[int, int]]] = [[]]
    used = 0
    for start, stop in _runs(shown):
        while start < stop:
            free = _PER_LINE - used
            if free < min(stop - start, 2 * _BESIDE + 1):
                lines.append([])
                used, free = 0, _PER_LINE
            end = min(stop, start + free)
            lines[-1].append((start, end))
            used += end - start + 2
            start = end
    return lines


def _letters(
    ax: Axes,
    pair: AlignedPair,
    blocks: Sequence[tuple[int, int]],
    colors: dict[str, str],
    names: tuple[str, str],
) -> None:
    """Write the letters of one line, with edited bases boxed and moved sites marked."""
    ax.set(xlim=(-0.5, _PER_LINE - 0.5), ylim=(0, 1))
    ax.set_xticks([])
    ax.set_yticks([])
    edited = pair.edited
    moved = pair.sites[pair.sites["moved"]]
    x = 0
    for height, name in ((0.6, names[0]), (0.34, names[1])):
        ax.text(-1.5, height, name, ha="right", va="center", fontsize=7.5, color=FAINT)
    for number, (start, stop) in enumerate(blocks):
        if number:
            ax.text(x - 1.5, 0.47, "···", ha="center", va="center", fontsize=8, color=FAINT)
        for column in range(start, stop):
            at = x + column - start
            for height, letters, color in (
                (0.6, pair.ref, _REMOVED), (0.34, pair.alt, _INSERTED)
            ):  # fmt: skip
                if edited[column]:
                    ax.add_patch(Rectangle((at - 0.46, height - 0.115), 0.92, 0.23, lw=0,
                                           color=tint(color, 0.35)))  # fmt: skip
                ax.text(
                    at, height - 0.01, letters[column], ha="center", va="center", fontsize=8,
                    family="monospace", color=INK if edited[column] else "#555555",
                    fontweight="bold" if edited[column] else "normal",
                )  # fmt: skip
            own = moved[moved["column"] == column]
            for i, (_, site) in enumerate(own.iterrows()):
                shift = (i - (len(own) - 1) / 2) * 0.45
                color = colors[site["modification"]]
                for height, p in ((0.79, site["ref_probability"]), (0.15, site["alt_probability"])):
                    ax.plot(at + shift, height, "o", ms=5.5, zorder=3, mec=color, mew=0.9,
                            mfc=tint(color, min(1.0, float(p) ** 0.5)))  # fmt: skip
        position = next((int(p) for p in pair.position[start:stop] if p), 0)
        if position:
            ax.text(x, 0.98, f"{position:,}", ha="center", va="top", fontsize=6.5, color=FAINT)
        x += stop - start + 2
