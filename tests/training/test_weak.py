"""Weak negatives: where they are, and that they teach."""

import dataclasses

import numpy as np
import pytest
import torch

from tiny import network, planted, tiny
from vqrna.sequence import encode
from vqrna.training import train_network
from vqrna.training.weak import WeakNegatives, weak_loss


def prepared(length: int = 201, n: int = 32, **changes: object):
    config = tiny(off_site_weight=1.0, shuffled_weight=1.0, **changes)
    made = network(config, types=2)
    windows = planted(n, length, symbols=("Am", "Cm"))
    return config, made, windows, WeakNegatives.of(windows, made, config.training)


def test_nothing_is_prepared_where_nothing_is_wanted():
    config = tiny(off_site_weight=0.0, shuffled_weight=0.0)
    assert WeakNegatives.of(planted(), network(config), config.training) is None


def test_off_site_positions_by_brute_force():
    _, made, windows, weak = prepared()
    rows = np.array([5, 0, 3, 40, 35])
    chosen = weak.off_site(rows)
    sites = weak.lattice.sites
    assert chosen.shape == (5, 2, sites)
    for i, row in enumerate(rows):
        for m, kind in enumerate(windows.modifications):
            for s in range(sites):
                at = 100 + (s - sites // 2) * made.spacing
                right_base = windows.tokens[row, at] == encode(kind.base)[0]
                modified = windows.labels[row, m] == 1
                assert chosen[i, m, s] == (right_base and modified and at != 100)
    assert chosen.any()


def test_known_sites_are_no_negatives():
    """A site of one window that another shows beside its own is left alone there."""
    config, made, windows, _ = prepared(n=2)
    apart = 6 * made.spacing
    tokens = windows.tokens.copy()
    tokens[3, apart:] = tokens[1, :-apart]
    close = dataclasses.replace(windows, tokens=tokens, labels=np.ones_like(windows.labels))
    weak = WeakNegatives.of(close, made, config.training)
    at = weak.lattice.sites // 2 + 6
    assert not weak.off_site(np.array([3]))[0, 0, at]
    alone = WeakNegatives.of(close.take([0, 2, 3]), made, config.training)
    assert alone.off_site(np.array([2]))[0, 0, at]


def test_shuffled_windows_have_candidates_everywhere_the_site_included():
    _, _, windows, weak = prepared()
    tokens, chosen = weak.shuffled(np.arange(8), np.random.default_rng(0))
    assert (np.sort(tokens, axis=1) == np.sort(windows.tokens[:8], axis=1)).all()
    middle = weak.lattice.sites // 2
    assert (chosen[:, 0, middle] == (tokens[:, 100] == 0)).all()
    assert chosen[:, :, middle].any()


def test_both_terms_are_told_and_have_gradients():
    config, made, _, weak = prepared()
    terms = weak_loss(made.train(), weak, np.arange(16), config.training, torch.Generator())
    assert set(terms) == {"loss_off_site", "loss_shuffled"}
    sum(terms.values()).backward()
    assert made.head.logits.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("weights", [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0)])
def test_windows_as_long_as_the_model_in_small_batches(tmp_path, no_curves, weights):
    """Statistics over a batch need two values a channel, even with one site a window."""
    config = tiny(epochs=1, batch_size=4, off_site_weight=weights[0], shuffled_weight=weights[1])
    windows = planted(10)
    result = train_network(windows, windows, tmp_path, config, device="cpu", show_progress=False)
    assert np.isfinite(result.history["loss"]).all()


def test_weak_negatives_lower_the_scores_off_the_sites(tmp_path, no_curves):
    windows, valid = planted(64, 201), planted(64, 201, seed=1)
    off_site = []
    for weight in (0.0, 2.0):
        config = tiny(epochs=8, learning_rate=1e-2, shuffled_weight=weight, weak_share=0.5)
        out = tmp_path / str(weight)
        model = train_network(windows, valid, out, config, device="cpu", show_progress=False).model
        logits = model.scan(valid.tokens[0])[30:80, 0]
        off_site.append(np.median(logits))
    assert off_site[1] < off_site[0]
