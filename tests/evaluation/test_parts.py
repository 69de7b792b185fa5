"""What the two parts of a head know, each alone."""

import numpy as np
import pytest
import torch

from seeded import LENGTH, SYMBOLS, calling_model
from tiny import columns, random_tokens, tiny_paper
from vqrna.data.windows import Windows
from vqrna.evaluation import evaluate
from vqrna.evaluation.parts import BETWEEN, BOTH, REGION, SITE, WITHIN, parts_of
from vqrna.model import TrainedModel
from vqrna.modifications import modifications
from vqrna.nn.model import build
from vqrna.sequence import centre, encode

WIDE = 2 * 250 + LENGTH


@pytest.fixture(scope="module")
def windows():
    tokens = random_tokens(24 * len(SYMBOLS), WIDE, 4)
    labels = np.full((len(tokens), len(SYMBOLS)), -1, dtype=np.int8)
    site = centre(WIDE)
    for k, symbol in enumerate(SYMBOLS):
        rows = np.arange(24) + 24 * k
        tokens[rows, site - 2 : site + 1] = encode("GCU" if symbol == "Psi" else "GCA")
        labels[rows, k] = np.arange(24) % 2
    return Windows(
        tokens,
        labels,
        np.where(labels == 0, 0, -1).astype(np.int8),
        ("random",),
        tuple(f"w{i}" for i in range(len(tokens))),
        modifications(list(SYMBOLS)),
    )


def test_the_parts_add_up_to_the_model():
    model, tokens = calling_model(), random_tokens(9, LENGTH, 1)
    alone = parts_of(model)
    assert set(alone) == {SITE, REGION}
    total = sum(part.logits(tokens) for part in alone.values())
    np.testing.assert_allclose(total, model.logits(tokens), atol=1e-5)
    with torch.no_grad():
        codes = model.network(columns(tokens)).codes
        site = model.network.parts_from_codes(codes).site
    np.testing.assert_allclose(alone[SITE].logits(tokens), site.numpy(), atol=1e-5)
    assert np.ptp(model.logits(tokens), axis=0).min() > 0


def test_each_part_is_measured_between_and_within_windows(windows):
    model = calling_model()
    table = evaluate(model, windows, full=True, resamples=20).positions.parts
    assert set(table["part"]) == {SITE, REGION, BOTH}
    assert set(table["auroc"]) == {BETWEEN, WITHIN}

    def value(part, auroc, kind):
        rows = table[
            (table["part"] == part) & (table["auroc"] == auroc) & (table["modification"] == kind)
        ]
        (row,) = rows.to_dict("records")
        assert row["low"] <= row["value"] <= row["high"]
        return row["value"]

    # By hand: pairs of windows in the right order, ties a half
    for part, alone in {**parts_of(model), BOTH: model}.items():
        logits = alone.logits(windows.tokens)
        for k, kind in enumerate(SYMBOLS):
            on = logits[windows.labels[:, k] == 1, k][:, None]
            off = logits[windows.labels[:, k] == 0, k][None]
            expected = ((on > off) + 0.5 * (on == off)).mean()
            assert value(part, BETWEEN, kind) == pytest.approx(expected)
    whole = evaluate(model, windows, full=True, resamples=20).positions.localisation
    for kind in SYMBOLS:
        expected = whole.value(kind, windows="all").value
        assert value(BOTH, WITHIN, kind) == pytest.approx(expected)


def test_a_region_part_that_says_one_number_ranks_nothing(windows):
    model = calling_model()
    network = model.network
    last = network.head.region.logits
    kept = last.weight.data.clone()
    last.weight.data.zero_()
    try:
        table = evaluate(model, windows, full=True, resamples=5).positions.parts
    finally:
        last.weight.data.copy_(kept)
    rows = table[(table["part"] == REGION) & (table["modification"] == SYMBOLS[0])]
    assert rows["value"].tolist() == [0.5, 0.5]


def test_a_head_of_one_piece_has_no_parts():
    config = tiny_paper()
    paper = build(config.model, 1).eval()
    assert parts_of(TrainedModel.fresh(paper, config, modifications(["Am"]))) == {}
