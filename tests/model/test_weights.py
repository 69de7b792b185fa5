"""Models on disk: whole, the same bytes, and nothing else is taken for one."""

import dataclasses
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from tiny import fresh, measured, random_tokens, tiny, tiny_paper
from vqrna.errors import DataError, UsageError
from vqrna.model import ModelSet, TrainedModel
from vqrna.model.model_card import describe
from vqrna.model.weights import (
    FILE_NAME,
    FORMAT,
    FORMAT_VERSION,
    NAMED,
    SEAL,
    load_model,
    metadata_checksum,
    save_model,
    weights_path,
)
from vqrna.modifications import Modification
from vqrna.nn.model import EnsembleNetwork
from vqrna.sequence import ALPHABET
from vqrna.stats.scan_calibration import WINDOW_KINDS


def parts(path):
    """Metadata and tensors of a file."""
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return json.loads(file.metadata()[FORMAT]), tensors


def write_parts(path, facts, tensors):
    """Write a file with changed metadata and the checksum that belongs to them."""
    if isinstance(facts, dict) and SEAL in facts:
        facts = facts | {SEAL: metadata_checksum(facts)}
    save_file(tensors, path, {FORMAT: json.dumps(facts)})


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "model.safetensors"
    return save_model(measured(), path), path


@pytest.mark.parametrize(
    "config",
    [tiny(), tiny(length=201), tiny_paper(), tiny_paper(length=101)],
    ids=lambda config: f"{config.model.architecture}-{config.model.length}",
)
def test_every_architecture_survives_save_and_load(tmp_path, config):
    model = fresh(config)
    saved = save_model(model, tmp_path / "a.safetensors")
    loaded = load_model(tmp_path / "a.safetensors", "cpu")
    windows = random_tokens(6, 201, ambiguous=0.05)
    np.testing.assert_array_equal(loaded.logits(windows), model.logits(windows))
    assert loaded.config == config
    assert loaded.modifications == model.modifications
    assert loaded.hash == saved.hash
    assert not loaded.network.training


def test_all_that_was_measured_survives(saved):
    model, path = saved
    loaded = load_model(path, "cpu")
    assert loaded.training == model.training
    assert loaded.calibration.fitted_on == "windows"
    np.testing.assert_array_equal(loaded.calibration.slope, model.calibration.slope)
    np.testing.assert_array_equal(loaded.calibration.intercept, model.calibration.intercept)
    assert loaded.tiers == model.tiers
    logits = np.random.default_rng(0).normal(size=(9, 2))
    np.testing.assert_array_equal(loaded.p_values(logits), model.p_values(logits))
    assert loaded.scan_calibration.fitted_on == "positions"
    for kind in WINDOW_KINDS:
        np.testing.assert_array_equal(loaded.thresholds(kind), model.thresholds(kind))
    for name in ("off_site", "shuffled", "off_site_cut", "shuffled_cut"):
        for ours, theirs in zip(getattr(loaded, name), getattr(model, name), strict=True):
            assert (ours.count, ours.nt) == (theirs.count, theirs.nt)
            np.testing.assert_array_equal(ours.values, theirs.values)
            np.testing.assert_array_equal(ours.ranks, theirs.ranks)


def test_types_of_ones_own_survive(tmp_path):
    own = Modification("ownC", "N4-acetylcytidine", "CNG", 0, prior=0.25, color="#123456")
    model = TrainedModel.fresh(fresh().network, tiny(), (own, own))
    save_model(model, tmp_path / "a.safetensors")
    assert load_model(tmp_path / "a.safetensors", "cpu").modifications == (own, own)


def test_a_model_of_which_nothing_was_measured_survives(tmp_path):
    save_model(fresh(), tmp_path / "a.safetensors")
    loaded = load_model(tmp_path / "a.safetensors", "cpu")
    assert np.isposinf(loaded.thresholds()).all()
    assert not loaded.scan_calibration.measured.any()
    assert loaded.off_site == loaded.shuffled == ()
    assert loaded.tiers == ()


