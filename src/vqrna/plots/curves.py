"""How training went: losses, validation scores, use of the codebook, learning rate."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from vqrna.plots.style import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    dark,
    new_figure,
    spread,
    style,
)

_LOSSES = {
    "loss": ("total", INK),
    "valid_loss": ("validation", FAINT),
    "loss_classification": ("classification", BLUE),
    "loss_reconstruction": ("reconstruction", ORANGE),
    "loss_quantization": ("quantisation", GREEN),
}

_SCORES = {"valid_auroc": ("AUROC", BLUE), "valid_acc": ("ACC", ORANGE)}

_CODEBOOK = {"codes_used": ("codes used", PURPLE), "perplexity": ("perplexity", GREEN)}

_RATE = {"learning_rate": ("", INK)}

_LINE = 0.065
"""Height of a line of text as a share of a panel."""


def training_curves(history: pd.DataFrame, title: str = "") -> Figure:
    """Draw the history of a training run in four panels.

    Parameters
    ----------
    history : pandas.DataFrame
        One row an epoch, columns ``epoch``, ``loss``, ``loss_classification``,
        ``loss_reconstruction``, ``loss_quantization``, ``perplexity``, ``codes_used``,
        ``learning_rate``, ``valid_loss``, ``valid_auroc``, ``valid_acc``, ``seconds``; those that
        are missing or empty are not drawn.
    title : str
        Above the panels.

    Returns
    -------
    matplotlib.figure.Figure
    """
    with style():
        figure = new_figure(9.5, 5.6)
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        (losses, scores), (codebook, rate) = figure.subplots(2, 2, sharex=True)
        ends = _lines(losses, history, _LOSSES, "Loss")
        _logarithmic(losses)
        _name(losses, ends)
        _name(scores, _lines(scores, history, _SCORES, "Validation", best=True))
        ends = _lines(codebook, history, _CODEBOOK, "Codebook")
        codebook.set_ylim(bottom=0)
        _name(codebook, ends)
        ends = _lines(rate, history, _RATE, "Learning rate")
        rate.set_ylim(bottom=0)
        if ends:
            _in_powers_of_ten(rate)
        for ax in (codebook, rate):
            ax.set_xlabel(f"epoch{_each(history)}")
            ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    return figure


def _lines(
    ax: Axes,
    history: pd.DataFrame,
    columns: Mapping[str, tuple[str, str]],
    title: str,
    *,
    best: bool = False,
) -> list[tuple[float, str, str]]:
    """Draw the columns that are there; give the end, name and colour of each line."""
    ax.set_title(title)
    ends = []
    for column, (label, color) in columns.items():
        if column not in history:
            continue
        drawn = history[["epoch", column]].dropna()
        if drawn.empty:
            continue
        x, y = drawn["epoch"].to_numpy(), drawn[column].to_numpy(dtype=float)
        ax.plot(x, y, color=color, marker="o", markersize=3 if len(x) < 40 else 0)
        if best:
            top = int(np.argmax(y))
            ax.plot(x[top], y[top], "o", markersize=7, mfc="white", mec=color, mew=1.5)
            label = f"{label} {y[top]:.3f}\nepoch {x[top]:g}"
        ends.append((float(y[-1]), label, color))
    if not ends:
        ax.text(0.5, 0.5, "not recorded", transform=ax.transAxes, ha="center", color=FAINT)
        ax.set_yticks([])
    ax.margins(x=0.03)
    return ends


def _name(ax: Axes, ends: list[tuple[float, str, str]]) -> None:
    """Name the lines beside their ends: no legend to look up, none to lie on a curve."""
    ends = sorted(ends, key=lambda end: end[0])
    ax.get_ylim()  # settles the limits, which the transform below reads
    to_axes = ax.transScale + ax.transLimits
    at = [to_axes.transform((1.0, y))[1] for y, *_ in ends]
    lines = max((label.count("\n") + 1 for _, label, _ in ends), default=1)
    for place, (_, label, color) in zip(spread(at, lines * _LINE, 0.02, 1), ends, strict=True):
        ax.text(
            1.015, place, label, transform=ax.transAxes, va="center", color=dark(color), fontsize=8
        )


def _logarithmic(ax: Axes) -> None:
    """Use a logarithmic axis where all is positive: the terms lie decades apart."""
    values = np.concatenate([line.get_ydata() for line in ax.lines] or [np.zeros(1)])
    if (values > 0).all():
        ax.set_yscale("log")
        decades = math.log10(values.max() / values.min())
        subs = (1.0, 2.0, 5.0) if decades < 2.5 else (1.0,)
        ax.yaxis.set_major_locator(LogLocator(subs=subs))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())


def _in_powers_of_ten(ax: Axes) -> None:
    """Say the power of ten once, in the title, and short numbers beside the ticks."""
    exponent = math.floor(math.log10(max(ax.get_ylim()[1], 1e-300)))
    digits = str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    ax.set_title(f"{ax.get_title(loc='left')} (×10{digits})")
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 10**exponent:.3g}"))


def _each(history: pd.DataFrame) -> str:
    """Say how long an epoch took."""
    if "seconds" not in history or history["seconds"].isna().all():
        return ""
    seconds = history["seconds"].median()
    return f" ({seconds:.0f} s each)" if seconds < 120 else f" ({seconds / 60:.1f} min each)"
