from dataclasses import replace

import numpy as np
import pytest
import torch
from matcher import LENGTH, matcher, planted_windows

from tiny import columns
from vqrna.errors import UsageError
from vqrna.interpret import attribute, find_motifs
from vqrna.interpret.attributions import Attributions, hypothetical
from vqrna.sequence import AMBIGUOUS, encode


def test_worked_by_hand():
    # Log-odds 2 as it is; 1, 0 and -1 with the other bases: the base that stands there helps
    values = hypothetical(np.array([[2.0], [1.0], [0.0], [-1.0]]), 2.0)
    assert values[:, 0].tolist() == [1.5, 0.5, -0.5, -1.5]


def test_a_letter_of_the_motif_matters_and_no_other():
    model = matcher("GGAC", -2)
    windows = planted_windows("GGAC", np.array([48]))
    found = attribute(model, windows, model.modifications[0])
    assert found.target.tolist() == [8.0]
    # Losing one letter takes 2 from the log-odds whatever comes: -(0 - 2 - 2 - 2) / 4
    assert found.observed[0, 48:52] == pytest.approx([1.5] * 4)
    assert np.delete(found.observed[0], range(48, 52)) == pytest.approx(np.zeros(97), abs=1e-6)
    assert found.offsets[[48, 50]].tolist() == [-2, 0]
    assert found.importance[48:52] == pytest.approx([1.5] * 4)
    assert found.heights[:, 48].tolist() == pytest.approx([0, 0, 1.5, 0])


def test_conventions():
    model = matcher("GGAC", -2)
    windows = planted_windows("GGAC", np.array([48]))
    windows[0, 49] = AMBIGUOUS
    kind = model.modifications[0]
    projected = attribute(model, windows, kind)
    whole = attribute(model, windows, kind, convention="hypothetical")
    assert projected.shown[0, :, 48] == pytest.approx([0, 0, 1.5, 0])
    assert whole.shown[0, :, 48] == pytest.approx([-0.5, -0.5, 1.5, -0.5])
    assert projected.shown[0, :, 49].tolist() == [0, 0, 0, 0]
    assert whole.shown[0, :, 49] == pytest.approx([-0.5, -0.5, 1.5, -0.5])
    assert projected.observed[0, 49] == 0
    with pytest.raises(UsageError, match=r"unknown convention 'both' \(known: projected, hypo"):
        attribute(model, windows, kind, convention="both")


def test_the_published_way_takes_the_mean_first_and_the_sigmoid():
    model = matcher("GGAC", -2)
    windows = np.stack([encode("A" * LENGTH)] * 2)
    windows[0, 48] = encode("G")[0]
    kind = model.modifications[0]
    ours, paper = (attribute(model, windows, kind, paper=p) for p in (False, True))
    # G helps the first by 1.5; A in its place costs the second 0.5
    assert ours.heights[:, 48] == pytest.approx([0.25, 0, 0.75, 0])
    assert ours.target.tolist() == [4.0, 2.0]
    assert paper.target == pytest.approx(1 / (1 + np.exp([-4.0, -2.0])))
    both = Attributions(ours.values, ours.target, windows, "hypothetical", paper=True)
    each = Attributions(ours.values, ours.target, windows, "hypothetical")
    assert both.heights[:, 48] == pytest.approx([0.5, 0.5, 1.5, 0.5])
    odd = Attributions(
        np.array([[[1.0]] * 4, [[-1.0]] * 4], np.float32), ours.target, windows[:, :1], paper=True
    )
    assert odd.importance.sum() == 0  # what helps in one and hurts in another cancels
    assert replace(odd, paper=False).importance.sum() == 1
    assert each.importance[48] == pytest.approx(3.0)


@pytest.mark.parametrize("convention", ["projected", "hypothetical"])
def test_the_same_as_tangermeme(convention):
    program = pytest.importorskip("tangermeme.saturation_mutagenesis")
    model = matcher("GGAC", -2)
    windows = planted_windows("GGAC", np.array([48, -1, 20]))
    windows[2, 30] = AMBIGUOUS

    class Target(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = model.network

        def forward(self, x):
            return self.network(x).logits

    theirs = program.saturation_mutagenesis(
        Target().eval(), columns(windows), device="cpu", target=1, fast=False,
        hypothetical=convention == "hypothetical",
    )  # fmt: skip
    ours = attribute(model, windows, model.modifications[1], convention=convention)
    assert np.abs(ours.shown - theirs.numpy()).max() < 1e-5
    assert np.ptp(ours.shown) > 0.5


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (np.zeros((2, 100), np.uint8), r"odd number of columns, not uint8 of shape \(2, 100\)"),
        (np.zeros(101, np.uint8), r"not uint8 of shape \(101,\)"),
        (np.zeros((2, 101)), "array of integers"),
        (["ACGUACG"], "array of integers"),
        (np.full((2, 101), 5), "must lie between 0 and 4"),
    ],
)
def test_what_are_not_windows(tokens, message):
    model = matcher("GGAC", -2)
    with pytest.raises(UsageError, match=message):
        attribute(model, tokens, model.modifications[0])
    with pytest.raises(UsageError, match="needs the result of vqrna"):
        find_motifs(tokens, "m6A")
