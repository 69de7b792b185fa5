"""Ways to learn from several studies, compared on the head alone.

``python -m benchmarks.studies.heads DATA`` reads the features of the shipped network, whose codes
and context stay fixed, and trains its head in several ways that differ in one thing each: a
training takes two minutes, not two hours. Features are kept in ``runs/studies/features`` and
results in ``results/studies/heads.json``.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from benchmarks.kept import RESULTS, keep
from benchmarks.pages import update
from torch import nn

if TYPE_CHECKING:
    from vqrna.data.studies import Study
    from vqrna.data.windows import Windows
    from vqrna.model import TrainedModel
    from vqrna.nn.head import TwoPartHead

ROOT = Path(__file__).parents[2]
FEATURES = ROOT / "runs" / "studies" / "features"
KEPT = RESULTS / "studies" / "heads.json"

DRAWS, PASSES, BATCH, LEARNING_RATE = 2, 4, 256, 0.0005
"""Epochs of augmented windows, passes over each, windows per step, and peak learning rate."""

SEED, SMOOTHING, OTHER_TYPES = 3, 0.05, 0.165


@dataclass(frozen=True)
class Way:
    """One way to train the head.

    Parameters
    ----------
    name, title : str
    teacher : float
        Share of the loss that uses the scores of the trees.
    study_weight : float
        Weight of the labels of studies; those of the main data have 1.
    robust : bool
        Labels of a source and type weigh more if their loss is high.
    heads : bool
        Train a head for each study, too: the shared one and a difference.
    main : float
        Share of the windows of the main data that is used.
    union : {"shared", "max", "mean"}
        Prediction with the heads of the studies: without them, the largest logit, or the mean.
    """

    name: str
    title: str
    teacher: float = 0.67
    study_weight: float = 1.0
    robust: bool = False
    heads: bool = False
    main: float = 1.0
    union: str = "shared"


WAYS = (
    Way("control", "all sources pooled, teacher"),
    Way("weight", "labels of studies weigh three times as much", study_weight=3.0),
    Way("robust", "a higher weight for sources and types with a high loss", robust=True),
    Way("stage", "studies and a fifth of the benchmark", main=0.2),
    Way("heads-max", "a head for each study, largest logit", heads=True, union="max"),
    Way("heads-mean", "a head for each study, mean of all", heads=True, union="mean"),
    Way("heads-shared", "a head for each study, prediction by the shared one", heads=True),
    Way("labels", "all sources pooled, labels alone", teacher=0.0),
    Way("labels-robust", "the same, a higher weight for high losses", teacher=0.0, robust=True),
    Way("labels-weight", "the same, labels of studies times three", teacher=0.0, study_weight=3.0),
)


@dataclass(frozen=True, eq=False)
class Drawn:
    """Features of augmented training windows, N in all, with their targets."""

    features: torch.Tensor  # (N, F), float16: of the site part, then of the region part
    labels: torch.Tensor  # (N, M), -1 if unknown
    source: torch.Tensor  # (N,), -1 for the main data
    teacher: torch.Tensor  # (N, M), NaN if unknown
    other_types: torch.Tensor  # (N, M), bool: negatives of these types, too


class StudyHeads(nn.Module):
    """What is added to the weights of the last layers of both parts, for each study."""

    def __init__(self, head: TwoPartHead, studies: int) -> None:
        super().__init__()
        shapes = [part.logits.weight.shape[:2] for part in (head.site, head.region)]
        self.site, self.region = (nn.Parameter(torch.zeros(studies, *shape)) for shape in shapes)
        self.offset = nn.Parameter(torch.zeros(studies, shapes[0][0]))

    def forward(self, site: torch.Tensor, region: torch.Tensor) -> torch.Tensor:
        """Return what is added to the logits, (N, S, M), from hidden units (N, H)."""
        by_site = torch.einsum("nh,smh->nsm", site, self.site)
        return by_site + torch.einsum("nh,smh->nsm", region, self.region) + self.offset


def hidden(head: TwoPartHead, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the hidden units of both parts (N, H)."""
    channels = head.site.hidden.in_channels
    parts = (head.site, features[:, :channels]), (head.region, features[:, channels:])
    site, region = (
        part.dropout(torch.relu(part.hidden(part.dropout_in(part.norm(x[..., None])))))[..., 0]
        for part, x in parts
    )
    return site, region


def logits(head: TwoPartHead, site: torch.Tensor, region: torch.Tensor) -> torch.Tensor:
    """Return the logits (N, M) of the shared head."""
    both = head.site.logits(site[..., None]) + head.region.logits(region[..., None])
    return both[..., 0]


