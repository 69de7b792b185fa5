"""One pass over the training windows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from vqrna.config import Config
from vqrna.data.windows import UNKNOWN, Windows
from vqrna.errors import DataError
from vqrna.nn.model import Network
from vqrna.sequence import one_hot
from vqrna.training.augmentation import mask_flanks, substitute
from vqrna.training.losses import (
    classification_loss,
    distillation_loss,
    ranking_loss,
    total_loss,
    weak_loss,
)
from vqrna.training.negatives import OFF_SITE, OTHER_TYPES, SHUFFLED, WeakNegatives
from vqrna.training.ranking import RANKING, Rivals
from vqrna.training.schedule import WeightAverage, learning_rate
from vqrna.training.teacher import LESSON


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Windows as training wants them.

    Parameters
    ----------
    windows : Windows
        At least as long as the model's; what is longer gives positions beside the sites.
    weak : WeakNegatives or None
    decoys : Rivals or None
    other_types : np.ndarray, shape (N, M), bool, or None
        The further types that each window counts against (see
        :func:`vqrna.training.negatives.negatives_of_other_types`).
    teacher_logits : np.ndarray, shape (N, M), float32, or None
        A teacher's (see :func:`vqrna.training.teacher.teacher_logits`).
    """

    windows: Windows
    weak: WeakNegatives | None = None
    decoys: Rivals | None = None
    other_types: np.ndarray | None = None
    teacher_logits: np.ndarray | None = None

    def batches(self, size: int, generator: torch.Generator) -> Iterator[np.ndarray]:
        """Draw the rows of each batch: every window once, in random order."""
        order = torch.randperm(len(self.windows), generator=generator).numpy()
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            if len(batch) > 1:  # statistics over a batch need two
                yield batch

    def steps(self, size: int) -> int:
        """Count the batches of an epoch."""
        whole, rest = divmod(len(self.windows), size)
        return whole + (rest > 1)


