"""Pictures are written whole, the same each time, and leave matplotlib as it was."""

import matplotlib as mpl
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from vqrna.errors import DataError
from vqrna.modifications import MODIFICATIONS
from vqrna.plots.style import dark, new_figure, save_figure, style, tint


def drawn(text="a name"):
    with style():
        figure = new_figure(2, 1)
        figure.subplots().plot([0, 1], [0, 1], label=text)
        figure.axes[0].set_title(text)
    return figure


@pytest.mark.parametrize("name", ["picture", "picture.png", "picture.svg"])
def test_both_formats_are_written_whatever_the_ending(tmp_path, name):
    png, svg = save_figure(drawn(), tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["picture.png", "picture.svg"]
    assert imread(png).shape[:2] == (200, 400)
    assert svg.read_text().startswith("<?xml")


def test_a_dot_in_the_name_is_no_ending(tmp_path):
    png, _ = save_figure(drawn(), tmp_path / "NM_001.2")
    assert png.name == "NM_001.2.png"


def test_the_same_figure_gives_the_same_bytes(tmp_path):
    one = save_figure(drawn(), tmp_path / "one")
    two = save_figure(drawn(), tmp_path / "two")
    for a, b in zip(one, two, strict=True):
        assert a.read_bytes() == b.read_bytes()
    assert "dc:date" not in one[1].read_text()


def test_names_of_any_letters_are_drawn(tmp_path):
    save_figure(drawn("$x_1$ Ψ 序列 $"), tmp_path / "odd")  # warnings are errors here
    assert drawn("$x$").axes[0].title.get_parse_math() is False


def test_settings_are_left_as_they_were(tmp_path):
    before = dict(mpl.rcParams)
    save_figure(drawn(), tmp_path / "x")
    assert dict(mpl.rcParams) == before


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(DataError, match="the folder does not exist"):
        save_figure(drawn(), tmp_path / "no" / "x")


def contrast_with_white(color):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)


@pytest.mark.parametrize("m", MODIFICATIONS, ids=lambda m: m.symbol)
def test_text_in_the_colour_of_a_type_can_be_read(m):
    assert contrast_with_white(dark(m.color)) >= 4.5


def test_a_dark_colour_stays():
    assert dark("#222222") == "#222222"


def test_tints_run_from_white_to_the_colour():
    assert tint("#e41a1c", 0) == "#ffffff"
    assert tint("#e41a1c", 1) == "#e41a1c"
