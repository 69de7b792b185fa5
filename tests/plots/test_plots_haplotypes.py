"""Aligned sequences: letters, boxes, names of moved sites, and lines that fit."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from vqrna.modifications import MODIFICATIONS
from vqrna.plots.haplotypes import AlignedPair, haplotype_figure
from vqrna.plots.style import save_figure

BASES = np.array(list("ACGU"))


def pair(length=200, edits=(100,), sites=((100, "m6A", 0.5, 0.0), (120, "Psi", 0.01, 0.3)), gap=()):
    letters = BASES[np.random.default_rng(0).integers(0, 4, length)]
    alt = letters.copy()
    for at in edits:
        alt[at] = "A" if letters[at] != "A" else "C"
    for at in gap:
        alt[at] = "-"
    table = pd.DataFrame(
        sites, columns=["column", "modification", "ref_probability", "alt_probability"]
    )
    table["delta"] = table.alt_probability - table.ref_probability
    table["moved"] = table.delta.abs() >= 0.05
    table["target"] = False
    return AlignedPair("one", "".join(letters), "".join(alt), np.arange(1, length + 1), table)


def words(figure):
    return [text.get_text() for ax in figure.axes for text in ax.texts]


@pytest.mark.parametrize("count", [1, 3])
def test_a_section_for_each_pair(count, tmp_path):
    figure = haplotype_figure([pair()] * count, MODIFICATIONS, "title", 0.1)
    shown = words(figure)
    assert sum("m6A" in word for word in shown) == count
    assert shown.count("0.5 → 0") == count
    png, svg = save_figure(figure, tmp_path / "x")
    assert png.stat().st_size > 10_000
    first = svg.read_bytes()
    again = save_figure(haplotype_figure([pair()] * count, MODIFICATIONS, "title", 0.1),
                        tmp_path / "y")[1]  # fmt: skip
    assert first == again.read_bytes()


def test_the_title_of_the_axis():
    for words in ({}, {"axis": "position (nt)"}):
        figure = haplotype_figure([pair()], MODIFICATIONS, "title", 0.1, **words)
        shown = [ax.get_xlabel() for ax in figure.axes if ax.get_xlabel()]
        assert shown == [words.get("axis", "position in the reference (nt)")]


def test_names_do_not_overlap():
    rng = np.random.default_rng(1)
    sites = tuple((int(c), "m6A", float(rng.random()), 0.0) for c in range(90, 110))
    figure = haplotype_figure([pair(sites=sites)], MODIFICATIONS, "title", 0.1)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    names = [t for t in figure.axes[0].texts if t.get_text().startswith("m6A")]
    assert 0 < len(names) <= 9
    boxes = [name.get_window_extent(renderer) for name in names]
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])
        assert 0 <= box.x0 < box.x1 <= figure.bbox.width


@pytest.mark.parametrize("gap", [range(60, 64), range(20, 180)], ids=["short", "long"])
def test_letters_of_edits_are_written_and_long_ones_cut(gap):
    shown = pair(edits=(), gap=gap, sites=((55, "m6A", 0.5, 0.1),))
    figure = haplotype_figure([shown], MODIFICATIONS, "title", 0.1)
    letters = words(figure)
    assert letters.count("-") == min(len(gap), 24)
    for ax in figure.axes[1:]:
        x = [t.get_position()[0] for t in ax.texts if len(t.get_text()) == 1]
        assert max(x, default=0) < ax.get_xlim()[1]


def test_many_distant_edits_take_several_lines():
    edits = tuple(range(20, 190, 30))
    figure = haplotype_figure([pair(edits=edits)], MODIFICATIONS, "title", 0.1)
    assert len(figure.axes) > 2
    boxed = [p for ax in figure.axes[1:] for p in ax.patches]
    assert len(boxed) == 2 * len(edits)


def test_no_site_moves():
    figure = haplotype_figure([pair(sites=((5, "Psi", 0.2, 0.2),))], MODIFICATIONS, "title", 0.1)
    assert "0 sites changed" in [text.get_text() for text in figure.texts]


@pytest.mark.parametrize("count", [1, len(MODIFICATIONS)])
def test_the_legend_fits_with_all_modifications(count):
    sites = [(20 + i, m.symbol, 0.1, 0.5) for i, m in enumerate(MODIFICATIONS[:count])]
    figure = haplotype_figure([pair(sites=sites)], MODIFICATIONS, "title", 0.1)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    (legend,) = figure.legends
    assert legend.get_texts()[-1].get_text() == "new"
    assert len(legend.get_texts()) == count + 4
    assert legend.get_window_extent(canvas.get_renderer()).x1 <= figure.bbox.x1
