"""After training: probabilities of scans, and what the tiers keep."""

import dataclasses

import numpy as np
import pytest

from tiny import fresh, planted, tiny_paper
from vqrna.errors import UsageError
from vqrna.model.weights import load_model, save_model
from vqrna.stats.scan_calibration import WINDOW_KINDS, probabilities
from vqrna.stats.tiers import PROBABILITIES, TIERS
from vqrna.training import recalibrate
from vqrna.training.scan_calibration import scan_mixtures, with_scan_calibration


@pytest.fixture(scope="module")
def valid():
    return planted(60, 101, seed=1, symbols=("Am", "Cm"))


@pytest.fixture(scope="module")
def train():
    return planted(4, 101, seed=2, symbols=("Am", "Cm"))


@pytest.fixture(scope="module")
def calibrated(train, valid):
    model = fresh(symbols=("Am", "Cm"))
    return with_scan_calibration(model, train, valid, show_progress=False)


def test_all_types_and_kinds_of_windows_are_calibrated(calibrated):
    assert calibrated.scan_calibration.measured.all()
    assert calibrated.scan_calibration.fitted_on
    assert [(x.modification, x.window, x.tier) for x in calibrated.tiers] == [
        (symbol, kind, tier) for kind in WINDOW_KINDS for symbol in ("Am", "Cm") for tier in TIERS
    ]


def test_too_few_sites_are_no_calibration(train):
    model = fresh(symbols=("Am", "Cm"))
    valid = planted(20, 101, seed=1, symbols=("Am", "Cm"))
    calibrated = with_scan_calibration(model, train, valid, show_progress=False)
    assert not calibrated.scan_calibration.measured.any()
    assert calibrated.scan_calibration.fitted_on == ""
    assert calibrated.tiers == ()


def test_stated_and_kept_agree_over_a_mixture(calibrated, train, valid):
    """The stated number of sites is between those of both mixtures, up to the fit."""
    mixtures = scan_mixtures(fresh(symbols=("Am", "Cm")), train, valid, show_progress=False)
    for m, mixture in enumerate(mixtures["whole"]):
        curve = calibrated.scan_calibration.curves[m][0]
        p = probabilities(curve(mixture.logits), mixture.modification.prior)
        for weights in mixture.weights():
            assert weights @ p == pytest.approx(mixture.is_site.sum(), rel=0.5)


def test_rates_of_tiers_are_cross_fitted_shares(calibrated, train, valid):
    mixtures = scan_mixtures(fresh(symbols=("Am", "Cm")), train, valid, show_progress=False)
    seed = calibrated.config.training.seed
    for x in calibrated.tiers:
        mixture = mixtures[x.window][("Am", "Cm").index(x.modification)]
        p = probabilities(mixture.cross_fit(seed=seed), mixture.modification.prior)
        called = p >= PROBABILITIES[TIERS.index(x.tier)]
        if not mixture.is_site.any():  # the half window is no longer than what counts as an edge
            assert x.window == "cut"
            assert np.isnan(x.recall)
            continue
        assert x.recall == pytest.approx(called[mixture.is_site].mean())
        if called.any():
            mixed = mixture.weights()[0]
            share = mixed[called & mixture.is_site].sum() / mixed[called].sum()
            assert x.precision_mixture == pytest.approx(share)


def test_too_few_sites_leave_a_type_without_tiers(train, valid):
    rows = (valid.labels[:, 1] != 1) | (np.cumsum(valid.labels[:, 1] == 1) <= 5)
    model = fresh(symbols=("Am", "Cm"))
    few = with_scan_calibration(model, train, valid.take(rows), show_progress=False)
    assert few.scan_calibration.measured.tolist() == [True, False]
    assert {x.modification for x in few.tiers} == {"Am"}


def test_a_network_that_is_evaluated_window_by_window(train, valid):
    one = dataclasses.replace(
        valid,
        labels=valid.labels[:, :1],
        negative_set=valid.negative_set[:, :1],
        modifications=valid.modifications[:1],
    )
    model = fresh(tiny_paper(), ("Am",))
    found = with_scan_calibration(model, train, one, show_progress=False)
    assert found.scan_calibration.measured.all()


def write_benchmark(folder, windows):
    folder.mkdir(parents=True)
    for m, modification in enumerate(windows.modifications):
        for label in (0, 1):
            rows = np.flatnonzero(windows.labels[:, m] == label)
            text = "".join(f">{i}\n{''.join('ACGU'[t] for t in windows.tokens[i])}\n" for i in rows)
            (folder / f"{modification.index}-{label}.fasta").write_text(text)


def test_a_saved_model_is_calibrated_without_a_change_of_its_network(tmp_path, train, valid):
    write_benchmark(tmp_path / "data" / "train", train)
    write_benchmark(tmp_path / "data" / "valid", valid)
    model = save_model(fresh(symbols=("Am", "Cm")), tmp_path / "a.safetensors")
    done = recalibrate(
        tmp_path / "a.safetensors",
        tmp_path / "data",
        tmp_path / "b.safetensors",
        show_progress=False,
    )
    loaded = load_model(tmp_path / "b.safetensors", "cpu")
    assert loaded.hash == done.hash != model.hash
    assert loaded.scan_calibration.measured.all()
    assert (loaded.calibration.slope == model.calibration.slope).all()
    for name, tensor in model.network.state_dict().items():
        assert (loaded.network.state_dict()[name] == tensor).all()


def test_a_set_of_models_is_rejected(tmp_path, train, valid):
    for symbol in ("Am", "Cm"):
        (tmp_path / symbol).mkdir()
        save_model(fresh(symbols=(symbol,)), tmp_path / symbol / "model.safetensors")
    with pytest.raises(UsageError, match="is a set of models: calibrate its files one by one"):
        recalibrate(tmp_path, tmp_path, tmp_path / "b.safetensors")
