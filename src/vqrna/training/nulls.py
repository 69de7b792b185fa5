"""After training: score unmodified positions, and set the thresholds of input flags.

The nulls are logits of unmodified positions in whole windows and in short sequences. The flags
compare input with the training windows.
"""

from __future__ import annotations

import dataclasses
from threading import Event
from typing import Any

import numpy as np
import torch

from vqrna.data.annotated import annotated
from vqrna.data.studies import overlaps_training
from vqrna.data.windows import Windows
from vqrna.model import TrainedModel, dense_codes
from vqrna.model.familiarity import (
    Familiarity,
    measure_windows,
    pair_counts,
    pair_evidence,
    unambiguous,
)
from vqrna.model.training_sketch import TrainingSketch
from vqrna.nn.dense import supports_dense
from vqrna.nn.encoder import TOKEN_STRIDE
from vqrna.runtime.progress import Bar, progress
from vqrna.runtime.threads import map_in_order, torch_jobs
from vqrna.sequence import AMBIGUOUS, centre, dinucleotide_shuffle, extents, recentre
from vqrna.stats.null_distribution import NullDistribution
from vqrna.stats.tiers import EDGE

WINDOWS, WINDOWS_NOT_DENSE = 6000, 40
"""Most windows for a null; fewer for networks that are evaluated window by window."""

_FLAG_TITLE = "flag ood (training, shuffled and validation windows)"

REGIONS = 3
"""Regions of each shuffled window: calls cluster in few windows of unusual composition."""


def with_nulls(
    model: TrainedModel, train: Windows, valid: Windows, *, show_progress: bool = True
) -> TrainedModel:
    """Measure the nulls of a model on validation windows.

    Off-site positions are those beside the central one that are annotated for no type in any of
    the windows, at least half a model's window (at most a quarter of theirs) from the ends;
    unannotated sites are among them. Cut nulls use regions of the same windows, from 51 nt to the
    model's length, each scored as a sequence of its own, without the `EDGE` nt at its ends. All
    windows are shuffled, since a shuffled window does not overlap a training window.

    Validation windows that overlap training windows are left out of the off-site nulls.
    """
    generator = np.random.default_rng(model.config.training.seed)
    fresh = valid.tokens[~overlaps_training(valid.tokens, train)]
    most = WINDOWS if model.scans_densely else WINDOWS_NOT_DENSE
    real = fresh[np.sort(generator.permutation(len(fresh))[:most])]
    known = annotated(real, train) | annotated(real, valid)
    known[:, centre(real.shape[1])] = True
    shuffled = valid.tokens[np.sort(generator.permutation(len(valid))[:most])]
    shuffled = np.stack([dinucleotide_shuffle(window, generator) for window in shuffled])
    material = {
        "off_site": real,
        "shuffled": shuffled,
        "off_site_cut": real,
        "shuffled_cut": np.repeat(shuffled, REGIONS, axis=0),
    }
    nulls: dict[str, Any] = {}
    total = sum(windows.size for windows in material.values())
    with progress(total, "nulls", unit="nt", show=show_progress) as bar:
        for name, windows in material.items():
            regions = _regions(model, windows, generator) if "cut" in name else None
            annotation = known if "off_site" in name else None
            nulls[name] = _null(model, windows, regions, annotation, bar)
    return dataclasses.replace(model, **nulls)


