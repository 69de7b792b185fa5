"""Pictures of a codebook: logos of the most specific codes, and deletion curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from vqrna.plots.logos import draw_logo
from vqrna.plots.style import BLUE, FAINT, GREEN, HAIR, ORANGE, dark, frame, new_figure, style

_COLUMNS = 4

ORDERS = {
    "specific": ("most specific codes", ORANGE, "-"),
    "random": ("random codes", FAINT, "-"),
    "mutagenesis": ("mutagenesis", BLUE, "-"),
    "occlusion": ("tokens with the largest effect", GREEN, (0, (4, 1.5))),
}
"""Name, colour and dashes of each order of a deletion curve."""


@dataclass(frozen=True, eq=False)
class CodeLogo:
    """Logo of one code."""

    bits: np.ndarray  # (4, W): Heights of A, C, G, U
    offsets: np.ndarray  # (W,), int: Offsets of the columns from the centre of the code
    label: str


def top_codes(
    codes: Sequence[Sequence[CodeLogo]],
    names: Sequence[str],
    colors: Sequence[str],
    bases: Mapping[str, str],
    *,
    title: str = "",
    remark: str = "",
) -> Figure:
    """Draw the logos of the most specific codes, one row per type.

    Parameters
    ----------
    codes : sequence of sequence of CodeLogo
        Codes of each type; at most four are drawn.
    names, colors : sequence of str
        Names and colours of the types.
    bases : mapping of str to str
        Colour of each base.
    """
    with style():
        present = [entry for entry in zip(codes, names, colors, strict=True) if entry[0]]
        without = [name for own, name in zip(codes, names, strict=True) if not own]
        figure = new_figure(11, 1.15 * max(len(present), 1) + 0.9)
        axes = figure.subplots(max(len(present), 1), _COLUMNS, squeeze=False, sharey=True)
        # Bases that are rare in the background can have more than two bits
        tallest = [logo.bits.sum(axis=0).max() for own, _, _ in present for logo in own[:_COLUMNS]]
        highest = max(2.0, 1.05 * max(tallest, default=0.0))
        if not present:
            for ax in axes[0]:
                ax.set_axis_off()
        for row, (own, name, color) in enumerate(present):
            below = present[row + 1][0] if row + 1 < len(present) else ()
            for column, ax in enumerate(axes[row]):
                if column >= len(own):
                    ax.set_axis_off()
                    continue
                draw_logo(ax, own[column].bits, own[column].offsets, bases)
                ax.set_ylim(0, highest)
                ax.axvline(0, color=HAIR, lw=0.8, zorder=0)
                ax.set_title(own[column].label, fontsize=7, fontweight="normal", pad=2)
                lowest = column >= len(below)
                ax.tick_params(labelsize=6.5, length=2, labelbottom=lowest)
                ax.set_xlabel("nt from the centre" if lowest else "", fontsize=7)
            axes[row, 0].set_ylabel(name, color=dark(color), fontweight="bold", fontsize=10)
        figure.supylabel("bits", fontsize=8.5)
        if without:
            title = f"{title}; no specific code for {', '.join(without)}"
        frame(figure, title, remark)
    return figure


def deletion_curves(
    table: pd.DataFrame,
    names: Sequence[str],
    colors: Sequence[str],
    *,
    title: str = "",
    remark: str = "",
) -> Figure:
    """Draw the decrease of a prediction as tokens are replaced.

    Parameters
    ----------
    table : pandas.DataFrame
        ``modification``, ``order`` (any of `ORDERS`), ``tokens``, ``lost``.
    names, colors : sequence of str
        Names and colours of the types; types that are not in the table are left out.
    """
    present = [
        (n, c) for n, c in zip(names, colors, strict=True) if (table.modification == n).any()
    ]
    columns = min(_COLUMNS, max(len(present), 1))
    rows = -(-max(len(present), 1) // columns)
    with style():
        figure = new_figure(2.6 * columns + 0.4, 2.1 * rows + 1.1)
        axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
        for ax in axes[len(present) :]:
            ax.set_visible(False)
        for at, (ax, (name, color)) in enumerate(zip(axes, present, strict=False)):
            of_type = table[table.modification == name]
            for order, (label, line, dashes) in ORDERS.items():
                curve = of_type[of_type.order == order].sort_values("tokens")
                if len(curve):
                    ax.plot(curve.tokens, curve.lost, color=line, ls=dashes, label=label,
                            marker="o", ms=2.5)  # fmt: skip
            ax.axhline(0, color=FAINT, lw=0.6)
            ax.set_xscale("symlog", base=2, linthresh=1)
            ax.set_title(name, color=dark(color))
            ax.set_ylim(-0.15, max(1.2, 1.05 * table.lost.max()))
            ticks = sorted({0, 1, 4, 16, 64} | {int(table.tokens.max())})
            ax.set_xticks(ticks, [str(t) for t in ticks])
            ax.xaxis.minorticks_off()
            lowest = at + columns >= len(present)
            ax.xaxis.set_tick_params(labelbottom=lowest)
            ax.set_xlabel("tokens replaced" if lowest else "")
        figure.supylabel("share of the logit lost", fontsize=8.5)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=len(labels))
        frame(figure, title, remark)
    return figure
