"""Common style of all pictures: colours, frames, placement of labels, and writing of files."""

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
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from vqrna.errors import UsageError
from vqrna.modifications import Modification
from vqrna.runtime.files import atomic_path

INK = "#222222"
"""Colour of text and main lines."""

FAINT = "#8a8a8a"
"""Colour of axes, ticks and remarks."""

HAIR = "#e4e4e4"
"""Colour of grid lines and baselines."""

BLUE, ORANGE, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#aa4499"
"""Colours of curves without a modification, safe for colour-blind readers."""

DPI = 200

_STYLE: Any = {
    "font.family": "DejaVu Sans",  # part of matplotlib: the same picture on every machine
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
    "text.parse_math": False,  # a `$` in the name of a sequence is not math
    "svg.fonttype": "path",  # letters as outlines: independent of installed fonts
    "svg.hashsalt": "vqrna",  # reproducible bytes
}


def frame(figure: Figure, title: str = "", remark: str = "", foot: float = 0.03) -> None:
    """Write a title above a figure of :func:`new_figure`, and a remark below.

    Parameters
    ----------
    foot : float
        Share of the height for the remark.
    """
    if title:
        figure.suptitle(title, fontsize=11, fontweight="bold", x=0.01, ha="left", color=INK)
    if remark:
        figure.text(0.99, 0.004, remark, fontsize=6.5, color=FAINT, ha="right", va="bottom")
        figure.get_layout_engine().set(rect=(0, foot, 1, 1 - foot))  # type: ignore[union-attr,call-arg]


@contextmanager
def style() -> Iterator[None]:
    """Apply the style of this project, and restore matplotlib's settings afterwards."""
    with mpl.rc_context(_STYLE):
        yield


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure with constrained layout; size in inches."""
    return Figure(figsize=(width, height), facecolor="white", layout="constrained")


def dark(color: str, contrast: float = 4.5) -> str:
    """Darken a colour to a minimum WCAG contrast ratio to white."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*to_rgb(color))
    while 1.05 / (luminance(color) + 0.05) < contrast:
        lightness *= 0.95
        color = to_hex(colorsys.hls_to_rgb(hue, lightness, saturation))
    return color


def luminance(color: str) -> float:
    """Return the relative luminance of WCAG 2: 0 for black, 1 for white."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def tint(color: str, amount: float) -> str:
    """Mix a colour with white: 1 is the colour, 0 is white."""
    red, green, blue = (1 - amount * (1 - part) for part in to_rgb(color))
    return to_hex((red, green, blue))


def save_figure(figure: Figure, path: str | PathLike[str]) -> tuple[Path, Path]:
    """Write a figure as PNG and SVG with reproducible bytes.

    Raises DataError if a file cannot be written; no file is left incomplete.

    Parameters
    ----------
    path : path-like
        Name of the picture; the extension ``.png`` or ``.svg`` is replaced.

    Returns
    -------
    png, svg : pathlib.Path
    """
    stem = Path(path)
    if stem.suffix in (".png", ".svg"):
        stem = stem.with_suffix("")
    written = []
    with style(), warnings.catch_warnings():
        # Letters missing from the font are drawn as boxes
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        for extension, metadata in (("png", {}), ("svg", {"Date": None})):
            final = stem.with_name(f"{stem.name}.{extension}")
            with atomic_path(final) as temporary:
                figure.savefig(temporary, format=extension, dpi=DPI, metadata=metadata)
            written.append(final)
    return written[0], written[1]


PALETTES = ("types", "colorblind")  # each type's own colour, or those of `COLORBLIND`
COLORBLIND = (
    "#cc6677", "#332288", "#ddcc77", "#117733", "#88ccee", "#882255",
    "#44aa99", "#999933", "#aa4499", "#000000", "#9a9a9a",
)  # fmt: skip
"""Paul Tol's "muted" palette (SRON technical note 09-002), with a darker grey."""

BASES = {
    "types": {"A": "#d7301f", "C": "#2166ac", "G": "#f28e1c", "U": "#1a9850"},
    "colorblind": {"A": "#882255", "C": "#0072b2", "G": "#e69f00", "U": "#009e73"},
}
"""Colours of the bases in logos for each palette."""


def type_colors(modifications: Sequence[Modification], palette: str = PALETTES[0]) -> list[str]:
    """Return the colour of each type: fixed for known types, unused colours for a user's own.

    Raises UsageError if the palette is not one of `PALETTES`.
    """
    if palette not in PALETTES:
        raise UsageError(f"unknown palette '{palette}' (known: {', '.join(PALETTES)})")
    if palette == PALETTES[0]:
        return [m.color for m in modifications]
    taken = {m.index for m in modifications if m.index is not None}
    free = [i for i in range(1, len(COLORBLIND) + 1) if i not in taken] or [len(COLORBLIND)]
    colors, own = [], 0
    for m in modifications:
        if m.index is not None and m.index <= len(COLORBLIND):
            colors.append(COLORBLIND[m.index - 1])
        else:
            colors.append(COLORBLIND[free[own % len(free)] - 1])
            own += 1
    return colors


def spread(places: Sequence[float] | np.ndarray, gap: float, low: float, high: float) -> np.ndarray:
    """Move labels apart with the smallest sum of squared moves (isotonic regression).

    Parameters
    ----------
    places : sequence of float, shape (N,)
        Preferred positions, ascending.
    gap : float
        Smallest distance between two labels.
    low, high : float
        Bounds; labels are spaced evenly if they do not fit.

    Returns
    -------
    np.ndarray, shape (N,)
    """
    from scipy.optimize import isotonic_regression

    wanted = np.asarray(places, dtype=float)
    n = len(wanted)
    if n == 0:
        return wanted
    if n > 1 and (n - 1) * gap > high - low:
        return np.linspace(low, high, n)
    steps = gap * np.arange(n)
    return np.clip(isotonic_regression(wanted - steps).x, low, high - steps[-1]) + steps


def label_lines(
    ax: Axes, ends: Sequence[tuple[float, str, str]], gap: float, x: float = 1.01
) -> None:
    """Write names beside the right ends of lines, without overlap.

    Parameters
    ----------
    gap : float
        Smallest vertical distance as a share of the panel.
    x : float
        Position as a share of the panel.
    """
    ends = sorted(ends)
    ax.get_ylim()  # updates the limits that the transform below reads
    to_axes = ax.transScale + ax.transLimits
    at = [to_axes.transform((1.0, y))[1] for y, *_ in ends]
    for place, (_, label, color) in zip(spread(at, gap, 0.02, 1), ends, strict=True):
        ax.text(x, place, label, transform=ax.transAxes, va="center", color=dark(color), fontsize=8)


def unit_square(ax: Axes, margin: float, *, bottom: bool = True, left: bool = True) -> None:
    """Set up a square panel from 0 to 1, with numbers only at the given edges."""
    limits = (-margin, 1 + margin)
    ax.set(xlim=limits, ylim=limits, aspect="equal")
    ticks, numbers = [0, 0.5, 1], ["0", "0.5", "1"]
    ax.set_xticks(ticks, numbers if bottom else [""] * 3)
    ax.set_yticks(ticks, numbers if left else [""] * 3)
