"""After training: calibration, nulls and tiers mean what they say."""

import dataclasses

import numpy as np
import pytest
import torch

from tiny import fresh, planted, tiny, tiny_paper
from vqrna.model import TrainedModel
from vqrna.model.model_card import describe
from vqrna.sequence import decode
from vqrna.stats.calibration import fit_line
from vqrna.stats.tiers import EDGE
from vqrna.training.calibrate import calibrate_model, fit_calibration, site_ranks
from vqrna.training.nulls import REGIONS, with_nulls


@pytest.fixture(scope="module")
def valid():
    return planted(60, 101, seed=1, symbols=("Am", "Cm"))


@pytest.fixture(scope="module")
def finished(valid):
    train = planted(4, 101, seed=2, symbols=("Am", "Cm"))
    return calibrate_model(
        fresh(symbols=("Am", "Cm")), train, valid, {"epochs": 3}, show_progress=False
    )


def test_the_summary_goes_along_and_ranks_stay(finished, valid):
    assert finished.training["epochs"] == 3
    assert finished.calibration.fitted_on
    assert (finished.calibration.slope > 0).all()
    logits = finished.logits(valid.tokens)
    assert (np.argsort(finished.score(logits), 0) == np.argsort(logits, 0)).all()


def test_where_sites_rank_is_kept_for_the_card(finished, valid):
    found = finished.training["localisation"]
    assert set(found) == {"Am", "Cm"}
    for column, (symbol, measures) in enumerate(found.items()):
        assert set(measures) == {"auroc", "percentile", "first", "auroc_near"}
        assert measures["auroc"]["windows"] == (valid.labels[:, column] == 1).sum()
        assert 0 <= measures["auroc"]["low"] <= measures["auroc"]["value"] <= 1, symbol
    told = dataclasses.replace(finished, training={"localisation": found})
    assert f"| Am | {found['Am']['auroc']['windows']} |" in describe(told).to_markdown()


def test_windows_that_were_learned_from_tell_nothing_of_sites(valid):
    model = fresh(symbols=("Am", "Cm"))
    assert site_ranks(model, valid, valid) == {}
    assert site_ranks(fresh(tiny_paper(), ("Am", "Cm")), planted(4, 101, seed=2), valid) == {}


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


def test_sites_known_from_other_windows_have_no_part_in_the_off_site_null(valid):
    """Every other half of these windows shows the site of a modified one, ten nt upstream."""
    beside = np.roll(valid.tokens, -10, axis=1)
    both = dataclasses.replace(
        valid,
        tokens=np.concatenate([valid.tokens, beside]),
        labels=np.concatenate([valid.labels, np.minimum(valid.labels, 0)]),
        negative_set=np.concatenate([valid.negative_set, np.zeros_like(valid.negative_set)]),
        names=valid.names * 2,
    )
    train = planted(4, 101, seed=2, symbols=("Am", "Cm"))
    found = with_nulls(fresh(symbols=("Am", "Cm")), train, both, show_progress=False)
    assert found.off_site[0].nt == 50 * len(both) - (valid.labels == 1).sum()
    assert found.shuffled[0].nt == 51 * len(both)


def test_the_shuffled_null_is_as_large_and_another(finished, valid):
    for m in range(2):
        off_site, shuffled = finished.off_site[m], finished.shuffled[m]
        assert shuffled.nt == 51 * len(valid)  # the site is one position among others
        assert shuffled.count == pytest.approx(off_site.count, rel=0.15)
        assert not np.array_equal(shuffled.values, off_site.values)


def test_validation_scores_are_those_of_calibrated_scores(finished, valid):
    scores = finished.score(finished.logits(valid.tokens))
    for m, symbol in enumerate(("Am", "Cm")):
        told = finished.training["validation"][symbol]
        known = valid.labels[:, m] >= 0
        right = (scores[known, m] >= 0.5) == (valid.labels[known, m] == 1)
        assert told["acc"] == pytest.approx(right.mean())
    assert set(finished.training["validation"]) == {"Am", "Cm", "mean"}


