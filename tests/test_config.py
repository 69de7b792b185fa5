import dataclasses
import hashlib
import json

import pytest
from safetensors import safe_open
from safetensors.torch import save_file

from tiny import fresh
from vqrna.config import (
    PAPER_LENGTHS,
    RENAMED,
    Config,
    ModelConfig,
    TrainingConfig,
    dump,
    effective,
    from_dict,
    load,
    preset,
    replace,
    to_dict,
    validated,
)
from vqrna.errors import DataError, UsageError
from vqrna.model.weights import SEAL, load_model, metadata_checksum, save_model
from vqrna.runtime.run_record import SkippedInput


def test_the_paper_preset_holds_the_published_numbers():
    config = preset("paper")
    model, training = config.model, config.training
    assert (model.architecture, model.length) == ("paper", 501)
    assert (model.codebook_size, model.code_dim, model.dropout) == (512, 64, 0.2)
    assert training.classification_weight == 0.05819746775986198
    assert training.quantization_weight == 0.04187829891956044
    assert training.reconstruction_weight == 0.6804473004341116
    assert (training.optimizer, training.learning_rate) == ("adam", 1e-3)
    assert (training.schedule, training.weight_decay) == ("constant", 0)
    assert (training.batch_size, training.epochs, training.patience) == (32, 300, 30)
    assert (training.seed, training.select_by) == (2, "accuracy")


def test_the_paper_preset_has_none_of_our_tricks():
    training = preset("paper").training
    tricks = (
        "label_smoothing", "substitution_rate", "mask_rate", "off_site_weight", "shuffled_weight",
        "ranking_weight", "other_type_weight",
    )  # fmt: skip
    assert [getattr(training, name) for name in tricks] == [0] * 7
    assert (training.average_decay, training.precision) == (0, "float32")


def test_the_default_is_our_preset():
    assert preset("vqrna") == Config()
    assert Config().model.architecture == "vqrna"
    assert Config().training.mask_rate > 0
    assert Config().training.mask_min_flank == 25


def test_an_unknown_preset_is_told():
    with pytest.raises(UsageError, match=r"unknown preset 'big' \(known: vqrna, paper\)"):
        preset("big")


@pytest.mark.parametrize("length", [50, 500, 49, 1003, 0, -1])
def test_impossible_lengths_are_refused(length):
    with pytest.raises(ValueError, match="length"):
        ModelConfig(length=length)
    with pytest.raises(UsageError, match="length"):
        replace(Config(), length=length)


@pytest.mark.parametrize("length", [51, 53, 999, 1001])
def test_odd_lengths_between_are_allowed(length):
    assert ModelConfig(length=length).length == length


def test_the_paper_knows_nine_lengths():
    for length in PAPER_LENGTHS:
        assert replace(preset("paper"), length=length).model.length == length
    with pytest.raises(UsageError, match="901, 1001"):
        replace(preset("paper"), length=601)


