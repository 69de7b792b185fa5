"""Other ways to train: augmentation, loss, and pre-training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch import nn

from vqrna.config import Config
from vqrna.data.windows import Windows
from vqrna.model import TrainedModel
from vqrna.nn.context import WindowFeatures
from vqrna.nn.head import HeadPart
from vqrna.nn.model import SiteNetwork, build
from vqrna.sequence import centre, one_hot
from vqrna.training import train_network
from vqrna.training.augmentation import mask_flanks
from vqrna.training.losses import reconstruction_loss
from vqrna.training.schedule import learning_rate, make_optimizer

SWAPPED = 0.25
"""Share of windows that get the flanks of other windows."""

CONTAMINATED = 0.05
"""Assumed share of modified windows among unlabelled ones."""


def swap_flanks(tokens: torch.Tensor, shortest: int, generator: torch.Generator) -> torch.Tensor:
    """Replace the flanks of a share of the windows by those of another window: a sequence mixup.

    The ranking among decoys does not know sites in the new flanks.

    Parameters
    ----------
    tokens : torch.Tensor, shape (N, L), uint8
    shortest : int
        Minimal distance from the site that is kept; the distance is drawn for each window.
    generator : torch.Generator
        On the CPU.
    """
    n, length = tokens.shape
    half = centre(length)
    if shortest >= half:
        return tokens
    chosen = torch.rand(n, generator=generator) < SWAPPED
    border = torch.randint(shortest, half, (n, 1), generator=generator)
    other = tokens[torch.randperm(n, generator=generator)]
    far = (torch.arange(length) - half).abs() > border
    return torch.where(chosen[:, None] & far, other, tokens)


@contextmanager
def swapped_flanks() -> Iterator[None]:
    """Swap flanks before some are masked."""

    def both(
        tokens: torch.Tensor, rate: float, shortest: int, generator: torch.Generator
    ) -> torch.Tensor:
        return mask_flanks(swap_flanks(tokens, shortest, generator), rate, shortest, generator)

    with patch("vqrna.training.batches.mask_flanks", both):
        yield


def unlabelled_loss(
    logits: torch.Tensor,
    labels: torch.Tensor,
    smoothing: float = 0.0,
    among: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the binary cross-entropy that treats unmodified windows as unlabelled ones.

    After Kiryo et al. (nnPU, NeurIPS 2017): the expected part of modified windows is subtracted
    from the loss on unlabelled ones, which stays at least 0. Negatives of other types are ignored.
    Parameters are those of
    :func:`vqrna.training.losses.classification_loss`, without `among`.
    """
    if among is not None:
        raise ValueError("not together with a teacher")
    as_positive = _entropy(logits, 1 - smoothing / 2)
    as_negative = _entropy(logits, smoothing / 2)
    positive, unlabelled = labels == 1, labels == 0
    modified = (as_positive * positive).sum()
    # Loss of modified windows if they were unlabelled, by type
    hidden = (as_negative * positive).sum(0) / positive.sum(0).clamp_min(1)
    share = torch.where(positive.any(0), CONTAMINATED, 0.0)
    rest = (as_negative * unlabelled).sum(0) - share * hidden * unlabelled.sum(0)
    # All types together: a batch has too few windows of a single one to clamp at 0
    summed = modified + (rest / (1 - share)).sum().clamp_min(0)
    return summed / (labels >= 0).sum().clamp_min(1)


def _entropy(logits: torch.Tensor, target: float) -> torch.Tensor:
    targets = torch.full_like(logits, target, dtype=torch.float32)
    return F.binary_cross_entropy_with_logits(logits.float(), targets, reduction="none")


@contextmanager
def unlabelled_negatives() -> Iterator[None]:
    """Train with :func:`unlabelled_loss`."""
    with patch("vqrna.training.losses.classification_loss", unlabelled_loss):
        yield


