"""Arguments of a wrong type in Python are one line, a UsageError."""

import json

import numpy as np
import pytest

import vqrna
from seeded import calling_model
from vqrna.errors import UsageError
from vqrna.prediction import make_settings
from vqrna.site_design import design
from vqrna.variation.settings import make_variant_settings

TEXT = {"s": "ACGU" * 30}


@pytest.fixture(scope="module")
def model():
    return calling_model()


@pytest.mark.parametrize(
    "options",
    [
        {"prior": "0.1"},
        {"prior": {"m6A": "0.1"}},
        {"prior": {"m6A": None}},
        {"prior": {"m6A": 0.1, "a": 0.2}},
        {"threshold": "0.5"},
        {"min_probability": "0.5"},
        {"fdr": "x"},
        {"top": True},
        {"name_until": 5},
    ],
    ids=str,
)
def test_predict(model, options):
    with pytest.raises(UsageError) as error:
        vqrna.predict(TEXT, model=model, **options)
    assert "\n" not in str(error.value)


def test_numbers_of_numpy_are_numbers(model):
    plain = vqrna.predict(TEXT, model=model, prior=0.25, top=2)
    again = vqrna.predict(TEXT, model=model, prior=np.float32(0.25), top=np.int64(2))
    assert again.sites.equals(plain.sites)


def test_settings_with_numbers_of_numpy_can_be_stored(model):
    half, two = np.float32(0.5), np.int64(2)
    limits = {"threshold": half, "min_probability": half, "fdr": half, "top": two}
    stored = json.loads(json.dumps(make_settings(model.modifications, **limits).to_dict()))
    assert {name: stored[name] for name in limits} == limits
    numbers = {"min_delta": half, "min_probability": half, "max_length": two, "null_variants": two,
               "seed": two}  # fmt: skip
    stored = json.loads(json.dumps(make_variant_settings(model.modifications, **numbers).to_dict()))
    assert {name: stored[name] for name in numbers} == numbers


@pytest.mark.parametrize(
    "options",
    [
        {"cds": (1, 3, 5)}, {"cds": (1.0, 3.0)}, {"below": "x"}, {"alternatives": 1.5},
        {"beam": "2"}, {"position": 5.0}, {"min_delta": "x"},
    ],
    ids=str,
)  # fmt: skip
def test_design(model, options):
    given = {"modification": "m6A", "position": 5, "goal": "remove"} | options
    with pytest.raises(UsageError):
        design(TEXT, model=model, **given)


@pytest.mark.parametrize(
    "call",
    [
        lambda: vqrna.load_model(5),
        lambda: vqrna.load_benchmark(5, "train"),
        lambda: vqrna.compare(5, "known.bed"),
        lambda: vqrna.compare("sites.tsv", None),
        lambda: vqrna.compare("sites.tsv", "known.bed", within="1"),
        lambda: vqrna.compare("sites.tsv", "known.bed", within=1.5),
        lambda: vqrna.compare("sites.tsv", "known.bed", min_percent="5"),
        lambda: vqrna.code_changes(TEXT, "m6A", 5.5, "A5G"),
    ],
)
def test_others(call):
    with pytest.raises(UsageError):
        call()