class GroupWeights:
    """Weights of sources and types that follow their loss (after group DRO, Sagawa et al. 2020)."""

    RATE, MEMORY, MOST = 0.02, 0.98, 4.0

    def __init__(self, sources: int, types: int) -> None:
        self._weight, self._loss = torch.ones(sources * types), torch.zeros(sources * types)
        self._types = types

    def of(self, excess: torch.Tensor, known: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
        """Update with the losses of a batch, and return the weight of each label (N, M)."""
        rows, columns = torch.nonzero(known, as_tuple=True)
        group = (source[rows] + 1) * self._types + columns
        zeros = torch.zeros_like(self._weight)
        total = zeros.index_add(0, group, excess[rows, columns])
        count = zeros.index_add(0, group, torch.ones(len(rows)))
        seen = count > 0
        mean = total[seen] / count[seen]
        self._loss[seen] = self.MEMORY * self._loss[seen] + (1 - self.MEMORY) * mean
        self._weight[seen] *= torch.exp(self.RATE * self._loss[seen])
        self._weight = self._weight / self._weight[self._loss > 0].mean()
        self._weight = self._weight.clamp(1 / self.MOST, self.MOST)
        weights = torch.ones_like(excess)
        weights[rows, columns] = self._weight[group] / self._weight[group].mean()
        return weights


def train(start: TwoPartHead, drawn: Drawn, way: Way) -> tuple[TwoPartHead, StudyHeads]:
    """Train a copy of the head; batch statistics keep their values."""
    torch.manual_seed(SEED)
    head = copy.deepcopy(start)
    studies, types = int(drawn.source.max()) + 1, drawn.labels.shape[1]
    heads, groups = StudyHeads(head, studies), GroupWeights(studies + 1, types)
    parameters = [{"params": list(head.parameters()), "weight_decay": 0.02}]
    if way.heads:
        parameters.append({"params": list(heads.parameters()), "weight_decay": 0.3})
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE)
    rows = torch.arange(len(drawn.source))
    if way.main < 1:
        rows = rows[(drawn.source >= 0) | (torch.rand(len(rows)) < way.main)]
    steps = PASSES * (len(rows) // BATCH)
    head.train()
    head.site.norm.eval()
    head.region.norm.eval()
    for step in range(steps):
        at = step % (len(rows) // BATCH)
        if at == 0:
            order = rows[torch.randperm(len(rows))]
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * step / steps))
        loss = _loss(head, heads, drawn, order[at * BATCH : (at + 1) * BATCH], way, groups)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return head.eval(), heads


def _loss(
    head: TwoPartHead,
    heads: StudyHeads,
    drawn: Drawn,
    rows: torch.Tensor,
    way: Way,
    groups: GroupWeights,
) -> torch.Tensor:
    site, region = hidden(head, drawn.features[rows].float())
    predicted, source = logits(head, site, region), drawn.source[rows]
    if way.heads:
        own = heads(site, region)[torch.arange(len(rows)), source.clamp_min(0)]
        predicted = predicted + own * (source >= 0)[:, None]
    labels, teacher = drawn.labels[rows], drawn.teacher[rows]
    known = labels >= 0
    target = labels.clamp_min(0).float() * (1 - SMOOTHING) + SMOOTHING / 2
    share = way.teacher * torch.isfinite(teacher)
    target = (1 - share) * target + share * torch.sigmoid(torch.nan_to_num(teacher))
    each = F.binary_cross_entropy_with_logits(predicted, target, reduction="none")
    weight = torch.where(source >= 0, way.study_weight, 1.0)[:, None].expand_as(each)
    if way.robust:
        # The least loss that these targets allow does not count
        least = F.binary_cross_entropy(target, target, reduction="none")
        weight = groups.of((each - least).detach(), known, source)
    negative = torch.full_like(predicted, SMOOTHING / 2)
    others = F.binary_cross_entropy_with_logits(predicted, negative, reduction="none")
    total = (each * known * weight).sum() + OTHER_TYPES * (others * drawn.other_types[rows]).sum()
    return total / known.sum()


def predict(way: Way, head: TwoPartHead, heads: StudyHeads, features: np.ndarray) -> np.ndarray:
    """Return the logits (N, M) of windows."""
    with torch.inference_mode():
        units = hidden(head, torch.from_numpy(features).float())
        shared, added = logits(head, *units), heads(*units)
        if way.union == "max":
            return (shared + added.amax(1).clamp_min(0)).numpy()
        return (shared + added.mean(1)).numpy() if way.union == "mean" else shared.numpy()


def aurocs(windows: Windows, predicted: np.ndarray) -> dict[str, float]:
    """Return the AUROC of each type with both classes."""
    from sklearn.metrics import roc_auc_score

    from vqrna.data.windows import POSITIVE
    from vqrna.training.validation import compared

    values = {}
    for m, modification in enumerate(windows.modifications):
        known = compared(windows, m)
        truth = windows.labels[known, m] == POSITIVE
        if 0 < truth.sum() < len(truth):
            values[modification.symbol] = float(roc_auc_score(truth, predicted[known, m]))
    return values


def scores(
    valid: Windows, studies: Sequence[Study], predicted: Callable[[str], np.ndarray]
) -> dict[str, float]:
    """Return the scores of a row of the table; `predicted` maps a file's name to logits."""
    from vqrna.evaluation import NINE

    main = aurocs(valid, predicted("valid"))
    rows = [v for s in studies for v in aurocs(s.valid, predicted(f"study-{s.name}")).values()]
    return {
        "auroc": float(np.mean([main[symbol] for symbol in NINE])),
        "m7G": main["m7G"],
        "studies_mean": float(np.mean(rows)),
        "studies_least": min(rows),
    }


