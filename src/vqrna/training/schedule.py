"""Optimiser, learning rate and moving average of the weights."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from vqrna.config import TrainingConfig
from vqrna.nn.model import EnsembleNetwork, Network
from vqrna.nn.quantizer import CosineQuantizer

WARM_UP = 0.1
"""Share of the steps in which a one-cycle learning rate rises."""


def set_training_mode(network: Network, *, head_only: bool) -> None:
    """Set the parts of a network that are trained to training mode, before each epoch.

    Parameters
    ----------
    head_only : bool
        Freeze all but the head. Batch statistics keep their values, in the head, too, and the
        codes are those of the finished network.
    """
    network.train(not head_only)
    if head_only:
        network.requires_grad_(False)
        assert not isinstance(network, EnsembleNetwork)
        for each in network.head.modules():
            if isinstance(each, nn.Dropout):
                each.train()
            each.requires_grad_(True)


def make_optimizer(network: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """Return the optimiser; with AdamW only matrices and kernels have weight decay."""
    rate, decay = config.learning_rate, config.weight_decay
    if config.optimizer == "adam":
        return torch.optim.Adam(network.parameters(), lr=rate, weight_decay=decay)
    decaying = [p for p in network.parameters() if p.ndim > 1]
    rest = [p for p in network.parameters() if p.ndim <= 1]
    groups: list[dict[str, Any]] = [{"params": decaying}, {"params": rest, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate, weight_decay=decay)


def learning_rate(config: TrainingConfig, step: int, steps: int) -> float:
    """Return the learning rate at a step.

    One-cycle rises linearly and falls along a half cosine to 0 (after Smith and Topin,
    Super-Convergence, 2019).

    Parameters
    ----------
    step : int
        From 0, over all epochs.
    steps : int
        Steps of all epochs together.
    """
    if config.schedule == "constant":
        return config.learning_rate
    rise = max(1, round(WARM_UP * steps))
    if step < rise:
        return config.learning_rate * (step + 1) / rise
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - rise) / (steps - rise)))


class WeightAverage:
    """Exponential moving average of weights and batch statistics.

    Parameters
    ----------
    network : Network
        The network in training, which is copied.
    decay : float
        Decay per step; smaller at the start, so that the initial weights are soon forgotten.
    """

    def __init__(self, network: Network, decay: float) -> None:
        self.network = copy.deepcopy(network)
        self.decay = decay

    @torch.no_grad()
    def follow(self, network: Network, step: int) -> None:
        """Move towards the network after a step (from 0)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        average, current = self.network.state_dict(), network.state_dict()
        moving = [name for name, tensor in average.items() if tensor.is_floating_point()]
        torch._foreach_lerp_(
            [average[name] for name in moving], [current[name] for name in moving], 1 - decay
        )
        for name in average.keys() - set(moving):
            average[name].copy_(current[name])
        if isinstance(self.network.quantizer, CosineQuantizer) and network.quantizer.training:
            codebook = self.network.quantizer.codebook
            codebook.copy_(F.normalize(codebook, dim=-1))
