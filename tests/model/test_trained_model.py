"""A trained model: windows of any length, scans of any sequence, several models as one."""

from contextlib import contextmanager

import numpy as np
import pytest

from tiny import fresh, measured, planted, random_tokens, tiny, tiny_paper
from vqrna.interpret.mutagenesis import by_code_strings
from vqrna.model import ModelSet, inference
from vqrna.model import trained_model as trained
from vqrna.model.protocol import Scorer
from vqrna.nn.dense import DenseNetwork
from vqrna.sequence import AMBIGUOUS, centre, recentre, windows_around
from vqrna.training.validation import validate


@pytest.mark.parametrize("model", [fresh(), ModelSet((fresh(),))], ids=["one", "set"])
def test_it_is_a_scorer(model):
    assert isinstance(model, Scorer)


def test_windows_of_any_length_are_cut_or_padded():
    model = fresh()
    long = random_tokens(5, 201)
    short = recentre(long, 31)
    padded = recentre(short, 51)
    assert (padded == AMBIGUOUS).sum() == 5 * 20
    np.testing.assert_array_equal(model.logits(long), model.logits(recentre(long, 51)))
    np.testing.assert_array_equal(model.logits(short), model.logits(padded))
    assert model.logits(long).dtype == np.float64


def test_batches_make_no_difference(monkeypatch):
    model, windows = fresh(), random_tokens(23, 51)
    whole = model.logits(windows)
    monkeypatch.setattr(trained, "BATCH", 7)
    np.testing.assert_allclose(model.logits(windows), whole, atol=1e-6)
    assert model.logits(windows[:0]).shape == (0, 2)


@pytest.mark.parametrize(
    "config", [tiny(), tiny(length=101), tiny_paper()], ids=["51", "101", "paper"]
)
@pytest.mark.parametrize("n", [1, 2, 24, 60, 130])
def test_a_scan_is_window_by_window(config, n):
    model = fresh(config)
    sequence = random_tokens(1, n, seed=n, ambiguous=0.05)[0]
    windows = windows_around(sequence, np.arange(n), model.length)
    expected = model.logits(windows)
    found = model.scan(sequence)
    if config.model.architecture == "paper":
        candidates = np.isin(sequence, [0, 1])  # A for Am, C for Cm: all others cannot be
        assert np.isnan(found[~candidates]).all()
        expected, found = expected[candidates], found[candidates]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def rows(sequences, half):
    """Rows of 90 positions with their context, a sequence at the start of each."""
    found = np.full((len(sequences), 90 + 2 * half), AMBIGUOUS, dtype=np.uint8)
    for row, sequence in zip(found, sequences, strict=True):
        row[half : half + len(sequence)] = sequence
    return found


@pytest.mark.parametrize(
    "model",
    [fresh(), fresh(tiny_paper()), ModelSet((fresh(), fresh(tiny(length=101), ["Um"])))],
    ids=["vqrna", "paper", "set"],
)
def test_a_batch_of_rows_is_a_scan_of_each(model):
    sequences = [random_tokens(1, n, seed=n, ambiguous=0.05)[0] for n in (90, 1, 37)]
    found = model.scan_batch(rows(sequences, centre(model.length)))
    assert found.logits.shape == (3, 90, len(model.modifications))
    assert found.logits.dtype == np.float64
    assert found.near_ties.shape == (3, 90)
    for row, sequence in zip(found.logits, sequences, strict=True):
        np.testing.assert_allclose(row[: len(sequence)], model.scan(sequence), atol=1e-6)


def test_the_fast_way_is_only_taken_when_asked_for():
    model = fresh()
    sequence = random_tokens(1, 90)[0]
    exact, fast = model.scan(sequence), model.scan(sequence, precision="fast")
    assert (exact != fast).any()
    np.testing.assert_allclose(exact, fast, atol=0.05)
    np.testing.assert_array_equal(model.scan_batch(rows([sequence], 25)).logits[0], exact)


def test_tiles_make_no_difference(monkeypatch):
    model, sequence = fresh(), random_tokens(1, 300)[0]
    whole = model.scan(sequence)
    monkeypatch.setattr(trained, "TILE", 64)
    np.testing.assert_allclose(model.scan(sequence), whole, atol=1e-6)


@pytest.mark.parametrize("config", [tiny(), tiny_paper()], ids=["vqrna", "paper"])
def test_a_part_of_a_scan_is_that_part(config):
    model, sequence = fresh(config), random_tokens(1, 120)[0]
    whole = model.scan(sequence)
    np.testing.assert_allclose(model.scan(sequence, 30, 77), whole[30:77], atol=1e-6)
    assert model.scan(sequence, 5, 5).shape == (0, 2)


def test_an_empty_sequence_has_no_positions():
    assert fresh().scan(np.empty(0, dtype=np.uint8)).shape == (0, 2)


def test_a_network_left_in_training_mode_is_evaluated_all_the_same():
    model, windows = fresh(), random_tokens(8, 51)
    expected = model.logits(windows)
    model.network.train()
    np.testing.assert_array_equal(model.logits(windows), expected)
    model.network.train()
    model.scan(windows[0])
    assert not model.network.training