def test_the_same_model_gives_the_same_bytes(saved, tmp_path):
    model, path = saved
    again = save_model(measured(), tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()
    assert again.hash == model.hash
    save_model(load_model(path, "cpu"), tmp_path / "loaded.safetensors")
    assert (tmp_path / "loaded.safetensors").read_bytes() == path.read_bytes()
    other = save_model(measured(seed=1), tmp_path / "other.safetensors")
    assert other.hash != model.hash


def test_the_metadata_tell_all_that_is_needed(saved):
    facts, tensors = parts(saved[1])
    assert facts["alphabet"] == ALPHABET
    assert facts["config"]["model"]["length"] == 51
    assert [m["symbol"] for m in facts["modifications"]] == ["Am", "Cm"]
    assert {name.split(".")[0] for name in tensors} == {"network", "null"}
    assert not any("usage" in name or "vector_sum" in name for name in tensors)


def test_a_folder_of_a_run_is_its_model(saved):
    model, path = saved
    assert load_model(path.parent, "cpu").hash == model.hash


def one_each(folder, **models):
    for symbol, model in models.items():
        (folder / symbol).mkdir()
        save_model(model, folder / symbol / FILE_NAME)


def test_a_folder_of_one_type_models_is_one_model(tmp_path):
    symbols = ("Psi", "Am", "m6Am", "Cm")
    one_each(tmp_path, **{s: measured((s,), i) for i, s in enumerate(symbols)})
    (tmp_path / "notes").mkdir()
    (tmp_path / "README.md").write_text("mine")
    loaded = load_model(tmp_path, "cpu")
    assert isinstance(loaded, ModelSet)
    assert [m.symbol for m in loaded.modifications] == ["Am", "Cm", "m6Am", "Psi"]
    windows = random_tokens(4, 51)
    np.testing.assert_array_equal(
        loaded.logits(windows)[:, 3], measured(("Psi",), 0).logits(windows)[:, 0]
    )
    assert len(loaded.hash) == 12
    shutil.rmtree(tmp_path / "Cm")
    assert load_model(tmp_path, "cpu").hash != loaded.hash


def test_two_models_of_one_type_are_refused(tmp_path):
    one_each(tmp_path, a=measured(("Am",)), b=measured(("Am", "Cm")))
    with pytest.raises(DataError, match="contains several models for Am"):
        load_model(tmp_path, "cpu")


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def wrong_files(folder):
    """Files that are no weights, by what is said of them."""
    tensors = {"a": torch.zeros(3)}
    whole = folder / "whole.safetensors"
    save_model(measured(), whole)
    (folder / "empty").write_bytes(b"")
    (folder / "text").write_text(">a fasta file\nACGU\n")
    (folder / "truncated").write_bytes(whole.read_bytes()[:-500])
    (folder / "header only").write_bytes(whole.read_bytes()[:300])
    (folder / "random").write_bytes(np.random.default_rng(0).bytes(5000))
    save_file(tensors, folder / "foreign")
    torch.save(tensors, folder / "zip.pth")
    torch.save(tensors, folder / "legacy.pth", _use_new_zipfile_serialization=False)
    (folder / "plain.pkl").write_bytes(pickle.dumps({"a": 1}))
    (folder / "bomb.pkl").write_bytes(pickle.dumps(Bomb(folder / "executed")))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("empty", "the weights file is empty"),
        ("text", "is not a weights file"),
        ("truncated", "the weights file is truncated or damaged"),
        ("header only", "the weights file is truncated or damaged"),
        ("random", "is not a weights file"),
        ("foreign", "these weights are not from vqrna"),
        ("zip.pth", "is a pickle .*'vqrna convert' imports"),
        ("legacy.pth", "is a pickle .*'vqrna convert' imports"),
        ("plain.pkl", "is a pickle .*never loaded"),
        ("bomb.pkl", "is a pickle .*never loaded"),
        ("absent", "no such file"),
    ],
)
def test_what_is_no_model_is_told_in_one_line(tmp_path, name, words):
    wrong_files(tmp_path)
    with pytest.raises(DataError, match=f"{name}: {words}") as raised:
        load_model(tmp_path / name, "cpu")
    assert len(str(raised.value).splitlines()) == 1
    assert not (tmp_path / "executed").exists()


def test_a_folder_without_models_is_told(tmp_path):
    with pytest.raises(DataError, match="contains no model"):
        load_model(tmp_path, "cpu")


def no_tensor(facts, tensors):
    del tensors["network.head.site.logits.bias"]


def wrong_shape(facts, tensors):
    tensors["network.head.site.logits.bias"] = torch.zeros(7)


def no_null(facts, tensors):
    del tensors["null.off_site.Am.values"]


def other_alphabet(facts, tensors):
    facts["alphabet"] = "ATCG"


def unknown_setting(facts, tensors):
    facts["config"]["model"]["depth"] = 3


def no_config(facts, tensors):
    del facts["config"]


def no_version(facts, tensors):
    facts["format_version"] = "one"


@pytest.mark.parametrize(
    "damage",
    [no_tensor, wrong_shape, no_null, other_alphabet, unknown_setting, no_config, no_version],
)
def test_damaged_weights_are_told_in_one_line(saved, damage):
    facts, tensors = parts(saved[1])
    damage(facts, tensors)
    write_parts(saved[1], facts, tensors)
    with pytest.raises(DataError, match="the weights are damaged: ") as raised:
        load_model(saved[1], "cpu")
    assert len(str(raised.value).splitlines()) == 1


