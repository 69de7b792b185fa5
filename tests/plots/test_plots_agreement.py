"""Agreement: a row a type, a dot a tier, at the values of the table."""

import numpy as np
import pandas as pd
import pytest

from vqrna.modifications import MODIFICATIONS
from vqrna.plots.agreement import agreement_figure
from vqrna.plots.style import save_figure
from vqrna.stats.tiers import TIERS

MEASURES = ("precision", "recall", "enrichment")


def table(types, tiers=TIERS, found: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = []
    for m in types:
        for tier in tiers:
            row = {"modification": m.symbol, "tier": tier, "called": 50, "known": 70_000}
            row["found"] = found
            for measure, scale in zip(MEASURES, (0.4, 0.2, 300.0), strict=True):
                value = scale * rng.random() if found else 0.0
                row |= {measure: value, f"{measure}_low": 0.7 * value}
                row[f"{measure}_high"] = 1.4 * value + 0.01
            rows.append(row)
    return pd.DataFrame(rows)


def dots(ax) -> list[tuple[float, float]]:
    return [
        (float(line.get_xdata()[0]), float(line.get_ydata()[0]))
        for line in ax.lines
        if line.get_marker() != "None"
    ]


@pytest.mark.parametrize("n", [0, 1, 2, 11])
def test_a_row_a_type_and_a_dot_a_tier(n, tmp_path):
    types = MODIFICATIONS[:n]
    rows = table(types) if n else table(MODIFICATIONS[:1]).iloc[:0]
    figure = agreement_figure(rows, MODIFICATIONS, "one and another")
    panels = figure.axes
    assert [ax.get_title(loc="left") for ax in panels] == list(MEASURES)[: 3 if n else 2]
    for ax, measure in zip(panels, MEASURES, strict=False):
        assert [x for x, _ in dots(ax)] == rows[measure].tolist()
        assert [round(y) for _, y in dots(ax)] == [i for i in range(n) for _ in TIERS]
    named = [text.get_text() for text in panels[0].texts]
    assert named == [word for m in types for word in (m.symbol, "70,000 known")]
    png, svg = save_figure(figure, tmp_path / "agreement")
    assert png.stat().st_size > 5_000
    assert svg.read_text().startswith("<?xml")


def test_all_lies_within_the_panels():
    figure = agreement_figure(table(MODIFICATIONS), MODIFICATIONS)
    for ax in figure.axes:
        low, high = ax.get_xlim()
        for line in ax.lines:
            x = np.asarray(line.get_xdata(), dtype=float)
            if len(x) == 2 and not np.array_equal(x, [0, 1]):
                assert low <= x.min()
                assert x.max() <= high


def test_names_do_not_touch_one_another():
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = agreement_figure(table(MODIFICATIONS), MODIFICATIONS)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    boxes = [text.get_window_extent(canvas.get_renderer()) for text in figure.axes[0].texts]
    assert all(box.x0 >= 0 for box in boxes)
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])


def test_nothing_found_stands_hollow_at_the_edge():
    figure = agreement_figure(table(MODIFICATIONS[:2], found=0), MODIFICATIONS)
    enrichment = figure.axes[2]
    edge = enrichment.get_xlim()[0]
    assert edge > 0
    assert {x for x, _ in dots(enrichment)} == {edge}
    for ax in figure.axes:
        markers = [line for line in ax.lines if line.get_marker() != "None"]
        assert {line.get_markerfacecolor() for line in markers} == {"white"}


def test_without_enrichment_its_panel_is_left_out():
    rows = table(MODIFICATIONS[:2])
    rows[["enrichment", "enrichment_low", "enrichment_high"]] = np.nan
    figure = agreement_figure(rows, MODIFICATIONS)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["precision", "recall"]


def test_what_is_not_known_has_no_dot():
    rows = table(MODIFICATIONS[:2])
    rows.loc[rows.tier == "high", ["precision", "precision_low", "precision_high"]] = np.nan
    figure = agreement_figure(rows, MODIFICATIONS)
    assert [len(dots(ax)) for ax in figure.axes] == [4, 6, 6]


@pytest.mark.parametrize("tiers", [("medium", "high"), ("any",)])
def test_the_legend_tells_the_tiers_there_are(tiers):
    figure = agreement_figure(table(MODIFICATIONS[:1], tiers), MODIFICATIONS)
    told = [text.get_text() for text in figure.legends[0].get_texts()]
    wanted = {"medium": "medium or higher"}
    assert told == [*(wanted.get(tier, tier) for tier in tiers), "no known site called"]


def test_the_same_table_gives_the_same_bytes(tmp_path):
    one, other = (
        save_figure(agreement_figure(table(MODIFICATIONS[:3]), MODIFICATIONS), tmp_path / name)
        for name in "ab"
    )
    for mine, its in zip(one, other, strict=True):
        assert mine.read_bytes() == its.read_bytes()