def train_epoch(
    network: Network,
    average: WeightAverage | None,
    optimizer: torch.optim.Optimizer,
    data: TrainingData,
    config: Config,
    epoch: int,
    tell: Callable[[int, dict[str, float]], None],
) -> dict[str, float]:
    """Train for one epoch (from 0).

    All that is random in an epoch follows from the seed and the epoch's number, so that a resumed
    run sees the same.

    Parameters
    ----------
    network : Network
        Changed in place.
    average : WeightAverage or None
        Follows the network.
    optimizer : torch.optim.Optimizer
    data : TrainingData
    config : Config
    epoch : int
        From 0.
    tell : callable
        Is given, after each step, its number of windows and the means of the loss terms so far.

    Raises
    ------
    DataError
        If the loss is no number any more.

    Returns
    -------
    dict
        Means over the epoch of ``loss`` and its terms, ``perplexity``, the number of codes used
        and the last learning rate.
    """
    training = config.training
    generator = torch.Generator().manual_seed(training.seed * 1_000_003 + epoch)
    torch.manual_seed(training.seed * 1_000_003 + epoch)  # dropout, revival of codes
    device = next(network.parameters()).device
    steps = data.steps(training.batch_size)
    used = torch.zeros(config.model.codebook_size, dtype=torch.bool, device=device)
    sums: dict[str, float] = {}
    rate = 0.0
    network.train()
    for n, rows in enumerate(data.batches(training.batch_size, generator), start=1):
        step = epoch * steps + n - 1
        rate = learning_rate(training, step, training.epochs * steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        terms = _step(network, optimizer, data, rows, config, generator, used)
        if average is not None:
            average.follow(network, step)
        if not math.isfinite(terms["loss"]):
            raise DataError(
                f"training has diverged: the loss is {terms['loss']} in epoch {epoch + 1}; "
                "try a lower learning rate"
            )
        for name, value in terms.items():
            sums[name] = sums.get(name, 0.0) + value
        tell(len(rows), {name: value / n for name, value in sums.items()})
    means = {name: value / steps for name, value in sums.items()}
    return means | {"codes_used": int(used.sum()), "learning_rate": rate}


def _step(
    network: Network,
    optimizer: torch.optim.Optimizer,
    data: TrainingData,
    rows: np.ndarray,
    config: Config,
    generator: torch.Generator,
    used: torch.Tensor,
) -> dict[str, float]:
    """Take one step on the windows of `rows`; gives the loss and its terms."""
    training = config.training
    device = used.device
    tokens, labels = data.windows.tokens[rows], data.windows.labels[rows]
    cut = (tokens.shape[1] - config.model.length) // 2
    tokens = tokens[:, cut : tokens.shape[1] - cut]
    weak = None
    if data.weak is not None:
        seed = int(torch.randint(2**31, (1,), generator=generator))
        weak = data.weak.draw(rows, np.random.default_rng(seed))
        tokens = np.concatenate([tokens, weak.tokens])
        labels = np.concatenate([labels, np.full(weak.negative.shape, UNKNOWN, labels.dtype)])
    windows = substitute(torch.from_numpy(tokens), training.substitution_rate, generator)
    windows = mask_flanks(windows, training.mask_rate, training.mask_min_flank, generator)
    columns, known = one_hot(windows.to(device)), torch.from_numpy(labels).to(device)
    decoys = data.decoys.draw(rows, windows, generator) if data.decoys is not None else None
    asked = (decoys.offsets.to(device),) if decoys is not None else ()
    with torch.autocast(device.type, torch.bfloat16, enabled=training.precision == "bfloat16"):
        output = network(columns, *asked)
    loss = total_loss(output, columns, known, training, paper=config.model.architecture == "paper")
    total = loss.total
    labels_share = 1.0 if data.teacher_logits is None else 1 - training.teacher_share
    terms = {
        "loss_classification": loss.classification,
        "loss_quantization": loss.quantization,
        "loss_reconstruction": loss.reconstruction,
        "perplexity": output.perplexity,
    }
    if data.teacher_logits is not None:
        judged = torch.from_numpy(data.teacher_logits[rows]).to(device)
        terms[LESSON] = distillation_loss(output.logits[: len(rows)], judged)
        # Labels that the teacher says nothing of keep their whole weight
        own, there = known[: len(rows)], torch.isfinite(judged)
        taught = ((own >= 0) & there).sum() / (own >= 0).sum().clamp_min(1)
        instead = taught * terms[LESSON] - classification_loss(
            output.logits[: len(rows)], own, training.label_smoothing, there
        )
        total = total + training.classification_weight * training.teacher_share * instead
    if data.other_types is not None:
        against = torch.from_numpy(data.other_types[rows]).to(device)
        # Divided by the known labels: a label weighs the same however many windows stand in
        terms[OTHER_TYPES] = weak_loss(
            output.logits[: len(rows)], against, training.label_smoothing, (known >= 0).sum()
        )
        total = total + labels_share * training.other_type_weight * terms[OTHER_TYPES]
    if decoys is not None:
        assert output.site_logits is not None
        assert output.candidate_logits is not None
        kinds, ranked = decoys.kinds.to(device), decoys.present.to(device)
        at = torch.arange(len(kinds), device=device)
        terms[RANKING] = ranking_loss(
            output.site_logits[at, kinds], output.candidate_logits[at, kinds], ranked
        )
        total = total + training.ranking_weight * terms[RANKING]
    if weak is not None:
        logits = output.logits[len(rows) :]
        negative = torch.from_numpy(weak.negative).to(device)
        weights = {OFF_SITE: training.off_site_weight, SHUFFLED: training.shuffled_weight}
        for name, part in weak.terms.items():
            terms[name] = weak_loss(logits[part], negative[part], training.label_smoothing)
            total = total + weights[name] * terms[name]
    optimizer.zero_grad(set_to_none=True)
    total.backward()
    optimizer.step()
    used[output.codes.flatten()] = True
    return {"loss": total.item(), **{name: term.item() for name, term in terms.items()}}
