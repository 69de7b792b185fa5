"""The terms of the loss: labels, a teacher, weak negatives, ranks, reconstruction, codes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from vqrna.config import TrainingConfig
from vqrna.nn.model import ModelOutput


@dataclass(frozen=True)
class Loss:
    """The loss of a batch and its terms, all scalars.

    Attributes
    ----------
    total : torch.Tensor
        The weighted sum that is minimised.
    classification, quantization, reconstruction : torch.Tensor
        The terms, unweighted.
    """

    total: torch.Tensor
    classification: torch.Tensor
    quantization: torch.Tensor
    reconstruction: torch.Tensor


def classification_loss(
    logits: torch.Tensor,
    labels: torch.Tensor,
    smoothing: float = 0.0,
    among: torch.Tensor | None = None,
) -> torch.Tensor:
    """Binary cross-entropy over the labels that are known.

    Parameters
    ----------
    logits, labels : torch.Tensor, shape (N, M)
        Labels are 1, 0, or -1 for unknown: those have no part in the loss.
    smoothing : float
        Targets are ``smoothing / 2`` and ``1 - smoothing / 2``.
    among : torch.Tensor, shape (N, M), bool, optional
        Only these labels are summed; the sum is divided by the number of all that are known.

    Notes
    -----
    On the difference of two logits this is the published cross-entropy over two classes.
    """
    known = labels >= 0
    target = labels.clamp_min(0).float() * (1 - smoothing) + smoothing / 2
    each = F.binary_cross_entropy_with_logits(logits.float(), target, reduction="none")
    summed = known if among is None else known & among
    return (each * summed).sum() / known.sum().clamp_min(1)


def reconstruction_loss(
    reconstruction: torch.Tensor, one_hot: torch.Tensor, squared: bool
) -> torch.Tensor:
    """Tell how far the decoded bases are from the true ones.

    Parameters
    ----------
    reconstruction : torch.Tensor, shape (N, 4, R)
        Probabilities of the central R nt.
    one_hot : torch.Tensor, shape (N, 4, L)
    squared : bool
        Mean squared error over all entries, as published; otherwise the cross-entropy over the
        bases that are known.
    """
    start = (one_hot.shape[-1] - reconstruction.shape[-1]) // 2
    target = one_hot[..., start : start + reconstruction.shape[-1]]
    if squared:
        return F.mse_loss(reconstruction, target)
    likelihood = target * torch.log(reconstruction.clamp_min(1e-7))
    return -likelihood.sum() / target.sum().clamp_min(1)


def total_loss(
    output: ModelOutput,
    one_hot: torch.Tensor,
    labels: torch.Tensor,
    config: TrainingConfig,
    *,
    paper: bool,
) -> Loss:
    """Weigh and add the terms for a batch of windows (see :class:`TrainingConfig`).

    Parameters
    ----------
    output : ModelOutput
    one_hot : torch.Tensor, shape (N, 4, L)
        What the network has seen.
    labels : torch.Tensor, shape (N, M)
    config : TrainingConfig
    paper : bool
        Whether reconstruction is a squared error, as published.
    """
    classification = classification_loss(output.logits, labels, config.label_smoothing)
    reconstruction = reconstruction_loss(output.reconstruction, one_hot, squared=paper)
    total = (
        config.classification_weight * classification
        + config.quantization_weight * output.quantization_loss
        + config.reconstruction_weight * reconstruction
    )
    return Loss(total, classification, output.quantization_loss, reconstruction)


def weak_loss(
    logits: torch.Tensor,
    negative: torch.Tensor,
    smoothing: float = 0.0,
    count: torch.Tensor | None = None,
) -> torch.Tensor:
    """Binary cross-entropy of unlabelled positions taken for unmodified.

    Parameters
    ----------
    logits : torch.Tensor, shape (E, M)
    negative : torch.Tensor, shape (E, M), bool
        The types that each position counts against; 0 if it counts against none.
    smoothing : float
        As for the labels.
    count : torch.Tensor, scalar, optional
        What the sum is divided by; the number of negatives if not given.
    """
    target = torch.full_like(logits, smoothing / 2)
    each = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    if count is None:
        count = negative.sum()
    return (each * negative).sum() / count.clamp_min(1)


def ranking_loss(own: torch.Tensor, decoys: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of telling the modified site from its decoys, by their log-odds.

    Parameters
    ----------
    own : torch.Tensor, shape (N,)
        Of the modified sites.
    decoys : torch.Tensor, shape (N, K)
    present : torch.Tensor, shape (N, K), bool
        Which decoys there are. Rows without any have no part in the mean.
    """
    others = decoys.masked_fill(~present, -torch.inf)
    each = torch.logsumexp(torch.cat([own[:, None], others], dim=1), dim=1) - own
    return each.sum() / present.any(dim=1).sum().clamp_min(1)  # 0 in rows without decoys


def distillation_loss(logits: torch.Tensor, teacher_logits: torch.Tensor) -> torch.Tensor:
    """Cross-entropy to the probabilities of a teacher.

    Parameters
    ----------
    logits : torch.Tensor, shape (N, M)
    teacher_logits : torch.Tensor, shape (N, M)
        The teacher's log-odds; NaN where it has none.
    """
    there = torch.isfinite(teacher_logits)
    target = torch.sigmoid(torch.nan_to_num(teacher_logits))
    each = F.binary_cross_entropy_with_logits(logits.float(), target, reduction="none")
    return (each * there).sum() / there.sum().clamp_min(1)
