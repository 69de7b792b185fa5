"""What a weights file says that cannot be so is one line, and costs no memory."""

import dataclasses
import json
import resource

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from tiny import measured, random_tokens
from vqrna.errors import DataError
from vqrna.model.familiarity import Familiarity
from vqrna.model.model_card import describe
from vqrna.model.training_sketch import TrainingSketch
from vqrna.model.weights import FORMAT, SEAL, load_model, metadata_checksum, save_model

NAN, INFINITE = float("nan"), float("inf")
LOGITS = "network.head.site.logits.bias"
VARIANCES = "network.encoder.mix_norm.running_var"
SUMMARY = {
    "command": "vqrna train --data data --out run",
    "epochs": 2,
    "best_epoch": 1,
    "labels": {"Am": {"train": [20, 30], "valid": [5, 6]}},
    "validation": {"Am": {"auroc": 0.9, "acc": NAN}},
    "localisation": {
        "Am": {
            "auroc": {"windows": 4, "value": 0.9, "low": 0.8, "high": 1.0},
            "first": {"windows": 4, "value": 0.5},
        }
    },
    "studies": {
        "lab": {"windows": {"train": 8, "valid": 4}, "validation": {"Am": {"auroc": 0.8}}},
        "without-scores": {"windows": {"train": 8, "valid": 4}, "validation": {}},
    },
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A file with all there can be in one."""
    path = tmp_path_factory.mktemp("whole") / "model.safetensors"
    sizes = np.array([8, 16])
    evidence = np.zeros((16, 16), dtype=np.int8)
    model = dataclasses.replace(
        measured(),
        training=SUMMARY,
        familiarity=Familiarity(evidence, sizes, np.array([-0.5, -0.25]), np.array([2, 3])),
        sketch=TrainingSketch.of(random_tokens(20, 101)),
    )
    save_model(model, path)
    return path


def changed(whole, path, change):
    """Write a file after a change to its metadata and tensors."""
    with safe_open(whole, framework="pt") as file:
        facts = json.loads(file.metadata()[FORMAT])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    del facts["checksum"]  # who makes a file up leaves it out
    change(facts, tensors)
    if SEAL in facts:
        facts[SEAL] = metadata_checksum(facts)
    save_file(tensors, path, {FORMAT: json.dumps(facts)})


def fact(*keys, to):
    """Change one place in the metadata."""

    def change(facts, tensors):
        held = facts
        for key in keys[:-1]:
            held = held[key]
        held[keys[-1]] = to

    return change


def tensor(name, to):
    """Replace a tensor, or change it if `to` is a function."""

    def change(facts, tensors):
        tensors[name] = to(tensors[name]) if callable(to) else to

    return change


def first(value):
    """Change the first number of a tensor."""

    def change(x):
        x = x.clone()
        x.view(-1)[0] = value
        return x

    return change


def of_type(name, to):
    return fact("modifications", 0, name, to=to)


def familiarity(of):
    def change(facts, tensors):
        for name in ("tokens", "least_evidence", "fewest_different"):
            tensors[f"familiarity.{name}"] = of(tensors[f"familiarity.{name}"])

    return change


def curve(name, to):
    return fact("scan_calibration", "curves", 0, "cut", name, to=to)


NULL = "null.off_site.Am"

LIES = {
    "slope of a great integer": (fact("calibration", "slope", to=[10**400, 1]), "too large"),
    "endless slope": (fact("calibration", "slope", to=[INFINITE, 1]), "calibration of Am"),
    "slope below 0": (fact("calibration", "slope", to=[1, -1]), "calibration of Cm: -1 x"),
    "slope NaN": (fact("calibration", "slope", to=[NAN, 1]), "invalid calibration of Am: nan x"),
    "intercept NaN": (fact("calibration", "intercept", to=[NAN, 1]), "calibration of Am"),
    "unknown letter": (of_type("context", "Z"), "the context 'Z' of Am is not an IUPAC pattern"),
    "no letter": (of_type("context", ""), "the context '' of Am is not an IUPAC pattern"),
    "site outside": (of_type("offset", 1), "the site of Am is outside its context"),
    "site before": (of_type("offset", -1), "the site of Am is outside its context"),
    "prior 2": (of_type("prior", 2), "the prior 2 of Am is not between 0 and 1"),
    "prior NaN": (of_type("prior", NAN), "the prior nan of Am is not between 0 and 1"),
    "no colour": (of_type("color", "zzz"), "the colour 'zzz' of Am is not #rrggbb"),
    "familiarity empty": (familiarity(lambda x: x[:0]), "invalid tables of familiar codes"),
    "familiarity falling": (familiarity(lambda x: x.flip(0)), "invalid tables of familiar codes"),
    "familiarity NaN": (
        tensor("familiarity.least_evidence", first(NAN)),
        "invalid tables of familiar codes",
    ),
    "sketch below 0": (tensor("sketch.counts", torch.tensor([3, -1])), "sketch of the train"),
    "null of one": (fact("null", "off_site", 0, to=[1, 9]), "ranks of the null off_site of Am"),
    "null below 0": (fact("null", "off_site", 0, to=[-1, 9]), "ranks of the null off_site of Am"),
    "length below 0": (fact("null", "off_site", 0, to=[50, -9]), "invalid length of -9"),
    "huge length": (fact("null", "off_site", 0, to=[50, 10**400]), "invalid length of 1000"),
    "ranks below 0": (tensor(f"{NULL}.ranks", first(-5)), "ranks of the null off_site of Am"),
    "ranks are no numbers": (tensor(f"{NULL}.ranks", lambda x: x.float()), "is incomplete"),
    "values rise": (tensor(f"{NULL}.values", lambda x: x.flip(0)), "of Am are not descending"),
    "values NaN": (tensor(f"{NULL}.values", first(NAN)), "of Am are not descending"),
    "curve falls": (curve("values", [3, 2, 1, 0]), "calibration of Am is not a rising curve"),
    "curve NaN": (curve("values", [0, 1, 2, NAN]), "calibration of Am is not a rising curve"),
    "knots equal": (curve("knots", [0, 1, 1, 2]), "calibration of Am is not a rising curve"),
    "knots missing": (curve("knots", [0, 1]), "calibration of Am is not a rising curve"),
    "curve missing": (fact("scan_calibration", "curves", to=[None]), "1 scan calibrations of 2 m"),
    "no curve of ends": (fact("scan_calibration", "curves", 0, to={}), "'whole'"),
    "unknown tier": (fact("tiers", 0, "tier", to="top"), "unknown tier Am top"),
    "unknown window": (fact("tiers", 0, "window", to="open"), "unknown tier Am low"),
    "precision 2": (fact("tiers", 0, "precision_mixture", to=2), "rates of the tier Am low"),
    "labels odd": (fact("training", "labels", to=[1]), "training.labels: must be a table"),
    "a label odd": (
        fact("training", "labels", "Am", "train", to=["7", 1]),
        "training.labels: Am.train.0: must be a whole number",
    ),
    "labels of one part": (
        fact("training", "labels", "Am", to={"train": [1, 2]}),
        "training.labels.Am: needs 'train' and 'valid'",
    ),
    "chosen odd": (fact("training", "chosen", to=5), "training.chosen: must be text"),
    "best epoch odd": (fact("training", "best_epoch", to="two"), "training.best_epoch: must be"),
    "scores odd": (
        fact("training", "validation", "Am", "acc", to=None),
        "training.validation: Am.acc: must be a number",
    ),
    "ranks of sites odd": (
        fact("training", "localisation", "Am", "first", to={"value": 1}),
        "training.localisation.Am: is incomplete",
    ),
    "a study empty": (
        fact("training", "studies", "lab", to={}),
        "training.studies: lab.windows: is missing",
    ),
    "windows of a study odd": (
        fact("training", "studies", "lab", "windows", "valid", to="4"),
        "training.studies: lab.windows.valid: must be a whole number",
    ),
    "scores of a study odd": (
        fact("training", "studies", "lab", "validation", to={"Am": 0.8}),
        "training.studies: lab.validation.Am: must be a table",
    ),
    "weights NaN": (tensor(LOGITS, first(NAN)), "head.site.logits.bias contains NaN or infinite"),
    "endless weights": (tensor(LOGITS, first(-INFINITE)), "head.site.logits.bias contains NaN or"),
    "variances below 0": (tensor(VARIANCES, first(-1)), "running_var contains negative variances"),
    "complex weights": (tensor(LOGITS, lambda x: x.cfloat()), "bias has type torch.complex64, not"),
    "integer weights": (tensor(LOGITS, lambda x: x.long()), "has type torch.int64, not torch.f"),
    "other shape": (tensor(LOGITS, torch.zeros(7)), "logits.bias has shape 7, not 2"),
    "unknown tensor": (tensor("network.more", torch.zeros(7)), "unknown tensor more"),
    "tensor less": (
        lambda facts, tensors: tensors.pop(LOGITS),
        "the tensor head.site.logits.bias is missing",
    ),
    "width beyond all": (fact("config", "model", "width", to=10**30), ""),
}


def test_what_can_be_loads_and_gives_the_same_file_again(whole, tmp_path):
    model = load_model(whole, "cpu")
    assert model.familiarity is not None
    assert model.sketch is not None
    save_model(model, tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == whole.read_bytes()
    card = describe(model)
    assert card.types[0].train == (20, 30)
    assert [(x.study, x.modification, x.windows) for x in card.studies] == [("lab", "Am", (8, 4))]
    assert "| lab | Am | 8 / 4 | 0.800 | nan | nan |" in card.to_markdown()


@pytest.mark.parametrize("lie", LIES)
def test_what_cannot_be_is_one_line(whole, tmp_path, lie):
    change, words = LIES[lie]
    path = tmp_path / "lie.safetensors"
    changed(whole, path, change)
    with pytest.raises(DataError, match=r"lie\.safetensors: the weights are damaged: ") as raised:
        load_model(path, "cpu")
    assert words in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1
    assert len(str(raised.value)) < len(str(path)) + 250


def test_symbols_cannot_be_paths(whole, tmp_path):
    path = tmp_path / "lie.safetensors"

    def change(facts, tensors):
        facts["modifications"][0]["symbol"] = "../Am"
        facts["tiers"] = []
        for name in list(tensors):
            if ".Am." in name:
                tensors[name.replace(".Am.", ".../Am.")] = tensors.pop(name)

    changed(whole, path, change)
    with pytest.raises(DataError, match=r"invalid modification symbol '\.\./Am'"):
        load_model(path, "cpu")


def test_a_network_that_is_not_there_takes_no_memory(whole, tmp_path):
    path = tmp_path / "lie.safetensors"
    changed(whole, path, fact("config", "model", "width", to=20_000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match=r"weight has shape .*, not 20000 x"):
        load_model(path, "cpu")
    # The network would take more than 20 GB
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000