def places(value, path=()):
    """Every place in nested metadata; of a list, its first."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*path, key))
    elif isinstance(value, list) and value:
        yield from places(value[0], (*path, 0))


@pytest.mark.parametrize("wrong", [[], {}, [[]], {"a": 1}, "text", 7, None], ids=repr)
def test_metadata_of_a_wrong_type_are_damage_and_no_traceback(saved, wrong):
    path = saved[1]
    facts, tensors = parts(path)
    told = set()
    for place in places(facts):
        damaged = json.loads(json.dumps({"": facts}))
        held, last = damaged, ""
        for key in place:
            held, last = held[last], key
        held[last] = wrong
        write_parts(path, damaged[""], tensors)
        try:
            loaded = load_model(path, "cpu")
        except DataError as error:
            told.add(str(error))
            continue
        # Some values may be anything of this type, such as a name: then all works
        logits = loaded.logits(random_tokens(3, 51))
        assert loaded.score(logits).shape == (3, 2), place
        assert loaded.p_values(logits, np.ones(3, dtype=bool)).shape == (3, 2), place
        assert loaded.thresholds().shape == (2, 3), place
        describe(loaded)
    expected = ("damaged: ", "later vqrna", "unknown quantizer")
    assert all(any(words in line for words in expected) for line in told)
    assert all(len(line.splitlines()) == 1 for line in told)


def test_a_null_that_is_not_whole_is_damage(saved):
    facts, tensors = parts(saved[1])
    del facts["checksum"]
    tensors["null.off_site.Am.ranks"] = tensors["null.off_site.Am.ranks"][:-1].clone()
    write_parts(saved[1], facts, tensors)
    with pytest.raises(DataError, match="damaged: the null off_site of Am is incomplete"):
        load_model(saved[1], "cpu")


@pytest.mark.parametrize(
    "change",
    [
        lambda facts: facts["calibration"].update(slope=[2.0, 2.0]),
        lambda facts: facts["modifications"].reverse(),
        lambda facts: facts["tiers"].clear(),
        lambda facts: facts["training"].update(command="other"),
        lambda facts: facts.pop(SEAL),
    ],
    ids=["calibration", "modifications", "tiers", "training", "checksum"],
)
def test_changed_metadata_are_rejected(saved, change):
    facts, tensors = parts(saved[1])
    change(facts)
    save_file(tensors, saved[1], {FORMAT: json.dumps(facts)})
    with pytest.raises(DataError, match=f"the weights are damaged: .*({SEAL}|of the metadata)"):
        load_model(saved[1], "cpu")


def test_weights_without_a_checksum_of_the_metadata_stay_loadable(saved):
    facts, tensors = parts(saved[1])
    del facts[SEAL]
    facts["format_version"] = 3
    save_file(tensors, saved[1], {FORMAT: json.dumps(facts)})
    assert load_model(saved[1], "cpu").tiers == saved[0].tiers


@pytest.mark.parametrize("members", [0, 1, 2, 4, 1000, "two", None], ids=repr)
def test_a_wrong_number_of_networks_in_an_ensemble_is_damage(tmp_path, members):
    path = tmp_path / "ensemble.safetensors"
    networks = [fresh(seed=seed).network for seed in range(3)]
    save_model(dataclasses.replace(fresh(), network=EnsembleNetwork(networks)), path)
    facts, tensors = parts(path)
    assert facts["members"] == 3
    write_parts(path, facts | {"members": members}, tensors)
    with pytest.raises(DataError, match="the weights are damaged: "):
        load_model(path, "cpu")


def test_weights_in_the_package_have_names_and_files_take_precedence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert weights_path(None) == weights_path("shipped") == NAMED["shipped"]
    assert weights_path("ensemble") == NAMED["ensemble"]
    assert weights_path("other") == Path("other")
    save_model(fresh(), tmp_path / "ensemble")
    assert weights_path("ensemble") == Path("ensemble")


def test_weights_of_a_later_version_ask_for_an_upgrade(saved):
    facts, tensors = parts(saved[1])
    facts |= {"format_version": FORMAT_VERSION + 1, "version": "9.9"}
    write_parts(saved[1], facts, tensors)
    with pytest.raises(DataError, match=r"written by a later vqrna \(9\.9\): please upgrade"):
        load_model(saved[1], "cpu")


def test_weights_of_the_head_in_one_part_are_told(saved):
    facts, tensors = parts(saved[1])
    facts |= {"format_version": 1}
    write_parts(saved[1], facts, tensors)
    with pytest.raises(DataError, match="by an earlier vqrna, whose network had another head"):
        load_model(saved[1], "cpu")


def test_an_unknown_device_is_told(saved):
    with pytest.raises(UsageError, match="unknown device 'tpu'"):
        load_model(saved[1], "tpu")


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(DataError, match="the folder does not exist"):
        save_model(measured(), tmp_path / "no" / "model.safetensors")
    assert list(tmp_path.iterdir()) == []
