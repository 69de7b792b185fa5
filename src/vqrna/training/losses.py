"""The loss of a batch and its terms."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from vqrna.config import Config
from vqrna.nn.model import ModelOutput
from vqrna.training.batches import Batch
from vqrna.training.negatives import OFF_SITE, SHUFFLED

COLUMNS = {
    "total": "loss",
    "classification": "loss_classification",
    "quantization": "loss_quantization",
    "reconstruction": "loss_reconstruction",
    "perplexity": "perplexity",
    "distillation": "loss_teacher",
    "other_types": "loss_other_types",
    "ranking": "loss_ranking",
    OFF_SITE: "loss_off_site",
    SHUFFLED: "loss_shuffled",
}
"""Column of ``history.csv`` for each field of :class:`LossOutput`."""

OPTIONAL_COLUMNS = tuple(COLUMNS.values())[5:]
"""Terms that not every training has."""


@dataclass(frozen=True)
class LossOutput:
    """The loss of a batch and its unweighted terms, all scalars; None for terms not in use.

    Attributes
    ----------
    total : torch.Tensor
        The weighted sum that is minimised.
    classification, quantization, reconstruction : torch.Tensor
    perplexity : torch.Tensor
        Perplexity of the codes, which is reported beside the terms and not part of the total.
    distillation : torch.Tensor, optional
        Cross-entropy to a teacher's probabilities.
    other_types : torch.Tensor, optional
        Random negatives as negatives of other types.
    ranking : torch.Tensor, optional
        Rank of sites among their decoys.
    off_site, shuffled : torch.Tensor, optional
        Unlabelled negatives beside sites and in shuffled windows.
    """

    total: torch.Tensor
    classification: torch.Tensor
    quantization: torch.Tensor
    reconstruction: torch.Tensor
    perplexity: torch.Tensor
    distillation: torch.Tensor | None = None
    other_types: torch.Tensor | None = None
    ranking: torch.Tensor | None = None
    off_site: torch.Tensor | None = None
    shuffled: torch.Tensor | None = None

    def values(self) -> dict[str, float]:
        """Return the terms in use as numbers, by their column of ``history.csv``."""
        terms = vars(self)
        return {
            column: terms[name].item()
            for name, column in COLUMNS.items()
            if terms[name] is not None
        }


def compute_loss(
    output: ModelOutput, one_hot: torch.Tensor, batch: Batch, config: Config
) -> LossOutput:
    """Compute and add the terms for a batch, weighted as :class:`TrainingConfig` says.

    Parameters
    ----------
    output : ModelOutput
        Of all rows of the batch, and of the decoys if it has any.
    one_hot : torch.Tensor, shape (N + E, 4, L)
        Input of the network.
    batch : Batch
        On the device of `output`.
    """
    training, n, labels = config.training, batch.size, batch.labels
    smoothing = training.label_smoothing
    classification = classification_loss(output.logits, labels, smoothing)
    reconstruction = reconstruction_loss(
        output.reconstruction, one_hot, squared=config.model.architecture == "paper"
    )
    # The order of the sums is part of a training's reproducibility
    total = (
        training.classification_weight * classification
        + training.quantization_weight * output.quantization_loss
        + training.reconstruction_weight * reconstruction
    )
    terms: dict[str, torch.Tensor] = {}
    labels_share = 1.0
    if batch.teacher_logits is not None:
        labels_share = 1 - training.teacher_share
        distillation = distillation_loss(output.logits[:n], batch.teacher_logits)
        # Labels without teacher logits keep their whole weight
        known, taught = labels[:n] >= 0, torch.isfinite(batch.teacher_logits)
        share = (known & taught).sum() / known.sum().clamp_min(1)
        instead = share * distillation - classification_loss(
            output.logits[:n], labels[:n], smoothing, taught
        )
        total = total + training.classification_weight * training.teacher_share * instead
        terms["distillation"] = distillation
    if batch.other_types is not None:
        # Divided by the number of labels: a label weighs the same with any number of these
        terms["other_types"] = unlabelled_loss(
            output.logits[:n], batch.other_types, smoothing, (labels >= 0).sum()
        )
        weight = labels_share * training.other_type_weight
        total = total + weight * terms["other_types"]
    if batch.decoys is not None:
        terms["ranking"] = _ranking_term(output, batch)
        total = total + training.ranking_weight * terms["ranking"]
    if batch.unlabelled is not None:
        logits = output.logits[n:]
        weights = {OFF_SITE: training.off_site_weight, SHUFFLED: training.shuffled_weight}
        for name, rows in batch.unlabelled_terms.items():
            terms[name] = unlabelled_loss(logits[rows], batch.unlabelled[rows], smoothing)
            total = total + weights[name] * terms[name]
    return LossOutput(
        total, classification, output.quantization_loss, reconstruction, output.perplexity, **terms
    )


def _ranking_term(output: ModelOutput, batch: Batch) -> torch.Tensor:
    assert batch.decoys is not None
    assert output.site_logits is not None
    assert output.candidate_logits is not None
    index = batch.decoys.modification_index
    rows = torch.arange(len(index), device=index.device)
    return ranking_loss(
        output.site_logits[rows, index], output.candidate_logits[rows, index], batch.decoys.present
    )


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
        Labels are 1, 0, or -1 for unknown, which are ignored.
    smoothing : float
        Targets are ``smoothing / 2`` and ``1 - smoothing / 2``.
    among : torch.Tensor, shape (N, M), bool, optional
        Sum over these labels only; the divisor stays the number of all known labels.
    """
    known = labels >= 0
    target = labels.clamp_min(0).float() * (1 - smoothing) + smoothing / 2
    each = F.binary_cross_entropy_with_logits(logits.float(), target, reduction="none")
    summed = known if among is None else known & among
    return (each * summed).sum() / known.sum().clamp_min(1)


