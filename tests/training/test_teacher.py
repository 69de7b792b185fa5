from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from tiny import MOTIFS, planted, random_tokens, tiny
from vqrna import training
from vqrna.data.features import MORE
from vqrna.data.windows import Windows
from vqrna.errors import DataError, UsageError
from vqrna.modifications import modifications
from vqrna.training import teacher
from vqrna.training.losses import classification_loss, distillation_loss
from vqrna.training.source import WindowSource
from vqrna.training.teacher import examples, grow

pytest.importorskip("lightgbm", reason="trees need LightGBM (pip install '.[trees]')")


def auroc(labels: np.ndarray, judged: np.ndarray) -> float:
    return float(roc_auc_score(labels, judged))


@pytest.fixture(scope="module")
def windows():
    return planted(n=240, symbols=("Am", "Cm"), seed=3)


@pytest.fixture(scope="module")
def judged(windows):
    return teacher.teacher_logits(windows, 51, seed=0, show_progress=False)


def test_trees_find_what_was_planted(windows, judged):
    for m in range(2):
        known = windows.labels[:, m] >= 0
        assert auroc(windows.labels[known, m], judged[known, m]) > 0.9


def test_only_sites_with_the_types_base_are_judged(windows, judged):
    base = windows.tokens[:, windows.length // 2]
    bases = [MOTIFS[s][2] for s in ("Am", "Cm")]
    assert bases == ["A", "C"]
    assert np.array_equal(np.isfinite(judged), base[:, None] == np.array([0, 1]))


def test_what_trees_know_by_heart_does_not_count():
    """Each window is there twice with one label, drawn at random: its copy must not help."""
    once = planted(n=160, seed=5)
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 4, once.tokens.shape).astype(np.uint8)
    tokens[:, once.length // 2] = 0
    labels = rng.permutation(once.labels)
    twice = dataclasses.replace(
        once,
        tokens=np.concatenate([tokens, tokens]),
        labels=np.concatenate([labels, labels]),
        negative_set=np.where(np.concatenate([labels, labels]) == 0, 0, -1).astype(np.int8),
        names=tuple(f"w{i}" for i in range(2 * len(tokens))),
    )
    judged = teacher.teacher_logits(twice, 51, seed=0, show_progress=False)
    assert 0.3 < auroc(twice.labels[:, 0], judged[:, 0]) < 0.7


def test_threads_change_nothing(windows):
    rows, labels, weights = examples(windows, 0)
    numbers = MORE.of(windows.tokens[rows])
    one, two = (
        grow(numbers, labels, weights, seed=0, rounds=20, threads=threads)(numbers)
        for threads in (1, 2)
    )
    np.testing.assert_array_equal(one, two)


def test_judgements_are_kept_for_these_windows_and_this_seed(tmp_path, windows, monkeypatch):
    made = []

    def teacher_logits(windows, length, seed, *, show_progress):
        made.append(seed)
        return np.full(windows.labels.shape, seed, dtype=np.float32)

    monkeypatch.setattr(teacher, "teacher_logits", teacher_logits)

    def kept(windows, seed):
        return float(teacher.cached_teacher_logits(tmp_path, windows, 51, seed).mean())

    assert [kept(windows, 0), kept(windows, 0)] == [0, 0]
    assert made == [0]
    assert kept(windows, 1) == 1
    assert kept(windows.take(slice(0, 100)), 1) == 1
    assert made == [0, 1, 1]
    other = dataclasses.replace(windows, modifications=modifications(["m6A", "m5C"]))
    assert kept(other, 1) == 1
    assert made == [0, 1, 1, 1]
    path = tmp_path / teacher.FILE_NAME
    whole = path.read_bytes()
    for seed, damaged in enumerate((b"PK not whole", b"", whole[:300], whole[:-9]), start=2):
        path.write_bytes(damaged)
        assert kept(windows, seed) == seed


def test_tiles_of_one_region_are_judged_by_trees_of_other_regions():
    """Labels by region: only who has seen the region knows them."""
    rng = np.random.default_rng(1)
    regions = rng.integers(0, 4, (60, 51 + 5 * 8)).astype(np.uint8)
    tokens = np.concatenate([regions[:, i : i + 51] for i in range(0, 48, 8)])
    labels = np.tile(rng.permutation(np.arange(60) % 2), 6)[:, None].astype(np.int8)
    tokens[:, 25] = 0
    once = planted(n=2)
    tiled = Windows(
        tokens,
        labels,
        np.where(labels == 0, 0, -1).astype(np.int8),
        once.negative_sets,
        tuple(f"w{i}" for i in range(len(tokens))),
        once.modifications,
    )
    judged = teacher.teacher_logits(tiled, 51, seed=0, show_progress=False)
    assert 0.3 < auroc(labels[:, 0], judged[:, 0]) < 0.7


def test_a_type_with_few_windows_has_no_teacher(windows, capsys):
    few = windows.take(np.r_[0:240, 240:340])
    judged = teacher.teacher_logits(few, 51, seed=0, show_progress=True)
    assert np.isnan(judged[:, 1]).all()
    assert np.isfinite(judged[:, 0]).any()
    assert "too few windows of Cm for a teacher: labels alone" in capsys.readouterr().err


def test_trees_see_no_more_than_the_network():
    wide = planted(n=240, length=201, seed=3)
    other = dataclasses.replace(wide, tokens=random_tokens(240, 201, seed=9))
    other.tokens[:, 75:126] = wide.tokens[:, 75:126]
    one, two = (teacher.teacher_logits(w, 51, seed=0, show_progress=False) for w in (wide, other))
    np.testing.assert_array_equal(one, two)
    wider = teacher.teacher_logits(other, 201, seed=0, show_progress=False)
    assert not np.array_equal(two, wider)


def test_too_few_clusters_for_the_folds_are_told():
    one = planted(n=8)
    same = dataclasses.replace(one, tokens=np.repeat(one.tokens[1:2], 8, axis=0))
    with pytest.raises(DataError, match="clusters"):
        teacher.teacher_logits(same, 51, seed=0, show_progress=False)


def test_the_loss_is_the_cross_entropy_to_the_teachers_probability():
    logits = torch.tensor([[0.0, 5.0], [1.0, -2.0]])
    judged = torch.tensor([[0.0, torch.nan], [torch.nan, np.log(3.0)]])
    # ln 2 at probability 1/2; 3/4 softplus(2) + 1/4 softplus(-2)
    expected = (np.log(2) + 0.75 * np.log1p(np.exp(2)) + 0.25 * np.log1p(np.exp(-2))) / 2
    assert distillation_loss(logits, judged).item() == pytest.approx(expected)
    assert distillation_loss(logits, torch.full_like(judged, torch.nan)).item() == 0


def test_labels_without_a_judgement_keep_their_weight():
    logits = torch.tensor([[1.0, -1.0], [2.0, 0.5]])
    labels = torch.tensor([[1, 0], [-1, 1]])
    whole = classification_loss(logits, labels)
    parts = [
        classification_loss(logits, labels, among=among)
        for among in (torch.tensor([[True, False], [True, True]]),
                      torch.tensor([[False, True], [False, False]]))
    ]  # fmt: skip
    assert sum(parts).item() == pytest.approx(whole.item())
    assert parts[1].item() == pytest.approx(np.log1p(np.exp(-1)) / 3)


def test_a_network_learns_from_the_teacher(tmp_path, windows, monkeypatch, no_curves):
    """A teacher who says the contrary of the labels is believed, as far as it has the share."""
    monkeypatch.setattr(
        teacher,
        "teacher_logits",
        lambda windows, length, seed, *, show_progress: np.where(
            windows.labels == -1, np.nan, 8.0 - 16 * (windows.labels == 1)
        ).astype(np.float32),
    )
    source = WindowSource(windows, windows)
    found = {}
    for share in (0.0, 1.0):
        config = tiny(epochs=6, teacher="trees", teacher_share=share, learning_rate=0.01)
        out = tmp_path / str(share)
        run = training.train(source, out, config, show_progress=False)
        found[share] = run.results["joint"].history["valid_auroc"].iloc[-1]
        assert "loss_teacher" in (out / "train.log").read_text()
        assert (out / teacher.FILE_NAME).exists()
    assert found[0.0] > 0.8
    assert found[1.0] < 0.2


def test_without_lightgbm_one_line_says_what_to_install(tmp_path, windows, monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(UsageError, match=r"LightGBM .*: install it with pip install '\.\[trees\]'"):
        training.train(WindowSource(windows, windows), tmp_path, tiny(teacher="trees"))
