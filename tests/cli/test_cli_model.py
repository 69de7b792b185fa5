"""The command `vqrna model info`."""

import dataclasses
import json

import numpy as np
import pytest

from seeded import LENGTH, SYMBOLS, calling_model
from tiny import fresh
from vqrna.model.model_card import LIMITS
from vqrna.model.weights import SHIPPED, save_model
from vqrna.stats.calibration import log_odds


def strict(text: str):
    """Read JSON that holds no NaN."""
    return json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


def test_all_is_told(vqrna_main, model, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    done = vqrna_main("model", "info", model)
    assert (done.code, done.err) == (0, "")
    assert f"vqrna, {LENGTH} nt" in done.out
    assert "trained by: vqrna train --data data --out run\n" in done.out
    assert "best epoch: 3 of 5\n" in done.out
    assert "scores calibrated on: me" in done.out
    assert "probabilities calibrated on: positions" in done.out
    rows = [line.split() for line in done.out.splitlines()]
    assert ["Am", "A", "0.0003", "1,200+1,100", "0.910", "0.820"] in [row[:6] for row in rows]
    for symbol in SYMBOLS:
        assert [row[0] for row in rows if row].count(symbol) == 2  # one in each table
    for tier in ("low", "medium", "high"):
        assert sum(tier in row for row in rows) == 4
    for limit in LIMITS:
        assert limit.split()[0] in done.out


def test_tiers_that_no_site_can_reach_are_left_out(vqrna_main, tmp_path, monkeypatch):
    """As `vqrna predict` says; the rates are cross-fitted, and may reach them."""
    monkeypatch.setenv("COLUMNS", "300")
    model = calling_model()
    curves = [list(own) for own in model.scan_calibration.curves]
    for k, p in ((0, 0.05), (3, 0.01)):
        prior = model.modifications[k].prior
        curve = curves[k][0]
        values = np.minimum(curve.values, log_odds(p) - log_odds(prior))
        curves[k][0] = dataclasses.replace(curve, values=values)
    scans = dataclasses.replace(model.scan_calibration, curves=tuple(map(tuple, curves)))
    path = tmp_path / "low.safetensors"
    save_model(dataclasses.replace(model, scan_calibration=scans), path)
    done = vqrna_main("model", "info", path)
    table = done.out.split("Confidence tiers")[1].split("Limits:")[0].splitlines()[2:]
    tiers = [line.split()[0] for line in table if line.startswith(" " * 5)]
    assert tiers == ["medium", "high"] * 2  # of m6A and m6Am
    assert [line.split()[:2] for line in table if " low " in line] == [
        [symbol, "low"] for symbol in SYMBOLS[:3]
    ]
    assert "Values are cross-fitted: " in done.out
    assert "left out (all tiers of Psi).\n" in done.out
    told = strict(vqrna_main("model", "info", path, "--json").out)
    assert [len(t["tiers"]) for t in told["types"]] == [9] * 4
    assert told["types"][0]["highest"]["whole"] == pytest.approx(0.05)


def test_what_a_call_points_at_is_shown_for_each_modification(vqrna_main, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    done = vqrna_main("model", "info")  # the shipped model
    ranks = done.out.split("points at")[1].split("Confidence tiers")[0]
    lines = [line for line in ranks.splitlines() if "base" in line or "region" in line]
    told = {line.split()[0]: line for line in lines}
    assert set(told) >= {"Am", "m1A", "Psi", "m7G"}
    assert len(told) == 11
    assert "a region, not a base" in told["m1A"]
    assert "usually the exact base" in told["Gm"]


def test_json_and_nothing_else(vqrna_main, model):
    done = vqrna_main("model", "info", model, "--json")
    assert (done.code, done.err) == (0, "")
    told = strict(done.out)
    assert told["schema_version"] == 1
    assert set(told) == {
        "schema_version",
        "hash",
        "config",
        "parameters",
        "command",
        "epochs",
        "chosen",
        "calibration",
        "scan_calibration",
        "types",
        "limits",
        "flags",
        "studies",
        "networks",
    }
    assert told["config"][0]["length"] == LENGTH
    assert [t["modification"]["symbol"] for t in told["types"]] == list(SYMBOLS)
    am = told["types"][0]
    assert (am["train"], am["valid"]) == ([1200, 1100], [30, 20])
    assert am["validation"]["auroc"] == 0.91
    assert 0 < am["p_value_floor"] < 0.001
    assert [tier["tier"] for tier in am["tiers"]] == ["low", "medium", "high"] * 3
    assert am["tiers"][0]["per_kb_shuffled"] is None  # nan is no number in JSON
    assert told["limits"][: len(LIMITS)] == list(LIMITS)


def test_a_model_of_which_nothing_was_measured(vqrna_main, tmp_path):
    save_model(fresh(), tmp_path / "m.safetensors")
    done = vqrna_main("model", "info", tmp_path / "m.safetensors")
    assert done.code == 0
    assert "not trained here" in done.out
    assert "not calibrated" in done.out
    assert "probabilities calibrated on" not in done.out
    assert (
        "Confidence tiers: not calibrated for scans, which needs at least 20 modified validation "
        "windows (vqrna model calibrate)\n" in done.out
    )
    told = strict(vqrna_main("model", "info", tmp_path / "m.safetensors", "--json").out)
    assert told["types"][0]["p_value_floor"] is None
    assert told["types"][0]["tiers"] == []


def test_a_set_of_one_type_models_is_one_model(vqrna_main, tmp_path):
    for seed, symbol in enumerate(("Psi", "Am")):
        model = fresh(symbols=[symbol], seed=seed)
        training = {"command": f"train {symbol}", "best_epoch": seed, "epochs": 9}
        (tmp_path / symbol).mkdir()
        save_model(
            dataclasses.replace(model, training=training), tmp_path / symbol / "model.safetensors"
        )
    told = strict(vqrna_main("model", "info", tmp_path, "--json").out)
    assert [t["modification"]["symbol"] for t in told["types"]] == ["Am", "Psi"]
    assert len(told["config"]) == 2
    assert told["epochs"] == "1 of 9, 0 of 9"
    one = strict(vqrna_main("model", "info", tmp_path / "Am", "--json").out)
    assert told["parameters"] == 2 * one["parameters"]
    assert vqrna_main("model", "info", tmp_path).code == 0


def test_a_missing_model_is_told(vqrna_main, tmp_path):
    done = vqrna_main("model", "info", tmp_path / "no.safetensors")
    assert (done.code, done.out) == (1, "")
    assert "no.safetensors: no such file" in done.err


@pytest.mark.skipif(not SHIPPED.is_file(), reason="no weights are shipped yet")
def test_the_shipped_model_is_told_without_a_name(vqrna_main):
    told = strict(vqrna_main("model", "info", "--json").out)
    assert len(told["types"]) == 11
    assert all(t["train"][0] > 500 and t["validation"]["auroc"] > 0.6 for t in told["types"])
    assert all(t["p_value_floor"] < 1e-4 for t in told["types"])
