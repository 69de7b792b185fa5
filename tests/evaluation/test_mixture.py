"""The mixture that a scan meets: its positions, weights and cross-fitting."""

import dataclasses

import numpy as np
import pytest

from seeded import LENGTH, SYMBOLS, calling_model
from tiny import random_tokens
from vqrna.data.windows import NEGATIVE, POSITIVE, UNKNOWN, Windows
from vqrna.evaluation.mixture import SITE, SURROUNDINGS, UNMODIFIED, Mixture, collect_mixtures
from vqrna.modifications import modifications
from vqrna.sequence import AMBIGUOUS, centre

WIDE, REACH = 2 * 250 + LENGTH, 250
HALF = centre(WIDE)


def labelled(n: int = 24, length: int = WIDE, seed: int = 3) -> Windows:
    """Windows of Am and Psi, every second one modified."""
    tokens = random_tokens(2 * n, length, seed)
    labels = np.full((2 * n, len(SYMBOLS)), UNKNOWN, dtype=np.int8)
    for rows, symbol, base in ((slice(0, n), "Am", 0), (slice(n, 2 * n), "Psi", 3)):
        labels[rows, SYMBOLS.index(symbol)] = np.arange(n) % 2
        tokens[rows, centre(length)] = base
    return Windows(
        tokens,
        labels,
        np.where(labels == NEGATIVE, 0, -1).astype(np.int8),
        ("random",),
        tuple(map(str, range(2 * n))),
        modifications(list(SYMBOLS)),
    )


def collect(windows, **settings) -> dict[str, Mixture]:
    cluster = np.arange(len(windows))
    mixtures = collect_mixtures(calling_model(), windows, cluster, **settings)
    return {mixture.modification.symbol: mixture for mixture in mixtures}


def expected(windows: Windows, symbol: str, kind: int) -> list[float]:
    """Logits of one kind of position of whole windows, by brute force."""
    model = calling_model()
    k = SYMBOLS.index(symbol)
    m = model.modifications[k]
    logits = []
    for tokens, labels in zip(windows.tokens, windows.labels, strict=True):
        scan = model.scan(tokens)[:, k]
        beside = np.abs(np.arange(len(tokens)) - HALF) <= REACH
        beside &= m.candidates(tokens)
        beside[HALF] = False
        if kind == SITE and labels[k] == POSITIVE:
            logits.append(scan[HALF])
        elif (kind == SURROUNDINGS and labels[k] == POSITIVE) or (
            kind == UNMODIFIED and not (labels == POSITIVE).any()
        ):
            logits.extend(scan[beside])
    return logits


@pytest.mark.parametrize("symbol", ["Am", "Psi"])
@pytest.mark.parametrize("kind", [SITE, SURROUNDINGS, UNMODIFIED])
def test_the_positions_by_brute_force(symbol, kind):
    windows = labelled()
    mixture = collect(windows)[symbol]
    logits = np.sort(mixture.logits[mixture.kind == kind])
    np.testing.assert_allclose(logits, np.sort(expected(windows, symbol, kind)), atol=2e-4)


def test_a_type_without_sites_has_no_positions_beside_them():
    mixture = collect(labelled())["m6A"]
    assert set(mixture.kind) == {UNMODIFIED}
    assert mixture.fit() is None
    assert np.isnan(mixture.cross_fit()).all()


def test_annotated_sites_of_any_type_are_left_out():
    """Other windows have their sites 30 nt beside the centres of these."""
    windows = labelled()
    beside = dataclasses.replace(
        windows,
        tokens=np.roll(windows.tokens, 30, axis=1),
        labels=np.full_like(windows.labels, POSITIVE),
    )
    before, after = collect(windows), collect(windows, known=[beside])
    lost = sum(np.bincount(before[s].kind) - np.bincount(after[s].kind) for s in ("Am", "Psi"))
    known_a = (windows.tokens[:, HALF - 30] == 0) | (windows.tokens[:, HALF - 30] == 3)
    assert lost[SITE] == 0
    assert 0 < lost.sum() <= 2 * known_a.sum()
    # One annotated position a window: in all unmodified windows and in modified ones of the type
    per_type = [
        (windows.tokens[rows, HALF - 30] == base).sum()
        for base, column in ((0, 0), (3, 3))
        for rows in (
            windows.labels[:, column] == POSITIVE,
            ~(windows.labels == POSITIVE).any(axis=1),
        )
    ]
    assert lost.sum() == sum(per_type)


