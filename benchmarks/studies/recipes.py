"""Ways to train on several studies, each from a finished network and for two epochs.

A full training takes hours. Here a network is trained on, with a low learning rate, in several
ways that differ in one thing each; ``continued`` is the control. See
:mod:`benchmarks.studies.trials` for the command.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from vqrna.config import Config
from vqrna.data.windows import MAIN
from vqrna.nn.context import Features
from vqrna.nn.head import HeadOutput, TwoPartHead
from vqrna.nn.model import ModelOutput, Network
from vqrna.training.batches import Batch, TrainingData
from vqrna.training.losses import LossOutput, compute_loss
from vqrna.training.schedule import make_optimizer

EPOCHS, LEARNING_RATE, SEED = 2, 0.0005, 3


@dataclass(frozen=True)
class Recipe:
    """One way to train on several studies.

    Parameters
    ----------
    title : str
        For the table.
    change : callable
        Returns a context in which the training is changed.
    commit : str, optional
        Start from the weights that this commit shipped, not from the present ones.
    """

    title: str
    change: Callable[[], AbstractContextManager[object]] = nullcontext
    commit: str | None = None


@contextmanager
def _known_sources() -> Iterator[list[np.ndarray]]:
    """Give access to the source of each window of the batch that was drawn last."""
    drawn: list[np.ndarray] = []
    original = TrainingData.batch

    def batch(self: TrainingData, rows: np.ndarray, generator: torch.Generator) -> Batch:
        assert self.windows.source is not None
        drawn[:] = [self.windows.source[rows]]
        return original(self, rows, generator)

    with patch.object(TrainingData, "batch", batch):
        yield drawn


STEP, MEMORY, MOST = 0.02, 0.98, 4.0
"""Step size of the weights of groups, decay of their mean losses, and the largest weight."""


@contextmanager
def group_robust() -> Iterator[None]:
    """Give more weight to the labels of sources and types with a high loss.

    After Sagawa et al. (group DRO, ICLR 2020), with moving averages of the losses, because a batch
    has few windows of a group. The weights have mean 1, so that the rate of learning is unchanged.
    """
    weight: dict[tuple[int, int], float] = {}
    loss_of: dict[tuple[int, int], float] = {}

    def robust(
        output: ModelOutput, one_hot: torch.Tensor, batch: Batch, config: Config
    ) -> LossOutput:
        result = compute_loss(output, one_hot, batch, config)
        training, n = config.training, batch.size
        known = batch.labels[:n] >= 0
        target = batch.labels[:n].clamp_min(0).float()
        target = target * (1 - training.label_smoothing) + training.label_smoothing / 2
        if batch.teacher_logits is not None:
            taught = torch.isfinite(batch.teacher_logits)
            by_teacher = torch.sigmoid(torch.nan_to_num(batch.teacher_logits))
            share = training.teacher_share * taught
            target = (1 - share) * target + share * by_teacher
        each = F.binary_cross_entropy_with_logits(output.logits[:n], target, reduction="none")
        # The least loss that is possible with these targets does not count
        excess = each - F.binary_cross_entropy(target, target, reduction="none")
        rows, columns = torch.nonzero(known, as_tuple=True)
        groups = [
            (int(sources[0][row]), int(column))
            for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        ]
        values = excess.detach()[rows, columns].tolist()
        for group, value in zip(groups, values, strict=True):
            before = loss_of.get(group, value)
            loss_of[group] = MEMORY * before + (1 - MEMORY) * value
            weight.setdefault(group, 1.0)
        for group in set(groups):
            weight[group] *= float(np.exp(STEP * loss_of[group]))
        mean = sum(weight.values()) / len(weight)
        for group in weight:
            weight[group] = float(np.clip(weight[group] / mean, 1 / MOST, MOST))
        factor = torch.tensor([weight[group] for group in groups])
        factor = factor / factor.mean()
        extra = ((factor - 1) * each[rows, columns]).sum() / known.sum().clamp_min(1)
        total = result.total + training.classification_weight * extra
        return LossOutput(**(vars(result) | {"total": total}))

    with _known_sources() as sources, patch("vqrna.training.epoch.compute_loss", robust):
        yield


class StudyHeads(nn.Module):
    """What is added to the weights of the last layers of both parts, for each study."""

    def __init__(self, head: TwoPartHead, studies: int) -> None:
        super().__init__()

        def zeros(like: nn.Conv1d) -> nn.Parameter:
            return nn.Parameter(torch.zeros(studies, *like.weight.shape[:2]))

        self.site, self.region = zeros(head.site.logits), zeros(head.region.logits)
        self.offset = nn.Parameter(torch.zeros(studies, head.site.logits.out_channels))

    def forward(self, site: torch.Tensor, region: torch.Tensor) -> torch.Tensor:
        """Return what is added to the logits: (N, S, M), from hidden units (N, H)."""
        by_site = torch.einsum("nh,smh->nsm", site, self.site)
        return by_site + torch.einsum("nh,smh->nsm", region, self.region) + self.offset


@contextmanager
def study_heads() -> Iterator[None]:
    """Train a head for each study on the shared network; the largest logit is the prediction.

    The head of a study is the shared one and a difference, which starts at zero.
    """
    heads: list[StudyHeads] = []

    def optimizer(network: Network, config: Any) -> torch.optim.Optimizer:
        assert isinstance(network.head, TwoPartHead)
        made = make_optimizer(network, config)
        heads[:] = [StudyHeads(network.head, STUDIES)]
        made.add_param_group({"params": list(heads[0].parameters()), "weight_decay": 0.1})
        return made

    def forward(self: TwoPartHead, features: Features) -> HeadOutput:
        hidden: list[torch.Tensor] = []
        hooks = [
            part.dropout.register_forward_hook(lambda _m, _i, out: hidden.append(out[..., 0]))
            for part in (self.site, self.region)
        ]
        shared = original(self, features)
        for hook in hooks:
            hook.remove()
        if not heads:
            return shared
        added = heads[0](*hidden)  # (N, S, M)
        if not self.training:
            return shared._replace(logits=shared.logits + added.amax(1).clamp_min(0))
        source = torch.from_numpy(sources[0])
        n = len(source)
        own = added[torch.arange(n), source.clamp_min(0)] * (source != MAIN)[:, None]
        logits = torch.cat([shared.logits[:n] + own, shared.logits[n:]])
        return shared._replace(logits=logits)

    original = TwoPartHead.forward
    with (
        _known_sources() as sources,
        patch("vqrna.training.loop.make_optimizer", optimizer),
        patch.object(TwoPartHead, "forward", forward),
    ):
        yield


STUDIES = 7
"""Studies of the benchmark."""

RECIPES: dict[str, Recipe] = {
    "continued": Recipe("trained on in the same way"),
    "group-robust": Recipe(
        "trained on, labels of a source and type weigh more if their loss is high (group DRO)",
        group_robust,
    ),
    "study-heads": Recipe(
        "trained on, a head for each study; the largest logit is the prediction", study_heads
    ),
    "stage": Recipe(
        "trained on the benchmark alone (8 epochs), then on all studies in the same way",
        commit="015c3d3",
    ),
}
"""By name."""
