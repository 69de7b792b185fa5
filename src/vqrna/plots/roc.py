"""ROC and precision-recall curves: for every type a small panel of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vqrna.modifications import Modification
from vqrna.plots.style import FAINT, HAIR, INK, dark, new_figure, style
from vqrna.stats.metrics import measure

_COLUMNS = 6
"""Types side by side; curves of eleven types on one panel cannot be told apart."""

_WIDE = 2
"""Up to so many types stand below one another, their two panels side by side."""

_DASHES = (0, (2.2, 1.4))


_SMALL: dict[str, Any] = {
    "title_fontsize": 7, "fontsize": 7, "handlelength": 1.7, "handletextpad": 0.5,
    "labelspacing": 0.25, "borderaxespad": 0.3, "alignment": "left",
}  # fmt: skip


class _Contest(NamedTuple):
    """Windows of one type that are compared, and how their curve is drawn."""

    name: str
    rows: pd.DataFrame
    line: dict[str, Any]


def roc_and_pr(
    scores: pd.DataFrame, modifications: Sequence[Modification], title: str = ""
) -> Figure:
    """Draw both curves of each type.

    Solid lines are all windows, dashed ones those that overlap no training window. The first set
    of negatives has the colour of the type, others are grey.

    Parameters
    ----------
    scores : pandas.DataFrame
        One row a window and type: ``modification``, ``label``, ``negatives`` (empty for a
        positive), ``score``, and if known ``non_overlapping`` and ``flanks`` (only ``none`` is
        drawn).
    modifications : sequence of Modification
        Types to draw, in this order; those without both classes are left out.
    title : str
        Above the panels.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if "flanks" in scores:
        scores = scores[scores.flanks == "none"]
    contests = {m.symbol: list(_contests(scores[scores.modification == m.symbol], m.color))
                for m in modifications}  # fmt: skip
    drawn = [m for m in modifications if contests[m.symbol]]
    with style():
        figure, panels = _panels(len(drawn))
        for i, (m, (roc, pr)) in enumerate(zip(drawn, panels, strict=True)):
            edge = i % _COLUMNS == 0 or len(drawn) <= _WIDE
            _roc(roc, contests[m.symbol], "true positive rate" if edge else "")
            roc.set_title(m.symbol, color=dark(m.color), fontsize=10)
            _pr(pr, contests[m.symbol], "precision" if edge else "")
            if i + _COLUMNS >= len(drawn):  # nothing below
                roc.set_xlabel("false positive rate")
                pr.set_xlabel("recall")
        _heading(figure, title, [c for m in drawn for c in contests[m.symbol]])
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


def _contests(rows: pd.DataFrame, color: str) -> Iterator[_Contest]:
    """Pair the positives of one type with each set of negatives, if both are there."""
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
                yield _Contest(name, used, line | ({"ls": _DASHES} if apart else {}))


def _roc(ax: Axes, contests: Sequence[_Contest], ylabel: str) -> None:
    from sklearn.metrics import roc_curve

    _square(ax, ylabel)
    ax.plot([0, 1], [0, 1], color=HAIR, lw=1)
    for contest in contests:
        labels, p = contest.rows.label.to_numpy(), contest.rows.score.to_numpy()
        x, y, _ = roc_curve(labels, p)
        ax.plot(x, y, label=f"{measure(labels, p)['auroc']:.3f}", **contest.line)
    ax.legend(loc="lower right", title="AUROC", **_SMALL)


def _pr(ax: Axes, contests: Sequence[_Contest], ylabel: str) -> None:
    from sklearn.metrics import precision_recall_curve

    _square(ax, ylabel)
    for contest in contests:
        labels, p = contest.rows.label.to_numpy(), contest.rows.score.to_numpy()
        precision, recall, _ = precision_recall_curve(labels, p, drop_intermediate=True)
        value = f"{measure(labels, p)['auprc']:.3f}"
        ax.plot(recall, precision, drawstyle="steps-post", label=value, **contest.line)
    ax.legend(loc="lower left", title="AUPRC", **_SMALL)


def _square(ax: Axes, ylabel: str) -> None:
    """Set up a panel from 0 to 1 both ways; the numbers stand at the edge only."""
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal", ylabel=ylabel)
    ax.set_xticks([0, 0.5, 1], ["0", ".5", "1"])
    ax.set_yticks([0, 0.5, 1], ["0", ".5", "1"] if ylabel else ["", "", ""])


def _heading(figure: Figure, title: str, contests: Sequence[_Contest]) -> None:
    """Write the title, and once what the kinds of line mean."""
    if not contests:
        figure.text(0.5, 0.5, "no type has both classes", ha="center", color=FAINT)
        return
    lines = {contest.name: contest.line for contest in contests}
    many = len({contest.line["color"] for contest in contests}) > 2
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
