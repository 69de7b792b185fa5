"""The picture of probabilities in a scan."""

import pandas as pd

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