@pytest.mark.parametrize("way", ["windows", "scan", "validation", "mutagenesis"])
def test_all_is_evaluated_in_whole_float32(monkeypatch, way):
    model, inside, seen = fresh(), [], []

    @contextmanager
    def full_float32():
        inside.append(True)
        yield
        inside.pop()

    def listening(call):
        return lambda *given: seen.append(bool(inside)) or call(*given)

    monkeypatch.setattr(inference, "full_float32", full_float32)
    for name in ("forward", "logits_from_codes"):
        monkeypatch.setattr(model.network, name, listening(getattr(model.network, name)))
    monkeypatch.setattr(DenseNetwork, "_evaluate", listening(DenseNetwork._evaluate))
    if way == "windows":
        model.logits(random_tokens(2, 51))
    elif way == "scan":
        model.scan(random_tokens(1, 60)[0])
    elif way == "validation":
        validate(model.network.train(), planted(8, symbols=("Am", "Cm")), model.config)
    else:
        by_code_strings(model.network, random_tokens(1, 51)[0])
    assert seen
    assert all(seen)
    assert not inside


def test_what_was_not_measured_gives_no_p_value_and_no_call():
    model = fresh()
    logits = model.logits(random_tokens(4, 51))
    assert np.isnan(model.p_values(logits)).all()
    assert np.isposinf(model.thresholds()).all()
    assert ((model.score(logits) > 0) & (model.score(logits) < 1)).all()


def test_p_values_are_those_of_each_null():
    model = measured()
    logits = np.random.default_rng(1).normal(size=(6, 2))
    found = model.p_values(logits)
    for m in range(2):
        expected = model.off_site[m].p_value(logits[:, m])
        np.testing.assert_array_equal(found[:, m], expected)


def test_windows_that_are_cut_are_held_against_nulls_of_their_own():
    both = ModelSet((measured(("Am", "Cm"), 0), measured(("Um",), 1)))
    one, two = both.models
    logits = np.random.default_rng(1).normal(size=(6, 3))
    cut = np.arange(6) % 2 == 1
    found = both.p_values(logits, cut)
    nulls = ((one, 0), (one, 1), (two, 0))
    for column, (model, m) in enumerate(nulls):
        whole = model.off_site[m].p_value(logits[:, column])
        short = model.off_site_cut[m].p_value(logits[:, column])
        np.testing.assert_array_equal(found[:, column], np.where(cut, short, whole))
    np.testing.assert_array_equal(both.thresholds("cut")[2], two.thresholds("cut")[0])


def test_several_models_act_as_one():
    one, two = measured(("Am", "Cm"), 0), measured(("Um",), 1)
    both = ModelSet((one, two), "x")
    windows, sequence = random_tokens(5, 71), random_tokens(1, 60)[0]
    assert [m.symbol for m in both.modifications] == ["Am", "Cm", "Um"]
    logits = both.logits(windows)
    np.testing.assert_array_equal(logits, np.hstack([one.logits(windows), two.logits(windows)]))
    np.testing.assert_array_equal(
        both.scan(sequence, 3, 50),
        np.hstack([one.scan(sequence, 3, 50), two.scan(sequence, 3, 50)]),
    )
    for name in ("score", "p_values"):
        parts = [getattr(one, name)(logits[:, :2]), getattr(two, name)(logits[:, 2:])]
        np.testing.assert_array_equal(getattr(both, name)(logits), np.hstack(parts))
    np.testing.assert_array_equal(
        both.thresholds(), np.vstack([one.thresholds(), two.thresholds()])
    )
    assert both.scan_calibration.curves == (
        one.scan_calibration.curves + two.scan_calibration.curves
    )
    assert both.tiers == one.tiers + two.tiers
    assert both.off_site == one.off_site + two.off_site
    assert both.shuffled == one.shuffled + two.shuffled
    assert both.training == {"Am,Cm": {"seed": 0}, "Um": {"seed": 1}}


def test_a_set_is_calibrated_if_all_its_models_are():
    one, other = measured(("Am",)), measured(("Cm",))
    assert ModelSet((one, other)).calibration.fitted_on == "windows"
    assert ModelSet((one, other)).scan_calibration.fitted_on == "positions"
    assert ModelSet((one, fresh(symbols=["Um"]))).calibration.fitted_on == ""


def test_a_set_reads_as_far_as_its_longest_model():
    both = ModelSet((fresh(tiny(), ["Am"]), fresh(tiny(length=101), ["Cm"])))
    assert both.length == 101
    windows = random_tokens(3, 101)
    assert both.logits(windows).shape == (3, 2)


def test_a_set_with_a_model_that_was_not_measured_has_no_null():
    both = ModelSet((measured(("Am", "Cm")), fresh(symbols=["Um"])))
    assert both.off_site == both.shuffled == ()
    p = both.p_values(np.zeros((2, 3)))
    assert np.isnan(p).tolist() == [[False, False, True]] * 2


def test_the_device_is_told(device):
    model = fresh().to(device)
    assert model.device.type == device
    assert model.logits(random_tokens(2, 51)).shape == (2, 2)


def test_windows_of_a_network_in_double_precision():
    model = fresh()
    tokens = random_tokens(3, model.length, seed=4)
    single = model.logits(tokens)
    model.network.double()
    np.testing.assert_allclose(model.logits(tokens), single, atol=1e-5)
