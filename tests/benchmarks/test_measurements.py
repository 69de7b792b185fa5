"""Kept results of the shipped models are of the weights in the package."""

import json

import pytest
from benchmarks.measurements import MEASUREMENTS

from benchmarks import install_weights, kept
from vqrna._version import __version__
from vqrna.model.weights import load_model


@pytest.mark.parametrize("each", MEASUREMENTS, ids=lambda each: f"{each.file} {each.part}")
def test_results_are_of_the_shipped_weights_and_this_version(each):
    for facts in each.measured():
        assert facts["weights"] == kept.shipped_hash(), "run `make measure`"
        assert facts["version"] == __version__, "run `make measure`"


def test_a_result_states_the_model_that_it_is_of():
    for each in MEASUREMENTS:
        named = "ensemble" if "ensemble" in each.file else "shipped"
        assert {facts["model"] for facts in each.measured()} == {kept.shipped_hash(named)}


def test_the_hash_is_that_of_the_model():
    assert kept.shipped_hash() == load_model(device="cpu").hash
    assert kept.shipped_hash("ensemble") == load_model("ensemble", "cpu").hash


def test_kept_values_get_the_facts(tmp_path):
    kept.keep_measured(tmp_path / "a.json", {"n": 1})
    values = json.loads((tmp_path / "a.json").read_text())
    assert values["n"] == 1
    assert set(values["measured"]) == {"date", "version", "commit", "processor", "weights"}


def test_results_that_outlast_a_calibration_get_the_new_hash_everywhere(tmp_path, monkeypatch):
    monkeypatch.setattr(install_weights, "RESULTS", tmp_path)
    for name in install_weights.KEPT:
        values = {"model": "before", "n": 1, "measured": {"weights": "before"}}
        kept.keep(tmp_path / f"{name}.json", values)
    install_weights.rename_results("before", "after")
    for name in install_weights.KEPT:
        values = kept.read_results(tmp_path / f"{name}.json")
        assert values == {"model": "after", "n": 1, "measured": {"weights": "after"}}
