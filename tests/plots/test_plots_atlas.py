"""Logos of codes and deletion curves."""

import numpy as np
import pandas as pd
import pytest

from vqrna.plots.atlas import CodeLogo, deletion_curves, top_codes
from vqrna.plots.style import BASES, save_figure


def test_types_with_and_without_codes(tmp_path):
    logo = CodeLogo(np.random.default_rng(0).random((4, 5)) / 3, np.arange(-2, 3), "code 7")
    figure = top_codes([[logo] * 5, []], ["Am", "Cm"], ["r", "b"], BASES["colorblind"], title="t")
    shown = [ax for ax in figure.axes if ax.axison]
    assert len(shown) == 4
    assert shown[0].get_ylabel() == "Am"
    save_figure(figure, tmp_path / "x")
    assert "no specific code for Cm" in (tmp_path / "x.svg").read_text()


def test_letters_of_more_than_two_bits_are_drawn_whole():
    flat = CodeLogo(np.full((4, 5), 0.1), np.arange(-2, 3), "code 7")
    tall = CodeLogo(np.full((4, 5), 0.6), np.arange(-2, 3), "code 8")
    figure = top_codes([[flat], [tall]], ["Am", "Cm"], ["r", "b"], BASES["types"])
    assert min(ax.get_ylim()[1] for ax in figure.axes if ax.axison) > 2.4
    figure = top_codes([[flat]], ["Am"], ["r"], BASES["types"])
    assert figure.axes[0].get_ylim() == (0, 2)


@pytest.mark.parametrize("types", [1, 5])
def test_a_panel_a_type_and_a_line_an_order(types, tmp_path):
    names = [f"t{i}" for i in range(types)]
    rows = [
        (name, order, n, n / 16)
        for name in names
        for order in ("specific", "random")
        for n in (0, 1, 4, 16)
    ]
    table = pd.DataFrame(rows, columns=["modification", "order", "tokens", "lost"])
    figure = deletion_curves(table, [*names, "other"], ["r"] * (types + 1), remark="me")
    shown = [ax for ax in figure.axes if ax.get_visible()]
    assert [ax.get_title(loc="left") for ax in shown] == names
    line = shown[-1].lines[0]
    assert line.get_xydata().tolist() == [[0, 0], [1, 1 / 16], [4, 0.25], [16, 1]]
    save_figure(figure, tmp_path / "x")
