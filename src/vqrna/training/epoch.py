"""One pass over the training windows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from vqrna.config import Config
from vqrna.data.records import Windows
from vqrna.errors import DataError
from vqrna.nn.lattice import Lattice
from vqrna.nn.model import Network, SiteNetwork
from vqrna.sequence import centre, one_hot
from vqrna.training.augmentation import mask_flanks, substitute
from vqrna.training.losses import off_site_loss, total_loss
from vqrna.training.schedule import WeightAverage, learning_rate


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Windows as training wants them.

    Parameters
    ----------
    windows : Windows
        At least as long as the model's; what is longer gives off-site positions.
    off_site : np.ndarray, shape (N, M, S), bool, or None
        Which of the S positions on the model's grid count as weak negatives of each type.
    """

    windows: Windows
    off_site: np.ndarray | None = None

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
    run sees the same. `tell` is called after each step with the number of windows and the means of
    the loss terms so far.

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
    tokens = torch.from_numpy(data.windows.tokens[rows])
    labels = torch.from_numpy(data.windows.labels[rows]).to(device)
    cut = (tokens.shape[1] - config.model.length) // 2
    windows = tokens[:, cut : tokens.shape[1] - cut]
    windows = substitute(windows, training.substitution_rate, generator)
    windows = mask_flanks(windows, training.mask_rate, training.mask_min_flank, generator)
    columns = one_hot(windows.to(device))
    with torch.autocast(device.type, torch.bfloat16, enabled=training.precision == "bfloat16"):
        output = network(columns)
    loss = total_loss(output, columns, labels, training, paper=config.model.architecture == "paper")
    total = loss.total
    terms = {
        "loss_classification": loss.classification,
        "loss_quantization": loss.quantization,
        "loss_reconstruction": loss.reconstruction,
        "perplexity": output.perplexity,
    }
    if data.off_site is not None and isinstance(network, SiteNetwork):
        few = rows[: max(1, round(training.off_site_share * len(rows)))]
        seen = substitute(tokens[: len(few)], training.substitution_rate, generator)
        with torch.autocast(device.type, torch.bfloat16, enabled=training.precision == "bfloat16"):
            lattice = network.grid(seen.shape[1])
            _, logits = network.on_grid(one_hot(seen.to(device)), lattice)
        weak = torch.from_numpy(data.off_site[few]).to(device)
        terms["loss_off_site"] = off_site_loss(logits, weak, training.label_smoothing)
        total = total + training.off_site_weight * terms["loss_off_site"]
    optimizer.zero_grad(set_to_none=True)
    total.backward()
    optimizer.step()
    used[output.codes.flatten()] = True
    return {"loss": total.item(), **{name: term.item() for name, term in terms.items()}}


def off_site_positions(windows: Windows, lattice: Lattice, known: np.ndarray) -> np.ndarray:
    """Choose the weak negatives: candidates on a grid, off the centre, annotated for no type.

    Parameters
    ----------
    windows : Windows
    lattice : Lattice
        The network's grid on windows of this length.
    known : np.ndarray, shape (N, L), bool
        Annotated sites (see :func:`vqrna.data.annotated.annotated`).

    Returns
    -------
    np.ndarray, shape (N, M, S), bool
    """
    middle = lattice.sites // 2
    positions = centre(windows.length) + (np.arange(lattice.sites) - middle) * lattice.spacing
    chosen = np.stack(
        [m.candidates(windows.tokens)[:, positions] for m in windows.modifications], axis=1
    )
    chosen &= ~known[:, None, positions]
    chosen[:, :, middle] = False
    return chosen
