"""The look at the validation windows after each epoch."""

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, matthews_corrcoef, roc_auc_score

from tiny import columns, network, planted, tiny, tiny_paper
from vqrna.data.windows import Windows
from vqrna.model import TrainedModel
from vqrna.training import train_network
from vqrna.training.validation import validate


def test_the_values_are_those_of_scikit_learn():
    config = tiny()
    valid = planted(60, seed=1, symbols=("Am", "Cm"))
    model = TrainedModel.fresh(network(config, 2), config, valid.modifications)
    found = validate(model.network.train(), valid, config)
    assert set(found) == {"Am", "Cm", "mean"}
    logits = model.logits(valid.tokens)
    for m, kind in enumerate(valid.modifications):
        known = valid.labels[:, m] >= 0
        truth, scores = valid.labels[known, m], logits[known, m]
        row = found[kind.symbol]
        assert row["auroc"] == pytest.approx(roc_auc_score(truth, scores))
        assert row["acc"] == pytest.approx(accuracy_score(truth, scores >= 0))
        assert row["mcc"] == pytest.approx(matthews_corrcoef(truth, scores >= 0))
        expected = np.where(truth == 1, np.log1p(np.exp(-scores)), np.log1p(np.exp(scores)))
        assert row["loss"] == pytest.approx(expected.mean(), rel=1e-4)
    assert found["mean"]["acc"] == pytest.approx((found["Am"]["acc"] + found["Cm"]["acc"]) / 2)


def test_the_published_auroc_is_that_of_the_raw_positive_logit():
    valid = planted(60, seed=1)
    config = tiny_paper()
    made = network(config, 1)
    with np.errstate(all="raise"):
        found = validate(made, valid, config)["Am"]
    output = made(columns(valid.tokens))
    truth = valid.labels[:, 0]
    raw = roc_auc_score(truth, output.class_logits[:, 0, 1].detach())
    assert found["auroc"] == pytest.approx(raw)
    assert raw != pytest.approx(roc_auc_score(truth, output.logits[:, 0].detach()))


def named_negatives(windows: Windows, named: np.ndarray) -> Windows:
    negative_set = windows.negative_set.copy()
    negative_set[named & (windows.labels[:, 0] == 0)] = 1
    return dataclasses.replace(windows, negative_set=negative_set, negative_sets=("random", "hard"))


def test_random_negatives_decide_where_there_are_any():
    windows = planted(60, seed=1)
    some = named_negatives(windows, np.arange(60) < 30)
    config = tiny()
    made = network(config, 1)
    without = validate(
        made, windows.take((windows.labels[:, 0] == 1) | (np.arange(60) >= 30)), config
    )
    assert validate(made, some, config) == without


def test_named_negatives_stand_in_where_there_are_no_random_ones(tmp_path, no_curves):
    windows = named_negatives(planted(40, seed=1), np.ones(40, dtype=bool))
    result = train_network(windows, windows, tmp_path, tiny(), device="cpu", show_progress=False)
    assert result.history["valid_auroc"].notna().all()
    assert result.model.training["validation"]["Am"]["auroc"] >= 0