def test_cut_nulls_are_made_of_stretches_that_are_sequences_of_their_own(valid, monkeypatch):
    model = fresh(tiny(length=91), ("Am", "Cm"))
    scanned = []
    scan = TrainedModel.scan

    def listen(self, tokens, start=0, stop=None):
        scanned.append((tokens.copy(), start, stop))
        return scan(self, tokens, start, stop)

    monkeypatch.setattr(TrainedModel, "scan", listen)
    train = planted(4, 101, seed=2)
    found = with_nulls(model, train, valid, show_progress=False)
    whole, cut = scanned[: 2 * len(valid)], scanned[2 * len(valid) :]
    assert len(cut) == (1 + REGIONS) * len(valid)
    assert {(len(tokens), start, stop) for tokens, start, stop in whole} == {(101, 25, 76)}
    lengths = np.array([len(tokens) for tokens, _, _ in cut])
    assert lengths.min() >= 51
    assert lengths.max() <= 91
    assert len(set(lengths)) > 20
    letters = [decode(window) for window in valid.tokens]
    for tokens, start, stop in cut[:60]:
        assert (start, stop) == (EDGE, len(tokens) - EDGE)  # so near an end none is called
        assert any(decode(tokens) in window for window in letters)
    assert not any(decode(tokens) in window for tokens, _, _ in cut[-60:] for window in letters)
    assert found.shuffled_cut[0].nt == (lengths[len(valid) :] - 2 * EDGE).sum()


def test_nulls_do_not_depend_on_the_number_of_threads(valid):
    train = planted(4, 101, seed=2, symbols=("Am", "Cm"))
    model, before, found = fresh(symbols=("Am", "Cm")), torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            measured = with_nulls(model, train, valid, show_progress=False)
            found.append([*measured.off_site, *measured.shuffled_cut])
    finally:
        torch.set_num_threads(before)
    for one, other in zip(*found, strict=True):
        assert one.values.tolist() == other.values.tolist()
        assert one.ranks.tolist() == other.ranks.tolist()


def test_windows_that_overlap_training_have_no_part_in_the_nulls(valid):
    train = valid.take(slice(0, 40))
    finished = calibrate_model(fresh(symbols=("Am", "Cm")), train, valid, {}, show_progress=False)
    assert finished.off_site[0].nt == 50 * (len(valid) - 40)


def test_where_all_overlap_there_is_no_null_but_a_model(valid):
    finished = calibrate_model(fresh(symbols=("Am", "Cm")), valid, valid, {}, show_progress=False)
    assert [null.count for null in finished.off_site] == [0, 0]
    assert np.isnan([meaning.per_kb_off_site for meaning in finished.tiers]).all()


def test_the_windows_are_not_changed(valid):
    before = valid.tokens.copy()
    calibrate_model(
        fresh(symbols=("Am", "Cm")), planted(4, 101, seed=2), valid, {}, show_progress=False
    )
    assert (valid.tokens == before).all()


def test_the_line_is_fitted_on_random_negatives(valid):
    """Those of a named set are chosen sites, not a sample of all candidates."""
    negative_set = valid.negative_set.copy()
    chosen = np.flatnonzero(valid.labels[:, 0] == 0)[::3]
    negative_set[chosen, 0] = 1
    named = dataclasses.replace(valid, negative_set=negative_set, negative_sets=("random", "hard"))
    logits = 2.0 * (valid.labels == 1) + np.random.default_rng(0).normal(size=valid.labels.shape)
    calibration = fit_calibration(logits, named)
    logits = logits[:, 0]
    known = valid.labels[:, 0] >= 0
    every = fit_line(logits[known], valid.labels[known, 0])
    known[chosen] = False
    line = (calibration.slope[0], calibration.intercept[0])
    assert line == pytest.approx(fit_line(logits[known], valid.labels[known, 0]))
    assert line != pytest.approx(every)
