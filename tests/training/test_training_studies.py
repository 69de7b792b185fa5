"""Training on further studies beside the main data set."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from tiny import planted, tiny
from vqrna.data.studies import Study, pool
from vqrna.data.windows import MAIN, POSITIVE, UNKNOWN
from vqrna.errors import DataError
from vqrna.model.model_card import describe
from vqrna.nn.model import build
from vqrna.sequence import AMBIGUOUS, extents, recentre
from vqrna.training import loop, train_network
from vqrna.training.batches import TrainingData
from vqrna.training.source import window_warnings
from vqrna.training.validation import mean_of_studies, validate_studies


def study_of(symbols, seed, n=24, length=41):
    """A study with windows that are shorter than those of the main data."""
    parts = [planted(n=n, symbols=symbols, seed=seed + part) for part in (0, 100)]
    return Study(
        "other",
        *(dataclasses.replace(part, tokens=recentre(part.tokens, length)) for part in parts),
    )


@pytest.fixture(scope="module")
def main():
    return planted(n=64, symbols=("Am", "Cm"), seed=1)


@pytest.fixture(scope="module")
def study():
    return study_of(("Am", "Cm"), seed=2)


def data_of(main, study, **changes):
    config = tiny(**changes)
    network = build(config.model, 2)
    return TrainingData.prepare(pool(main, [study]), network, config)


def test_an_epoch_has_all_main_windows_and_a_balanced_draw_of_the_study(main, study):
    data = data_of(main, study)
    rows = np.concatenate(list(data.batch_rows(torch.Generator().manual_seed(0))))
    assert len(rows) == data.windows_per_epoch
    of_main = rows[data.windows.source[rows] == MAIN]
    assert sorted(of_main) == list(range(len(main)))
    labels = data.windows.labels[rows[data.windows.source[rows] != MAIN]]
    for m in range(2):
        assert (labels[:, m] == 1).sum() == (labels[:, m] == 0).sum() > 0


def test_main_windows_are_cut_to_the_length_of_the_study(main, study):
    data = data_of(main, study, study_mask_rate=1.0, mask_rate=0.0, shuffled_weight=0.0)
    rows = np.arange(len(main))
    batch = data.batch(rows, torch.Generator().manual_seed(0))
    assert set(extents(batch.tokens.numpy()).tolist()) == {41}
    untouched = data_of(main, study, study_mask_rate=0.0, mask_rate=0.0, shuffled_weight=0.0)
    tokens = untouched.batch(rows, torch.Generator().manual_seed(0)).tokens.numpy()
    assert (tokens != AMBIGUOUS).all()


def test_positions_beside_the_sites_of_studies_are_never_negatives(main):
    """Hidden flanks at the same distance from each site would reveal which position is the site."""
    wide = planted(n=64, symbols=("Am", "Cm"), seed=1, length=201)
    study = study_of(("Am", "Cm"), seed=2)
    config = tiny(length=201, off_site_weight=1.0, unlabelled_share=1.0)
    data = TrainingData.prepare(pool(wide, [study]), build(config.model, 2), config)
    assert data.decoys is not None
    assert (data.decoys.modification_index[data.windows.source != MAIN] == -1).all()
    assert (data.decoys.modification_index[data.windows.source == MAIN] >= 0).any()
    rows = np.flatnonzero(data.windows.source != MAIN)
    drawn = data.unlabelled.draw(rows, np.random.default_rng(0))
    assert len(range(len(drawn.tokens))[drawn.terms["off_site"]]) == 0


def test_studies_are_learned_validated_and_recorded(main, tmp_path):
    """A type with other motifs in the study is recognised there only after training on it."""
    study = study_of(("Am", "Cm"), seed=2, n=200)
    shifted = dataclasses.replace(
        study, train=_other_motif(study.train, 0), valid=_other_motif(study.valid, 0)
    )
    config = tiny(epochs=8, learning_rate=5e-3)
    options = {"show_progress": False, "calibrate": False}
    taught = train_network(main, main, tmp_path / "with", config, studies=[shifted], **options)
    alone = train_network(main, main, tmp_path / "without", config, **options)
    assert "studies_auroc" not in alone.history
    of_study = taught.history["studies_auroc"].max()
    scores = validate_studies(alone.model.network, [shifted], config)
    assert of_study > 0.75 > mean_of_studies(scores, "auroc")
    assert "other Am," in (tmp_path / "with" / "train.log").read_text()


def test_a_study_with_one_class_in_validation_is_trained_on_but_not_scored(main, study, tmp_path):
    positive = (study.valid.labels == POSITIVE).any(axis=1)
    valid = study.valid.take(positive)
    labels = np.where(valid.labels == POSITIVE, POSITIVE, UNKNOWN).astype(np.int8)
    negative_set = np.full_like(labels, -1)
    valid = dataclasses.replace(valid, labels=labels, negative_set=negative_set)
    one = dataclasses.replace(study, valid=valid)
    config = tiny(epochs=1)
    assert window_warnings(main, main, config, [study]) == []
    (warning,) = window_warnings(main, main, config, [one])
    assert "'other' has no type with both" in warning
    result = train_network(main, main, tmp_path / "run", config, studies=[one], show_progress=False)
    assert result.history["best"].tolist() == [True]
    assert "studies_auroc" not in result.history
    assert describe(result.model).studies == ()


def test_a_run_without_any_score_names_the_cause(main, tmp_path, monkeypatch):
    scores = dict.fromkeys(("acc", "bacc", "se", "sp", "mcc", "auroc", "loss"), np.nan)
    monkeypatch.setattr(loop, "validate", lambda *_: {"mean": scores})
    with pytest.raises(DataError, match="the validation score is nan in all epochs"):
        train_network(main, main, tmp_path / "run", tiny(epochs=1), show_progress=False)


def _other_motif(windows, column):
    """Plant another motif in place of the usual one."""
    tokens = windows.tokens.copy()
    site = windows.length // 2
    rows = np.flatnonzero(windows.labels[:, column] == POSITIVE)
    tokens[rows, site - 2 : site] = 3
    tokens[rows, site + 1 : site + 3] = 3
    return dataclasses.replace(windows, tokens=tokens)


def test_runs_with_other_studies_are_not_resumed(main, study, tmp_path):
    config = tiny(epochs=1)
    options = {"show_progress": False, "calibrate": False}
    train_network(main, main, tmp_path / "run", config, studies=[study], **options)
    with pytest.raises(DataError, match="other settings or data"):
        train_network(main, main, tmp_path / "run", config, resume=True, **options)
