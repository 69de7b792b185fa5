"""Curves: a pair of panels for each type that has both classes, with the right areas."""

import numpy as np
import pandas as pd
import pytest

from vqrna.modifications import MODIFICATIONS
from vqrna.plots.roc import roc_and_pr
from vqrna.plots.style import save_figure
from vqrna.stats.metrics import measure


def scores(symbols, hard=(), n=60):
    rng = np.random.default_rng(0)
    parts = []
    for symbol in symbols:
        label = np.arange(n) % 2
        negatives = np.where(label == 1, "", "random").astype(object)
        if symbol in hard:
            negatives[(label == 0) & (np.arange(n) % 3 == 0)] = "hard"
        parts.append(
            pd.DataFrame(
                {
                    "modification": symbol,
                    "label": label,
                    "negatives": negatives,
                    "flanks": "none",
                    "score": np.clip(0.3 * label + 0.7 * rng.random(n), 0, 1),
                    "non_overlapping": pd.array(rng.random(n) < 0.7, dtype="boolean"),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def shown(figure):
    return [ax for ax in figure.axes if ax.get_visible()]


@pytest.mark.parametrize("n", [1, 2, 3, 6, 7, 11])
def test_two_panels_a_type(n, tmp_path):
    types = MODIFICATIONS[:n]
    figure = roc_and_pr(scores([m.symbol for m in types], hard=["m6A"]), types, "valid")
    assert len(shown(figure)) == 2 * n
    titles = [ax.get_title(loc="left") for ax in shown(figure)]
    assert [title for title in titles if title] == [m.symbol for m in types]
    save_figure(figure, tmp_path / "x")


def test_areas_are_those_of_the_metrics():
    table = scores(["Am"])
    roc, pr = roc_and_pr(table, MODIFICATIONS).axes
    apart = table[table["non_overlapping"].astype(bool)]
    for ax, metric in ((roc, "auroc"), (pr, "auprc")):
        told = [text.get_text() for text in ax.get_legend().get_texts()]
        assert told == [
            f"{measure(t['label'].to_numpy(), t['score'].to_numpy())[metric]:.3f}"
            for t in (table, apart)
        ]


def test_lines_of_hard_negatives_are_in_the_legend():
    figure = roc_and_pr(scores(["m6A"], hard=["m6A"]), MODIFICATIONS)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "random negatives",
        "random negatives, non-overlapping windows",
        "hard negatives",
        "hard negatives, non-overlapping windows",
    ]


def test_masked_windows_are_not_drawn():
    table = scores(["Am"])
    masked = table.assign(flanks="both", score=1 - table["score"])
    both = roc_and_pr(pd.concat([table, masked]), MODIFICATIONS)
    alone = roc_and_pr(table, MODIFICATIONS)
    for one, other in zip(both.axes, alone.axes, strict=True):
        assert len(one.lines) == len(other.lines)
        np.testing.assert_array_equal(one.lines[-1].get_ydata(), other.lines[-1].get_ydata())


def test_a_type_with_one_class_is_left_out(tmp_path):
    table = scores(["Am", "Cm"])
    table = table[(table["modification"] == "Am") | (table["label"] == 1)]
    assert len(shown(roc_and_pr(table, MODIFICATIONS))) == 2
    nothing = roc_and_pr(table.head(0), MODIFICATIONS)
    assert not shown(nothing)
    save_figure(nothing, tmp_path / "x")


def test_without_overlap_told_there_is_one_line_each():
    table = scores(["Am"])
    table["non_overlapping"] = pd.array([pd.NA] * len(table), dtype="boolean")
    roc, pr = roc_and_pr(table, MODIFICATIONS).axes
    assert len(roc.lines) == 2  # chance and the curve
    assert len(pr.lines) == 1
