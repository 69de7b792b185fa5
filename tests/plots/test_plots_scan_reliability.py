"""The picture of probabilities in a scan."""

import itertools

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg

from vqrna.modifications import modifications
from vqrna.plots.scan_reliability import scan_reliability_diagrams


def draw(symbols, rows):
    table = pd.DataFrame(
        rows, columns=["modification", "effective", "stated", "mixture", "unmodified"]
    )
    return scan_reliability_diagrams(table, modifications(symbols), enough=50, factor=1.5)


def test_a_panel_for_each_type_with_groups():
    rows = [("Am", 80.0, 0.2, 0.1, 0.3), ("Am", 10.0, 0.4, 0.2, 0.0), ("Psi", 90.0, 0.1, 0.1, 0.1)]
    figure = draw(["Am", "Cm", "Psi"], rows)
    shown = [ax for ax in figure.axes if ax.get_visible()]
    assert [ax.get_title(loc="left") for ax in shown] == ["Am", "Psi"]
    lines = [line for line in shown[0].lines if len(line.get_xdata()) == 2][1:]
    assert [tuple(line.get_ydata()) for line in lines] == [(0.1, 0.3), (0.2, 1e-4)]
    assert lines[0].get_color() != lines[1].get_color()  # few positions are pale


def test_no_group_is_an_empty_figure():
    assert not [ax for ax in draw(["Am"], []).axes if ax.get_visible()]


def test_the_lowest_panel_of_every_column_has_labels_that_do_not_collide():
    symbols = ["Am", "Cm", "Gm", "Um", "m1A", "Psi"]  # two columns end in the first row
    figure = draw(symbols, [(symbol, 80.0, 0.2, 0.1, 0.3) for symbol in symbols])
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.canvas.draw()
    labelled, boxes = [], []
    for ax in figure.axes[: len(symbols)]:
        shown = [t for t in ax.get_xticklabels() if t.get_visible() and t.get_text()]
        if shown:
            labelled.append(ax.get_title(loc="left"))
            assert [t.get_text() for t in shown] == ["0.001", "0.1"]
            boxes += [t.get_window_extent(renderer) for t in shown]
    assert labelled == ["Gm", "Um", "m1A", "Psi"]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
