"""Weights files of every format since version 2 are read and give the numbers they gave."""

import json

import numpy as np
import pytest
from tests.golden.tables import FOLDER, numbers, weights_file

from vqrna.model.weights import FORMAT_VERSION, load_model
from vqrna.prediction import predict

VERSIONS = range(2, FORMAT_VERSION + 1)


def test_there_is_a_file_of_every_version():
    """After a new version: ``make golden``."""
    listed = sorted(FOLDER.glob("weights-*.safetensors"))
    assert listed == sorted(weights_file(version) for version in VERSIONS)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_old_file_gives_its_numbers(version):
    path = weights_file(version)
    kept = json.loads(path.with_suffix(".json").read_text("utf-8"))
    now = numbers(load_model(path, "cpu"), kept["sequence"])
    assert now["modifications"] == kept["modifications"]
    for name in ("logits", "scores", "shuffled"):
        # The scores of these networks are steep: processors differ by up to 2.4e-5
        np.testing.assert_allclose(now[name], kept[name], rtol=0, atol=1e-4)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_old_model_predicts(version):
    kept = json.loads(weights_file(version).with_suffix(".json").read_text("utf-8"))
    table = predict(
        {"a": kept["sequence"]}, model=weights_file(version), all_sites=True, device="cpu"
    ).sites
    assert len(table) > 100
    assert table["score"].between(0, 1).all()
