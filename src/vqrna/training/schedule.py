"""Optimiser, learning rate and moving average: how weights move."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from vqrna.config import TrainingConfig
from vqrna.nn.model import Network
from vqrna.nn.quantizer import CosineQuantizer

WARM_UP = 0.1
"""Share of the steps in which a one-cycle learning rate rises."""


def make_optimizer(network: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """Make the optimiser; only matrices and kernels decay, not biases and normalisations."""
    if config.optimizer == "adam":
        return torch.optim.Adam(
            network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
    decaying = [p for p in network.parameters() if p.ndim > 1]
    rest = [p for p in network.parameters() if p.ndim <= 1]
    groups: list[dict[str, Any]] = [{"params": decaying}, {"params": rest, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.learning_rate, weight_decay=config.weight_decay)


def learning_rate(config: TrainingConfig, step: int, steps: int) -> float:
    """Give the learning rate at a step.

    One-cycle rises linearly and falls along a half cosine to 0 (after Smith and Topin,
    Super-Convergence, 2019).

    Parameters
    ----------
    config : TrainingConfig
    step, steps : int
        Which one, from 0, of how many over all epochs.
    """
    if config.schedule == "constant":
        return config.learning_rate
    rise = max(1, round(WARM_UP * steps))
    if step < rise:
        return config.learning_rate * (step + 1) / rise
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - rise) / (steps - rise)))


class WeightAverage:
    """An exponential moving average of weights and statistics, validated in their place.

    Parameters
    ----------
    network : Network
        What is being trained.
    decay : float
        A step; shorter at the start, so that the first weights are soon forgotten.
    """

    def __init__(self, network: Network, decay: float) -> None:
        self.network = copy.deepcopy(network)
        self.decay = decay

    @torch.no_grad()
    def follow(self, network: Network, step: int) -> None:
        """Move towards the network after a step (from 0)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        ours, theirs = self.network.state_dict(), network.state_dict()
        moving = [name for name, tensor in ours.items() if tensor.is_floating_point()]
        torch._foreach_lerp_(
            [ours[name] for name in moving], [theirs[name] for name in moving], 1 - decay
        )
        for name in ours.keys() - set(moving):
            ours[name].copy_(theirs[name])
        if isinstance(self.network.quantizer, CosineQuantizer):
            codebook = self.network.quantizer.codebook
            codebook.copy_(F.normalize(codebook, dim=-1))
