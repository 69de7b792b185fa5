import numpy as np
import pytest
from matplotlib.figure import Figure

from vqrna.plots.logos import (
    MotifLogo,
    draw_logo,
    importance_bars,
    importance_logos,
    motif_logos,
    panels,
)
from vqrna.plots.style import BASES, save_figure

COLORS = BASES["types"]


def boxes(ax):
    """Boxes of the letters that were drawn, by colour, from bottom to top."""
    found = {}
    for collection, name in zip(ax.collections, COLORS, strict=False):
        found[name] = [path.get_extents() for path in collection.get_paths()]
    return found


def test_letters_have_their_heights_and_the_tallest_is_on_top():
    ax = Figure().subplots()
    heights = np.array([[3.0, 0], [1.0, 0], [0, 0], [0, 2.0]])
    draw_logo(ax, heights, np.array([5, 6]), COLORS)
    found = boxes(ax)
    assert found["C"][0].y0 == pytest.approx(0)
    assert found["C"][0].y1 == pytest.approx(1)
    assert found["A"][0].y0 == pytest.approx(1)
    assert found["A"][0].y1 == pytest.approx(4)
    assert found["G"] == []
    assert found["U"][0].height == pytest.approx(2)
    middle = (found["U"][0].x0 + found["U"][0].x1) / 2
    assert middle == pytest.approx(6)
    assert 0.9 < found["A"][0].width < 1


def test_bases_have_the_published_colours():
    ax = Figure().subplots()
    draw_logo(ax, np.ones((4, 1)), np.zeros(1), COLORS)
    red, blue, orange, green = (c.get_facecolor()[0][:3] for c in ax.collections)
    assert red[0] > 0.8 > 0.3 > max(red[1:])
    assert blue[2] > 0.6 > blue[0]
    assert orange[0] > orange[1] > orange[2]
    assert green[1] > max(green[0], green[2])


def test_panels_of_a_hundred_the_centre_first():
    offsets = np.arange(-250, 251)
    found = [(offsets[part[0]], offsets[part[-1]]) for part in panels(offsets)]
    assert found == [(-50, 49), (-250, -151), (-150, -51), (50, 149), (150, 250)]


@pytest.mark.parametrize("length", [1, 21, 51, 101, 125, 201, 1001])
def test_every_column_is_in_one_panel(length):
    offsets = np.arange(length) - length // 2
    parts = panels(offsets)
    assert 0 in offsets[parts[0]]
    assert sorted(np.concatenate(parts)) == list(range(length))
    assert max(map(len, parts)) <= 125


def test_the_site_does_not_flatten_the_rest():
    heights = np.full((4, 201), 0.1)
    heights[0, 100] = 1000
    figure = importance_logos(heights, np.arange(-100, 101), COLORS, "importance")
    first, *_ = figure.axes
    site = figure.axes[-1]
    assert first.get_ylim()[1] < 1
    assert site.get_ylim()[1] > 1000
    bars = importance_bars(heights.sum(0), np.arange(-100, 101), "importance")
    assert bars.axes[0].get_ylim()[1] < 1
    assert bars.axes[2].get_ylim()[1] > 900


def test_axes_tell_positions_beside_the_site(tmp_path):
    figure = importance_logos(np.ones((4, 301)), np.arange(-150, 151), COLORS, "mean change")
    save_figure(figure, tmp_path / "a")
    words = [t.get_text() for t in figure.axes[0].get_xticklabels()]
    assert "site" in words
    assert "+10" in words
    assert figure.get_supylabel() == "mean change"
    labelled = [ax for ax in figure.axes if "relative to the site" in ax.get_xlabel()]
    assert len(labelled) == 1


def test_a_long_remark_leaves_the_axis_readable():
    figure = importance_logos(
        np.ones((4, 501)), np.arange(-250, 251), COLORS, "mean change", remark="x" * 120
    )
    figure.draw_without_rendering()
    (below,) = (ax.xaxis.label for ax in figure.axes if ax.get_xlabel())
    (remark,) = figure.texts[-1:]
    assert remark.get_text() == "x" * 120
    assert not remark.get_window_extent().overlaps(below.get_window_extent())


def test_importance_is_drawn_from_zero():
    heights = np.zeros(21)
    heights[10] = 2
    for beside in (0, 3):
        heights[4] = beside
        bars = importance_bars(heights, np.arange(-10, 11), "importance")
        for ax in bars.axes[:2]:
            low, high = ax.get_ylim()
            assert low == 0
            assert high > beside


def test_motifs_tell_where_they_stand(tmp_path):
    logo = MotifLogo(np.eye(4), "m6A_1", "in 3 of 5 windows", np.array([-2, -2, 4]), -2)
    figure = motif_logos([logo], COLORS, "m6A")
    drawn, where = figure.axes
    assert "m6A_1" in drawn.get_title(loc="left")
    assert drawn.get_xlim() == pytest.approx((-2.7, 1.7))
    counts = {round(p.get_x() + p.get_width() / 2): p.get_height() for p in where.patches}
    assert counts[-2] == 2
    assert counts[4] == 1
    assert sum(counts.values()) == 3
    png, svg = save_figure(figure, tmp_path / "m")
    assert png.stat().st_size > 5000
    assert "<path" in svg.read_text()


def test_no_motif_is_told():
    figure = motif_logos([], COLORS, "m6A", "no motif")
    assert "no motif" in [text.get_text() for text in figure.texts]