def test_windows_chosen_for_their_motif_are_no_random_sequence():
    windows = labelled()
    negative_set = windows.negative_set.copy()
    negative_set[:24:4][negative_set[:24:4] == 0] = 1
    named = dataclasses.replace(windows, negative_set=negative_set, negative_sets=("random", "x"))
    full, less = collect(windows)["Am"], collect(named)["Am"]
    assert (less.kind == UNMODIFIED).sum() < (full.kind == UNMODIFIED).sum()
    assert (less.kind == SURROUNDINGS).sum() == (full.kind == SURROUNDINGS).sum()


@pytest.mark.parametrize("window", ["cut", "edge"])
def test_cut_windows_have_other_logits_at_the_same_sites(window):
    windows = labelled()
    whole, cut = collect(windows)["Am"], collect(windows, window=window)["Am"]
    assert cut.is_site.sum() == whole.is_site.sum() == 12
    assert not np.allclose(cut.logits[cut.is_site], whole.logits[whole.is_site])
    assert 0 < (cut.kind == SURROUNDINGS).sum() < (whole.kind == SURROUNDINGS).sum()
    assert cut.surroundings == whole.surroundings  # of the sequence, not of what is shown
    again = collect(windows, window=window)["Am"]
    np.testing.assert_array_equal(cut.logits, again.logits)
    assert not np.array_equal(cut.logits, collect(windows, window=window, seed=1)["Am"].logits)


def test_a_limit_leaves_all_sites():
    windows = labelled()
    full, less = collect(windows)["Psi"], collect(windows, limit=6)["Psi"]
    assert less.is_site.sum() == full.is_site.sum() == 12
    assert 0 < (less.kind == UNMODIFIED).sum() < (full.kind == UNMODIFIED).sum()
    assert less.weights()[0].sum() == pytest.approx(full.weights()[0].sum())


def test_padding_is_no_sequence():
    """The same windows within 41 nt: every position is close to an end."""
    windows = labelled()
    tokens = windows.tokens.copy()
    tokens[:, : HALF - 20] = tokens[:, HALF + 21 :] = AMBIGUOUS
    short = dataclasses.replace(windows, tokens=tokens)
    assert len(collect(short)["Am"].logits) == 0
    edge = collect(short, window="edge")["Am"]
    assert edge.is_site.sum() == 12


def mixture(n_near: int = 300, n_far: int = 5000, seed: int = 0) -> Mixture:
    rng = np.random.default_rng(seed)
    kind = np.repeat([SITE, SURROUNDINGS, UNMODIFIED], [100, n_near, n_far]).astype(np.uint8)
    logits = rng.normal(np.array([3.0, 1.0, 0.0])[kind]).astype(np.float32)
    m = modifications(["m6A"])[0]  # prior 0.002: one site in 500
    return Mixture(m, logits, kind, rng.integers(0, 60, len(kind)), 120.0)


def test_each_site_stands_for_the_positions_of_the_prior():
    mixed, alone = mixture().weights()
    kind = mixture().kind
    totals = [[w[kind == k].sum() for k in range(3)] for w in (mixed, alone)]
    np.testing.assert_allclose(totals, [[100, 100 * 120, 100 * 379], [100, 0, 100 * 499]])


def test_missing_positions_are_replaced_by_the_others():
    for numbers in ((0, 5000), (300, 0)):
        for weights in mixture(*numbers).weights():
            assert weights.sum() == pytest.approx(100 * 500)


def test_cross_fitted_evidence_is_that_of_curves_without_the_cluster():
    m = mixture()
    evidence = m.cross_fit(folds=5, seed=1)
    assert np.isfinite(evidence).all()
    whole = m.fit()(m.logits)
    assert not np.array_equal(evidence, whole)
    assert np.abs(evidence - whole).mean() < 0.5
    changed = dataclasses.replace(m, logits=np.where(m.cluster == 7, 9, m.logits))
    other = changed.cross_fit(folds=5, seed=1)
    same_fold = np.flatnonzero(evidence == other)
    assert 0 < len(same_fold) < len(evidence)  # its own fold was fitted without it
