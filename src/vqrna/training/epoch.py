"""One pass over the training windows."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from vqrna.config import Config
from vqrna.errors import DataError
from vqrna.nn.model import ModelOutput, Network
from vqrna.sequence import one_hot
from vqrna.training.batches import Batch, TrainingData
from vqrna.training.losses import LossOutput, compute_loss
from vqrna.training.schedule import WeightAverage, learning_rate, set_training_mode


def train_epoch(
    network: Network,
    average: WeightAverage | None,
    optimizer: torch.optim.Optimizer,
    data: TrainingData,
    epoch: int,
    on_step: Callable[[int, dict[str, float]], None],
) -> dict[str, float]:
    """Train for one epoch.

    All random draws follow from the seed and the epoch's number, so that a resumed run repeats
    them.

    Raises DataError if the loss is not finite.

    Parameters
    ----------
    network : Network
        Changed in place.
    average : WeightAverage or None
        Moving average of the network's weights, updated after each step.
    epoch : int
        From 0.
    on_step : callable
        Called after each step with its number of windows and the means of the loss terms so far.

    Returns
    -------
    dict
        Means over the epoch of ``loss``, its terms and ``perplexity``; ``codes_used``, the number
        of codes; and ``learning_rate``, the last one.
    """
    config, training = data.config, data.config.training
    seed = training.seed * 1_000_003 + epoch
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)  # for dropout and the revival of codes
    device = next(network.parameters()).device
    used = torch.zeros(config.model.codebook_size, dtype=torch.bool, device=device)
    sums: dict[str, float] = {}
    rate = 0.0
    set_training_mode(network, head_only=training.head_only)
    for n, rows in enumerate(data.batch_rows(generator), start=1):
        step = epoch * data.steps + n - 1
        rate = learning_rate(training, step, training.epochs * data.steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        batch = data.batch(rows, generator).to(device)
        loss, output = train_step(network, optimizer, batch, config)
        used[output.codes.flatten()] = True
        if average is not None:
            average.follow(network, step)
        values = loss.values()
        if not math.isfinite(values["loss"]):
            raise DataError(
                f"training has diverged: the loss is {values['loss']} in epoch {epoch + 1}; "
                "try a lower learning rate"
            )
        for name, value in values.items():
            sums[name] = sums.get(name, 0.0) + value
        on_step(len(rows), {name: value / n for name, value in sums.items()})
    means = {name: value / data.steps for name, value in sums.items()}
    return means | {"codes_used": int(used.sum()), "learning_rate": rate}


def train_step(
    network: Network, optimizer: torch.optim.Optimizer, batch: Batch, config: Config
) -> tuple[LossOutput, ModelOutput]:
    """Update the network on one batch."""
    columns = one_hot(batch.tokens)
    offsets = () if batch.decoys is None else (batch.decoys.offsets,)
    bfloat16 = config.training.precision == "bfloat16"
    with torch.autocast(columns.device.type, torch.bfloat16, enabled=bfloat16):
        output = network(columns, *offsets)
    loss = compute_loss(output, columns, batch, config)
    optimizer.zero_grad(set_to_none=True)
    loss.total.backward()
    optimizer.step()
    return loss, output