@pytest.mark.parametrize(
    "wrong",
    [
        {"batch_size": 1},
        {"epochs": 0},
        {"patience": 0},
        {"learning_rate": 0.0},
        {"learning_rate": float("inf")},
        {"weight_decay": float("inf")},
        {"label_smoothing": 1.0},
        {"mask_rate": 1.1},
        {"optimizer": "sgd"},
        {"precision": "float16"},
        {"average_decay": 1.0},
    ],
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TrainingConfig(**wrong)


def test_settings_cannot_be_changed_in_place():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().model.length = 51


def test_replace_finds_the_part_and_leaves_none_alone():
    config = replace(Config(), length=101, epochs=3, seed=None)
    assert (config.model.length, config.training.epochs) == (101, 3)
    assert config.training.seed == Config().training.seed
    with pytest.raises(UsageError, match="unknown setting 'lenght'"):
        replace(Config(), lenght=101)


@pytest.mark.parametrize("name", ["vqrna", "paper"])
def test_toml_there_and_back(name, tmp_path):
    config = replace(preset(name), length=301, seed=7)
    path = tmp_path / "config.toml"
    path.write_text(dump(config), encoding="utf-8")
    assert load(path) == config
    assert from_dict(to_dict(config)) == config


def test_a_file_changes_only_what_it_names(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("[training]\nlearning_rate = 1e-4\n", encoding="utf-8")
    config = load(path, preset("paper"))
    assert config == replace(preset("paper"), learning_rate=1e-4)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[training]\nepoch = 3\n", "training.epoch: unknown setting"),
        ("[trainning]\nepochs = 3\n", "unknown table or setting 'trainning'"),
        ("epochs = 3\n", "unknown table or setting 'epochs'"),
        ("model = 3\n", "unknown table or setting 'model'"),
        ('[model]\nlength = "long"\n', "model.length: must be a whole number"),
        ("[model]\nlength = 500\n", "model: length must be odd"),
        ("[model\n", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_told_in_one_line(tmp_path, text, words):
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=f"config.toml: {words}") as raised:
        load(path)
    assert len(str(raised.value).splitlines()) == 1


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        load(tmp_path / "no.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not a text file"):
        load(tmp_path / "binary.toml")


def test_old_names_of_settings_are_still_read(tmp_path):
    expected = replace(Config(), decoys=7, unlabelled_share=0.25)
    path = tmp_path / "config.toml"
    path.write_text("[training]\nrivals = 7\nweak_share = 0.25\n", encoding="utf-8")
    assert load(path) == expected
    assert replace(Config(), rivals=7, weak_share=0.25) == expected
    assert TrainingConfig(rivals=7, weak_share=0.25) == expected.training
    assert from_dict({"training": {"rivals": 7, "weak_share": 0.25}}) == expected
    assert "decoys = 7" in dump(expected)
    with pytest.raises(UsageError, match=r"training\.decoys"):
        replace(Config(), rivals=0)


def test_weights_with_old_names_of_settings_are_still_read(tmp_path):
    path = tmp_path / "model.safetensors"
    save_model(fresh(), path)
    with safe_open(path, framework="pt") as file:
        ((key, text),) = file.metadata().items()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    facts = json.loads(text)
    training = facts["config"]["training"]
    for old, new in RENAMED.items():
        training[old] = training.pop(new)
    training |= {"rivals": 7, "weak_share": 0.25}
    facts[SEAL] = metadata_checksum(facts)
    save_file(tensors, path, {key: json.dumps(facts)})
    read = load_model(path, "cpu").config.training
    assert (read.decoys, read.unlabelled_share) == (7, 0.25)


FIRST = replace(preset("vqrna"), precision="bfloat16")
"""The preset of version 0.1."""


@pytest.mark.parametrize(
    ("config", "digest"),
    [
        (FIRST, "d171c7882f4fbbd6"),
        (preset("paper"), "b7d1fc9afb81bc26"),
        (
            replace(
                Config(), teacher="trees", decoys=7, unlabelled_share=0.25, precision="bfloat16"
            ),
            "427736253c20f962",
        ),
    ],
    ids=["vqrna", "paper", "teacher"],
)
def test_identities_are_those_of_the_first_names(config, digest):
    """Kept results are matched by these; the digests are those of version 0.1."""
    text = json.dumps(effective(config))
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == digest


@pytest.mark.parametrize(
    ("part", "name", "value", "words"),
    [
        ("training", "epochs", 0, "must be 1 or more"),
        ("training", "epochs", 2.5, "must be a whole number"),
        ("training", "epochs", "many", "must be a whole number"),
        ("training", "epochs", None, "must be a whole number"),
        ("training", "seed", 2**31, "must be less than 2147483648"),
        ("training", "learning_rate", 0, "must be more than 0"),
        ("training", "learning_rate", "high", "must be a number"),
        ("training", "learning_rate", float("nan"), "must be a finite number"),
        ("training", "mask_rate", 1.1, "must be at most 1"),
        ("training", "head_only", "perhaps", "must be true or false"),
        ("training", "optimizer", "sgd", "must be 'adamw' or 'adam'"),
        ("training", "decoy", 1, "unknown setting"),
        ("model", "quantizer", 5, "must be text"),
        ("model", "length", 500, "length must be odd so that the site is central, not 500"),
    ],
)
def test_the_reason_is_in_plain_words(part, name, value, words):
    with pytest.raises(ValueError) as error:  # noqa: PT011  (the whole text is compared)
        from_dict({part: {name: value}})
    place = part if words.startswith("length must") else f"{part}.{name}"
    assert str(error.value) == f"{place}: {words}"


@pytest.mark.parametrize(
    ("target", "value", "words"),
    [
        (Config, {"model": 5}, "model: must be a table of names and values"),
        (tuple[int, ...], 5, "must be a list"),
        (SkippedInput, {}, "file: is missing"),
    ],
)
def test_the_reason_names_the_expected_form(target, value, words):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        validated(target, value)
    assert str(error.value) == words
