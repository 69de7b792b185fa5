import numpy as np
import pytest
from matcher import LENGTH, matcher, planted_windows

from vqrna.interpret import Attributions, attribute, find_motifs
from vqrna.interpret.discovery import (
    FLANK,
    SPAN,
    WIDTH,
    call_seqlets,
    cluster_seqlets,
    motifs_from_seqlets,
    peaks,
)
from vqrna.sequence import ALPHABET, centre, encode

MOTIF = "GGCAUCGA"
SITE = centre(LENGTH)


def test_a_motif_at_a_fixed_place_is_found_there():
    model = matcher(MOTIF, -15)
    windows = planted_windows(MOTIF, np.where(np.arange(60) % 3, SITE - 15, -1))
    found = attribute(model, windows, model.modifications[0])
    motifs, called = find_motifs(found, model.modifications[0])
    assert called >= 40
    assert motifs[0].name == "Am_1"
    assert motifs[0].consensus == MOTIF
    assert motifs[0].usual_offset[0] == -15
    assert motifs[0].usual_offset[1] > 0.9
    assert motifs[0].sites >= 40
    assert motifs[0].contributions.argmax(axis=0).tolist() == encode(MOTIF).tolist()


def test_a_motif_anywhere_is_found_with_each_of_its_places():
    model = matcher(MOTIF, 0)
    starts = np.random.default_rng(1).integers(SPAN + FLANK, LENGTH - WIDTH, 60)
    starts = np.where((starts > SITE - len(MOTIF)) & (starts <= SITE), SITE + 1, starts)
    windows = planted_windows(MOTIF, starts)
    found = attribute(model, windows, model.modifications[1])
    motifs, _ = find_motifs(found, model.modifications[1])
    first = motifs[0]
    assert first.consensus == MOTIF
    assert first.sites >= 55
    right = starts[first.windows] - SITE == first.offsets
    assert right.mean() > 0.95


def test_what_does_not_matter_is_no_motif():
    model = matcher("GGAC", -2)
    windows = planted_windows("UUUUUUUU", np.full(40, 10))  # frequent, and of no weight
    found = attribute(model, windows, model.modifications[0])
    motifs, _ = find_motifs(found, model.modifications[0])
    assert all("UUUU" not in motif.consensus for motif in motifs)


def test_a_motif_and_its_reverse_complement_stay_apart():
    one, other = "GGACAAGA", "UCUUGUCC"
    starts = np.where(np.arange(80) % 2, 10, 70)
    windows = planted_windows(one, np.where(np.arange(80) % 2, 10, -1))
    windows[::2, 70 : 70 + len(other)] = encode(other)
    values = np.zeros((80, 4, LENGTH), np.float32)
    for n, start in enumerate(starts):
        for column in range(start, start + len(one)):
            values[n, windows[n, column], column] = 1
    found = Attributions(values, np.zeros(80), windows)
    motifs = motifs_from_seqlets(found, call_seqlets(found.observed), "x")
    assert {m.consensus for m in motifs} == {one, other}
    assert {m.usual_offset for m in motifs} == {(10 - SITE, 1.0), (70 - SITE, 1.0)}


def test_peaks_worked_by_hand():
    observed = np.zeros((1, LENGTH))
    observed[0, 20:23] = 2
    observed[0, 70] = 1
    observed[0, SITE] = 50  # the site says nothing
    found = peaks(observed)
    assert found.score[:2].tolist() == [6.0, 1.0]
    middle = found.start + FLANK
    assert 16 <= middle[0] <= 20
    assert 64 <= middle[1] <= 70
    assert len(found) == 2


def test_peaks_do_not_overlap():
    observed = np.random.default_rng(0).random((3, LENGTH))
    found = peaks(observed)
    for window in range(3):
        starts = np.sort(found.start[found.window == window])
        assert (np.diff(starts) >= SPAN).all()
    assert (np.diff(found.score) <= 0).all()


def test_chance_alone_is_not_called():
    observed = np.random.default_rng(0).normal(size=(40, LENGTH))
    assert len(call_seqlets(observed)) < 5
    observed[:, 20:27] += 10
    called = call_seqlets(observed)
    assert 40 <= len(called) <= 46
    assert set(called.window[:40]) == set(range(40))


def test_windows_shorter_than_a_seqlet_have_none():
    assert len(peaks(np.ones((2, WIDTH - 2)))) == 0
    assert len(call_seqlets(np.zeros((2, LENGTH)))) == 0


def test_groups_are_brought_in_line():
    rng = np.random.default_rng(0)
    image = np.zeros((4, WIDTH))
    image[encode(MOTIF), 7 + np.arange(len(MOTIF))] = 1
    shifts = rng.integers(-4, 5, 30)
    images = np.stack([np.roll(image, s, axis=1) for s in shifts])
    [(members, moved)] = cluster_seqlets(images, least=10)
    assert sorted(members) == list(range(30))
    assert len(set((shifts[members] - moved).tolist())) == 1


@pytest.mark.parametrize("n", [0, 1, 3])
def test_few_seqlets_make_no_group(n):
    images = np.random.default_rng(0).random((n, len(ALPHABET), WIDTH))
    assert cluster_seqlets(images, least=10) == []
