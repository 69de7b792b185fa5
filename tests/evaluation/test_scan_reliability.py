"""Stated probabilities against what is right in the mixtures of a scan."""

import numpy as np
import pytest

from vqrna.evaluation.mixture import SITE, SURROUNDINGS, UNMODIFIED, Mixture
from vqrna.evaluation.scan_reliability import COLUMNS, holds, scan_reliability
from vqrna.modifications import modifications


def mixture(seed: int = 0) -> Mixture:
    rng = np.random.default_rng(seed)
    kind = np.repeat([SITE, SURROUNDINGS, UNMODIFIED], [400, 4000, 60_000]).astype(np.uint8)
    logits = rng.normal(np.array([2.5, 0.5, 0.0])[kind]).astype(np.float32)
    m = modifications(["m6A"])[0]
    return Mixture(m, logits, kind, rng.integers(0, 300, len(kind)), 120.0)


def test_calibrated_probabilities_hold():
    table = scan_reliability([mixture()])
    assert tuple(table.columns) == COLUMNS
    assert set(table["modification"]) == {"m6A"}
    assert table["sites"].sum() == 400
    assert table["stated"].is_monotonic_increasing
    known = table[table["sites"] >= 20]
    assert len(known) >= 3
    assert known["holds"].all()


def test_shares_by_hand():
    m = mixture()
    mixed, alone = m.weights()
    table = scan_reliability([m])
    assert (table["mixture"] <= table["unmodified"] * 1.01).all()
    total = (table["sites"] / table["mixture"].where(table["sites"] > 0)).sum()
    assert total <= mixed.sum() * (1 + 1e-9)
    assert (table["effective"] <= len(m.logits)).all()
    other = (table["sites"] / table["unmodified"].where(table["sites"] > 0)).sum()
    assert other <= alone.sum() * (1 + 1e-9)


@pytest.mark.parametrize(
    ("stated", "shares", "expected"),
    [
        (0.2, (0.1, 0.3), True),
        (0.08, (0.1, 0.3), True),
        (0.05, (0.1, 0.3), False),
        (0.44, (0.3, 0.1), True),
        (0.5, (0.1, 0.3), False),
        (0.1, (0.1, float("nan")), True),
        (0.2, (0.1, float("nan")), False),
    ],
)
def test_between_the_bounds_or_close_to_one(stated, shares, expected):
    assert holds(stated, *shares) is expected
