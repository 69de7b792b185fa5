"""A map of sites, and where predictions look."""

import numpy as np
import pytest

from vqrna.plots.attention import attention_figure, effects_figure
from vqrna.plots.embedding import embedding_map
from vqrna.plots.style import save_figure


@pytest.mark.parametrize("called", [False, True])
def test_a_panel_a_type_of_which_something_is_known(tmp_path, called):
    labels = np.array([[1, -1, -1], [0, 1, -1], [-1, 0, -1], [1, -1, -1]])
    figure = embedding_map(
        np.arange(8.0).reshape(4, 2), labels, ["Am", "Cm", "Gm"], ["r", "g", "b"], called=called
    )
    shown = [ax.get_title(loc="left") for ax in figure.axes if ax.get_visible()]
    counts = ["Am  2", "Cm  1"] if called else ["Am  2 / 1", "Cm  1 / 1"]
    assert shown[1:] == counts
    save_figure(figure, tmp_path / "x")


def test_sites_of_which_nothing_is_known(tmp_path):
    figure = embedding_map(np.zeros((1, 2)), np.full((1, 2), -1), ["Am", "Cm"], ["r", "g"])
    assert len(figure.axes) == 1
    assert figure.axes[0].get_title(loc="left") == "no labels of these sites are known"
    save_figure(figure, tmp_path / "x")


def test_attention_is_drawn_as_it_is(tmp_path):
    rng = np.random.default_rng(0)
    mean = rng.dirichlet(np.ones(5), (2, 3, 5))
    figure = attention_figure(mean, mean[:, :, 2], 12.0 * np.arange(-2, 3), "#e41a1c", title="t")
    maps = [ax for ax in figure.axes if ax.images]
    assert np.array_equal(maps[1].images[0].get_array(), mean.mean(axis=1)[1])
    curve = figure.axes[2].lines[3]
    assert curve.get_ydata() == pytest.approx(mean[0, :, 2].mean(axis=0))
    save_figure(figure, tmp_path / "x")


@pytest.mark.parametrize("n", [1, 4])
def test_effects_of_tokens(tmp_path, n):
    effects = np.random.default_rng(0).normal(size=(n, 17))
    figure = effects_figure(effects, 3.0 * np.arange(-8, 9), "#e41a1c", remark="me")
    drawn = figure.axes[0].patches[0].get_data().values
    assert drawn == pytest.approx(effects.mean(axis=0))
    figure.draw_without_rendering()
    whole, near, below, below_near, colors = figure.axes
    for above, every in ((whole, below), (near, below_near)):
        assert np.array_equal(every.images[0].get_array(), effects)
        assert above.get_xlim() == every.get_xlim()
        ends = [[ax.get_position().x0, ax.get_position().x1] for ax in (above, every)]
        assert ends[0] == pytest.approx(ends[1])
    bar, label = colors.get_window_extent(), colors.xaxis.label.get_window_extent()
    assert label.width < bar.width
    legend = whole.get_legend()
    told = [] if legend is None else [text.get_text() for text in legend.get_texts()]
    assert told == (["mean", "middle half of the windows"] if n > 1 else [])
    save_figure(figure, tmp_path / "x")
