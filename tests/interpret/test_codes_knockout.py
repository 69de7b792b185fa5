"""What a prediction owes to codes, held against doing it one by one."""

import numpy as np
import pytest

from tiny import fresh, random_tokens, tiny
from vqrna.interpret.codes import CodedWindows, logits_from_codes, read_codes
from vqrna.interpret.knockout import (
    Substitutes,
    curve_rows,
    curve_steps,
    deletion_curve,
    knock_out,
    occlusion,
)


@pytest.fixture(scope="module")
def model():
    return fresh(tiny(length=71, codebook_size=12))


@pytest.fixture(scope="module")
def strings(model):
    return read_codes(model, random_tokens(40, 71))


def one_other(strings, code):
    """Substitutes of which only one can be drawn."""
    usage = np.zeros(strings.codebook_size)
    usage[code] = 1
    return Substitutes(usage)


def test_substitutes_come_as_often_as_they_are_used_and_are_others():
    usage = np.array([0.5, 0.3, 0.0, 0.2])
    codes = np.zeros(20_000, dtype=int)
    drawn = Substitutes(usage).draw(codes)
    shares = np.bincount(drawn, minlength=4) / len(drawn)
    assert shares == pytest.approx([0, 0.6, 0, 0.4], abs=0.02)
    assert Substitutes(usage).draw(np.array([3])).shape == (1,)


def test_a_codebook_of_one_code_has_no_others():
    assert Substitutes(np.array([0.0, 1.0])).draw(np.array([1, 1])).tolist() == [1, 1]


def test_knock_out_is_what_one_does_by_hand(model, strings):
    # Two codes only: what is put in the place of one is the other
    two = CodedWindows(strings.codes % 2, np.zeros((40, 2)), strings.layout, 2)
    two = CodedWindows(two.codes, logits_from_codes(model, two.codes), strings.layout, 2)
    rows = np.arange(3, 30)
    found = knock_out(model, two, [(1, rows)], sample=100)
    for code in (0, 1):
        flat = np.full_like(two.codes[rows], 1 - code)
        lost = two.logits[rows, 1] - logits_from_codes(model, flat)[:, 1]
        assert found.windows[code, 0] == len(rows)
        assert found.effect[code, 0] == pytest.approx(lost.mean(), abs=1e-5)
        assert found.error[code, 0] == pytest.approx(lost.std(ddof=1) / len(rows) ** 0.5, abs=1e-4)


def test_knock_out_in_some_places_only(model, strings):
    places = strings.layout.at_site
    code = int(np.bincount(strings.codes[:, places].ravel()).argmax())
    rows = [(0, np.arange(40))]
    found = knock_out(model, strings, rows, places=places, sample=100)
    holding = (strings.codes[:, places] == code).any(axis=1)
    assert found.windows[code, 0] == holding.sum()
    # What stands elsewhere stays: a window without the code at the site is as good as new
    elsewhere = ~places
    moved = strings.codes.copy()
    moved[:, elsewhere] = code
    flat = CodedWindows(moved, logits_from_codes(model, moved), strings.layout, 12)
    only = np.flatnonzero((moved[:, places] != code).all(axis=1))
    kept = knock_out(model, flat, [(0, only)], places=places, sample=100)
    assert kept.windows[code, 0] == 0


def test_a_code_that_is_nowhere_has_no_effect(model, strings):
    absent = np.setdiff1d(np.arange(12), strings.codes[:5])
    found = knock_out(model, strings, [(0, np.arange(5))], sample=3)
    assert np.isnan(found.effect[absent]).all()
    assert (found.windows[absent] == 0).all()
    assert found.windows.max() == 3


def test_occlusion_is_one_token_after_the_other(model, strings):
    codes, columns = strings.codes[:3], np.array([0, 1, 0])
    found = occlusion(model, codes, columns, one_other(strings, 7), draws=1)
    for i in range(3):
        for t in range(codes.shape[1]):
            changed = codes[i : i + 1].copy()
            changed[0, t] = 7
            lost = strings.logits[i, columns[i]] - logits_from_codes(model, changed)[0, columns[i]]
            assert found[i, t] == pytest.approx(lost, abs=1e-5)


def test_steps():
    assert curve_steps(1).tolist() == [0, 1]
    assert curve_steps(17).tolist() == [0, 1, 2, 4, 8, 16, 17]


def test_a_deletion_curve_begins_and_ends_where_it_must(model, strings):
    from vqrna.modifications import modification

    m, rows = modification("Am"), np.arange(40)
    strings = CodedWindows(
        strings.codes, strings.logits - strings.logits.min() + 1, strings.layout, 12
    )
    width = strings.codes.shape[1]
    weights = {"Am": np.tile(np.arange(12.0), (width, 1))}
    mine = {"Am": np.random.default_rng(0).random((6, width))}
    table = deletion_curve(model, strings, [(m, 0, rows)], weights, importance=mine, windows=6)
    assert set(table.order) == {"specific", "random", "occlusion", "mutagenesis"}
    assert (table.windows == 6).all()
    assert table[table.tokens == 0].lost.to_numpy() == pytest.approx(0, abs=1e-6)
    assert table[table.tokens == width].lost.mean() == pytest.approx(1)
    whole = logits_from_codes(model, strings.codes[curve_rows(strings, 0, rows, 6)])[:, 0].mean()
    assert table[table.tokens == 0].logit.to_numpy() == pytest.approx(whole)


def test_only_windows_that_are_predicted_make_a_curve(strings):
    logits = np.linspace(-1, 1, 40)[:, None]
    few = CodedWindows(strings.codes, logits, strings.layout, 12)
    assert curve_rows(few, 0, np.arange(40), 5).tolist() == [20, 21, 22, 23, 24]
