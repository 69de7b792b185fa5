"""Stated probabilities against what is right in the mixtures of a scan."""

import numpy as np
import pytest

from vqrna.evaluation.mixture import SITE, SURROUNDINGS, UNMODIFIED, Mixture
from vqrna.evaluation.scan_reliability import COLUMNS, holds, scan_reliability
from vqrna.modifications import modifications
from vqrna.stats.scan_calibration import probabilities


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


def test_shares_of_a_group_by_hand():
    m = mixture()
    stated = probabilities(m.cross_fit(), m.modification.prior)
    group = (stated >= 0.1) & (stated < 1 / 3)
    sites, near, elsewhere = np.bincount(m.kind[group], minlength=3)
    # 1 / prior - 1 = 499 other positions a site: 120 of its surroundings, and 379 elsewhere
    total = sites + near * 400 * 120 / 4000 + elsewhere * 400 * 379 / 60_000
    alone = sites + elsewhere * 400 * 499 / 60_000
    row = scan_reliability([m]).set_index("low").loc[0.1]
    assert row["sites"] == sites
    assert row["mixture"] == pytest.approx(sites / total)
    assert row["unmodified"] == pytest.approx(sites / alone)
    assert sites < row["effective"] < group.sum()


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