def read_features(
    model: TrainedModel, train: Windows, valid: Windows, studies: Sequence[Study]
) -> tuple[Drawn, dict[str, np.ndarray]]:
    """Return features of training and validation windows, computed once."""
    from vqrna.data.studies import pool
    from vqrna.nn.model import SiteNetwork
    from vqrna.sequence import one_hot, recentre
    from vqrna.training.batches import TrainingData
    from vqrna.training.teacher import cached_teacher_logits

    network, length = model.network.eval(), model.length
    assert isinstance(network, SiteNetwork)

    @torch.inference_mode()
    def read(tokens: torch.Tensor) -> np.ndarray:
        codes = network.quantizer(network.encoder(one_hot(tokens)))
        features = network.context(codes.quantized, None)
        parts = [features.site[..., 0].numpy(), features.region[..., 0].numpy()]
        return np.concatenate(parts, axis=1).astype(np.float16)

    def of_windows(windows: Windows) -> np.ndarray:
        parts = [
            read(
                torch.from_numpy(
                    np.ascontiguousarray(recentre(windows.tokens[s : s + 256], length))
                )
            )
            for s in range(0, len(windows), 256)
        ]
        return np.concatenate(parts)

    FEATURES.mkdir(parents=True, exist_ok=True)
    held = {"valid": valid, **{f"study-{s.name}": s.valid for s in studies}}
    for name, windows in held.items():
        if not (FEATURES / f"{name}.npz").exists():
            np.savez(FEATURES / f"{name}.npz", x=of_windows(windows))
    for draw in range(DRAWS):
        path = FEATURES / f"train{draw}.npz"
        if path.exists():
            continue
        pooled = pool(train, studies)
        teacher = cached_teacher_logits(FEATURES, pooled, length, SEED)
        data = TrainingData.prepare(pooled, model.network, model.config, teacher)
        assert pooled.source is not None
        generator = torch.Generator().manual_seed(99 + draw)
        parts: list[dict[str, np.ndarray]] = []
        for rows in data.batch_rows(generator):
            batch = data.batch(rows, generator)
            assert batch.teacher_logits is not None
            assert batch.other_types is not None
            parts.append({
                "x": read(batch.tokens[: batch.size]),
                "labels": batch.labels[: batch.size].numpy(),
                "source": pooled.source[rows],
                "teacher": batch.teacher_logits.numpy(),
                "other": batch.other_types.numpy(),
            })  # fmt: skip
        np.savez(path, **{k: np.concatenate([part[k] for part in parts]) for k in parts[0]})  # type: ignore[arg-type]
    draws = [np.load(FEATURES / f"train{draw}.npz") for draw in range(DRAWS)]
    names = ("x", "labels", "source", "teacher", "other")
    arrays = [torch.from_numpy(np.concatenate([each[name] for each in draws])) for name in names]
    return Drawn(*arrays), {name: np.load(FEATURES / f"{name}.npz")["x"] for name in held}


def table() -> str:
    """Return the table of all ways."""
    lines = [
        "| training of the head | studies: mean AUROC | studies: lowest AUROC "
        "| benchmark: AUROC, mean of nine | benchmark: AUROC of m7G |",
        "|---|---|---|---|---|",
    ]
    for row in json.loads(KEPT.read_text(encoding="utf-8"))["rows"]:
        lines.append(
            f"| {row['title']} | {row['studies_mean']:.3f} | {row['studies_least']:.3f} "
            f"| {row['auroc']:.4f} | {row['m7G']:.3f} |"
        )
    return "\n".join(lines)


def main(data: Path) -> None:
    """Measure all ways and keep the results."""
    from vqrna.data.benchmark import load_benchmark
    from vqrna.data.studies import read_studies
    from vqrna.model import TrainedModel
    from vqrna.model.weights import load_model
    from vqrna.nn.head import TwoPartHead
    from vqrna.runtime.provenance import git_commit

    torch.set_num_threads(1)
    model = load_model(None, "cpu")
    assert isinstance(model, TrainedModel)
    types = model.modifications
    train_windows = load_benchmark(data, "train", types)
    valid, studies = load_benchmark(data, "valid", types), read_studies(data / "studies", types)
    drawn, features = read_features(model, train_windows, valid, studies)
    start = model.network.head
    assert isinstance(start, TwoPartHead)
    start.eval()
    none = Way("none", "none: the head to start from")
    rows = []
    for way in (none, *WAYS):
        head, heads = (start, StudyHeads(start, 1)) if way is none else train(start, drawn, way)
        values = scores(valid, studies, lambda name: predict(way, head, heads, features[name]))  # noqa: B023
        rows.append({"name": way.name, "title": way.title, **values})
        print(json.dumps(rows[-1]), flush=True)
    keep(KEPT, {"model": model.hash, "commit": git_commit(), "rows": rows})
    update("study heads")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies.heads", description=__doc__)
    parser.add_argument("data", type=Path, help="folder with train/, valid/ and studies/")
    main(parser.parse_args().data)
