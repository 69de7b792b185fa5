"""The expected duration of an atlas, with steps that take one second each."""

import itertools

import numpy as np
import pytest

from tiny import fresh, planted, tiny
from vqrna.interpret import atlas_duration
from vqrna.interpret.atlas_duration import WINDOWS, expected_seconds
from vqrna.interpret.codes import read_codes
from vqrna.interpret.knockout import CURVE_DRAWS, OCCLUSION_DRAWS, curve_steps, knock_out

SYMBOLS = ("Am", "Cm")


@pytest.fixture(scope="module")
def model():
    return fresh(tiny(codebook_size=16), SYMBOLS)


@pytest.fixture
def steps(monkeypatch):
    """Let every measured step take a second."""
    clock = itertools.count()
    monkeypatch.setattr(atlas_duration.time, "monotonic", lambda: float(next(clock)))


def test_every_step_is_counted_as_often_as_the_atlas_does_it(model, steps):
    windows = planted(n=80, length=61, symbols=SYMBOLS)
    positives = (windows.labels == 1).sum(axis=0)

    def expected(**more):
        none = {"permutations": 0, "sample": 0, "curve_windows": 0}
        return expected_seconds(model, windows, **none | more)

    reading = expected()
    assert reading == pytest.approx(len(windows) / WINDOWS)
    width = read_codes(model, windows.tokens[:1]).codes.shape[1]
    drawn = int(np.minimum(3, positives).sum())
    curve = 1 + CURVE_DRAWS * (len(curve_steps(width)) - 1)
    rows = drawn * (1 + OCCLUSION_DRAWS * width + 4 * curve)
    assert expected(curve_windows=3) - reading == pytest.approx(drawn + rows / 256)
    own = (windows.labels >= 0).sum(axis=0)
    once = expected(permutations=250) - reading
    assert once == pytest.approx(own.sum() / own.max())  # counting; permuting takes no longer


def test_more_windows_and_codes_take_longer(model, steps):
    few, many = (planted(n=n, length=61, symbols=SYMBOLS) for n in (40, 160))
    settings = {"permutations": 0, "curve_windows": 0}
    times = [expected_seconds(model, w, sample=4, **settings) for w in (few, many)]
    assert times[0] < times[1]
    assert times[1] < expected_seconds(model, many, sample=16, **settings)


def test_the_number_of_knocked_out_codes_is_close(model):
    windows = planted(n=200, length=61, symbols=SYMBOLS)
    strings = read_codes(model, windows.tokens)
    rows = [np.flatnonzero(windows.labels[:, c] == 1) for c in range(2)]
    wanted = sum(
        int(knock_out(model, strings, [*enumerate(rows)], places=places, sample=4).windows.sum())
        for places in (None, strings.layout.at_site)
    )
    tokens = (strings.codes.shape[1], int(strings.layout.at_site.sum()))
    counted = atlas_duration._knocked_out(strings.usage(), list(map(len, rows)), 4, tokens)
    assert counted == pytest.approx(wanted, rel=0.3)


def test_nothing_labelled_takes_no_time(model):
    windows = planted(n=8, length=61, symbols=SYMBOLS)
    windows.labels[:] = -1
    assert expected_seconds(model, windows, permutations=9, sample=9, curve_windows=9) == 0