def _regions(
    model: TrainedModel, windows: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Draw a region of each window, of log-uniform length: (N, 2) start and stop."""
    length = windows.shape[1]
    shortest, longest = min(2 * EDGE + 1, length), min(model.length, length)
    extent = np.exp(generator.uniform(np.log(shortest), np.log(longest + 1), len(windows)))
    extent = extent.astype(int).clip(shortest, longest)
    start = (generator.random(len(windows)) * (length - extent + 1)).astype(int)
    return np.stack([start, start + extent], axis=1)


def _null(
    model: TrainedModel,
    windows: np.ndarray,
    regions: np.ndarray | None,
    known: np.ndarray | None,
    bar: Bar,
) -> tuple[NullDistribution, ...]:
    """Score the candidates in windows, or in regions of them, except for `known` sites."""
    length = windows.shape[1]
    margin = min(centre(model.length), length // 4)
    logits_by_type: list[list[np.ndarray]] = [[np.empty(0)] for _ in model.modifications]
    nt = 0

    def score(row: int, _: Event) -> tuple[list[np.ndarray], int]:
        start, stop = (0, length) if regions is None else regions[row]
        low, high = (margin, length - margin) if regions is None else (start + EDGE, stop - EDGE)
        wanted = np.ones(max(high - low, 0), dtype=bool)
        if known is not None:
            wanted &= ~known[row, low : max(low, high)]
        if not wanted.any():
            return [], 0
        shown = windows[row, start:stop]
        logits = model.scan(shown, low - start, high - start)
        candidates = [m.candidates(shown)[low - start : high - start] for m in model.modifications]
        scored = [logits[each & wanted, m] for m, each in enumerate(candidates)]
        return scored, int(wanted.sum())

    rows = range(len(windows))
    for _, (scored, count) in map_in_order(rows, score, torch_jobs(model.device)):
        for logits, own in zip(scored, logits_by_type, strict=False):
            own.append(logits)
        nt += count
        bar.advance(length)
    return tuple(NullDistribution.from_logits(np.concatenate(each), nt) for each in logits_by_type)


FAMILIARITY_WINDOWS = 12000
"""Most training windows from which the usual pairs of codes are counted.

Half as many are shuffled for comparison, every second one with its dinucleotides kept.
"""

FALSE_FLAGS = 0.01
"""Largest share of whole validation windows that is flagged as ood, half of it by each measure."""

SIZES = (0.125, 0.25, 0.5, 0.75, 1.0)
"""Shares of a window's tokens for which thresholds are set."""

_ENOUGH = 500
"""With fewer validation windows that overlap no training window, all are used for thresholds."""

_FEWEST = 8
"""Windows of fewer tokens are never flagged."""


def with_flags(
    model: TrainedModel, train: Windows, valid: Windows, *, show_progress: bool = True
) -> TrainedModel:
    """Measure what a model needs to flag input: familiar codes and a sketch of its training.

    Validation windows that overlap no training window set the thresholds of the flag ``ood``.
    Networks that are not evaluated densely get the sketch only.
    """
    model = dataclasses.replace(model, sketch=TrainingSketch.of(train.tokens))
    if not supports_dense(model.network):
        return model
    generator = np.random.default_rng(model.config.training.seed)
    order = generator.permutation(len(train))
    whole = extents(recentre(train.tokens, model.length))[order] == model.length
    if whole.any():  # windows of some studies are short, and have few pairs of codes
        order = order[whole]
    seen = recentre(train.tokens[order[:FAMILIARITY_WINDOWS]], model.length)
    some = np.ascontiguousarray(seen[: max(1, len(seen) // 2)])
    fresh = valid.tokens[~overlaps_training(valid.tokens, train)]
    held_out = recentre(fresh if len(fresh) >= _ENOUGH else valid.tokens, model.length)
    total = len(seen) + len(some) + len(held_out)
    with progress(total, _FLAG_TITLE, unit="windows", show=show_progress) as bar:
        usual = _pairs(model, seen, bar)
        shuffled = np.stack([_shuffled(window, i, generator) for i, window in enumerate(some)])
        evidence = pair_evidence(usual, _pairs(model, shuffled, bar))
        codes = _codes(model, held_out, bar)
    familiarity = thresholds(codes, held_out, evidence, generator)
    longest = max(int(extents(windows).max(initial=0)) for windows in (seen, held_out))
    tokens = longest - (model.length - codes.shape[1])
    if tokens > 0:  # flag all input that is longer than every window with letters
        fewest = familiarity.fewest_different.copy()
        fewest[familiarity.tokens > tokens] = len(familiarity.evidence) + 1
        familiarity = dataclasses.replace(familiarity, fewest_different=fewest)
    return dataclasses.replace(model, familiarity=familiarity)


def _shuffled(window: np.ndarray, number: int, generator: np.random.Generator) -> np.ndarray:
    """Shuffle a window, keeping the dinucleotides of every second one."""
    if number % 2:
        return dinucleotide_shuffle(window, generator)
    return generator.permutation(window)


def _codes(model: TrainedModel, windows: np.ndarray, bar: Bar) -> torch.Tensor:
    """Return the codes of windows at every position, (N, C)."""
    assert supports_dense(model.network)
    parts = []
    for start in range(0, len(windows), 256):
        parts.append(dense_codes(model.network, windows[start : start + 256]))
        bar.advance(len(parts[-1]))
    return torch.cat(parts).cpu()


def _pairs(model: TrainedModel, windows: np.ndarray, bar: Bar) -> torch.Tensor:
    """Count the pairs of codes in windows without ambiguous letters."""
    whole = windows[(windows != AMBIGUOUS).all(axis=1)]
    bar.advance(len(windows) - len(whole))
    size = model.config.model.codebook_size
    if not len(whole):
        return torch.zeros(size, size, dtype=torch.float64)
    return pair_counts(_codes(model, whole, bar), size)


def thresholds(
    codes: torch.Tensor, windows: np.ndarray, evidence: np.ndarray, generator: np.random.Generator
) -> Familiarity:
    """Set thresholds for windows and regions of them so that `FALSE_FLAGS` are flagged.

    Parameters
    ----------
    codes : torch.Tensor, shape (N, C), int64
        Codes of the windows at every position.
    windows : np.ndarray, shape (N, L), uint8
    evidence : np.ndarray, shape (K, K), int8
    generator : np.random.Generator
        For the choice of regions.
    """
    rows, extent = codes.shape
    reach = windows.shape[1] - extent + 1
    table = torch.from_numpy(evidence)
    letters = torch.from_numpy(np.ascontiguousarray(windows))
    seen = torch.stack([unambiguous(window, reach) for window in letters])
    sizes = np.unique([max(_FEWEST, round(extent * share)) for share in SIZES if extent >= _FEWEST])
    least, fewest = [], []
    for size in sizes.tolist():
        start = torch.from_numpy(generator.integers(0, extent - size + 1, (rows, 1)))
        region = start + torch.arange(size)
        # All in one row: each measured window of `size` tokens is one region
        part, bases = codes.gather(1, region).flatten(), seen.gather(1, region).flatten()
        values = measure_windows(part, bases, size, table)
        first = torch.arange(rows) * size
        first = first[values.tokens[first] == size]
        least.append(_lowest((values.evidence[first] / (size - TOKEN_STRIDE)).numpy()))
        fewest.append(_lowest(values.different[first].numpy()))
    return Familiarity(
        evidence,
        sizes.astype(np.int64),
        np.array(least, dtype=np.float64),
        np.array(fewest, dtype=np.int64),
    )


def _lowest(values: np.ndarray) -> float:
    """Return the value that half of `FALSE_FLAGS` of all values are below."""
    if not len(values):
        return 0.0
    return float(np.sort(values)[int(len(values) * FALSE_FLAGS / 2)])
