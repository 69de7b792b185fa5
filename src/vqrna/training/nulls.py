"""Measure how high unmodified positions score: in whole windows, and in short sequences.

After training: what tells input apart from the training windows, and what was among them.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from vqrna.data.annotated import annotated
from vqrna.data.overlap import overlapping
from vqrna.data.windows import Windows
from vqrna.model import TrainedModel, codes_of
from vqrna.model.familiarity import Familiarity, clear, evidence_of, measured, pair_counts
from vqrna.model.training_sketch import TrainingSketch
from vqrna.nn.dense import supports_dense
from vqrna.nn.encoder import TOKEN_STRIDE
from vqrna.runtime.progress import Bar, progress
from vqrna.sequence import AMBIGUOUS, centre, dinucleotide_shuffle, extents, recentre
from vqrna.stats.null_distribution import NullDistribution
from vqrna.stats.tiers import EDGE

WINDOWS, WINDOWS_NOT_DENSE = 6000, 40
"""Most windows for a null; fewer for networks that are evaluated window by window."""

STRETCHES = 3
"""So many stretches of each shuffled window: calls cluster in few windows of odd composition."""


def with_nulls(
    model: TrainedModel, train: Windows, valid: Windows, *, show_progress: bool = True
) -> TrainedModel:
    """Give a model the nulls that validation windows provide.

    Off-site positions are those beside the central one that are annotated for no type in any of
    the windows given, not within half a model's window (a quarter of theirs, at most) of the
    ends; real sites that nobody annotated are among them. Cut
    nulls are made of stretches of the same windows, from 51 nt to the model's length, each taken
    for a sequence of its own, without the `EDGE` nt at its ends. Shuffled are all windows: with
    their order gone, none of them overlaps a training window.

    Parameters
    ----------
    model : TrainedModel
    train : Windows
        Windows that overlap these have no part in the off-site nulls; their sites are known, too.
    valid : Windows
    show_progress : bool
    """
    generator = np.random.default_rng(model.config.training.seed)
    fresh = valid.tokens[~overlapping(valid.tokens, train.tokens)]
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
        "shuffled_cut": np.repeat(shuffled, STRETCHES, axis=0),
    }
    found = {}
    total = sum(windows.size for windows in material.values())
    with progress(total, "nulls", unit="nt", show=show_progress) as bar:
        for name, windows in material.items():
            stretches = _stretches(model, windows, generator) if "cut" in name else None
            found[name] = _null(model, windows, stretches, known if "off_site" in name else None)
            bar.advance(windows.size)
    return dataclasses.replace(
        model,
        off_site=found["off_site"],
        shuffled=found["shuffled"],
        off_site_cut=found["off_site_cut"],
        shuffled_cut=found["shuffled_cut"],
    )


def cut_windows(tokens: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Hide both flanks of windows from a random distance of `EDGE` nt or more on.

    Parameters
    ----------
    tokens : np.ndarray, shape (N, L), uint8
    generator : np.random.Generator

    Returns
    -------
    np.ndarray, shape (N, L), uint8
        A copy, ambiguous where hidden.
    """
    half = centre(tokens.shape[1])
    kept = generator.integers(min(EDGE, half), half + 1, (2, len(tokens), 1))
    offset = np.arange(tokens.shape[1]) - half
    return np.where((offset < -kept[0]) | (offset > kept[1]), np.uint8(AMBIGUOUS), tokens)


