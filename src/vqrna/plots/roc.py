"""ROC and precision-recall curves: two small panels for every type."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vqrna.modifications import Modification
from vqrna.plots.style import FAINT, HAIR, INK, dark, new_figure, style, unit_square
from vqrna.stats.metrics import measure

_COLUMNS = 6  # types side by side
_WIDE = 2  # largest number of types that are drawn with their two panels side by side
_DASHES = (0, (2.2, 1.4))


_SMALL: dict[str, Any] = {
    "title_fontsize": 7, "fontsize": 7, "handlelength": 1.7, "handletextpad": 0.5,
    "labelspacing": 0.25, "borderaxespad": 0.3, "alignment": "left",
}  # fmt: skip


class _Curve(NamedTuple):
    """Scores of one curve, and how it is drawn."""

    name: str
    rows: pd.DataFrame
    line: dict[str, Any]


def roc_and_pr(
    scores: pd.DataFrame, modifications: Sequence[Modification], title: str = ""
) -> Figure:
    """Draw both curves of each type.

    Solid lines are all windows, dashed lines those that overlap no training window. The first set
    of negatives has the colour of the type, others are grey.

    Parameters
    ----------
    scores : pandas.DataFrame
        One row per window and type: ``modification``, ``label``, ``negatives`` (empty for a
        positive), ``score``, and optionally ``non_overlapping`` and ``flanks`` (only ``none`` is
        drawn).
    modifications : sequence of Modification
        Types to draw, in this order; types without both classes are left out.
    """
    if "flanks" in scores:
        scores = scores[scores.flanks == "none"]
    curves = {m.symbol: list(_curves(scores[scores.modification == m.symbol], m.color))
                for m in modifications}  # fmt: skip
    drawn = [m for m in modifications if curves[m.symbol]]
    with style():
        figure, panels = _panels(len(drawn))
        for i, (m, (roc, pr)) in enumerate(zip(drawn, panels, strict=True)):
            edge = i % _COLUMNS == 0 or len(drawn) <= _WIDE
            _roc(roc, curves[m.symbol], "true positive rate" if edge else "")
            roc.set_title(m.symbol, color=dark(m.color), fontsize=10)
            _pr(pr, curves[m.symbol], "precision" if edge else "")
            if i + _COLUMNS >= len(drawn):  # last row
                roc.set_xlabel("false positive rate")
                pr.set_xlabel("recall")
        _heading(figure, title, [c for m in drawn for c in curves[m.symbol]])
    return figure


def _panels(n: int) -> tuple[Figure, list[tuple[Axes, Axes]]]:
    """Lay out two panels for each type: one or two types in rows, more in columns."""
    if n <= _WIDE:
        figure = new_figure(6.4, 3.2 * max(n, 1) + 1.1)
        grid = figure.subplots(max(n, 1), 2, squeeze=False)
        pairs = [(roc, pr) for roc, pr in grid]
    else:
        columns, blocks = min(n, _COLUMNS), -(-n // _COLUMNS)
        figure = new_figure(1.9 * columns + 0.5, 3.8 * blocks + 0.9)
        grid = figure.subplots(2 * blocks, columns, squeeze=False)
        pairs = [
            (roc, pr)
            for upper, lower in zip(grid[::2], grid[1::2], strict=True)
            for roc, pr in zip(upper, lower, strict=True)
        ]
    for unused in pairs[n:]:
        for ax in unused:
            ax.set_visible(False)
    return figure, pairs[:n]


def _curves(rows: pd.DataFrame, color: str) -> Iterator[_Curve]:
    """Yield the positives of one type with each set of negatives, if there are both."""
    sets = [name for name in rows.negatives.unique() if name]
    for negatives in sorted(sets, key=lambda name: (name != "random", name)):
        used = rows[(rows.label == 1) | (rows.negatives == negatives)]
        color = dark(color, 3) if negatives == sets[0] or negatives == "random" else FAINT
        for apart in (False, True):
            if apart:
                if "non_overlapping" not in used or used.non_overlapping.isna().any():
                    continue
                used = used[used.non_overlapping.astype(bool)]
            if used.label.nunique() == 2:
                name = f"{negatives} negatives" + (", non-overlapping windows" if apart else "")
                line = {"color": color, "lw": 1.1 if apart else 1.6}
                yield _Curve(name, used, line | ({"ls": _DASHES} if apart else {}))


def _roc(ax: Axes, curves: Sequence[_Curve], ylabel: str) -> None:
    from sklearn.metrics import roc_curve

    unit_square(ax, 0.02, left=bool(ylabel))
    ax.set_ylabel(ylabel)
    ax.plot([0, 1], [0, 1], color=HAIR, lw=1)
    for curve in curves:
        labels, p = curve.rows.label.to_numpy(), curve.rows.score.to_numpy()
        x, y, _ = roc_curve(labels, p)
        ax.plot(x, y, label=f"{measure(labels, p)['auroc']:.3f}", **curve.line)
    ax.legend(loc="lower right", title="AUROC", **_SMALL)


def _pr(ax: Axes, curves: Sequence[_Curve], ylabel: str) -> None:
    from sklearn.metrics import precision_recall_curve

    unit_square(ax, 0.02, left=bool(ylabel))
    ax.set_ylabel(ylabel)
    for curve in curves:
        labels, p = curve.rows.label.to_numpy(), curve.rows.score.to_numpy()
        precision, recall, _ = precision_recall_curve(labels, p, drop_intermediate=True)
        value = f"{measure(labels, p)['auprc']:.3f}"
        ax.plot(recall, precision, drawstyle="steps-post", label=value, **curve.line)
    ax.legend(loc="lower left", title="AUPRC", **_SMALL)


def _heading(figure: Figure, title: str, curves: Sequence[_Curve]) -> None:
    if not curves:
        figure.text(0.5, 0.5, "no modification has both classes", ha="center", color=FAINT)
        return
    lines = {curve.name: curve.line for curve in curves}
    many = len({curve.line["color"] for curve in curves}) > 2
    handles = [
        Line2D([], [], **(line | ({"color": INK} if many and line["color"] != FAINT else {})))
        for line in lines.values()
    ]
    figure.legend(
        handles,
        list(lines),
        loc="outside upper left",
        ncols=4 if figure.get_figwidth() > 10 else 2,
        handlelength=2.2,
        title=title or None,
        title_fontproperties={"size": 11, "weight": "bold"},
        alignment="left",
    )
