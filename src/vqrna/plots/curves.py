"""Training curves: losses, validation scores, use of the codebook, learning rate."""

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
    frame,
    label_lines,
    new_figure,
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

_RIGHT = 1.015
_LINE = 0.065  # height of a text line as a share of a panel


def training_curves(history: pd.DataFrame, title: str = "") -> Figure:
    """Draw the history of a training run in four panels.

    Parameters
    ----------
    history : pandas.DataFrame
        One row per epoch: ``epoch``, ``loss``, ``loss_classification``,
        ``loss_reconstruction``, ``loss_quantization``, ``perplexity``, ``codes_used``,
        ``learning_rate``, ``valid_loss``, ``valid_auroc``, ``valid_acc``, ``seconds``.
        Missing or empty columns are not drawn.
    """
    with style():
        figure = new_figure(9.5, 5.6)
        frame(figure, title)
        (losses, scores), (codebook, rate) = figure.subplots(2, 2, sharex=True)
        ends = _lines(losses, history, _LOSSES, "Loss")
        _logarithmic(losses)
        label_lines(losses, ends, _LINE, _RIGHT)
        ends = _lines(scores, history, _SCORES, "Validation", best=True)
        label_lines(scores, ends, 2 * _LINE, _RIGHT)
        ends = _lines(codebook, history, _CODEBOOK, "Codebook")
        codebook.set_ylim(bottom=0)
        label_lines(codebook, ends, _LINE, _RIGHT)
        ends = _lines(rate, history, _RATE, "Learning rate")
        rate.set_ylim(bottom=0)
        if ends:
            _in_powers_of_ten(rate)
        for ax in (codebook, rate):
            ax.set_xlabel(f"epoch{_duration(history)}")
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
    """Draw the available columns; return the last value, name and colour of each line."""
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


def _logarithmic(ax: Axes) -> None:
    """Use a logarithmic axis if all values are positive: the terms differ by decades."""
    values = np.concatenate([line.get_ydata() for line in ax.lines] or [np.zeros(1)])
    if (values > 0).all():
        ax.set_yscale("log")
        decades = math.log10(values.max() / values.min())
        subs = (1.0, 2.0, 5.0) if decades < 2.5 else (1.0,)
        ax.yaxis.set_major_locator(LogLocator(subs=subs))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())


def _in_powers_of_ten(ax: Axes) -> None:
    """Write the power of ten in the title, and short numbers at the ticks."""
    exponent = math.floor(math.log10(max(ax.get_ylim()[1], 1e-300)))
    digits = str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    ax.set_title(f"{ax.get_title(loc='left')} (×10{digits})")
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 10**exponent:.3g}"))


def _duration(history: pd.DataFrame) -> str:
    if "seconds" not in history or history["seconds"].isna().all():
        return ""
    seconds = history["seconds"].median()
    return f" ({seconds:.0f} s each)" if seconds < 120 else f" ({seconds / 60:.1f} min each)"
