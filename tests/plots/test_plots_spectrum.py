"""The picture of a spectrum, and the colours of the types."""

import numpy as np
import pytest

from vqrna.errors import UsageError
from vqrna.modifications import MODIFICATIONS, Modification
from vqrna.plots.spectrum import feature_spectrum
from vqrna.plots.style import COLORBLIND, save_figure, type_colors


def test_a_strip_a_type_with_all_its_bars(tmp_path):
    values = np.array([[2.0, -1, np.nan], [1, 0, 0], [0, 3, 1]])
    significant = np.array([[True, False, False], [False, False, False], [False, True, True]])
    figure = feature_spectrum(
        values,
        np.array([0, 0, 1]),
        ["Am", "Cm", "Gm"],
        ["r", "b", "g"],
        significant=significant,
        remark="me",
    )
    assert [ax.get_ylabel() for ax in figure.axes] == ["Am", "Cm", "Gm"]
    for t, ax in enumerate(figure.axes):
        drawn = sum(patch.get_data().values for patch in ax.patches if hasattr(patch, "get_data"))
        assert drawn.tolist() == np.nan_to_num(values[:, t]).tolist()
    save_figure(figure, tmp_path / "x")
    assert "<!-- me -->" in (tmp_path / "x.svg").read_text()


def test_a_spectrum_of_nothing_is_drawn(tmp_path):
    figure = feature_spectrum(np.empty((0, 1)), np.empty(0, dtype=int), ["Am"], ["r"])
    save_figure(figure, tmp_path / "x")


def test_palettes():
    assert type_colors(MODIFICATIONS) == [m.color for m in MODIFICATIONS]
    benchmark = [m for m in MODIFICATIONS if m.index is not None]
    assert type_colors(benchmark, "colorblind") == list(COLORBLIND)
    assert type_colors(MODIFICATIONS[3:4], "colorblind") == [COLORBLIND[3]]
    own = Modification("xA", "mine", "A")
    assert type_colors([MODIFICATIONS[0], own], "colorblind") == list(COLORBLIND[:2])
    with pytest.raises(UsageError, match="rainbow"):
        type_colors((), "rainbow")