def reconstruction_loss(
    reconstruction: torch.Tensor, one_hot: torch.Tensor, squared: bool
) -> torch.Tensor:
    """Return the distance of the decoded bases from the true ones.

    Parameters
    ----------
    reconstruction : torch.Tensor, shape (N, 4, R)
        Probabilities of the central R nt.
    one_hot : torch.Tensor, shape (N, 4, L)
    squared : bool
        Mean squared error over all entries, as published; otherwise the cross-entropy over the
        known bases.
    """
    start = (one_hot.shape[-1] - reconstruction.shape[-1]) // 2
    target = one_hot[..., start : start + reconstruction.shape[-1]]
    if squared:
        return F.mse_loss(reconstruction, target)
    likelihood = target * torch.log(reconstruction.clamp_min(1e-7))
    return -likelihood.sum() / target.sum().clamp_min(1)


def unlabelled_loss(
    logits: torch.Tensor,
    negative: torch.Tensor,
    smoothing: float = 0.0,
    count: torch.Tensor | None = None,
) -> torch.Tensor:
    """Binary cross-entropy of unlabelled positions taken as unmodified.

    Parameters
    ----------
    logits : torch.Tensor, shape (E, M)
    negative : torch.Tensor, shape (E, M), bool
        Types that each position is a negative of. The loss is 0 if there are none.
    smoothing : float
        As for the labels.
    count : torch.Tensor, scalar, optional
        Divisor of the sum; the number of negatives by default.
    """
    target = torch.full_like(logits, smoothing / 2)
    each = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    if count is None:
        count = negative.sum()
    return (each * negative).sum() / count.clamp_min(1)


def ranking_loss(site: torch.Tensor, decoys: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """Softmax cross-entropy of the modified site among its decoys, by their log-odds.

    Parameters
    ----------
    site : torch.Tensor, shape (N,)
    decoys : torch.Tensor, shape (N, K)
    present : torch.Tensor, shape (N, K), bool
        Which decoys exist. The mean is over rows that have any.
    """
    others = decoys.masked_fill(~present, -torch.inf)
    each = torch.logsumexp(torch.cat([site[:, None], others], dim=1), dim=1) - site
    return each.sum() / present.any(dim=1).sum().clamp_min(1)  # 0 in rows without decoys


def distillation_loss(logits: torch.Tensor, teacher_logits: torch.Tensor) -> torch.Tensor:
    """Cross-entropy to the probabilities of a teacher.

    Parameters
    ----------
    logits : torch.Tensor, shape (N, M)
    teacher_logits : torch.Tensor, shape (N, M)
        NaN where the teacher has no value.
    """
    taught = torch.isfinite(teacher_logits)
    target = torch.sigmoid(torch.nan_to_num(teacher_logits))
    each = F.binary_cross_entropy_with_logits(logits.float(), target, reduction="none")
    return (each * taught).sum() / taught.sum().clamp_min(1)
