"""How all pictures look, and how they are written.

Colours of types and bases: their own, or sets that colour-blind readers tell apart.

Put labels side by side that would lie on one another, each as near its place as can be.
"""

from __future__ import annotations

import colorsys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from vqrna.errors import UsageError
from vqrna.modifications import Modification
from vqrna.runtime.files import atomic_path

INK = "#222222"
"""Text and whatever carries a statement."""

FAINT = "#8a8a8a"
"""Axes, ticks and remarks."""

HAIR = "#e4e4e4"
"""Grid lines and baselines."""

BLUE, ORANGE, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#aa4499"
"""Colours of curves that belong to no modification; told apart by colour-blind readers."""

DPI = 200

_STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture on every machine
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8.5,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": HAIR,
    "grid.linewidth": 0.6,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "lines.linewidth": 1.5,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.fontsize": 8,
    "text.color": INK,
    "text.parse_math": False,  # a `$` in the name of a sequence is a dollar sign
    "svg.fonttype": "path",  # letters as outlines: the same without the font
    "svg.hashsalt": "vqrna",  # the same bytes from the same numbers
}


def frame(figure: Figure, title: str = "", remark: str = "", foot: float = 0.03) -> None:
    """Write a title above a figure of :func:`new_figure`, and a remark at its foot.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    title, remark : str
    foot : float
        Share of the height that the remark takes.
    """
    if title:
        figure.suptitle(title, fontsize=11, fontweight="bold", x=0.01, ha="left", color=INK)
    if remark:
        figure.text(0.99, 0.004, remark, fontsize=6.5, color=FAINT, ha="right", va="bottom")
        figure.get_layout_engine().set(rect=(0, foot, 1, 1 - foot))  # type: ignore[union-attr,call-arg]


@contextmanager
def style() -> Iterator[None]:
    """Draw in the style of this project, and leave matplotlib's settings as they were."""
    with mpl.rc_context(_STYLE):
        yield


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure, in inches, whose parts make room for one another."""
    return Figure(figsize=(width, height), facecolor="white", layout="constrained")


def dark(color: str, contrast: float = 4.5) -> str:
    """Darken a colour until text in it can be read on white (WCAG contrast ratio)."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*to_rgb(color))
    while 1.05 / (_luminance(color) + 0.05) < contrast:
        lightness *= 0.95
        color = to_hex(colorsys.hls_to_rgb(hue, lightness, saturation))
    return color


def _luminance(color: str) -> float:
    """Relative luminance as WCAG 2 defines it: 0 for black, 1 for white."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def tint(color: str, amount: float) -> str:
    """Mix a colour with white: 1 is the colour, 0 is white."""
    red, green, blue = (1 - amount * (1 - part) for part in to_rgb(color))
    return to_hex((red, green, blue))


def save_figure(figure: Figure, path: str | PathLike[str]) -> tuple[Path, Path]:
    """Write a figure as PNG and as SVG, each whole or not at all.

    The same figure gives the same bytes: no date is written.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : path-like
        Name of the picture; its ending is replaced if it is ``.png`` or ``.svg``.

    Returns
    -------
    png, svg : pathlib.Path

    Raises
    ------
    DataError
        If a file cannot be written.
    """
    stem = Path(path)
    if stem.suffix in (".png", ".svg"):
        stem = stem.with_suffix("")
    written = []
    with style(), warnings.catch_warnings():
        # Names of sequences may hold letters that the font lacks; a box stands for them.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        for kind, metadata in (("png", {}), ("svg", {"Date": None})):
            final = stem.with_name(f"{stem.name}.{kind}")
            with atomic_path(final) as temporary:
                figure.savefig(temporary, format=kind, dpi=DPI, metadata=metadata)
            written.append(final)
    return written[0], written[1]


PALETTES = ("types", "colorblind")
"""Each type's own colour, or those of `COLORBLIND`."""

COLORBLIND = (
    "#cc6677", "#332288", "#ddcc77", "#117733", "#88ccee", "#882255",
    "#44aa99", "#999933", "#aa4499", "#000000", "#9a9a9a",
)  # fmt: skip
"""Paul Tol's "muted" set (SRON technical note 09-002), its grey darkened to be seen on white."""

BASES = {
    "types": {"A": "#d7301f", "C": "#2166ac", "G": "#f28e1c", "U": "#1a9850"},
    "colorblind": {"A": "#882255", "C": "#0072b2", "G": "#e69f00", "U": "#009e73"},
}
"""Colours of the bases in logos, for each palette: A red, C blue, G orange, U green by default."""


def type_colors(modifications: Sequence[Modification], palette: str = PALETTES[0]) -> list[str]:
    """Give every type its colour.

    Parameters
    ----------
    modifications : sequence of Modification
    palette : str
        One of `PALETTES`. A known type has the same colour in every picture; types of one's own
        take the colours that are left.

    Raises
    ------
    UsageError
        If there is no such palette.
    """
    if palette not in PALETTES:
        raise UsageError(f"unknown palette '{palette}' (known: {', '.join(PALETTES)})")
    if palette == PALETTES[0]:
        return [m.color for m in modifications]
    taken = {m.index for m in modifications if m.index is not None}
    free = [i for i in range(1, len(COLORBLIND) + 1) if i not in taken] or [len(COLORBLIND)]
    found, own = [], 0
    for m in modifications:
        if m.index is not None and m.index <= len(COLORBLIND):
            found.append(COLORBLIND[m.index - 1])
        else:
            found.append(COLORBLIND[free[own % len(free)] - 1])
            own += 1
    return found


def spread(places: Sequence[float] | np.ndarray, gap: float, low: float, high: float) -> np.ndarray:
    """Move places apart.

    Of all ways to keep the order and the gap, the one with the smallest sum of squared moves
    (isotonic regression, by pooling neighbours that would collide).

    Parameters
    ----------
    places : sequence of float, shape (N,)
        Where the labels would stand, rising.
    gap : float
        Smallest distance of two.
    low, high : float
        Bounds; if there is no room for all, they stand evenly between them.

    Returns
    -------
    np.ndarray, shape (N,)
    """
    wanted = np.asarray(places, dtype=float)
    n = len(wanted)
    if n == 0:
        return wanted
    if n > 1 and (n - 1) * gap > high - low:
        return np.linspace(low, high, n)
    steps = gap * np.arange(n)
    pools: list[list[float]] = []  # each a mean and how many it stands for
    for place in wanted - steps:
        pools.append([place, 1])
        while len(pools) > 1 and pools[-2][0] >= pools[-1][0]:
            mean, count = pools.pop()
            before, pooled = pools[-1]
            pools[-1] = [(before * pooled + mean * count) / (pooled + count), pooled + count]
    level = np.concatenate([np.full(int(count), mean) for mean, count in pools])
    return np.clip(level, low, high - steps[-1]) + steps
