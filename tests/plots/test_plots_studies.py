"""Pictures of studies: labels at the ends of lines, and what differences are compared with."""

import pandas as pd
import pytest

from vqrna.plots.studies import against_length, differences

COLORS = {"Am": "#e41a1c", "Cm": "#377eb8"}


def test_labels_are_at_the_ends_of_lines_in_both_panels():
    rows = [
        (length, symbol, windows, value, value - 0.01, value + 0.01)
        for windows, shift in (("all", 0.0), ("non_overlapping", -0.3))  # moves the shared axis
        for symbol, top in (("Am", 0.95), ("Cm", 0.8))
        for length, value in ((51, 0.7 + shift), (101, top + shift))
    ]
    names = ["length", "modification", "windows", "value", "low", "high"]
    figure = against_length(pd.DataFrame(rows, columns=names), COLORS)
    for ax, shift in zip(figure.axes, (0.0, -0.3), strict=True):
        to_data = ax.transAxes + ax.transData.inverted()
        for text, top in zip(ax.texts, (0.8, 0.95), strict=True):
            assert to_data.transform((1, text.get_position()[1]))[1] == pytest.approx(top + shift)


def test_differences_name_what_they_are_compared_with():
    rows = [("64 codes", "Am", "all", 0.01, -0.01, 0.03)]
    names = ["variant", "modification", "windows", "difference", "low", "high"]
    figure = differences(pd.DataFrame(rows, columns=names), COLORS, "the full model")
    assert figure.axes[0].get_xlabel() == "AUROC minus that of the full model"
    assert figure.legends[0].get_texts()[-1].get_text() == "hollow: interval includes 0"