class TypedPart(HeadPart):
    """A part of the head with separate hidden units for every type."""

    def __init__(
        self, features: int, hidden: int, modifications: int, dropout_in: float, dropout: float
    ) -> None:
        own = max(hidden // 8, 8)
        super().__init__(features, own * modifications, modifications, dropout_in, dropout)
        self.logits = nn.Conv1d(own * modifications, modifications, 1, groups=modifications)


@contextmanager
def typed_parts() -> Iterator[None]:
    """Use separate hidden units for every type."""
    with patch("vqrna.nn.model.HeadPart", TypedPart):
        yield


HIDDEN, RUN = 0.15, 4
"""Share of codes that are hidden in pre-training, and the length of a run."""


@contextmanager
def pretrained() -> Iterator[None]:
    """Pre-train for an epoch on the prediction of hidden codes."""

    def train(train: Windows, valid: Windows, out: Path, config: Config, **more: Any) -> Any:
        start = masked_codes(train, config)
        return train_network(train, valid, out, config, start=start, **more)

    with patch("benchmarks.quality.networks.train_network", train):
        yield


def masked_codes(train: Windows, config: Config) -> TrainedModel:
    """Train encoder, codebook, decoder and context for an epoch without labels.

    Windows are cut from anywhere in the training windows. A share of the code vectors is set to
    zero, and the features of the site part have to predict the codes at these tokens.

    Parameters
    ----------
    train : Windows
        May be longer than the network's windows.
    config : Config
    """
    torch.manual_seed(config.training.seed)
    generator = torch.Generator().manual_seed(config.training.seed)
    network = build(config.model, len(train.modifications))
    assert isinstance(network, SiteNetwork)
    guess = nn.Conv1d(network.context.site_features, config.model.codebook_size, 1)
    both = nn.ModuleList([network, guess])
    optimizer = make_optimizer(both, config.training)
    length, size = config.model.length, config.training.batch_size
    room = train.length - length
    order = torch.randperm(len(train), generator=generator)
    steps = len(order) // size
    both.train()
    for step in range(steps):
        rows = train.tokens[order[step * size : (step + 1) * size].numpy()]
        at = int(torch.randint(0, room + 1, (), generator=generator))
        columns = one_hot(torch.from_numpy(rows[:, at : at + length].copy()))
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(config.training, step, steps)
        with torch.autocast("cpu", torch.bfloat16, enabled=config.training.precision != "float32"):
            output = network.quantizer(network.encoder(columns))
            hidden, places = _hidden(output.codes, network.context.reach, generator)
            seen = output.quantized * ~hidden[..., None]
            features: WindowFeatures = network.context(seen, places)
            logits = guess(features.candidates)
            decoded = network.decoder(output.quantized)
        middle = output.codes.shape[1] // 2
        counted = hidden.gather(1, places + middle)
        targets = output.codes.gather(1, places + middle)
        each = F.cross_entropy(logits.float(), targets, reduction="none")
        hard = (each * counted).sum() / counted.sum().clamp_min(1)
        loss = hard + config.training.quantization_weight * output.loss
        loss = loss + reconstruction_loss(decoded.float(), columns, squared=False)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            print(f"pre-training, step {step} of {steps}: hidden {hard.item():.3f}", flush=True)
    return TrainedModel.fresh(network.eval(), config, train.modifications)


def _hidden(
    codes: torch.Tensor, reach: int, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw codes to hide (N, T), and tokens (N, K) to predict, counted from the middle."""
    n, tokens = codes.shape
    starts = (torch.rand(n, tokens, generator=generator) < HIDDEN / RUN).float()
    hidden = F.max_pool1d(F.pad(starts, (RUN - 1, 0))[:, None], RUN, 1)[:, 0] > 0
    middle = tokens // 2
    within = hidden[:, middle - reach : middle + reach + 1]
    order = torch.rand(within.shape, generator=generator) + within
    return hidden, order.topk(min(15, within.shape[1]), dim=1).indices - reach
