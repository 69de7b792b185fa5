"""After training: calibration, nulls and tiers mean what they say."""

import math

import numpy as np
import pytest

from tiny import network, planted, tiny
from vqrna.data.records import Windows
from vqrna.tiers import TIERS
from vqrna.trained import TrainedModel
from vqrna.training.finishing import CALLS_PER_KB, finish


def trained(windows: Windows) -> TrainedModel:
    made = network(tiny(), len(windows.modifications))
    return TrainedModel.fresh(made, tiny(), windows.modifications)


@pytest.fixture(scope="module")
def valid():
    return planted(60, 101, seed=1, symbols=("Am", "Cm"))


@pytest.fixture(scope="module")
def finished(valid):
    train = planted(4, 101, seed=2, symbols=("Am", "Cm"))
    return finish(trained(valid), train, valid, {"epochs": 3}, show_progress=False)


def test_the_summary_goes_along_and_ranks_stay(finished, valid):
    assert finished.training == {"epochs": 3}
    assert finished.calibration.fitted_on
    assert (finished.calibration.slope > 0).all()
    logits = finished.logits(valid.tokens)
    assert (np.argsort(finished.score(logits), 0) == np.argsort(logits, 0)).all()


def test_the_off_site_null_by_brute_force(finished, valid):
    """Candidates in the part of each window that has half a model's window on either side."""
    for m, kind in enumerate(valid.modifications):
        null, expected = finished.off_site[m], []
        for window in valid.tokens:
            inside = np.zeros(101, dtype=bool)
            inside[25:76] = True
            inside[50] = False
            expected += list(finished.scan(window)[kind.candidates(window) & inside, m])
        assert null.count == len(expected)
        assert null.nt == 50 * len(valid)
        np.testing.assert_allclose(null.values[:100], np.sort(expected)[::-1][:100], atol=1e-5)


def test_the_shuffled_null_is_as_large_and_another(finished, valid):
    for m in range(2):
        off_site, shuffled = finished.off_site[m], finished.shuffled[m]
        assert shuffled.nt == 51 * len(valid)  # the site is one position among others
        assert shuffled.count == pytest.approx(off_site.count, rel=0.15)
        assert not np.array_equal(shuffled.values, off_site.values)


def test_tiers_keep_to_their_calls_in_either_null(finished, valid):
    logits = finished.logits(valid.tokens)
    assert finished.tiers.logits.shape == (2, 3)
    assert (np.diff(finished.tiers.logits) >= 0).all()
    by_name = {(t.modification, t.tier): t for t in finished.tiers.meanings}
    for m, kind in enumerate(valid.modifications):
        for t, tier in enumerate(TIERS):
            at, meaning = finished.tiers.logits[m, t], by_name[kind.symbol, tier]
            for null, told in (
                (finished.off_site[m], meaning.per_kb_off_site),
                (finished.shuffled[m], meaning.per_kb_shuffled),
            ):
                assert null.calls_per_kb(at) == told <= CALLS_PER_KB[tier]
            assert meaning.score >= 0.5 - 1e-9
            called = logits[:, m] >= at
            label = valid.labels[:, m]
            assert meaning.recall == called[label == 1].mean()
            both = called[label == 1].mean(), called[label == 0].mean()
            if sum(both):
                assert meaning.precision == pytest.approx(both[0] / sum(both))
            else:
                assert math.isnan(meaning.precision)
    assert CALLS_PER_KB["medium"] <= 0.05


def test_windows_that_overlap_training_have_no_part_in_the_nulls(valid):
    train = valid.take(slice(0, 40))
    finished = finish(trained(valid), train, valid, {}, show_progress=False)
    assert finished.off_site[0].nt == 50 * (len(valid) - 40)


def test_where_all_overlap_there_is_no_null_but_a_model(valid):
    finished = finish(trained(valid), valid, valid, {}, show_progress=False)
    assert [null.count for null in finished.off_site] == [0, 0]
    assert np.isfinite(finished.tiers.logits).all()  # a score of one half


def test_the_windows_are_not_changed(valid):
    before = valid.tokens.copy()
    finish(trained(valid), planted(4, 101, seed=2), valid, {}, show_progress=False)
    assert (valid.tokens == before).all()
