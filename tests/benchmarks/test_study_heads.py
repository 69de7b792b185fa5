"""Ways to train the head on several studies: the two sources here contradict each other."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from benchmarks.studies import heads
from benchmarks.studies.heads import Drawn, GroupWeights, StudyHeads, Way, hidden, logits, predict

from vqrna.nn.context import WindowFeatures
from vqrna.nn.head import HeadPart, TwoPartHead

SITE, REGION, WINDOWS = 4, 3, 1200


@pytest.fixture
def head() -> TwoPartHead:
    torch.manual_seed(0)
    return TwoPartHead(HeadPart(SITE, 8, 1, 0.0, 0.0), HeadPart(REGION, 4, 1, 0.0, 0.0)).eval()


@pytest.fixture
def drawn() -> Drawn:
    """Feature 0 tells the label in the main data and in study 0, its opposite in study 1."""
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(WINDOWS, SITE + REGION, generator=generator).half()
    source = torch.arange(WINDOWS) % 3 - 1
    labels = ((features[:, :1] > 0) ^ (source[:, None] == 1)).long()
    unknown = torch.full((WINDOWS, 1), torch.nan)
    return Drawn(features, labels, source, unknown, torch.zeros(WINDOWS, 1, dtype=torch.bool))


def accuracy(drawn: Drawn, predicted: np.ndarray, source: int) -> float:
    rows = (drawn.source == source).numpy()
    return float(((predicted[rows] > 0) == drawn.labels[rows].numpy()).mean())


def test_hidden_units_and_logits_are_those_of_the_network(head: TwoPartHead) -> None:
    features = torch.randn(5, SITE + REGION)
    whole = head(WindowFeatures(features[:, :SITE, None], features[:, SITE:, None], None)).logits
    assert torch.allclose(logits(head, *hidden(head, features)), whole, atol=1e-6)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "LEARNING_RATE", 0.02)
    monkeypatch.setattr(heads, "PASSES", 12)
    monkeypatch.setattr(heads, "BATCH", 100)


@pytest.mark.usefixtures("quick")
def test_a_shared_head_follows_the_majority_and_own_heads_follow_each_study(
    head: TwoPartHead, drawn: Drawn
) -> None:
    before = copy.deepcopy(head.state_dict())
    shared, _ = heads.train(head, drawn, Way("pooled", "", teacher=0.0))
    assert all(torch.equal(value, before[name]) for name, value in head.state_dict().items())
    predicted = predict(Way("", ""), shared, StudyHeads(shared, 2), drawn.features.numpy())
    assert accuracy(drawn, predicted, 0) > 0.8
    assert accuracy(drawn, predicted, 1) < 0.3

    way = Way("heads", "", teacher=0.0, heads=True)
    trained, own = heads.train(head, drawn, way)
    with torch.inference_mode():
        units = hidden(trained, drawn.features.float())
        of_study = (logits(trained, *units)[:, None] + own(*units))[:, 1].numpy()
    assert accuracy(drawn, of_study, 1) > 0.6


@pytest.mark.usefixtures("quick")
def test_a_weight_for_studies_moves_the_shared_head_towards_them(
    head: TwoPartHead, drawn: Drawn
) -> None:
    few = (drawn.source != 0) | (torch.arange(WINDOWS) % 9 == 1)  # the second study against few
    kept = Drawn(*(getattr(drawn, name)[few] for name in Drawn.__annotations__))

    def accuracies(weight: float) -> tuple[float, float]:
        """Of the main data and of the second study."""
        shared, _ = heads.train(head, kept, Way("w", "", teacher=0.0, study_weight=weight))
        predicted = predict(Way("", ""), shared, StudyHeads(shared, 2), kept.features.numpy())
        return accuracy(kept, predicted, -1), accuracy(kept, predicted, 1)

    main, study = accuracies(0.1)
    assert main > 0.8
    assert study < 0.3
    main, study = accuracies(10.0)
    assert main < 0.3
    assert study > 0.8


def test_groups_with_a_high_loss_get_a_higher_weight_up_to_a_limit() -> None:
    groups = GroupWeights(sources=2, types=1)
    source = torch.tensor([-1, -1, 0, 0])
    known = torch.ones(4, 1, dtype=torch.bool)
    excess = torch.tensor([[0.1], [0.1], [1.0], [1.0]])
    first = groups.of(excess, known, source)
    for _ in range(2000):
        last = groups.of(excess, known, source)
    assert first[2, 0] > first[0, 0]
    assert last[2, 0] / last[0, 0] > first[2, 0] / first[0, 0]
    assert last[2, 0] / last[0, 0] <= GroupWeights.MOST**2
    assert last.mean() == pytest.approx(1.0)


def test_predictions_of_study_heads_are_united_as_stated(head: TwoPartHead) -> None:
    own = StudyHeads(head, 2)
    with torch.no_grad():
        own.offset.copy_(torch.tensor([[3.0], [1.0]]))
    features = np.random.default_rng(0).normal(size=(4, SITE + REGION)).astype(np.float16)
    shared = predict(Way("", ""), head, own, features)
    assert predict(Way("", "", union="max"), head, own, features) == pytest.approx(shared + 3)
    assert predict(Way("", "", union="mean"), head, own, features) == pytest.approx(shared + 2)