def _stretches(
    model: TrainedModel, windows: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Draw a stretch of each window, short ones as often as long ones: (N, 2) start and stop."""
    length = windows.shape[1]
    shortest, longest = min(2 * EDGE + 1, length), min(model.length, length)
    extent = np.exp(generator.uniform(np.log(shortest), np.log(longest + 1), len(windows)))
    extent = extent.astype(int).clip(shortest, longest)
    start = (generator.random(len(windows)) * (length - extent + 1)).astype(int)
    return np.stack([start, start + extent], axis=1)


def _null(
    model: TrainedModel,
    windows: np.ndarray,
    stretches: np.ndarray | None,
    known: np.ndarray | None,
) -> tuple[NullDistribution, ...]:
    """Score the candidates of windows, or of stretches of them, but not those that are `known`."""
    length = windows.shape[1]
    margin = min(centre(model.length), length // 4)
    found: list[list[np.ndarray]] = [[np.empty(0)] for _ in model.modifications]
    nt = 0
    for row, window in enumerate(windows):
        start, stop = (0, length) if stretches is None else stretches[row]
        low, high = (margin, length - margin) if stretches is None else (start + EDGE, stop - EDGE)
        wanted = np.ones(max(high - low, 0), dtype=bool)
        if known is not None:
            wanted &= ~known[row, low : max(low, high)]
        if not wanted.any():
            continue
        shown = window[start:stop]
        logits = model.scan(shown, low - start, high - start)
        for m, kind in enumerate(model.modifications):
            candidates = kind.candidates(shown)[low - start : high - start]
            found[m].append(logits[candidates & wanted, m])
        nt += int(wanted.sum())
    return tuple(NullDistribution.of(np.concatenate(each), nt) for each in found)


FAMILIARITY_WINDOWS = 12000
"""At most so many training windows tell which pairs of codes are usual, and half as many which
are in shuffled sequence: half of these with their dinucleotides kept."""

FALSE_FLAGS = 0.01
"""At most this share of whole validation windows is flagged as ood: half of it by either
measure."""

SIZES = (0.125, 0.25, 0.5, 0.75, 1.0)
"""Windows cut to these shares of their tokens have thresholds of their own."""

_ENOUGH = 500
"""With fewer validation windows that overlap no training window, all of them set thresholds."""

_FEWEST = 8
"""Windows of fewer tokens are not judged."""


def with_flags(
    model: TrainedModel, train: Windows, valid: Windows, *, show_progress: bool = True
) -> TrainedModel:
    """Give a model what it needs to flag input: familiar codes, and a sketch of its training.

    Networks that are not evaluated densely get the sketch alone.

    Parameters
    ----------
    model : TrainedModel
    train : Windows
    valid : Windows
        Those that overlap no training window set the thresholds of what is unlike.
    show_progress : bool
    """
    model = dataclasses.replace(model, sketch=TrainingSketch.of(train.tokens))
    if not supports_dense(model.network):
        return model
    generator = np.random.default_rng(model.config.training.seed)
    seen = recentre(
        train.tokens[generator.permutation(len(train))[:FAMILIARITY_WINDOWS]], model.length
    )
    some = np.ascontiguousarray(seen[: max(1, len(seen) // 2)])
    fresh = valid.tokens[~overlapping(valid.tokens, train.tokens)]
    held_out = recentre(fresh if len(fresh) >= _ENOUGH else valid.tokens, model.length)
    total = len(seen) + len(some) + len(held_out)
    with progress(total, "flags", unit="windows", show=show_progress) as bar:
        usual = _pairs(model, seen, bar)
        shuffled = np.stack([_shuffled(window, i, generator) for i, window in enumerate(some)])
        evidence = evidence_of(usual, _pairs(model, shuffled, bar))
        codes = _codes(model, held_out, bar)
    found = thresholds(codes, held_out, evidence, generator)
    longest = max(int(extents(windows).max(initial=0)) for windows in (seen, held_out))
    tokens = longest - (model.length - codes.shape[1])
    return dataclasses.replace(model, familiarity=_longer_unlike(found, tokens))


def _longer_unlike(found: Familiarity, tokens: int) -> Familiarity:
    """Flag whatever is of a size that no window of the training had, such as all but the short.

    Of windows without any letters nothing follows.
    """
    fewest = found.fewest_different.copy()
    if tokens > 0:
        fewest[found.tokens > tokens] = len(found.evidence) + 1  # more than there are
    return dataclasses.replace(found, fewest_different=fewest)


def _shuffled(window: np.ndarray, number: int, generator: np.random.Generator) -> np.ndarray:
    """Shuffle a window, every second one with its dinucleotides kept."""
    if number % 2:
        return dinucleotide_shuffle(window, generator)
    return generator.permutation(window)


def _codes(model: TrainedModel, windows: np.ndarray, bar: Bar) -> torch.Tensor:
    """Give the codes of windows at every position, (N, C)."""
    assert supports_dense(model.network)
    parts = []
    for start in range(0, len(windows), 256):
        parts.append(codes_of(model.network, windows[start : start + 256]))
        bar.advance(len(parts[-1]))
    return torch.cat(parts).cpu()


def _pairs(model: TrainedModel, windows: np.ndarray, bar: Bar) -> torch.Tensor:
    """Count the pairs of codes in windows without ambiguous letters (most have none)."""
    whole = windows[(windows != AMBIGUOUS).all(axis=1)]
    bar.advance(len(windows) - len(whole))
    size = model.config.model.codebook_size
    if not len(whole):
        return torch.zeros(size, size, dtype=torch.float64)
    return pair_counts(_codes(model, whole, bar), size)


def thresholds(
    codes: torch.Tensor, windows: np.ndarray, evidence: np.ndarray, generator: np.random.Generator
) -> Familiarity:
    """Set thresholds for whole windows, and for stretches of them, at `FALSE_FLAGS`.

    Parameters
    ----------
    codes : torch.Tensor, shape (N, C), int64
        Of windows, at every position.
    windows : np.ndarray, shape (N, L), uint8
    evidence : np.ndarray, shape (K, K), int8
    generator : np.random.Generator
        Draws the stretches.
    """
    rows, extent = codes.shape
    reach = windows.shape[1] - extent + 1
    table = torch.from_numpy(evidence)
    letters = torch.from_numpy(np.ascontiguousarray(windows))
    seen = torch.stack([clear(window, reach) for window in letters])
    sizes = np.unique([max(_FEWEST, round(extent * share)) for share in SIZES if extent >= _FEWEST])
    least, fewest = [], []
    for size in sizes.tolist():
        start = torch.from_numpy(generator.integers(0, extent - size + 1, (rows, 1)))
        stretch = start + torch.arange(size)
        # All in one row: what begins with a stretch ends with it, too
        part, bases = codes.gather(1, stretch).flatten(), seen.gather(1, stretch).flatten()
        found = measured(part, bases, size, table)
        at = torch.arange(rows) * size
        at = at[found.tokens[at] == size]
        least.append(_lowest((found.evidence[at] / (size - TOKEN_STRIDE)).numpy()))
        fewest.append(_lowest(found.different[at].numpy()))
    return Familiarity(
        evidence,
        sizes.astype(np.int64),
        np.array(least, dtype=np.float64),
        np.array(fewest, dtype=np.int64),
    )


def _lowest(values: np.ndarray) -> float:
    """Give the value below which no more than half of `FALSE_FLAGS` of all lie."""
    if not len(values):
        return 0.0
    return float(np.sort(values)[int(len(values) * FALSE_FLAGS / 2)])
