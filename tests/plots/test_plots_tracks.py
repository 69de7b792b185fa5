"""Tracks: every candidate a stick, every call a mark with a name that can be read."""

import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from vqrna.modifications import MODIFICATIONS
from vqrna.plots.style import save_figure
from vqrna.plots.tracks import site_tracks
from vqrna.sequence import decode


def table_for(tokens, rate=0.05, seed=0):
    rng = np.random.default_rng(seed)
    sequence, parts = decode(tokens), []
    for m in MODIFICATIONS:
        at = np.flatnonzero(m.candidates(tokens))
        probability = rng.random(len(at))
        call = np.where(rng.random(len(at)) < rate, rng.choice(["low", "medium", "high"]), "")
        parts.append(
            pd.DataFrame(
                {
                    "sequence": "s",
                    "position": at + 1,
                    "base": [sequence[i] for i in at],
                    "modification": m.symbol,
                    "probability": probability,
                    "call": call,
                }
            )
        )
    return sequence, pd.concat(parts, ignore_index=True)


def random_table(length, **how):
    tokens = np.random.default_rng(1).integers(0, 4, length).astype(np.uint8)
    return table_for(tokens, **how)


def sites(ax):
    """Texts of an axes that name a site."""
    return [t for t in ax.texts if t.get_text()[0] in "ACGU" and t.get_text()[1:].isdigit()]


@pytest.mark.parametrize("length", [1, 12, 50, 120, 121, 1000, 5000])
def test_any_length(length, tmp_path):
    sequence, table = random_table(length)
    figure = site_tracks(table, "s", length, MODIFICATIONS, sequence=sequence)
    assert len(figure.axes) == max(1, table["modification"].nunique())
    save_figure(figure, tmp_path / "x")


def test_calls_are_marked_by_tier_and_named():
    table = pd.DataFrame(
        {
            "position": [10, 40, 70, 90],
            "base": list("AAAA"),
            "modification": "m6A",
            "probability": [0.7, 0.8, 0.9, 0.2],
            "call": ["low", "medium", "high", ""],
        }
    )
    (ax,) = site_tracks(table, "s", 100, MODIFICATIONS).axes
    assert [text.get_text() for text in sites(ax)] == ["A10", "A40", "A70"]
    marks = [line for line in ax.lines if line.get_marker() == "o"]
    assert [tuple(line.get_xdata()) for line in marks] == [(10,), (40,), (70,)]
    assert len({line.get_markerfacecolor() for line in marks}) == 3
    assert "3 of 4" in {text.get_text() for text in ax.texts}


def test_heights_are_square_roots_of_probabilities_with_labelled_ticks():
    columns = {"base": list("AA"), "modification": "m6A", "call": ["", "medium"]}
    table = pd.DataFrame({"position": [3, 6], "probability": [0.01, 0.25], **columns})
    figure = site_tracks(table.assign(score=0.99), "s", 9, MODIFICATIONS)
    (ax,) = figure.axes
    ends = [tuple(segment[1]) for segment in ax.collections[0].get_segments()]
    assert ends == [(3, 0.1), (6, 0.5)]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["0", "0.1", "0.5", "1"]
    assert ax.get_yticks() == pytest.approx(np.sqrt([0, 0.1, 0.5, 1]))
    first = figure.legends[0].get_texts()[0].get_text()
    assert first == "probability of a candidate (square-root scale)"


def test_only_types_with_candidates_have_a_row_in_the_given_order():
    _, table = random_table(60)
    table = table[table["modification"].isin(["Psi", "Am"])]
    figure = site_tracks(table, "s", 60, MODIFICATIONS[::-1])
    assert [ax.texts[0].get_text() for ax in figure.axes] == ["Psi", "Am"]


def test_names_never_lie_on_one_another():
    _, table = random_table(3000, rate=0.0)
    crowd = table["position"].between(1500, 1600) | (table["position"] < 40)
    table.loc[crowd, "call"] = "high"
    figure = site_tracks(table, "s", 3000, MODIFICATIONS)
    renderer = FigureCanvasAgg(figure).get_renderer()
    for ax in figure.axes:
        boxes = [text.get_window_extent(renderer) for text in sites(ax)]
        assert len(boxes) >= 2
        for one, other in itertools.combinations(boxes, 2):
            assert not one.overlaps(other)


def test_letters_stand_below_a_short_sequence_only():
    for length, expected in ((120, 120), (121, 0)):
        sequence, table = random_table(length)
        ax = site_tracks(table, "s", length, MODIFICATIONS, sequence=sequence).axes[-1]
        letters = [t.get_text() for t in ax.texts if t.get_family() == ["monospace"]]
        assert "".join(letters) == (sequence if expected else "")


def test_thinned_sticks_keep_the_highest():
    _, table = random_table(20000, rate=0)
    at = table.index[table["modification"] == "m7G"][123]
    table["probability"] *= 0.5
    table.loc[at, "probability"] = 0.99
    sticks = site_tracks(table, "s", 20000, MODIFICATIONS).axes[-1].collections[0]
    ends = np.array([segment[1] for segment in sticks.get_segments()])
    assert len(ends) <= 1400
    highest = ends[ends[:, 1].argmax()]
    assert tuple(highest) == (table.loc[at, "position"], pytest.approx(np.sqrt(0.99)))


def test_no_candidate_is_said(tmp_path):
    _, table = random_table(10)
    figure = site_tracks(table.head(0), "$n$ " * 60, 10, MODIFICATIONS)
    assert figure.axes[0].texts[0].get_text() == "no candidate position"
    assert len(figure.texts[0].get_text()) < 110
    save_figure(figure, tmp_path / "x")


def test_tiers_of_any_names(tmp_path):
    table = pd.DataFrame(
        {
            "position": [5],
            "base": ["A"],
            "modification": "Am",
            "probability": [0.9],
            "call": ["sure"],
        }
    )
    figure = site_tracks(table, "s", 9, MODIFICATIONS, ("sure",), sequence="ACGUACGUA")
    assert figure.axes[0].lines[4].get_markerfacecolor() == MODIFICATIONS[0].color
    assert [t.get_text() for t in figure.legends[0].get_texts()][1] == "called, sure confidence"
    save_figure(figure, tmp_path / "x")
